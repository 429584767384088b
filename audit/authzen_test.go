package audit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/journal/journaltest"
)

// inquirer may ask about every user of the account, and do nothing else.
const inquirer = `{"Version":"2012-10-17","Statement":[{"Sid":"Ask","Effect":"Allow","Action":["keytrail:Evaluate","keytrail:Search*"],"Resource":["arn:aws:iam::` + home + `:user/*","arn:aws:iam::` + home + `:role/*","arn:aws:sts::` + home + `:assumed-role/*"]}]}`

// asked reads a body as /access/v1/evaluations does and asks as k.
func asked(t testing.TB, g *audit.Gate, k key, body string) audit.Answer {
	t.Helper()
	return g.Serve(context.Background(), asking(k, body))
}

func asking(k key, body string) *audit.Request {
	r := request(k, "keytrail", "Evaluate", nil)
	r.Input = func() (any, error) { return audit.ReadQuestion("/access/v1/evaluations", []byte(body)) }
	return r
}

func decisions(t testing.TB, a audit.Answer) []audit.Decision {
	t.Helper()
	if a.Err != nil {
		t.Fatal(a.Err)
	}
	return a.Output.(*audit.EvaluateOutput).Decisions
}

// One question: answered with its reasons, and on DECISIONS as it was answered.
func TestEvaluate(t *testing.T) {
	log := &journaltest.Memory{}
	g := newLab(t, log).gate("node1", log)
	pep := person(t, g, "pep", inquirer)
	person(t, g, "ana", `{"Version":"2012-10-17","Statement":[{"Sid":"Reads","Effect":"Allow","Action":"record:read","Resource":"*","Condition":{"StringEquals":{"resource:status":"active","context:zone":["a","b"]},"Bool":{"action:soft":"true"}}}]}`)
	body := `{"subject":{"type":"user","id":"ana"},"action":{"name":"read","properties":{"soft":true}},"resource":{"type":"record","id":"7","properties":{"status":"active"}},"context":{"zone":"b"}}`
	a := asked(t, g, pep, body)
	d := decisions(t, a)[0]
	if !d.Allowed() || len(d.Check.Statements) != 1 || d.Check.Statements[0].Sid != "Reads" || d.Check.Statements[0].Policy != "arn:aws:iam::"+home+":user/ana#p" {
		t.Fatalf("answered %+v", d)
	}
	var told struct {
		Decision bool
		Context  struct {
			ID        string
			Principal string
			Resource  string
			Effect    string
		}
	}
	text, err := json.Marshal(a.Output)
	if err == nil {
		err = json.Unmarshal(text, &told)
	}
	if err != nil || !told.Decision || told.Context.Principal != "arn:aws:iam::"+home+":user/ana" || told.Context.Resource != "arn:aws:record:us-east-1:"+home+":7" || told.Context.Effect != "Allow" {
		t.Errorf("the answer is %s (%v)", text, err)
	}
	for what, no := range map[string]string{`"soft":true`: `"soft":false`, `"active"`: `"archived"`, `"zone":"b"`: `"zone":"c"`, `"type":"record"`: `"type":"book"`, `"read"`: `"write"`, `"context":{"zone":"b"}`: `"context":{}`} {
		if d := decisions(t, asked(t, g, pep, strings.Replace(body, what, no, 1))); d[0].Allowed() || d[0].Fault != nil {
			t.Errorf("with %s in place of %s: %+v", no, what, d[0])
		}
	}
	g.Pager.Close()
	_, found := read(t, log)
	var records []events.Record
	for _, list := range found.records {
		for _, r := range list {
			if r.EventID == told.Context.ID {
				records = append(records, r)
			}
		}
	}
	if len(records) != 1 {
		t.Fatalf("%d records of the decision, want 1", len(records))
	}
	r := records[0]
	if r.UserIdentity.UserName != "pep" || r.Verdict.Effect != "Allow" || len(r.Verdict.Checks) != 2 || r.Verdict.Checks[0].Principal != "arn:aws:iam::"+home+":user/ana" ||
		r.Verdict.Checks[1].Action != "keytrail:Evaluate" || r.Verdict.Checks[1].Resource != "arn:aws:iam::"+home+":user/ana" || string(r.RequestParameters) != strings.ReplaceAll(body, "true", `"true"`) || string(r.ResponseElements) != `{"decision":true}` {
		t.Errorf("the record is %+v", r)
	}
}

