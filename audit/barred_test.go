package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/events/journal/journaltest"
	"github.com/keytrail/keytrail/projections"
)

// overheard is a proof that somebody else may send once more.
type overheard struct{ proof }

func (overheard) ID() string { return "the same signature" }

func send(g *audit.Gate, p audit.Proof, service, name string, in any) (any, string) {
	a := g.Serve(context.Background(), &audit.Request{Service: service, Name: name, Version: "2010-05-08", Proof: p, ID: "r", Region: "us-east-1",
		SourceIP: "203.0.113.7", Input: func() (any, error) { return in, nil }})
	var api smithy.APIError
	if errors.As(a.Err, &api) {
		return a.Output, api.ErrorCode()
	}
	return a.Output, ""
}

// A request that changed something can't be sent again by who overheard it;
// one that changed nothing may be tried again as it is (promises.md, T05).
func TestOverheardRequest(t *testing.T) {
	l := newLab(t, &journaltest.Memory{})
	g := l.gate("w", l.log)
	p := overheard{proof{root}}
	if _, code := send(g, p, "iam", "CreateAccessKey", &iam.CreateAccessKeyInput{UserName: aws.String("nobody")}); code != "NoSuchEntity" {
		t.Fatalf("a request that fails: %s", code)
	}
	if _, code := send(g, p, "iam", "CreateAccessKey", &iam.CreateAccessKeyInput{}); code != "" {
		t.Fatalf("the first that succeeds: %s", code)
	}
	if _, code := send(g, p, "iam", "CreateAccessKey", &iam.CreateAccessKeyInput{}); code != "RequestExpired" {
		t.Fatalf("the same once more: %q, want RequestExpired", code)
	}
	if _, code := send(g, p, "iam", "ListUsers", &iam.ListUsersInput{}); code != "" {
		t.Fatalf("looking does no harm twice: %s", code)
	}
}

// What GetSessionToken gives is not for IAM without MFA, and in STS for two
// operations only; and it ends with the key it was made with.
func TestSessionTokenIsBarred(t *testing.T) {
	l := newLab(t, &journaltest.Memory{})
	g := l.gate("w", l.log)
	out, code := send(g, proof{root}, "sts", "GetSessionToken", &sts.GetSessionTokenInput{})
	if code != "" {
		t.Fatal(code)
	}
	c := out.(*sts.GetSessionTokenOutput).Credentials
	session := proof{key{*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken}}
	for _, x := range []struct {
		service, name string
		in            any
		want          string
	}{
		{"sts", "GetCallerIdentity", &sts.GetCallerIdentityInput{}, ""},
		{"sts", "GetAccessKeyInfo", &sts.GetAccessKeyInfoInput{AccessKeyId: c.AccessKeyId}, "AccessDenied"},
		{"sts", "GetSessionToken", &sts.GetSessionTokenInput{}, "AccessDenied"},
		{"iam", "ListUsers", &iam.ListUsersInput{}, "InvalidClientTokenId"},
	} {
		if _, code := send(g, session, x.service, x.name, x.in); code != x.want {
			t.Errorf("%s:%s with a session token: %q, want %q", x.service, x.name, code, x.want)
		}
	}
	text, _, err := l.keys.OpenToken(*c.SessionToken)
	var claims projections.Session
	if err != nil || json.Unmarshal(text, &claims) != nil || claims.ParentKeyID != rootKey {
		t.Fatalf("claims %s, %v", text, err)
	}
	if _, code := send(g, proof{root}, "iam", "UpdateAccessKey", &iam.UpdateAccessKeyInput{AccessKeyId: aws.String(rootKey), Status: "Inactive"}); code != "" {
		t.Fatal(code)
	}
	if _, code := send(g, session, "sts", "GetCallerIdentity", &sts.GetCallerIdentityInput{}); code != "InvalidClientTokenId" {
		t.Fatalf("the key is inactive, its session says %q", code)
	}
}
