package commands

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/google/go-cmp/cmp"

	"github.com/keytrail/keytrail/projections"
)

const roleARN = "arn:aws:iam::111122223333:role/r"

func stsTags(kv ...string) (out []types.Tag) {
	for i := 0; i < len(kv); i += 2 {
		out = append(out, types.Tag{Key: &kv[i], Value: &kv[i+1]})
	}
	return out
}

// assume is an AssumeRole of role r by session s1 with changes.
func assume(change func(*sts.AssumeRoleInput)) call {
	in := &sts.AssumeRoleInput{RoleArn: s(roleARN), RoleSessionName: s("s1")}
	if change != nil {
		change(in)
	}
	return do((*Tx).AssumeRole, in)
}

// claims opens a token, and checks that it fits its key and secret.
func (l *lab) claims(c *types.Credentials) *projections.Session {
	l.t.Helper()
	text, version, err := l.keys.OpenToken(*c.SessionToken)
	if err != nil {
		l.t.Fatal(err)
	}
	var s projections.Session
	if err := json.Unmarshal(text, &s); err != nil {
		l.t.Fatal(err)
	}
	if s.AccessKeyID != *c.AccessKeyId || l.keys.TokenSecret(version, s.AccessKeyID).Reveal() != *c.SecretAccessKey || !s.Expires.Equal(*c.Expiration) {
		l.t.Errorf("the token does not fit its credentials: %+v", s)
	}
	return &s
}

// become makes a session's holder the one who gives commands.
func (l *lab) become(c *types.Credentials) *projections.Session {
	s := l.claims(c)
	l.as = func() *projections.Caller {
		caller, ok := l.world.SessionCaller(s)
		if !ok {
			l.t.Fatal("the session stands for nobody")
		}
		return caller
	}
	return s
}