// What can't be judged is a no, with its reason; what can't be read is an
// error; and who may not ask hears nothing.
func TestEvaluateRefuses(t *testing.T) {
	log := &journaltest.Memory{}
	g := newLab(t, log).gate("node1", log)
	pep := person(t, g, "pep", inquirer)
	person(t, g, "ana", admin)
	role(t, g, admin)
	q := func(subject, action, resource string) string {
		return `{"subject":` + subject + `,"action":` + action + `,"resource":` + resource + `}`
	}
	const ana, read, record = `{"type":"user","id":"ana"}`, `{"name":"read"}`, `{"type":"record","id":"7"}`
	for _, c := range []struct {
		what, body string
		status     int
	}{
		{"nobody", q(`{"type":"user","id":"bob"}`, read, record), 404},
		{"another path", q(`{"type":"user","id":"arn:aws:iam::`+home+`:user/dev/ana"}`, read, record), 404},
		{"a user as a role", q(`{"type":"role","id":"arn:aws:iam::`+home+`:user/ana"}`, read, record), 404},
		{"a session of which nothing is known", q(`{"type":"session","id":"r/s1"}`, read, record), 403},
		{"a forged token", q(`{"type":"session","id":"r/s1","properties":{"token":"AAAA"}}`, read, record), 404},
		{"a wildcard", q(ana, `{"name":"record:*"}`, record), 400},
		{"two colons", q(ana, `{"name":"a:b:c"}`, record), 400},
		{"a type that is none", q(ana, read, `{"type":"Re cord","id":"7"}`), 404},
		{"half an ARN", q(ana, read, `{"type":"x","id":"arn:aws:s3"}`), 404},
		{"a control character", q(ana, read, `{"type":"record","id":"7\n"}`), 404},
		{"a key that Keytrail knows better", q(ana, read, `{"type":"record","id":"7","properties":{"aws:PrincipalTag/team":"x"}}`), 400},
		{"a user's name for a role", q(`{"type":"role","id":"r"}`, read, `{"type":"record","id":"7","properties":{"AWS:username":"ana"}}`), 400},
		{"a key twice", q(ana, read, `{"type":"record","id":"7","properties":{"a:b":"x","A:B":"y"}}`), 400},
		{"tags of an entity that has none", q(ana, `{"name":"iam:GetUser"}`, `{"type":"iam:user","id":"ana","properties":{"aws:ResourceTag/a":"x"}}`), 400},
	} {
		d := decisions(t, asked(t, g, pep, c.body))[0]
		if d.Allowed() || d.Fault == nil || d.Fault.Status != c.status {
			t.Errorf("%s: %+v %+v, want a no for %d", c.what, d.Check, d.Fault, c.status)
		}
	}
	for body, want := range map[string]string{
		``: "SerializationException", `{`: "SerializationException", `[]`: "SerializationException", `{"subject":"ana"}`: "SerializationException", q(ana, read, record) + `x`: "SerializationException",
		q(ana, `{"name":1}`, record):                                               "SerializationException",
		q(ana, `{}`, record):                                                       "SerializationException",
		q(ana, `{"name":"read","name":"write"}`, record):                           "SerializationException",
		q(ana, read, record[:len(record)-1]+`,"x":{"a":1,"a":2}}`):                 "SerializationException",
		q(`{"type":"user","id":"\ud800"}`, read, record):                           "SerializationException",
		q("{\"type\":\"user\",\"id\":\"\xff\"}", read, record):                     "SerializationException",
		strings.Repeat(`{"x":`, 20) + `1` + strings.Repeat(`}`, 20):                "SerializationException",
		`{"evaluations":[` + strings.Repeat(`{},`, 1000) + `{}]}`:                  "SerializationException",
		`{"evaluations":[{}],"options":{"evaluations_semantic":"sometimes"}}`:      "SerializationException",
		q(`{"type":"user","id":"arn:aws:iam::999988887777:user/x"}`, read, record): "AccessDenied",
		q(`{"type":"root","id":"`+home+`"}`, read, record):                         "AccessDenied",
		`{"subject":` + ana + `,"action":` + read + `,"evaluations":[{"resource":` + record + `},{"subject":{"type":"root","id":"` + home + `"},"resource":` + record + `}]}`: "AccessDenied",
	} {
		if a := asked(t, g, pep, body); code(a.Err) != want || a.Output != nil {
			t.Errorf("%.80s: %v, want %s", body, a.Err, want)
		}
	}
	if a := asked(t, g, person(t, g, "eve", admin[:0]), q(ana, read, record)); code(a.Err) != "AccessDenied" {
		t.Errorf("eve, who may not ask, hears %v", a.Err)
	}
	// Members that nobody knows are passed over.
	if d := decisions(t, asked(t, g, pep, `{"foo":"bar","future":{"nested":[true,null,1e3]},`+q(ana, read, record)[1:])); !d[0].Allowed() {
		t.Errorf("%+v", d[0])
	}
}

