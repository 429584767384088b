package journal_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/journal/journaltest"
)

var (
	signKey = ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	macKey  = []byte("the key of the files")
)

func vault(t testing.TB, dir string) *journal.Vault {
	t.Helper()
	v, err := journal.OpenVault(dir, "log1", signKey)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// add appends n messages of one writer.
func add(t testing.TB, l journal.Log, n int) {
	t.Helper()
	ctx := context.Background()
	last, err := l.Last(ctx, journal.Decisions, "w")
	if errors.Is(err, journal.ErrNone) {
		last, err = journal.Message{Link: journal.Genesis(journal.Decisions, "w")}, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		m := journaltest.Message(journal.Decisions, "w", fmt.Sprint("id", last.Seq), fmt.Sprint("body", last.Seq), last.Link)
		if m.Seq, err = l.Append(ctx, journal.Decisions, last.Seq, m); err != nil {
			t.Fatal(err)
		}
		last = m
	}
}

func watch(l journal.Log, v *journal.Vault) (*journal.Watch, error) {
	return journal.OpenWatch(context.Background(), l, v, journal.Decisions, macKey)
}

func silence(t testing.TB) *strings.Builder {
	var b strings.Builder
	old := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&b, nil)))
	t.Cleanup(func() { slog.SetDefault(old) })
	return &b
}

