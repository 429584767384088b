// Package audit owns the one rule of the product: nobody hears an answer, yes
// or no, before the journal holds the record of it. Gate.Serve is the only way
// in; the table of actions is all there is to ask for.
package audit

import (
	"context"
	"crypto/rand"
	"errors"
	"hash/maphash"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/smithy-go"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/policy"
	"github.com/keytrail/keytrail/query"
)

// Gate judges, runs and records. Its exported fields are set before use.
type Gate struct {
	Log      journal.Log
	Pager    *journal.Pager
	Live     *projections.Live
	Keys     *seal.Keyring
	Trail    query.Trail    // nil: the audit store is off
	Delivery query.Delivery // nil: trails deliver nothing here
	Journal  *query.Journal
	Operator string // account whose principals may look at the whole log
	Region   string // the server's own
	Limits   *Limits
	Shared   bool // others write to the log too: look at its end before each judgement
	Errors   *slog.Logger
	Clock    func() time.Time // nil: the machine's
	Password seal.Cost        // of hashing one; zero: seal.PasswordCost
	Floor    time.Time        // newest time in the log: a clock that was set back does not make it yesterday again

	actions map[string]*Action
	locks   [256]sync.Mutex // of accounts, by hash: one change at a time in each
	seed    maphash.Seed
	used    used
	hashers *hashers
	reports *query.Reports
	clock   atomic.Int64 // last time given out, in nanoseconds: time does not run back
}

// Request is what the wire knows of a request.
type Request struct {
	Service, Name string
	Version       string // of the API
	Proof         Proof  // nil: unsigned, or Unproved
	Unproved      error  // why there is no proof
	Bearer        string // session token in place of a proof: good for asking, and nothing else
	Input         func() (any, error)
	Unread        error  // why it could not be read, if it could not: recorded if it is somebody's, and the answer
	ID            string // request id, a UUID
	Named         string // request id of the client's own, "" if it has none
	Region        string
	SourceIP      string
	UserAgent     string
	Host          string
	TLS           *events.TLSDetails // nil: plain HTTP
	Traceparent   string
	After         uint64 // sequence of IDENTITY the caller has seen: a judgement must not be older
}

// Answer is what may be told, now that it is recorded.
type Answer struct {
	Output any
	Err    error  // for the client; a smithy.APIError or the wire's own
	Seq    uint64 // of IDENTITY: what this request changed, or what it was judged at
}

// turn is one request on its way through the gate.
type turn struct {
	gate      *Gate
	r         *Request
	action    *Action
	now       time.Time
	claim     claim
	recipient string // account whose trail shows it
	caller    *projections.Caller
	seen      uint64 // the World caller was found in
	in, out   any
	err       error
	ask       ask
	verdict   events.Verdict
	tx        commands.Tx
	view      query.View
	hashing   *commands.Hashing // outlives the runs
	lock      *sync.Mutex       // of the account, while held
}

// NewGate makes a gate over the table of actions.
func NewGate(g *Gate) *Gate {
	n := &Gate{Log: g.Log, Pager: g.Pager, Live: g.Live, Keys: g.Keys, Trail: g.Trail, Delivery: g.Delivery, Journal: g.Journal, Operator: g.Operator, Region: g.Region,
		Limits: g.Limits, Shared: g.Shared, Errors: g.Errors, Clock: g.Clock, Password: g.Password,
		actions: map[string]*Action{}, seed: maphash.MakeSeed(), hashers: newHashers(), reports: query.NewReports()}
	if n.Password == (seal.Cost{}) {
		n.Password = seal.PasswordCost
	}
	if n.Clock == nil {
		n.Clock = time.Now
	}
	n.clock.Store(max(0, g.Floor.UnixMicro()) * 1000)
	for _, a := range Actions() {
		n.actions[a.FullName()] = &a
	}
	return n
}

