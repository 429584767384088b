package audit_test

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/google/go-cmp/cmp"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/events/journal/journaltest"
)

// anyPolicy is a policy about a few users, groups and keys, so that most
// requests meet something.
func anyPolicy(r *rand.Rand) string {
	pick := func(of ...string) string { return of[r.Intn(len(of))] }
	n := 0
	statement := func() string {
		n++
		s := `{"Sid":"S` + fmt.Sprint(n) + `","Effect":"` + pick("Allow", "Allow", "Deny") + `","Action":` + pick(`"*"`, `"iam:Get*"`, `"iam:GetUser"`, `["iam:GetGroup","iam:GetRole"]`, `"iam:?etUser"`) +
			`,"Resource":` + pick(`"*"`, `"arn:aws:iam::`+home+`:user/*"`, `"arn:aws:iam::`+home+`:user/${aws:username}"`, `"arn:aws:iam::`+home+`:role/r"`, `"arn:aws:iam::`+home+`:group/*"`)
		switch r.Intn(7) {
		case 0:
			s += `,"Condition":{"StringEquals":{"aws:ResourceTag/team":"` + pick("a", "b") + `"}}`
		case 1:
			s += `,"Condition":{"StringEquals":{"aws:PrincipalTag/team":"` + pick("a", "b", "${aws:ResourceTag/team}") + `"}}`
		case 2:
			s += `,"Condition":{"IpAddress":{"aws:SourceIp":"` + pick("192.0.2.0/24", "198.51.100.0/24") + `"}}`
		case 3:
			s += `,"Condition":{"StringNotEquals":{"iam:PermissionsBoundary":"arn:aws:iam::` + home + `:policy/bound"}}`
		case 4:
			s += `,"Condition":{"Bool":{"aws:SecureTransport":"false"},"StringLike":{"aws:PrincipalArn":"arn:aws:iam::*:` + pick("user/*", "role/*", "user/u1") + `"}}`
		}
		return s + "}"
	}
	list := []string{statement()}
	for r.Intn(2) == 0 {
		list = append(list, statement())
	}
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(list, ",") + `]}`
}

