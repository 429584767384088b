// Package authzen tests, from outside, how other services ask: OpenID's
// Authorization API 1.0 over HTTP and the bus, and its records in the trail.
package authzen

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/test/harness"
)

const account = "arn:aws:iam::111122223333:"

// The fixture of the standard's certification scenario (openid/authzen,
// certification/authorization-api-1_0-scenario.md), as policies.
const (
	alice = `{"Version":"2012-10-17","Statement":[
		{"Sid":"Read","Effect":"Allow","Action":"record:read","Resource":["arn:aws:record:us-east-1:111122223333:record-1","arn:aws:record:us-east-1:111122223333:record-2"]},
		{"Sid":"WriteActive","Effect":"Allow","Action":"record:write","Resource":"*","Condition":{"StringNotEqualsIfExists":{"resource:status":"archived"}}},
		{"Sid":"SoftDelete","Effect":"Allow","Action":"record:delete","Resource":"*","Condition":{"Bool":{"action:soft":"true"}}}]}`
	bob = `{"Version":"2012-10-17","Statement":[
		{"Sid":"Read","Effect":"Allow","Action":"record:read","Resource":"*"},
		{"Sid":"WriteAsAdmin","Effect":"Allow","Action":"record:write","Resource":"arn:aws:record:us-east-1:111122223333:record-2","Condition":{"StringEqualsIfExists":{"subject:role":"admin"}}}]}`
	pep = `{"Version":"2012-10-17","Statement":{"Sid":"Ask","Effect":"Allow","Action":["keytrail:Evaluate","keytrail:Search*","sts:*"],"Resource":"*"}}`
)

func fixture(t *testing.T, o harness.Options) (*harness.Server, harness.Credentials) {
	t.Helper()
	ctx := context.Background()
	s := harness.Start(t, o)
	var asker harness.Credentials
	for name, policy := range map[string]string{"alice": alice, "bob": bob, "pep": pep, "nobody": ""} {
		c, err := s.User(ctx, name)
		if err == nil && policy != "" {
			_, err = s.IAM(s.Root).PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: &name, PolicyName: new("p"), PolicyDocument: &policy})
		}
		if err != nil {
			t.Fatal(err)
		}
		if name == "pep" {
			asker = c
		}
	}
	return s, asker
}

