package crash

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/query"
	"github.com/keytrail/keytrail/test/harness"
)

func state(t *testing.T, s *harness.Server) (st query.GetStateOutput) {
	t.Helper()
	a, err := s.Call(s.Root, "keytrail", "GetState", nil)
	if err != nil || a.Status != http.StatusOK {
		t.Fatal(a, err)
	}
	if err := json.Unmarshal(a.Body, &st); err != nil {
		t.Fatal(err)
	}
	return st
}

func copyTo(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Fatalf("cp: %v: %s", err, out)
	}
}

// store is the folder of a stopped server, and what is done to it.
type store struct {
	t         *testing.T
	dir       string
	yesterday string // the same, earlier
	stranger  string // of another server
}

func (d *store) path(parts ...string) string {
	return filepath.Join(append([]string{d.dir}, parts...)...)
}
func (d *store) stream(name string, parts ...string) string {
	return d.path(append([]string{"journal", "jetstream", "$G", "streams", name}, parts...)...)
}
func (d *store) remove(paths ...string) {
	for _, p := range paths {
		if _, err := os.Stat(p); err != nil {
			d.t.Fatal(err)
		}
		if err := os.RemoveAll(p); err != nil {
			d.t.Fatal(err)
		}
	}
}
func (d *store) put(from string, parts ...string) { // in place of what is there
	to := d.path(parts...)
	d.remove(to)
	copyTo(d.t, filepath.Join(append([]string{from}, parts...)...), to)
}
func (d *store) edit(path string, f func(b []byte) []byte) {
	b, err := os.ReadFile(path)
	if err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(path, f(b), 0o600); err != nil {
		d.t.Fatal(err)
	}
}
func (d *store) block(stream string) string {
	blocks, err := filepath.Glob(d.stream(strings.ReplaceAll(stream, "$", `\$`), "msgs", "*.blk"))
	if err != nil || len(blocks) == 0 {
		d.t.Fatal("no block of messages", err)
	}
	return blocks[0]
}
func (d *store) snapshots() []string {
	names, err := filepath.Glob(d.path("snapshots", "*.snapshot"))
	if err != nil || len(names) == 0 {
		d.t.Fatal("no snapshot", err)
	}
	return names
}

func half(b []byte) []byte { return b[:len(b)/2] }
func flip(b []byte) []byte { b[len(b)/2] ^= 1; return b }
func zero(b []byte) []byte { clear(b[len(b)/3 : 2*len(b)/3]); return b }
func last(b []byte) []byte { return b[:len(b)-1] }
func none(b []byte) []byte { return nil }

