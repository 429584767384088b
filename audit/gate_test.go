package audit_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/journal/journaltest"
)

const (
	admin    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	readOnly = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:Get*","iam:List*"],"Resource":"*"}]}`
	trust    = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + home + `"},"Action":"sts:AssumeRole"}]}`
)

// person makes a user with a key and an inline policy.
func person(t testing.TB, g *audit.Gate, name, policy string) key {
	ask[*iam.CreateUserOutput](t, g, root, "iam", "CreateUser", &iam.CreateUserInput{UserName: &name})
	if policy != "" {
		ask[*iam.PutUserPolicyOutput](t, g, root, "iam", "PutUserPolicy", &iam.PutUserPolicyInput{UserName: &name, PolicyName: new("p"), PolicyDocument: &policy})
	}
	return newKey(t, g, name)
}

func newKey(t testing.TB, g *audit.Gate, name string) key {
	out := ask[*iam.CreateAccessKeyOutput](t, g, root, "iam", "CreateAccessKey", &iam.CreateAccessKeyInput{UserName: &name})
	return key{id: *out.AccessKey.AccessKeyId, secret: *out.AccessKey.SecretAccessKey}
}

func assume(t testing.TB, g *audit.Gate, k key, seconds int32) key {
	c := ask[*sts.AssumeRoleOutput](t, g, k, "sts", "AssumeRole", &sts.AssumeRoleInput{
		RoleArn: new("arn:aws:iam::" + home + ":role/r"), RoleSessionName: new("s1"), DurationSeconds: &seconds,
	}).Credentials
	return key{*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken}
}

func role(t testing.TB, g *audit.Gate, policy string) {
	ask[*iam.CreateRoleOutput](t, g, root, "iam", "CreateRole", &iam.CreateRoleInput{RoleName: new("r"), AssumeRolePolicyDocument: new(trust)})
	ask[*iam.PutRolePolicyOutput](t, g, root, "iam", "PutRolePolicy", &iam.PutRolePolicyInput{RoleName: new("r"), PolicyName: new("p"), PolicyDocument: &policy})
}

// anyRequest is a random request of a few principals about a few names, so that most
// meet something.
func anyRequest(r *rand.Rand, people []key) *audit.Request {
	k := people[r.Intn(len(people))]
	name := func(of ...string) *string { return &of[r.Intn(len(of))] }
	user := func() *string { return name("a", "A", "b", "c", "ana") }
	switch r.Intn(20) {
	case 0, 1, 2:
		return request(k, "iam", "CreateUser", &iam.CreateUserInput{UserName: user()})
	case 3, 4:
		return request(k, "iam", "DeleteUser", &iam.DeleteUserInput{UserName: name("a", "b", "c")})
	case 5:
		return request(k, "iam", "UpdateUser", &iam.UpdateUserInput{UserName: name("a", "b"), NewUserName: name("c", "B", "d")})
	case 6:
		return request(k, "iam", "GetUser", &iam.GetUserInput{UserName: user()})
	case 7:
		return request(k, "iam", "ListUsers", &iam.ListUsersInput{})
	case 8:
		return request(k, "iam", "CreateGroup", &iam.CreateGroupInput{GroupName: name("g", "h")})
	case 9:
		return request(k, "iam", "AddUserToGroup", &iam.AddUserToGroupInput{GroupName: name("g", "h"), UserName: user()})
	case 10:
		return request(k, "iam", "PutUserPolicy", &iam.PutUserPolicyInput{UserName: user(), PolicyName: name("p", "q"), PolicyDocument: name(admin, readOnly, "{")})
	case 11:
		return request(k, "iam", "CreatePolicy", &iam.CreatePolicyInput{PolicyName: name("x", "y"), PolicyDocument: name(admin, readOnly)})
	case 12:
		return request(k, "iam", "AttachUserPolicy", &iam.AttachUserPolicyInput{UserName: user(), PolicyArn: new("arn:aws:iam::" + home + ":policy/x")})
	case 13:
		return request(k, "iam", "CreateAccessKey", &iam.CreateAccessKeyInput{UserName: user()})
	case 14:
		in := &iam.UpdateAccessKeyInput{UserName: new("eve"), AccessKeyId: &people[len(people)-1].id}
		in.Status = in.Status.Values()[r.Intn(2)]
		return request(k, "iam", "UpdateAccessKey", in)
	case 15:
		return request(k, "sts", "AssumeRole", &sts.AssumeRoleInput{RoleArn: new("arn:aws:iam::" + home + ":role/r"), RoleSessionName: new("s1")})
	case 16:
		return request(k, "sts", "GetCallerIdentity", &sts.GetCallerIdentityInput{})
	case 17:
		return request(k, "iam", "NoSuchAction", nil)
	case 18:
		return asking(k, `{"subject":{"type":"user","id":"`+*user()+`"},"action":{"name":"`+*name("iam:GetUser", "s3:GetObject")+`"},"resource":{"type":"s3","id":"b"}}`)
	default:
		return request(k, "iam", "CreateAccountAlias", &iam.CreateAccountAliasInput{}) // without what the wire demands: it panics
	}
}

