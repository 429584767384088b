package audit_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/events/journal/journaltest"
	"github.com/keytrail/keytrail/events/seal"
)

// phone is an MFA device of a user of the tests, whose clock the tests set.
type phone struct {
	serial *string
	seed   seal.Secret
	now    time.Time
}

func (p *phone) code(steps int) *string {
	c, err := seal.Code(p.seed, int(p.now.Unix()/seal.CodeStep)+steps)
	if err != nil {
		panic(err)
	}
	return new(c.Reveal())
}

var noon = time.Date(2026, 11, 22, 12, 0, 5, 0, time.UTC)

func newPhone(t testing.TB, g *audit.Gate, user string) *phone {
	d := ask[*iam.CreateVirtualMFADeviceOutput](t, g, root, "iam", "CreateVirtualMFADevice", &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: &user}).VirtualMFADevice
	if len(d.QRCodePNG) < 100 || string(d.QRCodePNG[1:4]) != "PNG" {
		t.Fatalf("no picture: %x", d.QRCodePNG)
	}
	p := &phone{d.SerialNumber, seal.NewSecret(string(d.Base32StringSeed)), noon}
	ask[*iam.EnableMFADeviceOutput](t, g, root, "iam", "EnableMFADevice", &iam.EnableMFADeviceInput{UserName: &user, SerialNumber: p.serial, AuthenticationCode1: p.code(-3), AuthenticationCode2: p.code(-2)})
	return p
}

func withMFA(k key, serial, code *string) *audit.Request {
	return request(k, "sts", "GetSessionToken", &sts.GetSessionTokenInput{SerialNumber: serial, TokenCode: code})
}

func assuming(k key, serial, code *string) *audit.Request {
	return request(k, "sts", "AssumeRole", &sts.AssumeRoleInput{
		RoleArn: new("arn:aws:iam::" + home + ":role/r"), RoleSessionName: new("s1"), SerialNumber: serial, TokenCode: code,
	})
}

// S-10: of many who give the same code at once, on two nodes, one gets a
// session. All others are recorded.
func TestOneCodeOneSession(t *testing.T) {
	log := &journaltest.Memory{}
	l := newLab(t, log)
	at := func(g *audit.Gate) { g.Clock = func() time.Time { return noon } }
	gates := []*audit.Gate{l.gate("node1", log, at), l.gate("node2", log, at)}
	for _, g := range gates {
		defer follow(g)()
	}
	ana := person(t, gates[0], "ana", admin)
	p := newPhone(t, gates[0], "ana")
	if err := gates[1].Live.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
	var clients sync.WaitGroup
	var won, lost atomic.Int32
	requests := make([]*audit.Request, 8)
	for c := range requests {
		requests[c] = withMFA(ana, p.serial, p.code(-1))
		clients.Go(func() {
			switch a := gates[c%2].Serve(context.Background(), requests[c]); code(a.Err) {
			case "":
				won.Add(1)
			case "AccessDenied", "ConcurrentModification":
				lost.Add(1)
			default:
				t.Error(a.Err)
			}
		})
	}
	clients.Wait()
	if won.Load() != 1 || lost.Load() != 7 {
		t.Errorf("%d won, %d lost; want 1 and 7", won.Load(), lost.Load())
	}
	for _, g := range gates {
		g.Pager.Close()
	}
	_, found := read(t, log)
	for _, r := range requests {
		if len(found.records[r.ID]) != 1 {
			t.Errorf("%d records of one request", len(found.records[r.ID]))
		}
	}
}

// A policy that wants MFA is satisfied by a code that comes with the request, or
// by a session that was made with one, as long as the policy says; and by
// nothing else.
func TestPoliciesWantMFA(t *testing.T) {
	log := &journaltest.Memory{}
	l := newLab(t, log)
	clock := noon
	g := l.gate("node1", log, func(g *audit.Gate) { g.Clock = func() time.Time { return clock } })
	ana := person(t, g, "ana", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"},"NumericLessThan":{"aws:MultiFactorAuthAge":"600"}}}]}`)
	role(t, g, admin)
	p := newPhone(t, g, "ana")
	refused := func(what string, r *audit.Request) {
		t.Helper()
		before := g.Live.Seq()
		a := g.Serve(t.Context(), r)
		if code(a.Err) != "AccessDenied" || a.Output != nil {
			t.Errorf("%s: %v, want AccessDenied", what, a.Err)
		}
		if what == "a wrong code" && g.Live.Seq() != before+1 {
			t.Errorf("%s is not a fact", what)
		}
	}
	list := func(k key) *audit.Request { return request(k, "iam", "ListUsers", &iam.ListUsersInput{}) }
	refused("a long-term key", list(ana))
	refused("assuming without a code", assuming(ana, nil, nil))
	refused("a wrong code", assuming(ana, p.serial, p.code(50)))
	if a := g.Serve(t.Context(), assuming(ana, p.serial, p.code(-1))); a.Err != nil {
		t.Errorf("assuming with a code: %v", a.Err)
	}
	refused("the same code", assuming(ana, p.serial, p.code(-1)))
	a := g.Serve(t.Context(), withMFA(ana, p.serial, p.code(0)))
	if a.Err != nil {
		t.Fatal(a.Err)
	}
	c := a.Output.(*sts.GetSessionTokenOutput).Credentials
	session := key{*c.AccessKeyId, *c.SecretAccessKey, *c.SessionToken}
	ask[*iam.ListUsersOutput](t, g, session, "iam", "ListUsers", &iam.ListUsersInput{})
	clock = clock.Add(9 * time.Minute)
	ask[*iam.ListUsersOutput](t, g, session, "iam", "ListUsers", &iam.ListUsersInput{})
	if a := g.Serve(t.Context(), assuming(session, nil, nil)); a.Err != nil {
		t.Errorf("assuming with that session: %v", a.Err)
	}
	clock = clock.Add(2 * time.Minute)
	refused("MFA of too long ago", list(session))

	// A code that came with a request that is refused is used up all the same.
	bob := person(t, g, "bob", "")
	p.now = clock
	ask[*iam.DeactivateMFADeviceOutput](t, g, root, "iam", "DeactivateMFADevice", &iam.DeactivateMFADeviceInput{UserName: new("ana"), SerialNumber: p.serial})
	ask[*iam.EnableMFADeviceOutput](t, g, root, "iam", "EnableMFADevice", &iam.EnableMFADeviceInput{UserName: new("bob"), SerialNumber: p.serial, AuthenticationCode1: p.code(-3), AuthenticationCode2: p.code(-2)})
	r := assuming(bob, p.serial, p.code(-1))
	r.Input = func() (any, error) {
		return &sts.AssumeRoleInput{RoleArn: new("arn:aws:iam::" + home + ":role/none"), RoleSessionName: new("s1"), SerialNumber: p.serial, TokenCode: p.code(-1)}, nil
	}
	refused("a role that does not exist", r)
	refused("with its code", withMFA(bob, p.serial, p.code(-1)))
	if _, found := read(t, log); found.facts[r.ID] != 1 {
		t.Errorf("%d facts, want that the code was accepted", found.facts[r.ID])
	}
}