// Serve takes a request through: authenticate, catch up, judge, run, append,
// answer. Nothing of the answer leaves before it is appended.
func (g *Gate) Serve(ctx context.Context, r *Request) (answer Answer) {
	t := &turn{gate: g, r: r, now: g.now(), recipient: unknownAccount, action: g.actions[r.Service+":"+r.Name]}
	defer func() {
		if p := recover(); p != nil { // whatever was half done was not appended, so it did not happen
			g.Errors.Error("panic", "request", r.ID, "action", r.Service+":"+r.Name, "cause", p, "stack", string(debug.Stack()))
			answer = t.refuse(ctx, errInternal)
		}
	}()
	if r.Bearer != "" {
		r.Proof, r.Unproved = g.bearer(r)
	}
	if err := g.catchUp(ctx); err != nil {
		return g.internal(r, err)
	}
	if err := t.authenticate(ctx); err != nil {
		if r.Unread != nil {
			return Answer{Err: r.Unread} // nobody's noise
		}
		var theirs smithy.APIError
		if !errors.As(err, &theirs) {
			return g.internal(r, err)
		}
		return t.refuse(ctx, err)
	}
	if key := r.Proof.KeyID(); !g.Limits.allow(key, t.recipient) {
		g.Limits.turnAway(t.recipient, key, t.now)
		return Answer{Err: errThrottled}
	}
	if r.Unread != nil {
		return t.refuse(ctx, r.Unread)
	}
	if err := g.wait(ctx, r.After); err != nil { // only who is known may make us wait
		return g.internal(r, err)
	}
	if t.action == nil {
		return t.refuse(ctx, refusal("InvalidAction", "Could not find operation %s for version %s", r.Name, r.Version))
	}
	if err := t.barred(); err != nil {
		return t.refuse(ctx, err)
	}
	if t.in, t.err = r.Input(); t.err != nil {
		return t.refuse(ctx, t.err)
	}
	changes := t.action.changes
	if t.action.code != nil {
		_, code := t.action.code(t.in)
		changes = changes || code != nil
	}
	if changes {
		t.lock = &g.locks[maphash.String(g.seed, t.recipient)%uint64(len(g.locks))]
		t.lock.Lock()
		defer func() {
			if t.lock != nil {
				t.lock.Unlock()
			}
		}()
	}
	if t.action.hashes {
		t.hashing = commands.NewHashing(rand.Reader, g.Password)
	}
	for runs, hashed := 0, 0; runs < 5; {
		if changes && g.used.before(r.Proof.ID()) {
			return t.refuse(ctx, errReplayed)
		}
		t.reset()
		if err := g.Live.Read(func(w *projections.World) {
			if t.judge(w); t.allowed() && !t.action.outside {
				t.out, t.err = t.action.run(ctx, t, t.in)
			}
		}); err != nil {
			return g.internal(r, err)
		}
		if work, ok := t.hashing.Next(); ok { // decision 30
			if hashed++; hashed > hashesEach {
				return t.refuse(ctx, errConcurrent)
			}
			if err := t.hash(ctx, work); err != nil {
				return t.refuse(ctx, err)
			}
			continue
		}
		if runs++; t.allowed() && t.action.outside {
			t.view.World = nil
			t.out, t.err = t.action.run(ctx, t, t.in)
		}
		if t.action.finish != nil && t.allowed() && t.err == nil {
			t.err = t.action.finish(ctx, t, t.out)
		}
		answer, err := t.append(ctx)
		if !errors.Is(err, journal.ErrConflict) {
			if err != nil {
				return g.internal(r, err)
			}
			if changes && (answer.Err == nil || len(t.tx.Anyway) > 0) {
				g.used.mark(r.Proof.ID(), t.now)
			}
			return answer
		}
		if err := g.Live.CatchUp(ctx); err != nil { // somebody else wrote first: see it, and decide again
			return g.internal(r, err)
		}
	}
	return t.refuse(ctx, errConcurrent)
}

// refuse records a request that was not judged, or lost every race, and
// answers with err.
func (t *turn) refuse(ctx context.Context, err error) Answer {
	t.out, t.tx.Facts, t.tx.Anyway, t.err = nil, nil, nil, err
	if t.verdict.Effect == "" { // it never came to judging: nothing was allowed
		t.verdict.Effect = policy.ImplicitDeny.String()
	}
	if t.caller == nil {
		t.verdict.Effect = unauthenticated
		key := ""
		if t.recipient != unknownAccount {
			key = t.r.Proof.KeyID()
		}
		if l := t.gate.Limits; !l.allowUnproved(key) {
			l.turnAway(t.recipient, key, t.now)
			return Answer{Err: errThrottled} // a flood by nobody must not fill the log
		}
	}
	answer, lost := t.append(ctx)
	if lost != nil {
		return t.gate.internal(t.r, lost)
	}
	return answer
}

// internal answers a request that could not be recorded: the client learns
// only that; the operator gets the cause.
func (g *Gate) internal(r *Request, err error) Answer {
	g.Errors.Error("request not answered", "request", r.ID, "action", r.Service+":"+r.Name, "cause", err)
	return Answer{Err: errUnrecorded}
}

// catchUp makes sure that the World is not older than the log, where others
// write to it too.
func (g *Gate) catchUp(ctx context.Context) error {
	if !g.Shared {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	end, err := g.Log.End(ctx, journal.Identity)
	if err != nil {
		return err
	}
	return g.wait(ctx, end)
}

const waitLimit = 2 * time.Second

// hash has a password hashed. Others of the account go on meanwhile.
func (t *turn) hash(ctx context.Context, w seal.Work) error {
	held := t.lock
	t.lock = nil
	held.Unlock()
	result, err := t.gate.hashers.do(ctx, w)
	held.Lock()
	t.lock = held
	if err == nil {
		t.hashing.Did(w, result)
	}
	return err
}

// wait returns when the World is at seq or beyond, or has not come there in time.
func (g *Gate) wait(ctx context.Context, seq uint64) error {
	if g.Live.Seq() >= seq {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	return g.Live.Wait(ctx, seq)
}

// frozen is the World of now, to be read for long.
func (g *Gate) frozen() *projections.World {
	w, _, _ := g.Live.Freeze()
	return w
}

// now is the time, in UTC and whole microseconds; it never runs back.
func (g *Gate) now() time.Time {
	for {
		last, now := g.clock.Load(), g.Clock().UnixMicro()*1000
		if now <= last {
			return time.Unix(0, last).UTC()
		}
		if g.clock.CompareAndSwap(last, now) {
			return time.Unix(0, now).UTC()
		}
	}
}

// reset makes the turn ready to be run, again if need be.
func (t *turn) reset() {
	t.out, t.err, t.verdict = nil, nil, events.Verdict{}
	t.ask = ask{}
	t.tx = commands.Tx{Caller: t.caller, Now: t.now, Rand: rand.Reader, Keys: t.gate.Keys, Region: t.gate.Region, Hashing: t.hashing}
	t.view = query.View{Caller: t.caller, Now: t.now, Keys: t.gate.Keys, Region: t.gate.Region, Trail: t.gate.Trail, Delivery: t.gate.Delivery, Journal: t.gate.Journal,
		Reports: t.gate.reports, Freeze: t.gate.frozen}
}
