package clickhouse

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/google/uuid"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
)

// Span is a part of a stream, both ends included.
type Span struct {
	Stream journal.Stream `json:"stream"`
	From   uint64         `json:"from"` // 0: from the first message
	To     uint64         `json:"to"`   // 0: to the end of what the sink has finished, and nothing may be beyond
}

// Difference is one row that is not what the log says.
type Difference struct {
	Kind    string         `json:"kind"` // missing, extra, altered, doubled
	Stream  journal.Stream `json:"stream"`
	Seq     uint64         `json:"seq"`
	Idx     uint32         `json:"idx"`
	EventID string         `json:"eventId"`
}

// Reconciliation is what Reconcile found.
type Reconciliation struct {
	Span
	End         uint64       `json:"end"`  // what the sink has finished: To is below it if there is more to compare
	Rows        uint64       `json:"rows"` // that the log makes
	Differences []Difference `json:"differences,omitempty"`
	More        bool         `json:"more,omitempty"`   // than are listed
	Mended      uint64       `json:"mended,omitempty"` // messages whose rows were written again, and rows taken away beyond the end
}

const (
	bucket         = 1000 // sequences compared at once
	maxDifferences = 1000
)

// Reconcile compares the table with the log: for every 1,000 sequences the
// number of rows and a hash over all their columns, and where these differ row
// by row. It reads the log as the sink does, but trusts nothing the sink wrote
// down.
func (w *Warehouse) Reconcile(ctx context.Context, log journal.Log, span Span) (Reconciliation, error) {
	return NewSink(w, log).Reconcile(ctx, span, 0, false)
}

// Reconcile is the Warehouse's, of a sink that runs: what it has finished is
// compared too if it was its last batch. Given a time, it stops at the first
// bucket that ends after it. To mend is to make of each message whose rows
// differ the rows that the log says, and to compare them again.
func (s *Sink) Reconcile(ctx context.Context, span Span, most time.Duration, mend bool) (Reconciliation, error) {
	w, began := s.w, time.Now()
	if span.From == 0 {
		span.From = 1
	}
	open := span.To == 0
	table, err := w.table(ctx)
	if err != nil {
		return Reconciliation{}, err
	}
	if table == "" {
		return Reconciliation{}, ErrNotReady
	}
	if mend {
		w.mending.Lock() // two at once would write what is missing twice
		defer w.mending.Unlock()
	}
	at := start{name: span.Stream, mark: "sink/" + table + "/" + string(span.Stream)}
	if open {
		if err := s.readMark(ctx, &at); err != nil {
			return Reconciliation{}, err
		}
		span.To = at.First - 1
		if s.finished(span.Stream) == at.Last {
			span.To = at.Last
		}
	}
	found := Reconciliation{Span: span, End: span.To}
	chain := journal.NewChain(span.Stream, span.From-1, nil)
	for first := span.From; first <= span.To; first += bucket {
		last := min(first+bucket-1, span.To)
		if err := s.compare(ctx, chain, first, last, &found, mend); err != nil {
			return found, err
		}
		if last < span.To && (found.More || most > 0 && time.Since(began) > most) {
			found.To = last
			return found, nil
		}
	}
	if open {
		// The table first, the mark after: rows beyond it were not written by a sink.
		beyond, err := w.tableRows(ctx, span.Stream, span.To+1, ^uint64(0), true)
		if err != nil {
			return found, err
		}
		if err := s.readMark(ctx, &at); err != nil {
			return found, err
		}
		for _, r := range beyond {
			if r.seq <= at.Last {
				continue
			}
			found.differ("extra", r)
			if mend {
				if err := w.remove(ctx, span.Stream, r); err != nil {
					return found, err
				}
				found.Mended++
			}
		}
	}
	return found, nil
}

// finished is the last sequence that this sink has seen in the table.
func (s *Sink) finished(name journal.Stream) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.states[name].Done
}

