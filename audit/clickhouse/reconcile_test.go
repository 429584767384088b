package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keytrail/keytrail/events/journal"
)

func alter(t testing.TB, w *Warehouse, q string) {
	t.Helper()
	if err := w.exec(context.Background(), q); err != nil {
		t.Fatalf("%s: %v", q, err)
	}
}

// What somebody did to the table is found and named: a row removed, one that
// no log has, one whose decision was changed, one that is there twice.
func TestReconcile(t *testing.T) {
	w, log := open(t), newFakeLog()
	wr := newWriter(log, 7)
	for range 1500 {
		wr.unit(accountA)
	}
	for range 30 {
		wr.page(accountB, 20)
	}
	wr.put(journal.Decisions, "node-1", wr.body(accountA, 3, oddities))
	s, stop := run(t, w, log)
	settled(t, s, log)
	wr.unit(accountA) // so that the batch before is finished beyond doubt
	wr.page(accountA, 1)
	settled(t, s, log)
	stop()

	ctx := context.Background()
	for _, name := range streams {
		got, err := w.Reconcile(ctx, log, Span{Stream: name})
		if err != nil || len(got.Differences) > 0 || got.Rows == 0 {
			t.Fatalf("untouched %s: %+v, %v", name, got, err)
		}
	}
	id := func(seq, idx int) string {
		var s string
		if err := w.sink.QueryRow(ctx, fmt.Sprintf("SELECT toString(event_id) FROM audit.events WHERE stream='IDENTITY' AND seq=%d AND idx=%d", seq, idx)).Scan(&s); err != nil {
			t.Fatal(err)
		}
		return s
	}
	want := []Difference{
		{"missing", journal.Identity, 12, 1, id(12, 1)},
		{"altered", journal.Identity, 1203, 1, id(1203, 1)},
		{"altered", journal.Identity, 1204, 1, id(1204, 1)},
		{"doubled", journal.Identity, 1300, 1, id(1300, 1)},
		{"extra", journal.Identity, 1400, 7, id(1400, 1)},
		{"extra", journal.Identity, 99999, 1, id(1401, 1)},
	}
	cols := insertEvents[len("INSERT INTO audit.events (") : len(insertEvents)-1]
	copyRow := func(set, where string) string {
		return "INSERT INTO audit.events (" + cols + ") SELECT " + cols + " FROM (SELECT * REPLACE (" + set + ") FROM (SELECT * FROM audit.events WHERE stream='IDENTITY' AND " + where + "))"
	}
	alter(t, w, copyRow("seq AS seq", "seq = 1300"))
	alter(t, w, copyRow("toUInt32(7) AS idx", "seq = 1400"))
	alter(t, w, copyRow("toUInt64(99999) AS seq", "seq = 1401"))
	alter(t, w, "ALTER TABLE audit.events DELETE WHERE stream = 'IDENTITY' AND seq = 12")
	alter(t, w, "ALTER TABLE audit.events UPDATE decision = if(decision = 'Allow', 'ImplicitDeny', 'Allow') WHERE stream = 'IDENTITY' AND seq = 1203")
	alter(t, w, "ALTER TABLE audit.events UPDATE raw = replaceOne(raw, '\"eventVersion\"', '\"eventversion\"') WHERE stream = 'IDENTITY' AND seq = 1204")
	got, err := w.Reconcile(ctx, log, Span{Stream: journal.Identity})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got.Differences); d != "" {
		t.Errorf("differences (-want +got):\n%s", d)
	}
	if got, err := w.Reconcile(ctx, log, Span{Stream: journal.Identity, From: 1, To: 11}); err != nil || len(got.Differences) > 0 || got.Rows != 11 {
		t.Errorf("the untouched part: %+v, %v", got, err)
	}
	log.msgs[journal.Identity][3].Link[0] ^= 1
	if _, err := w.Reconcile(ctx, log, Span{Stream: journal.Identity}); !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("a log whose chain breaks: %v; want ErrDamaged", err)
	}
	log.msgs[journal.Identity][3].Link[0] ^= 1

	// Mended, the table is what the log says, and the same sink goes on with it.
	s = NewSink(w, log)
	mended, err := s.Reconcile(ctx, Span{Stream: journal.Identity}, 0, true)
	if err != nil || mended.Mended != 6 {
		t.Errorf("mend: %d messages, %v; want 6", mended.Mended, err)
	}
	if d := cmp.Diff(want, mended.Differences); d != "" {
		t.Errorf("what was mended (-want +got):\n%s", d)
	}
	for _, name := range streams {
		if got, err := w.Reconcile(ctx, log, Span{Stream: name}); err != nil || len(got.Differences) > 0 {
			t.Errorf("mended %s: %+v, %v", name, got, err)
		}
	}
	sameRows(t, w, wr.ids)
	s, stop = run(t, w, log)
	wr.unit(accountA)
	settled(t, s, log)
	sameRows(t, w, wr.ids)
	if n := s.State()[0].Rebuilds; n != 0 {
		t.Errorf("a mended table was made anew")
	}
	// The last batch of a sink that runs is compared too.
	end, _ := log.End(ctx, journal.Identity)
	alter(t, w, fmt.Sprintf("ALTER TABLE audit.events DELETE WHERE stream = 'IDENTITY' AND seq = %d", end))
	if got, err := s.Reconcile(ctx, Span{Stream: journal.Identity}, 0, false); err != nil || got.To != end || len(got.Differences) != 1 {
		t.Errorf("the last row is missing: %+v, %v", got, err)
	}
	// With a time it stops between buckets, and says where.
	if got, err := s.Reconcile(ctx, Span{Stream: journal.Identity}, 1, true); err != nil || got.To != 1000 || got.End != end || len(got.Differences) != 0 {
		t.Errorf("the first bucket: %+v, %v", got, err)
	}
	if got, err := s.Reconcile(ctx, Span{Stream: journal.Identity, From: 1001}, 1, true); err != nil || got.To != end || len(got.Differences) != 1 || got.Mended != 1 {
		t.Errorf("the rest: %+v, %v", got, err)
	}
	stop()
	sameRows(t, w, wr.ids)

	// A sink that starts finds rows missing and too many, and makes the table anew.
	alter(t, w, "ALTER TABLE audit.events DELETE WHERE stream = 'IDENTITY' AND seq = 12")
	s, _ = run(t, w, log)
	settled(t, s, log)
	sameRows(t, w, wr.ids)
	if n := s.State()[0].Rebuilds; n != 1 {
		t.Errorf("rebuilds: %d, want 1", n)
	}
	for _, name := range streams {
		if got, err := w.Reconcile(ctx, log, Span{Stream: name}); err != nil || len(got.Differences) > 0 {
			t.Errorf("mended %s: %+v, %v", name, got, err)
		}
	}
}

