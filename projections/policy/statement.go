package policy

import (
	"sort"
	"strings"
)

// statement is compiled. It applies when principal, action, resource and all
// conditions do.
type statement struct {
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

func (d *source) compile(kind Kind) (*Policy, error) {
	p := &Policy{
		kind:       kind,
		modern:     d.modern(),
		probes:     make([]probe, len(d.statements)),
		statements: make([]statement, len(d.statements)),
	}
	for i := range d.statements {
		d.statements[i].compile(&p.statements[i], kind, d.modern())
		p.probes[i] = newProbe(&p.statements[i])
		p.acts |= p.probes[i].acts
	}
	return p, nil
}

func (s *sourceStatement) compile(c *statement, kind Kind, modern bool) {
	c.sid, c.notAction, c.notResource, c.anywhere = s.sid, s.notAction, s.notResource, !s.hasResource
	c.effect = ExplicitDeny
	if s.effect == "Allow" {
		c.effect = Allow
	}
	for _, action := range s.actions {
		if action = lowerASCII(action); strings.ContainsAny(action, "*?") {
			text, _ := encode(action, true, false)
			c.globs = append(c.globs, newGlob(text))
		} else {
			c.exact = append(c.exact, action)
		}
	}
	sort.Strings(c.exact)
	for _, r := range s.resources {
		c.resources = append(c.resources, newResource(r, kind, modern))
	}
	for _, k := range s.conditions {
		condition, _ := newCondition(k.operator, k.key, k.values, modern) // checked when parsed
		c.conditions = append(c.conditions, condition)
	}
	if kind != Trust && kind != Resource { // an RCP names everybody, always
		return
	}
	c.principals = &principals{not: s.notPrincipal, asWritten: s.principals}
	for _, ref := range s.principals {
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
			if id := ids[n.value]; id != "" && (n.kind == namedUser || n.kind == namedRole) {
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
	if len(s.exact) < 8 {
		for _, action := range s.exact {
			if action == q.action {
				return true
			}
		}
	} else if i := sort.SearchStrings(s.exact, q.action); i < len(s.exact) && s.exact[i] == q.action {
		return true
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