// F-19, F-20: whatever is done to the store of a stopped server, it refuses to
// serve and says why in one line, or it serves the state that was there: never
// another one. What is lost of caches is said and does not matter.
func TestDamagedStore(t *testing.T) {
	s := harness.Start(t, harness.Options{NoAudit: true})
	users := func(s *harness.Server, from, to int) {
		for i := from; i < to; i++ {
			if _, err := s.IAM(s.Root).CreateUser(context.Background(), &iam.CreateUserInput{UserName: new(fmt.Sprint("user", i))}); err != nil {
				t.Fatal(err)
			}
			if _, err := s.IAM(s.Root).GetUser(context.Background(), &iam.GetUserInput{UserName: new("nobody")}); err == nil {
				t.Fatal("a user that is none")
			}
		}
	}
	stop := func(s *harness.Server) {
		if err := s.Stop(); err != nil {
			t.Fatal(err)
		}
	}
	users(s, 0, 20)
	stop(s)
	yesterday := filepath.Join(t.TempDir(), "yesterday")
	copyTo(t, s.Dir, yesterday)
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	users(s, 20, 40)
	want := state(t, s)
	stop(s)
	stranger := harness.Start(t, harness.Options{NoAudit: true})
	users(stranger, 0, 30)
	stop(stranger)

	const refused, served = true, false
	for _, c := range []struct {
		name    string
		do      func(d *store)
		refused bool
		says    string // in the one line, or in what is logged
	}{
		{"nothing", func(d *store) {}, served, ""},
		{"yesterday's journal", func(d *store) { d.put(d.yesterday, "journal") }, refused, "older copy"},
		{"yesterday's IDENTITY", func(d *store) { d.put(d.yesterday, "journal", "jetstream", "$G", "streams", "IDENTITY") }, refused, "older copy"},
		{"yesterday's DECISIONS", func(d *store) { d.put(d.yesterday, "journal", "jetstream", "$G", "streams", "DECISIONS") }, refused, "older copy"},
		{"no journal", func(d *store) { d.remove(d.path("journal")) }, refused, "empty"},
		{"no IDENTITY", func(d *store) { d.remove(d.stream("IDENTITY")) }, refused, "empty"},
		{"no DECISIONS", func(d *store) { d.remove(d.stream("DECISIONS")) }, refused, "older copy"},
		{"no marks", func(d *store) { d.remove(d.stream("KV_MARKS")) }, served, ""},
		{"no index", func(d *store) { d.remove(d.stream("IDENTITY", "msgs", "index.db")) }, served, ""},
		{"IDENTITY without its description", func(d *store) { d.remove(d.stream("IDENTITY", "meta.inf")) }, refused, "does not open"},
		{"DECISIONS without its description", func(d *store) { d.remove(d.stream("DECISIONS", "meta.inf")) }, refused, "does not open"},
		{"IDENTITY with another description", func(d *store) { d.edit(d.stream("IDENTITY", "meta.inf"), flip) }, refused, ""},
		{"IDENTITY's checksum of its description", func(d *store) { d.edit(d.stream("IDENTITY", "meta.sum"), flip) }, refused, ""},
		{"IDENTITY cut in half", func(d *store) { d.edit(d.block("IDENTITY"), half) }, refused, "damaged"},
		{"IDENTITY cut by a byte", func(d *store) { d.edit(d.block("IDENTITY"), last) }, refused, "damaged"},
		{"IDENTITY emptied", func(d *store) { d.edit(d.block("IDENTITY"), none) }, refused, "damaged"},
		{"IDENTITY zeroed in the middle", func(d *store) { d.edit(d.block("IDENTITY"), zero) }, refused, "damaged"},
		{"DECISIONS cut in half", func(d *store) { d.edit(d.block("DECISIONS"), half) }, refused, "damaged"},
		{"DECISIONS emptied", func(d *store) { d.edit(d.block("DECISIONS"), none) }, refused, "damaged"},
		{"IDENTITY and DECISIONS exchanged", func(d *store) {
			a, b := d.stream("IDENTITY", "msgs"), d.stream("DECISIONS", "msgs")
			for _, move := range [][2]string{{a, a + "2"}, {b, a}, {a + "2", b}} {
				if err := os.Rename(move[0], move[1]); err != nil {
					d.t.Fatal(err)
				}
			}
		}, refused, ""},
		{"another server's journal", func(d *store) { d.put(d.stranger, "journal") }, refused, ""},
		{"another server's checkpoints", func(d *store) { d.put(d.stranger, "checkpoints") }, refused, "damaged"},
		{"an altered checkpoint", func(d *store) { d.edit(d.path("checkpoints", "identity.checkpoint"), flip) }, refused, "damaged"},
		{"an empty checkpoint", func(d *store) { d.edit(d.path("checkpoints", "decisions.checkpoint"), none) }, refused, "damaged"},
		{"no newest checkpoint", func(d *store) { d.remove(d.path("checkpoints", "identity.checkpoint")) }, served, ""},
		{"no newest checkpoint, yesterday's journal", func(d *store) {
			d.remove(d.path("checkpoints", "identity.checkpoint"), d.path("checkpoints", "decisions.checkpoint"))
			d.put(d.yesterday, "journal")
		}, refused, "older copy"},
		{"no checkpoints, yesterday's journal", func(d *store) { d.remove(d.path("checkpoints")); d.put(d.yesterday, "journal") }, refused, "snapshot"},
		{"no keys", func(d *store) { d.remove(d.path("keys")) }, refused, "keys"},
		{"no keyring", func(d *store) { d.remove(d.path("keys", "keyring.json")) }, refused, "keys"},
		{"another server's keys", func(d *store) { d.put(d.stranger, "keys") }, refused, ""},
		{"an altered snapshot", func(d *store) { d.edit(d.snapshots()[len(d.snapshots())-1], flip) }, served, "altered"},
		{"cut snapshots", func(d *store) {
			for _, n := range d.snapshots() {
				d.edit(n, half)
			}
		}, served, "not used"},
		{"no snapshots", func(d *store) { d.remove(d.path("snapshots")) }, served, ""},
		{"another server's snapshots", func(d *store) { d.put(d.stranger, "snapshots") }, served, "another key"},
		{"an altered head", func(d *store) { d.edit(d.path("checkpoints", "decisions.head"), flip) }, served, "altered"},
		{"an empty head", func(d *store) { d.edit(d.path("checkpoints", "decisions.head"), none) }, served, "altered"},
		{"no head", func(d *store) { d.remove(d.path("checkpoints", "decisions.head")) }, served, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := &store{t, filepath.Join(t.TempDir(), "data"), yesterday, stranger.Dir}
			copyTo(t, s.Dir, d.dir)
			c.do(d)
			again := harness.Prepare(t, harness.Options{NoAudit: true, Dir: d.dir})
			err := again.Launch()
			if (err != nil) != c.refused {
				t.Errorf("the server's start: %v; want it refused: %v", err, c.refused)
			}
			lines := strings.Split(strings.TrimSpace(again.Log()), "\n")
			reason := lines[len(lines)-1]
			if err == nil {
				if got := state(t, again); got.Seq != want.Seq || got.StateHash != want.StateHash {
					t.Errorf("it serves state %s at %d, want %s at %d", got.StateHash, got.Seq, want.StateHash, want.Seq)
				}
				if err := again.Verify(); err != nil {
					t.Error(err)
				}
				stop(again)
				reason = again.Log()
			} else {
				if !strings.HasPrefix(reason, "keytrail: ") || strings.Contains(again.Log(), "goroutine") {
					t.Errorf("no reason in one line: %q", again.Log())
				}
				if r := again.Keytrail(again.Root, "verify", "--data", d.dir); r.Code != 1 && !strings.Contains(reason, "keys") {
					t.Errorf("verify --data: exit code %d, want 1: %s%s", r.Code, r.Out, r.Err)
				}
				if err := again.Launch(); err == nil {
					t.Error("refused once, the server starts the second time")
				}
			}
			if !strings.Contains(reason, c.says) {
				t.Errorf("it says %q, want something with %q", reason, c.says)
			}
		})
	}
}
