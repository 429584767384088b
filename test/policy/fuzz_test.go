package policy_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/keytrail/keytrail/projections/policy"
)

// Any text is refused or accepted quickly, never in part; what is accepted is
// what encoding/json reads too, decides any request, and decides it the same
// with the index.
func FuzzDocument(f *testing.F) {
	for _, table := range [][]struct{ document, message string }{permission, trusting, ofResource, resourceControl} {
		for _, row := range table {
			f.Add(row.document)
		}
	}
	for n := range uint64(20) {
		s := newGenerator(3, n).situation()
		for _, d := range append(append([]string(nil), s.identity...), s.onResource...) {
			f.Add(d)
		}
	}
	var ctx policy.Context
	ctx.Set("aws:username", "ana")
	ctx.SetMulti("aws:TagKeys", []string{"a", "b"})
	f.Fuzz(func(t *testing.T, document string) {
		for kind := policy.Identity; kind <= policy.ResourceControl; kind++ {
			var p *policy.Policy
			var err error
			best := time.Hour
			for i := 0; i == 0 || i < 5 && best > limit(50*time.Millisecond); i++ { // others use the machine too
				began := time.Now()
				p, err = policy.Parse(kind, document)
				best = min(best, time.Since(began))
			}
			if best > limit(50*time.Millisecond) {
				t.Errorf("%v to read as %v", best, kind)
			}
			if err != nil {
				if m, ok := err.(*policy.Malformed); p != nil || !ok || m.Message == "" {
					t.Fatalf("refused as %v with %v, %v", kind, p, err)
				}
				continue
			}
			var doc struct{ Statement any }
			if err := json.Unmarshal([]byte(document), &doc); err != nil || len(list(doc.Statement)) != p.Len() {
				t.Fatalf("accepted %d statements of %q: %v", p.Len(), document, err)
			}
			at := []policy.Attached{{Policy: p, Source: &policy.Source{Name: "fuzzed/0"}}}
			var all policy.Policies
			switch kind {
			case policy.Identity:
				all.Identity = at
			case policy.Boundary:
				all.Boundary = &at[0]
			case policy.Session:
				all.Session = at
			case policy.ServiceControl:
				all.SCPs = [][]policy.Attached{at}
			case policy.ResourceControl:
				all.RCPs = [][]policy.Attached{at}
			default:
				all.Resource, all.Trust = at, kind == policy.Trust
			}
			for _, who := range people {
				b := &built{policies: all, request: policy.Request{Principal: &who, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/x", Context: &ctx}}
				var v policy.Verdict
				policy.Evaluate(&b.request, &b.policies, &v)
				if diff := differ(b, &v); diff != "" {
					t.Fatalf("%v: %s\n%s", kind, diff, document)
				}
			}
		}
	})
}

// Both evaluators agree, wherever the generator is led.
func FuzzDifferential(f *testing.F) {
	f.Add(uint64(2026), uint64(350737)) // a federated session of root, and NotPrincipal
	f.Add(uint64(1), uint64(3394))      // base64 with loose bits
	f.Fuzz(func(t *testing.T, seed, n uint64) {
		var v policy.Verdict
		if fault := compareOne(seed, n, &v); fault != "" {
			t.Errorf("case %d of seed %d: %s", n, seed, fault)
		}
	})
}
