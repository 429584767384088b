package policy

import (
	"fmt"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

func must(t testing.TB, kind Kind, document string) *Policy {
	t.Helper()
	p, err := Parse(kind, document)
	if err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	return p
}

func ana() *Principal {
	return &Principal{Type: User, ARN: "arn:aws:iam::111122223333:user/ana", Account: "111122223333", ID: "AIDAANAANAANAANAANA1", UniqueID: "AIDAANAANAANAANAANA1"}
}

func document(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// cpu is the time this process has worked: on a machine that others use too it
// says more than the clock on the wall.
func cpu() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// decideBy runs both ways to a decision.
func decideBy(b *testing.B, r *Request, p *Policies, want Effect) {
	c := Compile(p)
	for name, decide := range map[string]func(v *Verdict){
		"plain":    func(v *Verdict) { Evaluate(r, p, v) },
		"compiled": func(v *Verdict) { c.Evaluate(r, v) },
	} {
		b.Run(name, func(b *testing.B) {
			var v Verdict
			b.ReportAllocs()
			before := cpu()
			for b.Loop() {
				decide(&v)
			}
			b.ReportMetric(float64(cpu()-before)/float64(b.N), "cpu-ns/op")
			if v.Effect != want {
				b.Fatalf("got %v, want %v", v.Effect, want)
			}
		})
	}
}

// W1: one user, one policy of five statements.
func BenchmarkW1(b *testing.B) {
	p := must(b, Identity, document(
		`{"Sid":"a","Effect":"Allow","Action":["s3:GetObject","s3:ListBucket"],"Resource":["arn:aws:s3:::photos","arn:aws:s3:::photos/*"]}`,
		`{"Sid":"b","Effect":"Allow","Action":"iam:Get*","Resource":"*"}`,
		`{"Sid":"c","Effect":"Allow","Action":["ec2:Describe*","ec2:StartInstances"],"Resource":"*"}`,
		`{"Sid":"d","Effect":"Deny","Action":"s3:DeleteObject","Resource":"*"}`,
		`{"Sid":"e","Effect":"Allow","Action":"sqs:*","Resource":"arn:aws:sqs:*:111122223333:jobs-*"}`))
	var ctx Context
	ctx.SetPrincipal(ana())
	r := &Request{Principal: ana(), Action: "s3:GetObject", Resource: "arn:aws:s3:::photos/2026/06/a.jpg", Context: &ctx}
	decideBy(b, r, &Policies{Identity: []Attached{{p, &Source{Name: "p"}}}}, Allow)
}

// W2: ten policies, twenty statements with conditions.
func BenchmarkW2(b *testing.B) {
	var list []Attached
	services := []string{"s3", "iam", "ec2", "sqs", "sns", "kms", "lambda", "dynamodb", "logs", "sts"}
	for i, service := range services {
		p := must(b, Identity, document(
			fmt.Sprintf(`{"Sid":"r%d","Effect":"Allow","Action":["%s:Get*","%s:List*"],"Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/8"},"StringEquals":{"aws:PrincipalTag/team":"t%d"}}}`, i, service, service, i),
			fmt.Sprintf(`{"Sid":"w%d","Effect":"Deny","Action":"%s:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"},"StringNotEquals":{"aws:RequestedRegion":["eu-west-1","us-east-1"]}}}`, i, service)))
		list = append(list, Attached{p, &Source{Name: fmt.Sprint(i)}})
	}
	var ctx Context
	ctx.SetPrincipal(ana())
	ctx.Set("aws:SourceIp", "10.1.2.3")
	ctx.Set("aws:SecureTransport", "true")
	ctx.Set("aws:RequestedRegion", "us-east-1")
	ctx.Set("aws:PrincipalTag/team", "t7")
	ctx.Set("aws:CurrentTime", "2026-06-01T00:00:00Z")
	ctx.Set("aws:MultiFactorAuthPresent", "true")
	r := &Request{Principal: ana(), Action: "dynamodb:GetItem", Resource: "arn:aws:dynamodb:us-east-1:111122223333:table/orders", Context: &ctx}
	decideBy(b, r, &Policies{Identity: list}, Allow)
}

// W3: 100,000 users and 10,000 policies, a random user each time. Policies are
// shared and users hold four of them each.
func BenchmarkW3(b *testing.B) {
	const users, policies, each, perPolicy = 100_000, 10_000, 4, 5
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	services := []string{"ssm", "sqs", "sns", "kms", "lambda", "dynamodb", "logs", "sts", "ec2", "ecr"}
	all := make([]Attached, policies)
	for i := range all {
		var s []string
		for k := range perPolicy {
			service := services[(i+k)%len(services)]
			s = append(s, fmt.Sprintf(`{"Sid":"s%d","Effect":"Allow","Action":["%s:Get*","%s:PutItem"],"Resource":"arn:aws:%s:us-east-1:111122223333:app%d/*"}`, k, service, service, service, i))
		}
		all[i] = Attached{must(b, Identity, document(s...)), &Source{ARN: fmt.Sprintf("arn:aws:iam::111122223333:policy/p%d", i), Version: "v1"}}
	}
	held := make([][]Attached, users)
	seed := uint32(1)
	next := func(n int) int {
		seed ^= seed << 13
		seed ^= seed >> 17
		seed ^= seed << 5
		return int(seed % uint32(n))
	}
	for i := range held {
		held[i] = make([]Attached, each)
		for k := range held[i] {
			held[i][k] = all[next(policies)]
		}
	}
	all = nil
	runtime.GC()
	runtime.ReadMemStats(&after)

	var v Verdict
	var ctx Context
	who := ana()
	ctx.SetPrincipal(who)
	r := &Request{Principal: who, Action: "dynamodb:GetItem", Context: &ctx}
	var p Policies
	resources := make([]string, 1024)
	for i := range resources {
		resources[i] = fmt.Sprintf("arn:aws:dynamodb:us-east-1:111122223333:app%d/x", next(policies))
	}
	b.ReportAllocs()
	worked := cpu()
	for b.Loop() {
		p.Identity = held[next(users)]
		r.Resource = resources[next(1024)]
		Evaluate(r, &p, &v)
	}
	b.ReportMetric(float64(cpu()-worked)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/(1<<20), "MiB")
	runtime.KeepAlive(held)
}

// wildcards makes ten policies of fifty statements, about 6 KB each.
func wildcards(b *testing.B, statement func(i int) string) []Attached {
	var list []Attached
	for p := range 10 {
		var s []string
		for k := range 50 {
			s = append(s, statement(p*50+k))
		}
		list = append(list, Attached{must(b, Identity, document(s...)), &Source{Name: fmt.Sprint(p)}})
	}
	return list
}

// W4: everything allowed, and the last of 500 patterns denies.
func BenchmarkW4(b *testing.B) {
	list := wildcards(b, func(i int) string {
		effect := "Allow"
		if i == 499 {
			effect = "Deny"
		}
		return fmt.Sprintf(`{"Sid":"S%d","Effect":"%s","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket*/*/d%d/*/x?"}`, i, effect, i)
	})
	r := &Request{Principal: ana(), Action: "s3:GetObject", Resource: "arn:aws:s3:::bucket17/home/d499/photos/2026/x7"}
	decideBy(b, r, &Policies{Identity: list}, ExplicitDeny)
}

// W4b: denials that miss by a little, and the only Allow last.
func BenchmarkW4b(b *testing.B) {
	list := wildcards(b, func(i int) string {
		effect, last := "Deny", "y?"
		if i == 499 {
			effect, last = "Allow", "x?"
		}
		return fmt.Sprintf(`{"Sid":"S%d","Effect":"%s","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket*/*/d7/*/%s"}`, i, effect, last)
	})
	r := &Request{Principal: ana(), Action: "s3:GetObject", Resource: "arn:aws:s3:::bucket17/home/d7/photos/2026/x7"}
	decideBy(b, r, &Policies{Identity: list}, Allow)
}

// W4c: the pieces of every denial are there, but in the wrong order, so that
// no filter helps.
func BenchmarkW4c(b *testing.B) {
	list := wildcards(b, func(i int) string {
		if i == 499 {
			return `{"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket*"}`
		}
		return fmt.Sprintf(`{"Sid":"S%d","Effect":"Deny","Action":"s3:GetObject","Resource":"arn:aws:s3:::bucket*/photos/*/d7/*/x?"}`, i)
	})
	r := &Request{Principal: ana(), Action: "s3:GetObject", Resource: "arn:aws:s3:::bucket17/d7/photos/home/2026/x7"}
	decideBy(b, r, &Policies{Identity: list}, Allow)
}
