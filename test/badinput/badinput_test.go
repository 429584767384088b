// Package badinput sends a real server what nobody should send: malformed,
// oversized, ambiguous, slow. The promise is promises.md, I-03 to I-07 and I-10
// to I-12, with the limits of security.md, section 7: an exact refusal, nothing
// of it done, a server that is as well as before, and a record of each refusal
// whose sender is known.
package badinput

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/test/harness"
)

// lab is a server with what was refused on it so far.
type lab struct {
	*testing.T
	s       *harness.Server
	refused map[string]string // request id → what
}

func start(t *testing.T) *lab {
	t.Parallel()
	return &lab{t, harness.Start(t, harness.Options{NoAudit: true}), map[string]string{}}
}

// form sends a form of IAM as root, signed.
func (l *lab) form(action string, in url.Values) *harness.Answer {
	l.Helper()
	return l.send(harness.Sign(l.s.Request("iam", action, in), l.s.Root, "iam"))
}

// body sends text as the form of IAM as root, signed.
func (l *lab) body(text string) *harness.Answer {
	l.Helper()
	h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	return l.send(harness.Sign(l.s.Raw("POST", "/", h, []byte(text)), l.s.Root, "iam"))
}

func (l *lab) send(r *http.Request) *harness.Answer {
	l.Helper()
	a, err := harness.Do(r)
	if err != nil {
		l.Fatalf("no answer: %v", err)
	}
	return a
}

// want holds an answer against status, code and a part of the message, and
// remembers that its request must be in the log.
func (l *lab) want(what string, a *harness.Answer, status int, code, message string) {
	l.Helper()
	if a.Status != status || a.Code != code || !strings.Contains(a.Message, message) {
		l.Errorf("%s: got %s; want %d %s …%s…", what, a, status, code, message)
	}
	l.refused[a.RequestID] = what
}

// finish checks that all is well: the server serves, nothing came to exist, and
// every refusal of a signed request is recorded as one.
func (l *lab) finish(recorded bool) {
	l.Helper()
	if err := l.s.Healthy(); err != nil {
		l.Error(err)
	}
	ctx := context.Background()
	c := l.s.IAM(l.s.Root)
	sum, err := c.GetAccountSummary(ctx, &iam.GetAccountSummaryInput{})
	if err != nil {
		l.Fatal(err)
	}
	for _, kind := range []string{"Users", "Groups", "Roles", "Policies"} {
		if n := sum.SummaryMap[kind]; n != 0 {
			l.Errorf("after nothing but refusals there are %d %s", n, kind)
		}
	}
	if recorded {
		by, err := l.s.ByRequest()
		if err != nil {
			l.Fatal(err)
		}
		for id, what := range l.refused {
			if r, ok := by[id]; !ok {
				l.Errorf("%s: signed and refused, and not in the log", what)
			} else if r.ErrorCode == "" || r.UserIdentity.ARN == "" {
				l.Errorf("%s: recorded with error %q of %q", what, r.ErrorCode, r.UserIdentity.ARN)
			}
		}
	}
	if err := l.s.Verify(); err != nil {
		l.Error(err)
	}
}

const statement = `{"Effect":"Allow","Action":"iam:*","Resource":"*"}`

