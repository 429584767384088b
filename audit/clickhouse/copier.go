package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
)

const (
	batchRows  = 10_000
	batchBytes = 8 << 20
	poll       = 50 * time.Millisecond // between looks at the log while the last batch is being inserted
	// Between the beginnings of two inserts that were not full: every insert is
	// a part on disk that must be merged.
	between    = 100 * time.Millisecond
	tryTime    = 30 * time.Second // one try of an insert
	checkTable = 5 * time.Second  // between two looks whether the table is still the same
)

// batch is what is inserted under one mark: whole messages, first to last.
type batch struct {
	first, last uint64
	rows        int
	bytes       int
	stored      time.Time // of the first message
	likely      int       // rows, judging by the batch before
	months      []month   // a part of a table never spans two
}

type month struct {
	name string // 202611
	columns
}

func (b *batch) full() bool { return b.rows >= batchRows || b.bytes >= batchBytes }

// errPoison says that something in the log makes no row. Waiting does not mend
// it, but a newer Keytrail may.
var errPoison = errors.New("makes no audit rows")

// add takes a message in if it is the chain's next: all of it or nothing.
func (b *batch) add(r *row, s journal.Stream, chain *journal.Chain, m *journal.Message) error {
	before := len(b.months)
	marks := make([]int, before)
	for i := range b.months {
		marks[i] = len(b.months[i].seq)
	}
	rows := 0
	err := events.Each(m.Body, func(i int, e events.Raw) error {
		if e.Type != events.RecordType {
			return nil // a fact: what became true, not who asked
		}
		if err := r.read(s, m.Seq, i, e); err != nil {
			return err
		}
		b.month(r.time).add(r)
		rows++
		return nil
	})
	if err != nil {
		err = fmt.Errorf("clickhouse: %s sequence %d %w: %w", s, m.Seq, errPoison, err)
	} else {
		_, err = chain.Check(m) // last, because it cannot be undone: a second try must meet the same links
	}
	if err != nil {
		b.months = b.months[:before]
		for i := range b.months {
			b.months[i].cut(marks[i])
		}
		return err
	}
	if b.first == 0 {
		b.first, b.stored = m.Seq, m.Stored
	}
	b.last = m.Seq
	b.rows += rows
	b.bytes += len(m.Body)
	return nil
}

func (b *batch) month(t time.Time) *columns {
	name := t.Format("200601")
	for i := range b.months {
		if b.months[i].name == name {
			return &b.months[i].columns
		}
	}
	b.months = append(b.months, month{name: name})
	c := &b.months[len(b.months)-1].columns
	if len(b.months) == 1 {
		c.grow(b.likely)
	}
	return c
}

// token is what the table remembers an insert by.
func (b *batch) token(s journal.Stream, m *month) string {
	t := fmt.Sprintf("%s:%d-%d", s, b.first, b.last)
	if len(b.months) > 1 {
		t += ":" + m.name
	}
	return t
}

// copier copies one stream into one table: a reader fills the next batch while
// the copier inserts the last.
type copier struct {
	*Sink
	start
	table   string
	chain   *journal.Chain // from the marked batch on; its first link of each key is taken on trust
	checked time.Time
	phase   Phase // when all is well
}

func (c *copier) run(ctx context.Context) error {
	c.phase = Copying
	c.update(c.name, func(st *StreamState) {
		if st.Rebuilds > 0 && c.Last == 0 {
			c.phase = Rebuilding
		}
		st.Done, st.Rows = max(c.First, 1)-1, c.Rows
	})
	c.works(c.name, c.phase) // the table is there, whether or not there is anything to copy
	c.chain = journal.NewChain(c.name, c.First-1, nil)
	if c.Last >= c.First { // the batch that was marked, again
		b, err := c.marked(ctx)
		if err != nil {
			return err
		}
		if err := c.insert(ctx, b); err != nil {
			return err
		}
		c.done(b)
	}
	reading, stop := context.WithCancelCause(ctx)
	batches := make(chan *batch)
	go func() {
		defer close(batches)
		stop(c.read(reading, c.Last, batches))
	}()
	defer func() {
		stop(nil)
		for range batches {
		}
	}()
	for b := range batches {
		began := time.Now()
		if err := c.freeze(ctx, b); err != nil {
			return err
		}
		if err := c.insert(ctx, b); err != nil {
			return err
		}
		c.done(b)
		if !b.full() {
			sleep(ctx, between-time.Since(began)) // the reader goes on collecting
		}
	}
	return context.Cause(reading)
}

