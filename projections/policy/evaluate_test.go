package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func allow(t testing.TB) []Attached {
	return []Attached{{must(t, Identity, document(`{"Effect":"Allow","Action":"*","Resource":"*"}`)), &Source{}}}
}

// Whatever is missing, the answer is a denial.
func TestDoubtIsDenied(t *testing.T) {
	whole := func() *Request {
		return &Request{Principal: ana(), Action: "s3:GetObject", Resource: "*", Context: &Context{}}
	}
	good := Policies{Identity: allow(t)}
	var v Verdict
	if Evaluate(whole(), &good, &v); !v.Allowed() {
		t.Fatal("the control is denied")
	}
	without := func(change func(r *Request, p *Policies)) {
		t.Helper()
		r, p := whole(), good
		change(r, &p)
		v := Verdict{Effect: Allow, Reason: LayerIdentity}
		if Evaluate(r, &p, &v); v.Allowed() {
			t.Error("allowed")
		}
		v.Effect = Allow
		if Compile(&p).Evaluate(r, &v); v.Allowed() {
			t.Error("allowed by the index")
		}
	}
	without(func(r *Request, p *Policies) { r.Principal = nil })
	without(func(r *Request, p *Policies) { r.Principal.Type = Federated + 1 })
	without(func(r *Request, p *Policies) { r.Principal.Type = Anonymous })
	without(func(r *Request, p *Policies) { r.Principal.Account = "" })
	without(func(r *Request, p *Policies) { r.Action = "" })
	without(func(r *Request, p *Policies) { p.Identity = append(p.Identity[:1:1], Attached{}) })
	without(func(r *Request, p *Policies) { p.Boundary = &Attached{} })
	without(func(r *Request, p *Policies) { p.Session = []Attached{{}} })
	without(func(r *Request, p *Policies) { p.Resource = []Attached{{}} })
	without(func(r *Request, p *Policies) { p.Resource = allow(t) }) // names no principal
	without(func(r *Request, p *Policies) { p.SCPs = [][]Attached{nil} })
	without(func(r *Request, p *Policies) { p.RCPs = [][]Attached{{}} })
	without(func(r *Request, p *Policies) { p.SCPs = make([][]Attached, 65) })
	without(func(r *Request, p *Policies) {
		for range 65 {
			p.SCPs = append(p.SCPs, allow(t))
		}
	})
	without(func(r *Request, p *Policies) { *p = Policies{} })

	v = Verdict{Effect: Allow}
	if Evaluate(nil, nil, &v); v.Allowed() {
		t.Error("allowed nothing to nobody")
	}
	v = Verdict{Effect: Allow}
	if Compile(nil).Evaluate(whole(), &v); v.Allowed() {
		t.Error("allowed by an empty index")
	}
	if r := whole(); true {
		r.Context = nil
		if Evaluate(r, &good, &v); !v.Allowed() {
			t.Error("a context is not needed")
		}
	}
	// A fault of ours is a denial too.
	broken := *good.Identity[0].Policy
	broken.statements = nil
	v = Verdict{Effect: Allow}
	if Evaluate(whole(), &Policies{Identity: []Attached{{&broken, nil}}}, &v); v.Allowed() {
		t.Error("allowed after a panic")
	}
}

// A verdict remembers nothing of the decision before.
func TestVerdictIsReused(t *testing.T) {
	p := must(t, Identity, document(`{"Sid":"a","Effect":"Allow","Action":"s3:*","Resource":"*"}`, `{"Sid":"b","Effect":"Deny","Action":"s3:Put*","Resource":"*"}`))
	all := &Policies{Identity: []Attached{{p, &Source{Name: "p"}}}}
	var v Verdict
	for i, c := range []struct {
		action  string
		want    Effect
		matched int
	}{{"s3:PutObject", ExplicitDeny, 2}, {"s3:GetObject", Allow, 1}, {"ec2:Run", ImplicitDeny, 0}, {"s3:PutObject", ExplicitDeny, 2}} {
		Evaluate(&Request{Principal: ana(), Action: c.action, Resource: "*"}, all, &v)
		if v.Effect != c.want || len(v.Matched) != c.matched {
			t.Errorf("%d %s: %v, %v", i, c.action, v.Effect, v.Matched)
		}
	}
}

// A decision allocates nothing, explanation included, allowed or not.
func TestNoAllocations(t *testing.T) {
	p := must(t, Identity, document(
		`{"Sid":"a","Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"},"DateLessThan":{"aws:CurrentTime":"2030-01-01T00:00:00Z"},"NumericLessThan":{"n":"5"},"BinaryEquals":{"bin":"YWJj"},"ArnLike":{"arn":"arn:aws:iam::*:user/${aws:username}"},"ForAllValues:StringLike":{"aws:TagKeys":["a*","${aws:username}"]},"StringEqualsIgnoreCase":{"aws:username":"ANA"}}}`,
		`{"Sid":"b","Effect":"Deny","Action":"s3:Put*","Resource":"*"}`))
	policies := &Policies{Identity: []Attached{{p, &Source{Name: "p"}}}}
	compiled := Compile(policies)
	tags := []string{"ab", "ana"}
	var ctx Context
	var v Verdict
	who := ana()
	for _, action := range []string{"s3:GetObject", "s3:PutObject", "ec2:Run"} {
		for _, resource := range []string{"arn:aws:s3:::b/ana/x", "arn:aws:S3:::b/eva/x", "*"} {
			r := &Request{Principal: who, Action: action, Resource: resource, Context: &ctx}
			n := testing.AllocsPerRun(100, func() {
				ctx.Reset()
				ctx.SetPrincipal(who)
				ctx.Set("aws:SourceIp", "10.1.2.3")
				ctx.Set("aws:CurrentTime", "2026-01-01T00:00:00Z")
				ctx.Set("n", "4.5")
				ctx.Set("bin", "YWJj")
				ctx.Set("arn", "arn:aws:iam::1:user/ana")
				ctx.SetMulti("aws:TagKeys", tags)
				Evaluate(r, policies, &v)
				compiled.Evaluate(r, &v)
			})
			if n != 0 {
				t.Errorf("%s %s: %v allocations, %v", action, resource, n, v.Effect)
			}
		}
	}
	r := &Request{Principal: who, Action: "s3:GetObject", Resource: "arn:aws:s3:::b/ana/x", Context: &ctx}
	if Evaluate(r, policies, &v); !v.Allowed() {
		t.Errorf("the conditions do not hold: %+v", v.Near)
	}
}

