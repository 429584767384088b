package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/keytrail/keytrail/events/journal"
)

// Sink copies the log into the warehouse: exactly one row for every decided
// request, whatever is killed whenever.
//
// What a batch holds is settled before it is tried: its first and last sequence
// are marked in the log by compare-and-set, and only then is it inserted, under
// a token made of them, which the table remembers. Whoever starts anew inserts
// the marked batch again, from the same sequences and so with the same rows and
// the same token: the table drops what it has. Only after that comes the next.
//
// The mark's name holds the identity of the table, so a table made anew begins
// with the log's first message. The mark also counts the rows before its batch:
// a table that has another number of them is filled again from nothing.
//
// Two sinks on one warehouse are slow, but right: the one whose compare-and-set
// fails does the other's marked batch again and goes on from there.
type Sink struct {
	w   *Warehouse
	log journal.Log

	began  time.Time
	mu     sync.Mutex
	states map[journal.Stream]*StreamState
}

// quiet is how long trouble is not worth a line: an engine that starts answers
// nobody for a second.
const quiet = 5 * time.Second

// Phase is what the copying of a stream is doing.
type Phase string

const (
	Starting   Phase = "starting"
	Copying    Phase = "copying"
	Waiting    Phase = "waiting"    // for a warehouse or a log that is not there; it goes on by itself
	Rebuilding Phase = "rebuilding" // copying, and the table was found wanting and made anew
	Alarm      Phase = "alarm"      // somebody must look: the log is damaged, or a batch is refused for good
)

// StreamState is how far the copying of one stream has come.
type StreamState struct {
	Stream   journal.Stream
	Phase    Phase
	Done     uint64        // every message up to this sequence is in the table
	End      uint64        // of the stream, as last seen
	Rows     uint64        // in the table, from messages up to Done
	Lag      time.Duration // age of the oldest message not in the table
	Err      error         // the last failure; nil once it works again
	ErrSince time.Time
	Rebuilds int // since this process began

	told   bool      // Err was logged
	oldest time.Time // when the oldest message not in the table was stored; zero: not known
}

// Behind is how many messages are not yet in the table.
func (s StreamState) Behind() uint64 { return max(s.End, s.Done) - s.Done }

var streams = []journal.Stream{journal.Identity, journal.Decisions}

// NewSink makes the sink from log to w. Run runs it.
func NewSink(w *Warehouse, log journal.Log) *Sink {
	s := &Sink{w: w, log: log, began: w.now(), states: map[journal.Stream]*StreamState{}}
	for _, name := range streams {
		s.states[name] = &StreamState{Stream: name, Phase: Starting}
	}
	return s
}

// State is how far each stream has come.
func (s *Sink) State() []StreamState {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make([]StreamState, 0, len(streams))
	for _, name := range streams {
		st := *s.states[name]
		if st.Behind() > 0 && !st.oldest.IsZero() {
			st.Lag = s.w.now().Sub(st.oldest)
		}
		all = append(all, st)
	}
	return all
}

func (s *Sink) update(name journal.Stream, f func(st *StreamState)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.states[name])
}

// failed notes trouble; it is logged when it begins and when its kind changes.
func (s *Sink) failed(name journal.Stream, phase Phase, err error) {
	s.update(name, func(st *StreamState) {
		now := s.w.now()
		if st.Err == nil {
			st.ErrSince = now
		}
		if (!st.told || st.Phase != phase) && (phase == Alarm || now.Sub(s.began) > quiet) {
			s.w.log.Warn("audit rows are not being written", "stream", name, "phase", phase, "err", err)
			st.told = true
		}
		st.Phase, st.Err = phase, err
	})
}

func (s *Sink) works(name journal.Stream, phase Phase) {
	s.update(name, func(st *StreamState) {
		if st.told {
			s.w.log.Info("audit rows are being written again", "stream", name, "after", s.w.now().Sub(st.ErrSince).Round(time.Millisecond))
		}
		st.Phase, st.Err, st.told = phase, nil, false
	})
}

// position is the value of a mark: the batch being inserted, and how many rows
// all batches before it have.
type position struct {
	First uint64 `json:"first"`
	Last  uint64 `json:"last"` // below First: nothing was inserted yet
	Rows  uint64 `json:"rows"`
}

// start is where copying a stream begins.
type start struct {
	name journal.Stream
	mark string
	position
	rev uint64
}

var (
	// errTable says that the table is not the one the marks are about.
	errTable = errors.New("clickhouse: audit.events was dropped or made anew")
	// errMoved says that another sink has moved the mark.
	errMoved = errors.New("clickhouse: another sink is copying into the same table")
)

// Run copies until ctx ends and returns its error. No trouble ends it earlier:
// it waits, tries again, and State says why.
func (s *Sink) Run(ctx context.Context) error {
	var watching sync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { s.watch(ctx) })
	pause := backoff{}
	for ctx.Err() == nil {
		began := time.Now()
		err := s.run(ctx)
		if time.Since(began) > time.Minute {
			pause.reset()
		}
		if ctx.Err() != nil {
			break
		}
		if errors.Is(err, errTable) || errors.Is(err, errMoved) {
			s.w.log.Warn("audit rows: looking where to go on", "why", err)
		} else {
			phase := Waiting
			if errors.Is(err, journal.ErrDamaged) || errors.Is(err, errAhead) {
				phase = Alarm
			}
			for _, name := range streams {
				s.failed(name, phase, err)
			}
		}
		pause.wait(ctx)
	}
	return ctx.Err()
}

