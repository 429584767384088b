// Package attacks tries what has worked against others: docs/attacks.md names
// each attack and the test that shows it fail here.
package attacks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/keytrail/keytrail/test/harness"
)

const (
	adminARN = "arn:aws:iam::aws:policy/AdministratorAccess"
	account  = "111122223333"
)

func document(statements ...string) *string {
	return new(`{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`)
}

func allow(actions ...string) string {
	return `{"Effect":"Allow","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"*"}`
}

func deny(actions ...string) string {
	return `{"Effect":"Deny","Action":["` + strings.Join(actions, `","`) + `"],"Resource":"*"}`
}

func trusts(who, condition string) *string {
	return new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + who + `"},"Action":"sts:AssumeRole"` + condition + `}]}`)
}

func localARN(kind, name string) *string {
	return new("arn:aws:iam::" + account + ":" + kind + "/" + name)
}

// refused says that a call was denied, and nothing else.
func refused(err error) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == "AccessDenied"
}

// escalation is one way to more rights than one has, and the actions that it takes.
type escalation struct {
	name  string
	needs []string
	try   func(context.Context, *harness.Server, harness.Credentials, *iam.Client) error
}

func call[I, O any](op func(*iam.Client, context.Context, *I, ...func(*iam.Options)) (O, error), in *I) func(context.Context, *harness.Server, harness.Credentials, *iam.Client) error {
	return func(ctx context.Context, _ *harness.Server, _ harness.Credentials, c *iam.Client) error {
		_, err := op(c, ctx, in)
		return err
	}
}