// Whatever happens, an answer implies a record, and replaying the records gives
// the state the answers came from. Two gates on one log, several clients each,
// a fifth of the appends failing: kept or not.
func TestNoAnswerWithoutRecord(t *testing.T) {
	seeds := int64(200)
	if testing.Short() {
		seeds = 40
	}
	var answered, unanswered, kept, conflicts atomic.Int64
	limit := make(chan struct{}, 4)
	var all sync.WaitGroup
	for seed := range seeds {
		limit <- struct{}{}
		all.Go(func() {
			defer func() { <-limit }()
			history(t, seed, &answered, &unanswered, &kept, &conflicts)
		})
	}
	all.Wait()
	t.Logf("%d seeds: %d answers, %d refused for want of a record, of which %d were kept after all, %d lost every race", seeds, answered.Load(), unanswered.Load(), kept.Load(), conflicts.Load())
	if unanswered.Load() == 0 || kept.Load() == 0 {
		t.Error("no append failed: this tests nothing")
	}
}

func history(t *testing.T, seed int64, answered, unanswered, kept, conflicts *atomic.Int64) {
	log, start := failing(seed)
	l := newLab(t, log)
	gates := []*audit.Gate{l.gate("node1", log), l.gate("node2", log, func(g *audit.Gate) { g.Shared = true })}
	ana, bob, eve := person(t, gates[0], "ana", admin), person(t, gates[0], "bob", ""), person(t, gates[0], "eve", readOnly)
	role(t, gates[0], admin)
	people := []key{root, root, ana, bob, assume(t, gates[0], ana, 900), {}, {id: "AKIANOBODYNOBODYNOBO", secret: "x"}, {id: ana.id, secret: "wrong"}, {id: ana.id, secret: "x", token: "forged"}, eve}
	defer follow(gates[0])()
	defer follow(gates[1])()
	start()

	type asked struct {
		r *audit.Request
		a audit.Answer
	}
	var mu sync.Mutex
	var history []asked
	var clients sync.WaitGroup
	for c := range 5 {
		clients.Go(func() {
			r := rand.New(rand.NewSource(seed*10 + int64(c)))
			var seen uint64
			for range 10 {
				q := anyRequest(r, people)
				if r.Intn(2) == 0 {
					q.After = seen
				}
				a := gates[c%2].Serve(context.Background(), q)
				if code(a.Err) != "ServiceUnavailable" {
					seen = max(seen, a.Seq)
				}
				mu.Lock()
				history = append(history, asked{q, a})
				mu.Unlock()
			}
		})
	}
	clients.Wait()
	for _, g := range gates {
		if err := g.Live.CatchUp(context.Background()); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		g.Pager.Close()
	}

	replayed, found := read(t, log)
	for i, g := range gates {
		live, tree, links := g.Live.Freeze()
		if live.Seq != replayed.Seq || live.Hash() != replayed.Hash() {
			t.Errorf("seed %d: gate %d stands at %d with hash %x, replay gives %d, %x", seed, i, live.Seq, live.Hash(), replayed.Seq, replayed.Hash())
		}
		if tree.Size != live.Seq || len(links) != 1 {
			t.Errorf("seed %d: gate %d: a tree of %d at %d, %d links", seed, i, tree.Size, live.Seq, len(links))
		}
		if a, _ := live.Account(home); a.Seq != uint64(found.units) {
			t.Errorf("seed %d: gate %d: the account's last unit is %d, the log has %d", seed, i, a.Seq, found.units)
		}
	}
	for _, h := range history {
		what := fmt.Sprintf("seed %d: %s:%s %s", seed, h.r.Service, h.r.Name, h.r.ID)
		records := found.records[h.r.ID]
		if code(h.a.Err) == "ServiceUnavailable" {
			unanswered.Add(1)
			kept.Add(int64(len(records)))
			if len(records) > 1 || h.a.Output != nil {
				t.Errorf("%s was not answered: %d records, output %v", what, len(records), h.a.Output)
			}
			continue
		}
		answered.Add(1)
		if len(records) != 1 {
			t.Errorf("%s was answered (%v): %d records, want 1", what, h.a.Err, len(records))
			continue
		}
		// The record says what the client was told.
		want := code(h.a.Err)
		if got := records[0].ErrorCode; (got == "") != (want == "") {
			t.Errorf("%s was answered %q, its record says %q", what, want, got)
		}
		if want == "ConcurrentModification" {
			conflicts.Add(1)
		}
		if want != "" && (found.facts[h.r.ID] > 0 || h.a.Output != nil) {
			t.Errorf("%s was refused (%s), but %d facts became true, output %v", what, want, found.facts[h.r.ID], h.a.Output)
		}
		if h.r.Name == "CreateUser" && want == "" && found.facts[h.r.ID] != 1 {
			t.Errorf("%s succeeded with %d facts", what, found.facts[h.r.ID])
		}
	}
}

