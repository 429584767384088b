package policy_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/keytrail/keytrail/projections/policy"
	"pgregory.net/rapid"
)

// Changes that can only take power away never turn a denial into an Allow, and
// changes of form never change anything.
func TestMetamorphic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		for _, change := range changes {
			g := newGenerator(seed, 7)
			s := g.situation()
			before := decide(t, s)
			changed := *s
			if !change.apply(g, &changed) {
				continue
			}
			after := decide(t, &changed)
			switch {
			case change.neutral && before.Effect != after.Effect:
				t.Fatalf("%s: %v became %v\nbefore %s\nafter %s", change.name, before.Effect, after.Effect, s, &changed)
			case !before.Allowed() && after.Allowed():
				t.Fatalf("%s: %v became Allow\nbefore %s\nafter %s", change.name, before.Effect, s, &changed)
			case change.denies && after.Effect != policy.ExplicitDeny:
				t.Fatalf("%s: still %v\nafter %s", change.name, after.Effect, &changed)
			}
		}
	})
}

func decide(t *rapid.T, s *situation) *policy.Verdict {
	b, err := s.build()
	if err != nil {
		t.Fatal(err)
	}
	var v policy.Verdict
	policy.Evaluate(&b.request, &b.policies, &v)
	if diff := differ(b, &v); diff != "" {
		t.Fatalf("%s\n%s", diff, s)
	}
	return &v
}

const denyAll = `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}`

type change struct {
	name            string
	neutral, denies bool
	apply           func(g generator, s *situation) bool
}

var changes = []change{
	{name: "deny all in identity", apply: func(g generator, s *situation) bool {
		s.identity = append(slices.Clone(s.identity), denyAll)
		return true
	}},
	{name: "deny all in resource", denies: true, apply: func(g generator, s *situation) bool {
		if s.kind != policy.Resource {
			return false
		}
		s.onResource = append(slices.Clone(s.onResource), `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}}`)
		return true
	}},
	{name: "add some deny", apply: func(g generator, s *situation) bool {
		s.identity = append(slices.Clone(s.identity), text(object{"Version": "2012-10-17", "Statement": g.statement(s, "Deny", policy.Identity)}))
		return true
	}},
	{name: "add a deny to the session policy", apply: func(g generator, s *situation) bool {
		if !s.hasSession || len(s.session) == 0 {
			return false
		}
		s.session = append(slices.Clone(s.session), text(object{"Version": "2012-10-17", "Statement": g.statement(s, "Deny", policy.Identity)}))
		return true
	}},
	{name: "an SCP level more", apply: func(g generator, s *situation) bool {
		s.scps = append(slices.Clone(s.scps), g.level(s, policy.ServiceControl))
		return true
	}},
	{name: "an RCP level more", apply: func(g generator, s *situation) bool {
		s.rcps = append(slices.Clone(s.rcps), g.level(s, policy.ResourceControl))
		return true
	}},
	{name: "a boundary", apply: func(g generator, s *situation) bool {
		if len(s.boundary) > 0 {
			return false
		}
		s.boundary = []string{g.document(s, policy.Boundary, 20)}
		return true
	}},
	{name: "a session policy", apply: func(g generator, s *situation) bool {
		// A federated user has nothing without one, so for it this is no limit.
		if s.hasSession || len(s.session) > 0 || s.who.Type == policy.FederatedUser {
			return false
		}
		s.hasSession, s.session = true, []string{g.document(s, policy.Session, 20)}
		return true
	}},
	{name: "drop an Allow", apply: func(g generator, s *situation) bool {
		lists := []*[]string{&s.identity, &s.boundary, &s.session, &s.onResource}
		list := lists[g.IntN(len(lists))]
		if len(*list) == 0 {
			return false
		}
		*list = slices.Clone(*list)
		d := &(*list)[g.IntN(len(*list))]
		return rewrite(d, func(statements []any) []any {
			for i, st := range statements {
				if st.(object)["Effect"] == "Allow" && len(statements) > 1 {
					return slices.Delete(statements, i, i+1)
				}
			}
			return nil
		})
	}},
	{name: "narrow the session policy with a condition", apply: func(g generator, s *situation) bool {
		if len(s.session) == 0 {
			return false
		}
		s.session = slices.Clone(s.session)
		return rewrite(&s.session[0], func(statements []any) []any {
			for _, st := range statements {
				if o := st.(object); o["Effect"] == "Allow" && o["Condition"] == nil {
					o["Condition"] = g.condition()
				}
			}
			return statements
		})
	}},
	{name: "reorder statements", neutral: true, apply: func(g generator, s *situation) bool {
		s.identity = slices.Clone(s.identity)
		for i := range s.identity {
			rewrite(&s.identity[i], func(statements []any) []any {
				g.Shuffle(len(statements), func(i, j int) { statements[i], statements[j] = statements[j], statements[i] })
				return statements
			})
		}
		return true
	}},
	{name: "reorder policies", neutral: true, apply: func(g generator, s *situation) bool {
		s.identity, s.session = slices.Clone(s.identity), slices.Clone(s.session)
		slices.Reverse(s.identity)
		slices.Reverse(s.session)
		return true
	}},
	{name: "split policies", neutral: true, apply: func(g generator, s *situation) bool {
		var split []string
		for _, d := range s.identity {
			rewrite(&d, func(statements []any) []any {
				for _, st := range statements {
					split = append(split, text(object{"Version": "2012-10-17", "Statement": st}))
				}
				return statements
			})
		}
		s.identity = split
		return true
	}},
	{name: "say everything twice", neutral: true, apply: func(g generator, s *situation) bool {
		s.identity = append(slices.Clone(s.identity), s.identity...)
		s.onResource = append(slices.Clone(s.onResource), s.onResource...)
		return true
	}},
	{name: "a policy about something else", neutral: true, apply: func(g generator, s *situation) bool {
		s.identity = append(slices.Clone(s.identity), `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"else:*","Resource":"*"},{"Effect":"Deny","Action":"else:*","Resource":"*"}]}`)
		return true
	}},
}

// rewrite changes the statements of a document; nil leaves it as it is.
func rewrite(document *string, change func([]any) []any) bool {
	var doc object
	if err := json.Unmarshal([]byte(*document), &doc); err != nil {
		panic(err)
	}
	statements := change(slices.Clone(list(doc["Statement"])))
	if statements == nil {
		return false
	}
	doc["Statement"] = statements
	*document = text(doc)
	return true
}
