package simulate_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/smithy-go"

	"github.com/keytrail/keytrail/test/harness"
)

func problem(err error) string {
	var e smithy.APIError
	if errors.As(err, &e) {
		return e.ErrorCode() + ": " + e.ErrorMessage()
	}
	return fmt.Sprint(err)
}

// Simulations are permitted, denied and recorded like everything else, and
// their answers come through the wire as the SDK reads them.
func TestThroughTheSDK(t *testing.T) {
	ctx := t.Context()
	s := harness.Start(t, harness.Options{NoAudit: true})
	root := s.IAM(s.Root)
	ana, bob := must(s.User(ctx, "ana")), must(s.User(ctx, "bob"))
	lines := "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\"Effect\": \"Allow\", \"Action\": \"s3:*\", \"Resource\": \"*\"},\n    {\"Effect\": \"Deny\", \"Action\": \"s3:Put*\", \"Resource\": \"*\", \"Condition\": {\"Bool\": {\"aws:SecureTransport\": \"false\"}}}\n  ]\n}"
	must(root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: new("ana"), PolicyName: new("files"), PolicyDocument: &lines}))
	may := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:SimulatePrincipalPolicy","iam:GetContextKeysForPrincipalPolicy"],"Resource":"` + iams + `user/ana"}}`
	must(root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: new("bob"), PolicyName: new("may"), PolicyDocument: &may}))
	arn := new(iams + "user/ana")

	in := &iam.SimulatePrincipalPolicyInput{PolicySourceArn: arn, ActionNames: []string{"s3:PutObject", "s3:GetObject"}, ResourceArns: []string{"arn:aws:s3:::b/x", "*"},
		ContextEntries: []types.ContextEntry{{ContextKeyName: new("aws:SecureTransport"), ContextKeyType: "boolean", ContextKeyValues: []string{"false"}}}}
	var got []string
	for p := iam.NewSimulatePrincipalPolicyPaginator(s.IAM(bob), in, func(o *iam.SimulatePrincipalPolicyPaginatorOptions) { o.Limit = 3 }); p.HasMorePages(); {
		page := must(p.NextPage(ctx))
		for _, r := range page.EvaluationResults {
			line := fmt.Sprintf("%s %s %s %v %d", *r.EvalActionName, *r.EvalResourceName, r.EvalDecision, r.EvalDecisionDetails != nil, len(r.ResourceSpecificResults))
			for _, m := range r.MatchedStatements {
				line += fmt.Sprintf(" %s(%s) %d:%d-%d:%d", *m.SourcePolicyId, m.SourcePolicyType, m.StartPosition.Line, m.StartPosition.Column, m.EndPosition.Line, m.EndPosition.Column)
			}
			got = append(got, line)
		}
		got = append(got, "--")
	}
	want := []string{
		"s3:PutObject arn:aws:s3:::b/x explicitDeny true 1 files(IAM Policy) 3:17-4:59 files(IAM Policy) 4:59-5:118",
		"s3:PutObject * explicitDeny false 0 files(IAM Policy) 3:17-4:59 files(IAM Policy) 4:59-5:118",
		"s3:GetObject arn:aws:s3:::b/x allowed true 1 files(IAM Policy) 3:17-4:59", "--",
		"s3:GetObject * allowed false 0 files(IAM Policy) 3:17-4:59", "--",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	keys := must(s.IAM(bob).GetContextKeysForPrincipalPolicy(ctx, &iam.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: arn}))
	if !slices.Equal(keys.ContextKeyNames, []string{"aws:SecureTransport"}) {
		t.Errorf("keys %q", keys.ContextKeyNames)
	}

	_, err := s.IAM(ana).SimulatePrincipalPolicy(ctx, in)
	if want := "AccessDenied: User: " + *arn + " is not authorized to perform: iam:SimulatePrincipalPolicy on resource: " + *arn + " because no identity-based policy allows the iam:SimulatePrincipalPolicy action"; problem(err) != want {
		t.Errorf("ana of herself: %s", problem(err))
	}
	in.PolicySourceArn = new(iams + "user/bob")
	if _, err = s.IAM(bob).SimulatePrincipalPolicy(ctx, in); !strings.HasPrefix(problem(err), "AccessDenied: ") {
		t.Errorf("bob of himself: %s", problem(err))
	}
	if _, err = s.IAM(bob).SimulateCustomPolicy(ctx, &iam.SimulateCustomPolicyInput{PolicyInputList: []string{lines}, ActionNames: []string{"s3:GetObject"}}); !strings.Contains(problem(err), "iam:SimulateCustomPolicy on resource: * because") {
		t.Errorf("bob of a document: %s", problem(err))
	}
	for source, want := range map[string]string{
		"arn:aws:iam::999988887777:user/ana":           "AccessDenied: User: arn:aws:iam::111122223333:root is not authorized to perform: iam:SimulatePrincipalPolicy on resource: arn:aws:iam::999988887777:user/ana because no resource-based policy allows the iam:SimulatePrincipalPolicy action",
		iams + "user/x/ana":                            "NoSuchEntity: The user with name ana cannot be found.",
		iams + "user/ANA":                              "NoSuchEntity: The user with name ANA cannot be found.",
		"arn:aws:sts::111122223333:assumed-role/r/s-1": "InvalidInput: Invalid Entity Arn: arn:aws:sts::111122223333:assumed-role/r/s-1 does not clearly define entity type and name.",
	} {
		in.PolicySourceArn = &source
		if _, err := root.SimulatePrincipalPolicy(ctx, in); problem(err) != want {
			t.Errorf("%s:\ngot  %s\nwant %s", source, problem(err), want)
		}
	}
	_, err = root.SimulateCustomPolicy(ctx, &iam.SimulateCustomPolicyInput{PolicyInputList: []string{"{"}, ActionNames: []string{"s3:GetObject"}})
	if want := "InvalidInput: Syntax errors in policy."; problem(err) != want {
		t.Errorf("got %s, want %s", problem(err), want)
	}

	shown := map[string]string{}
	for _, r := range must(s.Records()) {
		if len(r.RequestParameters) > 4 && (strings.HasPrefix(r.EventName, "Simulate") || strings.HasPrefix(r.EventName, "GetContext")) && r.ErrorCode == "" {
			if r.ReadOnly && string(r.ResponseElements) == "null" && r.EventSource == "iam.amazonaws.com" {
				shown[r.EventName] = string(r.RequestParameters)
			}
		}
	}
	for name, want := range map[string]string{
		"SimulatePrincipalPolicy":          `{"actionNames":["s3:PutObject","s3:GetObject"],"contextEntries":[{"contextKeyName":"aws:SecureTransport"}],"maxItems":3,"policySourceArn":"` + iams + `user/ana","resourceArns":["arn:aws:s3:::b/x","*"]}`,
		"GetContextKeysForPrincipalPolicy": `{"policySourceArn":"` + iams + `user/ana"}`,
	} {
		if shown[name] != want {
			t.Errorf("%s is recorded as %s, want %s", name, shown[name], want)
		}
	}
	if err := s.Verify(); err != nil {
		t.Error(err)
	}
}

