// Package crash kills, stops, fills and damages real servers, and holds what
// their clients were told against what the log says afterwards.
//
// The long forms run with KEYTRAIL_SOAK=1 (make soak); without it each test
// runs a short form and says so.
package crash

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/test/harness"
)

// often is n in the soak, else few, which the test's log then says.
func often(t *testing.T, few, n int) int {
	if os.Getenv("KEYTRAIL_SOAK") != "" {
		return n
	}
	t.Logf("short form: %d instead of %d (KEYTRAIL_SOAK=1 runs all)", few, n)
	return few
}

// told is what one client was told about one request: the status and what came
// with it, or that no answer came. It is written down before the next request.
type told struct {
	Agent  string // User-Agent: unlike the request id it is known without an answer
	Action string
	User   string // of CreateUser
	Status int    // 0: no answer
	ID     string `json:",omitempty"` // request id
	Code   string `json:",omitempty"`
	Took   time.Duration
	At     time.Time
	Why    string `json:",omitempty"`
}

// answered says whether the client was told anything that needs a record.
func (a *told) answered() bool { return a.Status != 0 && a.Status != http.StatusServiceUnavailable }

// load is a number of clients that ask without a pause and write down every
// answer, in a file on another filesystem than the server's where there is one.
type load struct {
	t      *testing.T
	s      *harness.Server
	nobody harness.Credentials // a user who may do nothing
	file   string
	cancel context.CancelFunc
	wait   sync.WaitGroup
	count  atomic.Int64
	ok     atomic.Int64 // answers so far
	mu     sync.Mutex   // guards all below
	out    *bufio.Writer
	recent []told // the last few, in the order of their ends
}

// outside is a folder that a full or lost disk of the server does not reach.
func outside(t *testing.T) string {
	dir, err := os.MkdirTemp("/dev/shm", "keytrail-crash-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// begin starts clients on a server.
func begin(t *testing.T, s *harness.Server, clients int) *load {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	l := &load{t: t, s: s, file: filepath.Join(outside(t), "answers"), cancel: cancel}
	var err error
	if l.nobody, err = s.User(ctx, fmt.Sprint("nobody", rand.N(1<<30))); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(l.file)
	if err != nil {
		t.Fatal(err)
	}
	l.out = bufio.NewWriter(f)
	run := rand.N(1 << 30)
	for c := range clients {
		l.wait.Go(func() { l.client(ctx, fmt.Sprintf("t%d-%d", run, c)) })
	}
	t.Cleanup(func() { l.stop() })
	return l
}

// stop ends the clients and gives all that they were told.
func (l *load) stop() []told {
	l.cancel()
	l.wait.Wait()
	if err := l.out.Flush(); err != nil {
		l.t.Error(err)
	}
	b, err := os.ReadFile(l.file)
	if err != nil {
		l.t.Fatal(err)
	}
	var all []told
	for d := json.NewDecoder(bytes.NewReader(b)); ; {
		var a told
		if err := d.Decode(&a); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			l.t.Fatal(err)
		}
		all = append(all, a)
	}
}

func (l *load) client(ctx context.Context, name string) {
	c := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}, Timeout: 15 * time.Second}
	defer c.CloseIdleConnections()
	for n := 0; ctx.Err() == nil; n++ {
		a := told{Agent: fmt.Sprintf("%s-%d", name, n), At: time.Now()}
		as, in := l.s.Root, url.Values(nil)
		switch rand.N(10) {
		case 0, 1, 2, 3:
			a.Action, a.User = "CreateUser", "u-"+a.Agent
			in = url.Values{"UserName": {a.User}}
		case 4:
			a.Action, in = "CreateUser", url.Values{"UserName": {"everybodys"}} // one of them all wins
		case 5, 6:
			a.Action, as = "ListUsers", l.nobody
		case 7:
			a.Action, in = "GetUser", url.Values{"UserName": {"u-" + name + "-0"}}
		case 8:
			a.Action = "ListAccountAliases"
		case 9:
			a.Action, as.Secret = "ListGroups", "wrong"
		}
		r := l.s.Request("iam", a.Action, in)
		r.Header.Set("User-Agent", a.Agent)
		r.Header.Set("X-Amz-Meta-Test", a.Agent) // signed: no two requests have one signature, which would be a replay
		resp, err := c.Do(harness.Sign(r, as, "iam"))
		var answer *harness.Answer
		if err == nil {
			answer, err = harness.ReadAnswer(resp)
		}
		if a.Took = time.Since(a.At); err != nil {
			a.Why = err.Error()
		}
		if answer != nil { // half an answer is an answer
			a.Status, a.ID, a.Code = answer.Status, answer.RequestID, answer.Code
			l.ok.Add(1)
		}
		l.count.Add(1)
		l.mu.Lock()
		err = json.NewEncoder(l.out).Encode(a)
		if l.recent = append(l.recent, a); len(l.recent) > 4096 {
			l.recent = append(l.recent[:0:0], l.recent[2048:]...)
		}
		l.mu.Unlock()
		if err != nil {
			l.t.Error(err)
			return
		}
		if a.Status == 0 || a.Status == http.StatusServiceUnavailable {
			select { // the server is not there: a client that hammers would only heat the machine
			case <-time.After(20 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}
}

// answers waits for n more answers, or fails.
func (l *load) answers(n int64, within time.Duration) {
	l.t.Helper()
	want := l.ok.Load() + n
	for deadline := time.Now().Add(within); l.ok.Load() < want; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			l.t.Fatalf("no %d answers within %v", n, within)
		}
	}
}

