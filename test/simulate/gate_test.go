// Package simulate_test holds the policy simulator of a running server against
// the gate of the same server: what it says would happen is what happens.
package simulate_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections/policy"
	"github.com/keytrail/keytrail/test/harness"
)

const (
	home  = "111122223333"
	iams  = "arn:aws:iam::" + home + ":"
	agent = "differential/1"
)

type object = map[string]any

// town is a random world: who is in it, and what was written down about them.
type town struct {
	*rand.Rand
	t    *testing.T
	ctx  context.Context
	s    *harness.Server
	root *iam.Client

	documents map[string]string // by policy name; no two policies have one name
	people    []*person
	trust     string
}

// person is a caller: a user, or a session of a role.
type person struct {
	arn      string // of the user or role
	keys     harness.Credentials
	own      []types.ContextEntry // what the gate knows of the session and the simulator does not
	tags     map[string]string
	policies []string // names, of its groups too
	boundary string
}

func (w *town) of(list ...string) string { return list[w.IntN(len(list))] }
func (w *town) chance(percent int) bool  { return w.IntN(100) < percent }

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// The requests: none of them changes anything, though some would if they did
// not fail after they were judged. So the World is the same for all cases.
type request struct {
	service, action string
	form            url.Values
	context         []types.ContextEntry
}

func entry(name string, values ...string) types.ContextEntry {
	e := types.ContextEntry{ContextKeyName: &name, ContextKeyType: types.ContextKeyTypeEnumString, ContextKeyValues: values}
	if name == "aws:TagKeys" {
		e.ContextKeyType = types.ContextKeyTypeEnumStringList
	}
	return e
}

func (w *town) request() request {
	n := w.IntN(4)
	target := fmt.Sprint("t", n)
	tagged := []types.ContextEntry{entry("aws:ResourceTag/team", teams[n]), entry("iam:ResourceTag/team", teams[n])}
	if n == 1 {
		tagged = append(tagged, entry("iam:PermissionsBoundary", iams+"policy/tp"))
	}
	user := url.Values{"UserName": {target}}
	switch w.IntN(17) {
	case 0:
		return request{"iam", "GetUser", user, tagged}
	case 1:
		return request{"iam", "ListUserTags", user, tagged}
	case 2:
		return request{"iam", "ListGroupsForUser", user, tagged}
	case 3:
		return request{"iam", "GetRole", url.Values{"RoleName": {"tr"}}, []types.ContextEntry{entry("aws:ResourceTag/team", "red"), entry("iam:ResourceTag/team", "red")}}
	case 4:
		return request{"iam", "GetGroup", url.Values{"GroupName": {"tg"}}, nil}
	case 5:
		return request{"iam", "GetPolicy", url.Values{"PolicyArn": {iams + "policy/tp"}}, nil}
	case 6:
		return request{"iam", "ListUsers", nil, nil}
	case 7:
		return request{"iam", "ListRoles", url.Values{"PathPrefix": {"/x/"}}, nil}
	case 8:
		return request{"iam", "GetAccountSummary", nil, nil}
	case 9: // gives the user the tag it has
		return request{"iam", "TagUser", url.Values{"UserName": {target}, "Tags.member.1.Key": {"team"}, "Tags.member.1.Value": {teams[n]}},
			append(tagged, entry("aws:RequestTag/team", teams[n]), entry("aws:TagKeys", "team"))}
	case 10:
		return request{"iam", "UntagUser", url.Values{"UserName": {target}, "TagKeys.member.1": {"none"}, "TagKeys.member.2": {"nil"}}, append(tagged, entry("aws:TagKeys", "none", "nil"))}
	case 11: // exists
		return request{"iam", "CreateUser", url.Values{"UserName": {target}, "PermissionsBoundary": {iams + "policy/tp"}, "Tags.member.1.Key": {"team"}, "Tags.member.1.Value": {"red"}, "Tags.member.2.Key": {"cost"}, "Tags.member.2.Value": {"7"}},
			[]types.ContextEntry{entry("iam:PermissionsBoundary", iams+"policy/tp"), entry("aws:RequestTag/team", "red"), entry("aws:RequestTag/cost", "7"), entry("aws:TagKeys", "team", "cost")}}
	case 12: // has it
		return request{"iam", "AttachUserPolicy", url.Values{"UserName": {"t2"}, "PolicyArn": {iams + "policy/tp"}}, []types.ContextEntry{entry("aws:ResourceTag/team", teams[2]), entry("iam:ResourceTag/team", teams[2]), entry("iam:PolicyARN", iams+"policy/tp")}}
	case 13: // is not there
		return request{"iam", "DeleteUser", url.Values{"UserName": {w.of("nobody", "no.one")}}, nil}
	case 14: // not there either
		return request{"iam", "DeleteUserPolicy", url.Values{"UserName": {target}, "PolicyName": {"none"}}, tagged}
	case 15:
		return request{"iam", "SimulatePrincipalPolicy", url.Values{"PolicySourceArn": {iams + "user/" + target}, "ActionNames.member.1": {"s3:GetObject"}}, tagged}
	}
	return request{"sts", "AssumeRole", url.Values{"RoleArn": {iams + "role/tr"}, "RoleSessionName": {"s-1"}}, []types.ContextEntry{entry("aws:ResourceTag/team", "red"), entry("iam:ResourceTag/team", "red"), entry("sts:RoleSessionName", "s-1")}}
}

