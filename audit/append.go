package audit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/aws/smithy-go"
	"github.com/google/uuid"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/projections"
)

const (
	partition      = "aws"
	unknownAccount = "anonymous" // whose trail shows what no account can be found for
	eventSize      = 2 << 10     // most events fit, so that their buffer is made once
	maxParameters  = 100 << 10   // CloudTrail's limit on requestParameters, in bytes
)

// append writes the turn down: facts with the decision that made them as
// one unit of IDENTITY, anything else as a decision of a page. Only then is
// there an Answer. journal.ErrConflict: somebody else wrote first.
func (t *turn) append(ctx context.Context) (Answer, error) {
	if t.err != nil {
		t.out, t.tx.Facts = nil, nil // a refused or failed command changes nothing
	}
	facts := append(t.tx.Anyway, t.tx.Facts...)
	rec, err := t.record()
	if err != nil {
		return Answer{}, err
	}
	h := events.Header{
		ID: rec.EventID, Partition: partition, Account: t.recipient, Type: events.RecordType, Time: t.now,
		Actor: rec.UserIdentity.ARN, RequestID: t.r.ID, Traceparent: t.r.Traceparent,
	}
	switch out := t.out.(type) {
	case *EvaluateOutput:
		return t.appendDecisions(ctx, out, &h, rec)
	case *SearchOutput:
		out.note(rec)
	}
	if len(t.ask.targets) > 0 {
		h.Subject = t.ask.targets[0].resource
	}
	answer := Answer{Output: t.out, Err: t.err, Seq: t.verdict.World}
	if len(facts) == 0 {
		b := eventBuffers.Get().(*[]byte)
		*b = events.AppendRecord((*b)[:0], &h, rec)
		_, _, err := t.gate.Pager.Add(ctx, rec.EventID, *b)
		if cap(*b) <= 8*eventSize {
			eventBuffers.Put(b)
		}
		return answer, err
	}
	if t.tx.Into != "" {
		h.Account, rec.RecipientAccountID = t.tx.Into, t.tx.Into
	}
	body, err := unit(&h, rec, facts)
	if err == nil {
		answer.Seq, err = t.gate.commit(ctx, h.Account, rec.EventID, t.verdict.World, body)
	}
	return answer, err
}

var eventBuffers = sync.Pool{New: func() any { b := make([]byte, 0, eventSize); return &b }}

// unit is the batch of a decision and the facts that it allowed.
func unit(h *events.Header, rec *events.Record, facts []events.Event) (body []byte, err error) {
	body = events.AppendRecord(append(make([]byte, 0, 2*eventSize), '['), h, rec)
	for _, f := range facts {
		if body, err = events.AppendFact(append(body, ','), *h, newID(), f); err != nil {
			return nil, err
		}
	}
	return append(body, ']'), nil
}

// commit appends a unit to an account's chain, if the World that it was judged
// in still is the account's newest, and folds it in. Where several nodes write,
// the World may have moved between the judgement and now.
func (g *Gate) commit(ctx context.Context, account, id string, judged uint64, body []byte) (uint64, error) {
	last, link := g.Live.Last(account)
	if last > judged {
		return 0, journal.ErrConflict
	}
	m := journal.Message{Key: account, ID: id, Link: journal.Next(link, journal.Leaf(body)), Body: body}
	var err error
	if m.Seq, err = g.Log.Append(ctx, journal.Identity, last, m); err != nil {
		return 0, err
	}
	if err := g.Live.Offer(m); err != nil {
		return 0, err
	}
	return m.Seq, g.wait(ctx, m.Seq)
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// record describes the turn as CloudTrail would, with the verdict beside it.
func (t *turn) record() (*events.Record, error) {
	r := t.r
	rec := &events.Record{
		EventVersion: events.EventVersion, UserIdentity: t.identity(), EventTime: t.now,
		EventSource: r.Service + ".amazonaws.com", EventName: r.Name, AWSRegion: r.Region,
		SourceIPAddress: r.SourceIP, UserAgent: cut(r.UserAgent, 1024),
		RequestID: r.ID, EventID: newID(), EventType: "AwsApiCall", APIVersion: r.Version,
		ManagementEvent: true, EventCategory: "Management", RecipientAccountID: t.recipient,
		TLSDetails: r.TLS, Verdict: t.verdict,
	}
	rec.ErrorCode, rec.ErrorMessage = errorCode(t.err)
	rec.ErrorMessage = cut(rec.ErrorMessage, 1024)
	if t.action == nil {
		return rec, nil
	}
	rec.ReadOnly = t.action.ReadOnly
	if t.action.data {
		rec.ManagementEvent, rec.EventCategory = false, "Data"
	}
	for _, g := range t.ask.targets {
		if g.kind != "" {
			owner := g.owner
			if owner == "" {
				owner = t.recipient
			}
			rec.Resources = append(rec.Resources, events.Resource{ARN: g.resource, AccountID: owner, Type: g.kind})
		}
	}
	// Parameters of a denied request are not shown, as in CloudTrail: the
	// verdict names action and resource.
	if t.in != nil && t.allowed() {
		rec.RequestParameters = bounded(t.action.request.Append(nil, t.in))
	}
	if t.out != nil && t.action.response != nil {
		rec.ResponseElements = bounded(t.action.response.Append(nil, t.out))
	}
	return rec, nil
}

// bounded replaces what is too long by its length and hash: cut, never dropped.
func bounded(b []byte) []byte {
	if len(b) <= maxParameters {
		return b
	}
	return fmt.Appendf(nil, `{"__truncated":true,"length":%d,"sha256":"%x"}`, len(b), sha256.Sum256(b))
}

func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "")
}

// errorCode is CloudTrail's: the SDK's type name where the service models the
// error (NoSuchEntityException), the wire code otherwise (AccessDenied).
func errorCode(err error) (code, message string) {
	if err == nil {
		return "", ""
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return "InternalFailure", ""
	}
	t := reflect.TypeOf(api).Elem()
	if strings.HasSuffix(t.Name(), "Exception") {
		return t.Name(), api.ErrorMessage()
	}
	return api.ErrorCode(), api.ErrorMessage()
}

// identity is CloudTrail's userIdentity of who asks.
func (t *turn) identity() events.UserIdentity {
	c := t.caller
	if c == nil {
		u := events.UserIdentity{Type: "Unknown"}
		if t.r.Proof != nil {
			u.AccessKeyID = cut(t.r.Proof.KeyID(), 128)
		}
		if t.recipient != unknownAccount {
			u.AccountID = t.recipient
		}
		return u
	}
	u := events.UserIdentity{Type: string(c.Type), PrincipalID: c.UserID, ARN: c.ARN, AccountID: c.Account.ID, AccessKeyID: c.AccessKeyID}
	if c.User != nil {
		u.UserName = c.User.Name
	}
	if s := c.Session; s != nil {
		u.SessionContext = &events.SessionContext{
			Attributes: events.SessionAttributes{
				CreationDate: s.Issued.UTC().Format(time.RFC3339), MFAAuthenticated: fmt.Sprint(s.MFA && s.Type != projections.AssumedRole),
			},
			SourceIdentity: s.SourceIdentity,
		}
		if r := c.Role; r != nil {
			u.SessionContext.SessionIssuer = &events.SessionIssuer{
				Type: "Role", PrincipalID: r.ID, ARN: r.ARN(c.Account), AccountID: c.Account.ID, UserName: r.Name,
			}
		}
	}
	return u
}
