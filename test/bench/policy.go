package main

import (
	"context"
	"fmt"
	"hash/maphash"
	"math/rand"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/policy"
)

const home = "111122223333"

// workload is policies in AWS's language, who has them, and what is asked.
type workload struct {
	name      string
	ns        float64 // the goal
	documents []string
	groups    [][]int // their policies
	members   [][]int // the groups of each user
	attached  [][]int // what each user has beside them
	held      [][]int // the two together
	crowd     bool    // ours is asked through a World
	keys      []map[string]string
	asks      []ask
	timed     int // so many of the asks are timed, the first ones
}

// ask is one request. Its condition keys are shared with others.
type ask struct {
	user     int
	action   string
	resource string
	keys     int
}

// contender is an engine made ready for a workload.
type contender struct {
	name string
	note string // where it says something else than AWS's language does
	// decide answers one of the asks, and gathers why.
	decide func(i int) (policy.Effect, error)
	reach  int // it is ready for so many of the asks
	check  int // and is checked on so many
	next   int
	took   []float64
}

// policies: our policy engine and the peers on the same policies and requests,
// in one run. Each says why it decided so.
func policies(ctx context.Context) error {
	for _, workload := range []func() *workload{w1, w2, w3, w4, w4b} {
		if err := compare(ctx, workload()); err != nil {
			return err
		}
		runtime.GC()
	}
	return nil
}

func compare(ctx context.Context, w *workload) error {
	for u := range max(len(w.members), len(w.attached)) {
		var held []int
		if u < len(w.attached) {
			held = append(held, w.attached[u]...)
		}
		if u < len(w.members) {
			for _, g := range w.members[u] {
				held = append(held, w.groups[g]...)
			}
		}
		w.held = append(w.held, held)
	}
	own, world, sizes, err := ours(w)
	if err != nil {
		return err
	}
	list := []*contender{own}
	if world != nil {
		list = append(list, world)
	}
	for _, peer := range []func(context.Context, *workload) ([]*contender, error){cedars, casbins, opas} {
		more, err := peer(ctx, w)
		if err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		list = append(list, more...)
	}
	seen, err := alike(w, list)
	if err != nil {
		return fmt.Errorf("%s: %w", w.name, err)
	}
	limit := bare(w)
	all := append([]*contender{limit}, list...)
	counts := make([]int, len(all))
	for i, c := range all {
		if counts[i], err = c.enough(w); err != nil {
			return err
		}
	}
	for range 3 { // in turn, so that the machine's moods meet all
		for i, c := range all {
			took, err := c.run(w, counts[i])
			if err != nil {
				return err
			}
			c.took = append(c.took, float64(took.Nanoseconds())/float64(counts[i]))
		}
	}
	for _, c := range all {
		slices.Sort(c.took)
	}
	middle := func(c *contender) float64 { return c.took[len(c.took)/2] }
	row(w.name, middle(own), middle(limit), " ns", "≤ "+number(w.ns)+" ns"+met(middle(own) <= w.ns))
	for _, c := range append(list[1:], limit) {
		times, goal := middle(c)/middle(own), ""
		if strings.HasPrefix(c.name, "cedar") {
			goal = "≥ 10 ×" + met(times >= 10)
		}
		if c.note != "" {
			goal = strings.TrimLeft(goal+"; "+c.note, "; ")
		}
		fmt.Printf("%-44s %14s %14s %7s  %s\n", "  "+c.name, "", number(middle(c))+" ns", ratio(times), goal)
	}
	alone("  decided alike: allowed, denied, by a Deny", fmt.Sprintf("%d, %d, %d", seen[policy.Allow], seen[policy.ImplicitDeny], seen[policy.ExplicitDeny]), "")
	allocs := testing.AllocsPerRun(1000, func() {
		_, err = own.decide(own.next % w.timed)
		own.next++
	})
	alone("  allocations for a decision", number(allocs), "0"+met(allocs == 0))
	for _, s := range sizes {
		alone("  "+s.what, fmt.Sprintf("%.1f MiB", s.mib), "≤ 35 MiB"+met(s.mib <= 35))
	}
	return err
}

