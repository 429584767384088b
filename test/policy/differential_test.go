package policy_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keytrail/keytrail/projections/policy"
)

// Both evaluators must agree on every case, in the answer and in every
// statement that matched. KEYTRAIL_POLICY_CASES sets how many,
// KEYTRAIL_POLICY_SEED where they start.
func TestDifferential(t *testing.T) {
	cases, seed := fromEnv("KEYTRAIL_POLICY_CASES", 20_000), fromEnv("KEYTRAIL_POLICY_SEED", 1)
	if testing.Short() {
		cases /= 10
	}
	mix := map[policy.Effect]int{}
	reasons := map[string]int{}
	began := time.Now()
	var lock sync.Mutex
	var group sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		group.Go(func() {
			var got policy.Verdict
			for n := w; n < cases; n += workers {
				if fault := compareOne(uint64(seed), uint64(n), &got); fault != "" {
					t.Errorf("case %d of seed %d: %s", n, seed, fault)
					return
				}
				lock.Lock()
				mix[got.Effect]++
				reasons[fmt.Sprint(got.Effect, " ", got.Reason)]++
				lock.Unlock()
			}
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	t.Logf("%d cases in %v: allow %d %%, explicit deny %d %%, implicit deny %d %%; %v", cases, time.Since(began).Round(time.Millisecond),
		100*mix[policy.Allow]/cases, 100*mix[policy.ExplicitDeny]/cases, 100*mix[policy.ImplicitDeny]/cases, reasons)
	for _, e := range []policy.Effect{policy.Allow, policy.ExplicitDeny, policy.ImplicitDeny} {
		if mix[e]*5 < cases {
			t.Errorf("only %d of %d cases end in %v: the generator tests too little", mix[e], cases, e)
		}
	}
}

// compareOne makes case n and tells how the evaluators differ on it.
func compareOne(seed, n uint64, got *policy.Verdict) string {
	s := newGenerator(seed, n).situation()
	want := refer(s)
	b, err := s.build()
	if err != nil {
		return err.Error()
	}
	policy.Evaluate(&b.request, &b.policies, got)
	if got.Effect != want.effect || !slices.Equal(sorted(matched(got)), sorted(want.matched)) {
		return fmt.Sprintf("\ngot  %v %v (%v)\nwant %v %v\n%s", got.Effect, matched(got), got.Reason, want.effect, want.matched, s)
	}
	if diff := differ(b, got); diff != "" {
		return diff + "\n" + s.String()
	}
	return ""
}

func fromEnv(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

// generator makes situations from a small world, so that what it makes mostly
// fits together, or misses by one step.
type generator struct{ *rand.Rand }

func newGenerator(seed, n uint64) generator { return generator{rand.New(rand.NewPCG(seed, n))} }

func (g generator) of(list ...string) string { return list[g.IntN(len(list))] }

func (g generator) chance(percent int) bool { return g.IntN(100) < percent }

const home, away = "111122223333", "999988887777"

var people = []policy.Principal{
	{Type: policy.User, ARN: "arn:aws:iam::111122223333:user/ana", Account: home, ID: "AIDAANA0000000000001", UniqueID: "AIDAANA0000000000001"},
	{Type: policy.User, ARN: "arn:aws:iam::111122223333:user/ana", Account: home, ID: "AIDAANA0000000000001", UniqueID: "AIDAANA0000000000001"},
	{Type: policy.User, ARN: "arn:aws:iam::999988887777:user/eva", Account: away, ID: "AIDAEVA0000000000001", UniqueID: "AIDAEVA0000000000001"},
	{Type: policy.User, ARN: "arn:aws:iam::111122223333:user/*", Account: home, ID: "AIDASTAR000000000001", UniqueID: "AIDASTAR000000000001"},
	{Type: policy.AssumedRole, ARN: "arn:aws:sts::111122223333:assumed-role/app/s1", RoleARN: "arn:aws:iam::111122223333:role/team/app", Account: home, ID: "AROAAPP0000000000001:s1", UniqueID: "AROAAPP0000000000001"},
	{Type: policy.AssumedRole, ARN: "arn:aws:sts::111122223333:assumed-role/app/s1", RoleARN: "arn:aws:iam::111122223333:role/team/app", Account: home, ID: "AROAAPP0000000000001:s1", UniqueID: "AROAAPP0000000000001"},
	{Type: policy.AssumedRole, ARN: "arn:aws:sts::999988887777:assumed-role/far/s2", RoleARN: "arn:aws:iam::999988887777:role/far", Account: away, ID: "AROAFAR0000000000001:s2", UniqueID: "AROAFAR0000000000001"},
	{Type: policy.AssumedRole, ARN: "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForX/s3", RoleARN: "arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX", Account: home, ID: "AROASLR0000000000001:s3", UniqueID: "AROASLR0000000000001"},
	{Type: policy.FederatedUser, ARN: "arn:aws:sts::111122223333:federated-user/bob", UserARN: "arn:aws:iam::111122223333:user/ana", Account: home, ID: "111122223333:bob", UniqueID: "AIDAANA0000000000001"},
	{Type: policy.FederatedUser, ARN: "arn:aws:sts::111122223333:federated-user/ops", UserARN: "arn:aws:iam::111122223333:root", Account: home, ID: "111122223333:ops"},
	{Type: policy.Account, ARN: "arn:aws:iam::111122223333:root", Account: home, ID: home},
	{Type: policy.Service, ARN: "ec2.amazonaws.com"},
	{Type: policy.Federated, ARN: "arn:aws:iam::111122223333:saml-provider/corp"},
	{Type: policy.Anonymous},
}

var (
	actions        = []string{"s3:GetObject", "s3:GetObject", "s3:PutObject", "iam:CreateUser", "sqs:SendMessage", "sts:AssumeRole"}
	actionPatterns = []string{"s3:GetObject", "S3:getobject", "s3:*", "s3:Get*", "s3:?etObject", "s3:*Object", "*", "iam:*User", "iam:*", "sqs:Send*", "sts:*", "sts:AssumeRole", "s3:PutObject", "s3:*t*O*", "ec2:*", "x:G?t*"}
	resources      = []string{
		"arn:aws:s3:::b/x", "arn:aws:s3:::b/a/x", "arn:aws:s3:::b/*", "arn:aws:s3:::b/ana/x", "arn:aws:s3:::b/dév/x", "arn:aws:s3:::B/x", "arn:aws:s3:::b-all/red",
		"arn:aws:iam::111122223333:user/ana", "arn:aws:sqs:eu-west-1:111122223333:jobs:a", "arn:aws:sqs:us-east-1:999988887777:jobs", "*",
	}
	resourcePatterns = []string{
		"*", "*", "*", "arn:aws:s3:::b/x", "arn:aws:s3:::b/*", "arn:aws:s3:::*", "arn:aws:s3:::b/*/x", "arn:aws:s3:::b*/?", "arn:aws:s3:::?/*x", "arn:aws:s3:::b/*/*", "ARN:aws:S3:::b/x",
		"arn:aws:s3:::b/${aws:username}/*", "arn:aws:s3:::b/${*}", "arn:aws:s3:::b/${?}", "arn:aws:s3:::b-${aws:PrincipalTag/team, 'all'}/*", "arn:aws:s3:::b/${aws:PrincipalTag/Team}/*",
		"arn:aws:s3:::b/${aws:TagKeys}", "arn:aws:s3:::b/d?v/*", "arn:aws:sqs:*:111122223333:jobs*", "arn:aws:sqs:*", "arn:aws:sqs:??-*-1:*:jobs:?", "arn:aws:sqs:eu-west-1:111122223333:*:a",
		"arn:aws*:sqs:*:*:jobs", "arn:aws:iam::*:user/*", "arn:aws:iam::111122223333:user/a*a", "arn:*:s3:::b/x", "arn:aws:s3:::b/*?x", "arn:aws:s3:::b/*a?x*",
	}
	keys = []string{"aws:username", "aws:PrincipalTag/team", "aws:SourceIp", "aws:CurrentTime", "aws:MultiFactorAuthAge", "aws:SecureTransport", "aws:TagKeys", "aws:SourceArn", "x:blob", "aws:userid"}
)

// values that a key may have, or be compared with.
func (g generator) value(name string) string {
	switch name {
	case "aws:SourceIp":
		return g.of("10.1.2.3", "10.200.0.1", "203.0.113.7", "2001:db8::1", "::ffff:10.1.2.3", "no", "10.1.2.3 ")
	case "aws:CurrentTime":
		return g.of("2024-01-01T00:00:00Z", "2024-01-01T00:00:01Z", "2024-01-01T01:00:00+01:00", "2024-01-01T00:00:00.5Z", "1704067200", "2024", "2024-06", "2023-12-31", "1999-02-28T23:59:59-05:00", "soon")
	case "aws:MultiFactorAuthAge":
		return g.of("10", "10.0", "9.5", "-3", "0", "-0.0", "100000000000000000000000000001", "x", "+10", "010")
	case "aws:SecureTransport":
		return g.of("true", "false", "True", "yes", "")
	case "aws:SourceArn":
		return g.of("arn:aws:sns:us-east-1:111122223333:t", "arn:aws:sns:us-east-1:111122223333:t:u", "arn:aws:iam::111122223333:user/ana", "arn:aws:x:us-east-2:999999999999:store/abc:111122223333:finance/d", "t", "arn:aws:sns:*:111122223333:t")
	case "x:blob":
		return g.of("YQ==", "YWI=", "YWJj", "YR==", "a", "")
	}
	return g.of("ana", "ANA", "a*a", "an?", "${aws:userid}", "red", "", "dév", "*", "a", "ab", "AIDAANA0000000000001")
}

func (g generator) wanted(name, op string) string {
	low := strings.ToLower(op)
	switch {
	case strings.Contains(low, "null") || strings.Contains(low, "bool"):
		return g.of("true", "false", "TRUE", "no")
	case strings.Contains(low, "ipaddress"):
		return g.of("10.0.0.0/8", "10.1.2.3", "10.1.2.9/24", "203.0.113.0/24", "2001:db8::/32", "0.0.0.0/0", "::/0", "::ffff:10.0.0.0/104", "no", "2001:db8::1")
	case strings.Contains(low, "date"):
		for {
			if v := g.value("aws:CurrentTime"); v != "soon" {
				return v
			}
		}
	case strings.Contains(low, "numeric"):
		return g.value("aws:MultiFactorAuthAge")
	case strings.Contains(low, "binary"):
		return g.value("x:blob")
	case strings.Contains(low, "arn"):
		return g.of("arn:aws:sns:*:111122223333:t", "arn:aws:sns:us-east-?:*:t*", "arn:aws:x:*:111122223333:finance/*", "arn:*:*:*:*:*", "arn:aws:iam::111122223333:user/${aws:username}", "${aws:SourceArn}", "arn:aws:${x:blob}:*:*:*", "*", "arn:aws:sns", "arn:aws:sns:${*}:111122223333:t", g.value("aws:SourceArn"))
	case strings.Contains(low, "like"):
		return g.of("a*", "*", "?n?", "a${*}a", "${aws:username}", "${aws:PrincipalTag/team}*", "*d?v*", "a?", "*a*a*", "an${?}", g.value(name))
	}
	return g.of("${aws:username}", "${aws:PrincipalTag/team, 'red'}", "${nobody}", "${AWS:USERID}", "${", "${$}{x}", "a*", g.value(name), g.value(name), g.value(name))
}

// keyFor picks a key that suits the operator, most of the time.
func (g generator) keyFor(op string) string {
	if g.chance(10) {
		return keys[g.IntN(len(keys))]
	}
	low := strings.ToLower(op)
	for word, key := range map[string]string{"ipaddress": "aws:SourceIp", "date": "aws:CurrentTime", "numeric": "aws:MultiFactorAuthAge", "bool": "aws:SecureTransport", "arn": "aws:SourceArn", "binary": "x:blob"} {
		if strings.Contains(low, word) {
			return key
		}
	}
	return g.of("aws:username", "aws:PrincipalTag/team", "aws:TagKeys", "aws:userid", "AWS:UserName")
}

var operators = []string{
	"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike", "stringequals",
	"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals",
	"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals",
	"Bool", "BinaryEquals", "IpAddress", "NotIpAddress", "ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike", "Null",
}

func (g generator) condition() object {
	out := object{}
	for range 1 + g.IntN(2) {
		op := g.of(operators...)
		if op != "Null" {
			op = g.of("", "", "ForAllValues:", "ForAnyValue:") + op + g.of("", "", "IfExists")
		}
		name := g.keyFor(op)
		var values []any
		for range 1 + g.IntN(2) {
			values = append(values, g.wanted(name, op))
		}
		if len(values) == 1 && g.chance(50) {
			out[op] = object{name: values[0]}
		} else {
			out[op] = object{name: values}
		}
	}
	return out
}

func (g generator) some(list []string, good string, percentGood int) any {
	if g.chance(percentGood) {
		return good
	}
	var out []any
	for range 1 + g.IntN(2) {
		out = append(out, g.of(list...))
	}
	if len(out) == 1 {
		return out[0]
	}
	return out
}

func (g generator) statement(s *situation, effect string, kind policy.Kind) object {
	st := object{"Effect": effect}
	good := 72
	if effect == "Deny" {
		good = 50
	}
	if kind == policy.Trust {
		st["Action"] = g.of("sts:AssumeRole", "sts:AssumeRole*", "sts:assumerole", "sts:TagSession")
	} else {
		st[g.negated("Action")] = g.some(actionPatterns, s.action, good)
		resource := s.resource
		st[g.negated("Resource")] = g.some(resourcePatterns, resource, good)
	}
	if g.chance(30) {
		st["Condition"] = g.condition()
	}
	if kind == policy.Trust || kind == policy.Resource {
		element := "Principal"
		if g.chance(12) && (kind == policy.Resource || effect == "Deny") {
			element = "NotPrincipal"
		}
		st[element] = g.principal(s, kind)
	}
	return st
}

func (g generator) negated(element string) string {
	if g.chance(8) {
		return "Not" + element
	}
	return element
}

func (g generator) principal(s *situation, kind policy.Kind) any {
	if g.chance(20) {
		return "*"
	}
	out := object{}
	for range 1 + g.IntN(3) {
		w := s.who
		if g.chance(40) {
			w = people[g.IntN(len(people))]
		}
		var value string
		typ := "AWS"
		switch w.Type {
		case policy.User:
			value = g.of(w.ARN, w.UniqueID)
		case policy.AssumedRole:
			value = g.of(w.ARN, w.RoleARN, w.UniqueID)
		case policy.FederatedUser:
			value = g.of(w.ARN, w.UserARN)
		case policy.Service:
			typ, value = "Service", w.ARN
		case policy.Federated:
			if kind != policy.Trust {
				continue
			}
			typ, value = "Federated", w.ARN
		default:
			value = g.of(home, "arn:aws:iam::111122223333:root", away, "*")
		}
		if strings.Contains(value, "user/*") {
			value = w.UniqueID
		}
		if w.Account != "" && g.chance(35) {
			typ, value = "AWS", g.of(w.Account, "arn:aws:iam::"+w.Account+":root")
		}
		old, _ := out[typ].([]any)
		out[typ] = append(old, value)
	}
	if len(out) == 0 {
		return object{"AWS": home}
	}
	return out
}

func (g generator) document(s *situation, kind policy.Kind, denyPercent int) string {
	var statements []any
	for range 1 + g.IntN(3) {
		effect := "Allow"
		if g.chance(denyPercent) {
			effect = "Deny"
		}
		statements = append(statements, g.statement(s, effect, kind))
	}
	doc := object{"Version": "2012-10-17", "Statement": statements}
	if len(statements) == 1 && g.chance(30) {
		doc["Statement"] = statements[0]
	}
	if kind == policy.Session || kind == policy.Resource || kind == policy.Trust {
		switch g.IntN(10) {
		case 0:
			doc["Version"] = "2008-10-17"
		case 1:
			delete(doc, "Version")
		}
	}
	return text(doc)
}

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func (g generator) level(s *situation, kind policy.Kind) []string {
	full := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	if kind == policy.ResourceControl {
		full = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`
	}
	var list []string
	if g.chance(93) {
		list = append(list, full)
	}
	if g.chance(25) {
		if kind == policy.ServiceControl {
			list = append(list, g.document(s, kind, 50))
		} else {
			st := g.statement(s, "Deny", kind)
			delete(st, "NotAction")
			st["Action"] = g.of("s3:*", "s3:GetObject", "sts:*", "sqs:*")
			st["Principal"] = "*"
			delete(st, "NotResource")
			st["Resource"] = g.of("*", "arn:aws:s3:::b/*", "arn:aws:s3:::*")
			list = append(list, text(object{"Version": "2012-10-17", "Statement": st}))
		}
	}
	return list
}

func (g generator) situation() *situation {
	s := &situation{
		who:      people[g.IntN(len(people))],
		action:   g.of(actions...),
		resource: g.of(resources...),
		owner:    g.of("", "", "", home, home, away),
		kind:     policy.Resource,
	}
	if g.chance(10) {
		s.action = strings.ToUpper(s.action)
	}
	used := map[string]bool{}
	for range g.IntN(7) {
		name := g.of(keys...)
		if used[name] {
			continue
		}
		used[name] = true
		k := key{name: name, multi: name == "aws:TagKeys"}
		n := 1
		if k.multi {
			n = g.IntN(4)
		}
		for range n {
			k.values = append(k.values, g.value(name))
		}
		if g.chance(20) {
			k.name = strings.ToUpper(name)
		}
		s.context = append(s.context, k)
	}
	deny := 17
	for range 1 + g.IntN(2) {
		if g.chance(85) {
			s.identity = append(s.identity, g.document(s, policy.Identity, deny))
		}
	}
	if g.chance(25) {
		s.boundary = []string{g.document(s, policy.Boundary, deny)}
	}
	if g.chance(25) || s.who.Type == policy.FederatedUser && g.chance(60) {
		s.hasSession = g.chance(90)
		for range g.IntN(3) {
			s.session = append(s.session, g.document(s, policy.Session, deny))
		}
	}
	needsResource := s.who.Type == policy.Anonymous || s.who.Type == policy.Service || s.who.Type == policy.Federated
	if needsResource && g.chance(90) || g.chance(45) {
		if s.action == "sts:AssumeRole" && g.chance(80) || s.who.Type == policy.Federated && g.chance(80) {
			s.action = "sts:AssumeRole"
			s.kind, s.trust = policy.Trust, g.chance(95)
		} else {
			s.trust = g.chance(15)
		}
		s.onResource = append(s.onResource, g.document(s, s.kind, deny))
		if g.chance(25) {
			s.ids = map[string]string{
				"arn:aws:iam::111122223333:user/ana":      g.of("AIDAANA0000000000001", "AIDAOLD0000000000001"),
				"arn:aws:iam::111122223333:role/team/app": g.of("AROAAPP0000000000001", "AROAOLD0000000000001"),
			}
		}
	}
	if g.chance(20) {
		for range 1 + g.IntN(3) {
			s.scps = append(s.scps, g.level(s, policy.ServiceControl))
		}
	}
	if g.chance(15) {
		for range 1 + g.IntN(2) {
			s.rcps = append(s.rcps, g.level(s, policy.ResourceControl))
		}
	}
	return s
}
