package audit

import (
	"sync"
	"time"

	"github.com/keytrail/keytrail/projections"
)

// barred says what credentials may not be used for, whatever policies allow
// (STS API Reference, "Comparing the AWS STS API operations"): those of
// GetSessionToken not for IAM unless MFA was given, and in STS only to assume
// a role or to ask who they are.
func (t *turn) barred() error {
	s := t.caller.Session
	if s == nil || s.Type != projections.IAMUser && s.Type != projections.Root {
		return nil
	}
	switch {
	case t.r.Service == "iam" && !s.MFA:
		return errBadToken // AWS's answer
	case t.r.Service == "sts" && t.r.Name != "AssumeRole" && t.r.Name != "GetCallerIdentity":
		return refusal("AccessDenied", "Cannot call %s with session credentials", t.r.Name)
	}
	return nil
}

// used remembers the signatures of requests that changed something, as long as
// they are inside the window in which a signature is accepted: SigV4 has no
// nonce, so who overhears a request could send it again. It is bounded and of
// this node alone; a second node or a restart forgets.
type used struct {
	mu    sync.Mutex
	seen  map[string]bool
	order []mark // oldest first
}

type mark struct {
	id string
	at time.Time
}

const (
	usedWindow = 31 * time.Minute // fifteen minutes of skew either way, and a little
	usedMax    = 1 << 16
)

var errReplayed = refusal("RequestExpired", "Request has expired: this signature was used before. Sign the request again.")

// before says whether a signature was marked.
func (u *used) before(id string) bool { u.mu.Lock(); defer u.mu.Unlock(); return u.seen[id] }

// mark remembers a signature.
func (u *used) mark(id string, now time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.seen == nil {
		u.seen = map[string]bool{}
	}
	for len(u.order) > 0 && (len(u.order) >= usedMax || now.Sub(u.order[0].at) > usedWindow) {
		delete(u.seen, u.order[0].id)
		u.order = u.order[1:]
	}
	u.seen[id] = true
	u.order = append(u.order, mark{id, now})
}
