package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
)

// shaky is the sink's connection with trouble in it, in both ways: not stored,
// and stored but reported failed.
type shaky struct {
	driver.Conn
	mu   sync.Mutex
	trip func(step string) error // before-insert, after-insert
}

func (s *shaky) at(step string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.trip == nil {
		return nil
	}
	return s.trip(step)
}

func (s *shaky) set(f func(step string) error) { s.mu.Lock(); s.trip = f; s.mu.Unlock() }

func (s *shaky) PrepareBatch(ctx context.Context, q string, o ...driver.PrepareBatchOption) (driver.Batch, error) {
	b, err := s.Conn.PrepareBatch(ctx, q, o...)
	if err != nil {
		return nil, err
	}
	return &shakyBatch{b, s}, nil
}

type shakyBatch struct {
	driver.Batch
	s *shaky
}

func (b *shakyBatch) Send() error {
	if err := b.s.at("before-insert"); err != nil {
		_ = b.Abort()
		return err
	}
	if err := b.Batch.Send(); err != nil {
		return err
	}
	return b.s.at("after-insert")
}

func shake(w *Warehouse) *shaky {
	s := &shaky{Conn: w.sink}
	w.sink = s
	return s
}

// frozen checks every value the marks ever had: each batch follows the one
// before it, and no border was ever moved.
func frozen(t testing.TB, log *fakeLog) {
	t.Helper()
	log.mu.Lock()
	defer log.mu.Unlock()
	for name, values := range log.history {
		next, rows := uint64(1), uint64(0)
		for i, v := range values {
			var p position
			if err := json.Unmarshal([]byte(v), &p); err != nil {
				t.Fatal(err)
			}
			if p.First != next || p.Last < p.First || p.Rows < rows {
				t.Fatalf("mark %s: value %d is %s; it should begin at %d", name, i, v, next)
			}
			next, rows = p.Last+1, p.Rows
		}
	}
}

func seed(t testing.TB) uint64 {
	if s, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64); err == nil {
		return s
	}
	s := rand.Uint64() % 100000
	t.Logf("SEED=%d", s)
	return s
}

