package policy_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keytrail/keytrail/projections/policy"
	"github.com/keytrail/keytrail/projections/policy/policytest"
)

// Each case in testdata/*.txt names the rule it shows. Their format is that of
// package policytest.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	total := 0
	for _, file := range files {
		if strings.HasPrefix(filepath.Base(file), "reject") {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		cases, err := policytest.Read(file, string(data), os.ReadFile)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cases {
			total++
			t.Run(fmt.Sprintf("%s:%d", filepath.Base(file), c.Line), func(t *testing.T) { runCase(t, &c) })
		}
	}
	t.Logf("%d cases", total)
	if total < 340 {
		t.Errorf("%d cases, want at least the 40 vectors and 300 rules", total)
	}
}

func runCase(t *testing.T, c *policytest.Case) {
	if c.Rule == "" {
		t.Error("the case names no rule")
	}
	s := &situation{
		who: c.Who, action: c.Action, resource: c.Resource, owner: c.Owner, identity: c.Identity, boundary: c.Boundary, session: c.Session, hasSession: c.HasSession,
		onResource: c.OnResource, kind: c.Kind, trust: c.Trust, scps: c.SCPs, rcps: c.RCPs, ids: c.IDs,
	}
	for _, k := range c.Context {
		s.context = append(s.context, key{name: k.Name, values: k.Values, multi: k.Multi})
	}
	v, b := check(t, s)
	if diff := c.Differs(&b.request, v); diff != "" {
		t.Errorf("%s\n%s\nmatched %v", diff, c.Text, matched(v))
	}
	if r := refer(s); r.effect != v.Effect {
		t.Errorf("the reference says %v\n%s", r.effect, c.Text)
	}
	// The reader of the cases comes to the same by itself.
	r, p, err := c.Request()
	if err != nil {
		t.Fatal(err)
	}
	var own policy.Verdict
	if policy.Evaluate(r, p, &own); summary(&own) != summary(v) {
		t.Errorf("got %s, by the reader %s\n%s", summary(v), summary(&own), c.Text)
	}
}
