package policy

import (
	"errors"
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"
)

func parsed(t testing.TB, kind Kind, text string) *Policy {
	t.Helper()
	p, err := Parse(kind, text)
	if err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return p
}

func identity(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

func TestNewAccess(t *testing.T) {
	const all = `{"Effect":"Allow","Action":"*","Resource":"*"}`
	get := func(resource string) string {
		return `{"Effect":"Allow","Action":"s3:GetObject","Resource":"` + resource + `"}`
	}
	when := func(condition string) string {
		return `{"Effect":"Allow","Action":"s3:GetObject","Resource":"*","Condition":{` + condition + `}}`
	}
	for _, c := range []struct {
		what, existing, changed string
		want                    string // statements that allow more; "?": undecided
	}{
		{"the same", all, all, "[]"},
		{"everything", get("*"), all, "[0]"},
		{"less", all, get("*"), "[]"},
		{"another spelling", `{"Effect":"Allow","Action":"S3:GetObject","Resource":"*"}`, get("*"), "[]"},
		{"a wildcard over all names of a service", `{"Effect":"Allow","Action":["s3:*t*","s3:*"],"Resource":"*"}`, get("*"), "[]"},
		{"patterns that overlap", get("arn:aws:s3:::a*"), get("arn:aws:s3:::*a"), "[0]"},
		{"a pattern inside", get("arn:aws:s3:::a*"), get("arn:aws:s3:::ab*c?"), "[]"},
		{"two patterns that cover a third together", get("arn:aws:s3:::a*") + "," + `{"Effect":"Allow","NotAction":"iam:*","NotResource":"arn:aws:s3:::a*"}`, get("*"), "[]"},
		{"all but what the deny denies", all + `,{"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::b/*"}`, get("arn:aws:s3:::b/x") + "," + get("arn:aws:s3:::c"), "[0]"},
		{"a deny taken away", all + `,{"Effect":"Deny","Action":"s3:*","Resource":"*"}`, all, "[0]"},
		{"a deny moved into NotAction", all + `,{"Effect":"Deny","Action":"s3:*","Resource":"*"}`, `{"Effect":"Allow","NotAction":"s3:*","Resource":"*"}`, "[]"},
		{"a star does not cross a colon of the head", get("arn:aws:sqs:e*:1:b"), get("arn:aws:sqs:e:*:b"), "[0]"},
		{"narrower in numbers", when(`"NumericLessThan":{"s3:max-keys":"10"}`), when(`"NumericLessThanEquals":{"s3:max-keys":"9.99"}`), "[]"},
		{"wider in numbers by a hair", when(`"NumericLessThan":{"s3:max-keys":"10"}`), when(`"NumericLessThanEquals":{"s3:max-keys":"10.0"}`), "[0]"},
		{"two halves of the time", when(`"DateLessThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}`) + "," + when(`"DateGreaterThanEquals":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}`), when(`"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}`), "[]"},
		{"but for one moment", when(`"DateLessThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}`) + "," + when(`"DateGreaterThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}`), when(`"DateGreaterThan":{"aws:CurrentTime":"2020-01-01T00:00:00Z"}`), "[0]"},
		{"a smaller net", when(`"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}`), when(`"IpAddress":{"aws:SourceIp":["10.1.0.0/16","10.2.3.4"]}`), "[]"},
		{"two halves of a net", when(`"IpAddress":{"aws:SourceIp":["10.0.0.0/9","10.128.0.0/9"]}`), when(`"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}`), "[]"},
		{"a hole in a net", when(`"IpAddress":{"aws:SourceIp":["10.0.0.0/9","10.128.0.1/32","10.128.0.2/31","10.192.0.0/10"]}`), when(`"IpAddress":{"aws:SourceIp":"10.0.0.0/8"}`), "[0]"},
		{"a missing key passes a negation", when(`"StringEquals":{"aws:RequestedRegion":["a","b"]}`), when(`"StringNotEquals":{"aws:RequestedRegion":"c"}`), "[0]"},
		{"null or one of them", when(`"Null":{"a:b":"true"}`) + "," + when(`"StringLike":{"a:b":"*"}`), when(`"StringLikeIfExists":{"a:b":"?*"}`), "[]"},
		{"a set of values", when(`"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}`), when(`"ForAllValues:StringEquals":{"aws:TagKeys":["a","b","c"]}`), "[0]"},
		{"a smaller set", when(`"ForAllValues:StringEquals":{"aws:TagKeys":["a","b"]}`), when(`"ForAllValues:StringEquals":{"aws:TagKeys":"a"},"Null":{"aws:TagKeys":"false"}`), "[]"},
		{"case", when(`"StringEqualsIgnoreCase":{"a:b":"xY"}`), when(`"StringEquals":{"a:b":["XY","xy"]}`), "[]"},
		{"the same variable", get("arn:aws:s3:::b/${aws:username}/*"), get("arn:aws:s3:::b/${aws:username}/*"), "[]"},
		{"a variable inside a pattern", get("arn:aws:s3:::b/*"), get("arn:aws:s3:::b/${aws:username}/*"), "[]"},
		{"a variable outside of a pattern", get("arn:aws:s3:::b/*"), get("arn:aws:s3:::${aws:username}/*"), "?"},
		{"a pattern inside a variable", get("arn:aws:s3:::b/${aws:username}/*"), get("arn:aws:s3:::b/x/*"), "[0]"},
		{"a value with a variable", when(`"StringLike":{"s3:prefix":"home/*"}`), when(`"StringEquals":{"s3:prefix":"home/${aws:username}"}`), "[]"},
		{"a denial of a variable", all + `,{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::b/${aws:username}"}`, get("arn:aws:s3:::c"), "[]"},
		{"a denial that may meet", all + `,{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::b/${aws:username}"}`, get("arn:aws:s3:::b/*"), "?"},
		{"less than a variable", all, get("arn:aws:s3:::b/${aws:username}/*"), "[]"},
		{"a key compared in two ways", when(`"NumericEquals":{"a:b":"1"}`), when(`"StringEquals":{"a:b":"1"}`), "?"},
	} {
		found, err := NewAccess(parsed(t, Identity, identity(c.existing)), parsed(t, Identity, identity(c.changed)))
		got := []int{}
		for _, f := range found {
			got = append(got, f.Statement)
		}
		if says := fmt.Sprint(got); c.want == "?" && !errors.Is(err, ErrUndecided) || c.want != "?" && (err != nil || says != c.want) {
			t.Errorf("%s: got %v %v, want %s", c.what, found, err, c.want)
		}
	}
}

// guess makes policies and requests of a few letters, so that they meet.
type guess struct{ *rand.Rand }

func (g guess) pick(of ...string) string { return of[g.Intn(len(of))] }

func (g guess) action() string {
	return g.pick("s3:Get", "s3:Put", "s3:*", "s3:?et", "*", "sqs:Get", "s3:*t", "s3:G*e?", "sqs:*")
}

func (g guess) resource() string {
	return g.pick("*", "arn:aws:s3:::a", "arn:aws:s3:::a*", "arn:aws:s3:::*b", "arn:aws:s3:::a?", "arn:*:s3:::a/*", "arn:aws:sqs:*:*:*", "arn:aws:sqs:e:1:a", "arn:aws:s3:::${aws:username}", "arn:aws:s3:::a${aws:username}")
}

func (g guess) condition() string {
	op, key, value := "", "", ""
	switch g.Intn(8) {
	case 0, 1:
		op, key, value = g.pick("StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "StringEqualsIgnoreCase", "StringEqualsIfExists"), g.pick("k:s", "k:t"), g.pick("a", "b", "A", "a*", "?", "", "${aws:username}", "a${aws:username}")
	case 2:
		op, key, value = g.pick("ForAnyValue:", "ForAllValues:")+g.pick("StringEquals", "StringLike", "StringNotEquals"), "k:m", g.pick("a", "b", "a*")
	case 3:
		op, key, value = g.pick("NumericLessThan", "NumericEquals", "NumericGreaterThanEquals", "NumericNotEquals"), "k:n", g.pick("1", "2", "1.5", "-1")
	case 4:
		op, key, value = g.pick("IpAddress", "NotIpAddress"), "k:i", g.pick("10.0.0.0/8", "10.0.0.0/9", "10.1.2.3", "2001:db8::/32")
	case 5:
		op, key, value = g.pick("DateLessThan", "DateEquals", "DateGreaterThan"), "k:d", g.pick("2026-01-01T00:00:00Z", "2026-01-02")
	case 6:
		op, key, value = g.pick("Null", "Bool"), g.pick("k:s", "k:m", "k:b"), g.pick("true", "false")
	case 7:
		op, key, value = g.pick("ArnLike", "ArnNotEquals"), "k:a", g.pick("arn:aws:s3:::a*", "arn:aws:s3:::ab", "arn:*:*:*:*:*")
	}
	return `"` + op + `":{"` + key + `":"` + value + `"}`
}

func (g guess) principal() string {
	return g.pick(`"*"`, `{"AWS":"111111111111"}`, `{"AWS":["arn:aws:iam::111111111111:user/a","222222222222"]}`, `{"AWS":"arn:aws:iam::111111111111:role/r"}`,
		`{"AWS":"arn:aws:sts::111111111111:assumed-role/r/s"}`, `{"Service":"ec2.amazonaws.com"}`)
}

func (g guess) policy(granting bool) string {
	var list []string
	for range 1 + g.Intn(3) {
		s := `{"Effect":"` + g.pick("Allow", "Allow", "Deny") + `","` + g.pick("Action", "Action", "Action", "NotAction") + `":["` + g.action() + `","` + g.action() + `"],"` + g.pick("Resource", "Resource", "NotResource") + `":"` + g.resource() + `"`
		if granting {
			s += `,"` + g.pick("Principal", "Principal", "NotPrincipal") + `":` + g.principal()
		}
		if g.Intn(2) == 0 {
			s += `,"Condition":{` + g.condition() + `}`
		}
		list = append(list, s+"}")
	}
	return identity(list...)
}

func (g guess) request() *Request {
	c := &Context{}
	if g.Intn(3) > 0 {
		c.Set("aws:username", g.pick("a", "b"))
	}
	for _, key := range []string{"k:s", "k:t", "k:b"} {
		if g.Intn(2) == 0 {
			c.Set(key, g.pick("a", "b", "A", "ab", "", "true", "False", "zz"))
		}
	}
	if g.Intn(2) == 0 {
		c.Set("k:n", g.pick("0", "1", "1.25", "1.5", "2", "3", "-2", "x"))
	}
	if g.Intn(2) == 0 {
		c.Set("k:i", g.pick("10.0.0.1", "10.200.0.1", "10.1.2.3", "192.0.2.1", "2001:db8::1", "::1", "x"))
	}
	if g.Intn(2) == 0 {
		c.Set("k:d", g.pick("2025-01-01", "2026-01-01", "2026-01-01T12:00:00Z", "2026-01-02", "2027-01-01", "x"))
	}
	if g.Intn(2) == 0 {
		c.Set("k:a", g.pick("arn:aws:s3:::a", "arn:aws:s3:::ab", "arn:aws:s3:::b", "arn:x:y:z:w:v", "x"))
	}
	switch g.Intn(4) {
	case 0:
		c.Set("k:m", g.pick("a", "b"))
	case 1, 2:
		var list []string
		for g.Intn(3) > 0 {
			list = append(list, g.pick("a", "b", "ab", "c", ""))
		}
		c.SetMulti("k:m", list)
	}
	p := &Principal{Type: User, Account: "333333333333", ARN: "arn:aws:iam::333333333333:user/x", UniqueID: "AIDAX"}
	switch g.Intn(6) {
	case 0:
		*p = Principal{Type: User, Account: "111111111111", ARN: "arn:aws:iam::111111111111:user/" + g.pick("a", "b"), UniqueID: "AIDAA"}
	case 1:
		*p = Principal{Type: AssumedRole, Account: "111111111111", RoleARN: "arn:aws:iam::111111111111:role/" + g.pick("r", "q"), ARN: "arn:aws:sts::111111111111:assumed-role/r/" + g.pick("s", "t"), UniqueID: "AROAA"}
	case 2:
		*p = Principal{Type: Account, Account: "222222222222", ARN: "arn:aws:iam::222222222222:root"}
	case 3:
		*p = Principal{Type: Service, ARN: g.pick("ec2.amazonaws.com", "sqs.amazonaws.com")}
	}
	return &Request{Principal: p, Action: g.pick("s3:Get", "s3:Put", "s3:List", "sqs:Get", "sqs:Gex", "S3:GET"), Context: c, ResourceAccount: "999999999999",
		Resource: g.pick("*", "arn:aws:s3:::a", "arn:aws:s3:::ab", "arn:aws:s3:::b", "arn:aws:s3:::a/b", "arn:aws:sqs:e:1:a", "arn:aws:sqs:e:1:b", "arn:cn:s3:::a/x")}
}

// allowedBy says what the evaluator says, with nothing else in the way.
func allowedBy(p *Policy, r *Request) bool {
	on := &Policies{Identity: []Attached{{Policy: p}}}
	if p.kind == Resource {
		all, _ := Parse(Identity, identity(`{"Effect":"Allow","Action":"*","Resource":"*"}`))
		on = &Policies{Identity: []Attached{{Policy: all}}, Resource: []Attached{{Policy: p}}}
		if r.Principal.Type == FederatedUser { // who may nothing without
			session, _ := Parse(Session, identity(`{"Effect":"Allow","Action":"*","Resource":"*"}`))
			on.Session = []Attached{{Policy: session}}
		}
	} else {
		one := *r
		one.Principal = &Principal{Type: User, Account: "999999999999", ARN: "arn:aws:iam::999999999999:user/x"}
		r = &one
	}
	var v Verdict
	Evaluate(r, on, &v)
	return v.Allowed()
}

// Whatever the answer is, no request contradicts it.
func TestAccessIsExact(t *testing.T) {
	const pairs, requests = 1000, 200
	passed, failed, undecided, most := 0, 0, 0, time.Duration(0)
	for seed := range int64(pairs) {
		g := guess{rand.New(rand.NewSource(seed))}
		kind := Identity
		if seed%3 == 0 {
			kind = Resource
		}
		oldText, newText := g.policy(kind == Resource), g.policy(kind == Resource)
		if g.Intn(3) == 0 { // the same and something more
			newText = strings.Replace(oldText, "s3:Get", "s3:*", 1)
		}
		existing, changed := parsed(t, kind, oldText), parsed(t, kind, newText)
		from := time.Now()
		found, err := NewAccess(existing, changed)
		most = max(most, time.Since(from))
		switch {
		case err != nil:
			if undecided++; !errors.Is(err, ErrUndecided) {
				t.Fatalf("seed %d: %v", seed, err)
			}
			continue
		case len(found) > 0:
			failed++
			for _, f := range found {
				r := &Request{Principal: f.Principal, Action: f.Action, Resource: f.Resource, Context: f.Context, ResourceAccount: "999999999999"}
				if !allowedBy(changed, r) || allowedBy(existing, r) {
					t.Fatalf("seed %d: %+v shows no new access of\n%s\nover\n%s", seed, f, newText, oldText)
				}
			}
			continue
		}
		passed++
		for range requests {
			if r := g.request(); allowedBy(changed, r) && !allowedBy(existing, r) {
				t.Fatalf("seed %d: no new access, and yet %+v %+v of\n%s\nover\n%s", seed, r, r.Context, newText, oldText)
			}
		}
		granted, err := Granted(changed, []string{"s3:Get"}, []string{"arn:aws:s3:::a*"})
		if err != nil {
			continue
		}
		for range requests {
			r := g.request()
			if strings.EqualFold(r.Action, "s3:Get") && strings.HasPrefix(r.Resource, "arn:aws:s3:::a") && allowedBy(changed, r) && len(granted) == 0 {
				t.Fatalf("seed %d: not granted, and yet %+v of\n%s", seed, r, newText)
			}
		}
	}
	t.Logf("%d passed, %d failed, %d undecided; the longest took %v", passed, failed, undecided, most)
	if passed < 200 || failed < 200 || undecided > pairs/3 {
		t.Error("this tests nothing")
	}
}

// Policies made to take long are refused in time.
func TestAccessIsBounded(t *testing.T) {
	var list []string
	for i := range 40 {
		list = append(list, fmt.Sprintf(`"arn:aws:s3:::*%c%d*%c*"`, 'a'+i%26, i, 'z'-i%26))
	}
	p := parsed(t, Identity, identity(`{"Effect":"Allow","Action":"*","Resource":[`+strings.Join(list, ",")+`]}`))
	q := parsed(t, Identity, identity(`{"Effect":"Allow","Action":"*","Resource":[`+strings.Join(list[1:], ",")+`]}`))
	if found, err := NewAccess(q, p); !errors.Is(err, ErrTooComplex) && len(found) == 0 {
		t.Errorf("got %v, %v", found, err)
	}
}

// So are those with many keys, and long lists.
func TestLongPoliciesAreBounded(t *testing.T) {
	var conditions, actions []string
	for i := range 60 {
		conditions = append(conditions, fmt.Sprintf(`"k:%d":["a*","*b","c?%d"]`, i, i))
	}
	for i := range 900 {
		actions = append(actions, fmt.Sprintf(`"s%d:*a%d*"`, i%7, i))
	}
	var statements []string
	for i := range 50 {
		statements = append(statements, fmt.Sprintf(`{"Effect":"Allow","Action":"s3:Get%d*","Resource":"arn:aws:s3:::b%d*","Condition":{"StringLike":{%s}}}`, i%9, i%5, strings.Join(conditions[i%20:], ",")))
	}
	p, q := parsed(t, Identity, identity(statements...)), parsed(t, Identity, identity(statements[:49]...))
	if found, err := NewAccess(q, p); err == nil && len(found) == 0 {
		t.Error("nothing is new in one statement more")
	} else if err != nil && !errors.Is(err, ErrTooComplex) {
		t.Error(err)
	}
	long := identity(`{"Effect":"Deny","Action":[` + strings.Join(actions, ",") + `],"Resource":"*"}`)
	if found := codes(Validate(Identity, long, "", "")); !strings.Contains(found, "POLICY_SIZE") {
		t.Error(found)
	}
}