var escalations = []escalation{
	{"a new version of a policy that one has", []string{"iam:CreatePolicyVersion"},
		call((*iam.Client).CreatePolicyVersion, &iam.CreatePolicyVersionInput{PolicyArn: localARN("policy", "own"), PolicyDocument: document(allow("*")), SetAsDefault: true})},
	{"an older version of it", []string{"iam:SetDefaultPolicyVersion"},
		call((*iam.Client).SetDefaultPolicyVersion, &iam.SetDefaultPolicyVersionInput{PolicyArn: localARN("policy", "own"), VersionId: new("v2")})},
	{"an access key of another user", []string{"iam:CreateAccessKey"}, call((*iam.Client).CreateAccessKey, &iam.CreateAccessKeyInput{UserName: new("admin")})},
	{"a password for another user", []string{"iam:CreateLoginProfile"},
		call((*iam.Client).CreateLoginProfile, &iam.CreateLoginProfileInput{UserName: new("admin"), Password: new("Str0ng-enough!")})},
	{"another password for another user", []string{"iam:UpdateLoginProfile"},
		call((*iam.Client).UpdateLoginProfile, &iam.UpdateLoginProfileInput{UserName: new("boss"), Password: new("Str0ng-enough!")})},
	{"a policy for oneself", []string{"iam:AttachUserPolicy"}, call((*iam.Client).AttachUserPolicy, &iam.AttachUserPolicyInput{UserName: new("eve"), PolicyArn: new(adminARN)})},
	{"a policy for one's group", []string{"iam:AttachGroupPolicy"}, call((*iam.Client).AttachGroupPolicy, &iam.AttachGroupPolicyInput{GroupName: new("staff"), PolicyArn: new(adminARN)})},
	{"a policy for one's role", []string{"iam:AttachRolePolicy"}, call((*iam.Client).AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: new("open"), PolicyArn: new(adminARN)})},
	{"an inline policy for oneself", []string{"iam:PutUserPolicy"},
		call((*iam.Client).PutUserPolicy, &iam.PutUserPolicyInput{UserName: new("eve"), PolicyName: new("more"), PolicyDocument: document(allow("*"))})},
	{"an inline policy for one's group", []string{"iam:PutGroupPolicy"},
		call((*iam.Client).PutGroupPolicy, &iam.PutGroupPolicyInput{GroupName: new("staff"), PolicyName: new("more"), PolicyDocument: document(allow("*"))})},
	{"an inline policy for one's role", []string{"iam:PutRolePolicy"},
		call((*iam.Client).PutRolePolicy, &iam.PutRolePolicyInput{RoleName: new("open"), PolicyName: new("more"), PolicyDocument: document(allow("*"))})},
	{"the group of the mighty", []string{"iam:AddUserToGroup"}, call((*iam.Client).AddUserToGroup, &iam.AddUserToGroupInput{UserName: new("eve"), GroupName: new("admins")})},
	{"the trust of a mighty role", []string{"iam:UpdateAssumeRolePolicy"},
		call((*iam.Client).UpdateAssumeRolePolicy, &iam.UpdateAssumeRolePolicyInput{RoleName: new("shut"), PolicyDocument: trusts("arn:aws:iam::"+account+":root", "")})},
	{"a mighty role for one's machine", []string{"iam:AddRoleToInstanceProfile", "iam:PassRole"},
		call((*iam.Client).AddRoleToInstanceProfile, &iam.AddRoleToInstanceProfileInput{InstanceProfileName: new("box"), RoleName: new("shut")})},
	{"a role that trusts the account", []string{"sts:AssumeRole"}, func(ctx context.Context, s *harness.Server, c harness.Credentials, _ *iam.Client) error {
		_, err := s.STS(c).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: localARN("role", "open"), RoleSessionName: new("eve")})
		return err
	}},
	{"away with a role's boundary", []string{"iam:DeleteRolePermissionsBoundary"}, call((*iam.Client).DeleteRolePermissionsBoundary, &iam.DeleteRolePermissionsBoundaryInput{RoleName: new("bounded")})},
	{"a wider boundary for a role", []string{"iam:PutRolePermissionsBoundary"},
		call((*iam.Client).PutRolePermissionsBoundary, &iam.PutRolePermissionsBoundaryInput{RoleName: new("bounded"), PermissionsBoundary: new(adminARN)})},
	{"away with one's own denial", []string{"iam:DetachUserPolicy"}, call((*iam.Client).DetachUserPolicy, &iam.DetachUserPolicyInput{UserName: new("eve"), PolicyArn: localARN("policy", "no")})},
	{"out of the group that denies", []string{"iam:RemoveUserFromGroup"}, call((*iam.Client).RemoveUserFromGroup, &iam.RemoveUserFromGroupInput{UserName: new("eve"), GroupName: new("watched")})},
	{"away with the inline denial of one's group", []string{"iam:DeleteGroupPolicy"},
		call((*iam.Client).DeleteGroupPolicy, &iam.DeleteGroupPolicyInput{GroupName: new("watched"), PolicyName: new("no")})},
	{"away with another's second factor", []string{"iam:DeleteVirtualMFADevice"},
		call((*iam.Client).DeleteVirtualMFADevice, &iam.DeleteVirtualMFADeviceInput{SerialNumber: localARN("mfa", "spare")})},
	{"a weaker password policy", []string{"iam:UpdateAccountPasswordPolicy"}, call((*iam.Client).UpdateAccountPasswordPolicy, &iam.UpdateAccountPasswordPolicyInput{})},
	{"a provider of one's own", []string{"iam:CreateOpenIDConnectProvider"},
		call((*iam.Client).CreateOpenIDConnectProvider, &iam.CreateOpenIDConnectProviderInput{Url: new("https://evil.example.com"), ThumbprintList: []string{strings.Repeat("a", 40)}})},
	{"another audience for a provider", []string{"iam:AddClientIDToOpenIDConnectProvider"},
		call((*iam.Client).AddClientIDToOpenIDConnectProvider, &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: localARN("oidc-provider", "id.example.com"), ClientID: new("evil")})},
	{"a key that was switched off", []string{"iam:UpdateAccessKey"}, nil}, // see lab
	// The last, for they end the bounds of who asks.
	{"a wider boundary for oneself", []string{"iam:PutUserPermissionsBoundary"},
		call((*iam.Client).PutUserPermissionsBoundary, &iam.PutUserPermissionsBoundaryInput{UserName: new("eve"), PermissionsBoundary: new(adminARN)})},
	{"away with one's own boundary", []string{"iam:DeleteUserPermissionsBoundary"}, call((*iam.Client).DeleteUserPermissionsBoundary, &iam.DeleteUserPermissionsBoundaryInput{UserName: new("eve")})},
}

// lab is a server with the mighty, the bounded and eve.
type lab struct {
	t    *testing.T
	s    *harness.Server
	root *iam.Client
	eve  harness.Credentials
}

