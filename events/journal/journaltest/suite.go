package journaltest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keytrail/keytrail/events/journal"
)

// Message makes the next message of a key.
func Message(s journal.Stream, key, id, body string, prev journal.Hash) journal.Message {
	return journal.Message{Key: key, ID: id, Link: journal.Next(prev, journal.Leaf([]byte(body))), Body: []byte(body)}
}

// Suite is the contract of journal.Log. open gives an empty Log.
func Suite(t *testing.T, open func(t *testing.T) journal.Log) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()

	t.Run("append follows the key's last message", func(t *testing.T) {
		l := open(t)
		m1 := Message(journal.Identity, "a", "1", "one", journal.Genesis(journal.Identity, "a"))
		seq, err := l.Append(ctx, journal.Identity, 0, m1)
		if err != nil || seq != 1 {
			t.Fatalf("first append: %d, %v", seq, err)
		}
		if _, err := l.Append(ctx, journal.Identity, 0, Message(journal.Identity, "a", "2", "two", m1.Link)); !errors.Is(err, journal.ErrConflict) {
			t.Fatalf("append after 0 when 1 is there: %v, want ErrConflict", err)
		}
		if seq, err := l.Append(ctx, journal.Identity, 0, m1); err != nil || seq != 1 {
			t.Fatalf("the same message again: %d, %v, want 1", seq, err)
		}
		if seq, err := l.Append(ctx, journal.Identity, 0, Message(journal.Identity, "b", "3", "three", journal.Genesis(journal.Identity, "b"))); err != nil || seq != 2 {
			t.Fatalf("another key: %d, %v", seq, err)
		}
		if seq, err := l.Append(ctx, journal.Identity, 1, Message(journal.Identity, "a", "4", "four", m1.Link)); err != nil || seq != 3 {
			t.Fatalf("second of a key: %d, %v", seq, err)
		}
		last, err := l.Last(ctx, journal.Identity, "a")
		if err != nil || last.Seq != 3 || string(last.Body) != "four" || last.ID != "4" || last.Key != "a" {
			t.Fatalf("last of a: %+v, %v", last, err)
		}
		if _, err := l.Last(ctx, journal.Identity, "c"); !errors.Is(err, journal.ErrNone) {
			t.Fatalf("last of an unused key: %v", err)
		}
		if end, err := l.End(ctx, journal.Identity); err != nil || end != 3 {
			t.Fatalf("end: %d, %v", end, err)
		}
		if end, err := l.End(ctx, journal.Decisions); err != nil || end != 0 {
			t.Fatalf("end of the other stream: %d, %v", end, err)
		}
		got, err := l.Read(ctx, journal.Identity, 1, 10)
		if err != nil || len(got) != 2 || got[0].Seq != 2 || string(got[1].Body) != "four" {
			t.Fatalf("read after 1: %+v, %v", got, err)
		}
		head := journal.NewHead(journal.Identity)
		all, err := l.Read(ctx, journal.Identity, 0, 10)
		if err != nil {
			t.Fatal(err)
		}
		for i := range all {
			if err := head.Add(&all[i]); err != nil {
				t.Fatal(err)
			}
		}
	})

	t.Run("read gives everything in pages", func(t *testing.T) {
		l := open(t)
		link, last := journal.Genesis(journal.Decisions, "w"), uint64(0)
		for i := range 257 {
			m := Message(journal.Decisions, "w", fmt.Sprint(i), fmt.Sprint("body ", i), link)
			seq, err := l.Append(ctx, journal.Decisions, last, m)
			if err != nil {
				t.Fatal(err)
			}
			link, last = m.Link, seq
		}
		var after uint64
		for after < 257 {
			got, err := l.Read(ctx, journal.Decisions, after, 100)
			if err != nil || len(got) == 0 {
				t.Fatalf("after %d: %d messages, %v", after, len(got), err)
			}
			for _, m := range got {
				if after++; m.Seq != after || string(m.Body) != fmt.Sprint("body ", after-1) {
					t.Fatalf("got %d %q, want %d", m.Seq, m.Body, after)
				}
			}
		}
		if got, err := l.Read(ctx, journal.Decisions, after, 100); err != nil || len(got) != 0 {
			t.Fatalf("beyond the end: %v, %v", got, err)
		}
	})

	t.Run("of many appends after the same message one wins", func(t *testing.T) {
		l := open(t)
		for round := range uint64(20) {
			var won atomic.Int32
			var wg sync.WaitGroup
			for i := range 8 {
				wg.Go(func() {
					_, err := l.Append(ctx, journal.Identity, round, Message(journal.Identity, "a", fmt.Sprint(round, "-", i), "x", journal.Hash{}))
					if err == nil {
						won.Add(1)
					} else if !errors.Is(err, journal.ErrConflict) {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			if won.Load() != 1 {
				t.Fatalf("round %d: %d winners, want 1", round, won.Load())
			}
		}
	})

	t.Run("follow sees all, old and new, in order", func(t *testing.T) {
		l := open(t)
		const n = 50
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		seen := make(chan uint64, n)
		done := make(chan error, 1)
		go func() {
			done <- l.Follow(ctx, journal.Identity, 0, func(m journal.Message) error { seen <- m.Seq; return nil })
		}()
		link := journal.Genesis(journal.Identity, "a")
		for i := range uint64(n) {
			m := Message(journal.Identity, "a", fmt.Sprint(i), "x", link)
			if _, err := l.Append(ctx, journal.Identity, i, m); err != nil {
				t.Fatal(err)
			}
			link = m.Link
		}
		for want := uint64(1); want <= n; want++ {
			select {
			case got := <-seen:
				if got != want {
					t.Fatalf("followed %d, want %d", got, want)
				}
			case <-ctx.Done():
				t.Fatalf("no message %d", want)
			}
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Fatalf("follow ended with %v", err)
		}
	})

	t.Run("a mark moves by compare-and-swap", func(t *testing.T) {
		l := open(t)
		if _, _, err := l.Marked(ctx, "sink/x/IDENTITY"); !errors.Is(err, journal.ErrNone) {
			t.Fatalf("no mark yet: %v", err)
		}
		rev, err := l.Mark(ctx, "sink/x/IDENTITY", []byte("1"), 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Mark(ctx, "sink/x/IDENTITY", []byte("2"), 0); !errors.Is(err, journal.ErrConflict) {
			t.Fatalf("stale revision: %v", err)
		}
		if rev, err = l.Mark(ctx, "sink/x/IDENTITY", []byte("3"), rev); err != nil {
			t.Fatal(err)
		}
		v, r, err := l.Marked(ctx, "sink/x/IDENTITY")
		if err != nil || string(v) != "3" || r != rev {
			t.Fatalf("marked %q at %d, %v; want 3 at %d", v, r, err, rev)
		}
	})
}
