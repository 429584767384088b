package authzen

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/test/harness"
)

// call asks over the bus; proof puts the proof into the headers.
func call(t *testing.T, nc *nats.Conn, path, body string, proof func(*http.Request)) (status string, d decision) {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://nats"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Request-Id", "by bus")
	if proof != nil {
		proof(r)
	}
	m := &nats.Msg{Subject: "keytrail." + strings.ReplaceAll(path[1:], "/", "."), Header: nats.Header(r.Header), Data: []byte(body)}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	answer, err := nc.RequestMsgWithContext(ctx, m)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	if answer.Header.Get("X-Request-Id") != "by bus" {
		t.Errorf("%s: headers %v", path, answer.Header)
	}
	if err := json.Unmarshal(answer.Data, &d); err != nil {
		t.Fatalf("%s: %s: %v", path, answer.Data, err)
	}
	return answer.Header.Get("Keytrail-Status"), d
}

// askOnBus does what a service on the bus would.
func askOnBus(t *testing.T, s *harness.Server, c harness.Credentials, nc *nats.Conn) {
	t.Helper()
	temp, err := s.STS(c).GetSessionToken(context.Background(), &sts.GetSessionTokenInput{})
	if err != nil {
		t.Fatal(err)
	}
	signed := func(c harness.Credentials) func(*http.Request) {
		return func(r *http.Request) { harness.Sign(r, c, "keytrail") }
	}
	bearer := func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+*temp.Credentials.SessionToken) }
	var ids []string
	for _, proof := range []func(*http.Request){signed(c), bearer} {
		status, d := call(t, nc, "/access/v1/evaluation", tuple(isAlice, toRead, record1), proof)
		if status != "200" || d.Decision == nil || !*d.Decision || d.Context.Statements[0].Sid != "Read" {
			t.Errorf("%s %+v", status, d)
		}
		ids = append(ids, d.Context.ID)
	}
	if status, d := call(t, nc, "/access/v1/evaluations", `{"subject":`+isBob+`,"resource":`+record1+`,"evaluations":[{"action":{"name":"read"}},{"action":{"name":"write"}}]}`, signed(c)); status != "200" || len(d.Evaluations) != 2 || !*d.Evaluations[0].Decision || *d.Evaluations[1].Decision {
		t.Errorf("%s %+v", status, d)
	}
	if status, _ := call(t, nc, "/access/v1/search/subject", tuple(`{"type":"user"}`, toRead, record1), signed(c)); status != "200" {
		t.Errorf("a search: %s", status)
	}
	for want, proof := range map[string]func(*http.Request){
		"401": nil,
		"403": func(r *http.Request) {
			nobody, err := s.Key(context.Background(), s.Root, "nobody")
			if err != nil {
				t.Fatal(err)
			}
			harness.Sign(r, nobody, "keytrail")
		},
	} {
		if status, d := call(t, nc, "/access/v1/evaluation", tuple(isAlice, toRead, record1), proof); status != want || d.Decision != nil {
			t.Errorf("%s %+v, want %s", status, d, want)
		}
	}
	if status, _ := call(t, nc, "/access/v1/evaluation", `{`, signed(c)); status != "400" {
		t.Errorf("no JSON: %s", status)
	}
	if status, _ := call(t, nc, "/access/v1/else", `{}`, signed(c)); status != "404" {
		t.Errorf("no such endpoint: %s", status)
	}
	// A signature for one body is none for another.
	if status, _ := call(t, nc, "/access/v1/evaluation", tuple(isAlice, toWrite, record1), func(r *http.Request) {
		other, _ := http.NewRequest(http.MethodPost, r.URL.String(), strings.NewReader(tuple(isAlice, toRead, record1)))
		harness.Sign(other, c, "keytrail")
		for k, v := range other.Header {
			r.Header[k] = v
		}
	}); status != "401" {
		t.Errorf("another body's signature: %s", status)
	}
	records, err := s.Records()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, r := range records {
		found[r.EventID] = r.SourceIPAddress + " " + r.UserIdentity.UserName + " " + r.Verdict.Effect
	}
	for _, id := range ids {
		if found[id] != "nats pep Allow" {
			t.Errorf("decision %s is recorded as %q", id, found[id])
		}
	}
}

// Services ask through the door of the embedded NATS, and only that: an answer
// can't be sent into the truths, and being let in is no permission to ask.
func TestDoor(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	ln.Close()
	s, c := fixture(t, harness.Options{NoAudit: true, Args: []string{"--nats-listen", addr}})
	password, err := os.ReadFile(filepath.Join(s.Dir, "keys", "feed.password"))
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect("nats://"+addr, nats.UserInfo(journal.FeedUser, string(password)), nats.CustomInboxPrefix(journal.FeedInbox))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	askOnBus(t, s, c, nc)

	end := func() (messages int) {
		if err := s.Journal(func(e events.Raw) error { messages++; return nil }); err != nil {
			t.Fatal(err)
		}
		return messages
	}
	before := end()
	for _, reply := range []string{"identity.111122223333", "decisions.node1", "decisions.other", "feed.x.y.z.fact", "_INBOX.x", "$JS.API.STREAM.PURGE.FEED"} {
		r, _ := http.NewRequest(http.MethodPost, "http://nats/access/v1/evaluation", strings.NewReader(tuple(isAlice, toRead, record1)))
		harness.Sign(r, c, "keytrail")
		if err := nc.PublishMsg(&nats.Msg{Subject: "keytrail.access.v1.evaluation", Reply: reply, Header: nats.Header(r.Header), Data: []byte(tuple(isAlice, toRead, record1))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	call(t, nc, "/access/v1/evaluation", `{`, nil) // behind the others
	time.Sleep(300 * time.Millisecond)
	if after := end(); after != before+1+2 { // the two readings of the journal, and the call behind: nothing else
		t.Errorf("the log went from %d to %d events", before, after)
	}
	if err := s.Verify(); err != nil {
		t.Error(err)
	}
}

// Services ask over somebody's own NATS.
func TestExternalNATS(t *testing.T) {
	t.Parallel()
	bus, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), SyncAlways: true})
	if err != nil {
		t.Fatal(err)
	}
	go bus.Start()
	defer func() { bus.Shutdown(); bus.WaitForShutdown() }()
	if !bus.ReadyForConnections(20 * time.Second) {
		t.Fatal("NATS did not start")
	}
	s, c := fixture(t, harness.Options{NoAudit: true, Args: []string{"--nats", bus.ClientURL(), "--nats-sync-always"}})
	nc, err := nats.Connect(bus.ClientURL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	askOnBus(t, s, c, nc)
	s.Kill()
}
