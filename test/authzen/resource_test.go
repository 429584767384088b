package authzen

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/keytrail/keytrail/test/harness"
)

// A service of one account asks whether a user of another may read what the
// first has registered: both accounts must allow, the answer is yes or no, and
// neither it nor its record tells of the other account's policies.
func TestResourceOfAnotherAccount(t *testing.T) {
	t.Parallel()
	s, pep := fixture(t, harness.Options{NoAudit: true})
	call := func(c harness.Credentials, action string, in any) *harness.Answer {
		t.Helper()
		a, err := s.Call(c, "keytrail", action, in)
		if err != nil || a.Status != 200 {
			t.Fatalf("%s: %v %v", action, a, err)
		}
		return a
	}
	var made struct{ AccessKeyID, SecretAccessKey string }
	if err := json.Unmarshal(call(s.Root, "CreateAccount", map[string]string{"AccountID": "444455556666"}).Body, &made); err != nil {
		t.Fatal(err)
	}
	theirs := harness.Credentials{KeyID: made.AccessKeyID, Secret: made.SecretAccessKey}
	const page = "arn:aws:record:us-east-1:444455556666:page"
	ask := tuple(`{"type":"user","id":"`+account+`user/bob"}`, `{"name":"record:read"}`, `{"type":"record","id":"`+page+`/7"}`)
	if resp := post(t, s, theirs, "/access/v1/evaluation", ask); resp.StatusCode != 403 {
		t.Errorf("asked about what nobody has registered: %s", resp.Status)
	}
	policy := func(effect string) string {
		return `{"Version":"2012-10-17","Statement":[{"Sid":"Mine","Effect":"` + effect + `","Principal":{"AWS":"111122223333"},"Action":"record:read","Resource":"` + page + `/*"}]}`
	}
	call(theirs, "PutResource", map[string]any{"ResourceArn": page, "Policy": policy("Allow")})
	d := answer(t, post(t, s, theirs, "/access/v1/evaluation", ask))
	if !*d.Decision || len(d.Context.Statements) != 1 || d.Context.Statements[0].Sid != "Mine" || len(d.Context.Layers) > 0 {
		t.Errorf("both allow: %+v", d)
	}
	alice := strings.Replace(ask, "user/bob", "user/alice", 1)
	if d := answer(t, post(t, s, theirs, "/access/v1/evaluation", alice)); *d.Decision || len(d.Context.Statements)+len(d.Context.Layers) > 0 {
		t.Errorf("alice's account does not: %+v", d)
	}
	// Bob's own account asks, and hears of its own policy.
	if d := answer(t, post(t, s, pep, "/access/v1/evaluation", ask)); !*d.Decision || len(d.Context.Statements) != 1 || d.Context.Statements[0].Sid != "Read" {
		t.Errorf("at home: %+v", d)
	}
	// Searches see it too: what is registered is a candidate.
	found := func(c harness.Credentials, path, body string) string {
		resp := post(t, s, c, path, body)
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s: %s %s %v", path, resp.Status, b, err)
		}
		return string(b)
	}
	call(theirs, "PutResource", map[string]any{"ResourceArn": page + "/8", "Policy": `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"record:read","Resource":"*"}]}`})
	if got := found(theirs, "/access/v1/search/resource", tuple(`{"type":"root","id":"444455556666"}`, `{"name":"read"}`, `{"type":"record:page"}`)); !strings.Contains(got, `{"type":"record:page","id":"8"}`) {
		t.Errorf("resources of the root user: %s", got)
	}
	call(theirs, "PutResource", map[string]any{"ResourceArn": page, "Policy": policy("Deny")})
	if d := answer(t, post(t, s, theirs, "/access/v1/evaluation", ask)); *d.Decision {
		t.Errorf("denied by the resource: %+v", d)
	}
	call(theirs, "DeleteResource", map[string]any{"ResourceArn": page})
	if resp := post(t, s, theirs, "/access/v1/evaluation", ask); resp.StatusCode != 403 {
		t.Errorf("after it was deleted: %s", resp.Status)
	}
	records, err := s.Records()
	if err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, r := range records {
		if r.EventName == "Evaluate" && r.RecipientAccountID == "444455556666" && r.Verdict.Effect != "" {
			for _, c := range r.Verdict.Checks {
				for _, st := range c.Statements {
					if strings.HasPrefix(st.Policy, account) {
						t.Errorf("the record tells of %s", st.Policy)
					}
				}
			}
			asked++
		}
	}
	if asked < 4 {
		t.Errorf("%d records of questions", asked)
	}
	if err := s.Verify(); err != nil {
		t.Error(err)
	}
}