// took is a percentile of the times to an answer of those in a span.
func took(all []told, from, to time.Time, percent int) (n int, p time.Duration) {
	var times []time.Duration
	for _, a := range all {
		if a.Status != 0 && !a.At.Before(from) && a.At.Before(to) {
			times = append(times, a.Took)
		}
	}
	if len(times) == 0 {
		return 0, 0
	}
	slices.Sort(times)
	return len(times), times[(len(times)-1)*percent/100]
}

// written is what an export of the log holds.
type written struct {
	dir     string
	byID    map[string][]events.Record
	byAgent map[string][]events.Record
	users   map[string]int // UserCreated facts, by name
	records map[string]int // by stream
	last    map[string]uint64
	away    int // requests that were turned away, by the counts of them
}

// export lets keytrail verify prove the running server's log and write it down,
// then proves the copy with the public key alone, and reads it.
func export(t *testing.T, s *harness.Server) *written {
	t.Helper()
	dir := filepath.Join(outside(t), "export")
	if r := s.Keytrail(s.Root, "verify", "--to", dir); r.Code != 0 {
		t.Fatalf("keytrail verify --to: exit code %d: %s%s", r.Code, r.Out, r.Err)
	}
	if r := s.Keytrail(s.Root, "verify", "--from", dir, "--key", filepath.Join(s.Dir, "checkpoints", "public.key")); r.Code != 0 {
		t.Fatalf("keytrail verify --from: exit code %d: %s%s", r.Code, r.Out, r.Err)
	}
	w := &written{dir, map[string][]events.Record{}, map[string][]events.Record{}, map[string]int{}, map[string]int{}, map[string]uint64{}, 0}
	for _, stream := range []string{"IDENTITY", "DECISIONS"} {
		f, err := os.Open(filepath.Join(dir, strings.ToLower(stream)+".log"))
		if err != nil {
			t.Fatal(err)
		}
		for d := json.NewDecoder(bufio.NewReader(f)); ; {
			var m struct {
				Seq  uint64
				Body []byte
			}
			if err := d.Decode(&m); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			w.last[stream] = m.Seq
			if err := events.Each(m.Body, func(_ int, e events.Raw) error { return w.take(stream, e) }); err != nil {
				t.Fatal(err)
			}
		}
		f.Close()
	}
	return w
}

func (w *written) take(stream string, e events.Raw) error {
	if e.Type == "iam.user.created.v1" {
		var u struct{ Name string }
		if err := json.Unmarshal(e.Data, &u); err != nil {
			return err
		}
		w.users[strings.ToLower(u.Name)]++
	}
	if e.Type != events.RecordType {
		return nil
	}
	var r events.Record
	if err := json.Unmarshal(e.Data, &r); err != nil {
		return err
	}
	w.records[stream]++
	if r.EventName == "ThrottledRequests" {
		var n struct{ Count int }
		if err := json.Unmarshal(r.AdditionalEventData, &n); err != nil {
			return err
		}
		w.away += n.Count
	}
	w.byID[r.RequestID] = append(w.byID[r.RequestID], r)
	w.byAgent[r.UserAgent] = append(w.byAgent[r.UserAgent], r)
	return nil
}