// post sends a body to an endpoint as c.
func post(t *testing.T, s *harness.Server, c harness.Credentials, path, body string, change ...func(*http.Request)) *http.Response {
	t.Helper()
	r := s.Raw(http.MethodPost, path, http.Header{"Content-Type": {"application/json"}}, []byte(body))
	for _, f := range change {
		f(r)
	}
	if c.KeyID != "" {
		harness.Sign(r, c, "keytrail")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// decision is AuthZEN's answer as anybody would read it.
type decision struct {
	Decision *bool
	Context  struct {
		ID, Principal, Action, Resource, Effect string
		World                                   uint64
		Statements                              []events.Statement
		Layers                                  []events.Layer
		Error                                   struct {
			Status  int
			Message string
		}
	}
	Evaluations []decision
}

func answer(t *testing.T, resp *http.Response) (d decision) {
	t.Helper()
	if err := json.NewDecoder(resp.Body).Decode(&d); err != nil || resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/json" {
		t.Fatalf("%s %s: %v", resp.Status, resp.Header, err)
	}
	return d
}

func tuple(subject, action, resource string) string {
	return `{"subject":` + subject + `,"action":` + action + `,"resource":` + resource + `}`
}

// more adds members to an object.
func more(object, members string) string { return object[:len(object)-1] + "," + members + "}" }

const (
	isAlice  = `{"type":"user","id":"alice"}`
	isBob    = `{"type":"user","id":"bob"}`
	toRead   = `{"name":"read"}`
	toWrite  = `{"name":"write"}`
	record1  = `{"type":"record","id":"record-1"}`
	archived = `{"type":"record","id":"record-2","properties":{"status":"archived"}}`
	admin    = `{"type":"user","id":"bob","properties":{"role":"admin"}}`
)

// The eight decisions and the forms of the certification scenario.
func TestCertification(t *testing.T) {
	t.Parallel()
	s, c := fixture(t, harness.Options{NoAudit: true})
	for _, q := range []struct {
		body string
		want bool
	}{
		{tuple(isAlice, toRead, record1), true}, {tuple(isAlice, toWrite, record1), true}, {tuple(isBob, toRead, record1), true}, {tuple(isBob, toWrite, record1), false},
		{tuple(isAlice, toWrite, archived), false}, {tuple(admin, toWrite, archived), true},
		{tuple(isAlice, `{"name":"delete","properties":{"soft":true}}`, record1), true}, {tuple(isAlice, `{"name":"delete","properties":{"soft":false}}`, record1), false},
		{more(tuple(isAlice, toRead, record1), `"context":{"time":"2025-06-27T18:03-07:00","ip":"192.168.1.1"},"foo":"bar","futureField":{"nested":true}`), true},
	} {
		for _, path := range []string{"/access/v1/evaluation", "/access/v1/evaluations"} {
			if d := answer(t, post(t, s, c, path, q.body)); d.Decision == nil || *d.Decision != q.want || d.Evaluations != nil {
				t.Errorf("%s %s: %+v, want %t", path, q.body, d, q.want)
			}
		}
	}
	if d := answer(t, post(t, s, c, "/access/v1/evaluations", more(tuple(isAlice, toRead, record1), `"evaluations":[]`))); d.Decision == nil || !*d.Decision {
		t.Errorf("an empty list: %+v", d)
	}
	batch := func(body string, want ...bool) {
		t.Helper()
		d := answer(t, post(t, s, c, "/access/v1/evaluations", body))
		if len(d.Evaluations) != len(want) || d.Decision != nil {
			t.Fatalf("%s: %+v", body, d)
		}
		for i := range want {
			if *d.Evaluations[i].Decision != want[i] {
				t.Errorf("%s: %d is %+v, want %t", body, i, d.Evaluations[i], want[i])
			}
		}
	}
	batch(`{"subject":`+isBob+`,"resource":`+record1+`,"evaluations":[{"action":{"name":"read"}},{"action":{"name":"write"}}]}`, true, false)
	batch(`{"action":{"name":"write"},"resource":`+archived+`,"evaluations":[{"subject":`+isAlice+`},{"subject":`+admin+`}]}`, false, true)
	batch(`{"subject":`+isAlice+`,"action":{"name":"write"},"resource":{"type":"record"},"evaluations":[{"resource":{"id":"record-1","properties":{"status":"active"}}},{"resource":`+archived+`}]}`, true, false)
	batch(`{"subject":`+isAlice+`,"action":{"name":"read"},"evaluations":[{"resource":`+record1+`},{}]}`, true, false)
	batch(`{"subject":`+isAlice+`,"action":{"name":"read"},"options":{"evaluations_semantic":"permit_on_first_permit"},"evaluations":[{"resource":`+record1+`},{}]}`, true)
	batch(`{"subject":`+isBob+`,"action":{"name":"write"},"options":{"evaluations_semantic":"deny_on_first_deny"},"evaluations":[{"resource":`+record1+`},{}]}`, false)
	if err := s.Verify(); err != nil {
		t.Error(err)
	}
}

// What the certification scenario searches for is found, and what it does not
// know is an empty list.
func TestCertificationOfSearch(t *testing.T) {
	t.Parallel()
	s, c := fixture(t, harness.Options{NoAudit: true})
	type results struct {
		Results []struct{ Type, ID, Name string }
		Page    struct {
			Token *string `json:"next_token"`
			Count int
		}
	}
	search := func(what, body string) (r results) {
		t.Helper()
		resp := post(t, s, c, "/access/v1/search/"+what, body)
		if err := json.NewDecoder(resp.Body).Decode(&r); err != nil || resp.StatusCode != 200 || r.Results == nil || r.Page.Token == nil || r.Page.Count != len(r.Results) {
			t.Fatalf("%s %s: %s %+v %v", what, body, resp.Status, r, err)
		}
		return r
	}
	user, record := `{"type":"user"}`, `{"type":"record"}`
	for _, try := range []struct {
		what, body string
		want       []string
	}{
		{"subject", tuple(user, toRead, record1), []string{"user/alice", "user/bob"}},
		{"subject", more(tuple(user, toRead, record1), `"context":{"time":"now"}`), []string{"user/alice", "user/bob"}},
		{"subject", tuple(user, toWrite, archived), []string{"user/bob"}},
		{"subject", tuple(`{"type":"spaceship"}`, toRead, record1), nil},
		{"resource", tuple(isAlice, toRead, record), []string{"record/record-1"}},
		{"resource", tuple(admin, toWrite, record), []string{"record/record-2"}},
		{"resource", tuple(isAlice, toRead, `{"type":"spaceship"}`), nil},
		{"action", `{"subject":` + isAlice + `,"resource":` + record1 + `}`, []string{"read", "write"}},
		{"action", `{"subject":` + admin + `,"resource":` + archived + `}`, []string{"write"}},
		{"action", `{"subject":{"type":"user","id":"nonexistent-user"},"resource":` + record1 + `}`, nil},
	} {
		got := map[string]bool{}
		for _, r := range search(try.what, try.body).Results {
			got[strings.TrimPrefix(r.Type+"/"+r.ID, "/")+r.Name] = true
		}
		for _, w := range try.want {
			if !got[w] {
				t.Errorf("%s %s: %v, want %s", try.what, try.body, got, w)
			}
		}
		if try.want == nil && len(got) > 0 {
			t.Errorf("%s %s: %v, want nothing", try.what, try.body, got)
		}
	}
	first := search("subject", more(tuple(user, toRead, record1), `"page":{"limit":1}`))
	second := search("subject", more(tuple(user, toRead, record1), `"page":{"token":"`+*first.Page.Token+`"}`))
	if len(first.Results) != 1 || first.Results[0].ID != "alice" || len(second.Results) != 1 || second.Results[0].ID != "bob" || *second.Page.Token != "" {
		t.Errorf("two pages: %+v %+v", first, second)
	}
	for what, body := range map[string]string{
		"subject": `{"subject":` + user + `,"resource":` + record1 + `}`, "resource": `{"action":` + toRead + `,"resource":` + record + `}`, "action": `{"subject":` + isAlice + `}`,
	} {
		if resp := post(t, s, c, "/access/v1/search/"+what, body); resp.StatusCode != 400 {
			t.Errorf("%s %s: %s, want 400", what, body, resp.Status)
		}
	}
	if err := s.Verify(); err != nil {
		t.Error(err)
	}
}

// Anybody may learn where the endpoints are, and each is there.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	s, _ := fixture(t, harness.Options{NoAudit: true})
	resp, err := http.Get(s.URL + "/.well-known/authzen-configuration")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var m map[string]string
	if err := json.NewDecoder(resp.Body).Decode(&m); err != nil || resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "application/json" || m["policy_decision_point"] != s.URL || len(m) != 6 {
		t.Fatalf("%s %v %v", resp.Status, m, err)
	}
	for name, url := range m {
		if name == "policy_decision_point" {
			continue
		}
		path, ok := strings.CutPrefix(url, s.URL)
		if r := post(t, s, harness.Credentials{}, path, "{}"); !ok || r.StatusCode != 401 {
			t.Errorf("%s at %s: %s, want 401", name, url, r.Status)
		}
	}
}

