package journal

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// NATS is the Log in JetStream: in a server of our own inside this process
// (Embedded) or in one found by URL (Dial). Closing ends both.
type NATS struct {
	conn        atomic.Pointer[connection]
	acked       [2]atomic.Uint64 // highest sequence acknowledged, of IDENTITY and DECISIONS
	wound       *wound           // of the embedded server, or nil
	stopMending func()           // or nil
	door        *Door            // of the embedded server, or nil

	mu    sync.Mutex
	wakes map[Stream]map[chan struct{}]bool // guarded by mu: who waits for news of a stream
}

// connection is what goes when an embedded server is put in place of another.
type connection struct {
	nc       *nats.Conn
	js       jetstream.JetStream
	marks    jetstream.KeyValue
	shutdown func() // of the embedded server, or nil
	feedURL  string // where the door is, or ""
}

func (c *connection) close() {
	c.nc.Close()
	if c.shutdown != nil {
		c.shutdown()
	}
}

const (
	linkHeader  = "Keytrail-Link"
	appendLimit = time.Second // an append that takes longer is refused (security.md §3)
	readBytes   = 4 << 20     // bound on one Read
	readMost    = 1000        // messages of one Read
	patience    = time.Minute // for what a server that recovers a long stream says of it
	dedupWindow = 2 * time.Minute
)

// clientOptions are those of every connection of ours. Each Read makes a queue
// for its answer; by default that is half a megabyte.
func clientOptions() []nats.Option {
	return []nats.Option{nats.Name("keytrail"), nats.MaxReconnects(-1), nats.SyncQueueLen(readMost + 16)}
}

// subject of a stream's key: identity.111122223333, decisions.node1.
func subject(s Stream, key string) string { return strings.ToLower(string(s)) + "." + key }

// Dial uses the JetStream at url. The caller answers for its sync_interval
// being "always": a client cannot see it.
func Dial(ctx context.Context, url string, replicas int, opts ...nats.Option) (*NATS, error) {
	nc, err := nats.Connect(url, append(clientOptions(), opts...)...)
	if err != nil {
		return nil, fmt.Errorf("journal: NATS at %s: %w", url, err)
	}
	n := newNATS()
	c, err := n.connect(ctx, nc, replicas, func(Stream) error { return nil })
	if err != nil {
		nc.Close()
		return nil, err
	}
	n.conn.Store(c)
	return n, nil
}

func newNATS() *NATS {
	return &NATS{wakes: map[Stream]map[chan struct{}]bool{Identity: {}, Decisions: {}}}
}

// connect opens all streams by a connection, making those that do not exist
// unless missing has an objection.
func (n *NATS) connect(ctx context.Context, nc *nats.Conn, replicas int, missing func(Stream) error) (*connection, error) {
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncTimeout(appendLimit))
	if err != nil {
		return nil, err
	}
	c := &connection{nc: nc, js: js}
	for _, s := range []Stream{Identity, Decisions} {
		if err := n.openStream(ctx, c, s, replicas, missing); err != nil {
			return nil, err
		}
	}
	c.marks, err = js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: "MARKS", Description: "positions of readers", Storage: jetstream.FileStorage, Replicas: replicas, History: 1,
	})
	if err != nil {
		return nil, fmt.Errorf("journal: marks: %w", err)
	}
	if err := c.openFeed(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

// openStream makes the stream or takes the one there is, if it is what we would
// have made: nothing deletable, nothing limited, nothing missing.
func (n *NATS) openStream(ctx context.Context, conn *connection, s Stream, replicas int, missing func(Stream) error) error {
	low := strings.ToLower(string(s))
	st, err := conn.js.Stream(ctx, string(s))
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		if err := missing(s); err != nil {
			return err
		}
		c := jetstream.StreamConfig{
			Name: string(s), Description: "Keytrail: a truth. Nothing in it is ever changed or deleted.",
			Subjects: []string{low + ".*"}, Storage: jetstream.FileStorage, Compression: jetstream.S2Compression,
			Discard: jetstream.DiscardNew, DenyDelete: true, DenyPurge: true, Replicas: replicas,
			MaxMsgs: -1, MaxBytes: -1, MaxMsgSize: -1, Duplicates: dedupWindow, AllowDirect: true,
		}
		if n.wound == nil { // others write to it, too
			c.RePublish = &jetstream.RePublish{Source: low + ".>", Destination: "wake." + low + ".>", HeadersOnly: true}
		}
		st, err = conn.js.CreateStream(ctx, c)
	}
	if err != nil {
		return fmt.Errorf("journal: stream %s: %w", s, err)
	}
	c, state := st.CachedInfo().Config, st.CachedInfo().State
	switch {
	case !c.DenyDelete || !c.DenyPurge || c.Storage != jetstream.FileStorage || c.Discard != jetstream.DiscardNew ||
		c.MaxMsgs > 0 || c.MaxBytes > 0 || c.MaxAge > 0 || c.MaxMsgsPerSubject > 0:
		return fmt.Errorf("journal: stream %s exists with a configuration that could lose history (limits, deletes or memory storage)", s)
	case state.Msgs != state.LastSeq || state.Msgs > 0 && state.FirstSeq != 1:
		return fmt.Errorf("%w: %s holds %d messages but its sequences run from %d to %d", ErrDamaged, s, state.Msgs, state.FirstSeq, state.LastSeq)
	}
	// Wake-ups: what others store is published again, headers only, so that a
	// reader learns of it at once and fetches it by sequence. To do so the server
	// reads the subject's last message, so a server of our own is not asked to.
	_, err = conn.nc.Subscribe("wake."+low+".>", func(*nats.Msg) { n.wake(s) })
	return err
}

