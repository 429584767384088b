package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/uuid"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/seal"
)

// quiet keeps what is logged on purpose out of the tests' output.
func quiet(t testing.TB) {
	old := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	t.Cleanup(func() { slog.SetDefault(old) })
}

// open opens a node on dir, on a first one if it is empty.
func open(dir string) (*node, error) {
	return openNode(context.Background(), &serverConfig{Data: dir, NATS: "embedded"}, func(n *node) error {
		_, err := audit.Begin(context.Background(), n.log, n.keys, "us-east-1", &commands.CreateAccountInput{
			AccountID: "111122223333", AccessKeyID: "AKIAROOTROOTROOTROOT", SecretAccessKey: seal.NewSecret("the root secret"),
		})
		return err
	})
}

type rootProof struct{}

func (rootProof) KeyID() string           { return "AKIAROOTROOTROOTROOT" }
func (rootProof) Token() string           { return "" }
func (rootProof) Check(seal.Secret) error { return nil }
func (rootProof) CheckUnknown() error     { return errors.New("there is no such key") }
func (rootProof) ID() string              { return uuid.NewString() }

// work gives n requests, every third of which changes nothing.
func work(t testing.TB, n *node, from, to int) {
	t.Helper()
	p, err := journal.NewPager(t.Context(), n.log, "node1", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	g := audit.NewGate(&audit.Gate{Log: n.log, Pager: p, Live: n.live, Keys: n.keys, Region: "us-east-1", Operator: n.operator, Errors: slog.Default()})
	for i := from; i < to; i++ {
		r := &audit.Request{Service: "iam", Name: "CreateUser", ID: uuid.NewString(), Proof: rootProof{}, Input: func() (any, error) {
			return &iam.CreateUserInput{UserName: new(fmt.Sprint("user", i))}, nil
		}}
		if i%3 == 2 {
			r.Name, r.Input = "GetUser", func() (any, error) { return &iam.GetUserInput{UserName: new(fmt.Sprint("user", i-1))}, nil }
		}
		if a := g.Serve(t.Context(), r); a.Err != nil {
			t.Fatal(a.Err)
		}
	}
}

// filled makes the folder of a stopped node after some requests and gives the
// hash of its state.
func filled(t testing.TB, requests int) (dir string, seq uint64, hash [32]byte) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	n, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	work(t, n, 0, requests)
	w := n.frozen()
	if err := n.close(); err != nil {
		t.Fatal(err)
	}
	return dir, w.Seq, w.Hash()
}

func copyDir(t testing.TB, from string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "data")
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
	return to
}

func often(t *testing.T, few, n int) int {
	if os.Getenv("KEYTRAIL_SOAK") != "" {
		return n
	}
	t.Logf("short form: %d instead of %d (KEYTRAIL_SOAK=1 runs all)", few, n)
	return few
}

