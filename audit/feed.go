package audit

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
)

// Feed derives the live view from the truths: each event on
// feed.<account>.<service>.<action>.<allow|deny|fact>. It is a view: when it
// can't keep up it leaves a gap, which a subscriber sees by the position that
// each message carries and fills from the truths.
type Feed struct {
	log   *journal.NATS
	queue chan fed
}

type fed struct {
	stream journal.Stream
	m      journal.Message
}

const feedQueue = 1024 // messages of the truths waiting to be derived

// NewFeed makes the feed of a log.
func NewFeed(log *journal.NATS) *Feed { return &Feed{log: log, queue: make(chan fed, feedQueue)} }

// Offer returns the ear for a stream's messages. It never waits.
func (f *Feed) Offer(s journal.Stream) func(journal.Message) {
	return func(m journal.Message) {
		m.Body = bytes.Clone(m.Body) // its writer goes on with it
		select {
		case f.queue <- fed{s, m}:
		default:
		}
	}
}

// Run derives until ctx ends.
func (f *Feed) Run(ctx context.Context) error {
	for {
		var next fed
		select {
		case next = <-f.queue:
		case <-ctx.Done():
			return nil
		}
		view, err := feedOf(next.stream, &next.m)
		if err == nil {
			publish, cancel := context.WithTimeout(ctx, 2*time.Second)
			err = f.log.Feed(publish, view)
			cancel()
		}
		if err != nil && ctx.Err() == nil {
			slog.Warn("the feed has a gap; the truths have none", "stream", next.stream, "sequence", next.m.Seq, "cause", err)
		}
	}
}

// feedOf derives the messages of FEED from one message of a truth. A unit's
// facts go by the action that made them.
func feedOf(s journal.Stream, m *journal.Message) (view []journal.FeedEvent, err error) {
	subject := ""
	err = events.Each(m.Body, func(i int, e events.Raw) error {
		kind := "fact"
		if e.Type == events.RecordType {
			r, err := e.Gist()
			if err != nil {
				return err
			}
			kind = "deny"
			if r.Effect == "Allow" {
				kind = "allow"
			}
			subject = e.Account + "." + r.Service + "." + r.Name
		}
		view = append(view, journal.FeedEvent{
			Subject: subject + "." + kind, ID: e.ID, Position: fmt.Sprintf("%s/%d/%d", s, m.Seq, i), Body: e.Bytes,
		})
		return nil
	})
	return view, err
}