func (f *Reconciliation) differ(kind string, r hashed) {
	if len(f.Differences) == maxDifferences {
		f.More = true
		return
	}
	f.Differences = append(f.Differences, Difference{kind, f.Stream, r.seq, r.idx, r.id.String()})
}

// hashed is a row, as far as it is compared.
type hashed struct {
	seq  uint64
	idx  uint32
	id   uuid.UUID
	hash uint64
}

func (h hashed) place(o hashed) int {
	return cmp.Or(cmp.Compare(h.seq, o.seq), cmp.Compare(h.idx, o.idx))
}

// compare compares one bucket, and mends it if told to.
func (s *Sink) compare(ctx context.Context, chain *journal.Chain, first, last uint64, found *Reconciliation, mend bool) error {
	before := len(found.Differences)
	had := found.More
	if err := s.w.compare(ctx, s.log, chain, first, last, found); err != nil || !mend || len(found.Differences) == before && found.More == had {
		return err
	}
	seqs := []uint64{}
	for _, d := range found.Differences[before:] {
		if len(seqs) == 0 || seqs[len(seqs)-1] != d.Seq {
			seqs = append(seqs, d.Seq)
		}
	}
	if found.More && !had { // not all are listed
		seqs = seqs[:0]
		for seq := first; seq <= last; seq++ {
			seqs = append(seqs, seq)
		}
	}
	if err := s.mend(ctx, found.Stream, seqs); err != nil {
		return err
	}
	again := Reconciliation{Span: found.Span}
	if err := s.w.compare(ctx, s.log, journal.NewChain(found.Stream, first-1, nil), first, last, &again); err != nil {
		return err
	}
	if len(again.Differences) > 0 {
		return fmt.Errorf("clickhouse: rows of %s %d to %d were written again and are not what was written: is somebody else writing to audit.events?", found.Stream, first, last)
	}
	found.Mended += uint64(len(seqs))
	return nil
}

// mend takes away the rows of messages and writes them again from the log. If
// it is cut short rows are missing: the next Reconcile finds them, and a sink
// that starts fills the table anew.
func (s *Sink) mend(ctx context.Context, name journal.Stream, seqs []uint64) error {
	in := make([]string, len(seqs))
	for i, seq := range seqs {
		in[i] = strconv.FormatUint(seq, 10)
	}
	where := "stream = '" + string(name) + "' AND seq IN (" + strings.Join(in, ",") + ")"
	if err := s.w.exec(ctx, "ALTER TABLE audit.events DELETE WHERE "+where); err != nil {
		return fmt.Errorf("clickhouse: take away rows: %w", err)
	}
	b, r := &batch{}, &row{}
	write := func() error {
		for i := range b.months {
			// The table remembers tokens: this one no insert had before.
			if err := s.w.insert(ctx, &b.months[i].columns, "mend:"+uuid.NewString()); err != nil {
				return fmt.Errorf("clickhouse: write rows again: %w", err)
			}
		}
		b = &batch{}
		return nil
	}
	for _, seq := range seqs {
		m, err := s.log.Read(ctx, name, seq-1, 1)
		if err != nil {
			return err
		}
		if len(m) == 0 {
			return fmt.Errorf("%w: %s has no message %d", journal.ErrDamaged, name, seq)
		}
		if err := b.add(r, name, journal.NewChain(name, seq-1, nil), &m[0]); err != nil { // compare has checked the links
			return err
		}
		if b.full() {
			if err := write(); err != nil {
				return err
			}
		}
	}
	return write()
}

// remove takes away one row that no message makes.
func (w *Warehouse) remove(ctx context.Context, name journal.Stream, r hashed) error {
	err := w.exec(ctx, fmt.Sprintf("ALTER TABLE audit.events DELETE WHERE stream = '%s' AND seq = %d AND idx = %d AND event_id = '%s'", name, r.seq, r.idx, r.id))
	if err != nil {
		return fmt.Errorf("clickhouse: take away a row: %w", err)
	}
	return nil
}

