package crash

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/keytrail/keytrail/test/harness"
)

// F-01: the server is killed again and again under load. What a client was told
// is in the log, once; the audit store has one row for each record; and the
// server is back at once.
func TestKillServer(t *testing.T) {
	rounds := often(t, 12, 100)
	s := harness.Start(t, harness.Options{})
	l := begin(t, s, 16)
	var back []time.Duration
	for range rounds {
		l.answers(1, 30*time.Second)
		time.Sleep(time.Duration(200+rand.N(600)) * time.Millisecond)
		s.Kill()
		began := time.Now()
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
		back = append(back, time.Since(began))
	}
	l.answers(1, 30*time.Second)
	all := l.stop()
	slices.Sort(back)
	t.Logf("%d kills; back after %v (median), %v (longest)", rounds, back[len(back)/2].Round(time.Millisecond), back[len(back)-1].Round(time.Millisecond))
	rows(t, s, judge(t, s, all))
	if err := s.Stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

// waitEngine waits for an engine that is not the one that was killed. One that
// keeps dying while it starts is started less and less often, up to every 30 s.
func waitEngine(t *testing.T, s *harness.Server, killed int) int {
	t.Helper()
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if pid := s.Engine(); pid != 0 && pid != killed {
			return pid
		}
	}
	t.Fatal("the ClickHouse engine does not run")
	return 0
}

// F-17: ClickHouse alone is killed again and again. No client notices, and no row
// is missing or doubled.
func TestKillClickHouse(t *testing.T) {
	rounds := often(t, 6, 100)
	s := harness.Start(t, harness.Options{})
	l := begin(t, s, 8)
	for pid := 0; rounds > 0; rounds-- {
		pid = waitEngine(t, s, pid)
		time.Sleep(time.Duration(rand.N(3000)) * time.Millisecond) // while it starts, or while it serves
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Logf("engine %d: %v", pid, err)
		}
	}
	l.answers(1, 30*time.Second)
	all := l.stop()
	for _, a := range all {
		if !a.answered() && a.Why != "" && !strings.Contains(a.Why, "context canceled") || a.Status == http.StatusServiceUnavailable {
			t.Errorf("%s %s was answered %d %s", a.Action, a.Agent, a.Status, a.Why)
		}
	}
	rows(t, s, judge(t, s, all))
	if err := s.Stop(); err != nil { // with its engine, which must not write into a folder that goes
		t.Errorf("stop: %v", err)
	}
}

// F-16: ClickHouse hangs. Decisions go on as if nothing were, and later every row
// is there.
func TestClickHouseHangs(t *testing.T) {
	hang := time.Duration(often(t, 20, 120)) * time.Second
	s := harness.Start(t, harness.Options{})
	l := begin(t, s, 4)
	pid := waitEngine(t, s, 0)
	time.Sleep(3 * time.Second)
	began := time.Now()
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	for time.Since(began) < hang {
		l.answers(1, 5*time.Second)
		time.Sleep(time.Second)
	}
	ended := time.Now()
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Logf("engine %d is gone: the server has replaced it (%v)", pid, err)
	}
	time.Sleep(2 * time.Second)
	all := l.stop()
	for _, a := range all {
		if a.Status == http.StatusServiceUnavailable || a.Status == 0 && !strings.Contains(a.Why, "context canceled") {
			t.Errorf("%s %s was answered %d %s after %v", a.Action, a.Agent, a.Status, a.Why, a.Took)
		}
	}
	n1, before := took(all, time.Time{}, began, 99)
	n2, during := took(all, began, ended, 99)
	t.Logf("p99 before %v (%d answers in 3 s), while ClickHouse hung %v (%d answers in %v)", before.Round(time.Microsecond), n1, during.Round(time.Microsecond), n2, ended.Sub(began).Round(time.Second))
	rows(t, s, judge(t, s, all))
	if err := s.Stop(); err != nil { // with its engine, which must not write into a folder that goes
		t.Errorf("stop: %v", err)
	}
}

// Of sixteen clients that create the same user at once, one is told that it did,
// and the others that it exists.
func TestRaceForOneName(t *testing.T) {
	rounds := often(t, 60, 1000)
	s := harness.Start(t, harness.Options{NoAudit: true})
	clients := make([]*http.Client, 16)
	for i := range clients {
		clients[i] = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}, Timeout: 20 * time.Second}
	}
	for round := range rounds {
		var won, exists atomic.Int32
		var wait sync.WaitGroup
		start := make(chan struct{})
		for c, client := range clients {
			name := fmt.Sprint("name", round)
			if c%2 == 1 {
				name = fmt.Sprint("NAME", round) // the same to IAM
			}
			r := s.Request("iam", "CreateUser", url.Values{"UserName": {name}})
			r.Header.Set("X-Amz-Meta-Test", fmt.Sprint(c)) // signed: the same signature twice would be a replay
			r = harness.Sign(r, s.Root, "iam")
			wait.Go(func() {
				<-start
				resp, err := client.Do(r)
				if err != nil {
					t.Errorf("round %d: %v", round, err)
					return
				}
				a, err := harness.ReadAnswer(resp)
				switch {
				case err != nil:
					t.Errorf("round %d: %v", round, err)
				case a.Status == http.StatusOK:
					won.Add(1)
				case a.Code == "EntityAlreadyExists":
					exists.Add(1)
				default:
					t.Errorf("round %d: %v", round, a)
				}
			})
		}
		close(start)
		wait.Wait()
		if won.Load() != 1 || exists.Load() != 15 {
			t.Fatalf("round %d: %d won, %d were told that it exists; want 1 and 15", round, won.Load(), exists.Load())
		}
	}
	if err := s.Verify(); err != nil {
		t.Error(err)
	}
}

// signed is the size of the newest checkpoint in a folder.
func signed(t *testing.T, dir, stream string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "checkpoints", stream+".checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.Split(string(b), "\n")[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// F-24: a server that is told to stop under load answers or refuses what it took,
// ends soon, and leaves everything signed.
func TestTerminate(t *testing.T) {
	rounds := often(t, 3, 30)
	s := harness.Start(t, harness.Options{})
	l := begin(t, s, 16)
	for round := range rounds {
		l.answers(20, 30*time.Second)
		time.Sleep(time.Duration(rand.N(2000)) * time.Millisecond)
		began := time.Now()
		if err := s.Stop(); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		took := time.Since(began)
		t.Logf("round %d: ended after %v", round, took.Round(time.Millisecond))
		if took > 8*time.Second {
			t.Errorf("round %d: it took %v to end", round, took)
		}
		identity, decisions := signed(t, s.Dir, "identity"), signed(t, s.Dir, "decisions")
		r := s.Keytrail(s.Root, "verify", "--data", s.Dir)
		want := []string{fmt.Sprintf("IDENTITY   %d messages,", identity), fmt.Sprintf("DECISIONS  %d messages,", decisions)}
		if r.Code != 0 || !strings.Contains(r.Out, want[0]) || !strings.Contains(r.Out, want[1]) {
			t.Errorf("round %d: signed are %d and %d; keytrail verify --data: exit code %d: %s%s", round, identity, decisions, r.Code, r.Out, r.Err)
		}
		logged := len(s.Log())
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
		if log := s.Log()[logged:]; strings.Contains(log, "without a snapshot") || strings.Contains(log, "damaged") {
			t.Errorf("round %d: the next start was not clean:\n%s", round, log)
		}
	}
	all := l.stop()
	rows(t, s, judge(t, s, all))
	if err := s.Stop(); err != nil { // with its engine, which must not write into a folder that goes
		t.Errorf("stop: %v", err)
	}
}
