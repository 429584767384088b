package clickhouse

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
)

// fakeLog is a journal.Log in memory: chained, with marks that compare and set,
// and failing when told to, in both ways: not kept, and kept but reported failed.
type fakeLog struct {
	mu      sync.Mutex
	msgs    map[journal.Stream][]journal.Message
	links   map[string]journal.Hash
	marks   map[string]fakeMark
	history map[string][]string // every value a mark ever had
	fail    func(op string) (before, after error)
}

type fakeMark struct {
	value []byte
	rev   uint64
}

func newFakeLog() *fakeLog {
	return &fakeLog{msgs: map[journal.Stream][]journal.Message{}, links: map[string]journal.Hash{}, marks: map[string]fakeMark{}, history: map[string][]string{}}
}

func (l *fakeLog) trouble(op string) (before, after error) {
	if l.fail == nil {
		return nil, nil
	}
	return l.fail(op)
}

func (l *fakeLog) Append(_ context.Context, s journal.Stream, _ uint64, m journal.Message) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.append(s, m), nil
}

func (l *fakeLog) Send(s journal.Stream, last uint64, m journal.Message) <-chan journal.Ack {
	seq, err := l.Append(context.Background(), s, last, m)
	done := make(chan journal.Ack, 1)
	done <- journal.Ack{Seq: seq, Err: err}
	return done
}

func (l *fakeLog) append(s journal.Stream, m journal.Message) uint64 {
	k := string(s) + "/" + m.Key
	prev, ok := l.links[k]
	if !ok {
		prev = journal.Genesis(s, m.Key)
	}
	m.Seq = uint64(len(l.msgs[s]) + 1)
	m.Link = journal.Next(prev, journal.Leaf(m.Body))
	if m.Stored.IsZero() {
		m.Stored = time.Now()
	}
	l.links[k] = m.Link
	l.msgs[s] = append(l.msgs[s], m)
	return m.Seq
}

func (l *fakeLog) Read(ctx context.Context, s journal.Stream, after uint64, limit int) ([]journal.Message, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err, _ := l.trouble("read"); err != nil {
		return nil, err
	}
	all := l.msgs[s]
	if after >= uint64(len(all)) {
		return nil, ctx.Err()
	}
	all = all[after:min(after+uint64(limit), uint64(len(all)))]
	return append([]journal.Message(nil), all...), ctx.Err()
}

func (l *fakeLog) Follow(ctx context.Context, s journal.Stream, after uint64, f func(journal.Message) error) error {
	for {
		msgs, err := l.Read(ctx, s, after, 100)
		if err != nil {
			return err
		}
		for _, m := range msgs {
			if err := f(m); err != nil {
				return err
			}
			after = m.Seq
		}
		sleep(ctx, 2*time.Millisecond)
	}
}

func (l *fakeLog) Last(context.Context, journal.Stream, string) (journal.Message, error) {
	return journal.Message{}, journal.ErrNone
}

func (l *fakeLog) End(_ context.Context, s journal.Stream) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.msgs[s])), nil
}

func (l *fakeLog) Mark(_ context.Context, name string, value []byte, rev uint64) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, after := l.trouble("mark")
	if before != nil {
		return 0, before
	}
	if l.marks[name].rev != rev {
		return 0, journal.ErrConflict
	}
	l.marks[name] = fakeMark{bytes.Clone(value), rev + 1}
	l.history[name] = append(l.history[name], string(value))
	if after != nil {
		return 0, after
	}
	return rev + 1, nil
}

func (l *fakeLog) Marked(_ context.Context, name string) ([]byte, uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err, _ := l.trouble("marked"); err != nil {
		return nil, 0, err
	}
	m, ok := l.marks[name]
	if !ok {
		return nil, 0, journal.ErrNone
	}
	return m.value, m.rev, nil
}

// writer makes records as a server would and puts them in a log.
type writer struct {
	log  *fakeLog
	rand *rand.Rand
	now  time.Time // of the next record
	ids  []string  // of every record written
}

func newWriter(l *fakeLog, seed uint64) *writer {
	return &writer{log: l, rand: rand.New(rand.NewPCG(seed, 1)), now: time.Now().Add(-time.Hour).UTC()}
}

const (
	accountA = "111122223333"
	accountB = "444455556666"
)

var names = []string{"ana", "ben", "cem", "dora", "eva", "it's", `back\slash`, "100%_x"}
var actions = []string{"CreateUser", "GetUser", "DeleteUser", "AttachUserPolicy", "ListUsers", "PutUserPolicy", "CreateRole"}

