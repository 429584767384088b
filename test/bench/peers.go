package main

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/casbin/casbin/v2"
	"github.com/casbin/casbin/v2/model"
	"github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown/cache"

	"github.com/keytrail/keytrail/projections/policy"
)

// The peers know neither AWS's language nor its rules. What the workloads use
// of it is said again in theirs, each time in the quickest of the ways that
// their manuals show. Beside what is noted in a row:
//
//   - actions, which AWS compares without regard to case, are given in small letters;
//   - a * of theirs passes the colons of an ARN, ours does not;
//   - casbin names one rule that decided, the others all.

// statement is what the workloads use of AWS's language.
type statement struct {
	Effect    string
	Action    oneOrMore
	Resource  oneOrMore
	Condition map[string]map[string]oneOrMore
}

type oneOrMore []string

func (l *oneOrMore) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*l = make(oneOrMore, 1)
		return json.Unmarshal(b, &(*l)[0])
	}
	return json.Unmarshal(b, (*[]string)(l))
}

func statements(document string) ([]statement, error) {
	var d struct{ Statement []statement }
	err := json.Unmarshal([]byte(document), &d)
	for i := range d.Statement {
		for k, a := range d.Statement[i].Action {
			d.Statement[i].Action[k] = strings.ToLower(a)
		}
	}
	return d.Statement, err
}

// condition is one key of a Condition.
type condition struct {
	op, key string
	values  []string
}

func (s *statement) conditions() (list []condition) {
	for _, op := range slices.Sorted(maps.Keys(s.Condition)) {
		for _, key := range slices.Sorted(maps.Keys(s.Condition[op])) {
			list = append(list, condition{op, key, s.Condition[op][key]})
		}
	}
	return list
}