func TestAssumeRole(t *testing.T) {
	l := newLab(t)
	l.must(newRole("r"), newUser("ana"))
	l.as = func() *projections.Caller { return l.user("ana") }
	out := l.must(assume(func(in *sts.AssumeRoleInput) {
		in.Tags, in.TransitiveTagKeys = stsTags("Dept", "a", "k", "v"), []string{"dept"}
		in.SourceIdentity, in.Policy = s("ana@example.com"), s(allowList)
		in.PolicyArns = []types.PolicyDescriptorType{{Arn: s(adminARN)}}
	})).(*sts.AssumeRoleOutput)
	role, _ := l.account().Role("r")
	got := l.become(out.Credentials)
	issued := l.now.Truncate(time.Second)
	want := &projections.Session{
		AccessKeyID: *out.Credentials.AccessKeyId, Account: home, Type: projections.AssumedRole, RoleID: role.ID, Name: "s1",
		Issued: issued, Expires: issued.Add(time.Hour), World: l.world.Seq,
		Policies: []string{allowList}, PolicyARNs: []string{adminARN},
		Tags: map[string]string{"Dept": "a", "k": "v"}, TransitiveTags: []string{"Dept"},
		SourceIdentity: "ana@example.com", ParentKeyID: "AKIAUSER",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if *out.AssumedRoleUser.Arn != "arn:aws:sts::111122223333:assumed-role/r/s1" || *out.AssumedRoleUser.AssumedRoleId != role.ID+":s1" ||
		*out.SourceIdentity != "ana@example.com" || out.PackedPolicySize == nil {
		t.Errorf("answer: %s %s", *out.AssumedRoleUser.Arn, *out.AssumedRoleUser.AssumedRoleId)
	}

	// Once in the role: the next session of the chain inherits what is
	// transitive and nothing else, and has an hour at most.
	for _, refused := range []struct {
		change func(*sts.AssumeRoleInput)
		err    string
	}{
		{func(in *sts.AssumeRoleInput) { in.DurationSeconds = ptr(int32(3601)) },
			"ValidationError: The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."},
		{func(in *sts.AssumeRoleInput) { in.SourceIdentity = s("bea") }, "AccessDenied: Once specified, a source identity cannot be changed."},
		{func(in *sts.AssumeRoleInput) { in.Tags = stsTags("DEPT", "b") },
			"InvalidParameterValue: One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session."},
	} {
		if _, _, err := l.run(assume(refused.change)); said(err) != refused.err {
			t.Errorf("got %s, want %s", said(err), refused.err)
		}
	}
	next := l.must(assume(func(in *sts.AssumeRoleInput) { in.Tags, in.TransitiveTagKeys = stsTags("x", "y"), []string{"x"} })).(*sts.AssumeRoleOutput)
	chained := l.claims(next.Credentials)
	if !chained.Chained || chained.SourceIdentity != "ana@example.com" || chained.Limited() || chained.ParentKeyID != got.AccessKeyID ||
		cmp.Diff(map[string]string{"Dept": "a", "x": "y"}, chained.Tags) != "" || cmp.Diff([]string{"Dept", "x"}, chained.TransitiveTags) != "" {
		t.Errorf("chained: %+v", chained)
	}
	if _, _, err := l.run(do((*Tx).GetSessionToken, &sts.GetSessionTokenInput{})); said(err) != "AccessDenied: Cannot call GetSessionToken with session credentials" {
		t.Error(said(err))
	}

	// The role is gone, and another one of its name is another one.
	l.as = nil
	l.must(do((*Tx).DeleteRole, &iam.DeleteRoleInput{RoleName: s("r")}), newRole("r"))
	if c, ok := l.world.SessionCaller(chained); ok {
		t.Errorf("a session of a deleted role stands for %s", c.ARN)
	}
}

func TestAssumeRoleRefusals(t *testing.T) {
	many := make([]string, 102)
	for i := range many {
		many[i] = letter(i/2%26) + letter(i/52)
	}
	var heavy []string
	noise := &Tx{Rand: rand.NewChaCha8([32]byte{2})}
	for i := range 40 {
		heavy = append(heavy, letter(i%26)+letter(i/26), noise.letters(200, alphabet))
	}
	given := []call{newRole("r"), newUser("ana"), do((*Tx).UpdateRole, &iam.UpdateRoleInput{RoleName: s("r"), MaxSessionDuration: ptr(int32(7200))})}
	for name, c := range map[string]struct {
		change func(*sts.AssumeRoleInput)
		err    string
	}{
		"as long as the role allows": {func(in *sts.AssumeRoleInput) { in.DurationSeconds = ptr(int32(7200)) }, ""},
		"longer": {func(in *sts.AssumeRoleInput) { in.DurationSeconds = ptr(int32(7201)) },
			"ValidationError: The requested DurationSeconds exceeds the MaxSessionDuration set for this role."},
		"no such role": {func(in *sts.AssumeRoleInput) { in.RoleArn = s(roleARN + "x") },
			"AccessDenied: User: arn:aws:iam::111122223333:user/ana is not authorized to perform: sts:AssumeRole on resource: " + roleARN + "x"},
		"a case twin of the role": {func(in *sts.AssumeRoleInput) { in.RoleArn = s("arn:aws:iam::111122223333:role/R") },
			"AccessDenied: User: arn:aws:iam::111122223333:user/ana is not authorized to perform: sts:AssumeRole on resource: arn:aws:iam::111122223333:role/R"},
		"no ARN":                   {func(in *sts.AssumeRoleInput) { in.RoleArn = s("a role of mine by name") }, "ValidationError: a role of mine by name is invalid"},
		"twice the same tag":       {func(in *sts.AssumeRoleInput) { in.Tags = stsTags("k", "v", "K", "v") }, "InvalidParameterValue: " + repeatedKey},
		"a reserved tag":           {func(in *sts.AssumeRoleInput) { in.Tags = stsTags("aws:k", "v") }, "InvalidParameterValue: Tag keys beginning with aws: are reserved for system use."},
		"too many tags":            {func(in *sts.AssumeRoleInput) { in.Tags = stsTags(many...) }, "InvalidParameterValue: A session can have up to 50 tags."},
		"transitive, but what":     {func(in *sts.AssumeRoleInput) { in.TransitiveTagKeys = []string{"k"} }, "InvalidParameterValue: The specified transitive tag key must be included in the requested tags."},
		"a malformed policy":       {func(in *sts.AssumeRoleInput) { in.Policy = s("{") }, "MalformedPolicyDocument: Syntax errors in policy."},
		"a policy of nobody":       {func(in *sts.AssumeRoleInput) { in.PolicyArns = []types.PolicyDescriptorType{{Arn: s(readARN)}} }, "InvalidParameterValue: Policy " + readARN + " does not exist or is not attachable."},
		"a large policy":           {func(in *sts.AssumeRoleInput) { in.Policy = s(sized(2049)) }, "PackedPolicyTooLarge: The session policies and session tags take 101% of the space there is for them."},
		"half an MFA":              {func(in *sts.AssumeRoleInput) { in.TokenCode = s("123456") }, noDevice}, // the gate looks at it before
		"MFA":                      {func(in *sts.AssumeRoleInput) { in.TokenCode, in.SerialNumber = s("123456"), s("arn:aws:iam::1:mfa/x") }, noDevice},
		"a context":                {func(in *sts.AssumeRoleInput) { in.ProvidedContexts = []types.ProvidedContext{{}} }, "ValidationError: ProvidedContexts is not supported."},
		"reserved source identity": {func(in *sts.AssumeRoleInput) { in.SourceIdentity = s("aws:x") }, "ValidationError: SourceIdentity must not begin with aws:."},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			l.must(given...)
			l.as = func() *projections.Caller { return l.user("ana") }
			if _, _, err := l.run(assume(c.change)); said(err) != c.err {
				t.Errorf("got %s\nwant %s", said(err), c.err)
			}
		})
	}
	l := newLab(t)
	l.must(given...)
	if _, _, err := l.run(assume(nil)); said(err) != "AccessDenied: Roles may not be assumed by root accounts." {
		t.Error(said(err))
	}
	l.as = func() *projections.Caller { return l.user("ana") }
	if _, _, err := l.run(assume(func(in *sts.AssumeRoleInput) { in.Tags = stsTags(heavy...) })); !strings.HasPrefix(said(err), "PackedPolicyTooLarge") {
		t.Errorf("heavy tags: %s", said(err))
	}
}