// judge holds all that was told against the log: P1 in one function.
func judge(t *testing.T, s *harness.Server, all []told) *written {
	t.Helper()
	away, canceled, lost := turnedAway(all)
	w := export(t, s)
	for i := 0; i < 10 && lost == 0 && w.away < away; i++ { // counts are written down a moment after the answers
		time.Sleep(200 * time.Millisecond)
		w = export(t, s)
	}
	if lost == 0 && w.away < away || w.away > away+canceled+lost { // a killed server has not written its last counts
		t.Errorf("%d requests were answered Throttling (%d were given up, %d not answered), the log counts %d", away, canceled, lost, w.away)
	}
	answered, unanswered, kept := 0, 0, 0
	for i := range all {
		a := &all[i]
		records := w.byAgent[a.Agent]
		if a.Code == "Throttling" {
			if len(records) > 0 {
				t.Errorf("%s %s was turned away, and has %d records", a.Action, a.Agent, len(records))
			}
			continue
		}
		if !a.answered() {
			unanswered++
			kept += len(records)
			if len(records) > 1 {
				t.Errorf("%s %s was not answered (%d %s), but has %d records", a.Action, a.Agent, a.Status, a.Why, len(records))
			}
			continue
		}
		answered++
		if len(records) != 1 || len(w.byID[a.ID]) != 1 {
			t.Errorf("%s %s was answered %d %s (request %s): %d records by its user agent, %d by its request id; want 1 and 1", a.Action, a.Agent, a.Status, a.Code, a.ID, len(records), len(w.byID[a.ID]))
			continue
		}
		if (records[0].ErrorCode == "") != (a.Status == http.StatusOK) {
			t.Errorf("%s %s was answered %d %s, its record says %q", a.Action, a.Agent, a.Status, a.Code, records[0].ErrorCode)
		}
		if a.User != "" && a.Status == http.StatusOK && w.users[a.User] != 1 {
			t.Errorf("user %s was created, so the client was told; the log has it %d times", a.User, w.users[a.User])
		}
	}
	for name, n := range w.users {
		if n != 1 {
			t.Errorf("user %s was created %d times", name, n)
		}
	}
	if r := s.Keytrail(s.Root, "replay", "--verify"); r.Code != 0 {
		t.Errorf("keytrail replay --verify: exit code %d: %s%s", r.Code, r.Out, r.Err)
	}
	t.Logf("%d requests answered, 0 of them missing unless said; %d turned away, of which the log counts %d; %d not answered, of which %d were recorded all the same; log: %d units, %d pages, %d records", answered, away, w.away, unanswered, kept, w.last["IDENTITY"], w.last["DECISIONS"], w.records["IDENTITY"]+w.records["DECISIONS"])
	if answered == 0 {
		t.Error("nothing was answered: this tests nothing")
	}
	return w
}

// turnedAway is how many were answered Throttling, which are counted in the log
// and not recorded one by one; and how many may have been, had the client waited
// or the server lived.
func turnedAway(all []told) (away, canceled, lost int) {
	for i := range all {
		switch a := &all[i]; {
		case a.Code == "Throttling":
			away++
		case strings.Contains(a.Why, "context canceled"):
			canceled++
		case !a.answered():
			lost++
		}
	}
	return away, canceled, lost
}

// rows compares the audit store with the log up to where w was read: one row for
// each record, none doubled.
func rows(t *testing.T, s *harness.Server, w *written) {
	t.Helper()
	began := time.Now()
	sql := fmt.Sprintf("SELECT count() AS n, uniqExact(event_id) AS ids, uniqExact(stream, seq, idx) AS places FROM audit.events WHERE stream = 'IDENTITY' AND seq <= %d OR stream = 'DECISIONS' AND seq <= %d", w.last["IDENTITY"], w.last["DECISIONS"])
	want := uint64(w.records["IDENTITY"] + w.records["DECISIONS"])
	var said string
	for deadline := time.Now().Add(90 * time.Second); time.Now().Before(deadline); time.Sleep(250 * time.Millisecond) {
		r := s.Keytrail(s.Root, "audit", "query", "--all-accounts", "--sql", sql, "--output", "json")
		if said = r.Out + r.Err; r.Code != 0 {
			continue // being started, or filled
		}
		var got []struct{ N, IDs, Places json.Number }
		if err := json.Unmarshal([]byte(r.Out), &got); err != nil || len(got) != 1 {
			t.Fatalf("%v: %s", err, r.Out)
		}
		n, _ := got[0].N.Int64()
		if got[0].N != got[0].IDs || got[0].N != got[0].Places {
			t.Errorf("%s rows of %s events at %s places", got[0].N, got[0].IDs, got[0].Places)
		}
		if uint64(n) == want {
			t.Logf("ClickHouse: %d rows for %d records, each once, %v after it was asked for", n, want, time.Since(began).Round(time.Millisecond))
			return
		}
		if uint64(n) > want {
			t.Fatalf("%d rows for %d records", n, want)
		}
	}
	t.Fatalf("after 90 s there is no row for each of %d records: %s", want, said)
}
