// Package delivery brings the events of trails to their buckets, as CloudTrail
// does: log files, and digest files that a signature chains. A bucket is a
// folder below the account's. The files are copies: the log has all that is in
// them, no decision waits for them, and trouble with one trail is told by its
// status and keeps no other from going on.
//
// Which messages a file is made of is written down before it is made, so who
// starts after a crash makes the same file under the same name: no event is
// lost, and none is in two files.
package delivery

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/query"
)

// Deliverer delivers for all trails. Its exported fields are set before use.
type Deliverer struct {
	Log     journal.Log
	World   func() *projections.World // as it is now, standing still
	Dir     string                    // of the accounts' folders
	Key     func() (seal.DigestKey, error)
	Region  string
	Every   time.Duration // between log files
	Digests time.Duration // between digest files
	Errors  *slog.Logger
	Clock   func() time.Time

	crash func(point string) // of tests

	mu     sync.Mutex
	states map[string]query.DeliveryState // guarded by mu; by account/trail

	kept map[string]*state           // what the files of states say, or are about to
	read map[chunk][]journal.Message // of this round: trails read the same
	size int
}

type chunk struct {
	stream journal.Stream
	after  uint64
}

var streams = []journal.Stream{journal.Identity, journal.Decisions}

const (
	fileBytes  = 8 << 20         // of records in one log file, before compression
	saveAfter  = 10_000          // messages without events of a trail, to be read again after a crash
	digestMost = 1000            // log files under one digest
	readMost   = 16 << 20        // kept of a round's reading
	settle     = 5 * time.Second // a request that began before a trail was stopped is written by then
	skew       = time.Minute     // the log's clock may be behind ours
)

// Run delivers until ctx ends. No trouble ends it earlier.
func (d *Deliverer) Run(ctx context.Context) error {
	tick := time.NewTicker(d.Every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			d.safely(ctx)
		}
	}
}

// safely is Round, of which no fault ends the server: the files are copies.
func (d *Deliverer) safely(ctx context.Context) {
	defer func() {
		if p := recover(); p != nil {
			d.Errors.Error("panic", "in", "the delivery of trails", "cause", p, "stack", string(debug.Stack()))
			d.kept = nil // what the files of states say is what is true
			d.tell("", "", fmt.Errorf("panic: %v", p))
		}
	}()
	d.Round(ctx)
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.states, "/")
}

// Round delivers once for every trail.
func (d *Deliverer) Round(ctx context.Context) {
	d.read, d.size = map[chunk][]journal.Message{}, 0
	w := d.World()
	seen := map[string]bool{}
	for _, a := range w.AccountsAfter("") {
		for i := range a.Trails {
			if t := &a.Trails[i]; !t.Started.IsZero() {
				seen[a.ID+"/"+t.Name] = true
				d.try(ctx, a.ID, t)
			}
		}
	}
	for _, name := range d.known() { // what was deleted is delivered to its end
		if account, trail, _ := strings.Cut(name, "/"); !seen[name] {
			d.finish(ctx, account, trail)
		}
	}
	d.read = nil
}

// known are the trails that have a state.
func (d *Deliverer) known() (names []string) {
	files, _ := filepath.Glob(filepath.Join(d.Dir, "*", ".state", "*.json")) // its pattern is right
	for _, f := range files {
		names = append(names, filepath.Base(filepath.Dir(filepath.Dir(f)))+"/"+strings.TrimSuffix(filepath.Base(f), ".json"))
	}
	return names
}

// finish delivers what a deleted trail still owes, and forgets it.
func (d *Deliverer) finish(ctx context.Context, account, trail string) {
	s, err := d.load(account, trail)
	if err == nil && s == nil {
		return
	}
	if err == nil {
		t := s.Trail
		if t.Logging {
			t.Logging, t.Stopped = false, d.Clock().UTC()
			s.Trail = t
			if err = d.save(account, trail, s); err != nil {
				d.tell(account, trail, err)
				return
			}
		}
		d.try(ctx, account, &t)
		s, err = d.load(account, trail)
	}
	if err == nil && s.Closed {
		delete(d.kept, account+"/"+trail)
		if err = os.Remove(d.file(account, trail)); err == nil {
			d.mu.Lock()
			defer d.mu.Unlock()
			delete(d.states, account+"/"+trail)
			return
		}
	}
	if err != nil {
		d.tell(account, trail, err)
	}
}