var teams = []string{"red", "blue", "Red", ""}

// What policies are made of fits the requests, or misses them by one step.
var (
	actions = []string{"iam:GetUser", "iam:Get*", "iam:List*", "iam:*User*", "iam:*", "IAM:getuser", "*", "iam:TagUser", "iam:CreateUser", "iam:*Tag*", "sts:AssumeRole", "sts:*", "iam:Delete*", "s3:*", "iam:?etRole", "iam:Simulate*"}
	places  = []string{"*", "*", "*", iams + "user/*", iams + "user/t?", iams + "user/t${aws:PrincipalTag/level}", iams + "user/t${aws:PrincipalTag/none, '1'}", iams + "role/tr", iams + "role/*", "arn:aws:iam::*:user/t*", iams + "policy/tp", iams + "group/${aws:username}", iams + "user/t0"}
	tests   = []object{
		{"IpAddress": object{"aws:SourceIp": "127.0.0.0/8"}}, {"NotIpAddress": object{"aws:SourceIp": []string{"10.0.0.0/8", "::1"}}}, {"IpAddress": object{"aws:SourceIp": "10.0.0.0/8"}},
		{"StringEquals": object{"aws:ResourceTag/team": "red"}}, {"StringEquals": object{"iam:ResourceTag/Team": "${aws:PrincipalTag/team}"}}, {"StringNotEquals": object{"aws:ResourceTag/team": "red"}},
		{"StringEqualsIgnoreCase": object{"aws:ResourceTag/team": "RED"}}, {"StringEqualsIfExists": object{"aws:RequestTag/team": []string{"red", "blue"}}},
		{"ForAllValues:StringEquals": object{"aws:TagKeys": []string{"team", "cost"}}}, {"ForAnyValue:StringLike": object{"aws:TagKeys": "n*"}}, {"StringEquals": object{"aws:TagKeys": "team"}},
		{"Null": object{"aws:TokenIssueTime": "true"}}, {"Null": object{"aws:RequestTag/team": "false"}}, {"Bool": object{"aws:SecureTransport": "false"}}, {"Bool": object{"aws:MultiFactorAuthPresent": "false"}},
		{"BoolIfExists": object{"aws:MultiFactorAuthPresent": "true"}}, {"DateGreaterThan": object{"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, {"DateLessThan": object{"aws:EpochTime": "1600000000"}},
		{"NumericGreaterThan": object{"aws:EpochTime": "1600000000"}}, {"StringLike": object{"aws:UserAgent": "diff*"}}, {"StringEquals": object{"aws:PrincipalType": "User"}},
		{"ArnLike": object{"aws:PrincipalArn": iams + "user/*"}}, {"StringLike": object{"aws:userid": "AROA*:s-0"}}, {"StringEquals": object{"aws:ResourceAccount": home}}, {"StringEquals": object{"aws:ResourceAccount": "${aws:PrincipalAccount}"}},
		{"ArnEquals": object{"iam:PermissionsBoundary": iams + "policy/tp"}}, {"ArnNotEquals": object{"iam:PolicyARN": iams + "policy/*"}}, {"StringEquals": object{"sts:RoleSessionName": "s-1", "aws:RequestedRegion": "us-east-1"}},
		{"NumericLessThanEquals": object{"aws:PrincipalTag/level": "1"}}, {"Bool": object{"aws:PrincipalIsAWSService": "false", "aws:ViaAWSService": "false"}}, {"StringLike": object{"aws:username": []string{"u1*", "u?"}}},
	}
)

func (w *town) statement() object {
	st := object{"Effect": "Allow"}
	if w.chance(22) {
		st["Effect"] = "Deny"
	}
	not := func(element string) string {
		if w.chance(8) {
			return "Not" + element
		}
		return element
	}
	some := func(list []string) any {
		if w.chance(60) {
			return w.of(list...)
		}
		return []string{w.of(list...), w.of(list...)}
	}
	st[not("Action")], st[not("Resource")] = some(actions), some(places)
	if w.chance(35) {
		st["Action"], st["Resource"] = w.of("*", "iam:*", "iam:*User*"), "*"
		delete(st, "NotAction")
		delete(st, "NotResource")
	}
	if st["Effect"] == "Deny" && w.chance(50) {
		delete(st, "NotAction")
		st["Action"] = some(actions[8:])
	}
	if w.chance(45) {
		st["Condition"] = tests[w.IntN(len(tests))]
	}
	return st
}

// write makes a document under a name of its own.
func (w *town) write(most int) (name string) {
	var list []any
	for range 1 + w.IntN(most) {
		list = append(list, w.statement())
	}
	b := must(json.Marshal(object{"Version": "2012-10-17", "Statement": list}))
	if w.chance(50) {
		b = must(json.MarshalIndent(object{"Version": "2012-10-17", "Statement": list}, "", "  "))
	}
	name = fmt.Sprint("p", len(w.documents))
	w.documents[name] = string(b)
	return name
}

func (w *town) managed() string {
	name := w.write(3)
	must(w.root.CreatePolicy(w.ctx, &iam.CreatePolicyInput{PolicyName: &name, PolicyDocument: new(w.documents[name])}))
	return name
}

func tagsOf(m map[string]string) (tags []types.Tag) {
	for k, v := range m {
		tags = append(tags, types.Tag{Key: &k, Value: &v})
	}
	return tags
}

func newTown(t *testing.T, s *harness.Server, seed uint64, users, roles int) *town {
	w := &town{Rand: rand.New(rand.NewPCG(seed, 0)), t: t, ctx: t.Context(), s: s, root: s.IAM(s.Root), documents: map[string]string{}}
	tp := "tp"
	w.documents[tp] = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	must(w.root.CreatePolicy(w.ctx, &iam.CreatePolicyInput{PolicyName: &tp, PolicyDocument: new(w.documents[tp])}))
	for i, team := range teams {
		in := &iam.CreateUserInput{UserName: new(fmt.Sprint("t", i)), Tags: tagsOf(map[string]string{"team": team})}
		if i == 1 {
			in.PermissionsBoundary = new(iams + "policy/tp")
		}
		must(w.root.CreateUser(w.ctx, in))
	}
	must(w.root.AttachUserPolicy(w.ctx, &iam.AttachUserPolicyInput{UserName: new("t2"), PolicyArn: new(iams + "policy/tp")}))
	must(w.root.CreateGroup(w.ctx, &iam.CreateGroupInput{GroupName: new("tg")}))
	var policies []string
	for range 12 {
		policies = append(policies, w.managed())
	}
	groups := map[string][]string{}
	for i := range 4 {
		g, p := fmt.Sprint("g", i), w.write(2)
		must(w.root.CreateGroup(w.ctx, &iam.CreateGroupInput{GroupName: &g}))
		must(w.root.PutGroupPolicy(w.ctx, &iam.PutGroupPolicyInput{GroupName: &g, PolicyName: &p, PolicyDocument: new(w.documents[p])}))
		m := w.of(policies...)
		must(w.root.AttachGroupPolicy(w.ctx, &iam.AttachGroupPolicyInput{GroupName: &g, PolicyArn: new(iams + "policy/" + m)}))
		groups[g] = []string{p, m}
	}
	for i := range users {
		name := fmt.Sprint("u", i)
		p := &person{arn: iams + "user/" + name, tags: w.tags()}
		must(w.root.CreateUser(w.ctx, &iam.CreateUserInput{UserName: &name, Tags: tagsOf(p.tags)}))
		p.keys = must(s.Key(w.ctx, s.Root, name))
		if w.chance(75) {
			d := w.write(4)
			must(w.root.PutUserPolicy(w.ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: &d, PolicyDocument: new(w.documents[d])}))
			p.policies = append(p.policies, d)
		}
		for range w.IntN(3) {
			if m := w.of(policies...); !slices.Contains(p.policies, m) {
				must(w.root.AttachUserPolicy(w.ctx, &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: new(iams + "policy/" + m)}))
				p.policies = append(p.policies, m)
			}
		}
		if w.chance(40) {
			g := fmt.Sprint("g", w.IntN(4))
			must(w.root.AddUserToGroup(w.ctx, &iam.AddUserToGroupInput{UserName: &name, GroupName: &g}))
			p.policies = append(p.policies, groups[g]...) // perhaps one twice, as in the World
		}
		if w.chance(30) {
			p.boundary = w.of(append(policies, "tp")...)
			must(w.root.PutUserPermissionsBoundary(w.ctx, &iam.PutUserPermissionsBoundaryInput{UserName: &name, PermissionsBoundary: new(iams + "policy/" + p.boundary)}))
		}
		w.people = append(w.people, p)
	}
	w.trust = string(must(json.Marshal(object{"Version": "2012-10-17", "Statement": []object{
		{"Effect": "Allow", "Principal": object{"AWS": []string{w.people[0].arn, w.people[1].arn, w.people[2].arn}}, "Action": "sts:AssumeRole"},
		{"Effect": "Allow", "Principal": object{"AWS": home}, "Action": "sts:*ssumeRole", "Condition": object{"StringEquals": object{"aws:PrincipalTag/team": "red"}}},
		{"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole", "Condition": object{"StringEquals": object{"aws:PrincipalTag/level": "2"}}},
	}})))
	w.trust = strings.ReplaceAll(w.trust, "sts:*ssumeRole", "sts:AssumeRole*")
	must(w.root.CreateRole(w.ctx, &iam.CreateRoleInput{RoleName: new("tr"), AssumeRolePolicyDocument: &w.trust, Tags: tagsOf(map[string]string{"team": "red"})}))
	porter := must(s.User(w.ctx, "porter"))
	for i := range roles {
		name := fmt.Sprint("r", i)
		p := &person{arn: iams + "role/" + name, tags: w.tags()}
		made := must(w.root.CreateRole(w.ctx, &iam.CreateRoleInput{RoleName: &name, Tags: tagsOf(p.tags),
			AssumeRolePolicyDocument: new(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + iams + `user/porter"},"Action":["sts:AssumeRole","sts:TagSession"]}}`)}))
		d, m := w.write(4), w.of(policies...)
		must(w.root.PutRolePolicy(w.ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: &d, PolicyDocument: new(w.documents[d])}))
		must(w.root.AttachRolePolicy(w.ctx, &iam.AttachRolePolicyInput{RoleName: &name, PolicyArn: new(iams + "policy/" + m)}))
		p.policies = []string{d, m}
		if w.chance(30) {
			p.boundary = w.of(append(policies, "tp")...)
			must(w.root.PutRolePermissionsBoundary(w.ctx, &iam.PutRolePermissionsBoundaryInput{RoleName: &name, PermissionsBoundary: new(iams + "policy/" + p.boundary)}))
		}
		in := &sts.AssumeRoleInput{RoleArn: &p.arn, RoleSessionName: new("s-0")}
		if w.chance(40) { // a session's tags go before the role's
			team := w.of(teams...)
			in.Tags = []ststypes.Tag{{Key: new("TEAM"), Value: &team}}
			p.own = append(p.own, entry("aws:PrincipalTag/TEAM", team))
			delete(p.tags, "team")
		}
		c := must(s.STS(porter).AssumeRole(w.ctx, in)).Credentials
		p.keys = harness.Credentials{KeyID: *c.AccessKeyId, Secret: *c.SecretAccessKey, Token: *c.SessionToken}
		p.own = append(p.own, entry("aws:userid", *made.Role.RoleId+":s-0"), entry("aws:MultiFactorAuthPresent", "false"), entry("aws:TokenIssueTime", time.Now().UTC().Format(time.RFC3339)))
		w.people = append(w.people, p)
	}
	return w
}

