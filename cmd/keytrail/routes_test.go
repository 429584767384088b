package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/journal/journaltest"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/query"
	"github.com/keytrail/keytrail/test/harness"
)

// door is the HTTP side of a server over a log in memory, for what no client
// can bring about on a real one.
type door struct {
	*testing.T
	*harness.Server
	log *journaltest.Memory
}

// openDoor opens one. What set changes is set before use.
func openDoor(t *testing.T, set func(*audit.Gate)) *door {
	t.Helper()
	d := &door{T: t, log: &journaltest.Memory{}}
	root := harness.Credentials{KeyID: "AKIAROOTROOTROOTROOT", Secret: "the root secret of the tests"}
	keys := seal.New()
	if _, err := audit.Begin(t.Context(), d.log, keys, harness.Region, &commands.CreateAccountInput{AccountID: "111122223333", AccessKeyID: root.KeyID, SecretAccessKey: seal.NewSecret(root.Secret)}); err != nil {
		t.Fatal(err)
	}
	w, head := &projections.World{}, journal.NewHead(journal.Identity)
	if err := projections.Replay(t.Context(), d.log, w, head, 0, nil); err != nil {
		t.Fatal(err)
	}
	pager, err := journal.NewPager(t.Context(), d.log, "node1", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pager.Close() })
	g := &audit.Gate{Log: d.log, Pager: pager, Live: projections.NewLive(d.log, w, head, nil), Keys: keys, Region: harness.Region, Operator: "111122223333", Errors: slog.New(slog.DiscardHandler)}
	set(g)
	s := httptest.NewServer((&server{config: &serverConfig{Region: harness.Region}, gate: audit.NewGate(g)}).routes())
	t.Cleanup(s.Close)
	d.Server = &harness.Server{URL: s.URL, Root: root}
	return d
}

// refused wants a request of root's to be refused like this in its service's
// protocol, and to be in the log as refused, once.
func (d *door) refused(c harness.Credentials, service, action string, in any, status int, code, message string) {
	d.Helper()
	a, err := d.Call(c, service, action, in)
	if err != nil {
		d.Fatalf("%s: no answer: %v", action, err)
	}
	if a.Status != status || a.Code != code || a.Message != message {
		d.Errorf("%s %s: got %s; want %d %s %q", service, action, a, status, code, message)
	}
	records := d.recorded(a.RequestID)
	if len(records) != 1 || records[0].ErrorCode == "" {
		d.Errorf("%s %s is in the log as %+v; want one refusal", service, action, records)
	}
}

// recorded finds what the log holds about a request.
func (d *door) recorded(id string) (records []events.Record) {
	d.Helper()
	for _, s := range []journal.Stream{journal.Identity, journal.Decisions} {
		all, err := d.log.Read(d.Context(), s, 0, 1e9)
		if err != nil {
			d.Fatal(err)
		}
		for _, m := range all {
			err := events.Each(m.Body, func(_ int, e events.Raw) error {
				var r events.Record
				if e.Type != events.RecordType {
					return nil
				}
				if err := json.Unmarshal(e.Data, &r); err != nil {
					return err
				}
				if r.RequestID == id {
					records = append(records, r)
				}
				return nil
			})
			if err != nil {
				d.Fatal(err)
			}
		}
	}
	return records
}

// well wants the server to serve, and a user that was refused not to be there.
func (d *door) well(user string) {
	d.Helper()
	if a, err := d.Call(d.Root, "iam", "GetUser", url.Values{"UserName": {user}}); err != nil || a.Status != 404 {
		d.Errorf("GetUser of %s: %v %v; want that there is none", user, a, err)
	}
	if a, err := d.Call(d.Root, "iam", "CreateUser", url.Values{"UserName": {user + "-2"}}); err != nil || a.Status != 200 {
		d.Errorf("afterwards: %v %v", a, err)
	}
}

// hookedLog calls a function before each append to IDENTITY.
type hookedLog struct {
	journal.Log
	before atomic.Pointer[func() error]
}

func (h *hookedLog) Append(ctx context.Context, s journal.Stream, last uint64, m journal.Message) (uint64, error) {
	if f := h.before.Load(); f != nil && s == journal.Identity {
		if err := (*f)(); err != nil {
			return 0, err
		}
	}
	return h.Log.Append(ctx, s, last, m)
}

var ana = url.Values{"UserName": {"ana"}}

// security.md, section 7: a change that lost five races is told to come back,
// in IAM's words and with its status.
func TestConcurrentModification(t *testing.T) {
	var log hookedLog
	d := openDoor(t, func(g *audit.Gate) { log.Log, g.Log = g.Log, &log })
	races := 0
	lose := func() error { races++; return journal.ErrConflict }
	log.before.Store(&lose)
	d.refused(d.Root, "iam", "CreateUser", ana, 409, "ConcurrentModification",
		"The request was rejected because multiple requests to change this object were submitted simultaneously. Wait a few minutes and submit your request again.")
	if races != 5 {
		t.Errorf("tried %d times; want 5", races)
	}
	log.before.Store(nil)
	d.well("ana")
}