// A panic anywhere before the append is answered, recorded, and changes nothing;
// the account is not left locked.
func TestPanic(t *testing.T) {
	log := &journaltest.Memory{}
	l := newLab(t, log)
	g := l.gate("node1", log)
	before, _ := read(t, log)
	for name, r := range map[string]*audit.Request{
		"in a command": request(root, "iam", "CreateAccountAlias", &iam.CreateAccountAliasInput{}), // dereferences what the wire would have demanded
		"in judging":   request(root, "iam", "CreateUser", &iam.CreateUserInput{}),
		"in decoding": func() *audit.Request {
			r := request(root, "iam", "CreateUser", nil)
			r.Input = func() (any, error) { panic("canary of a panic") }
			return r
		}(),
		"after judging": request(root, "keytrail", "GetState", nil), // no Journal in this gate
	} {
		a := g.Serve(t.Context(), r)
		if code(a.Err) != "InternalFailure" || a.Output != nil {
			t.Errorf("%s: %v, %v; want InternalFailure", name, a.Output, a.Err)
		}
		after, found := read(t, log)
		if after.Hash() != before.Hash() {
			t.Errorf("%s: the state changed", name)
		}
		if rec := found.records[r.ID]; len(rec) != 1 || rec[0].ErrorCode != "InternalFailure" {
			t.Errorf("%s: records %+v, want one of InternalFailure", name, rec)
		}
	}
	ask[*iam.CreateUserOutput](t, g, root, "iam", "CreateUser", &iam.CreateUserInput{UserName: new("ana")})
}