// I-03, I-04: what is not exactly a policy is not a policy.
func TestPolicies(t *testing.T) {
	l := start(t)
	nested := strings.Repeat(`{"a":`, 33) + "1" + strings.Repeat("}", 33)
	policy := func(inside string) string { return `{"Version":"2012-10-17","Statement":[` + inside + `]}` }
	many := func(n int, each string) string { return strings.TrimSuffix(strings.Repeat(each+",", n), ",") }
	for what, document := range map[string]string{
		"nothing":                  ` `,
		"not JSON":                 `Allow everything`,
		"an array":                 `[` + statement + `]`,
		"a string":                 `"*"`,
		"no statement":             `{"Version":"2012-10-17"}`,
		"no version that exists":   `{"Version":"2013-10-17","Statement":[` + statement + `]}`,
		"a member twice":           policy(`{"Effect":"Deny","Effect":"Allow","Action":"*","Resource":"*"}`),
		"twice by escape":          policy(`{"Effect":"Deny","Eff\u0065ct":"Allow","Action":"*","Resource":"*"}`),
		"statement twice":          `{"Version":"2012-10-17","Statement":[],"Statement":[` + statement + `]}`,
		"version twice":            `{"Version":"2008-10-17","Version":"2012-10-17","Statement":[` + statement + `]}`,
		"another case":             policy(`{"effect":"Allow","Action":"*","Resource":"*"}`),
		"another case beside":      policy(`{"Effect":"Deny","effect":"Allow","Action":"*","Resource":"*"}`),
		"another case of a value":  policy(`{"Effect":"allow","Action":"*","Resource":"*"}`),
		"an unknown member":        policy(`{"Effect":"Allow","Action":"*","Resource":"*","Priority":1}`),
		"an unknown operator":      policy(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringResembles":{"aws:username":"a"}}}`),
		"a principal":              policy(`{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}`),
		"no effect":                policy(`{"Action":"*","Resource":"*"}`),
		"no action":                policy(`{"Effect":"Allow","Resource":"*"}`),
		"no resource":              policy(`{"Effect":"Allow","Action":"*"}`),
		"action and not action":    policy(`{"Effect":"Allow","Action":"*","NotAction":"iam:*","Resource":"*"}`),
		"an action without vendor": policy(`{"Effect":"Allow","Action":"ListUsers","Resource":"*"}`),
		"a resource that is none":  policy(`{"Effect":"Allow","Action":"*","Resource":"users"}`),
		"null":                     policy(`{"Effect":"Allow","Action":null,"Resource":"*"}`),
		"a number":                 policy(`{"Effect":"Allow","Action":1,"Resource":"*"}`),
		"an object for an action":  policy(`{"Effect":"Allow","Action":{"a":"b"},"Resource":"*"}`),
		"a list in a list":         policy(`{"Effect":"Allow","Action":[["iam:*"]],"Resource":"*"}`),
		"NaN":                      policy(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NumericEquals":{"a":NaN}}}`),
		"1e400":                    policy(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"NumericEquals":{"aws:EpochTime":1e400}}}`),
		"a lone surrogate":         policy(`{"Sid":"\ud800","Effect":"Allow","Action":"*","Resource":"*"}`),
		"surrogates reversed":      policy(`{"Effect":"Allow","Action":"*","Resource":"arn:aws:iam::*:user/\udc00\ud800"}`),
		"an escaped NUL":           policy(`{"Sid":"a\u0000","Effect":"Allow","Action":"*","Resource":"*"}`),
		"a raw tab in a string":    policy("{\"Sid\":\"a\tb\",\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}"),
		"more behind it":           policy(statement) + `{}`,
		"a comma behind it":        policy(statement) + `,`,
		"a comma too many":         policy(statement + `,`),
		"a comment":                `/* */` + policy(statement),
		"cut short":                `{"Version":"2012-10-17","Statement":[` + statement,
		"single quotes":            strings.ReplaceAll(policy(statement), `"`, `'`),
		"33 deep":                  nested,
		"33 deep in a condition":   policy(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":` + nested + `}`),
		"a thousand open brackets": strings.Repeat("[", 1000),
		"80,000 open brackets":     strings.Repeat("[", 80_000),
		"101 statements":           policy(many(101, statement)),
		"1,001 actions":            policy(`{"Effect":"Allow","Action":[` + many(1001, `"a:b"`) + `],"Resource":"*"}`),
		"10,000 actions":           policy(`{"Effect":"Allow","Action":[` + many(10_000, `"a:b"`) + `],"Resource":"*"}`),
		"10,000 members":           policy(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{` + many(10_000, `"a":"b"`) + `}}}`),
		"65 conditions":            policy(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEquals":{` + conditions(65) + `}}}`),
		"a Sid twice":              policy(`{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"},{"Sid":"a","Effect":"Allow","Action":"*","Resource":"*"}`),
	} {
		a := l.form("CreatePolicy", url.Values{"PolicyName": {"p"}, "PolicyDocument": {document}})
		l.want(what, a, 400, "MalformedPolicyDocument", "")
	}
	create := func(document string) *harness.Answer {
		return l.form("CreatePolicy", url.Values{"PolicyName": {"p"}, "PolicyDocument": {document}})
	}
	l.want("a byte order mark", create("\ufeff"+policy(statement)), 400, "ValidationError", "policyDocument")
	l.want("a NUL", create(policy(statement)+"\x00"), 400, "ValidationError", "policyDocument")
	l.want("not UTF-8", create(policy("{\"Sid\":\"\xff\",\"Effect\":\"Allow\",\"Action\":\"*\",\"Resource\":\"*\"}")), 400, "MalformedInput", "UTF-8")
	l.want("131,073 characters", create(strings.Repeat(" ", 131_073)), 400, "ValidationError", "131072")
	l.want("6,145 characters", create(policy(`{"Effect":"Allow","Action":"*","Resource":["`+strings.Join(resources(6_300), `","`)+`"]}`)), 409, "LimitExceeded", "PolicySize: 6144")
	l.want("a trust policy as a policy", create(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}]}`), 400, "MalformedPolicyDocument", "")
	role := l.form("CreateRole", url.Values{"RoleName": {"r"}, "AssumeRolePolicyDocument": {policy(statement)}})
	l.want("a policy as a trust policy", role, 400, "MalformedPolicyDocument", "")
	l.finish(true)
}

func conditions(n int) string {
	var all []string
	for i := range n {
		all = append(all, fmt.Sprintf(`"aws:RequestTag/k%d":"v"`, i))
	}
	return strings.Join(all, ",")
}

func resources(bytes int) (all []string) {
	for n := 0; n < bytes; {
		r := fmt.Sprintf("arn:aws:iam::111122223333:user/%04d%s", n, strings.Repeat("x", 50))
		all, n = append(all, r), n+len(r)+3
	}
	return all
}

// I-05: a form is read in one way or not at all.
func TestForms(t *testing.T) {
	l := start(t)
	const create = "Action=CreateUser&Version=2010-05-08&UserName=u"
	tag := func(i string) string { return "&Tags.member." + i + ".Key=k&Tags.member." + i + ".Value=v" }
	for _, c := range []struct {
		what, body    string
		status        int
		code, message string
	}{
		{"a list from 0", create + tag("0"), 400, "MalformedInput", "must be between 1 and 1000"},
		{"an index of 2^32-1", create + tag("4294967295"), 400, "MalformedInput", "must be between 1 and 1000"},
		{"an index of 2^64+1", create + tag("18446744073709551617"), 400, "MalformedInput", "must be between 1 and 1000"},
		{"index 1001", create + tag("1001"), 400, "MalformedInput", "must be between 1 and 1000"},
		{"a negative index", create + tag("-1"), 400, "MalformedInput", "must be between 1 and 1000"},
		{"a leading zero", create + tag("01"), 400, "MalformedInput", "must be between 1 and 1000"},
		{"a plus", create + tag("%2B1"), 400, "MalformedInput", "must be between 1 and 1000"},
		{"a fraction", create + tag("1.5"), 400, "", ""},
		{"no index", create + tag(""), 400, "MalformedInput", "must be between 1 and 1000"},
		{"a gap", create + tag("1") + tag("3"), 400, "MalformedInput", "numbered from 1 without gaps"},
		{"beginning at 2", create + tag("2"), 400, "MalformedInput", "numbered from 1 without gaps"},
		{"a scalar as a list", create + "&Path.member.1=/", 400, "MalformedInput", ""},
		{"a list as a scalar", create + "&Tags=x", 400, "MalformedInput", ""},
		{"another list word", create + "&Tags.entry.1.Key=k", 400, "ValidationError", "is not recognized"},
		{"an unknown parameter", create + "&Shoe=43", 400, "ValidationError", "The parameter Shoe is not recognized"},
		{"another case", create + "&path=/", 400, "ValidationError", "The parameter path is not recognized"},
		{"a bad escape in a value", create + "&Path=%2", 400, "MalformedInput", "percent-encoding"},
		{"not UTF-8", create + "&Path=%ff", 400, "MalformedInput", "UTF-8"},
		{"a NUL", create + "&Path=/%00/", 400, "ValidationError", "'path'"},
	} {
		a := l.body(c.body)
		if c.code == "" {
			c.code = a.Code
		}
		l.want(c.what, a, c.status, c.code, c.message)
	}
	// What does not even say which action it is of.
	for _, c := range []struct {
		what, body    string
		status        int
		code, message string
	}{
		{"a scalar twice", create + "&UserName=v", 400, "ValidationError", "The parameter UserName is given more than once."},
		{"the action twice", create + "&Action=DeleteUser", 400, "ValidationError", "The parameter Action is given more than once."},
		{"twice by escape", create + "&User%4eame=v", 400, "ValidationError", "The parameter UserName is given more than once."},
		{"2,001 parameters", create + many(1999, "&p%d=1"), 400, "ValidationError", "more than 2000 parameters"},
		{"20,000 parameters", create + many(20_000, "&p%d=1"), 400, "ValidationError", "more than 2000 parameters"},
		{"a bad escape in a name", create + "&%zz=1", 400, "MalformedInput", "percent-encoding"},
		{"no action", "Version=2010-05-08&UserName=u", 400, "MissingAction", "must contain the parameter Action"},
		{"no such action", "Action=MakeUser&Version=2010-05-08", 400, "InvalidAction", "Could not find operation MakeUser for version 2010-05-08"},
		{"another case of the action", "Action=createuser&Version=2010-05-08", 400, "InvalidAction", "createuser"},
		{"no version", "Action=CreateUser&UserName=u", 400, "InvalidAction", "NO_VERSION_SPECIFIED"},
		{"no such version", "Action=CreateUser&Version=2010-05-09", 400, "InvalidAction", "2010-05-09"},
		{"an action of 100 KB", "Action=" + strings.Repeat("A", 100_000) + "&Version=2010-05-08", 400, "InvalidAction", "AAAA..."},
		{"markup for an action", "Action=%3Cscript%3E%26%0a%1b[31m&Version=2010-05-08", 400, "InvalidAction", "<script>&"},
	} {
		l.want(c.what, l.body(c.body), c.status, c.code, c.message)
	}
	h := func() http.Header { return http.Header{"Content-Type": {"application/x-www-form-urlencoded"}} }
	root := l.s.Root
	both := harness.Sign(l.s.Raw("POST", "/?Action=DeleteUser&Version=2010-05-08", h(), []byte(create)), root, "iam")
	l.want("parameters in both places", l.send(both), 400, "MalformedInput", "not in both")
	text := h()
	text.Set("Content-Type", "text/plain")
	l.want("as text", l.send(harness.Sign(l.s.Raw("POST", "/", text, []byte(create)), root, "iam")), 400, "MalformedInput", "Content-Type")
	utf16 := h()
	utf16.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-16")
	l.want("in UTF-16", l.send(harness.Sign(l.s.Raw("POST", "/", utf16, []byte(create)), root, "iam")), 400, "MalformedInput", "Content-Type")
	l.want("at another path", l.send(harness.Sign(l.s.Raw("POST", "/iam", h(), []byte(create)), root, "iam")), 400, "MalformedInput", "path /")
	l.want("by PUT", l.send(harness.Sign(l.s.Raw("PUT", "/", h(), []byte(create)), root, "iam")), 405, "MethodNotAllowed", "")
	l.want("by DELETE", l.send(harness.Sign(l.s.Raw("DELETE", "/", h(), []byte(create)), root, "iam")), 405, "MethodNotAllowed", "")
	big := l.send(harness.Sign(l.s.Raw("POST", "/", h(), []byte(create+"&Path="+strings.Repeat("a", 256<<10))), root, "iam"))
	l.want("more than 256 KiB", big, 413, "RequestEntityTooLarge", "")
	if !big.Closed {
		t.Error("after a body that is too long the connection stays open")
	}
	delete(l.refused, big.RequestID) // its body was not read, so its signature is unknown
	gzip := h()
	gzip.Set("Content-Encoding", "gzip")
	l.want("compressed", l.send(harness.Sign(l.s.Raw("POST", "/", gzip, []byte(create)), root, "iam")), 400, "MalformedInput", "Content-Encoding is not supported.")
	l.finish(true)
}

func many(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// I-04, JSON: CloudTrail's bodies and our own.
func TestJSON(t *testing.T) {
	l := start(t)
	post := func(service, action, body string) *harness.Answer {
		h := http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {harness.Targets[service] + action}}
		return l.send(harness.Sign(l.s.Raw("POST", "/", h, []byte(body)), l.s.Root, service))
	}
	for what, body := range map[string]string{
		"not JSON": `hello`, "an array": `[]`, "a member twice": `{"MaxResults":1,"MaxResults":2}`, "cut": `{"MaxResults":`, "more behind it": `{}{}`,
		"NaN": `{"MaxResults":NaN}`, "a string for a number": `{"MaxResults":"1"}`, "a fraction": `{"MaxResults":1.5}`, "2^63": `{"MaxResults":9223372036854775808}`,
		"1e400": `{"MaxResults":1e400}`, "deep": strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000), "brackets": strings.Repeat("[", 60_000),
		"an unknown member": `{"Shoe":43}`, "another case": `{"maxresults":1}`, "a lone surrogate": `{"NextToken":"\ud800"}`, "not UTF-8": "{\"NextToken\":\"\xff\"}",
	} {
		a := post("cloudtrail", "LookupEvents", body)
		if a.Status != 400 || a.Code != "SerializationException" && a.Code != "ValidationException" {
			l.Errorf("LookupEvents with %s: %s", what, a)
		}
		l.refused[a.RequestID] = "LookupEvents with " + what
		a = post("keytrail", "QueryTrail", body)
		if what == "a member twice" || what == "another case" || what == "a string for a number" || what == "a fraction" || what == "2^63" || what == "1e400" || what == "NaN" || what == "a lone surrogate" || what == "not UTF-8" {
			continue // members of another service's action
		}
		if a.Status != 400 {
			l.Errorf("QueryTrail with %s: %s", what, a)
		}
		l.refused[a.RequestID] = "QueryTrail with " + what
	}
	l.want("no such operation", post("cloudtrail", "Nothing", `{}`), 400, "UnknownOperationException", "")
	for service, action := range map[string]string{"cloudtrail": "LookupEvents", "keytrail": "QueryTrail"} {
		a := post(service, action, `{"NextToken":"`+strings.Repeat("a", 257<<10)+`"}`)
		l.want("more than 256 KiB", a, 413, "RequestEntityTooLarge", "")
		delete(l.refused, a.RequestID) // its body was not read, so its signature is unknown
	}
	l.want("no such operation of ours", post("keytrail", "Nothing", `{}`), 400, "UnknownOperationException", "")
	l.finish(true)
}

// I-10: names are AWS's, and twins are one.
func TestNames(t *testing.T) {
	l := start(t)
	for what, name := range map[string]string{
		"empty": "", "a path": "../../etc/passwd", "a slash": "a/b", "a NUL": "a\x00", "an escaped NUL": "a%00", "a space": "a b", "a newline": "a\nb",
		"65 characters": strings.Repeat("a", 65), "a million": strings.Repeat("a", 200_000), "a homoglyph": "аdmin", "right to left": "a\u202enimda", "fullwidth": "ａｄｍｉｎ",
		"a star": "*", "a variable": "${aws:username}", "a quote": "a'b", "a semicolon": "a;b", "markup": "<b>", "a colon": "a:b", "an emoji": "😀", "a zero-width space": "a\u200bb",
	} {
		l.want(what, l.form("CreateUser", url.Values{"UserName": {name}}), 400, "ValidationError", "'userName'")
		if name != strings.Repeat("a", 65) { // groups may have 128
			l.want(what, l.form("CreateGroup", url.Values{"GroupName": {name}}), 400, "ValidationError", "'groupName'")
		}
	}
	for what, path := range map[string]string{"no slash": "a", "none behind": "/a", "none before": "a/", "a space": "/a b\n/", "513 characters": "/" + strings.Repeat("a", 511) + "/", "a NUL": "/\x00/", "unicode": "/ä/"} {
		l.want("path: "+what, l.form("CreateUser", url.Values{"UserName": {"u"}, "Path": {path}}), 400, "ValidationError", "'path'")
	}
	for what, arn := range map[string]string{"too short": "arn:aws:iam::1", "nothing": ""} {
		l.want("arn: "+what, l.form("GetPolicy", url.Values{"PolicyArn": {arn}}), 400, "ValidationError", "'policyArn'")
	}
	l.finish(true)

	// Twins by case are one name.
	ctx := context.Background()
	if _, err := l.s.User(ctx, "Ana"); err != nil {
		t.Fatal(err)
	}
	for _, twin := range []string{"ana", "ANA", "aNa"} {
		l.want(twin, l.form("CreateUser", url.Values{"UserName": {twin}}), 409, "EntityAlreadyExists", "User with name Ana already exists.")
	}
	for i, right := range []string{strings.Repeat("a", 64), "+=,.@-_", "0"} {
		if a := l.form("CreateUser", url.Values{"UserName": {right}}); a.Status != 200 {
			t.Errorf("name %d, which is right: %s", i, a)
		}
	}
}

// I-11, I-12: times and numbers at their edges.
func TestTimesAndNumbers(t *testing.T) {
	l := start(t)
	for value, message := range map[string]string{
		"0": "greater than or equal to 1", "-1": "greater than or equal to 1", "1001": "less than or equal to 1000", "9223372036854775807": "less than or equal to",
		"9223372036854775808": "less than or equal to", "-9223372036854775809": "greater than or equal to", "1e3": "", "1.0": "", "0x10": "", " 1": "", "+1": "", "": "", "١": "", "NaN": "",
	} {
		l.want("MaxItems "+value, l.form("ListUsers", url.Values{"MaxItems": {value}}), 400, "ValidationError", message)
	}
	role := url.Values{"RoleArn": {"arn:aws:iam::111122223333:role/r"}, "RoleSessionName": {"ss"}}
	for value, message := range map[string]string{
		"899": "greater than or equal to 900", "43201": "less than or equal to 43200", "-1": "greater than or equal to 900", "1e3": "", "3600.5": "", "99999999999999999999": "less than or equal to 43200",
	} {
		role.Set("DurationSeconds", value)
		a := l.send(harness.Sign(l.s.Request("sts", "AssumeRole", role), l.s.Root, "sts"))
		l.want("DurationSeconds "+value, a, 400, "ValidationError", message)
	}
	for _, value := range []string{"3599", "43201", "-1", "x"} {
		a := l.form("CreateRole", url.Values{"RoleName": {"r"}, "AssumeRolePolicyDocument": {`{}`}, "MaxSessionDuration": {value}})
		l.want("MaxSessionDuration "+value, a, 400, "ValidationError", "'maxSessionDuration'")
	}
	session := url.Values{}
	for _, value := range []string{"899", "129601"} {
		session.Set("DurationSeconds", value)
		a := l.send(harness.Sign(l.s.Request("sts", "GetSessionToken", session), l.s.Root, "sts"))
		l.want("GetSessionToken "+value, a, 400, "ValidationError", "'durationSeconds'")
	}
	post := func(body string) *harness.Answer {
		h := http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {harness.Targets["cloudtrail"] + "LookupEvents"}}
		return l.send(harness.Sign(l.s.Raw("POST", "/", h, []byte(body)), l.s.Root, "cloudtrail"))
	}
	for _, body := range []string{`{"StartTime":"yesterday"}`, `{"StartTime":"2026-01-01T00:00:00Z"}`, `{"StartTime":1e400}`, `{"StartTime":true}`, `{"StartTime":[]}`} {
		a := post(body)
		if a.Status != 400 || a.Code != "SerializationException" {
			l.Errorf("%s: %s", body, a)
		}
		l.refused[a.RequestID] = body
	}
	l.want("inverted", post(`{"StartTime":1790000000,"EndTime":1780000000}`), 400, "InvalidTimeRangeException", "start time must come before the end time")
	for _, body := range []string{`{"StartTime":-62135596800}`, `{"EndTime":253402300800}`, `{"StartTime":1.5}`, `{"StartTime":9.9e17}`, `{"EndTime":-1e300}`, `{"StartTime":1e18,"EndTime":1e19}`} {
		if a := post(body); a.Status >= 500 {
			l.Errorf("%s: %s", body, a)
		}
	}
	for _, body := range []string{`{"MaxResults":0}`, `{"MaxResults":51}`, `{"MaxResults":-1}`} {
		a := post(body)
		if a.Status != 400 || a.Code != "InvalidMaxResultsException" && a.Code != "ValidationException" {
			l.Errorf("%s: %s", body, a)
		}
		l.refused[a.RequestID] = body
	}
	delete(l.refused, "")
	l.finish(true)
}