// translated is all policies of a workload, taken apart.
func translated(w *workload) (list [][]statement, err error) {
	for _, d := range w.documents {
		s, err := statements(d)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// reachable is the part of the asks that a slow engine is made ready for: the
// first n, and those only checked. It gives the number of asks to go through.
func reachable(w *workload, n int) int {
	if w.timed < len(w.asks) {
		return len(w.asks)
	}
	return min(n, len(w.asks))
}

// --- cedar-go

// picked is a principal's policies. A slice: to go through it takes less than
// through the map that a PolicySet is.
type picked []cedarPolicy

type cedarPolicy struct {
	id cedar.PolicyID
	*cedar.Policy
}

func (p picked) All() iter.Seq2[cedar.PolicyID, *cedar.Policy] {
	return func(yield func(cedar.PolicyID, *cedar.Policy) bool) {
		for i := range p {
			if !yield(p[i].id, p[i].Policy) {
				return
			}
		}
	}
}

// isGroup: what stands under Action is a group of actions in Cedar, which the
// actions have as a parent. To look for one parent takes less than for one of
// a list.
func isGroup(action []string) bool { return len(action) > 1 || strings.Contains(action[0], "*") }

// cedarText says a statement in Cedar. A resource's ARN is in the context.
func cedarText(s *statement, principal string) string {
	var b strings.Builder
	effect := map[string]string{"Allow": "permit", "Deny": "forbid"}[s.Effect]
	fmt.Fprintf(&b, "%s (%s, ", effect, principal)
	switch {
	case slices.Contains(s.Action, "*"):
		b.WriteString("action")
	case isGroup(s.Action):
		fmt.Fprintf(&b, "action in Action::%q", strings.Join(s.Action, " "))
	default:
		fmt.Fprintf(&b, "action == Action::%q", s.Action[0])
	}
	b.WriteString(", resource)")
	var when []string
	if !slices.Contains(s.Resource, "*") {
		var list []string
		for _, r := range s.Resource {
			if strings.ContainsAny(r, "*?") {
				list = append(list, fmt.Sprintf("context.arn like %q", strings.ReplaceAll(r, "?", "*")))
			} else {
				list = append(list, fmt.Sprintf("context.arn == %q", r))
			}
		}
		when = append(when, "("+strings.Join(list, " || ")+")")
	}
	for _, c := range s.conditions() {
		has, value := fmt.Sprintf("context has %q", c.key), fmt.Sprintf("context[%q]", c.key)
		quoted := make([]string, len(c.values))
		for i, v := range c.values {
			quoted[i] = fmt.Sprintf("%q", v)
		}
		switch c.op {
		case "StringEquals":
			when = append(when, fmt.Sprintf("%s && [%s].contains(%s)", has, strings.Join(quoted, ", "), value))
			if len(quoted) == 1 {
				when[len(when)-1] = fmt.Sprintf("%s && %s == %s", has, value, quoted[0])
			}
		case "StringNotEquals":
			when = append(when, fmt.Sprintf("!(%s && [%s].contains(%s))", has, strings.Join(quoted, ", "), value))
		case "Bool":
			when = append(when, fmt.Sprintf("%s && %s == %s", has, value, c.values[0]))
		case "IpAddress":
			when = append(when, fmt.Sprintf("%s && %s.isInRange(ip(%s))", has, value, quoted[0]))
		}
	}
	if len(when) > 0 {
		b.WriteString(" when { " + strings.Join(when, " && ") + " }")
	}
	b.WriteString(";")
	return b.String()
}

func cedars(_ context.Context, w *workload) ([]*contender, error) {
	all, err := translated(w)
	if err != nil {
		return nil, err
	}
	own, whole := make([]picked, len(all)), cedar.NewPolicySet()
	groups, like := map[string][]string{}, false
	for p, list := range all {
		for i := range list {
			s, id := &list[i], cedar.PolicyID(fmt.Sprintf("p%d#%d", p, i))
			if isGroup(s.Action) {
				groups[strings.Join(s.Action, " ")] = s.Action
			}
			like = like || strings.Contains(strings.Join(s.Resource, ""), "?")
			for _, principal := range []string{"principal", fmt.Sprintf(`principal in Policy::"p%d"`, p)} {
				var c cedar.Policy
				if err := c.UnmarshalCedar([]byte(cedarText(s, principal))); err != nil {
					return nil, fmt.Errorf("%w\n%s", err, cedarText(s, principal))
				}
				if principal == "principal" {
					own[p] = append(own[p], cedarPolicy{id, &c})
				} else {
					whole.Add(id, &c)
				}
			}
		}
	}
	// What is asked about: actions with the groups they are in, and users with
	// the policies they have.
	actions, users := cedar.EntityMap{}, cedar.EntityMap{}
	for _, a := range w.asks {
		uid := cedar.NewEntityUID("Action", cedar.String(strings.ToLower(a.action)))
		if _, ok := actions[uid]; ok {
			continue
		}
		var in []cedar.EntityUID
		for name, group := range groups {
			if slices.ContainsFunc(group, func(g string) bool { return wild(g, strings.ToLower(a.action)) }) {
				in = append(in, cedar.NewEntityUID("Action", cedar.String(name)))
			}
		}
		actions[uid] = cedar.Entity{UID: uid, Parents: cedar.NewEntityUIDSet(in...)}
	}
	maps.Copy(users, actions)
	sets := make([]picked, len(w.held))
	for u, held := range w.held {
		uid := cedar.NewEntityUID("User", cedar.String(fmt.Sprint("u", u)))
		var in []cedar.EntityUID
		for _, p := range held {
			in = append(in, cedar.NewEntityUID("Policy", cedar.String(fmt.Sprint("p", p))))
			sets[u] = append(sets[u], own[p]...)
		}
		users[uid] = cedar.Entity{UID: uid, Parents: cedar.NewEntityUIDSet(in...)}
	}
	requests := make([]cedar.Request, len(w.asks))
	for i, a := range w.asks {
		about := cedar.RecordMap{"arn": cedar.String(a.resource)}
		for k, v := range w.keys[a.keys] {
			about[cedar.String(k)] = cedar.String(v)
			switch {
			case k == "aws:SourceIp":
				ip, err := types.ParseIPAddr(v)
				if err != nil {
					return nil, err
				}
				about[cedar.String(k)] = ip
			case v == "true" || v == "false":
				about[cedar.String(k)] = cedar.Boolean(v == "true")
			}
		}
		requests[i] = cedar.Request{
			Principal: cedar.NewEntityUID("User", cedar.String(fmt.Sprint("u", a.user))),
			Action:    cedar.NewEntityUID("Action", cedar.String(strings.ToLower(a.action))),
			Resource:  cedar.NewEntityUID("Resource", cedar.String(a.resource)),
			Context:   cedar.NewRecord(about),
		}
	}
	decide := func(policies cedar.PolicyIterator, entities cedar.EntityMap, i int) (policy.Effect, error) {
		d, why := cedar.Authorize(policies, entities, requests[i])
		switch {
		case len(why.Errors) > 0:
			return 0, fmt.Errorf("%v", why.Errors[0])
		case d == cedar.Allow:
			return policy.Allow, nil
		case len(why.Reasons) > 0:
			return policy.ExplicitDeny, nil
		}
		return policy.ImplicitDeny, nil
	}
	note := ""
	if like {
		note = "its like has no ?, * in its place"
	}
	few := 200
	if len(all) > 1000 {
		few = 50
	}
	return []*contender{
		{name: "cedar-go, picked out", note: note, reach: len(w.asks), check: 1000, decide: func(i int) (policy.Effect, error) {
			return decide(sets[w.asks[i].user], actions, i)
		}},
		{name: "cedar-go, whole store", note: note, reach: len(w.asks), check: few, decide: func(i int) (policy.Effect, error) {
			return decide(whole, users, i)
		}},
	}, nil
}

// --- casbin

// It has no conditions and matches no star in the middle of a name: both are
// functions of ours here, the way its manual shows. A rule is a statement: its
// patterns are one string, and so is the number of its conditions.
const casbinModel = `
[request_definition]
r = sub, act, obj, keys
[policy_definition]
p = sub, act, obj, cond, eft, id
[role_definition]
g = _, _
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = `

type casbinStore struct {
	lists map[string][]string // patterns taken apart
	conds map[string][]condition
	nets  map[string]netip.Prefix
	rules [][][]string // by policy
}

func (s *casbinStore) like(args ...any) (any, error) {
	text := args[0].(string)
	for _, p := range s.lists[args[1].(string)] {
		if wild(p, text) {
			return true, nil
		}
	}
	return false, nil
}

func (s *casbinStore) holds(args ...any) (any, error) {
	keys := args[0].(map[string]string)
	for _, c := range s.conds[args[1].(string)] {
		v, there := keys[c.key]
		ok := there
		switch c.op {
		case "StringEquals", "Bool":
			ok = there && slices.Contains(c.values, v)
		case "StringNotEquals":
			ok = !there || !slices.Contains(c.values, v)
		case "IpAddress":
			ip, err := netip.ParseAddr(v)
			ok = err == nil && slices.ContainsFunc(c.values, func(n string) bool { return s.nets[n].Contains(ip) })
		}
		if !ok {
			return false, nil
		}
	}
	return true, nil
}

func (s *casbinStore) enforcer(matcher string, rules [][]string) (*casbin.Enforcer, error) {
	m, err := model.NewModelFromString(casbinModel + matcher)
	if err != nil {
		return nil, err
	}
	e, err := casbin.NewEnforcer(m)
	if err != nil {
		return nil, err
	}
	e.AddFunction("like", s.like)
	e.AddFunction("holds", s.holds)
	_, err = e.AddPolicies(rules)
	return e, err
}

func casbins(_ context.Context, w *workload) ([]*contender, error) {
	all, err := translated(w)
	if err != nil {
		return nil, err
	}
	s := &casbinStore{lists: map[string][]string{}, conds: map[string][]condition{}, nets: map[string]netip.Prefix{}, rules: make([][][]string, len(all))}
	joined := func(list []string) string {
		j := strings.Join(list, " ")
		s.lists[j] = list
		return j
	}
	var rules [][]string
	for p, list := range all {
		for i := range list {
			st := &list[i]
			cond := ""
			if c := st.conditions(); len(c) > 0 {
				cond = fmt.Sprintf("c%d#%d", p, i)
				s.conds[cond] = c
				for _, c := range c {
					for _, v := range c.values {
						if c.op == "IpAddress" {
							if s.nets[v], err = netip.ParsePrefix(v); err != nil {
								return nil, err
							}
						}
					}
				}
			}
			rule := []string{fmt.Sprint("p", p), joined(st.Action), joined(st.Resource), cond, strings.ToLower(st.Effect), fmt.Sprintf("p%d#%d", p, i)}
			s.rules[p] = append(s.rules[p], rule)
		}
		rules = append(rules, s.rules[p]...)
	}
	const matcher = "like(r.act, p.act) && like(r.obj, p.obj) && holds(r.keys, p.cond)\n"
	whole, err := s.enforcer("g(r.sub, p.sub) && "+matcher, rules)
	if err != nil {
		return nil, err
	}
	reach, few := reachable(w, 1000), 200 // an enforcer takes long to make
	if len(all) > 1000 {
		few = 20
	}
	sets := map[int]*casbin.Enforcer{}
	actions := make([]string, reach)
	for i, a := range w.asks[:reach] {
		actions[i] = strings.ToLower(a.action)
		if sets[a.user] != nil {
			continue
		}
		var own, roles [][]string
		for _, p := range w.held[a.user] {
			own = append(own, s.rules[p]...)
			roles = append(roles, []string{fmt.Sprint("u", a.user), fmt.Sprint("p", p)})
		}
		if sets[a.user], err = s.enforcer(matcher, own); err != nil {
			return nil, err
		}
		if _, err := whole.AddGroupingPolicies(roles); err != nil {
			return nil, err
		}
	}
	decide := func(e *casbin.Enforcer, i int) (policy.Effect, error) {
		a := &w.asks[i]
		ok, why, err := e.EnforceEx(fmt.Sprint("u", a.user), actions[i], a.resource, w.keys[a.keys])
		switch {
		case err != nil:
			return 0, err
		case ok:
			return policy.Allow, nil
		case len(why) > 0:
			return policy.ExplicitDeny, nil
		}
		return policy.ImplicitDeny, nil
	}
	note := "wildcards and conditions are functions of ours"
	return []*contender{
		{name: "casbin, picked out", note: note, reach: reach, check: 1000, decide: func(i int) (policy.Effect, error) {
			return decide(sets[w.asks[i].user], i)
		}},
		{name: "casbin, whole store", note: note, reach: reach, check: few, decide: func(i int) (policy.Effect, error) {
			return decide(whole, i)
		}},
	}, nil
}

// --- OPA

const regoRules = `package keytrail

covers(p, text) if p.exact[text]
covers(p, text) if {
	some g in p.globs
	glob.match(g, null, text)
}

holds(c) if {
	c.op in {"StringEquals", "Bool"}
	input.keys[c.key] in c.values
}
holds(c) if {
	c.op == "StringNotEquals"
	not input.keys[c.key] in c.values
}
holds(c) if {
	c.op == "IpAddress"
	some block in c.values
	net.cidr_contains(block, input.keys[c.key])
}

applies(s) if {
	covers(s.action, input.action)
	covers(s.resource, input.resource)
	every c in s.conditions { holds(c) }
}

matched contains {"policy": s.policy, "statement": s.statement, "effect": s.effect} if {
	%s
	applies(s)
}

default effect := "ImplicitDeny"
effect := "ExplicitDeny" if {
	some m in matched
	m.effect == "Deny"
} else := "Allow" if {
	some m in matched
	m.effect == "Allow"
}

answer := {"effect": effect, "matched": matched}
`

// opas: the statements are data. Picked out, each user's stand in one list;
// in the whole store they are found by the user's policies.
func opas(ctx context.Context, w *workload) ([]*contender, error) {
	all, err := translated(w)
	if err != nil {
		return nil, err
	}
	patterns := func(list []string) any {
		exact, globs := map[string]any{}, []any{}
		for _, p := range list {
			if strings.ContainsAny(p, "*?") {
				globs = append(globs, p)
			} else {
				exact[p] = true
			}
		}
		return map[string]any{"exact": exact, "globs": globs}
	}
	whole := map[string]any{}
	lists := make([][]any, len(all))
	for p, list := range all {
		for i := range list {
			s := &list[i]
			conditions := []any{}
			for _, c := range s.conditions() {
				values := []any{}
				for _, v := range c.values {
					values = append(values, v)
				}
				conditions = append(conditions, map[string]any{"op": c.op, "key": c.key, "values": values})
			}
			lists[p] = append(lists[p], map[string]any{
				"policy": fmt.Sprint("p", p), "statement": json.Number(fmt.Sprint(i)), "effect": s.Effect,
				"action": patterns(s.Action), "resource": patterns(s.Resource), "conditions": conditions,
			})
		}
		whole[fmt.Sprint("p", p)] = lists[p]
	}
	held, own := map[string]any{}, map[string]any{}
	for u, list := range w.held {
		ids := []any{}
		for _, p := range list {
			ids = append(ids, fmt.Sprint("p", p))
		}
		held[fmt.Sprint("u", u)] = ids
	}
	reach := reachable(w, 4096)
	inputs := make([]ast.Value, reach)
	for i, a := range w.asks[:reach] {
		user := fmt.Sprint("u", a.user)
		if own[user] == nil {
			var list []any
			for _, p := range w.held[a.user] {
				list = append(list, lists[p]...)
			}
			own[user] = list
		}
		keys := map[string]any{}
		for k, v := range w.keys[a.keys] {
			keys[k] = v
		}
		if inputs[i], err = ast.InterfaceToValue(map[string]any{"user": user, "action": strings.ToLower(a.action), "resource": a.resource, "keys": keys}); err != nil {
			return nil, err
		}
	}
	// It keeps 100 compiled patterns unless told otherwise.
	room, err := cache.ParseCachingConfig([]byte(`{"inter_query_builtin_value_cache": {"max_num_entries": 100000}}`))
	if err != nil {
		return nil, err
	}
	prepare := func(find string, data map[string]any) (rego.PreparedEvalQuery, error) {
		return rego.New(
			rego.Query("data.keytrail.answer"),
			rego.Module("keytrail.rego", fmt.Sprintf(regoRules, find)),
			rego.Store(inmem.NewFromObjectWithOpts(data, inmem.OptRoundTripOnWrite(false), inmem.OptReturnASTValuesOnRead(true))),
			rego.InterQueryBuiltinValueCache(cache.NewInterQueryValueCache(ctx, room)),
		).PrepareForEval(ctx)
	}
	pickedOut, err := prepare("some s in data.own[input.user]", map[string]any{"own": own})
	if err != nil {
		return nil, err
	}
	wholeStore, err := prepare("some p in data.held[input.user]\n\tsome s in data.policies[p]", map[string]any{"held": held, "policies": whole})
	if err != nil {
		return nil, err
	}
	decide := func(q *rego.PreparedEvalQuery, i int) (policy.Effect, error) {
		got, err := q.Eval(context.Background(), rego.EvalParsedInput(inputs[i])) // one that may end starts a goroutine for each
		if err != nil {
			return 0, err
		}
		if len(got) != 1 {
			return 0, fmt.Errorf("%d results", len(got))
		}
		answer, _ := got[0].Expressions[0].Value.(map[string]any)
		switch answer["effect"] {
		case "Allow":
			return policy.Allow, nil
		case "ExplicitDeny":
			return policy.ExplicitDeny, nil
		case "ImplicitDeny":
			return policy.ImplicitDeny, nil
		}
		return 0, fmt.Errorf("answer %v", got[0].Expressions[0].Value)
	}
	return []*contender{
		{name: "OPA, picked out", reach: reach, check: 500, decide: func(i int) (policy.Effect, error) { return decide(&pickedOut, i) }},
		{name: "OPA, whole store", reach: reach, check: 500, decide: func(i int) (policy.Effect, error) { return decide(&wholeStore, i) }},
	}, nil
}
