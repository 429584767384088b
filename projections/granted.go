package projections

import (
	"sync"
	"sync/atomic"

	"github.com/keytrail/keytrail/projections/policy"
)

// cell keeps what was compiled from one value of an identity. It is filled
// when first judged by, by any reader.
type cell struct {
	granted atomic.Pointer[granted]
	trust   atomic.Pointer[policy.Policies] // of a role
}

// granted is what the policies of one principal or session say, compiled.
// What it was made from beside the identity itself stands in parts; as long as
// these are what they were, it holds.
type granted struct {
	checked  atomic.Uint64   // Account.grants when parts were last found unchanged
	compiled policy.Compiled // of policies
	policies policy.Policies
	few      [4]policy.Attached // room for the usual number of identity policies, in one place with the rest
	self     bool               // with SelfService
	base     *granted           // of a session with session policies: what its principal has
	bonds    *Bonds             // of the account's organization
	parts    []part
}

// part is a group or the version in force of a managed policy; neither: a
// managed policy that was not there.
type part struct {
	id      string // of the group or policy; a session policy: its ARN
	group   *Group
	version *PolicyVersion
}

// Policies are the caller's own policies, as they are now: of the user and its
// groups or of the role, the permissions boundary and the session policies.
// The root user has none. They are kept until something they were made from
// changes, so that asking again costs no allocation. The result is shared: it
// must not be changed.
func (w *World) Policies(c *Caller) *policy.Policies { return &w.granted(c).policies }

// Compiled is Policies, compiled for judging.
func (w *World) Compiled(c *Caller) *policy.Compiled { return &w.granted(c).compiled }

// TrustPolicy is who may assume a role, as the resource's side of a decision.
// Its ARNs mean whom they meant when it was set.
func (w *World) TrustPolicy(a *Account, r *Role) *policy.Policies {
	if p := r.cell.trust.Load(); p != nil {
		return p
	}
	p := &policy.Policies{
		Resource: []policy.Attached{{
			Policy: r.Trust.Policy(policy.Trust).Bind(r.Bound),
			Source: &policy.Source{ARN: r.ARN(a), Type: policy.Trust.String()},
		}},
		Trust: true,
	}
	r.cell.trust.Store(p)
	return p
}

var nothing = &granted{compiled: *policy.Compile(&policy.Policies{})}

func (w *World) granted(c *Caller) *granted {
	bonds := w.bonds(c.Account)
	g := bonds.root
	switch {
	case c.User != nil:
		g = granting(bonds, c.Account, &c.User.Identity, c.User.Groups, c.User.ARN, c.Account.changesOwn())
	case c.Role != nil:
		g = granting(bonds, c.Account, &c.Role.Identity, nil, c.Role.ARN, false)
	}
	if c.Session != nil && c.Session.Limited() {
		return w.limited(c, g)
	}
	return g
}

// granting returns what an identity's cell holds, made anew if it is not true
// any more. self says that SelfService belongs to it.
func granting(bonds *Bonds, a *Account, i *Identity, groups []string, arn func(*Account) string, self bool) *granted {
	g := i.cell.granted.Load()
	if g != nil && g.self == self && g.bonds == bonds && g.holds(a, a.part) {
		return g
	}
	g = &granted{self: self, bonds: bonds}
	g.policies.SCPs = bonds.SCPs
	g.policies.Identity = g.few[:0]
	g.checked.Store(a.grants)
	g.identity(a, i, arn(a))
	for _, id := range groups {
		group, ok := a.GroupByID(id)
		g.parts = append(g.parts, part{id: id, group: group})
		if ok {
			g.identity(a, &group.Identity, group.ARN(a))
		}
	}
	if self {
		g.policies.Identity = append(g.policies.Identity, a.selfService())
	}
	if i.Boundary != "" {
		if at, ok := g.managed(a, i.Boundary, policy.Boundary); ok {
			g.policies.Boundary = &at
		} else { // a policy that bounds cannot be deleted; in doubt nothing is allowed
			g.policies.Boundary = &policy.Attached{Policy: document("").Policy(policy.Boundary), Source: &policy.Source{ARN: i.Boundary, Type: policy.Boundary.String()}}
		}
	}
	g.compiled = *policy.Compile(&g.policies)
	i.cell.granted.Store(g)
	return g
}