// Of many who create the same name through two gates that know nothing of each
// other, one wins each time, and the others are told that it exists.
func TestTwoGatesOneName(t *testing.T) {
	log := &journaltest.Memory{}
	l := newLab(t, log)
	gates := []*audit.Gate{l.gate("node1", log), l.gate("node2", log)}
	for round := range 50 {
		name := fmt.Sprint("user", round)
		var won, lost atomic.Int32
		var clients sync.WaitGroup
		for c := range 8 {
			clients.Go(func() {
				a := gates[c%2].Serve(context.Background(), request(root, "iam", "CreateUser", &iam.CreateUserInput{UserName: &name}))
				switch code(a.Err) {
				case "":
					won.Add(1)
				case "EntityAlreadyExists":
					lost.Add(1)
				default:
					t.Errorf("round %d: %v", round, a.Err)
				}
			})
		}
		clients.Wait()
		if won.Load() != 1 || lost.Load() != 7 {
			t.Fatalf("round %d: %d won, %d lost; want 1 and 7", round, won.Load(), lost.Load())
		}
	}
}

// What was judged before somebody else's change was folded in is not appended
// after it: the account's end is that of the judgement, not that of the append.
func TestJudgedBefore(t *testing.T) {
	log := &journaltest.Memory{}
	l := newLab(t, log)
	g := l.gate("node1", log)
	judged := g.Live.Seq()
	ask[*iam.CreateUserOutput](t, g, root, "iam", "CreateUser", &iam.CreateUserInput{UserName: new("ana")})
	end := g.Live.Seq()
	if _, err := g.Commit(t.Context(), home, judged, []byte("[]")); !errors.Is(err, journal.ErrConflict) {
		t.Errorf("judged at %d, while the account is at %d: %v, want a conflict", judged, end, err)
	}
	if now, err := log.End(t.Context(), journal.Identity); err != nil || now != end {
		t.Errorf("the log ends at %d (%v), want %d", now, err, end)
	}
}

// A command that loses the race runs again on the World as it is then; who
// loses five times is told so, and that is recorded.
func TestLostRaces(t *testing.T) {
	log := &journaltest.Memory{}
	l := newLab(t, log)
	other := l.gate("other", log)
	over := &hooked{Log: log}
	g := l.gate("node1", over)
	n := 0
	for races, want := range []string{"", "", "", "", "", "ConcurrentModification"} {
		left := races
		over.before = func() {
			if left--; left >= 0 {
				n++
				ask[*iam.CreateUserOutput](t, other, root, "iam", "CreateUser", &iam.CreateUserInput{UserName: new(fmt.Sprint("other", n))})
			}
		}
		r := request(root, "iam", "CreateUser", &iam.CreateUserInput{UserName: new(fmt.Sprint("mine", races))})
		a := g.Serve(t.Context(), r)
		_, found := read(t, log)
		if rec := found.records[r.ID]; code(a.Err) != want || len(rec) != 1 {
			t.Errorf("after %d lost races: %q with %d records, want %q with 1", races, code(a.Err), len(rec), want)
		}
		if n := found.facts[r.ID]; (want == "") != (n == 1) { // not those of the runs before, too
			t.Errorf("after %d lost races: %d facts", races, n)
		}
	}
	// What became taken meanwhile is taken.
	over.before = func() {
		over.before = nil
		ask[*iam.CreateUserOutput](t, other, root, "iam", "CreateUser", &iam.CreateUserInput{UserName: new("Taken")})
	}
	if a := g.Serve(t.Context(), request(root, "iam", "CreateUser", &iam.CreateUserInput{UserName: new("taken")})); code(a.Err) != "EntityAlreadyExists" {
		t.Errorf("a name taken meanwhile: %v", a.Err)
	}
	// Who lost the right meanwhile has lost it.
	ana := person(t, other, "ana", admin)
	if err := g.Live.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	over.before = func() {
		over.before = nil
		ask[*iam.DeleteUserPolicyOutput](t, other, root, "iam", "DeleteUserPolicy", &iam.DeleteUserPolicyInput{UserName: new("ana"), PolicyName: new("p")})
	}
	if a := g.Serve(t.Context(), request(ana, "iam", "CreateUser", &iam.CreateUserInput{UserName: new("late")})); code(a.Err) != "AccessDenied" {
		t.Errorf("a right taken away meanwhile: %v", a.Err)
	}
}