func newLab(t *testing.T) *lab {
	t.Helper()
	ctx := context.Background()
	s := harness.Start(t, harness.Options{NoAudit: true})
	l := &lab{t: t, s: s, root: s.IAM(s.Root)}
	for _, name := range []string{"admin", "boss"} {
		if _, err := s.User(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if l.eve, err = s.User(ctx, "eve"); err != nil {
		t.Fatal(err)
	}
	off, err := s.Key(ctx, s.Root, "boss")
	if err != nil {
		t.Fatal(err)
	}
	for i := range escalations {
		if escalations[i].needs[0] == "iam:UpdateAccessKey" {
			escalations[i].try = call((*iam.Client).UpdateAccessKey, &iam.UpdateAccessKeyInput{UserName: new("boss"), AccessKeyId: &off.KeyID, Status: types.StatusTypeActive})
		}
	}
	for _, do := range []func(context.Context, *harness.Server, harness.Credentials, *iam.Client) error{
		call((*iam.Client).UpdateAccessKey, &iam.UpdateAccessKeyInput{UserName: new("boss"), AccessKeyId: &off.KeyID, Status: types.StatusTypeInactive}),
		call((*iam.Client).CreateLoginProfile, &iam.CreateLoginProfileInput{UserName: new("boss"), Password: new("Str0ng-enough?")}),
		call((*iam.Client).CreatePolicy, &iam.CreatePolicyInput{PolicyName: new("own"), PolicyDocument: document(allow("s3:ListBucket"))}),
		call((*iam.Client).CreatePolicyVersion, &iam.CreatePolicyVersionInput{PolicyArn: localARN("policy", "own"), PolicyDocument: document(allow("*"))}),
		call((*iam.Client).AttachUserPolicy, &iam.AttachUserPolicyInput{UserName: new("eve"), PolicyArn: localARN("policy", "own")}),
		call((*iam.Client).CreatePolicy, &iam.CreatePolicyInput{PolicyName: new("no"), PolicyDocument: document(deny("s3:DeleteBucket"))}),
		call((*iam.Client).AttachUserPolicy, &iam.AttachUserPolicyInput{UserName: new("eve"), PolicyArn: localARN("policy", "no")}),
		call((*iam.Client).CreatePolicy, &iam.CreatePolicyInput{PolicyName: new("bound"), PolicyDocument: document(allow("s3:*", "iam:Get*"))}),
		call((*iam.Client).CreateGroup, &iam.CreateGroupInput{GroupName: new("staff")}),
		call((*iam.Client).CreateGroup, &iam.CreateGroupInput{GroupName: new("watched")}),
		call((*iam.Client).PutGroupPolicy, &iam.PutGroupPolicyInput{GroupName: new("watched"), PolicyName: new("no"), PolicyDocument: document(deny("s3:DeleteObject"))}),
		call((*iam.Client).CreateGroup, &iam.CreateGroupInput{GroupName: new("admins")}),
		call((*iam.Client).AttachGroupPolicy, &iam.AttachGroupPolicyInput{GroupName: new("admins"), PolicyArn: new(adminARN)}),
		call((*iam.Client).AddUserToGroup, &iam.AddUserToGroupInput{UserName: new("eve"), GroupName: new("staff")}),
		call((*iam.Client).AddUserToGroup, &iam.AddUserToGroupInput{UserName: new("eve"), GroupName: new("watched")}),
		call((*iam.Client).CreateRole, &iam.CreateRoleInput{RoleName: new("open"), AssumeRolePolicyDocument: trusts("arn:aws:iam::"+account+":root", "")}),
		call((*iam.Client).CreateRole, &iam.CreateRoleInput{RoleName: new("shut"), AssumeRolePolicyDocument: trusts("arn:aws:iam::"+account+":user/admin", "")}),
		call((*iam.Client).AttachRolePolicy, &iam.AttachRolePolicyInput{RoleName: new("shut"), PolicyArn: new(adminARN)}),
		call((*iam.Client).CreateRole, &iam.CreateRoleInput{RoleName: new("bounded"), AssumeRolePolicyDocument: trusts("arn:aws:iam::"+account+":root", ""), PermissionsBoundary: localARN("policy", "bound")}),
		call((*iam.Client).CreateInstanceProfile, &iam.CreateInstanceProfileInput{InstanceProfileName: new("box")}),
		call((*iam.Client).CreateVirtualMFADevice, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: new("spare")}),
		call((*iam.Client).CreateOpenIDConnectProvider, &iam.CreateOpenIDConnectProviderInput{Url: new("https://id.example.com"), ThumbprintList: []string{strings.Repeat("b", 40)}}),
	} {
		if err := do(ctx, s, s.Root, l.root); err != nil {
			t.Fatal(err)
		}
	}
	return l
}

// may gives eve one inline policy in place of any she had.
func (l *lab) may(statements ...string) {
	l.t.Helper()
	in := &iam.PutUserPolicyInput{UserName: new("eve"), PolicyName: new("rights"), PolicyDocument: document(statements...)}
	if _, err := l.root.PutUserPolicy(context.Background(), in); err != nil {
		l.t.Fatal(err)
	}
}

func (l *lab) bound(policy *string) {
	l.t.Helper()
	if _, err := l.root.PutUserPermissionsBoundary(context.Background(), &iam.PutUserPermissionsBoundaryInput{UserName: new("eve"), PermissionsBoundary: policy}); err != nil {
		l.t.Fatal(err)
	}
}

// T11: none of the known ways to more rights works without its very permission,
// whatever else one may do; a permissions boundary holds; and with the
// permission each of them works, so it was the permission that was missing.
func TestEscalation(t *testing.T) {
	ctx := context.Background()
	l := newLab(t)
	eve := l.s.IAM(l.eve)
	for _, e := range escalations {
		l.may(allow("s3:ListBucket"))
		if err := e.try(ctx, l.s, l.eve, eve); !refused(err) {
			t.Errorf("%s, with nothing: %v, want AccessDenied", e.name, err)
		}
		for _, missing := range e.needs {
			l.may(allow("*"), deny(missing))
			if err := e.try(ctx, l.s, l.eve, eve); !refused(err) || !strings.Contains(err.Error(), "with an explicit deny") {
				t.Errorf("%s, with all but %s: %v, want AccessDenied by an explicit deny", e.name, missing, err)
			}
			l.may(`{"Effect":"Allow","NotAction":"` + missing + `","Resource":"*"}`)
			if err := e.try(ctx, l.s, l.eve, eve); !refused(err) {
				t.Errorf("%s, with all but %s: %v, want AccessDenied", e.name, missing, err)
			}
		}
		l.may(allow("*"))
		l.bound(localARN("policy", "bound"))
		if err := e.try(ctx, l.s, l.eve, eve); !refused(err) || !strings.Contains(err.Error(), "permissions boundary") {
			t.Errorf("%s, with everything within a boundary: %v, want AccessDenied by the boundary", e.name, err)
		}
		if _, err := l.root.DeleteUserPermissionsBoundary(ctx, &iam.DeleteUserPermissionsBoundaryInput{UserName: new("eve")}); err != nil {
			t.Fatal(err)
		}
	}
	for _, e := range escalations {
		if strings.HasSuffix(e.name, "one's own boundary") {
			l.bound(new(adminARN)) // there must be one
		}
		l.may(allow(e.needs...))
		if err := e.try(ctx, l.s, l.eve, eve); err != nil {
			t.Errorf("%s, with %v: %v", e.name, e.needs, err)
		}
	}
	if err := l.s.Verify(); err != nil {
		t.Error(err)
	}
}

// T07: what a session policy does not name, a session may not do, be it about
// itself: the intersection holds for every action.
func TestSessionPolicyBoundsAll(t *testing.T) {
	ctx := context.Background()
	l := newLab(t)
	if _, err := l.root.AttachRolePolicy(ctx, &iam.AttachRolePolicyInput{RoleName: new("open"), PolicyArn: new(adminARN)}); err != nil {
		t.Fatal(err)
	}
	l.may(allow("sts:AssumeRole"))
	out, err := l.s.STS(l.eve).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: localARN("role", "open"), RoleSessionName: new("xx"), Policy: document(allow("s3:*"))})
	if err != nil {
		t.Fatal(err)
	}
	c := harness.Credentials{KeyID: *out.Credentials.AccessKeyId, Secret: *out.Credentials.SecretAccessKey, Token: *out.Credentials.SessionToken}
	session := l.s.IAM(c)
	for _, e := range escalations {
		if err := e.try(ctx, l.s, c, session); !refused(err) {
			t.Errorf("%s, in a session that is for S3: %v, want AccessDenied", e.name, err)
		}
	}
	if _, err := l.s.STS(c).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err != nil {
		t.Errorf("who it is, anybody may ask: %v", err)
	}
}