func (n *NATS) wake(s Stream) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.wakes[s] {
		select {
		case c <- struct{}{}:
		default: // it knows already
		}
	}
}

// Close stops serving: the connection, then the embedded server.
func (n *NATS) Close() {
	if n.stopMending != nil {
		n.stopMending()
	}
	n.conn.Load().close()
}

// Append implements Log.
func (n *NATS) Append(ctx context.Context, s Stream, last uint64, m Message) (uint64, error) {
	select {
	case a := <-n.Send(s, last, m):
		return a.Seq, a.Err
	case <-ctx.Done():
		return 0, fmt.Errorf("journal: append to %s: %w", s, ctx.Err())
	}
}

// Send implements Log. In a server of our own nobody but one pager writes
// DECISIONS, so the whole stream's last sequence guards it: the server knows
// that by heart, while it reads the last message of a subject from its store.
func (n *NATS) Send(s Stream, last uint64, m Message) <-chan Ack {
	if s == Decisions && n.wound != nil && last > 0 {
		return n.send(s, m, jetstream.WithExpectLastSequence(last), func() (uint64, error) {
			again := <-n.send(s, m, jetstream.WithExpectLastSequencePerSubject(last), nil) // a page of a writer with another name is the last
			return again.Seq, again.Err
		})
	}
	return n.send(s, m, jetstream.WithExpectLastSequencePerSubject(last), nil)
}

// send publishes under a guard, and asks otherwise what to do if that refuses.
func (n *NATS) send(s Stream, m Message, guard jetstream.PublishOpt, otherwise func() (uint64, error)) <-chan Ack {
	if err := n.wound.err(); err != nil {
		return acked(0, fmt.Errorf("journal: append to %s: %w", s, err))
	}
	sent, err := n.conn.Load().js.PublishMsgAsync(&nats.Msg{
		Subject: subject(s, m.Key),
		Header:  nats.Header{linkHeader: {m.Link.String()}},
		Data:    m.Body,
	}, jetstream.WithMsgID(m.ID), guard, jetstream.WithRetryAttempts(0))
	if err != nil {
		return acked(0, fmt.Errorf("journal: append to %s: %w", s, err))
	}
	done := make(chan Ack, 1)
	go func() { // one of both comes, within appendLimit
		select {
		case ack := <-sent.Ok():
			n.wound.appended(true)
			n.known(s, ack.Sequence)
			done <- Ack{Seq: ack.Sequence}
			n.wake(s)
		case err := <-sent.Err():
			if otherwise == nil {
				otherwise = func() (uint64, error) { return n.refused(s, m) }
			}
			seq, err := n.failed(s, err, otherwise)
			done <- Ack{seq, err}
		}
	}()
	return done
}

// failed tells a refusal by the guard from a failure.
func (n *NATS) failed(s Stream, err error, refused func() (uint64, error)) (uint64, error) {
	n.wound.appended(!errors.Is(err, jetstream.ErrAsyncPublishTimeout) && !errors.Is(err, nats.ErrNoResponders) && !errors.Is(err, jetstream.ErrNoStreamResponse))
	var api *jetstream.APIError
	if errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant) {
		return refused()
	}
	return 0, fmt.Errorf("journal: append to %s: %w", s, err)
}

// refused looks whether m is there after all: the guard comes before the
// server's own look for duplicates, so a message sent twice conflicts with itself.
func (n *NATS) refused(s Stream, m Message) (uint64, error) {
	if last, err := n.Last(context.Background(), s, m.Key); err == nil && last.ID == m.ID {
		return last.Seq, nil
	}
	return 0, ErrConflict
}

// known notes what was acknowledged: it must be found again.
func (n *NATS) known(s Stream, seq uint64) {
	acked := &n.acked[0]
	if s == Decisions {
		acked = &n.acked[1]
	}
	for seen := acked.Load(); seen < seq && !acked.CompareAndSwap(seen, seq); seen = acked.Load() {
	}
}