func (w *town) tags() map[string]string {
	tags := map[string]string{}
	if w.chance(70) {
		tags["team"] = w.of(teams...)
	}
	if w.chance(50) {
		tags["Level"] = w.of("0", "1", "2")
	}
	return tags
}

// question is a request that was made, to be asked of the simulator.
type question struct {
	who *person
	request
	id string
}

// A principal's request, and the same asked of the simulator with the same
// context, get the same decision, by the same statements: for all checks of a
// request, for users, members of groups, sessions of roles, with boundaries,
// trust policies, tags and conditions. KEYTRAIL_SIMULATE_CASES and
// KEYTRAIL_SIMULATE_SEED set how many, and where they start.
func TestSameAsTheGate(t *testing.T) {
	cases, seed := fromEnv("KEYTRAIL_SIMULATE_CASES", 2_400), fromEnv("KEYTRAIL_SIMULATE_SEED", 1)
	began := time.Now()
	s := harness.Start(t, harness.Options{NoAudit: true, Args: []string{"--rate", "0"}})
	w := newTown(t, s, uint64(seed), 50, 14)

	client := &http.Client{Timeout: 30 * time.Second}
	base := []types.ContextEntry{
		entry("aws:SourceIp", "127.0.0.1"), entry("aws:UserAgent", agent), entry("aws:SecureTransport", "false"), entry("aws:RequestedRegion", harness.Region),
		entry("aws:ViaAWSService", "false"), entry("aws:CurrentTime", time.Now().UTC().Format(time.RFC3339)), entry("aws:EpochTime", strconv.FormatInt(time.Now().Unix(), 10)),
	}
	t.Logf("%d policies of %d principals in %v", len(w.documents), len(w.people), time.Since(began).Round(time.Millisecond))
	began = time.Now()
	asked := make([]question, cases)
	for n := range asked {
		asked[n] = question{who: w.people[w.IntN(len(w.people))], request: w.request()}
	}
	each(cases, func(n int) {
		q := &asked[n]
		r := s.Request(q.service, q.action, q.form)
		r.Header.Set("User-Agent", agent)
		r.Header.Set("X-Case", strconv.Itoa(n)) // is signed: no two changes have one signature
		a := must(harness.ReadAnswer(must(client.Do(harness.Sign(r, q.who.keys, q.service)))))
		if q.id = a.RequestID; a.Status >= 500 || a.Code == "InvalidClientTokenId" || a.Code == "SignatureDoesNotMatch" {
			t.Error(q.action, a)
		}
	})
	records := must(s.ByRequest())
	t.Logf("judged in %v", time.Since(began).Round(time.Millisecond))
	began = time.Now()

	var lock sync.Mutex
	mix, checks, custom := map[string]int{}, 0, 0
	each(cases, func(n int) {
		q, record := asked[n], records[asked[n].id]
		if t.Failed() {
			return
		}
		if len(record.Verdict.Checks) == 0 {
			t.Errorf("case %d of seed %d: %s was not judged: %+v", n, seed, q.action, record)
			return
		}
		for _, c := range record.Verdict.Checks {
			trusted := strings.HasPrefix(c.Action, "sts:")
			if trusted && strings.Contains(q.who.arn, ":role/") {
				continue // "Simulation of resource-based policies isn't supported for IAM roles."
			}
			lock.Lock()
			checks++
			mix[c.Effect]++
			lock.Unlock()
			in := &iam.SimulatePrincipalPolicyInput{
				PolicySourceArn: &q.who.arn, ActionNames: []string{c.Action}, ResourceArns: []string{c.Resource},
				ContextEntries: slices.Concat(base, q.who.own, q.context),
			}
			if trusted {
				in.ResourcePolicy = &w.trust
			}
			out, err := twice(func() (*iam.SimulatePrincipalPolicyOutput, error) { return w.root.SimulatePrincipalPolicy(w.ctx, in) })
			if err != nil {
				t.Errorf("case %d of seed %d: %v", n, seed, err)
				return
			}
			got := out.EvaluationResults[0]
			if want := effects[c.Effect]; len(out.EvaluationResults) != 1 || got.EvalDecision != want || !slices.Equal(w.told(got.MatchedStatements), recorded(c.Statements)) {
				t.Errorf("case %d of seed %d: %s, %s on %s %v with %s\nsimulated %s by %q\njudged    %s by %q\npolicies %s",
					n, seed, q.who.arn, c.Action, c.Resource, q.form, show(in.ContextEntries), got.EvalDecision, w.told(got.MatchedStatements), want, recorded(c.Statements), w.all(q.who))
				return
			}
			if n%4 != 0 {
				continue
			}
			// The documents alone, with what the simulator knew of the principal
			// given, come to the same.
			lock.Lock()
			custom++
			lock.Unlock()
			alone := &iam.SimulateCustomPolicyInput{ActionNames: in.ActionNames, ResourceArns: in.ResourceArns, CallerArn: &q.who.arn, ResourcePolicy: in.ResourcePolicy, ContextEntries: in.ContextEntries}
			for _, p := range q.who.policies {
				alone.PolicyInputList = append(alone.PolicyInputList, w.documents[p])
			}
			if len(alone.PolicyInputList) == 0 {
				alone.PolicyInputList = []string{`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"no:thing","Resource":"*"}}`}
			}
			if q.who.boundary != "" {
				alone.PermissionsBoundaryPolicyInputList = []string{w.documents[q.who.boundary]}
			}
			for k, v := range q.who.tags {
				alone.ContextEntries = append(alone.ContextEntries, entry("aws:PrincipalTag/"+k, v))
			}
			if strings.Contains(q.who.arn, ":user/") {
				alone.ContextEntries = append(alone.ContextEntries, entry("aws:userid", record.UserIdentity.PrincipalID))
			}
			other, err := twice(func() (*iam.SimulateCustomPolicyOutput, error) { return w.root.SimulateCustomPolicy(w.ctx, alone) })
			if err != nil {
				t.Errorf("case %d of seed %d: %v", n, seed, err)
				return
			}
			if o := other.EvaluationResults[0]; o.EvalDecision != got.EvalDecision || len(o.MatchedStatements) != len(got.MatchedStatements) {
				t.Errorf("case %d of seed %d: the documents alone: %s by %d statements, want %s by %d\n%s", n, seed, o.EvalDecision, len(o.MatchedStatements), got.EvalDecision, len(got.MatchedStatements), w.all(q.who))
			}
		}
	})
	t.Logf("%d requests, %d checks simulated, %d of them by documents alone, in %v: %v", cases, checks, custom, time.Since(began).Round(time.Millisecond), mix)
	for effect := range effects {
		if mix[effect]*10 < checks {
			t.Errorf("only %d of %d checks end in %s: the town tests too little", mix[effect], checks, effect)
		}
	}
	if checks < min(cases, 2_000) {
		t.Errorf("%d checks, want 2000", checks)
	}
}