// F-18: one bit of one file is another. The node refuses to open, or it opens
// with the state that was there; then whatever is still wrong (old messages that
// a start does not read) is found by verify, unless it is nothing that matters.
func TestFlippedBit(t *testing.T) {
	quiet(t)
	from, seq, hash := filled(t, 90)
	var files []string
	var sizes []int64
	var total int64
	err := filepath.WalkDir(from, func(path string, e fs.DirEntry, err error) error {
		if err == nil && e.Type().IsRegular() && e.Name() != "lock" {
			info, err := e.Info()
			if err != nil || info.Size() == 0 {
				return err
			}
			rel, _ := filepath.Rel(from, path)
			files, sizes, total = append(files, rel), append(sizes, info.Size()), total+info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var refused, found, harmless int
	outcomes := map[string]int{}
	for seed := range often(t, 60, 500) {
		r := rand.New(rand.NewPCG(18, uint64(seed)))
		dir := copyDir(t, from)
		i := r.IntN(len(files)) // half of the seeds hit any file alike, half any byte alike
		if seed%2 == 0 {
			at := r.Int64N(total)
			for i = 0; at >= sizes[i]; i++ {
				at -= sizes[i]
			}
		}
		path := filepath.Join(dir, files[i])
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		at, bit := r.IntN(len(b)), byte(1)<<r.IntN(8)
		b[at] ^= bit
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		what := fmt.Sprintf("seed %d: bit %#x of byte %d of %d of %s", seed, bit, at, len(b), files[i])
		n, err := open(dir)
		if err != nil {
			refused++
			outcomes["refused: "+filepath.Base(files[i])]++
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: the reason is not one line: %v", what, err)
			}
			continue
		}
		if w := n.frozen(); w.Seq != seq || w.Hash() != hash {
			t.Errorf("%s: opens with state %x at %d, want %x at %d", what, w.Hash(), w.Seq, hash, seq)
		}
		vault := n.vault
		for _, s := range []journal.Stream{journal.Identity, journal.Decisions} {
			var signed string
			if signed, err = n.checkpoint(s); err == nil {
				_, err = prove(s, []byte(signed), vault.PublicKey(), readAll(t.Context(), n.log, s), nil)
			}
			if err != nil {
				break
			}
		}
		if err != nil {
			found++
			outcomes["verify: "+filepath.Base(files[i])]++
		} else {
			harmless++
			outcomes["harmless: "+filepath.Base(files[i])]++
			// It can go on, too.
			work(t, n, 1000, 1003)
		}
		n.close()
	}
	t.Logf("%d refused, %d found by verify, %d harmless", refused, found, harmless)
	for _, k := range slices.Sorted(maps.Keys(outcomes)) {
		t.Logf("%4d %s", outcomes[k], k)
	}
	if refused == 0 {
		t.Error("nothing was refused: this tests nothing")
	}
}

// A node finds again what it left, knows what time it was, and shares its folder
// with nobody.
func TestNodeReopens(t *testing.T) {
	quiet(t)
	dir, seq, hash := filled(t, 10)
	n, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if w := n.frozen(); w.Seq != seq || w.Hash() != hash {
		t.Errorf("state %x at %d, want %x at %d", w.Hash(), w.Seq, hash, seq)
	}
	if _, err := open(dir); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second time: %v", err)
	}
	floor, err := n.newest(t.Context())
	if err != nil || time.Since(floor) > time.Minute || time.Since(floor) < 0 {
		t.Errorf("newest event at %v, %v", floor, err)
	}
	if err := n.close(); err != nil {
		t.Error(err)
	}
}

// exportOf writes what keytrail verify --to writes.
func exportOf(t testing.TB, dir string) (out, key string) {
	t.Helper()
	out = filepath.Join(t.TempDir(), "export")
	c := verifyCommand()
	c.SetArgs([]string{"--data", dir, "--to", out})
	if err := silently(func() error { return c.ExecuteContext(t.Context()) }); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "checkpoints", "public.key"))
	if err != nil {
		t.Fatal(err)
	}
	return out, strings.TrimSpace(string(b))
}

// silently runs f with nothing printed.
func silently(f func() error) error {
	old := os.Stdout
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	os.Stdout = null
	defer func() { os.Stdout = old; null.Close() }()
	return f()
}

// text is an export in memory: what a verifier reads.
type text struct{ log, checkpoint map[journal.Stream][]byte }

var both = []journal.Stream{journal.Identity, journal.Decisions}

func readExport(t testing.TB, dir string) text {
	x := text{map[journal.Stream][]byte{}, map[journal.Stream][]byte{}}
	for _, s := range both {
		for name, into := range map[string]map[journal.Stream][]byte{logFile(dir, s): x.log, checkpointFile(dir, s): x.checkpoint} {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			into[s] = b
		}
	}
	return x
}

