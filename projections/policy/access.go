package policy

import (
	"errors"
	"fmt"
	"maps"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// What a policy allows is a set of requests. These questions are about such
// sets, and their answers are exact: an access that is reported comes with a
// request that shows it, and none is reported only if there is none.
//
// The method is to try requests, but a set of them of which it is known that
// nothing else can happen. A statement looks at a request in parts that have
// nothing to do with each other (action, resource, each condition key, who
// asks); of each part there are as many different values as there are ways to
// fit the patterns, and of the combinations as many as sets of statements that
// apply together. What depends on the request in two parts at once, as a
// policy variable does, may be so or not; if that decides, there is no answer.
//
// Condition keys are independent of each other and of the rest. A key has one
// value, or is missing; one that is used with ForAllValues or ForAnyValue, in
// either policy, may have many too.

// Access is one statement that allows what was asked about, and a request that
// shows it.
type Access struct {
	Statement int // index in the policy
	Sid       string
	Action    string
	Resource  string
	Principal *Principal
	Context   *Context
}

// ErrUndecided says that there is no exact answer.
var ErrUndecided = errors.New("the answer depends on policy variables, or on keys that follow from who asks")

// ErrTooComplex says that the answer would take too long.
var ErrTooComplex = errors.New("the policies have too many wildcards and conditions")

// NewAccess lists the statements of a policy that allow what another does not.
// Of resource policies, what a principal is allowed is what a statement that
// names it says, whether it is named itself or by its account.
func NewAccess(existing, changed *Policy) ([]Access, error) {
	found, err := newAccess(existing, changed)
	if !errors.Is(err, ErrUndecided) {
		return found, err
	}
	// A variable stands for some text. If nothing is new even where it may be any
	// that allows more, nothing is.
	if more, err := newAccess(existing.widen(ExplicitDeny), changed.widen(Allow)); err == nil && len(more) == 0 {
		return more, nil
	}
	return nil, err
}

func newAccess(existing, changed *Policy) ([]Access, error) {
	a := newAnalysis(changed, existing)
	return a.find(func(s *set) bool { return a.allows(s, 0) && !a.allows(s, 1) })
}

// widen is a copy whose statements of an effect apply to more: what they compare
// with a variable, they compare with any text.
func (p *Policy) widen(effect Effect) *Policy {
	wide := *p
	wide.statements = slices.Clone(p.statements)
	any := func(t *template) {
		var text []byte
		for i := 0; i < len(t.text); i++ {
			if t.text[i] == slot {
				text = append(text, anyRun)
				i += 2
			} else {
				text = append(text, t.text[i])
			}
		}
		*t = templateOf(string(text), nil)
	}
	for i := range wide.statements {
		s := &wide.statements[i]
		if s.effect != effect {
			continue
		}
		if !s.notResource && s.resourceHasVariables() {
			s.resources = slices.Clone(s.resources)
			for k := range s.resources {
				any(&s.resources[k].tail)
			}
		}
		s.conditions = slices.Clone(s.conditions)
		for k := range s.conditions {
			c := &s.conditions[k]
			if c.negated || !c.hasVariables() || c.family != stringEquals && c.family != stringLike {
				continue
			}
			c.family, c.text = stringLike, slices.Clone(c.text)
			for n := range c.text {
				any(&c.text[n])
			}
		}
	}
	return &wide
}

// Granted lists the statements of a policy that allow any of some actions on
// any of some resources; neither has to be given.
func Granted(p *Policy, actions, resources []string) ([]Access, error) {
	all := func(list []string) []string {
		if len(list) == 0 {
			return []string{"*"}
		}
		return list
	}
	doc := &source{version: "2012-10-17", statements: []sourceStatement{{
		effect: "Allow", hasEffect: true, hasAction: true, hasResource: true, actions: all(actions), resources: all(resources),
	}}}
	if message := checkStatements(doc, Identity); message != "" {
		return nil, refuse(message)
	}
	asked, err := doc.compile(Identity)
	if err != nil {
		return nil, err
	}
	a := newAnalysis(p, asked)
	return a.find(func(s *set) bool { return a.allows(s, 0) && a.allows(s, 1) })
}

// PublicAccess lists the statements of a resource-based policy that allow
// everybody: somebody unknown, or of an account that the policy does not name,
// who does not come with one of the values to which the policy restricts who or
// from where (Amazon S3 User Guide, "The meaning of public"). A restriction to a
// pattern is none, but for ARNs of a fixed account and paths of a fixed
// organization.
func PublicAccess(p *Policy) ([]Access, error) {
	a := &analysis{public: true}
	a.add(p, &Policy{})
	return a.find(func(s *set) bool { return a.allows(s, 0) })
}

// limiting are the keys that say who or from where, in small letters.
var limiting = map[string]bool{
	"aws:principalaccount": true, "aws:principalarn": true, "aws:principalorgid": true, "aws:principalorgpaths": true, "aws:userid": true,
	"aws:sourceaccount": true, "aws:sourcearn": true, "aws:sourceorgid": true, "aws:sourceorgpaths": true, "aws:sourceowner": true,
	"aws:sourceip": true, "aws:vpcsourceip": true, "aws:sourcevpc": true, "aws:sourcevpce": true, "aws:sourcevpcarn": true,
	"aws:vpceaccount": true, "aws:vpceorgid": true, "aws:vpceorgpaths": true,
	"s3:dataaccesspointaccount": true, "s3:dataaccesspointarn": true, "kms:calleraccount": true, "kms:viaservice": true, "lambda:functionurlauthtype": true,
}

// restricts says whether a value is one of those that a condition fixes, be it to
// let them in or to keep the others out.
func (c *condition) restricts(key, value string) bool {
	var q query
	for i := range c.text {
		t := &c.text[i]
		wild := strings.IndexByte(t.text, anyRun) >= 0 || strings.IndexByte(t.text, anyOne) >= 0
		if org, _, ok := strings.Cut(t.text, "/"); wild && strings.HasSuffix(key, "orgpaths") && ok {
			wild = strings.IndexByte(org, anyRun) >= 0 || strings.IndexByte(org, anyOne) >= 0
		}
		one := condition{operator: operator{family: c.family}, text: c.text[i : i+1]}
		if !wild && one.listed(&q, value) {
			return true
		}
	}
	for i := range c.arns {
		wild := false
		for k := range c.arns[i].parts {
			part := c.arns[i].parts[k].text
			wild = wild || strings.IndexByte(part, anyRun) >= 0 || strings.IndexByte(part, anyOne) >= 0
		}
		if (!wild || isAccount(c.arns[i].parts[4].text)) && c.arns[i].match(&q, value) {
			return true
		}
	}
	for _, net := range c.nets {
		if addr, ok := newAddr(value); ok && net.Bits() > 0 && net.Contains(addr) {
			return true
		}
	}
	return false
}

// set is a set of statements.
type set [4]uint64

func (s *set) add(i int)      { s[i>>6] |= 1 << (i & 63) }
func (s *set) has(i int) bool { return s[i>>6]>>(i&63)&1 != 0 }
func (s set) and(o set) set {
	for i := range s {
		s[i] &= o[i]
	}
	return s
}
func (s set) meets(o set) bool { return s.and(o) != set{} }

// analysis holds the statements of two policies against each other.
type analysis struct {
	statements []*statement
	border     int // the first of the second policy
	allow      [2]set
	deny       [2]set
	dims       []dimension
	work       sampler
	granting   bool // who asks matters
	public     bool // only somebody unknown asks, and from anywhere
	opaque     bool // there is something that may be so or not
	derived    bool // there are keys that follow from who asks, who matters too
	err        error
}

// dimension is one part of requests: the values that differ, and which
// statements each leaves.
type dimension struct {
	leaves []set
	put    func(i int, r *Request) // puts value i into a request
}

func newAnalysis(first, second *Policy) *analysis {
	a := &analysis{}
	a.add(first, second)
	return a
}

func (a *analysis) add(first, second *Policy) {
	a.border, a.work = len(first.statements), sampler{1 << 17}
	for which, p := range []*Policy{first, second} {
		for i := range p.statements {
			s := &p.statements[i]
			n := len(a.statements)
			if s.effect == Allow {
				a.allow[which].add(n)
			} else {
				a.deny[which].add(n)
			}
			a.statements = append(a.statements, s)
			a.granting = a.granting || s.principals != nil
		}
	}
	a.actions()
	a.resources()
	a.conditions()
	if a.granting {
		a.principals()
	}
}

func (a *analysis) allows(s *set, which int) bool {
	return s.meets(a.allow[which]) && !s.meets(a.deny[which])
}

const (
	maxSets  = 1 << 17 // of statements that apply together
	maxSteps = 1 << 24 // from one of them to the next
	maxTries = 1 << 10 // of requests whose answer depends on what may be so or not
)

// find tries every combination and lists the first policy's statements that
// allow where wanted.
func (a *analysis) find(wanted func(*set) bool) ([]Access, error) {
	if a.err != nil {
		return nil, a.err
	}
	type step struct {
		from  int // among the sets of the level before
		value int
	}
	var all set
	for i := range a.statements {
		all.add(i)
	}
	levels, steps := [][]set{{all}}, [][]step{nil}
	room, walks := maxSets, maxSteps
	for _, d := range a.dims {
		var sets []set
		var how []step
		seen := map[set]bool{}
		for from, s := range levels[len(levels)-1] {
			if walks -= len(d.leaves); walks < 0 {
				return nil, ErrTooComplex
			}
			for value, leaves := range d.leaves {
				left := s.and(leaves)
				if seen[left] || !left.meets(a.allow[0]) {
					continue
				}
				if room--; room < 0 {
					return nil, ErrTooComplex
				}
				seen[left] = true
				sets, how = append(sets, left), append(how, step{from, value})
			}
		}
		levels, steps = append(levels, sets), append(steps, how)
	}
	found := map[int]Access{}
	tries, doubt := 0, false
	last := len(levels) - 1
	for n := range levels[last] {
		if !wanted(&levels[last][n]) {
			continue
		}
		if tries++; (a.opaque || a.derived) && tries > maxTries {
			return nil, ErrUndecided
		}
		r := Request{Principal: &Principal{Type: User, Account: "000000000000"}, Context: &Context{}}
		for at, level := n, last; level > 0; level-- {
			how := steps[level][at]
			a.dims[level-1].put(how.value, &r)
			at = how.from
		}
		if a.derived { // these keys follow from who asks
			r.Context.SetPrincipal(r.Principal)
		}
		real := a.apply(&r)
		if !wanted(&real) {
			doubt = true
			continue
		}
		for i := range a.border {
			if _, known := found[i]; !known && real.has(i) && a.allow[0].has(i) {
				found[i] = Access{Statement: i, Sid: a.statements[i].sid, Action: r.Action, Resource: r.Resource, Principal: r.Principal, Context: r.Context}
			}
		}
	}
	if len(found) == 0 && doubt {
		return nil, ErrUndecided
	}
	out := []Access{}
	for _, i := range slices.Sorted(maps.Keys(found)) {
		out = append(out, found[i])
	}
	return out, nil
}

// apply is the statements that apply to a request, as the evaluator says.
func (a *analysis) apply(r *Request) (s set) {
	var q query
	q.begin(r, &Policies{})
	for i, one := range a.statements {
		if one.fits(&q) && (one.principals == nil || one.cover(&q) != 0) {
			s.add(i)
		}
	}
	return s
}

// leaving adds a dimension of n values; fits says whether a statement applies
// as far as the value goes.
func (a *analysis) leaving(n int, fits func(value int, s *statement) bool, put func(int, *Request)) {
	var d dimension
	var which []int // values that differ
	for value := range n {
		var left set
		for i, s := range a.statements {
			if fits(value, s) {
				left.add(i)
			}
		}
		if !slices.Contains(d.leaves, left) {
			d.leaves, which = append(d.leaves, left), append(which, value)
		}
	}
	d.put = func(i int, r *Request) { put(which[i], r) }
	a.dims = append(a.dims, d)
}

func (a *analysis) samples(in alphabet, patterns [][]token) []string {
	list, ok := a.work.samples(in, patterns)
	if !ok {
		a.err = ErrTooComplex
	}
	return list
}

func (a *analysis) actions() {
	var patterns [][]token
	for _, s := range a.statements {
		for _, action := range s.exact {
			patterns = append(patterns, tokens(nil, action, true, false))
		}
		for i := range s.globs {
			patterns = append(patterns, tokens(nil, s.globs[i].text, true, false))
		}
	}
	list := a.samples(anyAction, distinct(patterns))
	queries := make([]query, len(list))
	for i, action := range list {
		queries[i].begin(&Request{Principal: &Principal{}, Action: action}, &Policies{})
	}
	a.leaving(len(list), func(i int, s *statement) bool { return s.action(&queries[i]) }, func(i int, r *Request) { r.Action = list[i] })
}

func (a *analysis) resources() {
	var patterns [][]token
	for _, s := range a.statements {
		for i := range s.resources {
			if p := s.resources[i].tokens(); p != nil && !s.resourceHasVariables() {
				patterns = append(patterns, p)
			}
		}
	}
	list := append([]string{"*"}, a.samples(anyARN, distinct(patterns))...)
	queries := make([]query, len(list))
	for i, arn := range list {
		queries[i].begin(&Request{Principal: &Principal{}, Action: "x:x", Resource: arn}, &Policies{})
	}
	a.leaving(len(list), func(i int, s *statement) bool { return s.resourceHasVariables() || s.resource(&queries[i]) }, func(i int, r *Request) { r.Resource = list[i] })
	names := map[string]bool{}
	for _, s := range a.statements {
		if s.resourceHasVariables() {
			names[s.resourcesWritten()] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		a.either(func(s *statement) bool { return s.resourceHasVariables() && s.resourcesWritten() == name })
	}
}

// either adds what may be so or not: the statements it is in apply, or not.
func (a *analysis) either(in func(*statement) bool) {
	a.opaque = true
	has := make(map[*statement]bool, len(a.statements))
	for _, s := range a.statements {
		has[s] = in(s)
	}
	a.leaving(2, func(i int, s *statement) bool { return i == 1 || !has[s] }, func(int, *Request) {})
}

func distinct(patterns [][]token) (out [][]token) {
	seen := map[string]bool{}
	for _, p := range patterns {
		var key []byte
		for _, t := range p {
			key = utf8.AppendRune(append(key, byte(t.kind)), t.r)
			if t.colon {
				key = append(key, 1)
			}
		}
		if !seen[string(key)] {
			seen[string(key)] = true
			out = append(out, p)
		}
	}
	return out
}

func (a *analysis) conditions() {
	keys, opaque := map[string][]*condition{}, map[string]bool{}
	for _, s := range a.statements {
		for i := range s.conditions {
			c := &s.conditions[i]
			if c.hasVariables() {
				opaque[c.written()] = true
			} else {
				keys[fold(c.key)] = append(keys[fold(c.key)], c)
			}
		}
	}
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		switch key {
		case "aws:principalarn", "aws:principalaccount", "aws:principaltype", "aws:userid", "aws:username":
			a.derived = a.derived || a.granting
		}
		a.key(key, keys[key])
	}
	for _, name := range slices.Sorted(maps.Keys(opaque)) {
		a.either(func(s *statement) bool {
			return slices.ContainsFunc(s.conditions, func(c condition) bool { return c.hasVariables() && c.written() == name })
		})
	}
}

// key adds a condition key: missing, with one value, with many.
func (a *analysis) key(key string, list []*condition) {
	values, many := a.values(list)
	type given struct {
		values []string
		multi  bool
	}
	all := []given{{}} // missing
	for _, v := range values {
		all = append(all, given{[]string{v}, false})
	}
	if many {
		sets, ok := combine(list, values)
		if !ok {
			a.err = ErrTooComplex
		}
		for _, s := range sets {
			all = append(all, given{s, true})
		}
	}
	if a.public && limiting[key] {
		all = slices.DeleteFunc(all, func(g given) bool {
			return slices.ContainsFunc(list, func(c *condition) bool {
				return slices.ContainsFunc(g.values, func(v string) bool { return c.restricts(key, v) })
			})
		})
	}
	put := func(c *Context, g given) {
		switch {
		case g.multi:
			c.SetMulti(key, g.values)
		case len(g.values) == 1:
			c.Set(key, g.values[0])
		}
	}
	queries := make([]query, len(all))
	for i, g := range all {
		c := &Context{}
		put(c, g)
		queries[i].begin(&Request{Principal: &Principal{}, Action: "x:x", Context: c}, &Policies{})
	}
	a.leaving(len(all), func(i int, s *statement) bool {
		for k := range s.conditions {
			if c := &s.conditions[k]; !c.hasVariables() && fold(c.key) == key && !c.holds(&queries[i]) {
				return false
			}
		}
		return true
	}, func(i int, r *Request) { put(r.Context, all[i]) })
}

// values lists values of a key of which some fits just those of the compared
// ones that any value fits. Where compared are text and something else, each is
// tried for itself: of text that is a number too nothing is known, so it may be
// either.
func (a *analysis) values(list []*condition) (values []string, many bool) {
	patterns := [][]token{{}} // the empty text is nothing to Null and ForAllValues
	var numbers []decimal
	var dates []instant
	var nets []netip.Prefix
	var raw []string
	kinds := map[family]bool{}
	for _, c := range list {
		many = many || c.quant != plain
		patterns = append(patterns, c.tokens()...)
		numbers, dates, nets, raw = append(numbers, c.numbers...), append(dates, c.dates...), append(nets, c.nets...), append(raw, c.bytes...)
		switch c.family {
		case numeric, date, ipAddress, binary:
			kinds[c.family] = true
		case null:
		default:
			kinds[stringEquals] = true
		}
	}
	values = a.samples(anyText, distinct(patterns))
	if len(kinds) > 1 || kinds[binary] {
		a.err = fmt.Errorf("%w, or on values of the key %s that are compared in more than one way", ErrUndecided, list[0].key)
		return values, many
	}
	values = append(values, aroundNumbers(numbers)...)
	around, ok := aroundDates(dates)
	if !ok {
		a.err = ErrTooComplex
	}
	return append(append(values, around...), aroundNets(nets)...), many
}

// aroundNumbers are the numbers, and one right before and behind each.
func aroundNumbers(list []decimal) (out []string) {
	places := 1
	for _, d := range list {
		places = max(places, len(d.frac)+1) // no two are nearer than ten of the last place
	}
	unit := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil)
	for _, d := range list {
		n, _ := new(big.Int).SetString(d.whole+d.frac+strings.Repeat("0", places-len(d.frac)), 10)
		if d.negative {
			n.Neg(n)
		}
		for by := int64(-1); by <= 1; by++ {
			m := new(big.Int).Add(n, big.NewInt(by))
			whole, frac := new(big.Int).QuoRem(new(big.Int).Abs(m), unit, new(big.Int))
			text := fmt.Sprintf("%s.%0*s", whole, places, frac)
			if m.Sign() < 0 {
				text = "-" + text
			}
			out = append(out, text)
		}
	}
	return out
}

