package clickhouse

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
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
	Rows        uint64       `json:"rows"` // that the log makes
	Differences []Difference `json:"differences,omitempty"`
	More        bool         `json:"more,omitempty"` // than are listed
}

const (
	bucket         = 1000 // sequences compared at once
	maxDifferences = 1000
)

// Reconcile compares the table with the log: for every 1,000 sequences the
// number of rows and a hash over all their columns, and where these differ row
// by row. It reads the log as the sink does, but trusts nothing the sink wrote
// down. Mending is dropping the table: the sink then fills it again.
func (w *Warehouse) Reconcile(ctx context.Context, log journal.Log, span Span) (Reconciliation, error) {
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
	s := NewSink(w, log)
	at := start{name: span.Stream, mark: "sink/" + table + "/" + string(span.Stream)}
	if open {
		if err := s.readMark(ctx, &at); err != nil {
			return Reconciliation{}, err
		}
		span.To = at.First - 1
	}
	found := Reconciliation{Span: span}
	chain := journal.NewChain(span.Stream, span.From-1, nil)
	for first := span.From; first <= span.To; first += bucket {
		last := min(first+bucket-1, span.To)
		if err := w.compare(ctx, log, chain, first, last, &found); err != nil {
			return found, err
		}
		if found.More {
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
			if r.seq > at.Last {
				found.differ("extra", r)
			}
		}
	}
	return found, nil
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
