package audit_test

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/events/journal/journaltest"
	"github.com/keytrail/keytrail/events/seal"
)

const (
	right = "The-right-1"
	wrong = "The-wrong-1"
	next  = "The-next-1"
)

// cheap makes hashes take no time: what is tested is who does them, and how often.
func cheap(g *audit.Gate) { g.Password = seal.Cost{Memory: 8, Time: 1, Threads: 1} }

func change(k key, old, new string) *audit.Request {
	return request(k, "iam", "ChangePassword", &iam.ChangePasswordInput{OldPassword: &old, NewPassword: &new})
}

func password(t testing.TB, g *audit.Gate, name string) {
	ask[*iam.CreateLoginProfileOutput](t, g, root, "iam", "CreateLoginProfile", &iam.CreateLoginProfileInput{UserName: &name, Password: new(right)})
}

// While a password is hashed its account goes on: what else is asked is
// answered. Who comes when too many wait is sent away, and that is recorded.
func TestHashingKeepsNobodyWaiting(t *testing.T) {
	log := &journaltest.Memory{}
	l := newLab(t, log)
	g := l.gate("node1", log, cheap)
	ana := person(t, g, "ana", admin)
	password(t, g, "ana")
	waiting, release := g.HoldHashes()
	var clients sync.WaitGroup
	var changed, others atomic.Int32
	for range audit.HashesWaiting {
		clients.Go(func() {
			switch a := g.Serve(context.Background(), change(ana, right, next)); code(a.Err) {
			case "":
				changed.Add(1)
			case "AccessDenied", "EntityTemporarilyUnmodifiable", "Throttling", "ConcurrentModification": // another was first
				others.Add(1)
			default:
				t.Error(a.Err)
			}
		})
	}
	for waiting() < audit.HashesWaiting {
		runtime.Gosched()
	}
	ask[*iam.CreateUserOutput](t, g, root, "iam", "CreateUser", &iam.CreateUserInput{UserName: new("bob")})
	late := change(ana, right, next)
	if a := g.Serve(t.Context(), late); code(a.Err) != "Throttling" {
		t.Errorf("one more than may wait: %v, want Throttling", a.Err)
	}
	if _, found := read(t, log); len(found.records[late.ID]) != 1 {
		t.Error("whoever was sent away is not in the log")
	}
	release()
	clients.Wait()
	if changed.Load() != 1 || others.Load() != audit.HashesWaiting-1 {
		t.Errorf("%d changed the password with the old one, %d did not; want one, and all others", changed.Load(), others.Load())
	}
}

// S-09: of many who guess at once, on two nodes, ten are told that they are
// wrong. From then on nobody is told anything, not even who is right, until the
// time is over; and the log has one fact for each wrong guess that was answered.
func TestGuessingPasswords(t *testing.T) {
	log := &journaltest.Memory{}
	l := newLab(t, log)
	var late atomic.Int64
	clock := func(g *audit.Gate) {
		cheap(g)
		g.Shared = true
		g.Clock = func() time.Time { return time.Now().Add(time.Duration(late.Load())) }
	}
	gates := []*audit.Gate{l.gate("node1", log, clock), l.gate("node2", log, clock)}
	ana := person(t, gates[0], "ana", admin)
	password(t, gates[0], "ana")
	for _, g := range gates {
		defer follow(g)()
	}
	var clients sync.WaitGroup
	var told atomic.Int32
	var mu sync.Mutex
	answered := map[string]bool{}
	for c := range 200 {
		clients.Go(func() {
			r := change(ana, wrong, next)
			switch a := gates[c%2].Serve(context.Background(), r); code(a.Err) {
			case "AccessDenied":
				told.Add(1)
				mu.Lock()
				answered[r.ID] = true
				mu.Unlock()
			case "EntityTemporarilyUnmodifiable", "Throttling", "ConcurrentModification":
			default:
				t.Error(a.Err)
			}
		})
	}
	clients.Wait()
	for told.Load() < 10 { // those that lost every race were told nothing
		if a := gates[0].Serve(t.Context(), change(ana, wrong, next)); code(a.Err) != "AccessDenied" {
			t.Fatalf("after %d wrong ones: %v, want AccessDenied", told.Load(), a.Err)
		}
		told.Add(1)
	}
	if told.Load() != 10 {
		t.Errorf("%d were told that they are wrong, want 10", told.Load())
	}
	for i, g := range gates {
		if a := g.Serve(t.Context(), change(ana, right, next)); code(a.Err) != "EntityTemporarilyUnmodifiable" {
			t.Errorf("gate %d, the right one now: %v, want EntityTemporarilyUnmodifiable", i, a.Err)
		}
	}
	_, found := read(t, log)
	for id := range answered {
		if found.facts[id] != 1 {
			t.Errorf("a wrong guess that was answered has %d facts, want 1", found.facts[id])
		}
	}
	late.Store(int64(31 * time.Minute))
	if a := gates[1].Serve(t.Context(), change(ana, right, next)); a.Err != nil {
		t.Errorf("the right one, later: %v", a.Err)
	}
	if a := gates[0].Serve(t.Context(), change(ana, right, wrong)); code(a.Err) != "AccessDenied" {
		t.Errorf("the old one: %v, want AccessDenied", a.Err)
	}
}