// marked reads the batch that the mark says is being inserted.
func (c *copier) marked(ctx context.Context) (*batch, error) {
	b, r, pause := &batch{}, &row{}, backoff{}
	for b.last < c.Last && ctx.Err() == nil {
		after := max(b.last, c.First-1)
		msgs, err := c.log.Read(ctx, c.name, after, int(min(c.Last-after, 1000)))
		if err == nil && len(msgs) == 0 {
			err = fmt.Errorf("%w: %s ends at %d, but the sink has copied up to %d", journal.ErrDamaged, c.name, after, c.Last)
		}
		for i := range msgs {
			if err = b.add(r, c.name, c.chain, &msgs[i]); err != nil {
				break
			}
		}
		if err != nil {
			c.failed(c.name, c.trouble(err), err)
			pause.wait(ctx)
		}
	}
	return b, ctx.Err()
}

// read reads the log and hands over whatever has arrived when the last batch is
// in, or a full batch, and reads no further while nobody takes it.
func (c *copier) read(ctx context.Context, after uint64, out chan<- *batch) error {
	r, b, pause := &row{}, &batch{}, backoff{}
	limit := 64
	give := func(wait time.Duration) {
		var late <-chan time.Time
		if !b.full() {
			late = time.After(wait)
		}
		select {
		case out <- b:
			b = &batch{likely: b.rows}
		case <-late:
		case <-ctx.Done():
		}
	}
	for ctx.Err() == nil {
		msgs, err := c.log.Read(ctx, c.name, after, limit)
		size := 0
		for i := range msgs {
			if err = b.add(r, c.name, c.chain, &msgs[i]); err != nil {
				break
			}
			after = msgs[i].Seq
			size += len(msgs[i].Body)
			if b.full() {
				give(0)
			}
		}
		if err != nil {
			if ctx.Err() != nil {
				break
			}
			// A message that makes no row stops the stream: leaving it out would be
			// a request nobody hears of. What came before it goes on its way.
			for b.rows > 0 && ctx.Err() == nil {
				give(poll)
			}
			c.failed(c.name, c.trouble(err), err)
			pause.wait(ctx)
			continue
		}
		pause.reset()
		switch {
		case len(msgs) > 0:
			// As many as a batch may hold, were all like these; a Read is bounded in bytes by the log too.
			limit = min(max(batchBytes/(size/len(msgs)+1), 1), 1024)
			give(0)
		case b.last > 0:
			give(poll)
		default:
			c.await(ctx, after)
		}
	}
	return ctx.Err()
}

var errNews = errors.New("news")

// await returns when the log has something after a sequence, or trouble.
func (c *copier) await(ctx context.Context, after uint64) {
	err := c.log.Follow(ctx, c.name, after, func(journal.Message) error { return errNews })
	if !errors.Is(err, errNews) {
		sleep(ctx, poll) // the next Read meets the same trouble and tells
	}
}

// trouble tells what waiting may mend from what it will not.
func (c *copier) trouble(err error) Phase {
	var refused *proto.Exception
	switch {
	case errors.Is(err, journal.ErrDamaged), errors.Is(err, errPoison):
		return Alarm
	case errors.As(err, &refused):
		if slices.Contains(passing, int(refused.Code)) {
			return Waiting
		}
		return Alarm
	}
	return Waiting
}

// passing are the codes by which a server says not now; it says never by others.
var passing = []int{
	3,   // UNEXPECTED_END_OF_FILE
	33,  // CANNOT_READ_ALL_DATA
	74,  // CANNOT_READ_FROM_FILE_DESCRIPTOR
	75,  // CANNOT_WRITE_TO_FILE_DESCRIPTOR
	76,  // CANNOT_OPEN_FILE
	159, // TIMEOUT_EXCEEDED
	198, // DNS_ERROR
	201, // QUOTA_EXCEEDED
	202, // TOO_MANY_SIMULTANEOUS_QUERIES
	203, // NO_FREE_CONNECTION
	209, // SOCKET_TIMEOUT
	210, // NETWORK_ERROR
	236, // ABORTED
	241, // MEMORY_LIMIT_EXCEEDED
	242, // TABLE_IS_READ_ONLY
	243, // NOT_ENOUGH_SPACE
	252, // TOO_MANY_PARTS
	279, // ALL_CONNECTION_TRIES_FAILED
	285, // TOO_FEW_LIVE_REPLICAS
	319, // UNKNOWN_STATUS_OF_INSERT
	394, // QUERY_WAS_CANCELLED
	425, // SYSTEM_ERROR
	439, // CANNOT_SCHEDULE_TASK
	473, // DEADLOCK_AVOIDED
	999, // KEEPER_EXCEPTION
}

