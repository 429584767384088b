package projections_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/journal/journaltest"
	"github.com/keytrail/keytrail/projections"
)

// scribe writes units of a few accounts, chained as the journal wants them.
type scribe struct {
	t    testing.TB
	log  journal.Log
	last map[string]journal.Message
	ids  map[string][]string // of the users there are, by account
	n    int
	r    *rand.Rand
}

func newScribe(t testing.TB, log journal.Log, seed int64) *scribe {
	return &scribe{t: t, log: log, last: map[string]journal.Message{}, ids: map[string][]string{}, r: rand.New(rand.NewSource(seed))}
}

// message is the next unit of an account; facts are as written, so that they may
// be unknown or broken.
func (s *scribe) message(account string, types ...string) journal.Message {
	s.t.Helper()
	body := []byte{'['}
	for i, tf := range types {
		typ, data, _ := strings.Cut(tf, " ")
		if i > 0 {
			body = append(body, ',')
		}
		at := time.Date(2026, 3, 29, 0, 59, 59, s.n*1000, time.UTC) // where clocks go forward
		body = events.Append(body, &events.Header{ID: fmt.Sprint(s.n, "-", i), Partition: "aws", Account: account, Type: typ, Time: at}, []byte(data))
	}
	body = append(body, ']')
	prev, ok := s.last[account]
	if !ok {
		prev.Link = journal.Genesis(journal.Identity, account)
	}
	s.n++
	return journal.Message{Key: account, ID: fmt.Sprint(s.n), Link: journal.Next(prev.Link, journal.Leaf(body)), Body: body}
}

func (s *scribe) write(m journal.Message) journal.Message {
	s.t.Helper()
	var err error
	if m.Seq, err = s.log.Append(context.Background(), journal.Identity, s.last[m.Key].Seq, m); err != nil {
		s.t.Fatal(err)
	}
	s.last[m.Key] = m
	return m
}

// any writes n random units that make sense.
func (s *scribe) any(n int) (all []journal.Message) {
	for range n {
		account := fmt.Sprint("11112222333", s.r.Intn(3))
		if _, ok := s.last[account]; !ok {
			all = append(all, s.write(s.message(account, fmt.Sprintf(`iam.account.created.v1 {"id":%q,"name":"n"}`, account))))
			continue
		}
		id := fmt.Sprint("AIDA", s.n)
		facts := []string{fmt.Sprintf(`iam.user.created.v1 {"id":%q,"name":"user%d","path":"/"}`, id, s.n%100*1000+s.n)}
		if ids := s.ids[account]; len(ids) > 0 && s.r.Intn(2) == 0 {
			i := s.r.Intn(len(ids))
			facts = []string{fmt.Sprintf(`iam.tags.set.v1 {"id":%q,"tags":[{"key":"k","value":"%d"}]}`, ids[i], s.n)}
			if s.r.Intn(2) == 0 {
				facts = append(facts, fmt.Sprintf(`iam.user.deleted.v1 {"id":%q}`, ids[i]))
				s.ids[account] = append(ids[:i], ids[i+1:]...)
			}
		} else {
			s.ids[account] = append(ids, id)
		}
		all = append(all, s.write(s.message(account, facts...)))
	}
	return all
}

func replayAll(t testing.TB, log journal.Log) (*projections.World, *journal.Head) {
	t.Helper()
	w, head := &projections.World{}, journal.NewHead(journal.Identity)
	if err := projections.Replay(t.Context(), log, w, head, 0, nil); err != nil {
		t.Fatal(err)
	}
	return w, head
}

// Whoever offers what, in whatever order and how often, each unit is folded once,
// in sequence, and the World is that of a replay.
func TestLiveOffers(t *testing.T) {
	for seed := range int64(50) {
		log := &journaltest.Memory{}
		all := newScribe(t, log, seed).any(60)
		heard := uint64(0)
		live := projections.NewLive(log, &projections.World{}, journal.NewHead(journal.Identity), func(m journal.Message) {
			if heard++; m.Seq != heard {
				t.Errorf("seed %d: heard %d as the %d.", seed, m.Seq, heard)
			}
		})
		var offering sync.WaitGroup
		for c := range 3 { // each offers all, in an order of its own
			r := rand.New(rand.NewSource(seed*3 + int64(c)))
			offering.Go(func() {
				for _, i := range r.Perm(len(all)) {
					if err := live.Offer(all[i]); err != nil {
						t.Errorf("seed %d: %v", seed, err)
					}
				}
			})
		}
		offering.Wait()
		want, head := replayAll(t, log)
		got, tree, links := live.Freeze()
		if got.Seq != 60 || heard != 60 || got.Hash() != want.Hash() || tree.Root() != head.Tree.Root() || len(links) != len(head.Links()) {
			t.Fatalf("seed %d: stands at %d, heard %d, hash %x; replay %d, %x", seed, got.Seq, heard, got.Hash(), want.Seq, want.Hash())
		}
	}
}