// compare compares one bucket.
func (w *Warehouse) compare(ctx context.Context, log journal.Log, chain *journal.Chain, first, last uint64, found *Reconciliation) error {
	var want []hashed
	var sum uint64
	var r row
	var buf []byte
	for after := first - 1; after < last; {
		msgs, err := log.Read(ctx, found.Stream, after, int(last-after))
		if err != nil {
			return err
		}
		if len(msgs) == 0 {
			return fmt.Errorf("%w: %s ends at %d, before %d", journal.ErrDamaged, found.Stream, after, last)
		}
		for i := range msgs {
			if _, err := chain.Check(&msgs[i]); err != nil {
				return err
			}
			err := events.Each(msgs[i].Body, func(n int, e events.Raw) error {
				if e.Type != events.RecordType {
					return nil
				}
				if err := r.read(found.Stream, msgs[i].Seq, n, e); err != nil {
					return err
				}
				h := hashed{seq: r.seq, idx: r.idx, id: r.eventID}
				h.hash, buf = r.hash(buf)
				sum += h.hash
				want = append(want, h)
				return nil
			})
			if err != nil {
				return err
			}
			after = msgs[i].Seq
		}
	}
	found.Rows += uint64(len(want))
	var rows, have uint64
	err := w.sink.QueryRow(spanParameters(ctx, found.Stream, first, last),
		"SELECT count(), sum("+rowHash+") FROM audit.events WHERE "+inSpan).Scan(&rows, &have)
	if err != nil {
		return fmt.Errorf("clickhouse: hash rows: %w", err)
	}
	if rows == uint64(len(want)) && have == sum {
		return nil
	}
	table, err := w.tableRows(ctx, found.Stream, first, last, false)
	if err != nil {
		return err
	}
	slices.SortFunc(want, hashed.place)
	for len(want) > 0 || len(table) > 0 {
		switch {
		case len(table) == 0 || len(want) > 0 && want[0].place(table[0]) < 0:
			found.differ("missing", want[0])
			want = want[1:]
		case len(want) == 0 || want[0].place(table[0]) > 0:
			found.differ("extra", table[0])
			table = table[1:]
		default:
			here := want[0]
			n, right := 0, 0
			for ; n < len(table) && table[n].place(here) == 0; n++ {
				if table[n].hash == here.hash {
					right++
				}
			}
			for range max(right-1, 0) {
				found.differ("doubled", here)
			}
			for range n - right { // of several rows at one place at most one is the right one
				found.differ("altered", here)
			}
			want, table = want[1:], table[n:]
		}
	}
	return nil
}

const inSpan = "stream = {stream:String} AND seq BETWEEN {first:UInt64} AND {last:UInt64}"

func spanParameters(ctx context.Context, s journal.Stream, first, last uint64, more ...ch.QueryOption) context.Context {
	return parameters(ctx, map[string]string{"stream": string(s), "first": strconv.FormatUint(first, 10), "last": strconv.FormatUint(last, 10)}, more...)
}

// tableRows are the rows of a span in the order of the log.
func (w *Warehouse) tableRows(ctx context.Context, s journal.Stream, first, last uint64, few bool) ([]hashed, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	q := "SELECT seq, idx, event_id, " + rowHash + " FROM audit.events WHERE " + inSpan + " ORDER BY seq, idx"
	if few {
		q += " LIMIT " + strconv.Itoa(maxDifferences+1)
	}
	rows, err := w.sink.Query(spanParameters(ctx, s, first, last), q)
	if err != nil {
		return nil, fmt.Errorf("clickhouse: read rows: %w", err)
	}
	defer rows.Close()
	var all []hashed
	for rows.Next() {
		var h hashed
		if err := rows.Scan(&h.seq, &h.idx, &h.id, &h.hash); err != nil {
			return nil, fmt.Errorf("clickhouse: read a row: %w", err)
		}
		all = append(all, h)
	}
	return all, rows.Err()
}