// What happens to a caller between proof and judgement counts.
func TestRevokedOnTheWay(t *testing.T) {
	log := &journaltest.Memory{}
	l := newLab(t, log)
	g := l.gate("node1", log)
	role(t, g, admin)
	ana := person(t, g, "ana", admin)
	inactive := func(k key) func() {
		return func() {
			ask[*iam.UpdateAccessKeyOutput](t, g, root, "iam", "UpdateAccessKey", &iam.UpdateAccessKeyInput{UserName: new("ana"), AccessKeyId: &k.id, Status: "Inactive"})
		}
	}
	child := func() key { // what GetSessionToken makes ends with the key it was made from
		c := ask[*sts.GetSessionTokenOutput](t, g, ana, "sts", "GetSessionToken", &sts.GetSessionTokenInput{}).Credentials
		return key{*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken}
	}()
	for _, c := range []struct {
		name   string
		k      key
		revoke func()
	}{
		{"a role's session, role deleted", assume(t, g, ana, 900), func() {
			ask[*iam.DeleteRolePolicyOutput](t, g, root, "iam", "DeleteRolePolicy", &iam.DeleteRolePolicyInput{RoleName: new("r"), PolicyName: new("p")})
			ask[*iam.DeleteRoleOutput](t, g, root, "iam", "DeleteRole", &iam.DeleteRoleInput{RoleName: new("r")})
		}},
		{"a key, deactivated", ana, inactive(ana)},
		{"a session of a key, the key deactivated before", child, func() {}},
		{"a key, deleted", func() key {
			ask[*iam.UpdateAccessKeyOutput](t, g, root, "iam", "UpdateAccessKey", &iam.UpdateAccessKeyInput{UserName: new("ana"), AccessKeyId: &ana.id, Status: "Active"})
			return ana
		}(), func() {
			ask[*iam.DeleteAccessKeyOutput](t, g, root, "iam", "DeleteAccessKey", &iam.DeleteAccessKeyInput{UserName: new("ana"), AccessKeyId: &ana.id})
		}},
	} {
		for _, action := range []string{"CreateGroup", "GetCallerIdentity"} {
			r := request(c.k, "iam", "CreateGroup", &iam.CreateGroupInput{GroupName: new("mine")})
			if action == "GetCallerIdentity" { // which everybody authenticated may
				r = request(c.k, "sts", action, &sts.GetCallerIdentityInput{})
			}
			in := r.Input
			r.Input = func() (any, error) { c.revoke(); c.revoke = func() {}; return in() }
			a := g.Serve(t.Context(), r)
			_, found := read(t, log)
			if rec := found.records[r.ID]; code(a.Err) != "InvalidClientTokenId" || len(rec) != 1 || rec[0].Verdict.Effect != "Unauthenticated" && rec[0].ErrorCode == "" {
				t.Errorf("%s, %s: %v, records %+v; want InvalidClientTokenId and one", c.name, action, a.Err, rec)
			}
		}
	}
}

