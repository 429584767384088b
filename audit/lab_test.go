package audit_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"math/rand"
	"sync"
	"testing"
	"time"

	"github.com/aws/smithy-go"
	"github.com/google/uuid"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/journal/journaltest"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/projections"
)

const (
	home    = "111122223333"
	rootKey = "AKIAROOTROOTROOTROOT"
	secret  = "the root secret of the tests"
)

// key is an access key, with the token of a session or without.
type key struct{ id, secret, token string }

var root = key{id: rootKey, secret: secret}

// proof shows that a request was made with a secret, without any signing.
type proof struct{ key }

func (p proof) KeyID() string { return p.id }
func (p proof) Token() string { return p.token }
func (p proof) ID() string    { return uuid.NewString() } // signed anew each time
func (p proof) Check(s seal.Secret) error {
	if s.Reveal() != p.secret {
		return &smithy.GenericAPIError{Code: "SignatureDoesNotMatch"}
	}
	return nil
}
func (p proof) CheckUnknown() error { return &smithy.GenericAPIError{Code: "InvalidClientTokenId"} }

// lab is a log with its first account; gates are opened on it.
type lab struct {
	t    testing.TB
	log  journal.Log
	keys *seal.Keyring
}

func newLab(t testing.TB, log journal.Log) *lab {
	t.Helper()
	l := &lab{t, log, seal.New()}
	in := &commands.CreateAccountInput{AccountID: home, AccessKeyID: rootKey, SecretAccessKey: seal.NewSecret(secret)}
	if _, err := audit.Begin(t.Context(), log, l.keys, "us-east-1", in); err != nil {
		t.Fatal(err)
	}
	return l
}

// gate opens a gate on log, which is the lab's or one laid over it, from zero.
// What set changes is set before use.
func (l *lab) gate(writer string, log journal.Log, set ...func(*audit.Gate)) *audit.Gate {
	l.t.Helper()
	w, head := &projections.World{}, journal.NewHead(journal.Identity)
	if err := projections.Replay(l.t.Context(), log, w, head, 0, nil); err != nil {
		l.t.Fatal(err)
	}
	p, err := journal.NewPager(l.t.Context(), log, writer, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	g := &audit.Gate{
		Log: log, Pager: p, Live: projections.NewLive(log, w, head, nil), Keys: l.keys,
		Region: "us-east-1", Operator: home, Errors: slog.New(slog.NewTextHandler(io.Discard, nil)),
	}
	for _, f := range set {
		f(g)
	}
	return audit.NewGate(g)
}

// follow keeps a gate's World at the log's end until the returned function is called.
func follow(g *audit.Gate) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); g.Live.Follow(ctx) }()
	return func() { cancel(); <-done }
}

// request makes one; k without an id is nobody.
func request(k key, service, name string, in any) *audit.Request {
	r := &audit.Request{
		Service: service, Name: name, Version: "2010-05-08", ID: uuid.NewString(), Region: "us-east-1", SourceIP: "192.0.2.1",
		Input: func() (any, error) { return in, nil },
	}
	if k.id != "" {
		r.Proof = proof{k}
	}
	return r
}

// ask serves one request and wants it to succeed.
func ask[O any](t testing.TB, g *audit.Gate, k key, service, name string, in any) O {
	t.Helper()
	a := g.Serve(context.Background(), request(k, service, name, in))
	if a.Err != nil {
		t.Fatalf("%s: %v", name, a.Err)
	}
	return a.Output.(O)
}

func code(err error) string {
	if err == nil {
		return ""
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return "?" + err.Error()
	}
	return api.ErrorCode()
}

// found is what a log holds, by request.
type found struct {
	records map[string][]events.Record
	facts   map[string]int
	units   int
}

// read takes the whole log in, checks sequence, chains and order of time, and
// folds it from zero.
func read(t testing.TB, log journal.Log) (*projections.World, found) {
	t.Helper()
	w, f := &projections.World{}, found{map[string][]events.Record{}, map[string]int{}, 0}
	for _, s := range []journal.Stream{journal.Identity, journal.Decisions} {
		all, err := log.Read(context.Background(), s, 0, 1e9)
		if err != nil {
			t.Fatal(err)
		}
		head := journal.NewHead(s)
		for _, m := range all {
			if err := head.Add(&m); err != nil {
				t.Fatal(err)
			}
			id := ""
			err := events.Each(m.Body, func(_ int, e events.Raw) error {
				if e.Type != events.RecordType {
					f.facts[id]++
					return nil
				}
				var r events.Record
				if err := json.Unmarshal(e.Data, &r); err != nil {
					return err
				}
				id = r.RequestID
				f.records[id] = append(f.records[id], r)
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if s == journal.Identity {
				u, err := events.DecodeUnit(m.Seq, m.Key, m.Body)
				if err != nil {
					t.Fatal(err)
				}
				w.Apply(u)
				f.units++
			}
		}
	}
	return w, f
}

// failing is a Memory of which a fifth of the appends fail, half of them kept.
func failing(seed int64) (log *journaltest.Memory, start func()) {
	var mu sync.Mutex
	r, on := rand.New(rand.NewSource(seed)), false
	log = &journaltest.Memory{Fail: func(journal.Stream, journal.Message) (bool, error) {
		mu.Lock()
		defer mu.Unlock()
		if on && r.Intn(5) == 0 {
			return r.Intn(2) == 0, journaltest.ErrDisk
		}
		return true, nil
	}}
	return log, func() { mu.Lock(); on = true; mu.Unlock() }
}

// hooked calls before ahead of each append to IDENTITY, and at the log's end says
// what end says.
type hooked struct {
	journal.Log
	before func()
	end    func() (uint64, error)
}

func (h *hooked) Append(ctx context.Context, s journal.Stream, last uint64, m journal.Message) (uint64, error) {
	if s == journal.Identity && h.before != nil {
		h.before()
	}
	return h.Log.Append(ctx, s, last, m)
}

func (h *hooked) End(ctx context.Context, s journal.Stream) (uint64, error) {
	if h.end != nil {
		return h.end()
	}
	return h.Log.End(ctx, s)
}

const hour = time.Hour
