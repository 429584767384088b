package scenarios

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/test/harness"
)

// everybodySigned are the only actions that need no permission: whoever is
// authenticated may ask who she is, and a user may get temporary credentials
// that are no more than she is.
var everybodySigned = []string{"sts:GetCallerIdentity", "sts:GetSessionToken"}

// smallest is an input of an action that passes every published constraint:
// what is refused is refused by the gate, not for its form.
var smallest = map[string]string{
	"AccessKeyId": "AKIAIOSFODNN7EXAMPLE", "AccountAlias": "an-alias", "AssumeRolePolicyDocument": trust, "Description": "text",
	"GroupName": "some-group", "InstanceProfileName": "some-profile", "Name": "keytrail", "PermissionsBoundary": "arn:aws:iam::111122223333:policy/some-policy",
	"PolicyArn": "arn:aws:iam::111122223333:policy/some-policy", "PolicyDocument": allow, "PolicyName": "some-policy",
	"RoleArn": "arn:aws:iam::111122223333:role/some-role", "RoleName": "some-role", "RoleSessionName": "session", "Status": "Inactive",
	"UserName": "somebody", "OldPassword": "Passw0rd!", "NewPassword": "Passw0rd?",
	"VirtualMFADeviceName": "some-device", "SerialNumber": "arn:aws:iam::111122223333:mfa/some-device", "AuthenticationCode1": "123456", "AuthenticationCode2": "654321", "VersionId": "v1",
	"Url": "https://id.example.com", "ClientID": "app", "OpenIDConnectProviderArn": "arn:aws:iam::111122223333:oidc-provider/id.example.com",
	"ThumbprintList": strings.Repeat("a", 40), "SAMLProviderArn": "arn:aws:iam::111122223333:saml-provider/corp",
	"SAMLMetadataDocument": strings.Repeat("x", 1000),
	"PolicyInputList":      allow, "ActionNames": "iam:ListUsers", "PolicySourceArn": "arn:aws:iam::111122223333:user/somebody",
}

// trailMembers are those that CloudTrail's actions must be given.
var trailMembers = map[string]any{
	"Name": "keytrail", "TrailName": "keytrail", "S3BucketName": "some-bucket",
	"ResourceId": "arn:aws:cloudtrail:us-east-1:111122223333:trail/some-trail", "ResourceIdList": []string{"arn:aws:cloudtrail:us-east-1:111122223333:trail/some-trail"},
	"TagsList": []map[string]string{{"Key": "k"}},
}

// organizationMembers are those that Organizations' actions must be given.
var organizationMembers = map[string]any{
	"AccountName": "shop", "Email": "shop@example.com", "AccountId": "444455556666", "CreateAccountRequestId": "car-aaaaaaaa",
	"ParentId": "r-aaaa", "SourceParentId": "r-aaaa", "DestinationParentId": "r-aaaa", "RootId": "r-aaaa", "ChildId": "444455556666", "ChildType": "ACCOUNT",
	"OrganizationalUnitId": "ou-aaaa-aaaaaaaa", "Name": "name", "PolicyId": "p-aaaaaaaa", "TargetId": "r-aaaa", "PolicyType": "SERVICE_CONTROL_POLICY",
	"Type": "SERVICE_CONTROL_POLICY", "Filter": "SERVICE_CONTROL_POLICY", "Content": allow, "Description": "text",
}

const (
	allow = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":"sts:AssumeRole"}]}`
)

