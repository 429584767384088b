package events

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/event"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

// nasty is text that a careless writer of JSON gets wrong.
var nasty = []string{"", "ana", `a"b\c`, "line\nbreak\r\t", "<script>&", "\x00\x1f\x7f", "\u2028\u2029", "größe 日本", "\xff\xfe", "{[]},:", strings.Repeat("x", 3000)}

func sample(i int) *Record {
	s := func(k int) string { return nasty[(i+k)%len(nasty)] }
	return &Record{
		EventVersion: EventVersion, EventTime: time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC), EventSource: "iam.amazonaws.com", EventName: "CreateUser",
		UserIdentity: UserIdentity{Type: "AssumedRole", PrincipalID: s(0), ARN: s(1), AccountID: "111122223333", AccessKeyID: s(2), UserName: s(3), InvokedBy: s(4),
			SessionContext: &SessionContext{SessionIssuer: &SessionIssuer{"Role", s(5), s(6), s(7), s(8)}, Attributes: SessionAttributes{s(9), "false"}, SourceIdentity: s(10)}},
		AWSRegion: "us-east-1", SourceIPAddress: s(1), UserAgent: s(2), ErrorCode: s(3), ErrorMessage: s(4),
		RequestParameters: json.RawMessage(`{"a":[1,{"b":"}]"}]}`), ResponseElements: json.RawMessage("null"), RequestID: s(5), EventID: s(6), ReadOnly: i%2 == 0,
		Resources: []Resource{{s(7), s(8), s(9)}, {s(10), s(0), s(1)}}, EventType: "AwsApiCall", APIVersion: s(2), ManagementEvent: true,
		RecipientAccountID: "111122223333", SharedEventID: s(3), EventCategory: "Management", TLSDetails: &TLSDetails{s(4), s(5), s(6)},
		Verdict: Verdict{Effect: "ExplicitDeny", World: 7, Evaluator: "1", Checks: []Check{{Action: s(7), Resource: s(8), Effect: s(9),
			Layers: []Layer{{s(10), s(0)}}, Statements: []Statement{{s(1), s(2), 3, s(4), s(5)}}, Near: []Near{{s(6), 1, s(7)}}}}},
	}
}

// The appender writes what encoding/json would, whatever the text is.
func TestAppendJSON(t *testing.T) {
	for i := range nasty {
		r := sample(i)
		b := r.AppendJSON(nil)
		var got, want Record
		if err := json.Unmarshal(b, &got); err != nil {
			t.Fatalf("%d: %v\n%s", i, err, b)
		}
		std, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(std, &want); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("%d: %s", i, d)
		}
	}
}

// Every event is one that the CloudEvents SDK accepts, in a batch as it lies in
// the journal, and reads back with what was put in.
func TestBatch(t *testing.T) {
	for i := range nasty {
		r := sample(i)
		h := Header{ID: uuid.NewString(), Partition: "aws", Account: "111122223333", Type: RecordType, Subject: "arn:aws:iam::111122223333:user/" + nasty[i], Time: time.Now().UTC(), Actor: "arn:x", RequestID: "r"}
		batch := AppendRecord([]byte{'['}, &h, r)
		batch, err := AppendFact(append(batch, ','), h, uuid.NewString(), UserCreated{ID: "AIDA1", Name: "ana", Path: "/"})
		if err != nil {
			t.Fatal(err)
		}
		batch = append(batch, ']')
		var all []event.Event
		if err := json.Unmarshal(bytes.ToValidUTF8(batch, nil), &all); err != nil {
			t.Fatalf("%d: the SDK does not read it: %v\n%s", i, err, batch)
		}
		for _, e := range all {
			if err := e.Validate(); err != nil {
				t.Fatalf("%d: %v", i, err)
			}
			if e.Source() != "//keytrail/aws/111122223333" || !strings.HasPrefix(e.Type(), TypePrefix) {
				t.Fatalf("%d: source %s, type %s", i, e.Source(), e.Type())
			}
		}
		n := 0
		err = Each(batch, func(j int, e Raw) error {
			n++
			if e.ID != all[j].ID() || e.Account != "111122223333" || !e.Time.Equal(h.Time) {
				t.Errorf("%d/%d: %+v", i, j, e)
			}
			if e.Type == RecordType {
				g, err := e.Gist()
				if want := (Gist{"iam", "CreateUser", "ExplicitDeny"}); err != nil || g != want {
					t.Errorf("gist %+v, %v, want %+v", g, err, want)
				}
			}
			return nil
		})
		if err != nil || n != 2 {
			t.Fatalf("%d: %d events, %v", i, n, err)
		}
		u, err := DecodeUnit(9, "111122223333", batch)
		if err != nil || u.Seq != 9 || !reflect.DeepEqual(u.Facts, []Event{UserCreated{ID: "AIDA1", Name: "ana", Path: "/"}}) {
			t.Fatalf("%d: unit %+v, %v", i, u, err)
		}
		if _, err := DecodeUnit(9, "999999999999", batch); err == nil {
			t.Fatal("a unit of another account was read")
		}
	}
}

// A fact of a type that this program does not know stops the reader.
func TestUnknownFact(t *testing.T) {
	h := Header{ID: "1", Partition: "aws", Account: "111122223333", Type: "iam.user.promoted.v9", Time: time.Now()}
	if _, err := DecodeUnit(1, "111122223333", append(Append([]byte{'['}, &h, []byte(`{}`)), ']')); err == nil {
		t.Fatal("skipped")
	}
}

// Whatever bytes a damaged store gives, reading them ends without a panic, and
// what is read lies inside the batch.
func FuzzEach(f *testing.F) {
	h := Header{ID: "1", Partition: "aws", Account: "111122223333", Type: RecordType, Time: time.Unix(0, 0)}
	f.Add(append(AppendRecord([]byte{'['}, &h, sample(1)), ']'))
	for _, s := range []string{"", "[", "[]", "[{}]", `[{"id":"\`, `[{"id":"1","type":"io.keytrail.x","data":{}},]`, `[{"a":[[[[`, `[{"id":1}]`, `["`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		size := 0
		err := Each(b, func(_ int, e Raw) error {
			size += len(e.Bytes)
			e.Gist()
			return nil
		})
		if err == nil && size > len(b) {
			t.Fatalf("%d bytes of events in a batch of %d", size, len(b))
		}
		DecodeUnit(1, "111122223333", b)
	})
}