// freeze marks b as the batch being inserted: from here on its borders stay.
func (c *copier) freeze(ctx context.Context, b *batch) error {
	next := position{First: b.first, Last: b.last, Rows: c.Rows}
	value, err := json.Marshal(next)
	if err != nil {
		return err
	}
	c.update(c.name, func(st *StreamState) { st.oldest, st.End = b.stored, max(st.End, b.last) })
	pause := backoff{}
	for {
		rev, err := c.log.Mark(ctx, c.mark, value, c.rev)
		if err == nil {
			c.position, c.rev = next, rev
			return nil
		}
		// Kept or not kept: the mark itself tells.
		now := c.start
		if rerr := c.readMark(ctx, &now); rerr == nil {
			switch {
			case now.rev != c.rev && now.position == next:
				c.position, c.rev = now.position, now.rev // not the name: the reader reads it
				return nil
			case now.rev != c.rev:
				return errMoved
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.failed(c.name, Waiting, fmt.Errorf("clickhouse: mark %s: %w", c.mark, err))
		pause.wait(ctx)
	}
}

func (c *copier) done(b *batch) {
	c.Rows += uint64(b.rows)
	c.works(c.name, c.phase)
	c.update(c.name, func(st *StreamState) {
		st.Done, st.Rows, st.End = b.last, c.Rows, max(st.End, b.last)
		if st.Done == st.End {
			c.phase, st.Phase = Copying, Copying
		}
		st.oldest = time.Time{}
	})
}

// insert tries until the table has the batch.
func (c *copier) insert(ctx context.Context, b *batch) error {
	pause := backoff{}
	for {
		err := c.same(ctx)
		for i := 0; err == nil && i < len(b.months); i++ {
			err = c.w.insert(ctx, &b.months[i].columns, b.token(c.name, &b.months[i]))
		}
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var refused *proto.Exception
		if errors.As(err, &refused) && (refused.Code == 60 || refused.Code == 81) { // UNKNOWN_TABLE, UNKNOWN_DATABASE
			return errTable
		}
		if errors.Is(err, errTable) || errors.Is(err, errMoved) {
			return err
		}
		c.checked = time.Time{}
		c.failed(c.name, c.trouble(err), fmt.Errorf("clickhouse: rows of %s %d to %d: %w", c.name, b.first, b.last, err))
		pause.wait(ctx)
	}
}

// same makes sure, now and then and before every further try, that the table is
// the one our mark is about and that the mark is still ours. Who was asleep for
// long must not wake up and insert what the table has forgotten the token of.
func (c *copier) same(ctx context.Context) error {
	if time.Since(c.checked) < checkTable {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	table, err := c.w.table(ctx)
	if err != nil {
		return err
	}
	if table != c.table {
		return errTable
	}
	now := c.start
	if err := c.readMark(ctx, &now); err != nil {
		return err
	}
	if now.rev != c.rev {
		return errMoved
	}
	c.checked = time.Now()
	return nil
}

// insert is one try to insert one part.
func (w *Warehouse) insert(ctx context.Context, c *columns, token string) error {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	b, err := w.sink.PrepareBatch(ch.Context(ctx, ch.WithSettings(ch.Settings{
		"insert_deduplication_token": token,
		"insert_deduplicate":         1,
		"async_insert":               0,
	})), insertEvents)
	if err != nil {
		return err
	}
	for i := range schema {
		if err := b.Column(i).Append(schema[i].data(c)); err != nil {
			_ = b.Abort() // nothing was sent; the error that counts is the other
			return fmt.Errorf("column %s %w: %w", schema[i].name, errPoison, err)
		}
	}
	return b.Send()
}

// has says whether the message holds the event.
func has(m journal.Message, id string) bool {
	found := false
	err := events.Each(m.Body, func(_ int, e events.Raw) error {
		found = found || e.ID == id
		return nil
	})
	return err == nil && found
}
