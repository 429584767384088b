// Package policy_test holds the rules of the policy language as text files, a
// second evaluator written from the same rules by another route, and the
// properties that must hold whatever the policies are.
package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/keytrail/keytrail/projections/policy"
)

// situation is one request with all its policies, as documents.
type situation struct {
	who              policy.Principal
	action, resource string
	owner            string // account of the resource
	context          []key
	identity         []string
	boundary         []string // one or none
	session          []string
	hasSession       bool
	onResource       []string
	kind             policy.Kind // of onResource
	trust            bool
	scps, rcps       [][]string
	ids              map[string]string // Bind
}

type key struct {
	name   string
	values []string
	multi  bool
}

// built is a situation ready for the evaluator under test.
type built struct {
	request  policy.Request
	policies policy.Policies
	context  policy.Context
}

func (s *situation) build() (*built, error) {
	b := &built{}
	var err error
	attach := func(kind policy.Kind, layer string, documents []string) []policy.Attached {
		var list []policy.Attached
		for i, d := range documents {
			p, bad := policy.Parse(kind, d)
			if bad != nil {
				err = fmt.Errorf("%s %d: %w\n%s", layer, i, bad, d)
				return nil
			}
			if s.ids != nil {
				p = p.Bind(s.ids)
			}
			list = append(list, policy.Attached{Policy: p, Source: &policy.Source{Name: fmt.Sprintf("%s/%d", layer, i), Type: kind.String()}})
		}
		return list
	}
	p := &b.policies
	for i, level := range s.scps {
		p.SCPs = append(p.SCPs, attach(policy.ServiceControl, fmt.Sprintf("scp%d", i), level))
	}
	for i, level := range s.rcps {
		p.RCPs = append(p.RCPs, attach(policy.ResourceControl, fmt.Sprintf("rcp%d", i), level))
	}
	p.Identity = attach(policy.Identity, "identity", s.identity)
	if list := attach(policy.Boundary, "boundary", s.boundary); len(list) > 0 {
		p.Boundary = &list[0]
	}
	p.Session = attach(policy.Session, "session", s.session)
	p.HasSession = s.hasSession
	p.Resource = attach(s.kind, "resource", s.onResource)
	p.Trust = s.trust
	for _, k := range s.context {
		if k.multi {
			b.context.SetMulti(k.name, k.values)
		} else {
			b.context.Set(k.name, k.values[0])
		}
	}
	b.request = policy.Request{Principal: &s.who, Action: s.action, Resource: s.resource, ResourceAccount: s.owner, Context: &b.context}
	return b, err
}

// matched lists what applied, one "layer/policy#statement effect" each.
func matched(v *policy.Verdict) []string {
	var list []string
	for _, m := range v.Matched {
		list = append(list, fmt.Sprintf("%s#%d %s", m.Source.Name, m.Statement, m.Effect))
	}
	return list
}

func (s *situation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "who %+v\ndo %s on %s of %q\n", s.who, s.action, s.resource, s.owner)
	for _, k := range s.context {
		fmt.Fprintf(&b, "with %s = %q multi=%v\n", k.name, k.values, k.multi)
	}
	show := func(name string, list []string) {
		for i, d := range list {
			fmt.Fprintf(&b, "%s/%d %s\n", name, i, d)
		}
	}
	for i, l := range s.scps {
		show(fmt.Sprintf("scp%d(of %d)", i, len(s.scps)), l)
	}
	for i, l := range s.rcps {
		show(fmt.Sprintf("rcp%d(of %d)", i, len(s.rcps)), l)
	}
	fmt.Fprintf(&b, "trust=%v kind=%v hasSession=%v ids=%v\n", s.trust, s.kind, s.hasSession, s.ids)
	show("resource", s.onResource)
	show("identity", s.identity)
	show("boundary", s.boundary)
	show("session", s.session)
	return b.String()
}

// check runs all ways to a decision and fails when they differ.
func check(t *testing.T, s *situation) (*policy.Verdict, *built) {
	t.Helper()
	b, err := s.build()
	if err != nil {
		t.Fatal(err)
	}
	var v policy.Verdict
	policy.Evaluate(&b.request, &b.policies, &v)
	if diff := differ(b, &v); diff != "" {
		t.Fatalf("%s\n%s", diff, s)
	}
	return &v, b
}

// differ compares a verdict with those of the compiled paths.
func differ(b *built, v *policy.Verdict) string {
	mine, theirs := b.policies, policy.Policies{}
	theirs.Resource, theirs.Trust, theirs.RCPs = mine.Resource, mine.Trust, mine.RCPs
	mine.Resource, mine.Trust, mine.RCPs = nil, false, nil
	var whole, halves policy.Verdict
	policy.Compile(&b.policies).Evaluate(&b.request, &whole)
	policy.Compile(&mine).EvaluateOn(&b.request, &theirs, &halves)
	for name, got := range map[string]*policy.Verdict{"compiled": &whole, "compiled in halves": &halves} {
		if !same(got, v) {
			return fmt.Sprintf("%s: got %s\nplain: %s", name, summary(got), summary(v))
		}
	}
	return ""
}

func same(a, b *policy.Verdict) bool {
	return a.Effect == b.Effect && a.Reason == b.Reason && a.Layers == b.Layers &&
		slices.Equal(a.Matched, b.Matched) && slices.Equal(a.Near, b.Near)
}

func summary(v *policy.Verdict) string {
	return fmt.Sprintf("%s by %s, layers %v, matched %q, near %+v", v.Effect, v.Reason, v.Layers, matched(v), near(v))
}

func near(v *policy.Verdict) []string {
	var list []string
	for _, n := range v.Near {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s#%d %s %s %s", n.Source.Name, n.Statement, n.Failed, n.Operator, n.Key)))
	}
	return list
}