// aroundDates are the moments, and the nanosecond before and behind each.
func aroundDates(list []instant) (out []string, ok bool) {
	for _, t := range list {
		for by := int64(-1); by <= 1; by++ {
			at := time.Unix(t.seconds, int64(t.nanos)+by).UTC()
			if at.Year() < 0 || at.Year() > 9999 {
				return nil, false
			}
			out = append(out, at.Format("2006-01-02T15:04:05.000000000Z"))
		}
	}
	return out, true
}

// aroundNets are the first and last address of each range, and the one before
// it: what a range has beside smaller ones ends with its own last address, or
// before one of them. What is in none is like what is no address.
func aroundNets(list []netip.Prefix) (out []string) {
	add := func(a netip.Addr) {
		if a.IsValid() {
			out = append(out, a.String())
		}
	}
	for _, n := range list {
		first := n.Masked().Addr()
		last := first.As16()
		bits := n.Bits()
		if first.Is4() {
			bits += 96
		}
		for i := bits; i < 128; i++ {
			last[i/8] |= 0x80 >> (i % 8)
		}
		end := netip.AddrFrom16(last)
		if first.Is4() {
			end = end.Unmap()
		}
		add(first)
		add(first.Prev())
		add(end)
	}
	return out
}

// combine lists sets of values for each way in which set operators can come
// out: of each condition, whether any of the values fits and whether all do.
func combine(list []*condition, values []string) (sets [][]string, ok bool) {
	const most = 4096
	outcome := func(v string) (any, all string) {
		var b strings.Builder
		var q query
		for _, c := range list {
			if c.family != null && c.test(&q, v) {
				b.WriteByte(1)
			} else {
				b.WriteByte(0)
			}
		}
		all = b.String()
		if v != "" {
			return all + "\x01", all
		}
		return all + "\x00", all
	}
	mix := func(a, b string, or bool) string {
		out := []byte(a)
		for i := range out {
			if or {
				out[i] |= b[i]
			} else {
				out[i] &= b[i]
			}
		}
		return string(out)
	}
	type one struct {
		any, all string
		values   []string
	}
	var made []one
	seen := map[[2]string]bool{}
	add := func(o one) {
		if k := [2]string{o.any, o.all}; !seen[k] {
			seen[k] = true
			made = append(made, o)
		}
	}
	var single []one
	for _, v := range values {
		any, all := outcome(v)
		single = append(single, one{any, all, []string{v}})
		add(single[len(single)-1])
	}
	for i := 0; i < len(made); i++ {
		if len(made) > most {
			return nil, false
		}
		for _, s := range single {
			add(one{mix(made[i].any, s.any, true), mix(made[i].all, s.all, false), append(slices.Clone(made[i].values), s.values...)})
		}
	}
	for _, m := range made {
		sets = append(sets, m.values)
	}
	return append(sets, nil), true // and a key without any
}

