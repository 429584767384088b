package policy

import (
	"sort"
	"strings"
	"unique"
)

// statement is compiled. It applies when principal, action, resource and all
// conditions do.
type statement struct {
	acts                   uint64 // as in the probe: whether exact or globs are worth a look
	sid                    string
	exact                  []string // actions without wildcard, in small letters, sorted
	globs                  []glob
	resources              []resource
	conditions             []condition
	principals             *principals // nil: whoever the policy hangs on
	effect                 Effect
	notAction, notResource bool
	anywhere               bool // trust policies have no resource
}

// intern keeps one copy of equal strings, so that policies share what they
// have in common and none keeps its whole document alive.
func intern(s string) string { return unique.Make(s).Value() }

// compile lays what a decision reads side by side: the parts of all statements
// of a policy are in one array each.
func (d *source) compile(kind Kind) (*Policy, error) {
	p := &Policy{
		kind:       kind,
		modern:     d.modern(),
		probes:     make([]probe, len(d.statements)),
		pairs:      make([]pairs, len(d.statements)),
		statements: make([]statement, len(d.statements)),
	}
	var parts parts
	for i := range d.statements {
		parts.add(&d.statements[i], kind, d.modern())
	}
	for i := range d.statements {
		s := &p.statements[i]
		d.statements[i].compile(s, &parts, kind, d.modern())
		p.probes[i], p.pairs[i] = newProbe(s)
		s.acts = actBits(s)
		p.acts |= p.probes[i].acts
	}
	return p, nil
}

// parts are the arrays that the statements of a policy share.
type parts struct {
	exact     []string
	globs     []glob
	resources []resource
	counts    [][3]int // of each statement
	taken     int
}

func (p *parts) add(s *sourceStatement, kind Kind, modern bool) {
	exact, globs := len(p.exact), len(p.globs)
	for _, action := range s.actions {
		if action = lowerASCII(action); strings.ContainsAny(action, "*?") {
			text, _ := encode(action, true, false)
			p.globs = append(p.globs, newGlob(text))
		} else {
			p.exact = append(p.exact, intern(action))
		}
	}
	sort.Strings(p.exact[exact:])
	for _, r := range s.resources {
		p.resources = append(p.resources, newResource(r, kind, modern))
	}
	p.counts = append(p.counts, [3]int{len(p.exact) - exact, len(p.globs) - globs, len(s.resources)})
}

// take cuts off the parts of the next statement.
func (p *parts) take(s *statement) {
	if p.taken == 0 {
		p.exact, p.globs, p.resources = exactly(p.exact), exactly(p.globs), exactly(p.resources)
	}
	n := p.counts[p.taken]
	p.taken++
	s.exact, p.exact = p.exact[:n[0]:n[0]], p.exact[n[0]:]
	s.globs, p.globs = p.globs[:n[1]:n[1]], p.globs[n[1]:]
	s.resources, p.resources = p.resources[:n[2]:n[2]], p.resources[n[2]:]
}

// exactly copies a list into an array of its size.
func exactly[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	out := make([]T, len(list))
	copy(out, list)
	return out
}

func (s *sourceStatement) compile(c *statement, parts *parts, kind Kind, modern bool) {
	c.sid, c.notAction, c.notResource, c.anywhere = intern(s.sid), s.notAction, s.notResource, !s.hasResource
	c.effect = ExplicitDeny
	if s.effect == "Allow" {
		c.effect = Allow
	}
	parts.take(c)
	for _, k := range s.conditions {
		condition, _ := newCondition(k.operator, k.key, k.values, modern) // checked when parsed
		c.conditions = append(c.conditions, condition)
	}
	if kind != Trust && kind != Resource { // an RCP names everybody, always
		return
	}
	c.principals = &principals{not: s.notPrincipal}
	for _, ref := range s.principals {
		ref.Value = intern(ref.Value)
		c.principals.asWritten = append(c.principals.asWritten, ref)
		n, everyone, _ := readPrincipal(ref, kind)
		if everyone {
			c.principals.everyone = true
		} else {
			c.principals.named = append(c.principals.named, n)
		}
	}
}

// Principals lists the principals a trust or resource policy names, so that
// the caller can check that they exist and bind them; one may come twice.
func (p *Policy) Principals() []PrincipalRef {
	var refs []PrincipalRef
	for i := range p.statements {
		if s := p.statements[i].principals; s != nil {
			refs = append(refs, s.asWritten...)
		}
	}
	return refs
}

// Bind returns a copy in which each user or role ARN that ids knows matches
// only the principal with that unique id. An entity made anew under an old
// name is somebody else (IAM User Guide, "IAM role principals").
func (p *Policy) Bind(ids map[string]string) *Policy {
	bound := *p
	bound.statements = append([]statement(nil), p.statements...)
	for i := range bound.statements {
		old := bound.statements[i].principals
		if old == nil {
			continue
		}
		s := *old
		s.named = append([]named(nil), old.named...)
		for k, n := range s.named {
			if id := ids[n.value]; id != "" && (n.kind == namedUser || n.kind == namedRole || n.kind == namedSession) {
				s.named[k].id = id
			}
		}
		bound.statements[i].principals = &s
	}
	return &bound
}

func (s *statement) fits(q *query) bool {
	return s.action(q) && s.resource(q) && s.failed(q) == nil
}

func (s *statement) action(q *query) bool {
	return s.listsAction(q) != s.notAction
}

func (s *statement) listsAction(q *query) bool {
	if s.acts&q.acts&exactBits == 0 {
		// none of them: their text need not be fetched
	} else if len(s.exact) < 8 {
		for _, action := range s.exact {
			if action == q.action {
				return true
			}
		}
	} else if i := sort.SearchStrings(s.exact, q.action); i < len(s.exact) && s.exact[i] == q.action {
		return true
	}
	if s.acts&q.acts&^exactBits == 0 {
		return false
	}
	for i := range s.globs {
		if s.globs[i].match(q.action) {
			return true
		}
	}
	return false
}

func (s *statement) resource(q *query) bool {
	if s.anywhere {
		return true
	}
	for i := range s.resources {
		if s.resources[i].match(q) {
			return !s.notResource
		}
	}
	return s.notResource
}

// failed is the first condition that does not hold, or nil.
func (s *statement) failed(q *query) *condition {
	for i := range s.conditions {
		if !s.conditions[i].holds(q) {
			return &s.conditions[i]
		}
	}
	return nil
}

// cover says as whom the statement applies to the caller.
func (s *statement) cover(q *query) grant {
	if s.principals == nil {
		return grantDirect
	}
	return s.principals.cover(q.principal, s.effect, q.bounded)
}
