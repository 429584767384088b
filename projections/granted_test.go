package projections_test

import (
	"fmt"
	"testing"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/managed"
	"github.com/keytrail/keytrail/projections/policy"
)

// judged asks whether a caller may do something to a resource.
func judged(w *projections.World, c *projections.Caller, action string) bool {
	p := &policy.Principal{Type: policy.User, ARN: c.ARN, Account: c.Account.ID, ID: c.UserID, UniqueID: c.UserID}
	if c.Role != nil {
		p.Type, p.UniqueID, p.RoleARN = policy.AssumedRole, c.Role.ID, c.Role.ARN(c.Account)
	}
	var v policy.Verdict
	w.Compiled(c).Evaluate(&policy.Request{Principal: p, Action: action, Resource: "arn:aws:iam::" + home + ":user/x", Context: &policy.Context{}}, &v)
	return v.Allowed()
}

// What a caller may do follows from its own policies, its groups', within its
// boundary and its session's policies, as all of these are now.
func TestGrantedIsWhatThePoliciesSay(t *testing.T) {
	w := &projections.World{}
	apply := func(facts ...events.Event) {
		w.Apply(events.Unit{Seq: w.Seq + 1, Account: home, Facts: facts})
	}
	const user, group, p, role = "AIDAQEAAAAAAAAAAAAAA1", "AGPAQEAAAAAAAAAAAAAA1", "ANPAQEAAAAAAAAAAAAAA1", "AROAQEAAAAAAAAAAAAAA1"
	admin, _ := w.Managed("arn:aws:iam::aws:policy/AdministratorAccess")
	readOnly, _ := w.Managed("arn:aws:iam::aws:policy/IAMReadOnlyAccess")
	apply(events.AccountCreated{ID: home}, events.UserCreated{ID: user, Name: "ana", Path: "/"}, events.GroupCreated{ID: group, Name: "g", Path: "/"},
		events.PolicyCreated{ID: p, Name: "p", Path: "/", Document: allow1}, events.AccessKeyCreated{ID: "AKIAQEAAAAAAAAAAAAAA", User: user},
		events.RoleCreated{ID: role, Name: "r", Path: "/", Trust: events.Trust{Document: trusting(home)}})
	key, _ := w.AccessKey("AKIAQEAAAAAAAAAAAAAA")
	expect := func(when string, session *projections.Session, list, get bool) {
		t.Helper()
		c, ok := w.KeyCaller(key)
		if session != nil {
			c, ok = w.SessionCaller(session)
		}
		if !ok {
			t.Fatalf("%s: no caller", when)
		}
		if l, g := judged(w, c, "iam:ListGroupsForUser"), judged(w, c, "iam:GetUser"); l != list || g != get {
			t.Errorf("%s: list %v, get %v; want %v, %v", when, l, g, list, get)
		}
	}
	expect("at first", nil, false, false)
	apply(events.InlinePolicyPut{In: user, Name: "own", Document: allow2})
	expect("with an inline policy", nil, false, true)
	apply(events.UserAddedToGroup{Group: group, User: user})
	expect("in a group", nil, false, true)
	apply(events.PolicyAttached{To: group, Policy: p})
	expect("when the group has a policy", nil, true, true)
	apply(events.PolicyVersionCreated{Policy: p, Version: 2, Document: allow2, Default: true})
	expect("when the policy has another version", nil, false, true)
	apply(events.PolicyDefaultSet{Policy: p, Version: 1})
	expect("when it is back", nil, true, true)
	apply(events.BoundaryPut{On: user, Policy: p})
	expect("within a boundary", nil, true, false)
	apply(events.PolicyDefaultSet{Policy: p, Version: 2})
	expect("when the boundary changes with the group's policy", nil, false, true)
	apply(events.BoundaryDeleted{On: user}, events.UserRemovedFromGroup{Group: group, User: user}, events.InlinePolicyDeleted{In: user, Name: "own"})
	expect("with all taken away", nil, false, false)

	plain := &projections.Session{AccessKeyID: "ASIA1", Account: home, Type: projections.AssumedRole, RoleID: role, Name: "s"}
	limited := *plain
	limited.AccessKeyID, limited.Policies = "ASIA2", []string{allow2}
	managed := *plain
	managed.AccessKeyID, managed.PolicyARNs = "ASIA3", []string{readOnly.ARN, *policyARN("p")}
	expect("a role without policies", plain, false, false)
	apply(events.PolicyAttached{To: role, Policy: admin.ID})
	expect("a role that may do all", plain, true, true)
	expect("a session that may get", &limited, false, true)
	expect("a session that may read", &managed, true, true)
	managed.AccessKeyID, managed.PolicyARNs = "ASIA4", managed.PolicyARNs[1:]
	expect("a session with a policy of the account", &managed, false, true)
	apply(events.PolicyDefaultSet{Policy: p, Version: 1})
	expect("when that policy changes", &managed, true, false)
	apply(events.PolicyDetached{From: role, Policy: admin.ID})
	expect("a session of a role without policies", &managed, false, false)
}

