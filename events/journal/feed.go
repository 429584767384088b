package journal

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const feedBytes = 64 << 20 // window kept in memory

// openFeed makes the live view: one CloudEvent per message, derived from the
// truths, kept in memory for a bounded window. Losing it loses nothing.
func (c *connection) openFeed(ctx context.Context) error {
	_, err := c.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: "FEED", Description: "Keytrail: a view of the truths, one event per message",
		Subjects: []string{"feed.>"}, Storage: jetstream.MemoryStorage, Discard: jetstream.DiscardOld,
		MaxBytes: feedBytes, Duplicates: dedupWindow, AllowDirect: true,
	})
	if err != nil {
		return fmt.Errorf("journal: stream FEED: %w", err)
	}
	return nil
}

// Feed publishes events to the view, without waiting for each: it returns when
// all of them were taken. An event whose id was published within the last two
// minutes is taken once.
func (n *NATS) Feed(ctx context.Context, events []FeedEvent) error {
	js := n.conn.Load().js
	var acks []jetstream.PubAckFuture
	for _, e := range events {
		ack, err := js.PublishMsgAsync(&nats.Msg{
			Subject: "feed." + e.Subject,
			Header:  nats.Header{"Content-Type": {"application/cloudevents+json"}, "Keytrail-Position": {e.Position}},
			Data:    e.Body,
		}, jetstream.WithMsgID(e.ID))
		if err != nil {
			return fmt.Errorf("journal: feed: %w", err)
		}
		acks = append(acks, ack)
	}
	for _, a := range acks {
		select {
		case <-a.Ok():
		case err := <-a.Err():
			return fmt.Errorf("journal: feed: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// FeedEvent is one message of FEED.
type FeedEvent struct {
	Subject  string // <account>.<service>.<action>.<allow|deny|fact>
	ID       string // of the event
	Position string // IDENTITY/42/0: where in the truths it stands, for who comes back later
	Body     []byte // application/cloudevents+json
}