func (d *Deliverer) try(ctx context.Context, account string, t *projections.Trail) {
	err := d.deliver(ctx, account, t)
	if ctx.Err() == nil {
		d.tell(account, t.Name, err)
	}
}

// tell keeps what GetTrailStatus shows.
func (d *Deliverer) tell(account, trail string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.states == nil {
		d.states = map[string]query.DeliveryState{}
	}
	name := account + "/" + trail
	s := d.states[name]
	s.Attempted = d.Clock().UTC()
	problem := ""
	if err != nil {
		problem = err.Error()
	}
	var digest digestError
	was := s.Problem + s.DigestProblem
	if s.Problem, s.DigestProblem = problem, ""; errors.As(err, &digest) {
		s.Problem, s.DigestProblem = "", problem
	}
	if problem != "" && was == "" {
		d.Errors.Error("log files are not delivered", "account", account, "trail", trail, "cause", err)
	}
	d.states[name] = s
}

func (d *Deliverer) note(account, trail string, f func(*query.DeliveryState)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.states == nil {
		d.states = map[string]query.DeliveryState{}
	}
	s := d.states[account+"/"+trail]
	f(&s)
	d.states[account+"/"+trail] = s
}

// State implements query.Delivery.
func (d *Deliverer) State(account, trail string) query.DeliveryState {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.states[account+"/"+trail]
}

// Problem is the trouble of one of the trails that have any.
func (d *Deliverer) Problem() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range slices.Sorted(maps.Keys(d.states)) {
		if s := d.states[name]; s.Problem+s.DigestProblem != "" {
			return fmt.Errorf("trail %s: %s", name, s.Problem+s.DigestProblem)
		}
	}
	return nil
}

// position is how far a trail has come in each stream: all messages up to it
// are delivered.
type position map[journal.Stream]uint64

// state is what is kept of a trail between rounds.
type state struct {
	Trail   projections.Trail `json:"trail"` // as it was last delivered for; Started is Since
	Since   time.Time         `json:"since"` // when it was started, and not delivered to an end since
	At      position          `json:"at"`
	Pending *pendingFile      `json:"pending,omitempty"`
	Closed  bool              `json:"closed,omitempty"` // stopped, and delivered to the end

	Delivered time.Time `json:"delivered,omitzero"`
	Digested  time.Time `json:"digested,omitzero"`

	// With digests:
	From      position       `json:"from"`            // where the next one begins
	Files     []digestLog    `json:"files,omitempty"` // that it will name
	Last      *lastDigest    `json:"last,omitempty"`
	PendingAt *pendingDigest `json:"pendingDigest,omitempty"`

	saved uint64 // sum, as the file has it
}

// pendingFile is a log file being written.
type pendingFile struct {
	Bucket string   `json:"bucket"`
	Key    string   `json:"key"`
	To     position `json:"to"`
}

func (d *Deliverer) file(account, trail string) string {
	return filepath.Join(d.Dir, account, ".state", trail+".json")
}

func (d *Deliverer) load(account, trail string) (*state, error) {
	if s, ok := d.kept[account+"/"+trail]; ok {
		return s, nil
	}
	b, err := os.ReadFile(d.file(account, trail))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := &state{}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("%s does not read: %w", d.file(account, trail), err)
	}
	s.saved = s.sum()
	d.keep(account, trail, s)
	return s, nil
}

func (d *Deliverer) keep(account, trail string, s *state) {
	if d.kept == nil {
		d.kept = map[string]*state{}
	}
	d.kept[account+"/"+trail] = s
}

func (d *Deliverer) save(account, trail string, s *state) error {
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err = writeFile(d.file(account, trail), b); err == nil {
		s.saved = s.sum()
	}
	return err
}

// sum tells how far a trail has come in all.
func (s *state) sum() (n uint64) {
	for _, at := range s.At {
		n += at
	}
	return n
}

