package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/keytrail/keytrail/audit/delivery"
	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/query"
)

// delivered says which delivered files to verify.
type delivered struct {
	dir, account, bucket string
	within               time.Duration
}

// late is a record that a digest should cover by now, if its trail delivers it.
type late struct {
	event  projections.TrailEvent
	stream journal.Stream
	seq    uint64
}

const lateMost = 100_000 // looked at: enough to say that there are some

// verifyDelivered holds a bucket's folder against the log, and the log against
// its signed checkpoints. So it finds what the files alone can't tell: that the
// newest digest was removed with its logs, or all of them were.
func verifyDelivered(ctx context.Context, log journal.Log, state *query.GetStateOutput, key string, v *delivered, o string) error {
	dir, err := filepath.Abs(v.dir)
	if err != nil {
		return failure{exitReach, err}
	}
	if v.bucket == "" {
		v.bucket = filepath.Base(dir)
	}
	if v.account == "" {
		v.account = filepath.Base(filepath.Dir(dir))
	}
	if len(v.account) != 12 {
		return failure{exitUsage, errors.New("--trail needs --account: the folder above is not named by an account")}
	}
	if len(state.DigestKeys) == 0 {
		return failure{exitReach, errors.New("the server names no key of digests: it delivers no log files (--trails off)")}
	}
	files, err := delivery.ReadDelivered(dir, v.account, v.bucket, state.DigestKeys)
	if err != nil {
		return failure{exitReach, err}
	}
	problems := files.Problems
	deadline := time.Now().Add(-v.within)
	world := &projections.World{}
	var lates []late
	found := len(files.Events)
	look := func(s journal.Stream, m *journal.Message) error {
		return events.Each(m.Body, func(_ int, e events.Raw) error {
			if e.Type != events.RecordType || e.Account != v.account {
				return nil
			}
			if f, ok := files.Events[e.ID]; ok {
				if sha256.Sum256(e.Data) != f.Sum {
					problems = append(problems, fmt.Sprintf("%s: event %s is not what the log says", f.File, e.ID))
				}
				if files.Unnamed(f) && covered(files, s, m.Seq) {
					problems = append(problems, fmt.Sprintf("%s: holds event %s, which the digests cover, but no digest names the file", f.File, e.ID))
				}
				delete(files.Events, e.ID)
			}
			if e.Time.After(deadline) || len(lates) == lateMost || covered(files, s, m.Seq) {
				return nil
			}
			var r events.Record
			if err := json.Unmarshal(e.Data, &r); err != nil {
				return err
			}
			lates = append(lates, late{projections.TrailEvent{Time: e.Time, Region: r.AWSRegion, Source: r.EventSource, Category: r.EventCategory, ReadOnly: r.ReadOnly}, s, m.Seq})
			return nil
		})
	}
	for _, s := range []journal.Stream{journal.Identity, journal.Decisions} {
		next := readAll(ctx, log, s)
		_, err := prove(s, []byte(state.Checkpoints[string(s)]), key, func() ([]journal.Message, error) {
			messages, err := next()
			for i := range messages {
				m := &messages[i]
				if s == journal.Identity {
					u, err := events.DecodeUnit(m.Seq, m.Key, m.Body)
					if err != nil {
						return nil, err
					}
					world.Apply(u)
				}
				if err := look(s, m); err != nil {
					return nil, err
				}
			}
			return messages, err
		}, nil)
		if err != nil {
			return damage(err)
		}
	}
	for id, f := range files.Events {
		problems = append(problems, fmt.Sprintf("%s: event %s is not in the log", f.File, id))
	}
	a, ok := world.Account(v.account)
	if !ok {
		return failure{exitUsage, fmt.Errorf("there is no account %s", v.account)}
	}
	held := 0
	for i := range a.Trails {
		t := &a.Trails[i]
		if t.Bucket != v.bucket || !t.Validate || t.Started.IsZero() {
			continue
		}
		held++
		c := files.Trails[t.Name]
		for _, l := range lates {
			if (c == nil || !c.Covered(l.stream, l.seq)) && t.Delivers(state.Region, &l.event) {
				problems = append(problems, fmt.Sprintf("trail %s: no digest covers its event of %s (%s %d): the newest digest files are missing, or were never delivered",
					t.Name, l.event.Time.Format(time.RFC3339), l.stream, l.seq))
				break
			}
		}
	}
	if held == 0 && len(files.Trails) == 0 {
		problems = append(problems, "no trail delivers here with validation, and there are no digest files: nothing is proved")
	}
	slices.Sort(problems)
	digests := 0
	for _, c := range files.Trails {
		digests += c.Digests
	}
	if o == asJSON {
		if problems == nil {
			problems = []string{}
		}
		if err := printJSON(map[string]any{"Digests": digests, "Logs": files.Logs, "Events": found, "Problems": problems}); err != nil {
			return err
		}
	} else {
		for _, p := range problems {
			fmt.Println(plain(p))
		}
		fmt.Printf("%s  %d digest files, %d log files, %d events\n", v.bucket, digests, files.Logs, found)
	}
	if len(problems) > 0 {
		return no("the delivered files are not what the log says, in %d places", len(problems))
	}
	return nil
}

// covered says whether every trail of the folder covers a message.
func covered(files *delivery.Delivered, s journal.Stream, seq uint64) bool {
	for _, c := range files.Trails {
		if !c.Covered(s, seq) {
			return false
		}
	}
	return len(files.Trails) > 0
}
