package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// ContentType is what a message of the journal holds: a CloudEvents JSON batch
// (CloudEvents JSON format 1.0.2 §4). The NATS binding has no batch mode; a
// batch as the body of one message is our documented extension.
const ContentType = "application/cloudevents-batch+json"

// Header is a CloudEvent without its data (CloudEvents 1.0.2), structured
// mode. The same request's events share Actor and RequestID.
type Header struct {
	ID          string // UUIDv7
	Partition   string // aws
	Account     string // 12 digits; with the partition it is the source
	Type        string // without TypePrefix
	Subject     string // ARN
	Time        time.Time
	Actor       string // ARN of who asked
	RequestID   string
	Traceparent string // W3C, as the caller sent it
}

// Source is the CloudEvents source of an account.
func Source(partition, account string) string { return "//keytrail/" + partition + "/" + account }

const nanos = "2006-01-02T15:04:05.999999999Z"

// Append appends the event with the given header and JSON data.
func Append(b []byte, h *Header, data []byte) []byte {
	b = head(b, h)
	b = append(b, data...)
	return append(b, '}')
}

// AppendRecord appends the decision event of r. Its type is request.decided.v1.
func AppendRecord(b []byte, h *Header, r *Record) []byte {
	b = head(b, h)
	b = r.AppendJSON(b)
	return append(b, '}')
}

// AppendFact appends the event of a fact: h with the fact's own id and type.
func AppendFact(b []byte, h Header, id string, f Event) ([]byte, error) {
	data, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("events: %s: %w", f.Type(), err)
	}
	h.ID, h.Type = id, f.Type()
	return Append(b, &h, data), nil
}

func head(b []byte, h *Header) []byte {
	o := object{buf: append(b, `{"specversion":"1.0"`...)}
	o.str("id", h.ID)
	o.str("source", Source(h.Partition, h.Account))
	o.str("type", TypePrefix+h.Type)
	o.opt("subject", h.Subject)
	o.str("time", h.Time.UTC().Format(nanos))
	o.opt("actor", h.Actor)
	o.opt("requestid", h.RequestID)
	o.opt("traceparent", h.Traceparent)
	o.str("datacontenttype", "application/json")
	o.key("data")
	return o.buf
}

// RecordType is the type of the event that holds a Record.
const RecordType = "request.decided.v1"

// Raw is one event of a batch, taken apart but not decoded.
type Raw struct {
	ID, Type string // Type without TypePrefix
	Account  string
	Time     time.Time
	Data     []byte // JSON, a part of the batch's memory
	Bytes    []byte // the whole event, a part of the batch's memory
}

// Each calls f with every event of a batch, in order, with its index from 0.
func Each(batch []byte, f func(i int, e Raw) error) error {
	batch = bytes.TrimSpace(batch)
	if len(batch) < 2 || batch[0] != '[' || batch[len(batch)-1] != ']' {
		return errJSON
	}
	n := 0
	for i := 1; i < len(batch)-1; n++ {
		end, err := skip(batch, i)
		if err != nil {
			return err
		}
		e, err := take(batch[i:end])
		if err != nil {
			return err
		}
		if err := f(n, e); err != nil {
			return err
		}
		if i = end; i < len(batch)-1 {
			if batch[i] != ',' {
				return errJSON
			}
			i++
		}
	}
	return nil
}

// take reads the members of one event that we need. Events are written by
// Append and carry no white space; anything else is refused.
func take(b []byte) (Raw, error) {
	e := Raw{Bytes: b}
	if len(b) < 2 || b[0] != '{' || b[len(b)-1] != '}' {
		return e, errJSON
	}
	for i := 1; i < len(b)-1; {
		k, err := skip(b, i)
		if err != nil || k >= len(b) || b[k] != ':' || b[i] != '"' {
			return e, errJSON
		}
		v, err := skip(b, k+1)
		if err != nil {
			return e, err
		}
		key, val := b[i+1:k-1], b[k+1:v]
		switch string(key) {
		case "id":
			e.ID, err = text(val)
		case "type":
			var ok bool
			e.Type, err = text(val)
			if e.Type, ok = strings.CutPrefix(e.Type, TypePrefix); !ok {
				return e, fmt.Errorf("events: type %s is not ours", val)
			}
		case "source":
			e.Account, err = text(val)
			e.Account = e.Account[strings.LastIndexByte(e.Account, '/')+1:]
		case "time":
			var s string
			if s, err = text(val); err == nil {
				e.Time, err = time.Parse(time.RFC3339Nano, s)
			}
		case "data":
			e.Data = val
		}
		if err != nil {
			return e, err
		}
		if i = v; b[i] == ',' {
			i++
		}
	}
	if e.ID == "" || e.Type == "" || e.Data == nil {
		return e, errJSON
	}
	return e, nil
}

// text decodes a JSON string; nearly all of ours have no escapes.
func text(v []byte) (string, error) {
	if len(v) >= 2 && v[0] == '"' && bytes.IndexByte(v, '\\') < 0 {
		return string(v[1 : len(v)-1]), nil
	}
	var s string
	return s, json.Unmarshal(v, &s)
}

// DecodeUnit reads a message of IDENTITY: the account must be the one the
// message was written for, and every fact must be known.
func DecodeUnit(seq uint64, account string, batch []byte) (Unit, error) {
	u := Unit{Seq: seq, Account: account}
	err := Each(batch, func(_ int, e Raw) error {
		if e.Account != account {
			return fmt.Errorf("events: sequence %d speaks of account %s in the journal of %s", seq, e.Account, account)
		}
		u.Time = e.Time
		if e.Type == RecordType {
			return nil
		}
		f, err := fact(e.Type, e.Data)
		if err == nil {
			u.Facts = append(u.Facts, f)
		}
		return err
	})
	return u, err
}

// Gist is what a record is about in three words.
type Gist struct {
	Service string // iam
	Name    string // CreateUser
	Effect  string // of the verdict
}

// Gist reads a record only as far as it must: one is read for each event of
// the feed.
func (e *Raw) Gist() (g Gist, err error) {
	source, err := member(e.Data, "eventSource")
	if err == nil {
		g.Name, err = member(e.Data, "eventName")
	}
	if err == nil {
		g.Effect, err = member(e.Data, "verdict", "effect")
	}
	if err != nil {
		return g, fmt.Errorf("events: record %s: %w", e.ID, err)
	}
	g.Service, _, _ = strings.Cut(source, ".")
	return g, nil
}

// member finds a string by the names on the way to it. It reads what Append
// wrote: no white space.
func member(b []byte, path ...string) (string, error) {
	if len(b) < 2 || b[0] != '{' {
		return "", errJSON
	}
	for i := 1; i < len(b)-1; {
		k, err := skip(b, i)
		if err != nil || k >= len(b) || b[k] != ':' || b[i] != '"' {
			return "", errJSON
		}
		v, err := skip(b, k+1)
		if err != nil {
			return "", err
		}
		if string(b[i+1:k-1]) == path[0] {
			if len(path) > 1 {
				return member(b[k+1:v], path[1:]...)
			}
			return text(b[k+1 : v])
		}
		if i = v; b[i] == ',' {
			i++
		}
	}
	return "", errJSON
}