// T09, T10: a chained session ends within the hour, a role within its longest
// time; whoever does not know the external id is not let in.
func TestRolesKeepTheirTerms(t *testing.T) {
	ctx := context.Background()
	l := newLab(t)
	if _, err := l.root.CreateRole(ctx, &iam.CreateRoleInput{RoleName: new("partner"), MaxSessionDuration: new(int32(7200)),
		AssumeRolePolicyDocument: trusts("arn:aws:iam::"+account+":root", `,"Condition":{"StringEquals":{"sts:ExternalId":"42"}}`)}); err != nil {
		t.Fatal(err)
	}
	l.may(allow("sts:AssumeRole"))
	if _, err := l.root.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: new("open"), PolicyName: new("p"), PolicyDocument: document(allow("sts:AssumeRole"))}); err != nil {
		t.Fatal(err)
	}
	assume := func(c harness.Credentials, role string, seconds int32, external *string) (harness.Credentials, error) {
		out, err := l.s.STS(c).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: localARN("role", role), RoleSessionName: new("xx"), DurationSeconds: &seconds, ExternalId: external})
		if err != nil {
			return harness.Credentials{}, err
		}
		return harness.Credentials{KeyID: *out.Credentials.AccessKeyId, Secret: *out.Credentials.SecretAccessKey, Token: *out.Credentials.SessionToken}, nil
	}
	for _, id := range []*string{nil, new("43"), new("420")} {
		if _, err := assume(l.eve, "partner", 900, id); !refused(err) {
			t.Errorf("with another external id: %v, want AccessDenied", err)
		}
	}
	if _, err := assume(l.eve, "partner", 7200, new("42")); err != nil {
		t.Errorf("with the external id: %v", err)
	}
	invalid := func(what string, err error) {
		t.Helper()
		var api smithy.APIError
		if !errors.As(err, &api) || api.ErrorCode() != "ValidationError" {
			t.Errorf("%s: %v, want ValidationError", what, err)
		}
	}
	_, err := assume(l.eve, "partner", 7201, new("42"))
	invalid("longer than the role allows", err)
	chain, err := assume(l.eve, "open", 900, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = assume(chain, "partner", 3601, new("42"))
	invalid("a chained session of more than an hour", err)
	if _, err := assume(chain, "partner", 3600, new("42")); err != nil {
		t.Errorf("a chained session of an hour: %v", err)
	}
}

