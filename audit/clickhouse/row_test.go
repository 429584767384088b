package clickhouse

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
)

// rowOf reads the row of one record by way of a batch, as the sink does.
func rowOf(t testing.TB, h *events.Header, r *events.Record) row {
	t.Helper()
	var out row
	batch := append(events.AppendRecord([]byte{'['}, h, r), ']')
	if err := events.Each(batch, func(i int, e events.Raw) error { return out.read(journal.Identity, 9, i, e) }); err != nil {
		t.Fatal(err)
	}
	return out
}

// Each kind of caller gives the columns an auditor would look for.
func TestRowOfCallers(t *testing.T) {
	const a = "arn:aws:iam::111122223333:"
	session := &events.SessionContext{
		SessionIssuer: &events.SessionIssuer{Type: "Role", PrincipalID: "AROAX", ARN: a + "role/ops", AccountID: accountA, UserName: "ops"},
		Attributes:    events.SessionAttributes{CreationDate: "2026-11-22T00:00:00Z", MFAAuthenticated: "true"},
	}
	for _, c := range []struct {
		who                       events.UserIdentity
		host                      string
		name, issuer, ip, service string
		mfa                       bool
	}{
		{who: events.UserIdentity{Type: "Root", PrincipalID: accountA, ARN: a + "root", UserName: "alias"}, host: "10.1.2.3", name: "root", ip: "::ffff:10.1.2.3"},
		{who: events.UserIdentity{Type: "IAMUser", PrincipalID: "AIDAX", ARN: a + "user/ana", UserName: "ana"}, host: "2001:db8::1", name: "ana", ip: "2001:db8::1"},
		{who: events.UserIdentity{Type: "AssumedRole", PrincipalID: "AROAX:ben@example", ARN: "arn:aws:sts::111122223333:assumed-role/ops/ben@example", SessionContext: session},
			host: "AWS Internal", name: "ben@example", issuer: a + "role/ops", ip: "::", service: "AWS Internal", mfa: true},
		{who: events.UserIdentity{Type: "AssumedRole", ARN: "arn:aws:sts::111122223333:assumed-role/ops/cem"}, host: "fe80::1%eth0", name: "cem", ip: "fe80::1", service: "fe80::1%eth0"},
		{who: events.UserIdentity{Type: "FederatedUser", PrincipalID: "111122223333:dora"}, host: "cloudtrail.amazonaws.com", name: "dora", ip: "::", service: "cloudtrail.amazonaws.com"},
		{who: events.UserIdentity{Type: "AWSAccount", PrincipalID: "AIDAFOREIGN"}, host: "", ip: "::"},
		{who: events.UserIdentity{Type: "Unknown"}, host: "::ffff:10.1.2.3", ip: "::ffff:10.1.2.3"},
		{who: events.UserIdentity{Type: "SAMLUser", UserName: "x<y>&\"\\\u2028"}, host: "1.2.3", name: "x<y>&\"\\\u2028", ip: "::", service: "1.2.3"},
	} {
		wr := newWriter(newFakeLog(), 1)
		h, r := wr.record(accountA)
		r.UserIdentity, r.SourceIPAddress = c.who, c.host
		got := rowOf(t, h, r)
		ip := netip.AddrFrom16(netip.MustParseAddr(c.ip).As16())
		if got.userName != c.name || got.issuer != c.issuer || got.sourceIP != ip || got.source != c.service || got.mfa != c.mfa || got.principal != c.who.ARN {
			t.Errorf("%+v from %q:\n got %q %q %v %q %v", c.who, c.host, got.userName, got.issuer, got.sourceIP, got.source, got.mfa)
		}
	}
}

