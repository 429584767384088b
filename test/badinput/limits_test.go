package badinput

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/keytrail/keytrail/test/harness"
)

// security.md, section 7: the limits of what there may be, each reached and
// then exceeded by one.
func TestLimits(t *testing.T) {
	l := start(t)
	root := l.s.Root
	form := func(pairs ...string) url.Values {
		v := url.Values{}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
		}
		return v
	}
	right := func(what string, a *harness.Answer) {
		t.Helper()
		if a.Status != 200 {
			t.Errorf("%s: %s", what, a)
		}
	}
	const policy = `{"Version":"2012-10-17","Statement":[` + statement + `]}`
	const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/ana"},"Action":["sts:AssumeRole","sts:TagSession"]}]}`
	ana, err := l.s.User(context.Background(), "ana")
	if err != nil {
		t.Fatal(err)
	}
	arn := "arn:aws:iam::111122223333:policy/p0"
	for i := range 11 {
		right("CreatePolicy", l.form("CreatePolicy", form("PolicyName", fmt.Sprint("p", i), "PolicyDocument", policy)))
		right("CreateGroup", l.form("CreateGroup", form("GroupName", fmt.Sprint("g", i))))
	}
	right("CreateRole", l.form("CreateRole", form("RoleName", "r", "AssumeRolePolicyDocument", trust)))
	right("CreateAccessKey", l.form("CreateAccessKey", form("UserName", "ana")))
	for i := range 4 {
		right("version", l.form("CreatePolicyVersion", form("PolicyArn", arn, "PolicyDocument", policy, "SetAsDefault", fmt.Sprint(i%2 == 0))))
	}
	for i := range 10 {
		right("attach", l.form("AttachUserPolicy", form("UserName", "ana", "PolicyArn", fmt.Sprint("arn:aws:iam::111122223333:policy/p", i))))
		right("join", l.form("AddUserToGroup", form("UserName", "ana", "GroupName", fmt.Sprint("g", i))))
	}
	tags := func(from, to int) url.Values {
		v := form("UserName", "ana")
		for i := from; i < to; i++ {
			v.Set(fmt.Sprintf("Tags.member.%d.Key", i-from+1), fmt.Sprint("k", i))
			v.Set(fmt.Sprintf("Tags.member.%d.Value", i-from+1), "v")
		}
		return v
	}
	right("50 tags", l.form("TagUser", tags(0, 50)))

	size := func(bytes int) string {
		return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":["` + strings.Join(resources(bytes), `","`) + `"]}]}`
	}
	for _, c := range []struct {
		what    string
		a       *harness.Answer
		status  int
		code    string
		message string
	}{
		{"a third key", l.form("CreateAccessKey", form("UserName", "ana")), 409, "LimitExceeded", "AccessKeysPerUser: 2"},
		{"a sixth version", l.form("CreatePolicyVersion", form("PolicyArn", arn, "PolicyDocument", policy)), 409, "LimitExceeded", "up to 5 versions"},
		{"an eleventh policy", l.form("AttachUserPolicy", form("UserName", "ana", "PolicyArn", "arn:aws:iam::111122223333:policy/p10")), 409, "LimitExceeded", "PoliciesPerUser: 10"},
		{"an eleventh group", l.form("AddUserToGroup", form("UserName", "ana", "GroupName", "g10")), 409, "LimitExceeded", "GroupsPerUser: 10"},
		{"a 51st tag", l.form("TagUser", tags(50, 51)), 409, "LimitExceeded", "maximum limit"},
		{"51 tags at once", l.form("TagUser", tags(0, 51)), 400, "ValidationError", "less than or equal to 50"},
		{"a tag twice", l.form("TagUser", form("UserName", "ana", "Tags.member.1.Key", "a", "Tags.member.1.Value", "1", "Tags.member.2.Key", "A", "Tags.member.2.Value", "2")), 400, "InvalidInput", ""},
		{"a tag of 129", l.form("TagUser", form("UserName", "ana", "Tags.member.1.Key", strings.Repeat("k", 129), "Tags.member.1.Value", "1")), 400, "ValidationError", "less than or equal to 128"},
		{"a value of 257", l.form("TagUser", form("UserName", "ana", "Tags.member.1.Key", "k", "Tags.member.1.Value", strings.Repeat("v", 257))), 400, "ValidationError", "less than or equal to 256"},
		{"a reserved tag", l.form("TagUser", form("UserName", "ana", "Tags.member.1.Key", "aws:x", "Tags.member.1.Value", "1")), 400, "InvalidInput", ""},
		{"a user's inline policies", l.form("PutUserPolicy", form("UserName", "ana", "PolicyName", "p", "PolicyDocument", size(2_100))), 409, "LimitExceeded", "2048"},
		{"a group's", l.form("PutGroupPolicy", form("GroupName", "g0", "PolicyName", "p", "PolicyDocument", size(5_200))), 409, "LimitExceeded", "5120"},
		{"a role's", l.form("PutRolePolicy", form("RoleName", "r", "PolicyName", "p", "PolicyDocument", size(10_300))), 409, "LimitExceeded", "10240"},
		{"a trust policy", l.form("UpdateAssumeRolePolicy", form("RoleName", "r", "PolicyDocument", strings.Replace(trust, `"Action"`, `"Condition":{"StringEquals":{"sts:ExternalId":["`+strings.Join(resources(2_100), `","`)+`"]}},"Action"`, 1))), 409, "LimitExceeded", "2048"},
	} {
		l.want(c.what, c.a, c.status, c.code, c.message)
	}
	assume := func(pairs ...string) *harness.Answer {
		in := form(append([]string{"RoleArn", "arn:aws:iam::111122223333:role/r", "RoleSessionName", "session"}, pairs...)...)
		return l.send(harness.Sign(l.s.Request("sts", "AssumeRole", in), ana, "sts"))
	}
	right("AssumeRole", assume())
	l.want("a session policy of 2,100", assume("Policy", size(2_100)), 400, "PackedPolicyTooLarge", "%")
	l.want("a session policy that is none", assume("Policy", `{"Statement":{}}`), 400, "MalformedPolicyDocument", "")
	l.want("a session name of one", l.send(harness.Sign(l.s.Request("sts", "AssumeRole", form("RoleArn", "arn:aws:iam::111122223333:role/r", "RoleSessionName", "s")), ana, "sts")), 400, "ValidationError", "greater than or equal to 2")
	l.want("a session name with a slash", l.send(harness.Sign(l.s.Request("sts", "AssumeRole", form("RoleArn", "arn:aws:iam::111122223333:role/r", "RoleSessionName", "s/t")), ana, "sts")), 400, "ValidationError", "'roleSessionName'")
	l.want("a session longer than the role's", assume("DurationSeconds", "3601"), 400, "ValidationError", "MaxSessionDuration")
	l.want("a session tag twice", assume("Tags.member.1.Key", "a", "Tags.member.1.Value", "1", "Tags.member.2.Key", "A", "Tags.member.2.Value", "2"), 400, "InvalidParameterValue", "")

	// T26: a session token is good as a whole or not at all.
	s := l.send(harness.Sign(l.s.Request("sts", "GetSessionToken", nil), root, "sts"))
	part := func(name string) string {
		_, rest, _ := strings.Cut(string(s.Body), "<"+name+">")
		text, _, _ := strings.Cut(rest, "<")
		return text
	}
	temp := harness.Credentials{KeyID: part("AccessKeyId"), Secret: part("SecretAccessKey"), Token: part("SessionToken")}
	who := func(c harness.Credentials) *harness.Answer {
		return l.send(harness.Sign(l.s.Request("sts", "GetCallerIdentity", nil), c, "sts"))
	}
	right("the session", who(temp))
	for i := 0; i < len(temp.Token); i += 7 {
		c := temp
		flip := byte('A')
		if c.Token[i] == flip {
			flip = 'B'
		}
		c.Token = c.Token[:i] + string(flip) + c.Token[i+1:]
		if a := who(c); a.Status != 403 || a.Code != "InvalidClientTokenId" {
			t.Errorf("character %d of the token changed: %s", i, a)
		}
	}
	for _, c := range []harness.Credentials{
		{KeyID: temp.KeyID, Secret: temp.Secret, Token: temp.Token[:len(temp.Token)-4]},
		{KeyID: temp.KeyID, Secret: temp.Secret, Token: temp.Token + "AAAA"},
		{KeyID: temp.KeyID, Secret: temp.Secret},
		{KeyID: root.KeyID, Secret: root.Secret, Token: temp.Token},
		{KeyID: ana.KeyID, Secret: ana.Secret, Token: temp.Token},
	} {
		if a := who(c); a.Status != 403 || a.Code != "InvalidClientTokenId" {
			t.Errorf("another token: %s", a)
		}
	}
	by, err := l.s.ByRequest()
	if err != nil {
		t.Fatal(err)
	}
	for id, what := range l.refused {
		if r, ok := by[id]; !ok || r.ErrorCode == "" {
			t.Errorf("%s: refused, and recorded as %+v", what, r)
		}
	}
	if err := l.s.Verify(); err != nil {
		t.Error(err)
	}
}