// input finds what an action must be given: the server's own answer names the
// members that are missing.
func input(t *testing.T, s *harness.Server, a audit.Action) any {
	if harness.IsJSON(a.Service) {
		in := map[string]any{}
		if a.Service == "access-analyzer" {
			in["policyDocument"], in["policyType"] = allow, "IDENTITY_POLICY"
			switch a.Name {
			case "CheckNoNewAccess":
				in = map[string]any{"newPolicyDocument": allow, "existingPolicyDocument": allow, "policyType": "IDENTITY_POLICY"}
			case "CheckAccessNotGranted":
				in["access"] = []map[string]any{{"actions": []string{"s3:GetObject"}}}
			case "CheckNoPublicAccess":
				in = map[string]any{"policyDocument": allow, "resourceType": "AWS::S3::Bucket"}
			}
		}
		for name, value := range trailMembers {
			if _, ok := a.Input.FieldByName(name); ok && a.Service == "cloudtrail" {
				in[name] = value
			}
		}
		if a.Service == "organizations" {
			for name, value := range organizationMembers {
				if _, ok := a.Input.FieldByName(name); ok {
					in[name] = value
				}
			}
		}
		if _, ok := a.Input.FieldByName("ResourceArn"); ok && a.Service == "keytrail" {
			in["ResourceArn"] = "arn:aws:s3:::some-bucket"
		}
		if a.Name == "ReadJournal" {
			in["Stream"] = "IDENTITY"
		}
		if a.Name == "Evaluate" || strings.HasPrefix(a.Name, "Search") {
			in["subject"], in["resource"] = map[string]any{"type": "user", "id": "somebody"}, map[string]any{"type": "s3", "id": "b"}
			in["action"] = map[string]any{"name": "s3:GetObject"}
		}
		return in
	}
	form := url.Values{}
	for range 8 { // each answer names what is missing
		answer, err := s.Call(s.Root, a.Service, a.Name, form)
		if err != nil {
			t.Fatal(err)
		}
		missing := missingMembers(answer.Message)
		if answer.Code != "ValidationError" || len(missing) == 0 {
			return form
		}
		for _, m := range missing {
			switch name := strings.ToUpper(m[:1]) + m[1:]; name {
			case "Tags":
				form.Set("Tags.member.1.Key", "k")
				form.Set("Tags.member.1.Value", "v")
			case "TagKeys":
				form.Set("TagKeys.member.1", "k")
			default:
				value, ok := smallest[name]
				if !ok {
					t.Fatalf("%s needs %s, and this test has no value for it: add one", a.Name, name)
				}
				if f, _ := a.Input.FieldByName(name); f.Type.Kind() == reflect.Slice {
					name += ".member.1"
				}
				form.Set(name, value)
			}
		}
	}
	t.Fatalf("%s is never satisfied: %v", a.Name, form)
	return nil
}

// missingMembers reads "Value null at 'userName' failed to satisfy constraint:
// Member must not be null".
func missingMembers(message string) (names []string) {
	for _, part := range strings.Split(message, "Value null at '")[1:] {
		name, rest, _ := strings.Cut(part, "'")
		if strings.HasPrefix(rest, " failed to satisfy constraint: Member must not be null") {
			names = append(names, name)
		}
	}
	return names
}