// record makes the nth record of an account.
func (w *writer) record(account string) (*events.Header, *events.Record) {
	w.now = w.now.Add(time.Duration(1+w.rand.IntN(2000)) * time.Microsecond)
	var rnd [16]byte
	for i := range rnd {
		rnd[i] = byte(w.rand.Uint32())
	}
	rnd[6], rnd[8] = 0x70|rnd[6]&15, 0x80|rnd[8]&63
	id := uuid.UUID(rnd).String()
	who := names[w.rand.IntN(len(names))]
	action := actions[w.rand.IntN(len(actions))]
	arn := "arn:aws:iam::" + account + ":user/" + who
	target := "arn:aws:iam::" + account + ":user/staff/" + names[w.rand.IntN(len(names))]
	r := &events.Record{
		EventVersion: events.EventVersion, EventTime: w.now, EventSource: "iam.amazonaws.com", EventName: action, AWSRegion: "us-east-1",
		UserIdentity:    events.UserIdentity{Type: "IAMUser", PrincipalID: "AIDA" + who, ARN: arn, AccountID: account, AccessKeyID: "AKIA" + who, UserName: who},
		SourceIPAddress: fmt.Sprintf("10.0.%d.%d", w.rand.IntN(4), w.rand.IntN(256)),
		UserAgent:       "aws-cli/2.31.0 md/awscrt#1.0.0 ua/2.1 os/linux#6.1 md/arch#x86_64 lang/python#3.13 cfg/retry-mode#standard command#iam." + action,
		RequestID:       uuid.UUID(rnd).String(), EventID: id, ReadOnly: action[0] == 'G' || action[0] == 'L',
		EventType: "AwsApiCall", ManagementEvent: true, RecipientAccountID: account, EventCategory: "Management",
		RequestParameters: []byte(`{"userName":"` + "x" + `","path":"/staff/","tags":[{"key":"team","value":"blue"}]}`),
		TLSDetails:        &events.TLSDetails{TLSVersion: "TLSv1.3", CipherSuite: "TLS_AES_128_GCM_SHA256", ClientProvidedHostHeader: "iam.example.test"},
		Verdict: events.Verdict{Effect: "Allow", World: uint64(w.rand.IntN(1000)), Evaluator: "1",
			Checks: []events.Check{{Action: "iam:" + action, Resource: target, Effect: "Allow",
				Layers:     []events.Layer{{Type: "identity-based policy", Effect: "Allow"}},
				Statements: []events.Statement{{Policy: "arn:aws:iam::" + account + ":policy/admins", Version: "v3", Index: 1, Sid: "Staff", Effect: "Allow"}}}}},
	}
	if w.rand.IntN(5) == 0 {
		r.Verdict.Effect, r.Verdict.Checks[0].Effect, r.Verdict.Checks[0].Statements = "ImplicitDeny", "ImplicitDeny", nil
		r.ErrorCode, r.ErrorMessage = "AccessDenied", "User: "+arn+" is not authorized to perform: iam:"+action
	}
	if r.ReadOnly {
		r.RequestParameters = nil
	} else if r.ErrorCode == "" {
		r.Resources = []events.Resource{{ARN: target, AccountID: account, Type: "AWS::IAM::User"}}
	}
	return &events.Header{ID: id, Partition: "aws", Account: account, Type: events.RecordType, Subject: target, Time: w.now, Actor: arn, RequestID: r.RequestID}, r
}

func (w *writer) body(account string, n int, change func(*events.Header, *events.Record)) []byte {
	b := []byte{'['}
	for i := range n {
		h, r := w.record(account)
		if change != nil {
			change(h, r)
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = events.AppendRecord(b, h, r)
		w.ids = append(w.ids, h.ID)
	}
	return append(b, ']')
}

// page writes n decisions as one message of DECISIONS.
func (w *writer) page(account string, n int) {
	w.put(journal.Decisions, "node-1", w.body(account, n, nil))
}

// unit writes one mutation: a fact and the record of the request.
func (w *writer) unit(account string) {
	h, r := w.record(account)
	b := []byte{'['}
	fact := *h
	fact.ID, fact.Type = uuid.NewString(), "iam.user.tested.v1"
	b = events.Append(b, &fact, []byte(`{"id":"AIDAX"}`))
	b = append(b, ',')
	b = events.AppendRecord(b, h, r)
	w.ids = append(w.ids, h.ID)
	w.put(journal.Identity, account, append(b, ']'))
}

func (w *writer) put(s journal.Stream, key string, body []byte) {
	w.log.mu.Lock()
	defer w.log.mu.Unlock()
	w.log.append(s, journal.Message{Key: key, Body: body})
}

// some writes a random handful of messages to both streams.
func (w *writer) some() {
	for range 1 + w.rand.IntN(5) {
		account := []string{accountA, accountB}[w.rand.IntN(2)]
		if w.rand.IntN(3) == 0 {
			w.unit(account)
		} else {
			w.page(account, 1+w.rand.IntN(40))
		}
	}
}