func TestGetSessionToken(t *testing.T) {
	l := newLab(t)
	l.must(newUser("ana"))
	for _, c := range []struct {
		user string
		ask  *int32
		want time.Duration
	}{{"ana", nil, 12 * time.Hour}, {"ana", ptr(int32(900)), 15 * time.Minute}, {"ana", ptr(int32(129600)), 36 * time.Hour},
		{"", nil, time.Hour}, {"", ptr(int32(129600)), time.Hour}} {
		l.as = nil
		if c.user != "" {
			l.as = func() *projections.Caller { return l.user(c.user) }
		}
		out := l.must(do((*Tx).GetSessionToken, &sts.GetSessionTokenInput{DurationSeconds: c.ask})).(*sts.GetSessionTokenOutput)
		s := l.claims(out.Credentials)
		if got := s.Expires.Sub(s.Issued); got != c.want {
			t.Errorf("%q asked for %v: got %v, want %v", c.user, c.ask, got, c.want)
		}
		caller, ok := l.world.SessionCaller(s)
		if want := "arn:aws:iam::111122223333:user/ana"; !ok || c.user != "" && caller.ARN != want || c.user == "" && caller.Type != projections.Root {
			t.Errorf("the session stands for %+v", caller)
		}
	}
	// A deleted user's sessions stand for nobody, whoever has the name then.
	l.as = func() *projections.Caller { return l.user("ana") }
	session := l.claims(l.must(do((*Tx).GetSessionToken, &sts.GetSessionTokenInput{})).(*sts.GetSessionTokenOutput).Credentials)
	l.as = nil
	l.must(delUser("ana"), newUser("ana"))
	if _, ok := l.world.SessionCaller(session); ok {
		t.Error("a session of a deleted user stands for somebody")
	}
}
