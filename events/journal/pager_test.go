package journal_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/journal/journaltest"
)

// Whatever fails, events whose Add succeeded are in the log, once, together,
// where Add said; and the chains hold from the first page to the last: with
// pages on their way behind one another, and two writers in one stream.
func TestPagerLosesNothing(t *testing.T) {
	for seed := range int64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			r := rand.New(rand.NewSource(seed))
			trouble, writers, calls := []int{0, 5, 50}[seed%3], 1+int(seed/3)%2, 20
			if seed >= 30 {
				calls = 150 // so many that pages are worth sending behind others
			}
			var mu sync.Mutex
			log := &journaltest.Memory{Lag: time.Duration(seed%4) * 100 * time.Microsecond, Fail: func(journal.Stream, journal.Message) (bool, error) {
				mu.Lock()
				defer mu.Unlock()
				if trouble > 0 && r.Intn(trouble) == 0 {
					return r.Intn(2) == 0, journaltest.ErrDisk
				}
				return true, nil
			}}
			sends := &counted{Log: log}
			type place struct {
				seq   uint64
				index int
			}
			kept := map[string]place{}
			var km sync.Mutex
			var wg sync.WaitGroup
			var pagers []*journal.Pager
			for w := range writers {
				p, err := journal.NewPager(t.Context(), sends, fmt.Sprint("w", w), nil)
				if err != nil {
					t.Fatal(err)
				}
				pagers = append(pagers, p)
				for c := range calls {
					wg.Go(func() {
						for i := range 5 {
							n := 1 + (c+i)%3
							var ids []string
							var events [][]byte
							for k := range n {
								ids = append(ids, fmt.Sprintf(`"%d-%d-%d-%d"`, w, c, i, k))
								events = append(events, []byte(ids[k]))
							}
							seq, index, err := p.Add(context.Background(), ids[0], events...)
							if err != nil && (trouble == 0 || !errors.Is(err, journal.ErrUnrecorded)) {
								t.Error(err)
							}
							if err == nil {
								km.Lock()
								for k, id := range ids {
									kept[id] = place{seq, index + k}
								}
								km.Unlock()
							}
						}
					})
				}
			}
			wg.Wait()
			for _, p := range pagers {
				p.Close()
			}
			all, err := log.Read(t.Context(), journal.Decisions, 0, 1e6)
			if err != nil {
				t.Fatal(err)
			}
			head := journal.NewHead(journal.Decisions)
			found := map[string]place{}
			for _, m := range all {
				if err := head.Add(&m); err != nil {
					t.Fatal(err)
				}
				for i, id := range strings.Split(strings.Trim(string(m.Body), "[]"), ",") {
					if _, twice := found[id]; twice {
						t.Fatalf("%s is there twice", id)
					}
					found[id] = place{m.Seq, i}
				}
			}
			for id, want := range kept {
				if got, ok := found[id]; !ok || got != want {
					t.Fatalf("%s was acknowledged at %v, found at %v (%v)", id, want, got, ok)
				}
			}
			if log.Lag > 0 && writers == 1 && calls > 20 && trouble == 0 && sends.most < 2 {
				t.Error("no page was sent behind another")
			}
			if sends.most > 2*writers {
				t.Errorf("%d pages were on their way at once", sends.most)
			}
		})
	}
}

// counted counts what was sent and is not yet acknowledged.
type counted struct {
	journal.Log
	mu        sync.Mutex
	now, most int
}

func (c *counted) Send(s journal.Stream, last uint64, m journal.Message) <-chan journal.Ack {
	c.mu.Lock()
	c.now++
	c.most = max(c.most, c.now)
	c.mu.Unlock()
	from, to := c.Log.Send(s, last, m), make(chan journal.Ack, 1)
	go func() {
		a := <-from
		c.mu.Lock()
		c.now--
		c.mu.Unlock()
		to <- a
	}()
	return to
}

// A call is never torn over two pages, and one that no page could hold is refused.
func TestPagerLargeCalls(t *testing.T) {
	log := &journaltest.Memory{}
	p, err := journal.NewPager(t.Context(), log, "w", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	events := make([][]byte, 1000)
	for i := range events {
		events[i] = []byte(`{"n":1}`)
	}
	seq, index, err := p.Add(t.Context(), "a", events...)
	if err != nil || seq != 1 || index != 0 {
		t.Fatalf("%d, %d, %v", seq, index, err)
	}
	m, err := log.Last(t.Context(), journal.Decisions, "w")
	if err != nil || m.ID != "a" || strings.Count(string(m.Body), "{") != 1000 {
		t.Fatalf("%d events in %s, %v", strings.Count(string(m.Body), "{"), m.ID, err)
	}
	if _, _, err := p.Add(t.Context(), "b", make([]byte, 1<<20), make([]byte, 1<<20)); !errors.Is(err, journal.ErrUnrecorded) {
		t.Fatalf("two mebibytes: %v", err)
	}
}

// What one process acknowledged the next one finds: pages and marks survive a
// restart of the embedded server, and the writer's chain goes on.
func TestPagerResumes(t *testing.T) {
	dir := t.TempDir()
	for round := range uint64(3) {
		l := embedded(t, dir)
		p, err := journal.NewPager(t.Context(), l, "w", nil)
		if err != nil {
			t.Fatal(err)
		}
		if seq, _, err := p.Add(t.Context(), fmt.Sprint(round), []byte(`{}`)); err != nil || seq != round+1 {
			t.Fatalf("round %d: sequence %d, %v", round, seq, err)
		}
		p.Close()
		all, err := l.Read(t.Context(), journal.Decisions, 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		head := journal.NewHead(journal.Decisions)
		for i := range all {
			if err := head.Add(&all[i]); err != nil {
				t.Fatal(err)
			}
		}
		l.Close()
	}
}
