package audit

import (
	"context"
	"strconv"
	"sync"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections/policy"
)

// appendDecisions writes each answer down as an event of its own: who asked,
// about whom, what was decided and why, and what allowed to ask. The events of
// a batch are one append, all or none.
//
// The verdict of such an event is the answer: what its first check says. The
// check after it is the asker's own, on the subject; what matched there stands in
// the batch's first event about that subject. Both name their resources, so that
// the event does not list them again.
func (t *turn) appendDecisions(ctx context.Context, out *EvaluateOutput, h *events.Header, rec *events.Record) (Answer, error) {
	if t.r.Named != "" {
		rec.AdditionalEventData = append(events.AppendString([]byte(`{"xRequestId":`), t.r.Named), '}')
	}
	asked := t.verdict.Checks
	var checks [2]events.Check
	var given []byte
	room := bodies.Get().(*[]byte)
	body := (*room)[:0]
	defer func() {
		if cap(body) <= batchBytes {
			*room = body
			bodies.Put(room)
		}
	}()
	told := make([]bool, len(asked))
	ends := make([]int, 0, len(out.Decisions)) // of the events in body
	for i := range out.Decisions {
		d := &out.Decisions[i]
		e := *rec
		e.EventID, h.ID, h.Subject = d.ID, d.ID, d.Check.Principal
		given = d.of.AppendJSON(given[:0])
		e.RequestParameters = bounded(given)
		e.ResponseElements = d.response()
		checks[0] = d.Check
		e.Verdict.Effect, e.Verdict.Checks = d.Check.Effect, checks[:1]
		if d.asked >= 0 {
			if checks[1] = asked[d.asked]; told[d.asked] {
				checks[1].Layers, checks[1].Statements, checks[1].Near = nil, nil, nil
			}
			told[d.asked] = true
			e.Verdict.Checks = checks[:]
		}
		body = events.AppendRecord(body, h, &e)
		ends = append(ends, len(body))
	}
	most := batchBytes
	if t.gate.Shared {
		most = sharedBytes
	}
	var list [][]byte
	for i, from, size := 0, 0, 0; i < len(ends); {
		list = append(list, body[from:ends[i]])
		size += ends[i] - from + 1
		from = ends[i]
		if i++; i < len(ends) && size+ends[i]-from < most {
			continue
		}
		if _, _, err := t.gate.Pager.Add(ctx, out.Decisions[i-len(list)].ID, list...); err != nil {
			return Answer{}, err
		}
		list, size = list[:0], 0
	}
	return Answer{Output: out, Seq: out.World}, nil
}

// bodies hold events while they are being written down; the pager copies them.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

// Bytes of events in one append. A thousand decisions fit unless much is said
// in them; then there are several appends before the answer. The NATS of others
// takes messages of 1 MiB unless told otherwise, and a page may be a quarter
// full already.
const (
	batchBytes  = 2 << 20 // a page takes no more from one call
	sharedBytes = 700 << 10
)

func (d *Decision) response() []byte {
	switch {
	case d.Fault != nil:
		return append(events.AppendString([]byte(`{"decision":false,"reason":`), d.Fault.Message), '}')
	case d.Allowed():
		return []byte(`{"decision":true}`)
	}
	return []byte(`{"decision":false}`)
}

// AppendJSON appends a question as it was asked, but for tokens. It can be
// judged again from that.
func (q *Question) AppendJSON(b []byte) []byte {
	b = append(b, `{"subject":`...)
	b = q.Subject.appendJSON(b)
	b = append(b, `,"action":{"name":`...)
	b = events.AppendString(b, q.Action.Name)
	b = appendProperties(b, "properties", q.Action.Properties)
	b = append(b, `},"resource":`...)
	b = q.Resource.appendJSON(b)
	b = appendProperties(b, "context", q.Context)
	return append(b, '}')
}

func (e *Entity) appendJSON(b []byte) []byte {
	b = append(b, `{"type":`...)
	b = events.AppendString(b, e.Type)
	b = append(b, `,"id":`...)
	b = events.AppendString(b, e.ID)
	b = appendProperties(b, "properties", e.Properties)
	return append(b, '}')
}

func appendProperties(b []byte, name string, list []Property) []byte {
	if len(list) == 0 {
		return b
	}
	b = append(b, `,"`...)
	b = append(b, name...)
	b = append(b, `":{`...)
	for i := range list {
		p := &list[i]
		if i > 0 {
			b = append(b, ',')
		}
		b = append(events.AppendString(b, p.Name), ':')
		if !p.List && len(p.Values) == 1 {
			b = events.AppendString(b, p.Values[0])
			continue
		}
		b = append(b, '[')
		for k, v := range p.Values {
			if k > 0 {
				b = append(b, ',')
			}
			b = events.AppendString(b, v)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// AppendJSON appends AuthZEN's response: of one question its decision, of a
// batch the list. The context of each explains it.
func (o *EvaluateOutput) AppendJSON(b []byte) []byte {
	if o.Single && len(o.Decisions) == 1 {
		return o.Decisions[0].appendJSON(b, o.World)
	}
	b = append(b, `{"evaluations":[`...)
	for i := range o.Decisions {
		if i > 0 {
			b = append(b, ',')
		}
		b = o.Decisions[i].appendJSON(b, o.World)
	}
	return append(b, "]}"...)
}

// MarshalJSON implements json.Marshaler.
func (o *EvaluateOutput) MarshalJSON() ([]byte, error) { return o.AppendJSON(nil), nil }

func (d *Decision) appendJSON(b []byte, world uint64) []byte {
	b = append(b, `{"decision":`...)
	b = strconv.AppendBool(b, d.Allowed())
	b = append(b, `,"context":{"id":"`...)
	b = append(b, d.ID...)
	b = append(b, `","world":`...)
	b = strconv.AppendUint(b, world, 10)
	b = append(b, `,"evaluator":"`+policy.Version+`",`...)
	if f := d.Fault; f != nil {
		b = append(b, `"error":{"status":`...)
		b = strconv.AppendInt(b, int64(f.Status), 10)
		b = append(b, `,"message":`...)
		b = append(events.AppendString(b, f.Message), "},"...)
	}
	at := len(b)
	b = d.Check.AppendJSON(b)
	copy(b[at:], b[at+1:]) // its members are the context's
	return append(b[:len(b)-1], '}')
}
