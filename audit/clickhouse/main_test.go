package clickhouse

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/keytrail/keytrail/audit/clickhouse/engine"
)

func TestMain(m *testing.M) {
	engine.MaybeChild()
	goleak.VerifyTestMain(m)
}

// library is the engine's, from the root of the repository.
func library(t testing.TB) string {
	path, err := engine.Find("")
	if err != nil {
		root, _ := filepath.Abs("../..")
		path, err = engine.Find(filepath.Join(root, ".engine", engine.Version, "libchdb.so"))
	}
	if err != nil {
		if os.Getenv("KEYTRAIL_NEED_ENGINE") == "1" {
			t.Fatalf("KEYTRAIL_NEED_ENGINE=1: %v", err)
		}
		t.Skipf("not tested: needs the ClickHouse engine: run `make engine` (%v)", err)
	}
	return path
}

// open starts a warehouse on a directory of its own.
func open(t testing.TB) *Warehouse { return openDir(t, t.TempDir()) }

func openDir(t testing.TB, dir string) *Warehouse {
	t.Helper()
	w, err := Open(Options{Dir: dir, Library: library(t), Log: slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := w.engine.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	return w
}

type testLog struct{ t testing.TB }

func (l testLog) Write(b []byte) (int, error) {
	if testing.Verbose() {
		os.Stderr.Write(b)
	}
	return len(b), nil
}

// run runs a sink until the test ends or stop is called.
func run(t testing.TB, w *Warehouse, log *fakeLog) (s *Sink, stop func()) {
	t.Helper()
	s = NewSink(w, log)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	stop = func() { cancel(); <-done }
	t.Cleanup(stop)
	return s, stop
}

// settled waits until the sink has copied everything.
func settled(t testing.TB, s *Sink, log *fakeLog) { t.Helper(); settledWithin(t, s, log, time.Minute) }

func settledWithin(t testing.TB, s *Sink, log *fakeLog, d time.Duration) {
	t.Helper()
	deadline := time.Now().Add(d)
	for {
		all := true
		for _, st := range s.State() {
			end, _ := log.End(context.Background(), st.Stream)
			all = all && st.Done == end && st.Err == nil
		}
		if all {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not settled after %s: %+v", d, s.State())
		}
		time.Sleep(5 * time.Millisecond)
	}
}