// T12, T13: what stands in a tag is text, and no tag can have a pattern; names
// that differ by case are one.
func TestNamesAreText(t *testing.T) {
	ctx := context.Background()
	l := newLab(t)
	l.may(fmt.Sprintf(`{"Effect":"Allow","Action":"iam:GetUser","Resource":"arn:aws:iam::%s:user/${aws:PrincipalTag/team}"}`, account))
	for _, tag := range []string{"*", "bo*", "bos?", "${aws:username}", "bos", "BOSS", "", "boss"} {
		var api smithy.APIError
		_, err := l.root.TagUser(ctx, &iam.TagUserInput{UserName: new("eve"), Tags: []types.Tag{{Key: new("team"), Value: &tag}}})
		if pattern := strings.ContainsAny(tag, "*?$"); pattern != (errors.As(err, &api) && api.ErrorCode() == "ValidationError") || !pattern && err != nil {
			t.Errorf("a tag %q: %v", tag, err)
		}
		_, err = l.s.IAM(l.eve).GetUser(ctx, &iam.GetUserInput{UserName: new("boss")})
		if tag == "boss" && err != nil || tag != "boss" && !refused(err) {
			t.Errorf("with the tag %q: %v", tag, err)
		}
	}
	for _, name := range []string{"EVE", "Eve", "BOSS"} {
		var exists *types.EntityAlreadyExistsException
		if _, err := l.root.CreateUser(ctx, &iam.CreateUserInput{UserName: &name}); !errors.As(err, &exists) {
			t.Errorf("user %s beside one that differs by case: %v, want EntityAlreadyExists", name, err)
		}
	}
	l.may(fmt.Sprintf(`{"Effect":"Allow","Action":"iam:GetUser","Resource":"arn:aws:iam::%s:user/EVE"}`, account))
	if _, err := l.s.IAM(l.eve).GetUser(ctx, &iam.GetUserInput{UserName: new("eve")}); !refused(err) {
		t.Errorf("an ARN in other letters: %v, want AccessDenied", err)
	}
}