// The answer to a question is what the gate decides when the subject itself
// comes with the request, statement by statement, and what the simulator says.
func TestAnswerIsTheGatesOwn(t *testing.T) {
	allowed, denied := 0, 0
	for seed := range int64(40) {
		log := &journaltest.Memory{}
		g := newLab(t, log).gate("node1", log)
		r := rand.New(rand.NewSource(seed))
		tag := func() []types.Tag {
			return []types.Tag{{Key: new("team"), Value: new([]string{"a", "b", "c"}[r.Intn(3)])}}
		}
		ask[*iam.CreatePolicyOutput](t, g, root, "iam", "CreatePolicy", &iam.CreatePolicyInput{PolicyName: new("bound"), PolicyDocument: new(anyPolicy(r))})
		ask[*iam.CreatePolicyOutput](t, g, root, "iam", "CreatePolicy", &iam.CreatePolicyInput{PolicyName: new("managed"), PolicyDocument: new(anyPolicy(r))})
		bound := "arn:aws:iam::" + home + ":policy/bound"
		ask[*iam.CreateGroupOutput](t, g, root, "iam", "CreateGroup", &iam.CreateGroupInput{GroupName: new("g")})
		ask[*iam.PutGroupPolicyOutput](t, g, root, "iam", "PutGroupPolicy", &iam.PutGroupPolicyInput{GroupName: new("g"), PolicyName: new("p"), PolicyDocument: new(anyPolicy(r))})
		var people []key
		for i := range 3 {
			name := fmt.Sprintf("u%d", i)
			in := &iam.CreateUserInput{UserName: &name, Tags: tag()}
			if r.Intn(2) == 0 {
				in.PermissionsBoundary = &bound
			}
			ask[*iam.CreateUserOutput](t, g, root, "iam", "CreateUser", in)
			ask[*iam.PutUserPolicyOutput](t, g, root, "iam", "PutUserPolicy", &iam.PutUserPolicyInput{UserName: &name, PolicyName: new("p"), PolicyDocument: new(anyPolicy(r))})
			if r.Intn(2) == 0 {
				ask[*iam.AddUserToGroupOutput](t, g, root, "iam", "AddUserToGroup", &iam.AddUserToGroupInput{UserName: &name, GroupName: new("g")})
			}
			if r.Intn(2) == 0 {
				ask[*iam.AttachUserPolicyOutput](t, g, root, "iam", "AttachUserPolicy", &iam.AttachUserPolicyInput{UserName: &name, PolicyArn: new("arn:aws:iam::" + home + ":policy/managed")})
			}
			people = append(people, newKey(t, g, name))
		}
		ask[*iam.CreateRoleOutput](t, g, root, "iam", "CreateRole", &iam.CreateRoleInput{RoleName: new("r"), AssumeRolePolicyDocument: new(trust), Tags: tag()})
		for range 30 {
			who := r.Intn(3)
			name := fmt.Sprintf("u%d", r.Intn(3))
			action, resource := "GetUser", "arn:aws:iam::"+home+":user/"+name
			var in any = &iam.GetUserInput{UserName: &name}
			switch r.Intn(3) {
			case 0:
				action, resource, in = "GetRole", "arn:aws:iam::"+home+":role/r", &iam.GetRoleInput{RoleName: new("r")}
			case 1:
				action, resource, in = "GetGroup", "arn:aws:iam::"+home+":group/g", &iam.GetGroupInput{GroupName: new("g")}
			}
			itself := request(people[who], "iam", action, in)
			a := g.Serve(t.Context(), itself)
			_, found := read(t, log)
			want := found.records[itself.ID][0].Verdict.Checks[0]

			subject := []string{fmt.Sprintf("u%d", who), fmt.Sprintf("arn:aws:iam::%s:user/u%d", home, who)}[r.Intn(2)]
			d := decisions(t, asked(t, g, root, `{"subject":{"type":"user","id":"`+subject+`"},"action":{"name":"iam:`+action+`"},"resource":{"type":"iam","id":"`+resource+`"},
				"context":{"aws:SourceIp":"192.0.2.1","aws:SecureTransport":false,"aws:RequestedRegion":"us-east-1","aws:ViaAWSService":false}}`))[0]
			got := d.Check
			if got.Principal = ""; d.Fault != nil || cmp.Diff(want, got) != "" {
				t.Fatalf("seed %d: u%d %s %s: %+v\n%s", seed, who, action, resource, d.Fault, cmp.Diff(want, got))
			}
			if allowed++; code(a.Err) == "AccessDenied" {
				allowed--
				denied++
			}
			// The simulator looks at no resource's tags: they are told to it.
			entries := []types.ContextEntry{
				{ContextKeyName: new("aws:SourceIp"), ContextKeyType: "ip", ContextKeyValues: []string{"192.0.2.1"}},
				{ContextKeyName: new("aws:SecureTransport"), ContextKeyType: "boolean", ContextKeyValues: []string{"false"}},
			}
			if action == "GetGroup" {
				out := ask[*iam.SimulatePrincipalPolicyOutput](t, g, root, "iam", "SimulatePrincipalPolicy", &iam.SimulatePrincipalPolicyInput{
					PolicySourceArn: new(fmt.Sprintf("arn:aws:iam::%s:user/u%d", home, who)), ActionNames: []string{"iam:" + action}, ResourceArns: []string{resource}, ContextEntries: entries,
				}).EvaluationResults[0]
				if says := map[types.PolicyEvaluationDecisionType]string{"allowed": "Allow", "explicitDeny": "ExplicitDeny", "implicitDeny": "ImplicitDeny"}[out.EvalDecision]; says != got.Effect || len(out.MatchedStatements) != len(got.Statements) {
					t.Fatalf("seed %d: u%d %s: the simulator says %+v, the answer %+v", seed, who, action, out, got)
				}
			}
		}
		g.Pager.Close()
	}
	t.Logf("%d allowed, %d denied", allowed, denied)
	if allowed < 100 || denied < 100 {
		t.Error("this tests nothing")
	}
}