func ratio(times float64) string {
	switch {
	case times >= 100:
		return number(times) + "×"
	case times < 1:
		return fmt.Sprintf("%.2f×", times)
	}
	return fmt.Sprintf("%.1f×", times)
}

func met(ok bool) string {
	if ok {
		return ""
	}
	return " (missed)"
}

// enough is how many decisions take 200 ms.
func (c *contender) enough(w *workload) (int, error) {
	const long = 200 * time.Millisecond
	for n := 1; ; n *= 2 {
		took, err := c.run(w, n)
		if err != nil || took >= long {
			return n, err
		}
		if took > long/20 {
			return int(float64(n)*float64(long)/float64(took)) + 1, nil
		}
	}
}

// run gives the time that n decisions take on the processor. Only the thread
// that decides counts: others on the machine do not disturb, and what the
// collector does elsewhere is the peers' gain.
func (c *contender) run(w *workload, n int) (time.Duration, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	of := min(w.timed, c.reach)
	before := worked()
	for range n {
		if c.next++; c.next >= of {
			c.next = 0
		}
		if _, err := c.decide(c.next); err != nil {
			return 0, fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return worked() - before, nil
}

func worked() time.Duration {
	var t unix.Timespec
	die(unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t))
	return time.Duration(t.Nano())
}

// alike: all of them decide as the first does, each on a sample that has
// allowed and denied requests. It gives the outcomes of the first.
func alike(w *workload, list []*contender) (first map[policy.Effect]int, err error) {
	for _, c := range list {
		seen := map[policy.Effect]int{}
		for i := range w.asks {
			if w.timed == len(w.asks) && i >= c.check {
				break
			}
			want, err := list[0].decide(i)
			if err != nil {
				return nil, err
			}
			got, err := c.decide(i)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			if got != want {
				return nil, fmt.Errorf("%s says %v to %+v, ours %v", c.name, got, w.asks[i], want)
			}
			seen[want]++
		}
		if seen[policy.Allow] == 0 || seen[policy.ImplicitDeny]+seen[policy.ExplicitDeny] == 0 {
			return nil, fmt.Errorf("the sample for %s has not every outcome: %v", c.name, seen)
		}
		if first == nil {
			first = seen
		}
	}
	return first, nil
}

type size struct {
	what string
	mib  float64
}

// ours has the policies of each principal in hand, as the peers have; where
// there are many, world asks the World for them first, as the server does.
func ours(w *workload) (own, world *contender, sizes []size, err error) {
	who := &policy.Principal{Type: policy.User, ARN: "arn:aws:iam::" + home + ":user/ana", Account: home, ID: "AIDAANAANAANAANAANA1", UniqueID: "AIDAANAANAANAANAANA1"}
	var contexts []*policy.Context
	for _, keys := range w.keys {
		c := &policy.Context{}
		c.SetPrincipal(who)
		for k, v := range keys {
			c.Set(k, v)
		}
		contexts = append(contexts, c)
	}
	r := &policy.Request{Principal: who}
	ready := func(i int) (user int) {
		a := &w.asks[i]
		r.Action, r.Resource, r.Context = a.action, a.resource, contexts[a.keys]
		return a.user
	}

	begin := heap()
	all := make([]policy.Attached, len(w.documents))
	for i, d := range w.documents {
		p, err := policy.Parse(policy.Identity, strings.Clone(d)) // what it keeps of the text is counted
		if err != nil {
			return nil, nil, nil, err
		}
		all[i] = policy.Attached{Policy: p, Source: &policy.Source{ARN: fmt.Sprintf("arn:aws:iam::%s:policy/p%d", home, i), Version: "v1"}}
	}
	lists := make([][]policy.Attached, len(w.held))
	for u, held := range w.held {
		lists[u] = make([]policy.Attached, len(held))
		for k, p := range held {
			lists[u][k] = all[p]
		}
	}
	scanned := heap() - begin
	var v policy.Verdict
	var p policy.Policies
	own = &contender{name: "ours", reach: len(w.asks), check: 2000, decide: func(i int) (policy.Effect, error) {
		p.Identity = lists[ready(i)]
		policy.Evaluate(r, &p, &v)
		return v.Effect, nil
	}}

	if !w.crowd {
		return own, nil, nil, nil
	}
	people, callers, err := population(w)
	if err != nil {
		return nil, nil, nil, err
	}
	before := heap()
	for i := range callers {
		people.Compiled(&callers[i])
	}
	sizes = []size{
		{"memory: policies, lists of users", scanned},
		{"memory of all that World.Compiled made", heap() - before},
	}
	var verdict policy.Verdict
	world = &contender{name: "ours, asked of the World", reach: len(w.asks), check: 2000, decide: func(i int) (policy.Effect, error) {
		people.Compiled(&callers[ready(i)]).Evaluate(r, &verdict)
		return verdict.Effect, nil
	}}
	return own, world, sizes, nil
}

// population is a World in which the users have what the workload says.
func population(w *workload) (*projections.World, []projections.Caller, error) {
	world := &projections.World{}
	fact := func(e events.Event) {
		world.Apply(events.Unit{Seq: world.Seq + 1, Account: home, Time: time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC), Facts: []events.Event{e}})
	}
	id := func(prefix string, i int) string { return fmt.Sprintf("%s%017X", prefix, uint32(i)*2654435761) }
	attach := func(to string, p int) {
		fact(events.PolicyAttached{To: to, Policy: id("ANPA", p), ARN: fmt.Sprintf("arn:aws:iam::%s:policy/p%d", home, p)})
	}
	fact(events.AccountCreated{ID: home})
	for i, d := range w.documents {
		fact(events.PolicyCreated{ID: id("ANPA", i), Name: fmt.Sprint("p", i), Path: "/", Document: d})
	}
	for i, held := range w.groups {
		fact(events.GroupCreated{ID: id("AGPA", i), Name: fmt.Sprint("g", i), Path: "/"})
		for _, p := range held {
			attach(id("AGPA", i), p)
		}
	}
	for u := range w.held {
		fact(events.UserCreated{ID: id("AIDA", u), Name: fmt.Sprint("u", u), Path: "/"})
		if u < len(w.members) {
			for _, g := range w.members[u] {
				fact(events.UserAddedToGroup{User: id("AIDA", u), Group: id("AGPA", g)})
			}
		}
		if u < len(w.attached) {
			for _, p := range w.attached[u] {
				attach(id("AIDA", u), p)
			}
		}
	}
	account, ok := world.Account(home)
	if !ok {
		return nil, nil, fmt.Errorf("no account")
	}
	callers := make([]projections.Caller, len(w.held))
	for u := range callers {
		user, ok := account.UserByID(id("AIDA", u))
		if !ok {
			return nil, nil, fmt.Errorf("no user %d", u)
		}
		callers[u] = projections.Caller{Type: projections.IAMUser, Account: account, User: user}
	}
	return world, callers, nil
}