// each calls f for 0 to n-1, a few at once: what one waits for is the disk.
func each(n int, f func(int)) {
	var group sync.WaitGroup
	const workers = 8
	for k := range workers {
		group.Go(func() {
			for i := k; i < n; i += workers {
				f(i)
			}
		})
	}
	group.Wait()
}

var effects = map[string]types.PolicyEvaluationDecisionType{
	"Allow": types.PolicyEvaluationDecisionTypeAllowed, "ExplicitDeny": types.PolicyEvaluationDecisionTypeExplicitDeny, "ImplicitDeny": types.PolicyEvaluationDecisionTypeImplicitDeny,
}

// told names statements by policy and index, found by their position.
func (w *town) told(statements []types.Statement) (list []string) {
	for _, st := range statements {
		document := w.documents[*st.SourcePolicyId]
		if *st.SourcePolicyId == "ResourcePolicy" {
			document = w.trust
		}
		index := slices.Index(policy.Spans(document), policy.Span{
			Start: policy.Position{Line: int(st.StartPosition.Line), Column: int(st.StartPosition.Column)},
			End:   policy.Position{Line: int(st.EndPosition.Line), Column: int(st.EndPosition.Column)},
		})
		list = append(list, fmt.Sprintf("%s %d", *st.SourcePolicyId, index))
	}
	slices.Sort(list)
	return list
}

