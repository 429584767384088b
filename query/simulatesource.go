package query

import (
	"slices"
	"strings"

	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
	"github.com/keytrail/keytrail/projections/policy"
)

// source is a user, group or role as an ARN names it and, if it was found, as
// it is.
type source struct {
	arn, account, kind, name string
	user                     *projections.User
	group                    *projections.Group
	role                     *projections.Role
}

func parseSource(arn string) (*source, error) {
	part := strings.SplitN(arn, ":", 6)
	if len(part) == 6 && part[0] == "arn" && part[1] == "aws" && part[2] == "iam" && part[3] == "" && len(part[4]) == 12 && strings.Trim(part[4], "0123456789") == "" {
		kind, path, _ := strings.Cut(part[5], "/")
		s := &source{arn: arn, account: part[4], kind: kind, name: path[strings.LastIndexByte(path, '/')+1:]}
		if s.name != "" && (kind == "user" || kind == "group" || kind == "role") {
			return s, nil
		}
	}
	return nil, answer.InvalidInput("Invalid Entity Arn: %s does not clearly define entity type and name.", arn)
}

// find looks whether there is such an entity in the caller's account.
func (s *source) find(v *View) bool {
	a := v.Account
	if s.account != a.ID {
		return false
	}
	switch s.kind {
	case "user":
		if u, ok := a.User(s.name); ok && u.ARN(a) == s.arn {
			s.user = u
		}
	case "group":
		if g, ok := a.Group(s.name); ok && g.ARN(a) == s.arn {
			s.group = g
		}
	case "role":
		if r, ok := a.Role(s.name); ok && r.ARN(a) == s.arn {
			s.role = r
		}
	}
	return s.user != nil || s.group != nil || s.role != nil
}

// policySource finds the entity whose policies are asked for.
func (v *View) policySource(arn string) (*source, error) {
	s, err := parseSource(arn)
	if err == nil && !s.find(v) {
		err = answer.NoSuch(s.kind, s.name)
	}
	return s, err
}

// call makes c the one who asks. A group cannot ask: as AWS has it, its name
// stands for somebody nothing is known about.
func (s *simulation) call(c *source) {
	s.who = policy.Principal{Type: policy.User, ARN: c.arn, Account: c.account}
	s.known = c.kind != "group"
	var e *projections.Entity
	switch {
	case c.user != nil:
		e = &c.user.Entity
		s.who.ID, s.who.UniqueID = e.ID, e.ID
	case c.role != nil:
		e = &c.role.Entity
		s.who.UniqueID = e.ID
	}
	if c.kind == "role" { // which session is not known
		s.who.Type, s.who.RoleARN = policy.AssumedRole, c.arn
	}
	s.tags = func(yield func(string, string) bool) {
		if e == nil {
			return
		}
		for _, t := range e.Tags {
			if !yield(t.Key, t.Value) {
				return
			}
		}
	}
}

// addAttached takes the policies that judge an entity's requests: those that
// the gate would take, for they come from the same place.
func (s *simulation) addAttached(v *View, of *source) {
	a := v.Account
	var p policy.Policies
	switch {
	case of.user != nil:
		p = *v.World.Policies(&projections.Caller{Account: a, User: of.user})
	case of.role != nil:
		p = *v.World.Policies(&projections.Caller{Account: a, Role: of.role})
	case of.group != nil: // which is nobody's caller
		for _, in := range of.group.Inline {
			p.Identity = append(p.Identity, policy.Attached{
				Policy: in.Document.Policy(policy.Identity),
				Source: &policy.Source{ARN: of.arn, Name: in.Name, Type: policy.Identity.String()},
			})
		}
		for _, id := range of.group.Attached {
			if m, ok := a.PolicyByID(id); ok {
				p.Identity = append(p.Identity, policy.Attached{
					Policy: m.InForce().Document.Policy(policy.Identity),
					Source: &policy.Source{ARN: m.ARN, Version: m.InForce().ID(), Type: policy.Identity.String()},
				})
			}
		}
	}
	for _, at := range p.Identity {
		s.attach(v, of, at)
	}
	if p.Boundary != nil {
		s.attach(v, of, *p.Boundary)
	}
	if o, ok := v.World.OrganizationOf(a); ok {
		for _, level := range p.SCPs {
			for _, at := range level {
				id := at.Source.ARN[strings.LastIndexByte(at.Source.ARN, '/')+1:]
				if scp, ok := o.Policy(id); ok {
					s.show(at, scp.Content.Text, id, fromIdentity)
				}
			}
		}
	}
	p.Identity = append(slices.Clip(p.Identity), s.policies.Identity...)
	s.policies = p
}

func (s *simulation) attach(v *View, of *source, at policy.Attached) {
	text, id := "", at.Source.Name
	if at.Source.ARN == v.Account.RootARN() { // no inline policy is the root user's
		text = projections.SelfService
	} else if id == "" {
		if m, ok := v.World.Managed(at.Source.ARN); ok {
			text, id = m.InForce().Document.Text, m.Name
		}
	} else {
		var i *projections.Identity
		switch {
		case at.Source.ARN != of.arn: // of a group of the user
			if g, ok := v.Account.Group(at.Source.ARN[strings.LastIndexByte(at.Source.ARN, '/')+1:]); ok {
				i = &g.Identity
			}
		case of.user != nil:
			i = &of.user.Identity
		case of.role != nil:
			i = &of.role.Identity
		case of.group != nil:
			i = &of.group.Identity
		}
		if i != nil {
			inline, _ := i.InlinePolicy(id)
			text = inline.Document.Text
		}
	}
	s.show(at, text, id, fromIdentity)
}
