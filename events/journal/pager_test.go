package journal_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"testing"

	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/journal/journaltest"
)

// Whatever fails, an event whose Add succeeded is in the log, once, where Add
// said; and the chain holds from the first page to the last.
func TestPagerLosesNothing(t *testing.T) {
	for seed := range int64(50) {
		r := rand.New(rand.NewSource(seed))
		var mu sync.Mutex
		log := &journaltest.Memory{Fail: func(journal.Stream, journal.Message) (bool, error) {
			mu.Lock()
			defer mu.Unlock()
			if r.Intn(5) == 0 {
				return r.Intn(2) == 0, journaltest.ErrDisk
			}
			return true, nil
		}}
		p, err := journal.NewPager(t.Context(), log, "w", nil)
		if err != nil {
			t.Fatal(err)
		}
		type place struct {
			seq   uint64
			index int
		}
		kept := map[string]place{}
		var km sync.Mutex
		var wg sync.WaitGroup
		for c := range 8 {
			wg.Go(func() {
				for i := range 20 {
					id := fmt.Sprintf(`"%d-%d"`, c, i)
					seq, index, err := p.Add(context.Background(), id, []byte(id))
					if err != nil && !errors.Is(err, journal.ErrUnrecorded) {
						t.Errorf("seed %d: %v", seed, err)
					}
					if err == nil {
						km.Lock()
						kept[id] = place{seq, index}
						km.Unlock()
					}
				}
			})
		}
		wg.Wait()
		p.Close()
		all, err := log.Read(t.Context(), journal.Decisions, 0, 1e6)
		if err != nil {
			t.Fatal(err)
		}
		head := journal.NewHead(journal.Decisions)
		found := map[string]place{}
		for _, m := range all {
			if err := head.Add(&m); err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
			for i, id := range strings.Split(strings.Trim(string(m.Body), "[]"), ",") {
				if _, twice := found[id]; twice {
					t.Fatalf("seed %d: %s is there twice", seed, id)
				}
				found[id] = place{m.Seq, i}
			}
		}
		for id, want := range kept {
			if got, ok := found[id]; !ok || got != want {
				t.Fatalf("seed %d: %s was acknowledged at %v, found at %v (%v)", seed, id, want, got, ok)
			}
		}
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