// T08, and security.md section 6: every action is unreachable unsigned, with a
// wrong signature, with an inactive or unknown key and without permission. The
// refusal, and nothing else, is the answer; and it is in the log.
func TestEveryActionIsGuarded(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	s := harness.Start(t, harness.Options{NoAudit: true})
	nobody, err := s.User(ctx, "may-nothing")
	if err != nil {
		t.Fatal(err)
	}
	inactive, err := s.Key(ctx, s.Root, "may-nothing")
	if err != nil {
		t.Fatal(err)
	}
	name := "may-nothing"
	if _, err := s.IAM(s.Root).UpdateAccessKey(ctx, &iam.UpdateAccessKeyInput{UserName: &name, AccessKeyId: &inactive.KeyID, Status: types.StatusTypeInactive}); err != nil {
		t.Fatal(err)
	}
	wrong := harness.Credentials{KeyID: nobody.KeyID, Secret: strings.Repeat("w", 40)}
	unknown := harness.Credentials{KeyID: "AKIAIOSFODNN7EXAMPLE", Secret: nobody.Secret}
	borrowed := harness.Credentials{KeyID: nobody.KeyID, Secret: nobody.Secret, Token: "AAAA"}

	type try struct {
		how       string
		sign      func(*http.Request, string) *http.Request
		code, own string // in Query, in JSON
		status    int
		recorded  string // effect
	}
	as := func(c harness.Credentials) func(*http.Request, string) *http.Request {
		return func(r *http.Request, service string) *http.Request { return harness.Sign(r, c, service) }
	}
	other := func(r *http.Request, service string) *http.Request { return harness.Sign(r, nobody, service+"x") }
	tries := []try{
		{"unsigned", func(r *http.Request, _ string) *http.Request { return r }, "MissingAuthenticationToken", "MissingAuthenticationTokenException", 403, "Unauthenticated"},
		{"with a wrong secret", as(wrong), "SignatureDoesNotMatch", "InvalidSignatureException", 403, "Unauthenticated"},
		{"with an unknown key", as(unknown), "InvalidClientTokenId", "UnrecognizedClientException", 403, "Unauthenticated"},
		{"with an inactive key", as(inactive), "InvalidClientTokenId", "UnrecognizedClientException", 403, "Unauthenticated"},
		{"with a token that is none", as(borrowed), "InvalidClientTokenId", "UnrecognizedClientException", 403, "Unauthenticated"},
		{"signed for another service", other, "SignatureDoesNotMatch", "InvalidSignatureException", 403, "Unauthenticated"},
		{"without permission", as(nobody), "AccessDenied", "AccessDeniedException", 403, "ImplicitDeny"},
	}
	type asked struct {
		what, effect, code string
		service, action    string
	}
	recorded := map[string]asked{}
	actions := slices.DeleteFunc(audit.Actions(), func(a audit.Action) bool { return a.Service == "s3" }) // TestDeliveredFiles
	for _, a := range actions {
		in := input(t, s, a)
		for _, try := range tries {
			want, status := try.code, try.status
			if harness.IsJSON(a.Service) {
				want = try.own
			}
			if harness.Targets[a.Service] != "" { // JSON 1.1 has no other
				status = 400
			}
			answer, err := harness.Do(try.sign(s.Request(a.Service, a.Name, in), a.Service))
			if err != nil {
				t.Fatalf("%s %s: %v", a.FullName(), try.how, err)
			}
			what := a.FullName() + " " + try.how
			effect := try.recorded
			if try.how == "without permission" && slices.Contains(everybodySigned, a.FullName()) {
				want, status, effect = "", 200, "Allow"
			}
			if answer.Code != want || answer.Status != status {
				t.Errorf("%s: got %s; want %d %s", what, answer, status, want)
			}
			recorded[answer.RequestID] = asked{what, effect, try.code, a.Service + ".amazonaws.com", a.Name}
		}
	}
	if n := len(actions) * len(tries); len(recorded) != n {
		t.Errorf("%d request ids for %d requests", len(recorded), n)
	}
	by, err := s.ByRequest()
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range recorded {
		r, ok := by[id]
		if !ok {
			t.Errorf("%s: the log has no record of request %s", want.what, id)
			continue
		}
		if r.EventSource != want.service || r.EventName != want.action || r.Verdict.Effect != want.effect || (want.effect != "Allow") != (r.ErrorCode != "") {
			t.Errorf("%s: recorded as %s %s, %s %q; want %s, %s", want.what, r.EventSource, r.EventName, r.Verdict.Effect, r.ErrorCode, want.action, want.effect)
		}
		if string(r.ResponseElements) != "null" && string(r.ResponseElements) != "" && want.effect != "Allow" {
			t.Errorf("%s: refused, and yet the record shows an answer: %s", want.what, r.ResponseElements)
		}
	}
	if err := s.Verify(); err != nil {
		t.Error(err)
	}
}

// Operations that AWS has and we do not: AWS's error for an action it does not
// know, a record, and never an empty success. A new operation of the SDK is in
// here by itself.
func TestUnsupportedOperations(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{NoAudit: true})
	ours := map[string]bool{}
	for _, a := range audit.Actions() {
		ours[a.FullName()] = true
	}
	clients := map[string]reflect.Type{"iam": reflect.TypeFor[*iam.Client](), "sts": reflect.TypeFor[*sts.Client](), "cloudtrail": reflect.TypeFor[*cloudtrail.Client](),
		"organizations": reflect.TypeFor[*organizations.Client]()}
	type tried struct{ service, action string }
	asked := map[string]tried{}
	supported := 0
	for _, service := range []string{"iam", "sts", "cloudtrail", "organizations"} {
		client := clients[service]
		for i := range client.NumMethod() {
			action := client.Method(i).Name
			if action == "Options" {
				continue
			}
			if ours[service+":"+action] {
				supported++
				continue
			}
			answer, err := s.Call(s.Root, service, action, nil)
			if err != nil {
				t.Fatalf("%s:%s: %v", service, action, err)
			}
			want := "InvalidAction"
			if harness.IsJSON(service) {
				want = "UnknownOperationException"
			}
			if answer.Code != want || answer.Status != 400 || !strings.Contains(answer.Message, action) {
				t.Errorf("%s:%s: got %s; want 400 %s naming the action", service, action, answer, want)
			}
			asked[answer.RequestID] = tried{service, action}
		}
	}
	own := 0
	for name := range ours {
		if strings.HasPrefix(name, "keytrail:") || strings.HasPrefix(name, "access-analyzer:") || strings.HasPrefix(name, "s3:") {
			own++
		}
	}
	// Of Access Analyzer the operations that keep something are not there.
	r := s.Request("access-analyzer", "ListAnalyzers", nil)
	r.Method, r.Body = http.MethodGet, nil
	r.ContentLength, r.GetBody = 0, nil
	answer, err := harness.Do(harness.Sign(r, s.Root, "access-analyzer"))
	if err != nil || answer.Code != "UnknownOperationException" || answer.Status != 404 || !strings.Contains(answer.Message, "ListAnalyzers") {
		t.Errorf("ListAnalyzers: got %v %v; want 404 UnknownOperationException", answer, err)
	}
	asked[answer.RequestID] = tried{"access-analyzer", "ListAnalyzers"}
	if supported != len(ours)-own || supported+len(asked) < 250 {
		t.Errorf("%d of our %d actions are the SDK's, %d are not supported: the test does not see all operations", supported, len(ours)-own, len(asked))
	}
	by, err := s.ByRequest()
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range asked {
		if r, ok := by[id]; !ok || r.EventName != want.action || r.EventSource != want.service+".amazonaws.com" || r.ErrorCode == "" || r.Verdict.Effect == "Allow" || r.Verdict.Effect == "" {
			t.Errorf("%s:%s: recorded as %q %q, error %q, effect %q", want.service, want.action, r.EventSource, r.EventName, r.ErrorCode, r.Verdict.Effect)
		}
	}
	if err := s.Verify(); err != nil {
		t.Error(err)
	}
}