// heap is what is in use after a collection, in MiB.
func heap() float64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}

// bare is the least that any engine must do: find who asks by the strings of
// the request, and hold the resource against one pattern of his.
func bare(w *workload) *contender {
	seed := maphash.MakeSeed()
	names := make([]string, len(w.held))
	first := make(map[uint64]string, len(w.held))
	for u, held := range w.held {
		names[u] = fmt.Sprintf("arn:aws:iam::%s:user/u%d", home, u)
		s, err := statements(w.documents[held[len(held)-1]])
		die(err)
		first[maphash.String(seed, names[u])] = s[len(s)-1].Resource[0]
	}
	var sink uint64
	return &contender{name: "a hash and one wildcard match", reach: len(w.asks), decide: func(i int) (policy.Effect, error) {
		a := &w.asks[i]
		sink ^= maphash.String(seed, a.action) ^ maphash.String(seed, a.resource)
		if wild(first[maphash.String(seed, names[a.user])], a.resource) {
			return policy.Allow, nil
		}
		return policy.ImplicitDeny, nil
	}}
}

// wild matches * and ?, going back to the last star only.
func wild(pattern, s string) bool {
	p, i, star, from := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0:
			from++
			p, i = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

func document(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// one: a user with the documents, who asks the first and is checked on all.
func one(name string, ns float64, documents []string, asks ...ask) *workload {
	w := &workload{name: name, ns: ns, documents: documents, attached: [][]int{nil}, keys: []map[string]string{{}}, asks: asks, timed: 1}
	for p := range documents {
		w.attached[0] = append(w.attached[0], p)
	}
	return w
}

func w1() *workload {
	return one("W1 1 user, 1 policy, 5 statements", 200, []string{document(
		`{"Sid":"a","Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::photos","arn:aws:s3:::photos/*"]}`,
		`{"Sid":"b","Effect":"Allow","Action":"iam:Get*","Resource":"*"}`,
		`{"Sid":"c","Effect":"Allow","Action":["ec2:Describe*","ec2:StartInstances"],"Resource":"*"}`,
		`{"Sid":"d","Effect":"Deny","Action":"s3:DeleteObject","Resource":"*"}`,
		`{"Sid":"e","Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:sqs:*:111122223333:jobs-*"}`)},
		ask{action: "s3:GetObject", resource: "arn:aws:s3:::photos/2026/06/a.jpg"},
		ask{action: "s3:ListBucket", resource: "arn:aws:s3:::photos"},
		ask{action: "s3:GetObject", resource: "arn:aws:s3:::films/a.jpg"},
		ask{action: "s3:DeleteObject", resource: "arn:aws:s3:::photos/2026/06/a.jpg"},
		ask{action: "iam:GetUser", resource: "arn:aws:iam::111122223333:user/ana"},
		ask{action: "iam:DeleteUser", resource: "arn:aws:iam::111122223333:user/ana"},
		ask{action: "ec2:StartInstances", resource: "arn:aws:ec2:us-east-1:111122223333:instance/i-1"},
		ask{action: "sqs:SendMessage", resource: "arn:aws:sqs:eu-west-1:111122223333:jobs-7"},
		ask{action: "sqs:SendMessage", resource: "arn:aws:sqs:eu-west-1:111122223333:mail"})
}

// w2: each user is in five groups of two policies, two statements each.
func w2() *workload {
	const users, groups = 1000, 100
	w := &workload{name: "W2 1 000 users, 10 policies, 20 conditions", ns: 400, crowd: true, timed: 4096}
	services := []string{"s3", "iam", "ec2", "sqs", "sns", "kms", "lambda", "dynamodb", "logs", "sts"}
	for i := range 2 * groups {
		service := services[i%10]
		w.documents = append(w.documents, document(
			fmt.Sprintf(`{"Sid":"r%d","Effect":"Allow","Action":["%s:Get*","%s:List*"],"Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"},"StringEquals":{"aws:PrincipalTag/team":"t%d"}}}`, i, service, service, i%10),
			fmt.Sprintf(`{"Sid":"w%d","Effect":"Deny","Action":"%s:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"},"StringNotEquals":{"aws:RequestedRegion":["eu-west-1","us-east-1"]}}}`, i, service)))
	}
	for g := range groups {
		w.groups = append(w.groups, []int{2 * g, 2*g + 1})
	}
	r := rand.New(rand.NewSource(2))
	for range users {
		var in []int
		for k := range 5 { // of each kind one, so that all services are there
			in = append(in, 5*r.Intn(groups/5)+k)
		}
		w.members = append(w.members, in)
	}
	for k := range 30 { // ten teams; from here, from elsewhere, in the clear to another region
		keys := map[string]string{
			"aws:SourceIp": "10.1.2.3", "aws:SecureTransport": "true", "aws:RequestedRegion": "us-east-1",
			"aws:PrincipalTag/team": fmt.Sprint("t", k%10), "aws:CurrentTime": "2026-06-01T00:00:00Z", "aws:MultiFactorAuthPresent": "true",
		}
		switch k / 10 {
		case 1:
			keys["aws:SourceIp"] = "192.0.2.1"
		case 2:
			keys["aws:SecureTransport"], keys["aws:RequestedRegion"] = "false", "ap-south-1"
		}
		w.keys = append(w.keys, keys)
	}
	for range w.timed {
		service := r.Intn(10)
		a := ask{user: r.Intn(users), action: services[service] + ":GetItem", resource: "arn:aws:" + services[service] + ":us-east-1:111122223333:table/orders", keys: service}
		switch r.Intn(8) { // half of them are allowed
		case 0:
			a.keys += 10
		case 1:
			a.keys += 20
		case 2:
			a.keys = (a.keys + 1) % 10
		case 3:
			a.action = services[service] + ":PutItem"
		}
		w.asks = append(w.asks, a)
	}
	return w
}

// w3: policies are shared, and users hold four of them each.
func w3() *workload {
	const users, policies, each, perPolicy = 100_000, 10_000, 4, 5
	w := &workload{name: "W3 100 000 users, 10 000 policies", ns: 1500, crowd: true, keys: []map[string]string{{}}, timed: 1 << 16}
	services := []string{"ssm", "sqs", "sns", "kms", "lambda", "dynamodb", "logs", "sts", "ec2", "ecr"}
	for i := range policies {
		var s []string
		for k := range perPolicy {
			service := services[(i+k)%len(services)]
			s = append(s, fmt.Sprintf(`{"Sid":"s%d","Effect":"Allow","Action":["%s:Get*","%s:PutItem"],"Resource":"arn:aws:%s:us-east-1:111122223333:app%d/*"}`, k, service, service, service, i))
		}
		w.documents = append(w.documents, document(s...))
	}
	r := rand.New(rand.NewSource(3))
	for range users {
		var held []int
		for len(held) < each {
			if p := r.Intn(policies); !slices.Contains(held, p) {
				held = append(held, p)
			}
		}
		w.attached = append(w.attached, held)
	}
	for range w.timed { // half of them are allowed
		a := ask{user: r.Intn(users)}
		p := r.Intn(policies)
		if r.Intn(2) == 0 {
			p = w.attached[a.user][r.Intn(each)]
		}
		service := services[(p+r.Intn(perPolicy))%len(services)]
		a.action, a.resource = service+":GetItem", fmt.Sprintf("arn:aws:%s:us-east-1:111122223333:app%d/x", service, p)
		w.asks = append(w.asks, a)
	}
	return w
}

// wildcards makes ten policies of fifty statements, about 6 KB each.
func wildcards(statement func(i int) string) (list []string) {
	for p := range 10 {
		var s []string
		for k := range 50 {
			s = append(s, statement(p*50+k))
		}
		list = append(list, document(s...))
	}
	return list
}

// w4: everything allowed, and the last of 500 patterns denies.
func w4() *workload {
	get := func(resource string) ask { return ask{action: "s3:GetObject", resource: "arn:aws:s3:::" + resource} }
	return one("W4 500 patterns, deny last", 5000, wildcards(func(i int) string {
		effect := "Allow"
		if i == 499 {
			effect = "Deny"
		}
		return fmt.Sprintf(`{"Sid":"S%d","Effect":"%s","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket*/*/d%d/*/x?"}`, i, effect, i)
	}), get("bucket17/home/d499/photos/2026/x7"), get("bucket17/home/d12/photos/2026/x7"), get("bucket17/home/d12/photos/2026/z7"), get("bucket/home/d500/photos/x7"))
}

// w4b: denials that miss by a little, and the only Allow last.
func w4b() *workload {
	get := func(resource string) ask { return ask{action: "s3:GetObject", resource: "arn:aws:s3:::" + resource} }
	return one("W4b 500 patterns that miss, allow last", 5000, wildcards(func(i int) string {
		effect, last := "Deny", "y?"
		if i == 499 {
			effect, last = "Allow", "x?"
		}
		return fmt.Sprintf(`{"Sid":"S%d","Effect":"%s","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket*/*/d7/*/%s"}`, i, effect, last)
	}), get("bucket17/home/d7/photos/2026/x7"), get("bucket17/home/d7/photos/2026/y7"), get("bucket17/home/d8/photos/2026/x7"))
}