// No policy of legal size takes more than a millisecond, with a resource as long
// as one may be and keys as long as a tag. The price of patterns like *a?b* is
// their number times the length of the value: 770 of them on a value of 2,048
// characters, which only a header can have, take two to three.
func TestWorstPolicies(t *testing.T) {
	fill := func(head, item, tail string) string {
		n := (6144 - len(head) - len(tail)) / (len(item) + 1)
		return head + strings.TrimSuffix(strings.Repeat(item+",", n), ",") + tail
	}
	one := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*",`
	long := "arn:aws:s3:::" + strings.Repeat("a", 2035)
	for name, document := range map[string]string{
		"pieces":           fill(one+`"Resource":[`, `"arn:aws:s3:::*a*a*a*b"`, `]}]}`),
		"pieces with ?":    fill(one+`"Resource":[`, `"arn:aws:s3:::*a?a*b?"`, `]}]}`),
		"long pieces":      fill(one+`"Resource":[`, `"arn:aws:s3:::*`+strings.Repeat("a", 1000)+`b*"`, `]}]}`),
		"long pieces with": fill(one+`"Resource":[`, `"arn:aws:s3:::*`+strings.Repeat("a?", 500)+`b*"`, `]}]}`),
		"one pattern":      one + `"Resource":"arn:aws:s3:::` + strings.Repeat("*a?", 1990) + `b"}]}`,
		"conditions":       fill(one+`"Resource":"*","Condition":{"StringLike":{"k":[`, `"*a*b"`, `]}}}]}`),
		"conditions with ?": fill(one+`"Resource":"*","Condition":{"StringLike":{"k":[`,
			`"*a?b*"`, `]}}}]}`),
		"letters and ?": fill(one+`"Resource":"*","Condition":{"StringLike":{"ab":[`,
			`"*a?b*"`, `]}}}]}`),
		"variables": fill(one+`"Resource":[`, `"arn:aws:s3:::${k}b"`, `]}]}`),
		"dates":     fill(one+`"Resource":"*","Condition":{"DateEquals":{"k":[`, `"2024"`, `]}}}]}`),
		"statements": fill(`{"Version":"2012-10-17","Statement":[`,
			`{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::*ab"}`, `]}`),
	} {
		p := must(t, Identity, document)
		var ctx Context
		ctx.Set("k", long[13:13+256])
		ctx.Set("ab", strings.Repeat("ab", 128))
		r := &Request{Principal: ana(), Action: "s3:GetObject", Resource: long, Context: &ctx}
		policies := &Policies{Identity: []Attached{{p, &Source{}}}}
		var v Verdict
		best := time.Hour
		for range 100 { // others use the machine too
			began := time.Now()
			Evaluate(r, policies, &v)
			best = min(best, time.Since(began))
		}
		t.Logf("%-18s %8v for %d characters", name, best, Size(document))
		if best > slow*time.Millisecond {
			t.Errorf("%s: %v", name, best)
		}
	}
}

func TestSize(t *testing.T) {
	if got := Size("{ \"a\" :\t\"b c\"\r\n}é"); got != 11 {
		t.Error(got)
	}
}

// Principals lists what a document names, and Bind changes a copy.
func TestBind(t *testing.T) {
	p := must(t, Trust, document(`{"Effect":"Allow","Principal":{"AWS":["111122223333","arn:aws:iam::111122223333:user/ana"],"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}`))
	if got := fmt.Sprint(p.Principals()); got != "[{AWS 111122223333} {AWS arn:aws:iam::111122223333:user/ana} {Service ec2.amazonaws.com}]" {
		t.Error(got)
	}
	bound := p.Bind(map[string]string{"arn:aws:iam::111122223333:user/ana": "AIDAOTHER00000000000"})
	var v Verdict
	for want, p := range map[Effect]*Policy{Allow: p, ImplicitDeny: bound} {
		Evaluate(&Request{Principal: ana(), Action: "sts:AssumeRole", Resource: "arn:aws:iam::111122223333:role/x"}, &Policies{Resource: []Attached{{p, nil}}, Trust: true}, &v)
		if v.Effect != want {
			t.Errorf("got %v, want %v", v.Effect, want)
		}
	}
	if got := InvalidPrincipal(PrincipalRef{"Service", "x"}).Error(); got != `Invalid principal in policy: "SERVICE":"x"` {
		t.Error(got)
	}
}
