package journal

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ReadAll yields the messages after sequence after in pages, in order and
// without gaps, to sequence upTo or, if it is 0, to the end of the log. A page
// is the caller's. The last page may be followed by an error, and nothing
// comes after one.
//
// It reads what Read would, some three times cheaper: for a direct get the
// server copies the headers of a message once for each of six that it adds,
// which a consumer's message has in its reply subject. So the bulk comes
// through a consumer of its own; whatever is irregular there ends it, and what
// is left is read by Read, whose word counts.
func ReadAll(ctx context.Context, log Log, s Stream, after, upTo uint64) iter.Seq2[[]Message, error] {
	return func(yield func([]Message, error) bool) {
		if n, ok := log.(*NATS); ok {
			end, _ := n.End(ctx, s) // if it can't be told, Read says why
			if upTo != 0 {
				end = min(end, upTo)
			}
			for page := range n.stream(ctx, s, after, end) {
				if after = page[len(page)-1].Seq; !yield(page, nil) {
					return
				}
			}
		}
		for upTo == 0 || after < upTo {
			limit := readMost
			if upTo != 0 {
				limit = int(min(uint64(limit), upTo-after))
			}
			page, err := log.Read(ctx, s, after, limit)
			if err != nil {
				yield(nil, err)
				return
			}
			if len(page) == 0 || !yield(page, nil) {
				return
			}
			after = page[len(page)-1].Seq
		}
	}
}

const (
	streamLeast = 4 * readMost    // for fewer messages no consumer is made
	streamStall = 5 * time.Second // without a message: Read is asked what is there
)

// stream yields messages up to sequence end as a push consumer brings them, or
// fewer. The server waits for who is slow: it sends at most 32 MiB ahead.
func (n *NATS) stream(ctx context.Context, s Stream, after, end uint64) iter.Seq[[]Message] {
	return func(yield func([]Message) bool) {
		if end < after+streamLeast {
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		c := n.conn.Load()
		pages := make(chan []Message, 2)
		// Below, what only the subscription's goroutine uses.
		var page []Message
		at, count, size := after, uint64(0), 0
		inbox := c.nc.NewInbox()
		sub, err := c.nc.Subscribe(inbox, func(msg *nats.Msg) {
			if ctx.Err() != nil || at == end {
				return
			}
			if msg.Header.Get("Status") != "" {
				flow(c.nc, msg)
				return
			}
			m, nth, err := pushed(msg)
			if err != nil || m.Seq != at+1 || nth != count+1 {
				cancel()
				return
			}
			if page == nil {
				page = make([]Message, 0, min(readMost, end-at))
			}
			page = append(page, m)
			at, count, size = m.Seq, nth, size+len(m.Body)
			if len(page) == cap(page) || size >= readBytes {
				select {
				case pages <- page:
				case <-ctx.Done():
				}
				page, size = nil, 0
			}
			if at == end {
				close(pages)
			}
		})
		if err != nil {
			return
		}
		defer sub.Unsubscribe()
		sub.SetPendingLimits(-1, -1) // flow control holds
		consumer, err := c.js.CreatePushConsumer(ctx, string(s), jetstream.ConsumerConfig{
			DeliverSubject: inbox, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: after + 1,
			AckPolicy: jetstream.AckNonePolicy, MemoryStorage: true, Replicas: 1, FlowControl: true, IdleHeartbeat: time.Second,
			InactiveThreshold: time.Minute,
		})
		if err != nil {
			return
		}
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_ = c.js.DeleteConsumer(ctx, string(s), consumer.CachedInfo().Name) // or the server does, after a minute
		}()
		stall := time.NewTimer(streamStall)
		defer stall.Stop()
		for {
			select {
			case page, more := <-pages:
				if !more || !yield(page) {
					return
				}
				stall.Reset(streamStall)
			case <-stall.C:
				return
			case <-ctx.Done():
				return
			}
		}
	}
}

// flow answers the server's question whether what it sent has been taken.
func flow(nc *nats.Conn, msg *nats.Msg) {
	reply := msg.Reply
	if reply == "" {
		reply = msg.Header.Get("Nats-Consumer-Stalled")
	}
	if reply != "" {
		_ = nc.Publish(reply, nil)
	}
}

// pushed reads a message as a consumer gets it, and its place in what the
// consumer got.
func pushed(msg *nats.Msg) (m Message, count uint64, err error) {
	// $JS.ACK.stream.consumer.deliveries.sequence.count.nanoseconds.pending,
	// with domain and account before the stream where there are such.
	var tail [11]string
	f := tail[:0]
	for part := range strings.SplitSeq(msg.Reply, ".") {
		if len(f) == cap(f) {
			break // a later server's
		}
		f = append(f, part)
	}
	at := 5
	if len(f) == cap(f) {
		at = 7
	} else if len(f) != 9 {
		return m, 0, fmt.Errorf("journal: not a message of a consumer: %q", msg.Reply)
	}
	var at1, at2, at3 error
	var stored int64
	m.Seq, at1 = strconv.ParseUint(f[at], 10, 64)
	count, at2 = strconv.ParseUint(f[at+1], 10, 64)
	stored, at3 = strconv.ParseInt(f[at+2], 10, 64)
	if err := errors.Join(at1, at2, at3); err != nil {
		return m, 0, fmt.Errorf("journal: not a message of a consumer: %w", err)
	}
	m.Stored = time.Unix(0, stored).UTC()
	m.Body = msg.Data
	m.ID = msg.Header.Get(jetstream.MsgIDHeader)
	_, m.Key, _ = strings.Cut(msg.Subject, ".")
	if m.Link, err = ParseHash(msg.Header.Get(linkHeader)); err != nil {
		err = fmt.Errorf("%w: sequence %d has no link", ErrDamaged, m.Seq)
	}
	return m, count, err
}
