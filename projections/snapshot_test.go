package projections_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/journal/journaltest"
	"github.com/keytrail/keytrail/projections"
)

func silence(t testing.TB) {
	old := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	t.Cleanup(func() { slog.SetDefault(old) })
}

func snapshots(t testing.TB, dir, logID, key string) *projections.Snapshots {
	t.Helper()
	s, err := projections.OpenSnapshots(dir, logID, []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func save(t testing.TB, s *projections.Snapshots, w *projections.World, head *journal.Head) {
	t.Helper()
	if _, err := s.Save(w.Freeze(), head.Tree.Clone(), head.Links()); err != nil {
		t.Fatal(err)
	}
}

// pages of any size, any number of stops and starts, a snapshot anywhere:
// one state, one tree, one set of chains.
func TestReplayIsOne(t *testing.T) {
	log := &journaltest.Memory{}
	newScribe(t, log, 7).any(1100)
	want, wantHead := replayAll(t, log)
	check := func(what string, w *projections.World, head *journal.Head) {
		t.Helper()
		if w.Seq != want.Seq || w.Hash() != want.Hash() {
			t.Errorf("%s: %x at %d, want %x at %d", what, w.Hash(), w.Seq, want.Hash(), want.Seq)
		}
		if head.Tree.Root() != wantHead.Tree.Root() || fmt.Sprint(head.Links()) != fmt.Sprint(wantHead.Links()) {
			t.Errorf("%s: another tree or other chains", what)
		}
	}
	for _, size := range []int{1, 7, 1000} {
		w, head := &projections.World{}, journal.NewHead(journal.Identity)
		if err := projections.Replay(t.Context(), pages{log, size}, w, head, 0, nil); err != nil {
			t.Fatal(err)
		}
		check(fmt.Sprint("pages of ", size), w, head)
	}
	w, head := &projections.World{}, journal.NewHead(journal.Identity)
	for at := uint64(97); w.Seq < want.Seq; at += 97 { // stopped at every 97th
		if err := projections.Replay(t.Context(), log, w, head, min(at, want.Seq), nil); err != nil {
			t.Fatal(err)
		}
	}
	check("stopped at every 97th", w, head)
	for seed := range int64(8) {
		r := rand.New(rand.NewSource(seed))
		s := snapshots(t, t.TempDir(), "log1", "k")
		w, head := &projections.World{}, journal.NewHead(journal.Identity)
		for w.Seq < want.Seq {
			to := min(w.Seq+1+uint64(r.Intn(500)), want.Seq)
			if r.Intn(2) == 0 {
				if err := projections.Replay(t.Context(), pages{log, 1 + r.Intn(50)}, w, head, to, nil); err != nil {
					t.Fatal(err)
				}
			} else { // the rest of it live
				live := projections.NewLive(log, w, head, nil)
				all, err := log.Read(t.Context(), journal.Identity, w.Seq, int(to-w.Seq))
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range all {
					if err := live.Offer(m); err != nil {
						t.Fatal(err)
					}
				}
			}
			if r.Intn(2) == 0 {
				save(t, s, w, head)
				var why, err error
				if w, head, why, err = s.Newest(want.Seq); why != nil || err != nil {
					t.Fatal(why, err)
				}
			}
		}
		check(fmt.Sprintf("seed %d: snapshots anywhere", seed), w, head)
	}
}

// neither the number of processors nor the time zone nor the locale nor the
// seed of maps is in a state's hash.
func TestReplayAnywhere(t *testing.T) {
	log := &journaltest.Memory{}
	newScribe(t, log, 7).any(200)
	w, _ := replayAll(t, log)
	hash := fmt.Sprintf("hash %x", w.Hash())
	if os.Getenv("KEYTRAIL_TEST_HASH") != "" {
		fmt.Println(hash)
		return
	}
	for _, env := range [][]string{
		{"TZ=UTC", "GOMAXPROCS=1", "LC_ALL=C"},
		{"TZ=Pacific/Apia", "GOMAXPROCS=4", "LC_ALL=tr_TR.UTF-8"},
		{"TZ=Europe/Berlin", "GOMAXPROCS=16", "LC_ALL=de_DE.UTF-8"},
		{"TZ=America/St_Johns", "GOMAXPROCS=2", "GOGC=1"},
	} {
		cmd := exec.Command(os.Args[0], "-test.run", "^TestReplayAnywhere$")
		cmd.Env = append(append(os.Environ(), env...), "KEYTRAIL_TEST_HASH=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), hash) {
			t.Errorf("%v: %v: %s; want %s", env, err, out, hash)
		}
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	if again, _ := replayAll(t, log); again.Hash() != w.Hash() {
		t.Error("another hash on one processor")
	}
}

// A snapshot is believed only if it is whole, sealed by our key, of our log, and
// of nothing that the log does not have.
func TestSnapshotRefused(t *testing.T) {
	silence(t)
	log := &journaltest.Memory{}
	s := newScribe(t, log, 3)
	s.any(30)
	w1, h1 := replayAll(t, log)
	s.any(30)
	w2, h2 := replayAll(t, log)
	made := func(t *testing.T) (dir string, newest string) {
		dir = t.TempDir()
		snaps := snapshots(t, dir, "log1", "k")
		save(t, snaps, w1, h1)
		save(t, snaps, w2, h2)
		return dir, filepath.Join(dir, fmt.Sprintf("%020d.snapshot", 60))
	}
	edit := func(t *testing.T, name string, f func([]byte) []byte) {
		b, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(name, f(b), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	seal := func(b []byte) []byte {
		mac := hmac.New(sha256.New, []byte("k"))
		mac.Write(b)
		return mac.Sum(b)
	}
	for name, c := range map[string]struct {
		do     func(t *testing.T, newest string)
		logID  string
		key    string
		end    uint64
		want   uint64 // sequence of the one that is used; 0: none
		broken bool   // the log, not the snapshot
	}{
		"whole":                       {want: 60},
		"a flipped bit":               {do: func(t *testing.T, n string) { edit(t, n, func(b []byte) []byte { b[len(b)/2] ^= 1; return b }) }, want: 30},
		"a flipped bit of its header": {do: func(t *testing.T, n string) { edit(t, n, func(b []byte) []byte { b[9] ^= 1; return b }) }, want: 30},
		"cut":                         {do: func(t *testing.T, n string) { edit(t, n, func(b []byte) []byte { return b[:len(b)-1] }) }, want: 30},
		"empty":                       {do: func(t *testing.T, n string) { edit(t, n, func(b []byte) []byte { return nil }) }, want: 30},
		"another file": {do: func(t *testing.T, n string) {
			edit(t, n, func(b []byte) []byte { return []byte(strings.Repeat("x", 5000)) })
		}, want: 30},
		"sealed, but of another version": {do: func(t *testing.T, n string) {
			edit(t, n, func(b []byte) []byte {
				b = bytes.Replace(b[:len(b)-sha256.Size], []byte(`{"version":3,`), []byte(`{"version":2,`), 1)
				return seal(b)
			})
		}, want: 30},
		"sealed, but cut before": {do: func(t *testing.T, n string) {
			edit(t, n, func(b []byte) []byte { return seal(b[:len(b)-sha256.Size-1]) })
		}, want: 30},
		"another log":        {logID: "log2"},
		"another key":        {key: "x"},
		"newer than the log": {end: 59, broken: true},
		"both newer":         {end: 10, broken: true},
		"the older under the newer's name": {do: func(t *testing.T, n string) {
			if err := os.Rename(filepath.Join(filepath.Dir(n), fmt.Sprintf("%020d.snapshot", 30)), n); err != nil {
				t.Fatal(err)
			}
		}, want: 30},
	} {
		t.Run(name, func(t *testing.T) {
			dir, newest := made(t)
			if c.do != nil {
				c.do(t, newest)
			}
			or := func(s, otherwise string) string {
				if s == "" {
					return otherwise
				}
				return s
			}
			if c.end == 0 {
				c.end = 60
			}
			snaps := snapshots(t, dir, or(c.logID, "log1"), or(c.key, "k"))
			w, head, why, err := snaps.Newest(c.end)
			switch {
			case c.broken:
				if !errors.Is(err, journal.ErrDamaged) {
					t.Fatalf("%v, want damage of the log", err)
				}
				return
			case c.want == 0:
				if !errors.Is(err, projections.ErrNoSnapshot) || why == nil {
					t.Fatalf("%v because of %v, want none and a reason", err, why)
				}
				return
			case err != nil || w.Seq != c.want || head.Tree.Size != c.want:
				t.Fatalf("%v; stands at %v, want %d", err, w, c.want)
			}
			if c.do != nil && why == nil && name != "the older under the newer's name" {
				t.Error("it does not say why the newest is not used")
			}
			if err := projections.Replay(context.Background(), log, w, head, 60, nil); err != nil || w.Hash() != w2.Hash() {
				t.Errorf("going on from it: %v, another state", err)
			}
			all, err := snaps.Headers()
			if err != nil || len(all) == 0 {
				t.Errorf("headers: %v, %v", all, err)
			}
		})
	}
	dir, _ := made(t)
	s.any(5)
	w3, h3 := replayAll(t, log)
	save(t, snapshots(t, dir, "log1", "k"), w3, h3)
	if names, _ := filepath.Glob(filepath.Join(dir, "*")); len(names) != 2 {
		t.Errorf("%d files are kept, want the newest two: %v", len(names), names)
	}
	// A snapshot that belongs to another history of the same log leads nowhere.
	log2 := &journaltest.Memory{}
	newScribe(t, log2, 4).any(70)
	w, head, _, err := snapshots(t, dir, "log1", "k").Newest(70)
	if err != nil {
		t.Fatal(err)
	}
	if err := projections.Replay(t.Context(), log2, w, head, 0, nil); !errors.Is(err, journal.ErrDamaged) {
		t.Errorf("a snapshot of another history goes on with this one: %v", err)
	}
}
