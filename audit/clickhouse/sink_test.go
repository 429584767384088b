package clickhouse

import (
	"context"
	"testing"
	"time"
)

// same compares the ids in the table with those that were written: each once.
func sameRows(t testing.TB, w *Warehouse, want []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	rows, err := w.sink.Query(ctx, "SELECT toString(event_id), count() FROM audit.events GROUP BY 1")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	have := map[string]uint64{}
	for rows.Next() {
		var id string
		var n uint64
		if err := rows.Scan(&id, &n); err != nil {
			t.Fatal(err)
		}
		have[id] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	missing, doubled := 0, 0
	for _, id := range want {
		switch have[id] {
		case 0:
			missing++
		case 1:
		default:
			doubled++
		}
		delete(have, id)
	}
	if missing+doubled+len(have) > 0 {
		t.Fatalf("of %d events %d have no row, %d have several, and %d rows have no event", len(want), missing, doubled, len(have))
	}
}

// Every decided request of both streams becomes a row soon, and
// the rows of a message of a past month lie in that month's partition.
func TestCopy(t *testing.T) {
	w, log := open(t), newFakeLog()
	wr := newWriter(log, 1)
	wr.now = time.Date(2026, 3, 31, 23, 59, 59, 999_000_000, time.UTC)
	for range 20 {
		wr.some()
	}
	s, _ := run(t, w, log)
	settled(t, s, log)
	sameRows(t, w, wr.ids)
	wr.unit(accountA)
	began := time.Now()
	settled(t, s, log)
	if d := time.Since(began); d > 5*time.Second { // 0.1 s on an idle machine; the promise is one
		t.Errorf("a row took %s", d)
	}
	sameRows(t, w, wr.ids)
	var months uint64
	if err := w.sink.QueryRow(context.Background(), "SELECT uniqExact(_partition_id) FROM audit.events").Scan(&months); err != nil || months != 2 {
		t.Errorf("partitions: %d, %v; want 2", months, err)
	}
}