// deliver brings one trail to the end of the log.
func (d *Deliverer) deliver(ctx context.Context, account string, t *projections.Trail) error {
	s, err := d.load(account, t.Name)
	if err != nil {
		return err
	}
	fresh := s == nil || !s.Trail.Created.Equal(t.Created) // a trail of that name may have been deleted
	if fresh || s.Closed && t.Started.After(s.Trail.Stopped) {
		at, err := d.begin(ctx, t.Started.Add(-skew))
		if err != nil {
			return err
		}
		if fresh {
			s = &state{}
			d.keep(account, t.Name, s)
		}
		if s.Closed, s.Since, s.At = false, t.Started, at; s.Last == nil {
			s.From = maps.Clone(at) // else it goes on where the last digest ended: nothing was to be delivered since
		}
	}
	if s.Closed {
		return nil
	}
	if !s.Trail.Validate && t.Validate { // a new chain
		s.Last, s.Files, s.From = nil, nil, maps.Clone(s.At)
	}
	as := func() { s.Trail, s.Trail.Started = *t, s.Since }
	if s.Pending == nil { // a file that was begun is finished as it was begun
		as()
	}
	d.note(account, t.Name, func(n *query.DeliveryState) { n.Delivered, n.Digested = s.Delivered, s.Digested })
	if err := os.MkdirAll(d.bucket(account, t.Bucket), 0o700); err != nil {
		return err
	}
	now := d.Clock().UTC()
	for more := true; more; as() {
		if more, err = d.logFile(ctx, account, s); err != nil {
			return err
		}
	}
	done := !t.Logging && now.After(t.Stopped.Add(settle))
	if !t.Validate {
		s.Last, s.Files, s.PendingAt = nil, nil, nil
	}
	if t.Validate {
		due := now.Sub(s.begins()) >= d.Digests || len(s.Files) >= digestMost
		begun := s.PendingAt != nil
		if err = d.digest(account, s, due || done); err == nil && begun {
			err = d.digest(account, s, done)
		}
		if err != nil {
			return digestError{err}
		}
		done = done && len(s.Files) == 0 && maps.Equal(s.From, s.At) // else the last digest is yet to come
	}
	s.Closed = done
	if s.Closed || fresh || s.sum()-s.saved > saveAfter {
		return d.save(account, t.Name, s)
	}
	return nil
}

// begin finds where the log was at a time.
func (d *Deliverer) begin(ctx context.Context, at time.Time) (position, error) {
	p := position{}
	for _, name := range streams {
		end, err := d.Log.End(ctx, name)
		if err != nil {
			return nil, err
		}
		low, high := uint64(0), end // messages up to low were stored before
		for low < high {
			middle := low + (high-low)/2
			m, err := d.Log.Read(ctx, name, middle, 1)
			if err != nil {
				return nil, err
			}
			if len(m) == 0 || !m[0].Stored.Before(at) {
				high = middle
			} else {
				low = middle + 1
			}
		}
		p[name] = low
	}
	return p, nil
}

// logFile writes the next log file of a trail, if there is anything for one,
// and says whether there may be more.
func (d *Deliverer) logFile(ctx context.Context, account string, s *state) (more bool, err error) {
	to := position{}
	begun := s.Pending != nil
	if begun {
		to = s.Pending.To
	} else {
		for _, name := range streams {
			if to[name], err = d.Log.End(ctx, name); err != nil {
				return false, err
			}
		}
	}
	records, reached, full, err := d.collect(ctx, account, s, to)
	if err != nil {
		return false, err
	}
	if len(records.list) == 0 {
		s.At, s.Pending = reached, nil
		return full, nil
	}
	t := &s.Trail
	if s.Pending == nil {
		s.Pending = &pendingFile{Bucket: t.Bucket, Key: d.logKey(account, t, s.At, d.Clock().UTC()), To: reached}
		if err := d.save(account, t.Name, s); err != nil {
			return false, err
		}
	}
	d.point("pending")
	raw := records.bytes()
	if err := d.put(account, s.Pending.Bucket, s.Pending.Key, raw, nil); err != nil {
		return false, err
	}
	d.point("written")
	if t.Validate {
		sum := sha256.Sum256(raw)
		s.Files = append(s.Files, digestLog{s.Pending.Bucket, s.Pending.Key, hex.EncodeToString(sum[:]), hashAlgorithm, stamp(records.newest), stamp(records.oldest)})
	}
	s.At, s.Pending, s.Delivered = s.Pending.To, nil, d.Clock().UTC()
	if err := d.save(account, t.Name, s); err != nil {
		return false, err
	}
	d.point("noted")
	d.note(account, t.Name, func(n *query.DeliveryState) { n.Delivered = s.Delivered })
	return full || begun, nil // behind a file that was begun there is what came since
}

func (d *Deliverer) point(name string) {
	if d.crash != nil {
		d.crash(name)
	}
}

// records are what a log file holds.
type records struct {
	list           [][]byte
	size           int
	newest, oldest time.Time
}