// The statements that settled the decision are named, not every one that
// matched; what was judged comes before what was touched.
func TestRowOfVerdicts(t *testing.T) {
	allow := events.Statement{Policy: "p1", Index: 0, Sid: "A", Effect: "Allow"}
	deny := events.Statement{Policy: "p2", Index: 3, Effect: "Deny"}
	checks := func(effect string) []events.Check {
		return []events.Check{
			{Action: "iam:PassRole", Resource: "arn:aws:iam::111122223333:role/r", Effect: effect, Statements: []events.Statement{allow, deny, allow}},
			{Action: "iam:CreateUser", Resource: "*", Effect: "Allow", Statements: []events.Statement{{Policy: "p3", Sid: "B", Effect: "Allow"}}},
		}
	}
	for _, c := range []struct {
		effect               string
		policies, statements []string
	}{
		{"Allow", []string{"p1", "p3"}, []string{"A", "B"}},
		{"ExplicitDeny", []string{"p2"}, []string{"#3"}},
		{"ImplicitDeny", nil, nil},
	} {
		h, r := newWriter(newFakeLog(), 1).record(accountA)
		r.Verdict = events.Verdict{Effect: c.effect, World: 7, Evaluator: "v", Checks: checks(c.effect)}
		r.Resources = []events.Resource{{ARN: "arn:aws:iam::111122223333:user/u"}, {ARN: "arn:aws:iam::111122223333:role/r", Type: "AWS::IAM::Role"}}
		got := rowOf(t, h, r)
		if !slices.Equal(got.policies, c.policies) || !slices.Equal(got.statements, c.statements) {
			t.Errorf("%s: settled by %v %v, want %v %v", c.effect, got.policies, got.statements, c.policies, c.statements)
		}
		want := []string{"arn:aws:iam::111122223333:role/r", "arn:aws:iam::111122223333:user/u"}
		if !slices.Equal(got.resourceARNs, want) || got.resource != want[0] || !slices.Equal(got.resourceTypes, []string{"AWS::IAM::Role", "AWS::IAM::User"}) {
			t.Errorf("%s: resources %v %v", c.effect, got.resourceARNs, got.resourceTypes)
		}
		if got.action != "iam:PassRole" || got.world != 7 {
			t.Errorf("%s: action %q world %d", c.effect, got.action, got.world)
		}
	}
	h, r := newWriter(newFakeLog(), 1).record(accountA)
	r.Verdict, r.EventName = events.Verdict{Effect: "Unauthenticated"}, "GetUser"
	if got := rowOf(t, h, r); got.action != "iam:GetUser" || got.decision != "Unauthenticated" {
		t.Errorf("unauthenticated: %q %q", got.action, got.decision)
	}
}