// Read implements Log with one batched direct get.
func (n *NATS) Read(ctx context.Context, s Stream, after uint64, limit int) ([]Message, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	limit = min(limit, readMost)
	req, err := json.Marshal(struct {
		Seq      uint64 `json:"seq"`
		Batch    int    `json:"batch"`
		MaxBytes int    `json:"max_bytes"`
	}{after + 1, limit, readBytes})
	if err != nil {
		return nil, err
	}
	nc := n.conn.Load().nc
	inbox := nc.NewInbox()
	sub, err := nc.SubscribeSync(inbox)
	if err != nil {
		return nil, err
	}
	defer sub.Unsubscribe()
	sub.SetPendingLimits(-1, -1) // the request's own bounds hold
	if err := nc.PublishRequest("$JS.API.DIRECT.GET."+string(s), inbox, req); err != nil {
		return nil, err
	}
	var out []Message
	for {
		msg, err := sub.NextMsgWithContext(ctx)
		if err != nil {
			return nil, fmt.Errorf("journal: read %s after %d: %w", s, after, err)
		}
		switch msg.Header.Get("Status") {
		case "":
		case "204", "404": // end of batch; nothing there
			return out, nil
		default:
			return nil, fmt.Errorf("journal: read %s after %d: %s %s", s, after, msg.Header.Get("Status"), msg.Header.Get("Description"))
		}
		m, err := stored(msg)
		if err != nil {
			return nil, err
		}
		if m.Seq != after+1 {
			return nil, fmt.Errorf("%w: %s: after sequence %d comes %d", ErrDamaged, s, after, m.Seq)
		}
		after = m.Seq
		if out = append(out, m); len(out) == limit {
			return out, nil
		}
	}
}

// stored reads a message as a direct get answers it.
func stored(msg *nats.Msg) (m Message, err error) {
	m.Body = msg.Data
	m.ID = msg.Header.Get(jetstream.MsgIDHeader)
	if m.Seq, err = strconv.ParseUint(msg.Header.Get("Nats-Sequence"), 10, 64); err != nil {
		return m, fmt.Errorf("journal: a stored message without its sequence: %w", err)
	}
	_, m.Key, _ = strings.Cut(msg.Header.Get("Nats-Subject"), ".")
	if m.Stored, err = time.Parse(time.RFC3339Nano, msg.Header.Get("Nats-Time-Stamp")); err != nil {
		return m, fmt.Errorf("journal: sequence %d: %w", m.Seq, err)
	}
	if m.Link, err = ParseHash(msg.Header.Get(linkHeader)); err != nil {
		err = fmt.Errorf("%w: sequence %d has no link", ErrDamaged, m.Seq)
	}
	return m, err
}

// Follow implements Log: it reads to the end, then waits to be woken. A look
// every quarter of a second makes a lost wake-up a delay and nothing worse.
func (n *NATS) Follow(ctx context.Context, s Stream, after uint64, f func(Message) error) error {
	news := make(chan struct{}, 1)
	n.mu.Lock()
	n.wakes[s][news] = true
	n.mu.Unlock()
	defer func() {
		n.mu.Lock()
		delete(n.wakes[s], news)
		n.mu.Unlock()
	}()
	look := time.NewTicker(250 * time.Millisecond)
	defer look.Stop()
	for {
		batch, err := n.Read(ctx, s, after, 1000)
		if err != nil {
			return err
		}
		for _, m := range batch {
			if err := f(m); err != nil {
				return err
			}
			after = m.Seq
		}
		if len(batch) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-news:
		case <-look.C:
		}
	}
}

// Last implements Log.
func (n *NATS) Last(ctx context.Context, s Stream, key string) (Message, error) {
	ctx, cancel := context.WithTimeout(ctx, appendLimit)
	defer cancel()
	msg, err := n.conn.Load().nc.RequestWithContext(ctx, "$JS.API.DIRECT.GET."+string(s)+"."+subject(s, key), nil)
	if err != nil {
		return Message{}, fmt.Errorf("journal: last of %s in %s: %w", key, s, err)
	}
	switch status := msg.Header.Get("Status"); status {
	case "":
		return stored(msg)
	case "404":
		return Message{}, ErrNone
	default:
		return Message{}, fmt.Errorf("journal: last of %s in %s: %s", key, s, status)
	}
}

// End implements Log.
func (n *NATS) End(ctx context.Context, s Stream) (uint64, error) { return n.conn.Load().end(ctx, s) }

func (c *connection) end(ctx context.Context, s Stream) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	st, err := c.js.Stream(ctx, string(s))
	if err != nil {
		return 0, fmt.Errorf("journal: %s: %w", s, err)
	}
	state := st.CachedInfo().State
	if state.Msgs != state.LastSeq {
		return 0, fmt.Errorf("%w: %s holds %d messages up to sequence %d", ErrDamaged, s, state.Msgs, state.LastSeq)
	}
	return state.LastSeq, nil
}

// Mark implements Log.
func (n *NATS) Mark(ctx context.Context, name string, value []byte, rev uint64) (uint64, error) {
	rev, err := n.conn.Load().marks.Update(ctx, name, value, rev)
	var api *jetstream.APIError
	if errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant) {
		return 0, ErrConflict
	}
	return rev, err
}

// Marked implements Log.
func (n *NATS) Marked(ctx context.Context, name string) ([]byte, uint64, error) {
	e, err := n.conn.Load().marks.Get(ctx, name)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, 0, ErrNone
	}
	if err != nil {
		return nil, 0, fmt.Errorf("journal: mark %s: %w", name, err)
	}
	return e.Value(), e.Revision(), nil
}
