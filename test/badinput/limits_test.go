package badinput

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

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

// security.md, section 7, rate: who asks too often is told so, for as long as
// that lasts and nobody else with her; an SDK as it comes waits and gets
// through. What is turned away is not written down, all else is.
func TestRate(t *testing.T) {
	t.Parallel()
	const rate = 5 // and twice that at once
	s := harness.Start(t, harness.Options{NoAudit: true, Args: []string{"--rate", fmt.Sprint(rate)}})
	ctx := context.Background()
	ana, err := s.User(ctx, "ana")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{} // request id → code
	ask := func(c harness.Credentials, service, action string, in any) *harness.Answer {
		a, err := s.Call(c, service, action, in)
		if err != nil {
			t.Fatal(err)
		}
		told[a.RequestID] = a.Code
		return a
	}
	thief := ana
	thief.Secret = "nobody's"
	for range 5 * rate {
		if a := ask(thief, "sts", "GetCallerIdentity", nil); a.Code != "SignatureDoesNotMatch" {
			t.Fatalf("without the secret: %s", a)
		}
	}
	if a := ask(ana, "sts", "GetCallerIdentity", nil); a.Status != 200 {
		t.Errorf("ana, whose key id a stranger uses: %s", a)
	}
	throttled := 0
	for begun := time.Now(); throttled < 50 && time.Since(begun) < 30*time.Second; {
		switch a := ask(ana, "sts", "GetCallerIdentity", nil); {
		case a.Status == 200:
		case a.Status == 400 && a.Code == "Throttling" && a.Message == "Rate exceeded":
			throttled++
		default:
			t.Fatalf("asked often: %s; want 200 or 400 Throttling", a)
		}
	}
	if throttled < 50 {
		t.Fatalf("asked as often as I can, ana was throttled %d times", throttled)
	}
	if a := ask(ana, "cloudtrail", "DescribeTrails", nil); a.Status != 400 || a.Code != "ThrottlingException" || a.Message != "Rate exceeded" {
		t.Errorf("in JSON: %s; want 400 ThrottlingException", a)
	}
	if a := ask(s.Root, "sts", "GetCallerIdentity", nil); a.Status != 200 {
		t.Errorf("another key meanwhile: %s", a)
	}
	config := aws.Config{Region: harness.Region, BaseEndpoint: &s.URL, Credentials: credentials.NewStaticCredentialsProvider(ana.KeyID, ana.Secret, "")}
	for range 3 {
		if _, err := sts.NewFromConfig(config).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{}); err != nil {
			t.Errorf("an SDK as it comes: %v", err)
		}
	}
	time.Sleep(time.Second)
	if a := ask(ana, "sts", "GetCallerIdentity", nil); a.Status != 200 {
		t.Errorf("a second later: %s", a)
	}
	time.Sleep(2 * time.Second) // root reads the log at the same rate
	by, err := s.ByRequest()
	if err != nil {
		t.Fatal(err)
	}
	for id, code := range told {
		_, recorded := by[id]
		if recorded == strings.HasPrefix(code, "Throttling") {
			t.Errorf("a request that was told %q is in the log: %v", code, recorded)
		}
	}
}

// The log does not fill with a flood by nobody: as much of it as is answered
// otherwise is recorded, and the rest is Throttling (docs/decisions/0007).
func TestFloodByNobody(t *testing.T) {
	l := start(t)
	var lock sync.Mutex
	refused := map[string]int{}
	var answered []string
	var wg sync.WaitGroup
	begun := time.Now()
	for range 4 {
		wg.Go(func() {
			client := &http.Client{Timeout: time.Minute}
			for range 750 {
				resp, err := client.Do(l.s.Request("iam", "ListUsers", nil))
				if err != nil {
					t.Error(err)
					return
				}
				a, err := harness.ReadAnswer(resp)
				if err != nil {
					t.Error(err)
					return
				}
				lock.Lock()
				if refused[a.String()]++; a.Status == 403 {
					answered = append(answered, a.RequestID)
				}
				lock.Unlock()
			}
		})
	}
	wg.Wait()
	took := time.Since(begun)
	t.Logf("3,000 requests of nobody in %v: %v", took, refused)
	for a := range refused {
		if a != `403 MissingAuthenticationToken "Request is missing Authentication Token"` && a != `400 Throttling "Rate exceeded"` {
			t.Errorf("nobody is told %s", a)
		}
	}
	if most := 400 + int(200*took.Seconds()) + 1; len(answered) > most {
		t.Errorf("%d were written down in %v; want %d at most", len(answered), took, most)
	}
	by, err := l.s.ByRequest()
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range answered {
		if by[id].ErrorCode != "MissingAuthenticationToken" {
			t.Fatalf("request %s of nobody is in the log as %+v", id, by[id])
		}
	}
	of := 0
	for _, r := range by {
		if r.ErrorCode == "MissingAuthenticationToken" {
			of++
		}
	}
	if of != len(answered) {
		t.Errorf("%d requests of nobody are in the log; %d were answered so", of, len(answered))
	}
	l.finish(false)
}

// security.md, section 7, event: what is too long to be written down as it is
// is cut, with its length and hash, and never dropped.
func TestLongRecords(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{NoAudit: true})
	in := url.Values{"ActionNames.member.1": {"iam:GetUser"}, "PolicyInputList.member.1": {`{"Version":"2012-10-17","Statement":` + statement + `}`}}
	for i := range 60 {
		in.Set(fmt.Sprintf("ResourceArns.member.%d", i+1), "arn:aws:iam::111122223333:user/"+strings.Repeat("x", 1900)+fmt.Sprint(i))
	}
	r := s.Request("iam", "SimulateCustomPolicy", in)
	r.Header.Set("User-Agent", strings.Repeat("agent/", 1000))
	long, err := harness.Do(harness.Sign(r, s.Root, "iam"))
	if err != nil || long.Status != 200 {
		t.Fatal(long, err)
	}
	in.Set("ResourceArns.member.60", strings.Replace(in.Get("ResourceArns.member.60"), "x59", "y59", 1))
	other, err := s.Call(s.Root, "iam", "SimulateCustomPolicy", in)
	if err != nil {
		t.Fatal(err)
	}
	by, err := s.ByRequest()
	if err != nil {
		t.Fatal(err)
	}
	got, ok := by[long.RequestID]
	var length int
	var sum string
	if _, err := fmt.Sscanf(string(got.RequestParameters), `{"__truncated":true,"length":%d,"sha256":%q}`, &length, &sum); !ok || err != nil || length < 110_000 || len(sum) != 64 {
		t.Errorf("recorded: %v, parameters %.200q", ok, got.RequestParameters)
	}
	if bytes.Equal(got.RequestParameters, by[other.RequestID].RequestParameters) {
		t.Error("other parameters are recorded with the same hash")
	}
	if got.UserAgent != strings.Repeat("agent/", 1000)[:1024] {
		t.Errorf("the user agent is recorded with %d bytes; want CloudTrail's 1,024", len(got.UserAgent))
	}
	if err := s.Verify(); err != nil {
		t.Error(err)
	}
}