// What decides whether a caller's policies have changed costs nothing.
func TestPoliciesCostNoAllocation(t *testing.T) {
	w := folded(population(100))
	a, _ := w.Account(home)
	u, _ := a.UserByID("AIDA" + "00000000000000000")
	c := &projections.Caller{Type: projections.IAMUser, Account: a, User: u}
	w.Policies(c)
	if n := testing.AllocsPerRun(100, func() { w.Policies(c) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
	if n := testing.AllocsPerRun(100, func() {
		w.Apply(events.Unit{Seq: w.Seq + 1, Account: home, Facts: nil})
		w.Policies(c)
	}); n > 0 {
		t.Errorf("%v allocations after an empty unit", n)
	}
}

// Every policy that AWS manages parses, in every version, and has an id and a
// size as any other.
func TestManagedPolicies(t *testing.T) {
	ids := map[string]bool{}
	for _, p := range managed.Policies() {
		if ids[p.ID] || len(p.ID) != 21 || p.ID[:4] != projections.PolicyPrefix || len(p.Versions) == 0 {
			t.Errorf("%s: id %s, %d versions", p.Name, p.ID, len(p.Versions))
		}
		ids[p.ID] = true
		for i, v := range p.Versions {
			if _, err := policy.Parse(policy.Identity, v.Document); err != nil {
				t.Errorf("%s v%d: %v", p.Name, i+1, err)
			}
		}
	}
	w := &projections.World{}
	for _, arn := range []string{"AdministratorAccess", "PowerUserAccess", "ReadOnlyAccess", "SecurityAudit", "job-function/ViewOnlyAccess", "IAMFullAccess", "IAMReadOnlyAccess",
		"IAMUserChangePassword", "AWSCloudTrail_ReadOnlyAccess", "AWSCloudTrail_FullAccess", "AWSDenyAll"} {
		if _, ok := w.Managed("arn:aws:iam::aws:policy/" + arn); !ok {
			t.Errorf("%s is missing", arn)
		}
	}
}

// A managed policy that ten thousand users have gets another version: the fold
// does no more work than for ten users, the next decision of each is right, what
// each has is compiled anew once, and who has not the policy keeps what it has.
func TestOnePolicyOfManyUsers(t *testing.T) {
	const p = "ANPAQEAAAAAAAAAAAAAA1"
	var work [2]float64
	for i, users := range []int{10, 10_000} {
		w := &projections.World{}
		apply := func(facts ...events.Event) {
			w.Apply(events.Unit{Seq: w.Seq + 1, Account: home, Facts: facts})
		}
		apply(events.AccountCreated{ID: home}, events.PolicyCreated{ID: p, Name: "p", Path: "/", Document: allow1},
			events.PolicyVersionCreated{Policy: p, Version: 2, Document: allow2},
			events.UserCreated{ID: "AIDAQEAAAAAAAAAAAAAA0", Name: "other", Path: "/"}, events.InlinePolicyPut{In: "AIDAQEAAAAAAAAAAAAAA0", Name: "own", Document: allow1})
		callers := make([]*projections.Caller, users)
		for n := range users {
			id, name := fmt.Sprintf("AIDAQE%015d", n), fmt.Sprint("user", n)
			apply(events.UserCreated{ID: id, Name: name, Path: "/"}, events.PolicyAttached{To: id, Policy: p})
		}
		a, _ := w.Account(home)
		caller := func(name string) *projections.Caller {
			u, _ := a.User(name)
			return &projections.Caller{Type: projections.IAMUser, Account: a, User: u, ARN: u.ARN(a), UserID: u.ID}
		}
		other := caller("other")
		kept := w.Policies(other)
		for n := range callers {
			callers[n] = caller(fmt.Sprint("user", n))
			if !judged(w, callers[n], "iam:ListGroupsForUser") {
				t.Fatal("the first version does not allow")
			}
		}
		apply(events.PolicyDefaultSet{Policy: p, Version: 2})
		for n, c := range callers {
			if judged(w, c, "iam:ListGroupsForUser") || !judged(w, c, "iam:GetUser") {
				t.Fatalf("user %d of %d is judged by the version before", n, users)
			}
			if w.Policies(c) != w.Policies(c) {
				t.Fatalf("user %d of %d is compiled at each question", n, users)
			}
		}
		if w.Policies(other) != kept {
			t.Error("who has not the policy is compiled anew")
		}
		version := 1
		work[i] = testing.AllocsPerRun(10, func() {
			apply(events.PolicyDefaultSet{Policy: p, Version: version})
			version = 3 - version
		})
	}
	if work[1] > work[0]+5 {
		t.Errorf("the fold makes %v allocations where ten users have the policy, %v where ten thousand have", work[0], work[1])
	}
}
