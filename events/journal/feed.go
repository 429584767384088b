package journal

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	feedBytes = 64 << 20        // window kept in memory
	feedDedup = 5 * time.Second // nodes derive the same events within moments; ids cost memory
)

// openFeed makes the live view: one CloudEvent per message, derived from the
// truths, kept in memory for a bounded window. Losing it loses nothing.
func (c *connection) openFeed(ctx context.Context) error {
	_, err := c.js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: "FEED", Description: "Keytrail: a view of the truths, one event per message",
		Subjects: []string{"feed.>"}, Storage: jetstream.MemoryStorage, Discard: jetstream.DiscardOld,
		MaxBytes: feedBytes, Duplicates: feedDedup, AllowDirect: true,
	})
	if err != nil {
		return fmt.Errorf("journal: stream FEED: %w", err)
	}
	return nil
}

// Feed publishes events to the view and returns when the server has read them.
// Nobody waits for their storing: an acknowledgement for each would cost more
// than the event, and a gap is seen by the positions. An event whose id was
// published within the last seconds, by another node say, is taken once.
func (n *NATS) Feed(ctx context.Context, events []FeedEvent) error {
	nc := n.conn.Load().nc
	for _, e := range events {
		if err := nc.PublishMsg(&nats.Msg{
			Subject: "feed." + e.Subject,
			Header:  nats.Header{"Content-Type": {"application/cloudevents+json"}, "Keytrail-Position": {e.Position}, jetstream.MsgIDHeader: {e.ID}},
			Data:    e.Body,
		}); err != nil {
			return fmt.Errorf("journal: feed: %w", err)
		}
	}
	if err := nc.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("journal: feed: %w", err)
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