// panicking is a Trail that panics.
type panicking struct{ query.Trail }

func (panicking) Lookup(context.Context, query.Lookup) ([]query.TrailRow, []byte, error) {
	panic("a canary of a panic")
}

const internal = "The request processing has failed because of an unknown error, exception or failure."

// security.md, section 7: a panic is AWS's 500, recorded, without its text, and
// the server goes on.
func TestPanicIsInternalFailure(t *testing.T) {
	var log hookedLog
	d := openDoor(t, func(g *audit.Gate) { log.Log, g.Log, g.Trail = g.Log, &log, panicking{} })
	broken := func() error { panic("a canary of a panic") }
	log.before.Store(&broken)
	d.refused(d.Root, "iam", "CreateUser", ana, 500, "InternalFailure", internal)
	log.before.Store(nil)
	d.refused(d.Root, "cloudtrail", "LookupEvents", struct{}{}, 500, "InternalFailure", internal)
	d.well("ana")
}

// bursting is a body that panics while it is read.
type bursting struct{ io.Reader }

func (bursting) Read([]byte) (int, error) { panic("a canary of a panic") }
func (bursting) Close() error             { return nil }

// A panic before the gate, in what reads HTTP, is answered too; whose request
// it was is not known then, so it is in the server's log only.
func TestPanicBeforeTheGate(t *testing.T) {
	var logged strings.Builder
	s := &server{config: &serverConfig{Region: harness.Region}, gate: audit.NewGate(&audit.Gate{Errors: slog.New(slog.NewTextHandler(&logged, nil))})}
	for service, header := range map[string]http.Header{
		"iam":        {"Content-Type": {"application/x-www-form-urlencoded"}},
		"cloudtrail": {"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {harness.Targets["cloudtrail"] + "LookupEvents"}},
		"keytrail":   {"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {harness.Targets["keytrail"] + "GetState"}},
	} {
		logged.Reset()
		r := httptest.NewRequest("POST", "/", bursting{})
		r.Header = header
		w := httptest.NewRecorder()
		s.routes().ServeHTTP(w, r)
		a, err := harness.ReadAnswer(w.Result())
		if err != nil || a.Status != 500 || a.Code != "InternalFailure" || a.Message != internal || a.RequestID == "" {
			t.Errorf("%s: got %v %v; want 500 InternalFailure", service, a, err)
		}
		if !strings.Contains(logged.String(), a.RequestID) || !strings.Contains(logged.String(), "a canary of a panic") {
			t.Errorf("%s: logged %q", service, logged.String())
		}
	}
}

// security.md, section 7: a session that is over is told so, in the words of
// each protocol, whatever it asks.
func TestExpiredToken(t *testing.T) {
	var late atomic.Int64
	d := openDoor(t, func(g *audit.Gate) {
		g.Clock = func() time.Time { return time.Now().Add(time.Duration(late.Load())) }
	})
	a, err := d.Call(d.Root, "sts", "GetSessionToken", url.Values{"DurationSeconds": {"900"}})
	if err != nil || a.Status != 200 {
		t.Fatal(a, err)
	}
	part := func(name string) string {
		_, rest, _ := strings.Cut(string(a.Body), "<"+name+">")
		text, _, _ := strings.Cut(rest, "<")
		return text
	}
	session := harness.Credentials{KeyID: part("AccessKeyId"), Secret: part("SecretAccessKey"), Token: part("SessionToken")}
	who := func() (*harness.Answer, error) { return d.Call(session, "sts", "GetCallerIdentity", nil) }
	late.Store(int64(900*time.Second - 10*time.Second))
	if a, err := who(); err != nil || a.Status != 200 {
		t.Errorf("10 s before its end: %v %v", a, err)
	}
	late.Store(int64(901 * time.Second))
	const expired = "The security token included in the request is expired"
	d.refused(session, "sts", "GetCallerIdentity", nil, 403, "ExpiredToken", expired)
	d.refused(session, "iam", "CreateUser", ana, 403, "ExpiredToken", expired)
	d.refused(session, "cloudtrail", "LookupEvents", struct{}{}, 400, "ExpiredTokenException", expired)
	late.Store(0) // a clock that is set back revives nobody
	if a, err := who(); err != nil || a.Code != "ExpiredToken" {
		t.Errorf("after the clock was set back: %v %v", a, err)
	}
	forged := session
	forged.Secret += "x" // who can't sign for it learns nothing about it
	if a, err := d.Call(forged, "sts", "GetCallerIdentity", nil); err != nil || a.Code != "SignatureDoesNotMatch" {
		t.Errorf("an expired session with another secret: %v %v", a, err)
	}
	d.well("ana")
}