// A session made at a sequence that a node has not reached waits there, and is
// refused without an answer if it does not come.
func TestSessionAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &journaltest.Memory{}
		l := newLab(t, log)
		behind := l.gate("node2", log)
		ahead := l.gate("node1", log)
		ana := person(t, ahead, "ana", admin)
		role(t, ahead, admin)
		s := assume(t, ahead, ana, 900)
		who := func() *audit.Request { return request(s, "sts", "GetCallerIdentity", &sts.GetCallerIdentityInput{}) }

		began, r := time.Now(), who()
		if a := behind.Serve(context.Background(), r); code(a.Err) != "ServiceUnavailable" || time.Since(began) < time.Second {
			t.Errorf("a World that stays behind: %v after %v", a.Err, time.Since(began))
		}
		if _, found := read(t, log); len(found.records[r.ID]) != 0 {
			t.Error("what was not judged was recorded")
		}
		done := make(chan audit.Answer, 1)
		go func() { done <- behind.Serve(context.Background(), who()) }()
		time.Sleep(time.Second)
		select {
		case a := <-done:
			t.Fatalf("answered before the World was there: %+v", a)
		default:
		}
		if err := behind.Live.CatchUp(context.Background()); err != nil {
			t.Fatal(err)
		}
		if a := <-done; a.Err != nil {
			t.Error(a.Err)
		}
		// The same by the caller's own word.
		q := request(root, "iam", "ListUsers", &iam.ListUsersInput{})
		q.After = 1000
		if a := behind.Serve(context.Background(), q); code(a.Err) != "ServiceUnavailable" {
			t.Errorf("a sequence nobody has reached: %v", a.Err)
		}
		ahead.Pager.Close()
		behind.Pager.Close()
	})
}

// A node that has not seen the log's end for ten seconds allows nothing, though
// it could still write.
func TestStale(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &journaltest.Memory{}
		l := newLab(t, log)
		var cut atomic.Bool
		over := &hooked{Log: log, end: func() (uint64, error) {
			if cut.Load() {
				return 0, errors.New("no route")
			}
			return log.End(context.Background(), journal.Identity)
		}}
		g := l.gate("node1", over)
		stop := follow(g)
		try := func() string {
			return code(g.Serve(context.Background(), request(root, "iam", "ListUsers", &iam.ListUsersInput{})).Err)
		}
		time.Sleep(time.Minute)
		if got := try(); got != "" {
			t.Errorf("at the log's end: %s", got)
		}
		cut.Store(true)
		time.Sleep(9 * time.Second)
		if got := try(); got != "" {
			t.Errorf("9 s later: %s", got)
		}
		time.Sleep(2 * time.Second)
		if got := try(); got != "ServiceUnavailable" {
			t.Errorf("11 s later: %q, want ServiceUnavailable", got)
		}
		cut.Store(false)
		time.Sleep(2 * time.Second)
		if got := try(); got != "" {
			t.Errorf("back again: %s", got)
		}
		stop()
		g.Pager.Close()
	})
}

// A clock that is set back revives nothing: not in the process, and not in one
// started after.
func TestClockSetBack(t *testing.T) {
	log := &journaltest.Memory{}
	l := newLab(t, log)
	var now atomic.Int64
	now.Store(time.Now().UnixNano())
	clock := func(g *audit.Gate) { g.Clock = func() time.Time { return time.Unix(0, now.Load()) } }
	g := l.gate("node1", log, clock)
	ana := person(t, g, "ana", admin)
	role(t, g, admin)
	s := assume(t, g, ana, 900)
	try := func(g *audit.Gate) string {
		return code(g.Serve(t.Context(), request(s, "sts", "GetCallerIdentity", &sts.GetCallerIdentityInput{})).Err)
	}
	if got := try(g); got != "" {
		t.Fatal(got)
	}
	now.Add(int64(899 * time.Second))
	if got := try(g); got != "" {
		t.Errorf("a second before its end: %s", got)
	}
	now.Add(int64(time.Second))
	if got := try(g); got != "ExpiredToken" {
		t.Errorf("at its end: %q", got)
	}
	late := time.Unix(0, now.Load())
	for _, back := range []time.Duration{time.Second, hour, 24 * hour, 365 * 24 * hour} {
		now.Store(late.Add(-back).UnixNano())
		if got := try(g); got != "ExpiredToken" {
			t.Errorf("%v back: %q, want ExpiredToken", back, got)
		}
		if got := try(l.gate("node2", log, clock, func(g *audit.Gate) { g.Floor = late })); got != "ExpiredToken" {
			t.Errorf("%v back and started again: %q, want ExpiredToken", back, got)
		}
	}
}