// Every decision makes an audit row, whatever it was: refused, unsupported,
// malformed. (One that made none would stop all rows after it.)
func TestEveryRecordMakesARow(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	ana, err := s.User(context.Background(), "ana")
	if err != nil {
		t.Fatal(err)
	}
	odd := []*http.Request{
		s.Request("iam", "ListUsers", nil),
		harness.Sign(s.Request("iam", "ListUsers", nil), ana, "iam"),
		harness.Sign(s.Request("iam", "CreateUser", nil), ana, "iam"),
		harness.Sign(s.Request("iam", "CreateUser", url.Values{"UserName": {"a b"}}), s.Root, "iam"),
		harness.Sign(s.Request("iam", "CreateUser", url.Values{"UserName": {"x"}, "Shoe": {"43"}}), s.Root, "iam"),
		harness.Sign(s.Request("iam", "UploadSSHPublicKey", nil), s.Root, "iam"),
		harness.Sign(s.Request("sts", "GetFederationToken", nil), ana, "sts"),
		harness.Sign(s.Request("cloudtrail", "StopLogging", nil), ana, "cloudtrail"),
		harness.Sign(s.Request("cloudtrail", "LookupEvents", map[string]any{"MaxResults": 51}), s.Root, "cloudtrail"),
		harness.Sign(s.Request("cloudtrail", "LookupEvents", map[string]any{"NextToken": "x"}), s.Root, "cloudtrail"),
		harness.Sign(s.Request("keytrail", "ReadJournal", map[string]any{"Stream": "x"}), ana, "keytrail"),
		harness.Sign(s.Request("keytrail", "ReadJournal", map[string]any{"Shoe": "x"}), s.Root, "keytrail"),
		harness.Sign(s.Request("sts", "GetCallerIdentity", nil), s.Root, "sts"),
	}
	var last *harness.Answer
	for _, r := range odd {
		if last, err = harness.Do(r); err != nil {
			t.Fatal(err)
		}
	}
	records, err := s.Records()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(records, func(r events.Record) bool { return r.RequestID == last.RequestID })
	if i < 0 {
		t.Fatal("the last request is not in the log")
	}
	if err := awaitRow(s, records[i].EventID); err != nil {
		t.Error(err)
	}
	for _, r := range records {
		if r.Verdict.Effect == "" {
			t.Errorf("%s by %s (%s) has no effect", r.EventName, r.UserIdentity.ARN, r.ErrorCode)
		}
	}
}

func awaitRow(s *harness.Server, id string) error {
	var err error
	for range 60 {
		r := s.Keytrail(s.Root, "audit", "query", "--all-accounts", "--event-id", id, "--output", "json")
		if r.Code == 0 && strings.Contains(r.Out, id) {
			return nil
		}
		err = fmt.Errorf("no row of event %s: %s%s", id, r.Out, r.Err)
		time.Sleep(500 * time.Millisecond)
	}
	return err
}