func (r *records) bytes() []byte {
	return append(append([]byte(`{"Records":[`), bytes.Join(r.list, []byte{','})...), "]}"...)
}

// collect reads the records of a trail up to a position, or to where a file is
// full. Both streams are read to their ends in turn, so where it stops depends
// on nothing but the log.
func (d *Deliverer) collect(ctx context.Context, account string, s *state, to position) (r records, reached position, full bool, err error) {
	reached = maps.Clone(s.At)
	for _, name := range streams {
		for reached[name] < to[name] && !full {
			messages, err := d.messages(ctx, name, reached[name])
			if err != nil {
				return r, reached, false, err
			}
			if len(messages) == 0 {
				return r, reached, false, fmt.Errorf("%w: %s ends at %d, before %d", journal.ErrDamaged, name, reached[name], to[name])
			}
			for _, m := range messages {
				if m.Seq > to[name] || full {
					break
				}
				if err := events.Each(m.Body, func(_ int, e events.Raw) error { return r.add(account, d.Region, &s.Trail, e) }); err != nil {
					return r, reached, false, err
				}
				reached[name] = m.Seq
				full = r.size >= fileBytes
			}
		}
	}
	return r, reached, full, nil
}

func (r *records) add(account, region string, t *projections.Trail, e events.Raw) error {
	if e.Type != events.RecordType || e.Account != account {
		return nil
	}
	var rec struct {
		AWSRegion, EventSource, EventCategory string
		ReadOnly                              bool
	}
	if err := json.Unmarshal(e.Data, &rec); err != nil {
		return err
	}
	if !t.Delivers(region, &projections.TrailEvent{Time: e.Time, Region: rec.AWSRegion, Source: rec.EventSource, Category: rec.EventCategory, ReadOnly: rec.ReadOnly}) {
		return nil
	}
	r.list = append(r.list, bytes.Clone(e.Data))
	r.size += len(e.Data)
	if r.newest.IsZero() || e.Time.After(r.newest) {
		r.newest = e.Time
	}
	if r.oldest.IsZero() || e.Time.Before(r.oldest) {
		r.oldest = e.Time
	}
	return nil
}

// messages reads a part of a stream; other trails of the round read the same.
func (d *Deliverer) messages(ctx context.Context, name journal.Stream, after uint64) ([]journal.Message, error) {
	at := chunk{name, after}
	if m, ok := d.read[at]; ok {
		return m, nil
	}
	m, err := d.Log.Read(ctx, name, after, 1000)
	if err != nil {
		return nil, err
	}
	for i := range m {
		d.size += len(m[i].Body)
	}
	if d.size <= readMost {
		d.read[at] = m
	}
	return m, nil
}

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

// logKey names a log file. What stands for chance is made of where the file
// begins: no two files begin at one place.
func (d *Deliverer) logKey(account string, t *projections.Trail, at position, now time.Time) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d/%d/%d", account, t.Name, t.Created.UnixNano(), at[journal.Identity], at[journal.Decisions]))
	unique := make([]byte, 16)
	for i := range unique {
		unique[i] = letters[int(sum[i])%len(letters)]
	}
	return key(t.Prefix, account, "CloudTrail", d.Region, now) + fmt.Sprintf("%s_CloudTrail_%s_%s_%s.json.gz", account, d.Region, now.Format("20060102T1504Z"), unique)
}

// key is the folder of a day.
func key(prefix, account, kind, region string, day time.Time) string {
	if prefix != "" {
		prefix += "/"
	}
	return prefix + "AWSLogs/" + account + "/" + kind + "/" + region + "/" + day.Format("2006/01/02") + "/"
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }

func (d *Deliverer) bucket(account, name string) string { return filepath.Join(d.Dir, account, name) }

// put writes a file, compressed, whole or not at all; with metadata beside it.
func (d *Deliverer) put(account, bucket, key string, raw []byte, metadata map[string]string) error {
	name := filepath.Join(d.bucket(account, bucket), filepath.FromSlash(key))
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(raw); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	if metadata != nil {
		text, err := json.Marshal(metadata)
		if err == nil {
			err = writeFile(name+metadataSuffix, text)
		}
		if err != nil {
			return err
		}
	}
	return writeFile(name, b.Bytes())
}

// metadataSuffix ends the file that stands for an object's metadata.
const metadataSuffix = ".metadata"

// writeFile writes a file durably under its name, or not at all.
func writeFile(path string, b []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	in, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer in.Close()
	return in.Sync()
}