// A batch is one append, whatever is in it, and each decision has its record.
func TestBatchIsOneAppend(t *testing.T) {
	log := &journaltest.Memory{}
	g := newLab(t, log).gate("node1", log)
	pep := person(t, g, "pep", inquirer)
	for i := range 10 {
		person(t, g, fmt.Sprintf("u%d", i), readOnly)
	}
	var b strings.Builder
	b.WriteString(`{"action":{"name":"iam:GetUser"},"context":{"aws:SourceIp":"192.0.2.1","note":"why it was asked"},"evaluations":[`)
	for i := range 1000 {
		if i > 0 {
			b.WriteByte(',')
		}
		action := ""
		if i%3 == 0 {
			action = `"action":{"name":"iam:DeleteUser"},`
		}
		fmt.Fprintf(&b, `{"subject":{"type":"user","id":"u%d"},%s"resource":{"type":"iam:user","id":"u%d"}}`, i%10, action, i%7)
	}
	b.WriteString(`]}`)
	before, err := log.End(t.Context(), journal.Decisions)
	if err != nil {
		t.Fatal(err)
	}
	r := asking(pep, b.String())
	list := decisions(t, g.Serve(t.Context(), r))
	after, err := log.End(t.Context(), journal.Decisions)
	if err != nil || after != before+1 {
		t.Errorf("%d appends, want 1 (%v)", after-before, err)
	}
	g.Pager.Close()
	_, found := read(t, log)
	if n := len(found.records[r.ID]); n != 1000 || len(list) != 1000 {
		t.Fatalf("%d answers, %d records", len(list), n)
	}
	for i, rec := range found.records[r.ID] {
		want := "Allow"
		if i%3 == 0 {
			want = "ImplicitDeny"
		}
		if rec.EventID != list[i].ID || rec.Verdict.Effect != want || list[i].Check.Effect != want || rec.Verdict.Checks[1].Resource != rec.Verdict.Checks[0].Principal || (i < 10) != (len(rec.Verdict.Checks[1].Statements) > 0) {
			t.Fatalf("decision %d: %s %+v, want %s", i, list[i].ID, rec.Verdict, want)
		}
	}
}