// What a person asks in a terminal: tests in files, and why.
func TestCommands(t *testing.T) {
	ctx := t.Context()
	s := harness.Start(t, harness.Options{NoAudit: true})
	root := s.IAM(s.Root)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	reader := "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": {\"Sid\": \"Read\", \"Effect\": \"Allow\", \"Action\": \"s3:Get*\", \"Resource\": \"arn:aws:s3:::reports/*\",\n    \"Condition\": {\"IpAddress\": {\"aws:SourceIp\": \"10.0.0.0/8\"}}}\n}"
	path := file("reader.json", reader)
	good := "rule: readers read from inside\nidentity @reader.json\non arn:aws:s3:::reports/a\nwith aws:SourceIp = 10.1.2.3\nthen allow by Identity\n\nrule: and not from outside\nidentity @reader.json\non arn:aws:s3:::reports/a\nwith aws:SourceIp = 192.0.2.1\nthen implicit\nnear identity/0#0 Condition IpAddress aws:SourceIp\n"
	ok := file("good.txt", good)
	bad := file("bad.txt", strings.Replace(good, "then implicit", "then deny", 1))
	broken := file("broken.txt", "identity @none.json\nthen allow")

	ana := must(s.User(ctx, "ana"))
	must(root.CreateGroup(ctx, &iam.CreateGroupInput{GroupName: new("readers")}))
	must(root.AddUserToGroup(ctx, &iam.AddUserToGroupInput{UserName: new("ana"), GroupName: new("readers")}))
	must(root.PutGroupPolicy(ctx, &iam.PutGroupPolicyInput{GroupName: new("readers"), PolicyName: new("reader"), PolicyDocument: &reader}))
	must(root.CreatePolicy(ctx, &iam.CreatePolicyInput{PolicyName: new("fence"), PolicyDocument: new(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["s3:*","iam:Simulate*"],"Resource":"*"}}`)}))
	must(root.PutUserPermissionsBoundary(ctx, &iam.PutUserPermissionsBoundaryInput{UserName: new("ana"), PermissionsBoundary: new(iams + "policy/fence")}))
	must(root.PutUserPolicy(ctx, &iam.PutUserPolicyInput{UserName: new("ana"), PolicyName: new("ask"), PolicyDocument: new(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:Simulate*","Resource":"*"}}`)}))
	must(root.CreateRole(ctx, &iam.CreateRoleInput{RoleName: new("deployer"), AssumeRolePolicyDocument: new(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"` + home + `"},"Action":"sts:AssumeRole"}}`)}))
	must(root.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: new("deployer"), PolicyName: new("inside"), PolicyDocument: &reader}))
	must(root.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: new("deployer"), PolicyArn: new(iams + "policy/fence")}))
	ask := []string{"policy", "explain", "--principal", iams + "user/ana", "--action", "s3:GetObject", "--resource", "arn:aws:s3:::reports/a", "--context", "aws:SourceIp=192.0.2.1"}

	for _, c := range []struct {
		name string
		who  harness.Credentials
		args []string
		code int
		want []string
	}{
		{"tests", harness.Credentials{}, []string{"policy", "test", ok}, 0, []string{"RESULT", "readers read from inside", "good.txt:7", "implicit by Identity"}},
		{"tests as JSON", harness.Credentials{}, []string{"policy", "test", "-o", "json", ok}, 0, []string{`"got": "allow by Identity"`, `"ok": true`}},
		{"a test that differs", harness.Credentials{}, []string{"policy", "test", "-q", ok, bad}, 1, []string{"DIFFERS", "bad.txt:7", "implicit by Identity", "near identity/0#0 Condition IpAddress aws:SourceIp", "1 answers differ"}},
		{"a broken test", harness.Credentials{}, []string{"policy", "test", broken}, 2, []string{"broken.txt:1: open ", "none.json"}},
		{"no test", harness.Credentials{}, []string{"policy", "test"}, 2, nil},
		{"no file", harness.Credentials{}, []string{"policy", "test", filepath.Join(dir, "none")}, 3, nil},
		{"files, allowed", harness.Credentials{}, []string{"policy", "explain", "--policy", path, "--action", "s3:GetObject", "--resource", "arn:aws:s3:::reports/a", "--context", "aws:SourceIp=10.1.1.1"}, 0,
			[]string{"Allow s3:GetObject on arn:aws:s3:::reports/a, by Identity", "reader.json  Read       3:4    Allow"}},
		{"files, bounded", harness.Credentials{}, []string{"policy", "explain", "--principal", iams + "user/ana", "--policy", path, "--boundary", file("b.json", strings.ReplaceAll(reader, "Get", "Put")), "--action", "s3:GetObject", "--resource", "arn:aws:s3:::reports/a", "--context", "aws:SourceIp=10.1.1.1"}, 0,
			[]string{"ImplicitDeny s3:GetObject on arn:aws:s3:::reports/a, by Boundary", "because no permissions boundary allows the s3:GetObject action", "Identity  Allow", "Boundary  ImplicitDeny"}},
		{"files, a key missing", harness.Credentials{}, []string{"policy", "explain", "--policy", path, "--action", "s3:GetObject", "--resource", "arn:aws:s3:::reports/a"}, 0,
			[]string{"NEAREST", "Condition IpAddress aws:SourceIp: the request has none", "does not give: aws:SourceIp"}},
		{"files, many values", harness.Credentials{}, []string{"policy", "explain", "-o", "json", "--policy", path, "--action", "s3:GetObject", "--resource", "arn:aws:s3:::reports/a", "--context", "aws:SourceIp={10.1.1.1, 10.1.1.2}"}, 0,
			[]string{`"decision": "ImplicitDeny"`, `the request has [\"10.1.1.1\" \"10.1.1.2\"]`}},
		{"a server", s.Root, ask, 0, []string{"ImplicitDeny s3:GetObject on arn:aws:s3:::reports/a, by Identity", "Boundary  Allow", "readers/reader", `the request has ["192.0.2.1"]`}},
		{"a server, a role", s.Root, append(slices.Clone(ask[:len(ask)-1]), "aws:SourceIp=10.1.2.3", "--principal", iams+"role/deployer"), 0, []string{"Allow s3:GetObject on arn:aws:s3:::reports/a, by Identity", "Identity  fence   1", "Identity  inside  Read"}},
		{"a server that tells no policies", ana, ask, 0, []string{"ImplicitDeny s3:GetObject", "may not be read with these credentials"}},
		{"a server, nobody", s.Root, []string{"policy", "explain", "--principal", iams + "user/nobody", "--action", "s3:GetObject"}, 3, []string{"SimulatePrincipalPolicy: NoSuchEntity: The user with name nobody cannot be found."}},
		{"nothing", harness.Credentials{}, []string{"policy", "explain", "--action", "s3:GetObject"}, 2, []string{"give policy files"}},
		{"no action", harness.Credentials{}, []string{"policy", "explain", "--policy", path}, 2, []string{"--action is missing"}},
		{"a broken policy", harness.Credentials{}, []string{"policy", "explain", "--policy", broken, "--action", "s3:GetObject"}, 2, []string{"broken.txt: Syntax errors in policy."}},
		{"the evaluator's own cases", harness.Credentials{}, append([]string{"policy", "test", "-q"}, must(filepath.Glob("../policy/testdata/*.txt"))...), 0, nil},
	} {
		if c.name == "the evaluator's own cases" {
			c.args = slices.DeleteFunc(c.args, func(a string) bool { return strings.Contains(a, "reject") })
		}
		r := s.Keytrail(c.who, c.args...)
		if r.Code != c.code {
			t.Errorf("%s: exit code %d, want %d\n%s%s", c.name, r.Code, c.code, r.Out, r.Err)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(r.Out+r.Err, want) {
				t.Errorf("%s: want %q in\n%s%s", c.name, want, r.Out, r.Err)
			}
		}
	}
}
