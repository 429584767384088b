package audit_test

import (
	"encoding/json"
	"fmt"
	"math/rand"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/events/journal/journaltest"
	"github.com/keytrail/keytrail/projections/policy"
)

const abroad = "444455556666"

// second makes another account and gives its root user's key.
func second(t testing.TB, g *audit.Gate) key {
	t.Helper()
	out := ask[*commands.CreateAccountOutput](t, g, root, "keytrail", "CreateAccount", &commands.CreateAccountInput{AccountID: abroad})
	return key{id: out.AccessKeyID, secret: out.SecretAccessKey}
}

func put(t testing.TB, g *audit.Gate, k key, arn, policy string, tags ...string) {
	t.Helper()
	in := &commands.PutResourceInput{ResourceArn: arn, Policy: &policy, Tags: []types.Tag{}}
	for i := 0; i < len(tags); i += 2 {
		in.Tags = append(in.Tags, types.Tag{Key: &tags[i], Value: &tags[i+1]})
	}
	ask[*commands.PutResourceOutput](t, g, k, "keytrail", "PutResource", in)
}

func may(t testing.TB, g *audit.Gate, k key, subject, action, resource string) audit.Decision {
	t.Helper()
	return decisions(t, asked(t, g, k, about(subject, action, resource)))[0]
}

func about(subject, action, resource string) string {
	kind := "user"
	if strings.HasSuffix(subject, ":root") {
		kind = "root"
	}
	return `{"subject":{"type":"` + kind + `","id":"` + subject + `"},"action":{"name":"` + action + `"},"resource":{"type":"s3","id":"` + resource + `"}}`
}

// A resource's policy joins as soon as it is registered, covers what lies below,
// and is gone as soon as it is deleted. Its tags are its own.
func TestResourcePolicyJoins(t *testing.T) {
	log := &journaltest.Memory{}
	g := newLab(t, log).gate("node1", log)
	person(t, g, "ana", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"red"}}}]}`)
	const ana, b = "arn:aws:iam::" + home + ":user/ana", "arn:aws:s3:::b"
	try := func(what, action, resource, want, layer string) {
		t.Helper()
		d := may(t, g, root, ana, action, resource)
		if says := fmt.Sprint(d.Check.Layers); d.Check.Effect != want || d.Fault != nil || strings.Contains(says, "Resource") != (layer != "") || !strings.Contains(says, strings.TrimSpace("Resource "+layer)) && layer != "" {
			t.Errorf("%s: %s on %s: %+v %v; want %s, Resource says %q", what, action, resource, d.Check, d.Fault, want, layer)
		}
	}
	try("before", "s3:GetObject", b+"/k", "ImplicitDeny", "")
	put(t, g, root, b, `{"Version":"2012-10-17","Statement":[{"Sid":"Ana","Effect":"Allow","Principal":{"AWS":"`+ana+`"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"},
		{"Effect":"Deny","Principal":"*","Action":"s3:DeleteObject","Resource":"arn:aws:s3:::b/*"}]}`, "team", "red")
	try("an object", "s3:GetObject", b+"/k", "Allow", "Allow")
	try("deeper", "s3:GetObject", b+"/k/l/m", "Allow", "Allow")
	try("spelled otherwise", "s3:GetObject", "arn:aws:S3:::b/k", "Allow", "Allow")
	try("an explicit deny", "s3:DeleteObject", b+"/k", "ExplicitDeny", "ExplicitDeny")
	try("an explicit deny, spelled otherwise", "s3:DeleteObject", "arn:AWS:s3:::b/k", "ExplicitDeny", "ExplicitDeny")
	try("tags of the bucket are the bucket's", "s3:ListBucket", b, "Allow", "ImplicitDeny")
	try("and not its objects'", "s3:PutObject", b+"/k", "ImplicitDeny", "ImplicitDeny")
	try("another bucket", "s3:GetObject", b+"b/k", "ImplicitDeny", "")
	put(t, g, root, b+"/k", "", "team", "red")
	try("an object of its own", "s3:PutObject", b+"/k", "Allow", "ImplicitDeny")
	try("which the bucket still covers", "s3:DeleteObject", b+"/k", "ExplicitDeny", "ExplicitDeny")

	// What is known is not asked for; what is not, may be told.
	told := func(resource string) *audit.Fault {
		body := strings.Replace(about(ana, "s3:PutObject", resource), `"id":"`+resource+`"`, `"id":"`+resource+`","properties":{"aws:ResourceTag/team":"red"}`, 1)
		return decisions(t, asked(t, g, root, body))[0].Fault
	}
	if f := told(b); f == nil || f.Status != 400 {
		t.Errorf("a registered resource's tag is believed: %v", f)
	}
	if f := told(b + "/other"); f != nil {
		t.Errorf("an object's tag is refused: %v", f)
	}

	// The bucket's policy is not about the bucket's registration.
	put(t, g, root, b, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*"}]}`)
	if d := may(t, g, root, "arn:aws:iam::"+home+":root", "keytrail:DeleteResource", b); !d.Allowed() {
		t.Errorf("locked out: %+v", d.Check)
	}
	ask[*commands.DeleteResourceOutput](t, g, root, "keytrail", "DeleteResource", &commands.DeleteResourceInput{ResourceArn: b + "/k"})
	ask[*commands.DeleteResourceOutput](t, g, root, "keytrail", "DeleteResource", &commands.DeleteResourceInput{ResourceArn: b})
	try("deleted", "s3:GetObject", b+"/k", "ImplicitDeny", "")
	w, _ := read(t, log)
	if live, _, _ := g.Live.Freeze(); live.Hash() != w.Hash() {
		t.Error("replay gives another World")
	}
	g.Pager.Close()
}