// Whatever is killed at whatever step, every event has one row in the end: the
// engine by SIGKILL, the sink by stopping dead and being made anew, marks and
// inserts that fail before or after they took effect.
func TestKills(t *testing.T) {
	w, log := open(t), newFakeLog()
	conn := shake(w)
	sd := seed(t)
	wr := newWriter(log, sd)
	wr.now = time.Now().UTC().AddDate(0, -1, 0) // some batches span two months
	rng := rand.New(rand.NewPCG(sd, 2))
	steps := []string{"before-insert", "after-insert", "mark-before", "mark-after", "time"}
	whats := []string{"kill", "stop", "error", "kill+stop"}
	rounds := 60
	if testing.Short() {
		rounds = len(steps) * len(whats)
	}
	order := rng.Perm(len(steps) * len(whats)) // each of them, then again
	deadline := time.Now().Add(50 * time.Second)
	errTrip := errors.New("planned trouble")
	done := map[string]int{}
	for round := range rounds {
		if time.Now().After(deadline) {
			t.Logf("time is over after %d rounds", round)
			break
		}
		if rng.IntN(4) == 0 {
			wr.now = wr.now.AddDate(0, 0, 3)
		}
		ctx, stop := context.WithCancel(context.Background())
		pick := order[round%len(order)]
		step, what := steps[pick%len(steps)], whats[pick/len(steps)]
		skip := min(rng.IntN(2), round/len(order)) // at the first chance, later also at the second
		tripped := make(chan struct{})
		trouble := func() error {
			if strings.Contains(what, "kill") {
				if pid := w.engine.State().PID; pid > 0 { // 0 would be ourselves
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
			if strings.Contains(what, "stop") {
				stop()
			}
			return errTrip
		}
		var once sync.Once
		trip := func(now string) (err error) {
			if now != step {
				return nil
			}
			if skip--; skip >= 0 {
				return nil
			}
			once.Do(func() { err = trouble(); close(tripped) })
			return err
		}
		conn.set(trip)
		log.mu.Lock()
		log.fail = func(op string) (before, after error) {
			if op != "mark" {
				return nil, nil
			}
			return trip("mark-before"), trip("mark-after")
		}
		log.mu.Unlock()
		if step == "time" {
			time.AfterFunc(time.Duration(rng.IntN(150))*time.Millisecond, func() { once.Do(func() { _ = trouble(); close(tripped) }) })
		}
		s := NewSink(w, log)
		over := make(chan struct{})
		go func() { defer close(over); s.Run(ctx) }()
		for range 3 {
			wr.some()
			time.Sleep(time.Duration(rng.IntN(30)) * time.Millisecond)
		}
		select {
		case <-tripped:
			done[step+" "+what]++
		case <-time.After(5 * time.Second): // the engine may be on its way back
		}
		conn.set(nil)
		log.mu.Lock()
		log.fail = nil
		log.mu.Unlock()
		if rng.IntN(4) == 0 && !strings.Contains(what, "stop") { // sometimes it may get all done
			settled(t, s, log)
		}
		stop()
		<-over
	}
	s, _ := run(t, w, log)
	settled(t, s, log)
	sameRows(t, w, wr.ids)
	frozen(t, log)
	for _, name := range streams {
		if got, err := w.Reconcile(context.Background(), log, Span{Stream: name}); err != nil || len(got.Differences) > 0 {
			t.Errorf("seed %d: %s: %+v, %v", sd, name, got, err)
		}
	}
	if n := s.State()[0].Rebuilds; n != 0 {
		t.Errorf("seed %d: the table was made anew %d times", sd, n)
	}
	t.Logf("%d events; %d restarts of the engine; %v", len(wr.ids), w.engine.State().Restarts, done)
}

// Two sinks on one table at once lose and double nothing, and neither can move
// the border of a batch the other has marked.
func TestTwoSinks(t *testing.T) {
	w, log := open(t), newFakeLog()
	wr := newWriter(log, 21)
	a, _ := run(t, w, log)
	b, _ := run(t, w, log)
	for range 40 {
		wr.some()
		time.Sleep(10 * time.Millisecond)
	}
	settled(t, a, log)
	settled(t, b, log)
	sameRows(t, w, wr.ids)
	frozen(t, log)
	if n := a.State()[0].Rebuilds + b.State()[0].Rebuilds; n != 0 {
		t.Errorf("the table was made anew %d times", n)
	}
}

// While the warehouse is away the sink says so and holds little; when it is
// back everything arrives. (F-16)
func TestOutage(t *testing.T) {
	w, log := open(t), newFakeLog()
	conn := shake(w)
	wr := newWriter(log, 31)
	s, _ := run(t, w, log)
	wr.some()
	settled(t, s, log)
	conn.set(func(string) error { return errors.New("connection refused") })
	for range 300 {
		wr.page(accountA, 50)
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		st := s.State()[1]
		if st.Phase == Waiting && st.Err != nil && st.Lag > time.Second && st.Behind() > 100 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("nobody could see the outage: %+v", st)
		}
		time.Sleep(10 * time.Millisecond)
	}
	conn.set(nil)
	settled(t, s, log)
	sameRows(t, w, wr.ids)
	if st := s.State()[1]; st.Phase != Copying || st.Err != nil || st.Lag != 0 {
		t.Errorf("after the outage: %+v", st)
	}
}

// What makes no row is not skipped: the stream stops before it, with an alarm
// that names it, and goes on when it can be read. So is a damaged log.
func TestPoison(t *testing.T) {
	w, log := open(t), newFakeLog()
	wr := newWriter(log, 41)
	s, _ := run(t, w, log)
	wr.page(accountA, 5)
	good := wr.body(accountA, 5, nil)
	kept := len(wr.ids) - 5
	wr.put(journal.Decisions, "node-1", []byte(strings.Replace(string(good), `"effect":"Allow"`, `"effect":"Perhaps"`, 1)))
	wr.page(accountA, 5)
	alarmed := func(want string) {
		t.Helper()
		deadline := time.Now().Add(10 * time.Second)
		for {
			st := s.State()[1]
			if st.Phase == Alarm && st.Done == 1 && strings.Contains(fmt.Sprint(st.Err), want) {
				break
			}
			if time.Now().After(deadline) {
				t.Fatalf("no alarm about %q: %+v", want, st)
			}
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(300 * time.Millisecond) // many tries
		sameRows(t, w, wr.ids[:kept])
	}
	alarmed("DECISIONS sequence 2")
	log.mu.Lock()
	log.msgs[journal.Decisions][1].Body = good // readable, but not what the chain holds
	log.mu.Unlock()
	alarmed("chain of node-1 breaks at sequence 2")
	log.mu.Lock()
	bodies := [][]byte{log.msgs[journal.Decisions][0].Body, good, log.msgs[journal.Decisions][2].Body}
	log.links, log.msgs[journal.Decisions] = map[string]journal.Hash{}, nil
	for _, b := range bodies {
		log.append(journal.Decisions, journal.Message{Key: "node-1", Body: b})
	}
	log.mu.Unlock()
	settled(t, s, log)
	sameRows(t, w, wr.ids)
}

// A batch the server refuses for good is an alarm, and is tried until it is in.
func TestRefused(t *testing.T) {
	w, log := open(t), newFakeLog()
	wr := newWriter(log, 51)
	s, _ := run(t, w, log)
	wr.some()
	settled(t, s, log)
	alter(t, w, "ALTER TABLE audit.events ADD CONSTRAINT no CHECK event_name != 'CreateUser'")
	wr.put(journal.Decisions, "node-1", wr.body(accountA, 3, func(_ *events.Header, r *events.Record) { r.EventName = "CreateUser" }))
	deadline := time.Now().Add(10 * time.Second)
	for s.State()[1].Phase != Alarm {
		if time.Now().After(deadline) {
			t.Fatalf("no alarm: %+v", s.State())
		}
		time.Sleep(10 * time.Millisecond)
	}
	alter(t, w, "ALTER TABLE audit.events DROP CONSTRAINT no")
	settled(t, s, log)
	sameRows(t, w, wr.ids)
}