// holds says whether all parts are what they were.
func (g *granted) holds(a *Account, now func(id string) part) bool {
	if g.checked.Load() == a.grants {
		return true
	}
	for _, p := range g.parts {
		if now(p.id) != p {
			return false
		}
	}
	g.checked.Store(a.grants)
	return true
}

// part finds what a part is now.
func (a *Account) part(id string) part {
	p := part{id: id}
	if prefix(id) == GroupPrefix {
		p.group, _ = a.GroupByID(id)
	} else if managed, ok := a.PolicyByID(id); ok {
		p.version = managed.InForce()
	}
	return p
}

func (g *granted) identity(a *Account, i *Identity, arn string) {
	for _, p := range i.Inline {
		g.policies.Identity = append(g.policies.Identity, policy.Attached{
			Policy: p.Document.Policy(policy.Identity),
			Source: &policy.Source{ARN: arn, Name: p.Name, Type: policy.Identity.String()},
		})
	}
	for _, id := range i.Attached {
		if at, ok := g.managed(a, id, policy.Identity); ok {
			g.policies.Identity = append(g.policies.Identity, at)
		}
	}
}

func (g *granted) managed(a *Account, id string, kind policy.Kind) (policy.Attached, bool) {
	p, ok := a.PolicyByID(id)
	if !ok {
		g.parts = append(g.parts, part{id: id})
		return policy.Attached{}, false
	}
	v := p.InForce()
	g.parts = append(g.parts, part{id: id, version: v})
	return attached(p, v, kind), true
}

func attached(p *Policy, v *PolicyVersion, kind policy.Kind) policy.Attached {
	return policy.Attached{Policy: v.Document.Policy(kind), Source: v.source(p, kind)}
}

// source names the version in verdicts. All who have the policy share it.
func (v *PolicyVersion) source(p *Policy, kind policy.Kind) *policy.Source {
	cell := &v.sources[kind]
	if s := cell.Load(); s != nil && s.ARN == p.ARN {
		return s
	}
	s := &policy.Source{ARN: p.ARN, Version: v.ID(), Type: kind.String()}
	cell.Store(s)
	return s
}

// sessions keeps what sessions with session policies were granted, by access
// key id: no two sessions share one, and what one claims is sealed.
var sessions struct {
	sync.RWMutex
	granted map[string]*granted
}

const sessionsMax = 1 << 12

// limited is base with the policies of the caller's session.
func (w *World) limited(c *Caller, base *granted) *granted {
	now := func(arn string) part {
		p := part{id: arn}
		if m, ok := w.Managed(arn); ok {
			p.version = m.InForce()
		}
		return p
	}
	key := c.AccessKeyID
	sessions.RLock()
	g := sessions.granted[key]
	sessions.RUnlock()
	if g != nil && g.base == base && g.holds(c.Account, now) {
		return g
	}
	g = &granted{base: base, policies: base.policies}
	g.checked.Store(c.Account.grants)
	g.policies.HasSession = true
	for _, text := range c.Session.Policies {
		g.policies.Session = append(g.policies.Session, policy.Attached{
			Policy: document(text).Policy(policy.Session),
			Source: &policy.Source{ARN: c.ARN, Type: policy.Session.String()},
		})
	}
	for _, arn := range c.Session.PolicyARNs {
		p := now(arn)
		g.parts = append(g.parts, p)
		if m, ok := w.Managed(arn); ok {
			g.policies.Session = append(g.policies.Session, attached(m, p.version, policy.Session))
		}
	}
	g.compiled = *policy.Compile(&g.policies)
	sessions.Lock()
	defer sessions.Unlock()
	if sessions.granted == nil || len(sessions.granted) >= sessionsMax {
		sessions.granted = map[string]*granted{}
	}
	sessions.granted[key] = g
	return g
}