// S-20, S-21: of an export no byte can be changed, nothing left out, doubled,
// moved or added, and no other key vouches for it.
func TestExportIsProof(t *testing.T) {
	quiet(t)
	size := often(t, 100, 300) // every line is moved, and all are read for each move
	dir, _, _ := filled(t, size)
	out, key := exportOf(t, dir)
	x := readExport(t, out)
	by := func(key string, s journal.Stream, log, checkpoint []byte) error {
		_, err := proveExport(s, checkpoint, key, bytes.NewReader(log))
		return err
	}
	good := func(s journal.Stream, log, checkpoint []byte) bool { return by(key, s, log, checkpoint) == nil }
	events := 0
	for _, s := range both {
		if err := by(key, s, x.log[s], x.checkpoint[s]); err != nil {
			t.Fatal(err)
		}
		events += bytes.Count(x.log[s], []byte("\n"))
	}
	if err := silently(func() error { return verifyExport(out, key, asTable) }); err != nil {
		t.Fatal(err)
	}

	// Every byte, by one bit; a line's own bytes are proved by the line and those
	// after it, so what comes before it need not be read again each time.
	bits, step := 0, 1
	if os.Getenv("KEYTRAIL_SOAK") == "" {
		step = 13 // prime, so that the lines are met at different places
		t.Logf("short form: every %dth byte (KEYTRAIL_SOAK=1 takes all)", step)
	}
	for _, s := range both {
		head := journal.NewHead(s)
		for at, line := range lineByLine(x.log[s]) {
			var flips sync.WaitGroup
			for c := range runtime.GOMAXPROCS(0) {
				flips.Go(func() {
					bad := bytes.Clone(line)
					for i := c * step; i < len(line); i += step * runtime.GOMAXPROCS(0) {
						bad[i] ^= 1 << rand.IntN(8)
						if m, err := parseLine(bad); err == nil && added(head, s, &m) == nil {
							t.Errorf("%s: byte %d of the line at %d: %q for %q is not noticed", s, i, at, bad[i], line[i])
						}
						bad[i] = line[i]
					}
				})
			}
			flips.Wait()
			bits += len(line) / step
			m, err := parseLine(line)
			if err == nil {
				err = head.Add(&m)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for i := range x.checkpoint[s] {
			for bit := range 8 {
				bad := bytes.Clone(x.checkpoint[s])
				bad[i] ^= 1 << bit
				bits++
				if good(s, x.log[s], bad) {
					t.Errorf("%s: bit %d of byte %d of the checkpoint is not noticed", s, bit, i)
				}
			}
			if good(s, x.log[s], x.checkpoint[s][:i]) {
				t.Errorf("%s: the checkpoint cut at %d is not noticed", s, i)
			}
		}
	}

	// Cut at every length: within a line by the line's form, after it by the checkpoint.
	cuts := 0
	for _, s := range both {
		for at, line := range lineByLine(x.log[s]) {
			for i := 1; i < len(line); i += step {
				cuts++
				if _, err := parseLine(line[:i]); err == nil {
					t.Errorf("%s: the line at %d cut at %d is not noticed", s, at, i)
				}
			}
			if cuts++; good(s, x.log[s][:at], x.checkpoint[s]) {
				t.Errorf("%s cut at %d is not noticed", s, at)
			}
		}
		if good(s, nil, nil) {
			t.Errorf("%s: nothing at all is taken for the log", s)
		}
	}

	moves := 0
	for _, s := range both {
		all := bytes.SplitAfter(x.log[s], []byte("\n"))
		all = all[:len(all)-1]
		for i := range all {
			for what, bad := range map[string][][]byte{
				"left out": slices.Delete(slices.Clone(all), i, i+1),
				"doubled":  slices.Insert(slices.Clone(all), i, all[i]),
				"repeated": append(slices.Clone(all), all[i]),
			} {
				if moves++; good(s, bytes.Join(bad, nil), x.checkpoint[s]) {
					t.Errorf("%s: line %d %s is not noticed", s, i+1, what)
				}
			}
			if i > 0 {
				bad := slices.Clone(all)
				bad[i-1], bad[i] = bad[i], bad[i-1]
				if moves++; good(s, bytes.Join(bad, nil), x.checkpoint[s]) {
					t.Errorf("%s: lines %d and %d exchanged is not noticed", s, i, i+1)
				}
			}
		}
	}

	// Another log, spliced in whole or signed by another key.
	other, _, _ := filled(t, size)
	out2, key2 := exportOf(t, other)
	y := readExport(t, out2)
	for _, s := range both {
		if by(key2, s, x.log[s], x.checkpoint[s]) == nil {
			t.Errorf("%s is proved by another log's key", s)
		}
		if good(s, y.log[s], x.checkpoint[s]) || good(s, y.log[s], y.checkpoint[s]) || good(s, x.log[s], y.checkpoint[s]) {
			t.Errorf("%s of another log is taken for this one", s)
		}
		a, b := bytes.SplitAfter(x.log[s], []byte("\n")), bytes.SplitAfter(y.log[s], []byte("\n"))
		for i := 1; i < min(len(a), len(b))-1; i++ {
			if good(s, bytes.Join(slices.Concat(a[:i], b[i:]), nil), x.checkpoint[s]) {
				t.Errorf("%s: another log from line %d on is not noticed", s, i+1)
			}
		}
	}
	if good(journal.Identity, x.log[journal.Decisions], x.checkpoint[journal.Decisions]) {
		t.Error("one stream is taken for the other")
	}
	t.Logf("%d messages: %d flips, %d cuts, %d lines left out, doubled or moved", events, bits, cuts, moves)
}

// added is what prove does with one message.
func added(head *journal.Head, s journal.Stream, m *journal.Message) error {
	again, err := journal.ResumeHead(s, head.Tree.Clone(), head.Links())
	if err != nil {
		return err
	}
	return again.Add(m)
}

// lineByLine yields the offset of each line and the line with its end.
func lineByLine(b []byte) func(func(int, []byte) bool) {
	return func(yield func(int, []byte) bool) {
		for at := 0; at < len(b); {
			end := at + bytes.IndexByte(b[at:], '\n') + 1
			if !yield(at, b[at:end]) {
				return
			}
			at = end
		}
	}
}