// What was signed and is not there any more is refused at the next opening,
// whatever was done to it; what is only a note of where the reading stood is not
// needed.
func TestWatchRefuses(t *testing.T) {
	edit := func(f func([]journal.Message) []journal.Message) func(*journaltest.Memory, string) {
		return func(l *journaltest.Memory, _ string) { l.Edit(journal.Decisions, f) }
	}
	file := func(name string, f func([]byte) []byte) func(*journaltest.Memory, string) {
		return func(_ *journaltest.Memory, dir string) {
			b, err := os.ReadFile(filepath.Join(dir, name))
			if err == nil && f != nil {
				err = os.WriteFile(filepath.Join(dir, name), f(b), 0o600)
			} else if err == nil {
				err = os.Remove(filepath.Join(dir, name))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	flip := func(b []byte) []byte { b[len(b)/2] ^= 4; return b }
	both := func(fs ...func(*journaltest.Memory, string)) func(*journaltest.Memory, string) {
		return func(l *journaltest.Memory, dir string) {
			for _, f := range fs {
				f(l, dir)
			}
		}
	}
	cut := edit(func(all []journal.Message) []journal.Message { return all[:20] })
	for _, c := range []struct {
		name string
		do   func(*journaltest.Memory, string)
		want error
	}{
		{"nothing", func(*journaltest.Memory, string) {}, nil},
		{"the tail cut", cut, journal.ErrDamaged},
		{"everything cut", edit(func(all []journal.Message) []journal.Message { return nil }), journal.ErrDamaged},
		{"cut, no head", both(cut, file("decisions.head", nil)), journal.ErrDamaged},
		{"cut, no checkpoint", both(cut, file("decisions.checkpoint", nil)), journal.ErrDamaged},
		{"cut, no checkpoint, no head", both(cut, file("decisions.checkpoint", nil), file("decisions.head", nil)), journal.ErrDamaged},
		{"cut, no checkpoints", both(cut, file("decisions.checkpoint", nil), file("decisions.checkpoints", nil)), journal.ErrDamaged},
		{"an altered head", file("decisions.head", flip), nil},
		{"no head", file("decisions.head", nil), nil},
		{"no newest checkpoint", file("decisions.checkpoint", nil), nil},
		{"an altered checkpoint", file("decisions.checkpoint", flip), journal.ErrDamaged},
		{"another body after the checkpoint", edit(func(all []journal.Message) []journal.Message { all[30].Body = []byte("x"); return all }), journal.ErrDamaged},
		{"another link after the checkpoint", edit(func(all []journal.Message) []journal.Message { all[30].Link[0]++; return all }), journal.ErrDamaged},
		{"a gap after the checkpoint", edit(func(all []journal.Message) []journal.Message { return append(all[:27:27], all[28:]...) }), journal.ErrDamaged},
		{"a writer's only message gone", edit(func(all []journal.Message) []journal.Message { return append(all[:28:28], all[29:]...) }), journal.ErrDamaged},
		{"two exchanged after the checkpoint", edit(func(all []journal.Message) []journal.Message { all[26], all[27] = all[27], all[26]; return all }), journal.ErrDamaged},
		{"another body before it, no head", both(edit(func(all []journal.Message) []journal.Message { all[5].Body = []byte("x"); return all }), file("decisions.head", nil)), journal.ErrDamaged},
		{"another history, chained anew, no head", both(edit(func(all []journal.Message) []journal.Message {
			link := journal.Genesis(journal.Decisions, "w")
			for i := range all {
				all[i].Body = []byte(fmt.Sprint("another", i))
				link = journal.Next(link, journal.Leaf(all[i].Body))
				all[i].Link = link
			}
			return all
		}), file("decisions.head", nil)), journal.ErrDamaged},
	} {
		t.Run(c.name, func(t *testing.T) {
			said := silence(t)
			dir, l := t.TempDir(), &journaltest.Memory{}
			add(t, l, 12)
			w, err := watch(l, vault(t, dir))
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Sign(); err != nil {
				t.Fatal(err)
			}
			add(t, l, 12)
			if err := w.CatchUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := w.Sign(); err != nil { // at 24
				t.Fatal(err)
			}
			add(t, l, 4) // not signed
			only := journaltest.Message(journal.Decisions, "z", "z", "z", journal.Genesis(journal.Decisions, "z"))
			if _, err := l.Append(t.Context(), journal.Decisions, 0, only); err != nil {
				t.Fatal(err)
			}
			add(t, l, 4)
			c.do(l, dir)
			w, err = watch(l, vault(t, dir))
			if !errors.Is(err, c.want) || (w == nil) != (err != nil) {
				t.Fatalf("opens with %v, want %v", err, c.want)
			}
			if strings.Contains(c.name, "altered head") && !strings.Contains(said.String(), "altered") {
				t.Errorf("does not say so: %q", said)
			}
			if err != nil {
				return
			}
			if err := w.CatchUp(t.Context()); err != nil {
				t.Error(err)
			}
			if err := w.Sign(); err != nil {
				t.Error(err)
			}
			if got, err := vault(t, dir).Newest(journal.Decisions); err != nil || got.Size != 33 {
				t.Errorf("signed up to %d, %v; want 33", got.Size, err)
			}
		})
	}
}

// A stream that is cut, broken or rewritten while it is watched ends the watch;
// one that cannot be read for a while does not.
func TestWatchRuns(t *testing.T) {
	for name, c := range map[string]struct {
		do   func([]journal.Message) []journal.Message
		want error
	}{
		"nothing": {func(all []journal.Message) []journal.Message { return all }, nil},
		"cut":     {func(all []journal.Message) []journal.Message { return all[:3] }, journal.ErrDamaged},
		"replaced": {func(all []journal.Message) []journal.Message {
			return append(all, journal.Message{Seq: 11, Key: "w", ID: "x", Body: []byte("x")})
		}, journal.ErrDamaged},
		"a gap": {func(all []journal.Message) []journal.Message {
			return append(all, journal.Message{Seq: 12, Key: "w", ID: "x", Body: []byte("x")})
		}, journal.ErrDamaged},
	} {
		t.Run(name, func(t *testing.T) {
			silence(t)
			dir := t.TempDir()
			synctest.Test(t, func(t *testing.T) {
				l := &journaltest.Memory{}
				w, err := watch(l, vault(t, dir))
				if err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				var heard atomic.Int32
				done := make(chan error, 1)
				go func() { done <- w.Run(ctx, func(journal.Message) { heard.Add(1) }) }()
				add(t, l, 10)
				time.Sleep(11 * time.Second)
				if c, err := vault(t, dir).Newest(journal.Decisions); err != nil || c.Size != 10 {
					t.Errorf("ten seconds after the last message %d are signed, %v; want 10", c.Size, err)
				}
				l.Edit(journal.Decisions, c.do)
				if name != "cut" { // the next message wakes the watch; a cut it must see by itself
					m := journaltest.Message(journal.Decisions, "z", "z", "z", journal.Genesis(journal.Decisions, "z"))
					if _, err := l.Append(ctx, journal.Decisions, 0, m); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(3 * time.Second)
				select {
				case err := <-done:
					if c.want == nil || !errors.Is(err, c.want) {
						t.Errorf("ended with %v, want %v", err, c.want)
					}
				default:
					if c.want != nil {
						t.Errorf("goes on, want %v", c.want)
					}
				}
				if got := heard.Load(); name == "nothing" && got != 11 {
					t.Errorf("heard %d, want 11", got)
				}
				cancel()
				synctest.Wait()
			})
		})
	}
}

// A vault never holds two histories, and takes no checkpoint that it did not sign.
func TestVaultRefuses(t *testing.T) {
	v := vault(t, t.TempDir())
	var a, b journal.Tree
	for i := range 5 {
		a.Add(journal.Leaf([]byte(fmt.Sprint("a", i))))
		b.Add(journal.Leaf([]byte(fmt.Sprint("b", i))))
	}
	if err := v.Store(journal.Identity, &a); err != nil {
		t.Fatal(err)
	}
	if err := v.Store(journal.Identity, &a); err != nil {
		t.Errorf("the same again: %v", err)
	}
	if err := v.Store(journal.Identity, &b); !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("another history of the same size: %v", err)
	}
	if err := v.Store(journal.Identity, &journal.Tree{}); !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("a shorter one: %v", err)
	}
	dir := t.TempDir()
	if err := vault(t, dir).Store(journal.Identity, &a); err != nil {
		t.Fatal(err)
	}
	other, err := journal.OpenVault(dir, "log1", ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", ed25519.SeedSize))))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Newest(journal.Identity); !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("signed by another key: %v", err)
	}
}

// A writer whose acknowledged pages are gone writes nothing more: a sequence is
// never given out twice.
func TestPagerRefusesRegress(t *testing.T) {
	fail := false
	l := &journaltest.Memory{Fail: func(journal.Stream, journal.Message) (bool, error) {
		if fail {
			return false, journaltest.ErrDisk
		}
		return true, nil
	}}
	p, err := journal.NewPager(t.Context(), l, "w", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	page := func(id string) error {
		_, _, err := p.Add(t.Context(), id, []byte(`{}`))
		return err
	}
	for i := range 5 {
		if err := page(fmt.Sprint(i)); err != nil {
			t.Fatal(err)
		}
	}
	l.Edit(journal.Decisions, func(all []journal.Message) []journal.Message { return all[:3] })
	for i := range 4 {
		fail = i == 0
		if err := page(fmt.Sprint("more", i)); !errors.Is(err, journal.ErrUnrecorded) {
			t.Errorf("after a cut: %v, want it refused", err)
		}
	}
	if end, _ := l.End(t.Context(), journal.Decisions); end != 3 {
		t.Errorf("the log ends at %d, want 3: a sequence was given out again", end)
	}
	if err := p.Down(); !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("down because of %v, want damage", err)
	}
}

// After Close, Add refuses; nothing panics and nothing hangs.
func TestPagerCloses(t *testing.T) {
	l := &journaltest.Memory{}
	p, err := journal.NewPager(t.Context(), l, "w", nil)
	if err != nil {
		t.Fatal(err)
	}
	stop := make(chan struct{})
	done := make(chan int)
	for c := range 8 {
		go func() {
			kept := 0
			for i := 0; ; i++ {
				select {
				case <-stop:
					done <- kept
					return
				default:
				}
				if _, _, err := p.Add(context.Background(), fmt.Sprint(c, "-", i), []byte(`{}`)); err == nil {
					kept++
				} else if !errors.Is(err, journal.ErrUnrecorded) {
					t.Error(err)
				}
			}
		}()
	}
	time.Sleep(20 * time.Millisecond)
	p.Close()
	close(stop)
	kept := 0
	for range 8 {
		kept += <-done
	}
	found := 0
	all, _ := l.Read(t.Context(), journal.Decisions, 0, 1e9)
	for _, m := range all {
		found += strings.Count(string(m.Body), "{}")
	}
	if found < kept {
		t.Errorf("%d acknowledged, %d found", kept, found)
	}
}