// A dropped table is filled again, also while the sink runs; one that vanished
// with everything around it too.
func TestDroppedTable(t *testing.T) {
	w, log := open(t), newFakeLog()
	wr := newWriter(log, 3)
	s, _ := run(t, w, log)
	for i, q := range []string{"DROP TABLE audit.events SYNC", "TRUNCATE TABLE audit.events", "DROP TABLE audit.events SYNC"} {
		for range 10 {
			wr.some()
		}
		settled(t, s, log)
		alter(t, w, q)
		wr.some()
		if i == 1 { // rows gone from the same table are found when a sink starts
			settled(t, s, log)
			s2, stop := run(t, w, log)
			settled(t, s2, log)
			stop()
		}
		wr.some()
		settled(t, s, log)
		sameRows(t, w, wr.ids)
	}
}

// A table that has rows this log never had is not thrown away: a lost log must
// not take its last copy with it.
func TestForeignTableIsKept(t *testing.T) {
	w, log := open(t), newFakeLog()
	wr := newWriter(log, 4)
	for range 10 {
		wr.some()
	}
	s, stop := run(t, w, log)
	settled(t, s, log)
	stop()
	other := newFakeLog()
	newer := newWriter(other, 5)
	newer.some()
	s, _ = run(t, w, other)
	deadline := time.Now().Add(10 * time.Second)
	for s.State()[0].Phase != Alarm {
		if time.Now().After(deadline) {
			t.Fatalf("no alarm: %+v", s.State())
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := s.State()[0].Err; !errors.Is(err, errAhead) {
		t.Errorf("error %v, want %v", err, errAhead)
	}
	sameRows(t, w, wr.ids)
}
