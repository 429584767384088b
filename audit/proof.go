package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/smithy-go"

	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/projections"
)

// Proof shows that a request was made by who holds an access key. The wire
// brings it; whether it holds is found here, and only here.
type Proof interface {
	KeyID() string           // access key id that the request claims
	Token() string           // session token, "" if none
	Check(seal.Secret) error // nil: it was made with this secret
	ID() string              // of the signature: no other request has it
	CheckUnknown() error     // does the work of Check for a key that does not exist, and fails as if it were wrong
}

func refusal(code, format string, args ...any) error {
	return &smithy.GenericAPIError{Code: code, Message: fmt.Sprintf(format, args...), Fault: smithy.FaultClient}
}

var (
	errThrottled  = refusal("Throttling", "Rate exceeded")
	errNoProof    = refusal("MissingAuthenticationToken", "Request is missing Authentication Token")
	errBadToken   = refusal("InvalidClientTokenId", "The security token included in the request is invalid.")
	errExpired    = refusal("ExpiredToken", "The security token included in the request is expired")
	errUnrecorded = &smithy.GenericAPIError{Code: "ServiceUnavailable", Message: "The request could not be recorded, so it was not answered. Try again.", Fault: smithy.FaultServer}
	errInternal   = &smithy.GenericAPIError{Code: "InternalFailure", Message: "The request processing has failed because of an unknown error, exception or failure.", Fault: smithy.FaultServer}
	errConcurrent = refusal("ConcurrentModification", "The request was rejected because multiple requests to change this object were submitted simultaneously. Wait a few minutes and submit your request again.")
)

// claim is what a request says of its caller, with the secret that would prove it.
type claim struct {
	account string // of a key that may be used, else ""
	owner   string // of a key that exists: its trail shows also who tries it in vain
	secret  seal.Secret
	err     error // why nobody can prove it
	key     *projections.AccessKey
	session *projections.Session
}

// claims finds the secret of the key that p names. Keys that do not exist, are
// inactive, or come without their token or with another's are one answer.
func (g *Gate) claims(w *projections.World, p Proof, now time.Time) claim {
	c := claim{err: errBadToken}
	if p.Token() != "" {
		text, version, err := g.Keys.OpenToken(p.Token())
		var s projections.Session
		if err != nil || json.Unmarshal(text, &s) != nil || s.AccessKeyID != p.KeyID() {
			return c
		}
		c.account, c.session, c.secret, c.err = s.Account, &s, g.Keys.TokenSecret(version, s.AccessKeyID), nil
		if !now.Before(s.Expires) {
			c.err = errExpired
		}
		return c
	}
	k, ok := w.AccessKey(p.KeyID())
	if !ok {
		return c
	}
	if c.owner = k.Account; !k.Active {
		return c
	}
	secret, err := g.Keys.Open(k.Account, k.ID, "secret", k.Secret)
	if err != nil {
		return c
	}
	c.account, c.key, c.secret, c.err = k.Account, k, secret, nil
	return c
}

// authenticate finds who asks. The work is the same for keys that exist and
// keys that don't. A session issued at a sequence this node has not reached
// waits for it.
func (t *turn) authenticate(ctx context.Context) error {
	g, p := t.gate, t.r.Proof
	switch {
	case t.r.Unproved != nil:
		return t.r.Unproved
	case p == nil:
		return errNoProof
	}
	var caller *projections.Caller // if the proof holds
	var seen uint64
	known := false
	if err := g.Live.Read(func(w *projections.World) {
		if t.claim = g.claims(w, p, t.now); t.claim.key != nil {
			caller, known = t.resolve(w)
			seen = w.Seq
		}
	}); err != nil {
		return err
	}
	c := t.claim
	if c.account == "" {
		if c.owner != "" {
			t.recipient = c.owner
		}
		if err := p.CheckUnknown(); err != nil {
			return err
		}
		return c.err
	}
	t.recipient = c.account
	if err := p.Check(c.secret); err != nil {
		return err
	}
	if c.err != nil {
		return c.err
	}
	if c.session != nil {
		if err := g.wait(ctx, c.session.World); err != nil {
			return err
		}
		if err := g.Live.Read(func(w *projections.World) { caller, known = t.resolve(w); seen = w.Seq }); err != nil {
			return err
		}
	}
	if !known {
		return errBadToken
	}
	t.caller, t.seen = caller, seen
	return nil
}

// resolve makes the caller that a claim stands for, as it is in w: a key
// deactivated or a user deleted since is found out before every judgement. What
// GetSessionToken made from a key ends with the key.
func (t *turn) resolve(w *projections.World) (caller *projections.Caller, known bool) {
	key, s := t.claim.key, t.claim.session
	if s != nil {
		caller, known = w.SessionCaller(s)
		if s.Type == projections.AssumedRole || !known {
			return caller, known
		}
		if key, known = w.AccessKey(s.ParentKeyID); !known || !key.Active {
			return nil, false
		}
		return caller, true
	}
	if key, known = w.AccessKey(key.ID); !known || !key.Active {
		return nil, false
	}
	return w.KeyCaller(key)
}