// A search finds those who are allowed, each once, over all its pages, and
// nobody else.
func TestSearch(t *testing.T) {
	log := &journaltest.Memory{}
	g := newLab(t, log).gate("node1", log)
	pep := person(t, g, "pep", inquirer)
	const reads = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["record:read","Record:Write"],"Resource":["arn:aws:record:us-east-1:` + home + `:1","arn:aws:record:us-east-1:` + home + `:2","arn:aws:record:us-east-1:` + home + `:9*","arn:aws:s3:::b"]},
		{"Effect":"Deny","Action":"record:write","Resource":"arn:aws:record:us-east-1:` + home + `:2"},{"Effect":"Allow","Action":"iam:GetUser","Resource":"arn:aws:iam::` + home + `:user/r1*"}]}`
	var want []string
	for i := range 25 {
		name, document := fmt.Sprintf("n%02d", i), readOnly
		if i%3 == 0 {
			name, document = fmt.Sprintf("r%02d", i), reads
			want = append(want, name)
		}
		person(t, g, name, document)
	}
	search := func(k key, what, body string) (results []string, out *audit.SearchOutput, r *audit.Request, err error) {
		r = request(k, "keytrail", "Search"+strings.ToUpper(what[:1])+what[1:], nil)
		r.Input = func() (any, error) { return audit.ReadQuestion("/access/v1/search/"+what, []byte(body)) }
		a := g.Serve(t.Context(), r)
		if a.Err != nil {
			return nil, nil, r, a.Err
		}
		out = a.Output.(*audit.SearchOutput)
		return out.Results, out, r, nil
	}
	all := func(what, body string) (found []string) {
		t.Helper()
		for token := ""; ; {
			page := `,"page":{"limit":4`
			if token != "" {
				page += `,"token":"` + token + `"`
			}
			results, out, _, err := search(pep, what, body[:len(body)-1]+page+`}}`)
			if err != nil || len(results) > 4 {
				t.Fatalf("%s: %d results, %v", body, len(results), err)
			}
			if found = append(found, results...); out.Next == "" {
				return found
			}
			token = out.Next
		}
	}
	body := `{"subject":{"type":"user"},"action":{"name":"read"},"resource":{"type":"record","id":"1"}}`
	if got := all("subject", body); !slices.Equal(got, want) {
		t.Errorf("subjects %v, want %v", got, want)
	}
	who := `{"subject":{"type":"user","id":"r00"},`
	for _, c := range []struct {
		what, body string
		want       []string
	}{
		{"resource", who + `"action":{"name":"read"},"resource":{"type":"record"}}`, []string{"1", "2"}},
		{"resource", who + `"action":{"name":"write"},"resource":{"type":"record"}}`, []string{"1"}},
		{"resource", who + `"action":{"name":"iam:GetUser"},"resource":{"type":"iam:user"}}`, []string{"r12", "r15", "r18"}},
		{"resource", who + `"action":{"name":"fly"},"resource":{"type":"planet"}}`, nil},
		{"resource", `{"subject":{"type":"user","id":"nobody"},"action":{"name":"read"},"resource":{"type":"record"}}`, nil},
		{"action", who + `"resource":{"type":"record","id":"1"}}`, []string{"read"}},
		{"action", who + `"resource":{"type":"iam:user","id":"r12"}}`, []string{"iam:GetUser"}},
		{"subject", `{"subject":{"type":"user"},"action":{"name":"read"},"resource":{"type":"record","id":"3"}}`, nil},
	} {
		if got := all(c.what, c.body); !slices.Equal(got, c.want) {
			t.Errorf("%s %s: %v, want %v", c.what, c.body, got, c.want)
		}
	}
	// Types that nobody knows have nothing, for who may ask about everything.
	if results, _, _, err := search(root, "subject", `{"subject":{"type":"spaceship"},"action":{"name":"read"},"resource":{"type":"record","id":"1"}}`); err != nil || len(results) != 0 {
		t.Error(results, err)
	}
	_, out, r, err := search(pep, "subject", body[:len(body)-1]+`,"page":{"limit":2}}`)
	if err != nil {
		t.Fatal(err)
	}
	for page, wants := range map[string]string{
		`{"limit":0}`: "SerializationException", `{"limit":1001}`: "SerializationException", `{"limit":"4"}`: "SerializationException", `[]`: "SerializationException",
		`{"token":"x"}`: "ValidationError",
	} {
		if _, _, _, err := search(pep, "subject", body[:len(body)-1]+`,"page":`+page+`}`); code(err) != wants {
			t.Errorf("page %s: %v, want %s", page, err, wants)
		}
	}
	// A token is good for its question and nothing else.
	if _, _, _, err := search(pep, "subject", strings.Replace(body, `"1"`, `"2"`, 1)[:len(body)-1]+`,"page":{"token":"`+out.Next+`"}}`); code(err) != "ValidationError" {
		t.Errorf("a token of another question: %v", err)
	}
	if _, _, _, err := search(newKey(t, g, "r00"), "subject", body); code(err) != "AccessDenied" {
		t.Errorf("who may not search: %v", err)
	}
	g.Pager.Close()
	_, found := read(t, log)
	rec := found.records[r.ID]
	if len(rec) != 1 || string(rec[0].RequestParameters) != `{"subject":{"type":"user","id":""},"action":{"name":"read"},"resource":{"type":"record","id":"1"}}` ||
		string(rec[0].ResponseElements) != `{"results":[{"type":"user","id":"r00"},{"type":"user","id":"r03"}]}` || rec[0].Verdict.Checks[0].Resource != "arn:aws:iam::"+home+":user/*" {
		t.Errorf("the record of a search: %+v", rec)
	}
}

// Whatever the bytes are: what is read is JSON that encoding/json reads too,
// and says the same when it is written and read again.
func FuzzQuestion(f *testing.F) {
	for _, s := range []string{
		`{"subject":{"type":"user","id":"ana","properties":{"role":"admin","token":"t"}},"action":{"name":"read","properties":{"soft":true}},"resource":{"type":"record","id":"7","properties":{"a":{"b":[1,"x",false,null]}}},"context":{"n":-1.5e+3}}`,
		`{"subject":{"type":"user","id":"a"},"evaluations":[{"action":{"name":"x:y"},"resource":{"type":"r","id":"\u00e9\ud83d\ude00"}},{}],"options":{"evaluations_semantic":"deny_on_first_deny"}}`,
		`{"a":1,"a":2}`, `{"subject":"x"}`, `[[[[[[`, `{"evaluations":[]}`, `{"subject":{"type":"\ud800","id":"x"}}`, "{\"\x80\":1}", `{"x":1e}`, `{"x":01}`, `{"x":"` + "\x01" + `"}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, path := range []string{"/access/v1/evaluations", "/access/v1/search/subject", "/access/v1/search/resource", "/access/v1/search/action"} {
			in, err := audit.ReadQuestion(path, b)
			if err != nil {
				continue
			}
			if !json.Valid(b) {
				t.Fatalf("%s: %q is not JSON, and was read", path, b)
			}
			e, ok := in.(*audit.EvaluateInput)
			if !ok {
				continue
			}
			for i := range e.Questions {
				text := e.Questions[i].AppendJSON(nil)
				var again audit.EvaluateInput
				if !json.Valid(text) {
					t.Fatalf("%q gave %s, which is not JSON", b, text)
				}
				err := again.UnmarshalJSON(text)
				if e.Questions[i].Fault() == nil && (err != nil || string(again.Questions[0].AppendJSON(nil)) != string(text)) {
					t.Fatalf("%q gave %s, which gave %+v (%v)", b, text, again.Questions, err)
				}
			}
		}
	})
}