// run is one go: find the place, copy until something makes us look again.
func (s *Sink) run(ctx context.Context) error {
	at, table, err := s.prepare(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var all sync.WaitGroup
	for _, from := range at {
		c := &copier{Sink: s, start: from, table: table}
		all.Go(func() { cancel(c.run(ctx)) }) // the first to end ends the others and gives the cause
	}
	all.Wait()
	return context.Cause(ctx)
}

// prepare brings the table to our version and finds where to go on in it.
func (s *Sink) prepare(ctx context.Context) (at []start, table string, err error) {
	for range 3 {
		table, err = s.w.migrate(ctx)
		if err != nil {
			return nil, "", err
		}
		at = at[:0]
		whole := true
		for _, name := range streams {
			from, ok, err := s.place(ctx, name, table)
			if err != nil {
				return nil, "", err
			}
			whole = whole && ok
			at = append(at, from)
		}
		if whole {
			return at, table, nil
		}
		if err := s.ours(ctx, at); err != nil {
			return nil, "", err
		}
		s.w.log.Warn("audit rows are missing or too many: making audit.events anew from the log")
		if err := s.w.replace(ctx); err != nil {
			return nil, "", err
		}
		for _, name := range streams {
			s.update(name, func(st *StreamState) { st.Rebuilds++; st.Done, st.Rows = 0, 0 })
		}
	}
	return nil, "", errors.New("clickhouse: audit.events has other rows than were written, three times in a row: is somebody else writing to it?")
}

// place reads the mark of a stream and says whether the table has what the
// mark says it has: every row before the marked batch, and none after it.
func (s *Sink) place(ctx context.Context, name journal.Stream, table string) (start, bool, error) {
	from := start{name: name, mark: "sink/" + table + "/" + string(name)}
	for {
		if err := s.readMark(ctx, &from); err != nil {
			return from, false, err
		}
		var before, after uint64
		err := s.w.sink.QueryRow(parameters(ctx, map[string]string{
			"stream": string(name), "first": fmt.Sprint(from.First), "last": fmt.Sprint(from.Last),
		}), "SELECT countIf(seq < {first:UInt64}), countIf(seq > {last:UInt64}) FROM audit.events WHERE stream = {stream:String}").Scan(&before, &after)
		if err != nil {
			return from, false, fmt.Errorf("clickhouse: count rows: %w", err)
		}
		// A mark moves before its rows are written. If it did not move while we
		// counted, no sink has written beyond it.
		again := from
		if err := s.readMark(ctx, &again); err != nil {
			return from, false, err
		}
		if again.rev == from.rev {
			return from, before == from.Rows && after == 0, nil
		}
	}
}

func (s *Sink) readMark(ctx context.Context, from *start) error {
	value, rev, err := s.log.Marked(ctx, from.mark)
	if errors.Is(err, journal.ErrNone) {
		from.position, from.rev = position{First: 1}, 0
		return nil
	}
	if err == nil {
		err = json.Unmarshal(value, &from.position)
	}
	if err != nil {
		return fmt.Errorf("clickhouse: mark %s: %w", from.mark, err)
	}
	from.rev = rev
	return nil
}

var errAhead = errors.New("clickhouse: audit.events has rows that this log does not have: it was copied from another log, or this one was cut; move the table away (RENAME TABLE audit.events TO audit.events_old) or give the right log")

// ours makes sure that the table, which is about to be thrown away, has nothing
// that the log has not: a lost log must not take its last copy with it. A mark
// about this table is in our log only if we filled it.
func (s *Sink) ours(ctx context.Context, at []start) error {
	for _, from := range at {
		end, err := s.log.End(ctx, from.name)
		if err != nil {
			return err
		}
		if end < from.Last {
			return errAhead
		}
		if from.rev > 0 {
			continue
		}
		var last uint64
		var id string
		err = s.w.sink.QueryRow(parameters(ctx, map[string]string{"stream": string(from.name)}),
			"SELECT max(seq), toString(argMax(event_id, (seq, idx))) FROM audit.events WHERE stream = {stream:String}").Scan(&last, &id)
		if err != nil {
			return fmt.Errorf("clickhouse: last row: %w", err)
		}
		if last == 0 {
			continue
		}
		msgs, err := s.log.Read(ctx, from.name, last-1, 1)
		if err != nil {
			return err
		}
		if len(msgs) == 0 || !has(msgs[0], id) {
			return errAhead
		}
	}
	return nil
}

// watch follows the ends of the streams, for State alone.
func (s *Sink) watch(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		for _, name := range streams {
			if end, err := s.log.End(ctx, name); err == nil { // an error shows where the log is read
				s.update(name, func(st *StreamState) { st.End = max(st.End, end) })
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// backoff waits longer and longer, up to two seconds.
type backoff struct{ last time.Duration }

func (b *backoff) reset() { b.last = 0 }

func (b *backoff) wait(ctx context.Context) {
	b.last = min(max(2*b.last, 50*time.Millisecond), 2*time.Second)
	sleep(ctx, b.last)
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// parameters binds values to a query's {name:Type}. The server reads them in
// its escaped form, where a tab, a line's end and a backslash mean something.
func parameters(ctx context.Context, p map[string]string, more ...ch.QueryOption) context.Context {
	bound := make(ch.Parameters, len(p))
	for k, v := range p {
		bound[k] = escaped.Replace(v)
	}
	return ch.Context(ctx, append(more, ch.WithParameters(bound))...)
}