// A batch ends where its semantic says, and what was not decided is neither
// answered nor recorded.
func TestBatchSemantics(t *testing.T) {
	log := &journaltest.Memory{}
	g := newLab(t, log).gate("node1", log)
	pep := person(t, g, "pep", inquirer)
	person(t, g, "ana", readOnly)
	ask := func(semantic string, names ...string) (got string) {
		var items []string
		for _, n := range names {
			items = append(items, `{"action":{"name":"`+n+`"}}`)
		}
		options := ""
		if semantic != "" {
			options = `"options":{"evaluations_semantic":"` + semantic + `","later":1},`
		}
		r := asking(pep, `{"subject":{"type":"user","id":"ana"},"resource":{"type":"iam:user","id":"ana"},`+options+`"evaluations":[`+strings.Join(items, ",")+`]}`)
		for _, d := range decisions(t, g.Serve(t.Context(), r)) {
			got += map[bool]string{true: "+", false: "-"}[d.Allowed()]
		}
		_, found := read(t, log)
		if n := len(found.records[r.ID]); n != len(got) {
			t.Errorf("%s: %d records of %d decisions", semantic, n, len(got))
		}
		return got
	}
	yes, no := "iam:GetUser", "iam:DeleteUser"
	for _, c := range []struct {
		semantic, want string
		names          []string
	}{
		{"", "+-+", []string{yes, no, yes}}, {"execute_all", "-+-", []string{no, yes, no}},
		{"deny_on_first_deny", "+-", []string{yes, no, yes}}, {"deny_on_first_deny", "++", []string{yes, yes}}, {"deny_on_first_deny", "-", []string{"bad:*", yes}},
		{"permit_on_first_permit", "-+", []string{no, yes, yes}}, {"permit_on_first_permit", "--", []string{no, "bad:*"}}, {"permit_on_first_permit", "+", []string{yes, no}},
	} {
		if got := ask(c.semantic, c.names...); got != c.want {
			t.Errorf("%s of %v: %s, want %s", c.semantic, c.names, got, c.want)
		}
	}
	// What is missing in one is that one's fault, and is taken from the batch if it is there.
	list := decisions(t, asked(t, g, pep, `{"subject":{"type":"user","id":"ana"},"action":{"name":"GetUser"},"resource":{"type":"iam:user"},"evaluations":[{"resource":{"id":"ana"}},{},{"resource":{"id":"ana"},"subject":{"type":"planet","id":"x"}}]}`))
	if len(list) != 3 || !list[0].Allowed() || list[1].Allowed() || list[1].Fault.Status != 400 || list[2].Allowed() || list[2].Fault.Status != 404 {
		t.Errorf("%+v", list)
	}
}

// To assume a role is what its trust policy says too, and the gate agrees.
func TestTrustIsAsked(t *testing.T) {
	log := &journaltest.Memory{}
	g := newLab(t, log).gate("node1", log)
	role(t, g, admin)
	ana := person(t, g, "ana", admin)
	for _, c := range []struct {
		trust string
		want  bool
	}{{trust, true}, {strings.Replace(trust, `"AWS":"`+home+`"`, `"AWS":"arn:aws:iam::`+home+`:role/r"`, 1), false}} {
		ask[*iam.UpdateAssumeRolePolicyOutput](t, g, root, "iam", "UpdateAssumeRolePolicy", &iam.UpdateAssumeRolePolicyInput{RoleName: new("r"), PolicyDocument: &c.trust})
		d := decisions(t, asked(t, g, root, `{"subject":{"type":"user","id":"ana"},"action":{"name":"sts:AssumeRole"},"resource":{"type":"iam:role","id":"r"}}`))[0]
		a := g.Serve(t.Context(), request(ana, "sts", "AssumeRole", &sts.AssumeRoleInput{RoleArn: new("arn:aws:iam::" + home + ":role/r"), RoleSessionName: new("s1")}))
		if d.Allowed() != c.want || (a.Err == nil) != c.want {
			t.Errorf("trusting %s: %+v, the gate says %v, want %t", c.trust, d, a.Err, c.want)
		}
	}
}