// Between accounts both must allow; only the owner of the resource may ask
// about others' principals; and what she hears is a yes or a no.
func TestAcrossAccounts(t *testing.T) {
	log := &journaltest.Memory{}
	g := newLab(t, log).gate("node1", log)
	theirs := second(t, g)
	const reads = `{"Version":"2012-10-17","Statement":[{"Sid":"Secret","Effect":"Allow","Action":"s3:GetObject","Resource":"*"}]}`
	person(t, g, "ana", reads)
	person(t, g, "bob", `{"Version":"2012-10-17","Statement":[{"Sid":"Secret","Effect":"Deny","Action":"s3:*","Resource":"*"}]}`)
	const b, ana, bob, nobody = "arn:aws:s3:::b", "arn:aws:iam::" + home + ":user/ana", "arn:aws:iam::" + home + ":user/bob", "arn:aws:iam::" + home + ":user/nobody"
	if a := asked(t, g, theirs, about(ana, "s3:GetObject", b+"/k")); code(a.Err) != "AccessDenied" {
		t.Errorf("asked about another's user and nothing of one's own: %v", a.Err)
	}
	put(t, g, theirs, b, `{"Version":"2012-10-17","Statement":[{"Sid":"Mine","Effect":"Allow","Principal":{"AWS":"`+home+`"},"Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::b/*"}]}`, "team", "red")
	d := may(t, g, theirs, ana, "s3:GetObject", b+"/k")
	if !d.Allowed() || len(d.Check.Statements) != 1 || d.Check.Statements[0].Sid != "Mine" || d.Check.Statements[0].Policy != b || d.Check.Layers != nil {
		t.Errorf("both allow: %+v", d.Check)
	}
	if d := may(t, g, root, ana, "s3:GetObject", b+"/k"); !d.Allowed() || len(d.Check.Statements) != 1 || d.Check.Statements[0].Sid != "Secret" || d.Check.Layers != nil {
		t.Errorf("as her own account hears it: %+v", d.Check)
	}
	// Noes are one no: of whom nothing is allowed, who is denied, who does not exist.
	text := func(k key, who, action string) string {
		d := may(t, g, k, who, action, b+"/k")
		d.ID = ""
		text, err := json.Marshal(&audit.EvaluateOutput{Single: true, Decisions: []audit.Decision{d}})
		if err != nil {
			t.Fatal(err)
		}
		return strings.ReplaceAll(string(text), who, "WHO")
	}
	want := `{"decision":false,"context":{"id":"","world":0,"evaluator":"1","principal":"WHO","action":"s3:PutObject","resource":"arn:aws:s3:::b/k","effect":"ImplicitDeny"}}`
	for _, who := range []string{ana, bob, nobody} {
		if got := text(theirs, who, "s3:PutObject"); got != want {
			t.Errorf("%s: got %s\nwant %s", who, got, want)
		}
	}
	if got := text(root, bob, "s3:PutObject"); got != want {
		t.Errorf("bob at home: got %s\nwant %s", got, want)
	}
	// What somebody may do in her own account is not asked by way of another's resource.
	person(t, g, "eve", `{"Version":"2012-10-17","Statement":[{"Sid":"Secret","Effect":"Allow","Action":"*","Resource":"*"}]}`)
	const eve = "arn:aws:iam::" + home + ":user/eve"
	for _, action := range []string{"keytrail:DeleteResource", "iam:CreateUser", "s3:DeleteObject"} {
		if d := may(t, g, theirs, eve, action, b+"/k"); d.Allowed() || d.Fault != nil || d.Check.Layers != nil || d.Check.Statements != nil {
			t.Errorf("%s on another's resource: %+v %v", action, d.Check, d.Fault)
		}
	}
	// Who owns the resource is the only one who has a say, or tags, of it.
	for what, in := range map[string]any{"PutResource": &commands.PutResourceInput{ResourceArn: b}, "PutResource below": &commands.PutResourceInput{ResourceArn: b + "/k"}} {
		name, _, _ := strings.Cut(what, " ")
		if a := g.Serve(t.Context(), request(root, "keytrail", name, in)); code(a.Err) != "EntityAlreadyExists" {
			t.Errorf("%s of another's: %v", what, a.Err)
		}
	}
	a := g.Serve(t.Context(), request(root, "keytrail", "DeleteResource", &commands.DeleteResourceInput{ResourceArn: b}))
	never := g.Serve(t.Context(), request(root, "keytrail", "DeleteResource", &commands.DeleteResourceInput{ResourceArn: b + "x"}))
	if code(a.Err) != "NoSuchEntity" || strings.ReplaceAll(a.Err.Error(), b, "R") != strings.ReplaceAll(never.Err.Error(), b+"x", "R") {
		t.Errorf("delete another's: %v; nobody's: %v", a.Err, never.Err)
	}
	// A batch is refused for one question that may not be asked.
	batch := func(resource string) string {
		return `{"subject":{"type":"user","id":"` + ana + `"},"action":{"name":"s3:GetObject"},"evaluations":[{"resource":{"type":"s3","id":"b/k"}},{"resource":{"type":"s3","id":"` + resource + `"}}]}`
	}
	if d := decisions(t, asked(t, g, theirs, batch("b/l"))); !d[0].Allowed() || !d[1].Allowed() {
		t.Errorf("a batch: %+v", d)
	}
	if a := asked(t, g, theirs, batch("c")); code(a.Err) != "AccessDenied" {
		t.Errorf("a batch with one too many: %v", a.Err)
	}
	ask[*commands.DeleteResourceOutput](t, g, theirs, "keytrail", "DeleteResource", &commands.DeleteResourceInput{ResourceArn: b})
	if a := asked(t, g, theirs, about(ana, "s3:GetObject", b+"/k")); code(a.Err) != "AccessDenied" {
		t.Errorf("after it was deleted: %v", a.Err)
	}
	// A user made anew under an old name is somebody else.
	put(t, g, theirs, b, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"`+ana+`"},"Action":"s3:*","Resource":"*"}]}`)
	if d := may(t, g, theirs, ana, "s3:GetObject", b); !d.Allowed() {
		t.Errorf("ana: %+v", d.Check)
	}
	ask[*iam.DeleteUserPolicyOutput](t, g, root, "iam", "DeleteUserPolicy", &iam.DeleteUserPolicyInput{UserName: new("ana"), PolicyName: new("p")})
	for _, id := range ask[*iam.ListAccessKeysOutput](t, g, root, "iam", "ListAccessKeys", &iam.ListAccessKeysInput{UserName: new("ana")}).AccessKeyMetadata {
		ask[*iam.DeleteAccessKeyOutput](t, g, root, "iam", "DeleteAccessKey", &iam.DeleteAccessKeyInput{UserName: new("ana"), AccessKeyId: id.AccessKeyId})
	}
	ask[*iam.DeleteUserOutput](t, g, root, "iam", "DeleteUser", &iam.DeleteUserInput{UserName: new("ana")})
	person(t, g, "ana", reads)
	if d := may(t, g, theirs, ana, "s3:GetObject", b); d.Allowed() {
		t.Errorf("the new ana: %+v", d.Check)
	}
	g.Pager.Close()
}

// The answer is what the evaluator says with the resource's policy, whichever
// account the subject and the resource are of.
func TestAnswerIsTheEvaluators(t *testing.T) {
	log := &journaltest.Memory{}
	g := newLab(t, log).gate("node1", log)
	theirs := second(t, g)
	r := rand.New(rand.NewSource(1))
	pick := func(of ...string) string { return of[r.Intn(len(of))] }
	statement := func(principal string) string {
		s := `{"Effect":"` + pick("Allow", "Allow", "Deny") + `",` + principal + `"Action":"` + pick("s3:*", "s3:Get*", "*", "s3:PutObject") + `","Resource":"` + pick("*", "arn:aws:s3:::b/*", "arn:aws:s3:::b", "arn:aws:s3:::b/x/*") + `"`
		if r.Intn(3) == 0 {
			s += `,"Condition":{"` + pick("StringEquals", "StringNotEquals") + `":{"` + pick("aws:ResourceTag/team", "aws:ResourceAccount", "aws:PrincipalAccount") + `":"` + pick("red", home, abroad) + `"}}`
		}
		return s + "}"
	}
	document := func(principals ...string) string {
		list := []string{statement(pick(principals...))}
		for r.Intn(2) == 0 {
			list = append(list, statement(pick(principals...)))
		}
		return `{"Version":"2012-10-17","Statement":[` + strings.Join(list, ",") + `]}`
	}
	const ana = "arn:aws:iam::" + home + ":user/ana"
	const b = "arn:aws:s3:::b"
	person(t, g, "ana", "")
	yes, no := [2]int{}, [2]int{}
	for i := range 300 {
		owner, between := root, 0
		if i%2 == 0 {
			owner, between = theirs, 1
		}
		identity, resource, below := document(""), document(`"Principal":"*",`, `"Principal":{"AWS":"`+ana+`"},`, `"Principal":{"AWS":"`+home+`"},`, `"NotPrincipal":{"AWS":"`+ana+`"},`), ""
		ask[*iam.PutUserPolicyOutput](t, g, root, "iam", "PutUserPolicy", &iam.PutUserPolicyInput{UserName: new("ana"), PolicyName: new("p"), PolicyDocument: &identity})
		team := pick("red", "blue")
		put(t, g, owner, b, resource, "team", team)
		if r.Intn(3) == 0 {
			below = document(`"Principal":"*",`)
			put(t, g, owner, b+"/x", below, "team", "red")
		}
		now, _, _ := g.Live.Freeze()
		a, _ := now.Account(home)
		u, _ := a.User("ana")
		p := &policy.Policies{}
		add := func(list *[]policy.Attached, kind policy.Kind, text string) {
			if text != "" {
				one, err := policy.Parse(kind, text)
				if err != nil {
					t.Fatal(err)
				}
				*list = append(*list, policy.Attached{Policy: one, Source: &policy.Source{ARN: text}})
			}
		}
		add(&p.Identity, policy.Identity, identity)
		for range 6 {
			what, action := pick(b, b+"/k", b+"/x", b+"/x/y"), pick("s3:GetObject", "s3:PutObject")
			p.Resource = nil
			add(&p.Resource, policy.Resource, resource)
			if strings.HasPrefix(what, b+"/x") {
				add(&p.Resource, policy.Resource, below)
			}
			account := [2]string{home, abroad}[between]
			var c policy.Context
			who := policy.Principal{Type: policy.User, ARN: ana, Account: home, ID: u.ID, UniqueID: u.ID}
			c.SetPrincipal(&who)
			c.Set("aws:ResourceAccount", account)
			switch {
			case what == b:
				c.Set("aws:ResourceTag/team", team)
			case what == b+"/x" && below != "":
				c.Set("aws:ResourceTag/team", "red")
			}
			var v policy.Verdict
			policy.Evaluate(&policy.Request{Principal: &who, Action: action, Resource: what, ResourceAccount: account, Context: &c}, p, &v)
			asker := owner
			d := may(t, g, asker, ana, action, what)
			if d.Allowed() != v.Allowed() || d.Fault != nil || between == 0 && (d.Check.Effect != v.Effect.String() || len(d.Check.Statements) != len(v.Matched)) {
				t.Fatalf("%d: %s on %s: answered %+v %v, the evaluator says %v %v\nidentity %s\nresource %s\nbelow %s", i, action, what, d.Check, d.Fault, v.Effect, v.Matched, identity, resource, below)
			}
			if v.Allowed() {
				yes[between]++
			} else {
				no[between]++
			}
		}
		if below != "" {
			ask[*commands.DeleteResourceOutput](t, g, owner, "keytrail", "DeleteResource", &commands.DeleteResourceInput{ResourceArn: b + "/x"})
		}
		ask[*commands.DeleteResourceOutput](t, g, owner, "keytrail", "DeleteResource", &commands.DeleteResourceInput{ResourceArn: b})
	}
	t.Logf("yes %v, no %v", yes, no)
	if min(yes[0], yes[1], no[0], no[1]) < 50 {
		t.Error("this tests nothing")
	}
	g.Pager.Close()
}