// What cannot be a row is an error that names the event; never a row with holes.
func TestRowErrors(t *testing.T) {
	for name, change := range map[string]func(h *events.Header, r *events.Record){
		"id":     func(h *events.Header, r *events.Record) { h.ID = "x" },
		"time":   func(h *events.Header, r *events.Record) { h.Time = time.Time{} },
		"effect": func(h *events.Header, r *events.Record) { r.Verdict.Effect = "" },
	} {
		h, r := newWriter(newFakeLog(), 1).record(accountA)
		change(h, r)
		var out row
		err := events.Each(append(events.AppendRecord([]byte{'['}, h, r), ']'), func(i int, e events.Raw) error { return out.read(journal.Identity, 9, i, e) })
		if err == nil || !strings.Contains(err.Error(), "IDENTITY sequence 9 event 0") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// slow is the row by way of encoding/json, the long way round.
func slow(data []byte) (userName, agent, host string, arns []string, effect string, err error) {
	var r events.Record
	if err = json.Unmarshal(data, &r); err != nil {
		return
	}
	for _, c := range r.Verdict.Checks {
		if c.Resource != "*" && c.Resource != "" && !slices.Contains(arns, c.Resource) {
			arns = append(arns, c.Resource)
		}
	}
	for _, x := range r.Resources {
		if !slices.Contains(arns, x.ARN) {
			arns = append(arns, x.ARN)
		}
	}
	return r.UserIdentity.UserName, r.UserAgent, r.SourceIPAddress, arns, r.Verdict.Effect, nil
}

// The scanner reads of any record what encoding/json reads.
func FuzzRow(f *testing.F) {
	for _, h := range hostile {
		f.Add(h, h, h, h, uint8(3))
	}
	f.Add("ana", "aws-cli/2", "10.0.0.1", "arn:aws:iam::1:user/x", uint8(0))
	f.Fuzz(func(t *testing.T, name, agent, host, arn string, n uint8) {
		h, r := newWriter(newFakeLog(), uint64(n)).record(accountA)
		r.UserIdentity = events.UserIdentity{Type: "IAMUser", UserName: name, ARN: arn}
		r.UserAgent, r.SourceIPAddress = agent, host
		r.Verdict.Checks[0].Resource = arn
		for i := range int(n % 5) {
			r.Resources = append(r.Resources, events.Resource{ARN: fmt.Sprint(arn, i), Type: name})
			r.Verdict.Checks = append(r.Verdict.Checks, events.Check{Action: name, Resource: fmt.Sprint(i, arn), Effect: agent, Statements: []events.Statement{{Policy: arn, Sid: name, Effect: "Allow"}}})
		}
		data := r.AppendJSON(nil)
		wantName, wantAgent, wantHost, wantARNs, wantEffect, err := slow(data)
		if err != nil {
			t.Fatal(err)
		}
		got := rowOf(t, h, r)
		var host2 string
		if got.source != "" {
			host2 = got.source
		} else if a, err := netip.ParseAddr(wantHost); err == nil && netip.AddrFrom16(a.As16()) == got.sourceIP {
			host2 = wantHost
		}
		if got.userName != wantName || got.userAgent != wantAgent || host2 != wantHost || got.decision != wantEffect || got.raw != string(data) {
			t.Fatalf("got %q %q %q %q, want %q %q %q %q", got.userName, got.userAgent, host2, got.decision, wantName, wantAgent, wantHost, wantEffect)
		}
		if !slices.Equal(got.resourceARNs, wantARNs) {
			t.Fatalf("resources %q, want %q", got.resourceARNs, wantARNs)
		}
	})
}

// Bytes that are no record make an error or a row, and never a panic.
func FuzzRowBytes(f *testing.F) {
	_, r := newWriter(newFakeLog(), 1).record(accountA)
	whole := r.AppendJSON(nil)
	f.Add(whole)
	for range 50 {
		cut := slices.Clone(whole)
		cut[rand.IntN(len(cut))] ^= byte(1 + rand.IntN(255))
		f.Add(cut[:rand.IntN(len(cut))])
	}
	for _, s := range []string{`{"a`, `{"a":`, `{"verdict":{"effect":"Allow","checks":[{]}`, `{"verdict":{"effect":"Allow"}}`, `{"\":1}`, `{,}`, `{"a":"\\"}`, `[`, `{"a":]}`, `{"verdict":{"effect":"Allow","world":-1}}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var got row
		err := got.read(journal.Decisions, 1, 0, events.Raw{ID: uuid.NewString(), Type: events.RecordType, Account: accountA, Time: time.Now(), Data: data})
		if err != nil {
			return
		}
		got.hash(nil)
		var c columns
		c.add(&got)
		c.cut(0)
	})
}

// A batch undone after a message that could not be read is the batch before it.
func TestBatchIsWhole(t *testing.T) {
	log := newFakeLog()
	wr := newWriter(log, 3)
	wr.page(accountA, 5)
	wr.now = wr.now.AddDate(0, 1, 0)
	body := wr.body(accountA, 5, nil)
	broken := strings.LastIndex(string(body), `"effect":"`)
	bad := journal.Message{Seq: 2, Key: "node-1", Body: append(append(slices.Clone(body[:broken]), `"effect":!`...), body[broken+10:]...)}
	var b batch
	var r row
	chain := journal.NewChain(journal.Decisions, 0, nil)
	if err := b.add(&r, journal.Decisions, chain, &log.msgs[journal.Decisions][0]); err != nil {
		t.Fatal(err)
	}
	if err := b.add(&r, journal.Decisions, chain, &bad); err == nil {
		t.Fatal("no error")
	}
	if b.rows != 5 || b.last != 1 || len(b.months) != 1 {
		t.Errorf("batch after an error: rows %d, last %d, months %d", b.rows, b.last, len(b.months))
	}
	for _, c := range schema {
		n := lengthOf(c.data(&b.months[0].columns))
		if n != 5 {
			t.Errorf("column %s has %d values, want 5", c.name, n)
		}
	}
	wr.put(journal.Decisions, "node-1", body)
	if err := b.add(&r, journal.Decisions, chain, &log.msgs[journal.Decisions][1]); err != nil || b.rows != 10 || len(b.months) != 2 {
		t.Errorf("going on: %v, rows %d, months %d", err, b.rows, len(b.months))
	}
	if d := cmp.Diff([]string{"DECISIONS:1-2:" + b.months[0].name, "DECISIONS:1-2:" + b.months[1].name}, []string{b.token(journal.Decisions, &b.months[0]), b.token(journal.Decisions, &b.months[1])}); d != "" {
		t.Error(d)
	}
}