// A session is judged with the policies that it was given, which only its token
// knows; a bearer token is good for asking and for nothing else.
func TestSessions(t *testing.T) {
	log := &journaltest.Memory{}
	l := newLab(t, log)
	g := l.gate("node1", log)
	role(t, g, inquirer[:len(inquirer)-2]+`,{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`)
	ana := person(t, g, "ana", admin)
	full := assume(t, g, ana, 900)
	body := func(token string) string {
		return `{"subject":{"type":"session","id":"arn:aws:sts::` + home + `:assumed-role/r/s1"` + token + `},"action":{"name":"s3:GetObject"},"resource":{"type":"s3","id":"b/k"}}`
	}
	if d := decisions(t, asked(t, g, root, body(`,"properties":{"token":"`+full.token+`"}`)))[0]; !d.Allowed() {
		t.Errorf("the session: %+v", d)
	}
	if d := decisions(t, asked(t, g, full, body("")))[0]; !d.Allowed() {
		t.Errorf("the session about itself: %+v", d)
	}
	if d := decisions(t, asked(t, g, ana, body("")))[0]; d.Allowed() || d.Fault.Status != 403 {
		t.Errorf("the session without its token: %+v", d)
	}
	c := ask[*sts.AssumeRoleOutput](t, g, ana, "sts", "AssumeRole", &sts.AssumeRoleInput{RoleArn: new("arn:aws:iam::" + home + ":role/r"), RoleSessionName: new("s1"), Policy: new(readOnly)}).Credentials
	if d := decisions(t, asked(t, g, root, body(`,"properties":{"token":"`+*c.SessionToken+`"}`)))[0]; d.Allowed() || d.Fault != nil {
		t.Errorf("a session whose own policy does not allow it: %+v", d)
	}
	if d := decisions(t, asked(t, g, root, strings.Replace(body(`,"properties":{"token":"`+full.token+`"}`), "r/s1", "r/s2", 1)))[0]; d.Allowed() || d.Fault == nil {
		t.Errorf("another session's token: %+v", d)
	}
	late := l.gate("node2", log, func(g *audit.Gate) { g.Clock = func() time.Time { return time.Now().Add(time.Hour) } })
	if d := decisions(t, asked(t, late, root, body(`,"properties":{"token":"`+full.token+`"}`)))[0]; d.Allowed() || d.Fault == nil {
		t.Errorf("a session that has ended: %+v", d)
	}
	late.Pager.Close()
	if a := asked(t, g, root, body(`,"properties":{"token":["`+full.token+`"]}`)); code(a.Err) != "SerializationException" {
		t.Errorf("a list of tokens: %+v", a)
	}
	if d := decisions(t, asked(t, g, root, `{"evaluations":[`+body(`,"properties":{"token":{"x":"`+full.token+`"}}`)+`]}`))[0]; d.Allowed() || d.Fault == nil {
		t.Errorf("a token in an object: %+v", d)
	}
	ask[*iam.PutRolePolicyOutput](t, g, root, "iam", "PutRolePolicy", &iam.PutRolePolicyInput{RoleName: new("r"), PolicyName: new("p"), PolicyDocument: new(inquirer)})
	if d := decisions(t, asked(t, g, root, body(`,"properties":{"token":"`+full.token+`"}`)))[0]; d.Allowed() {
		t.Errorf("the session after its role lost it: %+v", d)
	}
	r := asking(key{}, `{"subject":{"type":"user","id":"ana"},"action":{"name":"s3:GetObject"},"resource":{"type":"s3","id":"b/k"}}`)
	r.Bearer = full.token
	if d := decisions(t, g.Serve(t.Context(), r))[0]; !d.Allowed() {
		t.Errorf("by bearer token: %+v", d)
	}
	for _, forged := range []string{full.token[:len(full.token)-4] + "AAAA", "x", ana.secret} {
		r := asking(key{}, body(""))
		if r.Bearer = forged; code(g.Serve(t.Context(), r).Err) != "InvalidClientTokenId" {
			t.Errorf("a forged bearer token is taken")
		}
	}
	r = request(key{}, "iam", "ListUsers", &iam.ListUsersInput{})
	r.Bearer = full.token
	if a := g.Serve(t.Context(), r); code(a.Err) != "InvalidClientTokenId" {
		t.Errorf("a bearer token opens iam:ListUsers: %v", a.Err)
	}
	g.Pager.Close()
	all, err := log.Read(t.Context(), journal.Decisions, 0, 1e9)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if strings.Contains(string(m.Body), full.token[:40]) {
			t.Errorf("a token is in the log: %s", m.Body)
		}
	}
}