func recorded(statements []events.Statement) (list []string) {
	for _, st := range statements {
		_, name, inline := strings.Cut(st.Policy, "#")
		if !inline {
			name = st.Policy[strings.LastIndexByte(st.Policy, '/')+1:]
		}
		if strings.Contains(st.Policy, ":role/") && !inline {
			name = "ResourcePolicy"
		}
		list = append(list, fmt.Sprintf("%s %d", name, st.Index))
	}
	slices.Sort(list)
	return list
}

func show(entries []types.ContextEntry) string {
	var b strings.Builder
	for _, e := range entries {
		fmt.Fprintf(&b, "\n  %s = %q", *e.ContextKeyName, e.ContextKeyValues)
	}
	return b.String()
}

func (w *town) all(p *person) string {
	text := fmt.Sprintf("tags %v, boundary %s", p.tags, p.boundary)
	for _, name := range append(slices.Clone(p.policies), p.boundary) {
		text += "\n" + name + " " + w.documents[name]
	}
	return text
}

func fromEnv(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// twice asks once more where the client's own connection was closed under it:
// what is compared here is decisions, and a simulation changes nothing.
func twice[O any](ask func() (O, error)) (O, error) {
	out, err := ask()
	if errors.Is(err, net.ErrClosed) {
		return ask()
	}
	return out, err
}
