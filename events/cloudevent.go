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
	i := 0
	return each(batch, func(p *parts) error {
		e, err := p.raw()
		if err == nil {
			err = f(i, e)
		}
		i++
		return err
	})
}

func each(batch []byte, f func(p *parts) error) error {
	batch = bytes.TrimSpace(batch)
	if len(batch) < 2 || batch[0] != '[' || batch[len(batch)-1] != ']' {
		return errJSON
	}
	var p parts
	for i, last := 1, len(batch)-1; i < last; {
		end, err := p.take(batch[:last], i)
		if err != nil {
			return err
		}
		if err := f(&p); err != nil {
			return err
		}
		if i = end; i < last {
			if batch[i] != ',' {
				return errJSON
			}
			i++
		}
	}
	return nil
}

// parts are the members of one event that we need, as they lie in the batch.
type parts struct {
	id, typ, source, time, data []byte
	whole                       []byte
}

// take finds the members of the event that begins at b[at] and returns where
// it ends. Events are written by Append: they carry no white space, and name
// nothing that we need twice; anything else is refused.
func (p *parts) take(b []byte, at int) (end int, err error) {
	*p = parts{}
	if b[at] != '{' {
		return 0, errJSON
	}
	for i := at + 1; ; i++ {
		if i >= len(b) || b[i] != '"' {
			return 0, errJSON
		}
		k := closing(b, i+1)
		if k < 0 || k+1 >= len(b) || b[k+1] != ':' {
			return 0, errJSON
		}
		v, err := skip(b, k+2)
		if err != nil || v >= len(b) {
			return 0, errJSON
		}
		var member *[]byte
		switch string(b[i+1 : k]) {
		case "id":
			member = &p.id
		case "type":
			member = &p.typ
		case "source":
			member = &p.source
		case "time":
			member = &p.time
		case "data":
			member = &p.data
		}
		if member != nil {
			if *member != nil {
				return 0, errJSON
			}
			*member = b[k+2 : v : v]
		}
		switch i = v; b[i] {
		case ',':
		case '}':
			if p.id == nil || p.typ == nil || p.data == nil {
				return 0, errJSON
			}
			p.whole = b[at : i+1 : i+1]
			return i + 1, nil
		default:
			return 0, errJSON
		}
	}
}

// raw decodes all parts but the data.
func (p *parts) raw() (e Raw, err error) {
	e.Data, e.Bytes = p.data, p.whole
	if e.ID, err = text(p.id); err != nil || e.ID == "" {
		return e, errJSON
	}
	typ, err := p.kind()
	if err != nil {
		return e, err
	}
	e.Type = string(typ)
	account, err := p.account()
	if err != nil {
		return e, err
	}
	e.Account = string(account)
	e.Time, err = p.when()
	return e, err
}

// kind is the event's type without TypePrefix.
func (p *parts) kind() ([]byte, error) {
	typ, err := plain(p.typ)
	if err != nil {
		return nil, err
	}
	typ, ok := bytes.CutPrefix(typ, []byte(TypePrefix))
	if !ok {
		return nil, fmt.Errorf("events: type %s is not ours", p.typ)
	}
	if len(typ) == 0 {
		return nil, errJSON
	}
	return typ, nil
}

// account is the last part of the source.
func (p *parts) account() ([]byte, error) {
	if p.source == nil {
		return nil, nil
	}
	s, err := plain(p.source)
	return s[bytes.LastIndexByte(s, '/')+1:], err
}

func (p *parts) when() (time.Time, error) {
	if p.time == nil {
		return time.Time{}, nil
	}
	s, err := plain(p.time)
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse(time.RFC3339Nano, string(s))
}

// plain is text as bytes: a part of v if it has no escapes.
func plain(v []byte) ([]byte, error) {
	if len(v) >= 2 && v[0] == '"' && bytes.IndexByte(v, '\\') < 0 {
		return v[1 : len(v)-1], nil
	}
	var s string
	err := json.Unmarshal(v, &s)
	return []byte(s), err
}

// text decodes a JSON string; nearly all of ours have no escapes.
func text(v []byte) (string, error) {
	b, err := plain(v)
	return string(b), err
}

// DecodeUnit reads a message of IDENTITY: the account must be the one the
// message was written for, and every fact must be known.
func DecodeUnit(seq uint64, account string, batch []byte) (Unit, error) {
	u := Unit{Seq: seq, Account: account}
	var written []byte // the time of the event before: nearly always that of the next
	err := each(batch, func(p *parts) error {
		if id, err := plain(p.id); err != nil || len(id) == 0 {
			return errJSON
		}
		typ, err := p.kind()
		if err != nil {
			return err
		}
		if a, err := p.account(); err != nil || string(a) != account {
			return fmt.Errorf("events: sequence %d speaks of account %s in the journal of %s", seq, p.source, account)
		}
		if written == nil || !bytes.Equal(p.time, written) {
			if u.Time, err = p.when(); err != nil {
				return err
			}
			written = p.time
		}
		if string(typ) == RecordType {
			return nil
		}
		f, err := fact(typ, p.data)
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
