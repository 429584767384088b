package audit

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/google/uuid"

	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/projections"
)

// LocalOptions say what a Local stands on.
type LocalOptions struct {
	Log       journal.Log
	Keys      *seal.Keyring
	Writer    string                 // name of this writer of DECISIONS: no two at a time may have one
	Region    string                 // default: us-east-1
	Shared    bool                   // others write to the log too: a server, say
	Vault     *journal.Vault         // signed checkpoints; nil: the log is checked by its chain alone
	Snapshots *projections.Snapshots // nil: the World is folded from the log's beginning
	Errors    *slog.Logger           // default: slog's
}

// Local is a gate in this process, for Go programs that ask without a server in
// between. Its answers are recorded like all others, and like all others they
// are heard when the record is on disk.
type Local struct {
	Gate *Gate

	pager *journal.Pager
	stop  context.CancelFunc
	done  sync.WaitGroup
}

// OpenLocal brings a World to the log's end and makes a gate on it. Log and
// keys stay the caller's, who closes them after the Local.
func OpenLocal(ctx context.Context, o LocalOptions) (*Local, error) {
	if o.Region == "" {
		o.Region = "us-east-1"
	}
	if o.Errors == nil {
		o.Errors = slog.Default()
	}
	end, err := o.Log.End(ctx, journal.Identity)
	if err != nil {
		return nil, err
	}
	w, head := &projections.World{}, journal.NewHead(journal.Identity)
	if o.Snapshots != nil {
		switch sw, sh, why, err := o.Snapshots.Newest(end); {
		case err == nil:
			w, head = sw, sh
		case !errors.Is(err, projections.ErrNoSnapshot):
			return nil, err
		case why != nil:
			o.Errors.Warn("starting without a snapshot", "cause", why)
		}
	}
	fold := func(upTo uint64) (journal.Hash, error) {
		var err error
		if upTo > w.Seq {
			err = projections.Replay(ctx, o.Log, w, head, upTo, nil)
		}
		return head.Tree.Root(), err
	}
	if o.Vault != nil {
		err = journal.Prove(o.Vault, journal.Identity, end, w.Seq, fold)
	}
	if err == nil {
		_, err = fold(end)
	}
	if err != nil {
		return nil, err
	}
	l := &Local{}
	if l.pager, err = journal.NewPager(ctx, o.Log, o.Writer, nil); err != nil {
		return nil, err
	}
	live := projections.NewLive(o.Log, w, head, nil)
	l.Gate = NewGate(&Gate{Log: o.Log, Pager: l.pager, Live: live, Keys: o.Keys, Region: o.Region, Shared: o.Shared, Errors: o.Errors})
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	l.done.Go(func() {
		if err := live.Follow(ctx); err != nil && ctx.Err() == nil {
			o.Errors.Error("the log can't be followed: nothing is answered any more", "cause", err)
		}
	})
	return l, nil
}

// Close ends the writing and the following of the log. What is answered by then
// is recorded; what is asked later is refused.
func (l *Local) Close() { l.pager.Close(); l.stop(); l.done.Wait() }

// As asks as who holds an access key. token is that of a session, or empty.
func (g *Gate) As(keyID string, secret seal.Secret, token string) *Asker {
	return &Asker{gate: g, proof: owned{keyID, secret, token}}
}

// Asker asks a gate of this process. Its caller is authenticated, judged and
// recorded with each question; sourceIPAddress says that it asked from within.
// It may be used by several goroutines at once.
type Asker struct {
	gate  *Gate
	proof Proof
}

// Within is the source of requests that came by no network.
const Within = "in-process"

// Evaluate answers one question.
func (a *Asker) Evaluate(ctx context.Context, q Question) (Decision, error) {
	list, err := a.EvaluateAll(ctx, ExecuteAll, q)
	if err != nil {
		return Decision{}, err
	}
	return list[0], nil
}

// EvaluateAll answers a batch, all of it recorded in one append. A question
// that can't be judged is a no, with its Fault; an error is about all of them.
func (a *Asker) EvaluateAll(ctx context.Context, s Semantic, q ...Question) ([]Decision, error) {
	for i := range q {
		if q[i].fault == nil {
			q[i].fault = q[i].complete()
		}
	}
	out, err := a.ask(ctx, "Evaluate", &EvaluateInput{Questions: q, Semantic: s, Single: len(q) == 1})
	if err != nil {
		return nil, err
	}
	return out.(*EvaluateOutput).Decisions, nil
}

// Subjects, Resources and Actions search. token is empty or the last page's Next.
func (a *Asker) Subjects(ctx context.Context, q Question, token string) (*SearchOutput, error) {
	return a.search(ctx, "SearchSubject", &SearchSubjectInput{Search{q, token, searchResults}})
}
func (a *Asker) Resources(ctx context.Context, q Question, token string) (*SearchOutput, error) {
	return a.search(ctx, "SearchResource", &SearchResourceInput{Search{q, token, searchResults}})
}
func (a *Asker) Actions(ctx context.Context, q Question, token string) (*SearchOutput, error) {
	return a.search(ctx, "SearchAction", &SearchActionInput{Search{q, token, searchResults}})
}

func (a *Asker) search(ctx context.Context, name string, in any) (*SearchOutput, error) {
	out, err := a.ask(ctx, name, in)
	if err != nil {
		return nil, err
	}
	return out.(*SearchOutput), nil
}

func (a *Asker) ask(ctx context.Context, name string, in any) (any, error) {
	answer := a.gate.Serve(ctx, &Request{
		Service: "keytrail", Name: name, Version: "2026-11-01", Proof: a.proof, Input: func() (any, error) { return in, nil },
		ID: uuid.NewString(), Region: a.gate.Region, SourceIP: Within,
	})
	return answer.Output, answer.Err
}

// owned is an access key in the hands of a program of this process.
type owned struct {
	key    string
	secret seal.Secret
	token  string
}

func (o owned) KeyID() string { return o.key }
func (o owned) Token() string { return o.token }
func (o owned) ID() string    { return uuid.NewString() } // asked anew each time
func (o owned) Check(s seal.Secret) error {
	if !o.secret.Equal(s) {
		return errBadSecret
	}
	return nil
}
func (o owned) CheckUnknown() error {
	o.secret.Equal(o.secret) // the same work
	return errBadToken
}

var errBadSecret = refusal("SignatureDoesNotMatch", "The secret is not that of the access key.")
