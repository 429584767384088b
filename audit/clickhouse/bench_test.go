package clickhouse

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
)

// pages is a log of n rows in pages of 500 decisions.
func pages(n int) (*fakeLog, *writer) {
	log := newFakeLog()
	wr := newWriter(log, 1)
	wr.now = time.Now().UTC().Add(-time.Duration(n) * time.Millisecond)
	for i := range n / 500 {
		wr.page(fmt.Sprintf("%012d", 111122223333+i%50), 500)
	}
	return log, wr
}

const benchRows = 100_000

// cpu is the processor time this process and the engine have used: on a shared
// machine it compares better than the clock.
func cpu(b *testing.B, w *Warehouse) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", w.engine.State().PID))
	if err != nil {
		b.Fatal(err)
	}
	f := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(u.Utime.Nano()+u.Stime.Nano()) + time.Duration(user+system)*10*time.Millisecond
}

// The sink from the log to the table, with chain check, decoding, marks and
// tokens. Compare with BenchmarkBareInsert of the same run.
func BenchmarkSink(b *testing.B) {
	w := open(b)
	log, _ := pages(benchRows)
	var used time.Duration
	for b.Loop() {
		before := cpu(b, w)
		s, stop := run(b, w, log)
		settled(b, s, log)
		used += cpu(b, w) - before
		stop()
		b.StopTimer()
		if err := w.replace(context.Background()); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(benchRows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(used.Microseconds())/float64(benchRows*b.N), "cpu-µs/row")
}

// What the client alone does with the same rows, decoded beforehand, in
// batches of the same size, without token, into the same table.
func BenchmarkBareInsert(b *testing.B) {
	w := open(b)
	ctx := context.Background()
	if _, err := w.migrate(ctx); err != nil {
		b.Fatal(err)
	}
	log, _ := pages(benchRows)
	var batches []*columns
	var r row
	chain := journal.NewChain(journal.Decisions, 0, nil)
	one := &batch{}
	for i := range log.msgs[journal.Decisions] {
		if err := one.add(&r, journal.Decisions, chain, &log.msgs[journal.Decisions][i]); err != nil {
			b.Fatal(err)
		}
		if one.full() || i == len(log.msgs[journal.Decisions])-1 {
			for m := range one.months {
				batches = append(batches, &one.months[m].columns)
			}
			one = &batch{}
		}
	}
	rows := 0
	var used time.Duration
	for b.Loop() {
		before := cpu(b, w)
		for _, c := range batches {
			in, err := w.sink.PrepareBatch(ch.Context(ctx, ch.WithSettings(ch.Settings{"async_insert": 0, "insert_deduplicate": 0})), insertEvents)
			if err != nil {
				b.Fatal(err)
			}
			for i := range schema {
				if err := in.Column(i).Append(schema[i].data(c)); err != nil {
					b.Fatal(err)
				}
			}
			if err := in.Send(); err != nil {
				b.Fatal(err)
			}
			rows += len(c.seq)
		}
		used += cpu(b, w) - before
		b.StopTimer()
		if err := w.replace(ctx); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(used.Microseconds())/float64(rows), "cpu-µs/row")
}

// From a message to columns: chain check and decoding, no ClickHouse.
func BenchmarkDecode(b *testing.B) {
	log, _ := pages(10_000)
	var r row
	b.ReportAllocs()
	for b.Loop() {
		one, chain := &batch{}, journal.NewChain(journal.Decisions, 0, nil)
		for i := range log.msgs[journal.Decisions] {
			if err := one.add(&r, journal.Decisions, chain, &log.msgs[journal.Decisions][i]); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/10_000, "ns/row")
}

// The scanner alone.
func BenchmarkRow(b *testing.B) {
	_, rec := newWriter(newFakeLog(), 1).record(accountA)
	h := events.Header{ID: rec.EventID, Partition: "aws", Account: accountA, Type: events.RecordType, Time: rec.EventTime}
	var raw events.Raw
	if err := events.Each(append(events.AppendRecord([]byte{'['}, &h, rec), ']'), func(_ int, e events.Raw) error { raw = e; return nil }); err != nil {
		b.Fatal(err)
	}
	var r row
	b.ReportAllocs()
	b.SetBytes(int64(len(raw.Data)))
	for b.Loop() {
		if err := r.read(journal.Decisions, 1, 0, raw); err != nil {
			b.Fatal(err)
		}
	}
}

// Searches over a million rows of 50 accounts, warm.
func BenchmarkSearch(b *testing.B) {
	w := open(b)
	log, wr := pages(1_000_000)
	s, _ := run(b, w, log)
	began := time.Now()
	settledWithin(b, s, log, 5*time.Minute)
	b.Logf("1 M rows copied in %s", time.Since(began).Round(time.Millisecond))
	ctx := context.Background()
	account := "111122223333"
	lookup := func(q LookupQuery) func() error {
		q.Account = account
		return func() error { _, _, err := w.Lookup(ctx, q); return err }
	}
	query := func(f Filter) func() error {
		return func() error {
			for _, err := range w.Query(ctx, f) {
				if err != nil {
					return err
				}
			}
			return nil
		}
	}
	for _, c := range []struct {
		name string
		f    func() error
	}{
		{"latest50", lookup(LookupQuery{})},
		{"Username", lookup(LookupQuery{Attribute: Username, Value: "ana"})},
		{"EventId", lookup(LookupQuery{Attribute: EventID, Value: wr.ids[0]})},
		{"ResourceName", lookup(LookupQuery{Attribute: ResourceName, Value: "cem"})},
		{"AccessKeyId", lookup(LookupQuery{Attribute: AccessKeyID, Value: "AKIAnone"})},
		{"denied100/account", query(Filter{Account: account, Decision: "Deny", Limit: 100})},
		{"denied100/all", query(Filter{Account: AllAccounts, Decision: "Deny", Limit: 100})},
		{"principal100", query(Filter{Account: account, Principal: "arn:aws:iam::" + account + ":user/ana", Limit: 100})},
		{"network100/all", query(Filter{Account: AllAccounts, Source: netip.MustParsePrefix("10.0.1.0/28"), Limit: 100})},
		{"request/all", query(Filter{Account: AllAccounts, RequestID: wr.ids[5000]})},
		{"sql/topActions/all", func() error {
			_, err := runSQL(w, AllAccounts, "SELECT action, count() AS n FROM audit.events GROUP BY action ORDER BY n DESC LIMIT 10")
			return err
		}},
		{"sql/topActions/account", func() error {
			_, err := runSQL(w, account, "SELECT action, count() AS n FROM audit.events GROUP BY action ORDER BY n DESC LIMIT 10")
			return err
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				t := time.Now()
				if err := c.f(); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(t))
			}
			slices.Sort(took)
			b.ReportMetric(took[len(took)/2].Seconds()*1e3, "ms-median")
			b.ReportMetric(took[len(took)*95/100].Seconds()*1e3, "ms-p95")
		})
	}
	b.Run("reconcile", func(b *testing.B) {
		n := uint64(0)
		for b.Loop() {
			got, err := w.Reconcile(ctx, log, Span{Stream: journal.Decisions})
			if err != nil || len(got.Differences) > 0 {
				b.Fatal(got, err)
			}
			n += got.Rows
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "rows/s")
	})
}