// principals adds who asks: of whoever is named, of another in the same
// account, and of another account, each kind of caller.
func (a *analysis) principals() {
	accounts := map[string]bool{"": true}
	var users, roles, sessions, ids, services, canonical []string
	for _, s := range a.statements {
		if s.principals == nil {
			continue
		}
		for _, n := range s.principals.named {
			if part := strings.SplitN(n.value, ":", 6); len(part) == 6 {
				accounts[part[4]] = true
			}
			switch n.kind {
			case namedAccount:
				accounts[n.value] = true
			case namedUser:
				users = append(users, n.value)
			case namedRole:
				roles = append(roles, n.value)
			case namedSession:
				sessions = append(sessions, n.value)
			case namedID:
				ids = append(ids, n.value)
			case namedService, namedProvider:
				services = append(services, n.value)
			case namedCanonical:
				canonical = append(canonical, n.value)
			}
		}
	}
	fresh := "000000000000"
	for n := 1; accounts[fresh]; n++ {
		fresh = fmt.Sprintf("%012d", n)
	}
	delete(accounts, "")
	accounts[fresh] = true
	if a.public {
		accounts, users, roles, sessions, ids, services, canonical = map[string]bool{fresh: true}, nil, nil, nil, nil, nil, nil
	}
	list := []Principal{{}}
	if !a.public {
		list = append(list, Principal{Type: Service, ARN: "keytrail-nobody.amazonaws.com"}, Principal{Type: Federated, ARN: "nobody"})
	}
	for _, s := range services {
		list = append(list, Principal{Type: Service, ARN: s}, Principal{Type: Federated, ARN: s})
	}
	in := func(account string, list []string, other string) []string {
		out := []string{other}
		for _, arn := range list {
			if strings.SplitN(arn, ":", 6)[4] == account {
				out = append(out, arn)
			}
		}
		return out
	}
	ids, canonical = append(ids, "AIDAKEYTRAILNOBODY000"), append(canonical, "")
	for _, account := range slices.Sorted(maps.Keys(accounts)) {
		iam, sts := "arn:aws:iam::"+account+":", "arn:aws:sts::"+account+":"
		for _, c := range canonical {
			list = append(list, Principal{Type: Account, ARN: iam + "root", Account: account, ID: account, CanonicalID: c})
			for _, id := range ids {
				for _, u := range append(in(account, users, iam+"user/keytrail-nobody"), iam+"root") {
					if !strings.HasSuffix(u, ":root") {
						list = append(list, Principal{Type: User, ARN: u, Account: account, ID: id, UniqueID: id, CanonicalID: c})
					}
					for _, f := range in(account, sessions, sts+"federated-user/keytrail-nobody") {
						list = append(list, Principal{Type: FederatedUser, ARN: f, UserARN: u, Account: account, UniqueID: id, ID: account + ":nobody", CanonicalID: c})
					}
				}
				for _, r := range in(account, roles, iam+"role/keytrail-nobody") {
					for _, s := range in(account, sessions, sts+"assumed-role/keytrail-nobody/nobody") {
						list = append(list, Principal{Type: AssumedRole, ARN: s, RoleARN: r, Account: account, UniqueID: id, ID: id + ":nobody", CanonicalID: c})
					}
				}
			}
		}
		if len(list) > 1<<14 {
			a.err = ErrTooComplex
			return
		}
	}
	queries := make([]query, len(list))
	for i := range list {
		queries[i].begin(&Request{Principal: &list[i], Action: "x:x"}, &Policies{})
	}
	a.leaving(len(list), func(i int, s *statement) bool {
		return s.principals == nil || s.cover(&queries[i]) != 0
	}, func(i int, r *Request) { r.Principal = &list[i] })
}