// What can't be folded stops everything at the unit before: it is never skipped,
// and nothing is served from then on.
func TestLiveHalts(t *testing.T) {
	for name, bad := range map[string]func(s *scribe, m journal.Message) journal.Message{
		"an unknown type": func(s *scribe, m journal.Message) journal.Message {
			return s.message(m.Key, `iam.unicorn.created.v1 {}`)
		},
		"a newer version": func(s *scribe, m journal.Message) journal.Message {
			return s.message(m.Key, `iam.user.created.v2 {"id":"x"}`)
		},
		"data of no use": func(s *scribe, m journal.Message) journal.Message { return s.message(m.Key, `iam.user.created.v1 [1]`) },
		"an unknown after a known": func(s *scribe, m journal.Message) journal.Message {
			return s.message(m.Key, `iam.user.created.v1 {"id":"AIDAX","name":"x"}`, `iam.unicorn.created.v1 {}`)
		},
		"another account's": func(s *scribe, m journal.Message) journal.Message {
			m.Body = []byte(strings.ReplaceAll(string(m.Body), m.Key, "999999999999"))
			m.Link = journal.Next(s.last[m.Key].Link, journal.Leaf(m.Body))
			return m
		},
		"no batch": func(s *scribe, m journal.Message) journal.Message {
			m.Body = []byte("{}")
			m.Link = journal.Next(s.last[m.Key].Link, journal.Leaf(m.Body))
			return m
		},
		"a broken chain": func(s *scribe, m journal.Message) journal.Message { m.Link[3] ^= 1; return m },
		"another body": func(s *scribe, m journal.Message) journal.Message {
			m.Body = append(m.Body[:len(m.Body):len(m.Body)], ' ')
			return m
		},
		"another account": func(s *scribe, m journal.Message) journal.Message { m.Key = "111122223339"; return m },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				log := &journaltest.Memory{}
				s := newScribe(t, log, 1)
				s.any(10)
				w, head := replayAll(t, log)
				live := projections.NewLive(log, w, head, nil)
				before := w.Hash()
				ended := make(chan error, 1)
				go func() { ended <- live.Follow(context.Background()) }()
				m := bad(s, s.message("111122223330", `iam.user.created.v1 {"id":"AIDAX","name":"x"}`))
				if _, err := log.Append(context.Background(), journal.Identity, s.last[m.Key].Seq, m); err != nil {
					t.Fatal(err)
				}
				if err := <-ended; err == nil {
					t.Error("following ended without a reason")
				}
				if err := live.Read(func(*projections.World) { t.Error("read") }); err == nil {
					t.Error("it still serves")
				}
				if live.Broken() == nil || live.Wait(t.Context(), 1) == nil || live.CatchUp(t.Context()) == nil || live.Offer(m) == nil {
					t.Error("it is not broken in every respect")
				}
				if got, _, _ := live.Freeze(); got.Seq != 10 || got.Hash() != before {
					t.Errorf("stands at %d with another state", got.Seq)
				}
				// A start refuses it just so.
				if err := projections.Replay(t.Context(), log, &projections.World{}, journal.NewHead(journal.Identity), 0, nil); err == nil {
					t.Error("a replay takes it")
				}
			})
		})
	}
}

// A log that ends before what was read of it is not served for longer than a
// second or two, though no message says so.
func TestLiveSeesRegress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &journaltest.Memory{}
		newScribe(t, log, 1).any(10)
		w, head := replayAll(t, log)
		live := projections.NewLive(log, w, head, nil)
		ended := make(chan error, 1)
		go func() { ended <- live.Follow(context.Background()) }()
		time.Sleep(time.Minute)
		if err := live.Servable(); err != nil {
			t.Fatal(err)
		}
		log.Edit(journal.Identity, func(all []journal.Message) []journal.Message { return all[:9] })
		time.Sleep(2 * time.Second)
		if err := live.Servable(); !errors.Is(err, journal.ErrDamaged) {
			t.Errorf("two seconds after a cut: %v", err)
		}
		if err := <-ended; !errors.Is(err, journal.ErrDamaged) {
			t.Errorf("following ended with %v", err)
		}
	})
}

// slowEnd looks at the end and tells it later, when others have written.
type slowEnd struct {
	*journaltest.Memory
	looked atomic.Int32
	during func()
}

func (s *slowEnd) End(ctx context.Context, st journal.Stream) (uint64, error) {
	end, err := s.Memory.End(ctx, st)
	s.looked.Add(1)
	s.during()
	return end, err
}

// What is written while the end is being looked at does not look like a cut.
func TestLiveBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &slowEnd{Memory: &journaltest.Memory{}}
		s := newScribe(t, log.Memory, 1)
		s.any(10)
		w, head := replayAll(t, log.Memory)
		live := projections.NewLive(log, w, head, nil)
		log.during = func() {
			for _, m := range s.any(3) {
				if err := live.Offer(m); err != nil {
					t.Error(err)
				}
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		go live.Follow(ctx)
		for range 30 {
			time.Sleep(time.Second)
			if err := live.Servable(); err != nil {
				t.Fatal(err)
			}
		}
		cancel()
		synctest.Wait()
		if log.looked.Load() < 25 {
			t.Errorf("looked %d times", log.looked.Load())
		}
	})
}

// pages is a Log that reads at most some messages at once, as one bounded in
// bytes does.
type pages struct {
	journal.Log
	limit int
}

func (p pages) Read(ctx context.Context, s journal.Stream, after uint64, limit int) ([]journal.Message, error) {
	return p.Log.Read(ctx, s, after, min(limit, p.limit))
}

// To have caught up is to be at the end, however small the pages are.
func TestCatchUpReachesTheEnd(t *testing.T) {
	log := &journaltest.Memory{}
	newScribe(t, log, 1).any(100)
	live := projections.NewLive(pages{log, 7}, &projections.World{}, journal.NewHead(journal.Identity), nil)
	if err := live.CatchUp(t.Context()); err != nil || live.Seq() != 100 {
		t.Errorf("at %d, %v; want 100", live.Seq(), err)
	}
}