// Bad requests get exactly the status the standard gives them, and echo the
// request's id all the same.
func TestStatus(t *testing.T) {
	t.Parallel()
	s, c := fixture(t, harness.Options{NoAudit: true})
	ctx := context.Background()
	nobody, err := s.Key(ctx, s.Root, "nobody")
	if err != nil {
		t.Fatal(err)
	}
	temp, err := s.STS(c).GetSessionToken(ctx, &sts.GetSessionTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	token := *temp.Credentials.SessionToken
	good := tuple(isAlice, toRead, record1)
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	const one, many = "/access/v1/evaluation", "/access/v1/evaluations"
	unsigned := harness.Credentials{}
	for _, try := range []struct {
		what   string
		status int
		path   string
		c      harness.Credentials
		body   string
		change func(*http.Request)
	}{
		{"as it should be", 200, one, c, good, nil},
		{"by bearer token", 200, one, unsigned, good, header("Authorization", "Bearer "+token)},
		{"with a charset", 200, one, c, good, header("Content-Type", "application/json; charset=utf-8")},
		{"no subject", 400, one, c, `{"action":` + toRead + `,"resource":` + record1 + `}`, nil},
		{"no subject.id", 400, one, c, tuple(`{"type":"user"}`, toRead, record1), nil},
		{"no action.name", 400, one, c, tuple(isAlice, `{}`, record1), nil},
		{"no resource.type", 400, one, c, tuple(isAlice, toRead, `{"id":"record-1"}`), nil},
		{"a string for a subject", 400, one, c, tuple(`"alice"`, toRead, record1), nil},
		{"a number for a name", 400, one, c, tuple(isAlice, `{"name":123}`, record1), nil},
		{"no JSON", 400, one, c, `{`, nil},
		{"no body", 400, one, c, ``, nil},
		{"a list at the wrong door", 400, one, c, `{"evaluations":[` + good + `]}`, nil},
		{"another content type", 400, one, c, good, header("Content-Type", "text/plain")},
		{"a coded body", 400, one, c, good, header("Content-Encoding", "gzip")},
		{"unsigned", 401, one, unsigned, good, nil},
		{"a bearer token that is none", 401, one, unsigned, good, header("Authorization", "Bearer abc")},
		{"an altered bearer token", 401, one, unsigned, good, header("Authorization", "Bearer "+token[:len(token)-4]+"AAAA")},
		{"two proofs", 401, one, unsigned, good, func(r *http.Request) { r.Header["Authorization"] = []string{"Bearer " + token, "Bearer " + token} }},
		{"a wrong secret", 401, one, harness.Credentials{KeyID: c.KeyID, Secret: "wrong"}, good, nil},
		{"who may not ask", 403, one, nobody, good, nil},
		{"a batch by who may not ask", 403, many, nobody, `{"evaluations":[` + good + `]}`, nil},
		{"another account's subject", 403, one, nobody, tuple(`{"type":"user","id":"arn:aws:iam::444455556666:user/x"}`, toRead, record1), nil},
		{"no such endpoint", 404, "/access/v1/everything", c, good, nil},
		{"GET", 405, one, c, ``, func(r *http.Request) { r.Method = "GET" }},
		{"too long for one", 413, one, c, good + strings.Repeat(" ", 64<<10), nil},
		{"as long as a batch may be", 200, many, c, good + strings.Repeat(" ", 1<<20-len(good)), nil},
		{"too long for a batch", 413, many, c, good + strings.Repeat(" ", 1<<20+1-len(good)), nil},
	} {
		change := []func(*http.Request){header("X-Request-Id", "my request "+try.what)}
		if try.change != nil {
			change = append(change, try.change)
		}
		resp := post(t, s, try.c, try.path, try.body, change...)
		if resp.StatusCode != try.status {
			t.Errorf("%s: %s, want %d", try.what, resp.Status, try.status)
		}
		if got := resp.Header.Get("X-Request-Id"); got != "my request "+try.what {
			t.Errorf("%s: X-Request-ID is %q", try.what, got)
		}
		if resp.StatusCode != 200 {
			var e struct{ Error, Message string }
			if err := json.NewDecoder(resp.Body).Decode(&e); err != nil || e.Error == "" || e.Message == "" {
				t.Errorf("%s: %+v %v", try.what, e, err)
			}
		}
	}
	if resp := post(t, s, c, one, good, header("X-Request-Id", strings.Repeat("x", 257))); resp.StatusCode != 400 {
		t.Errorf("a long X-Request-ID: %s", resp.Status)
	}
	// The bearer token opens nothing else, and dies with its key.
	for service, action := range map[string]string{"iam": "ListUsers", "sts": "GetCallerIdentity", "keytrail": "GetState"} {
		r := s.Request(service, action, nil)
		r.Header.Set("Authorization", "Bearer "+token)
		if a, err := harness.Do(r); err != nil || a.Status == 200 {
			t.Errorf("a bearer token opens %s:%s: %v %v", service, action, a, err)
		}
	}
	if _, err := s.IAM(s.Root).DeleteAccessKey(ctx, &iam.DeleteAccessKeyInput{UserName: new("pep"), AccessKeyId: &c.KeyID}); err != nil {
		t.Fatal(err)
	}
	if resp := post(t, s, unsigned, one, good, header("Authorization", "Bearer "+token)); resp.StatusCode != 401 {
		t.Errorf("a bearer token whose key is gone: %s", resp.Status)
	}
}

// Each decision is found in the trail: who asked, about whom, what was decided
// and by which statement.
func TestTrail(t *testing.T) {
	t.Parallel()
	s, c := fixture(t, harness.Options{})
	d := answer(t, post(t, s, c, "/access/v1/evaluations", `{"subject":`+isAlice+`,"action":{"name":"read"},"evaluations":[{"resource":`+record1+`},{"action":{"name":"write"},"resource":`+archived+`}]}`,
		func(r *http.Request) { r.Header.Set("X-Request-Id", "order 66") }))
	if len(d.Evaluations) != 2 {
		t.Fatalf("%+v", d)
	}
	find := func(args ...string) (rows []map[string]any) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
			r := s.Keytrail(s.Root, append([]string{"audit", "query", "--output", "json"}, args...)...)
			if r.Code == 0 && json.Unmarshal([]byte(r.Out), &rows) == nil && len(rows) > 0 {
				return rows
			}
			if time.Now().After(deadline) {
				t.Fatalf("%v: %+v", args, r)
			}
		}
	}
	one := func(args ...string) string {
		t.Helper()
		rows := find(args...)
		text, err := json.Marshal(rows[0])
		if err != nil || len(rows) != 1 {
			t.Fatalf("%v: %v %v", args, rows, err)
		}
		return string(text)
	}
	no := one("--resource", account+"user/alice", "--action", "record:write", "--principal", account+"user/pep", "--decision", "ImplicitDeny")
	if !strings.Contains(no, d.Evaluations[1].Context.ID) {
		t.Errorf("alice's denial %s is not what was found: %s", d.Evaluations[1].Context.ID, no)
	}
	yes := one("--resource", "arn:aws:record:us-east-1:111122223333:record-1", "--decision", "Allow", "--action", "Evaluate")
	for _, want := range []string{d.Evaluations[0].Context.ID, account + "user/alice", "order 66", "Ask", "Read", account + "user/pep"} {
		if !strings.Contains(yes, want) {
			t.Errorf("alice's permit has no %s: %s", want, yes)
		}
	}
	if err := s.Verify(); err != nil {
		t.Error(err)
	}
}
