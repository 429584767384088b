package audit

import (
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/query"
)

// A search finds who or what would get a yes: each result, asked about, is
// allowed. Its record holds the question and the results; the candidates that
// were passed over are not decisions that somebody asked for.

// Search is a question with one part left open.
type Search struct {
	Question
	Token string // of a page
	Limit int    // results of a page
}

const (
	searchResults = 100  // of one page, unless asked for fewer or more
	searchResMost = 1000 // of one page, whatever is asked for
	searchLooks   = 1000 // candidates judged for one page: the World stands still meanwhile
)

// SearchSubjectInput asks who may do an action on a resource.
type SearchSubjectInput struct{ Search }

// SearchResourceInput asks on what of a type a subject may do an action.
type SearchResourceInput struct{ Search }

// SearchActionInput asks what a subject may do on a resource.
type SearchActionInput struct{ Search }

// SearchOutput is one page of results.
type SearchOutput struct {
	Type    string // of subjects or resources; "" if the results are actions
	Results []string
	Next    string // token of the next page, "" if this is the last
	of      *Search
}

// UnmarshalJSON reads AuthZEN's search requests.
func (in *SearchSubjectInput) UnmarshalJSON(b []byte) error {
	return in.read(b, func(q *Question) bool {
		return q.Subject.Type != "" && q.Action.Name != "" && q.Resource.Type != "" && q.Resource.ID != ""
	})
}

func (in *SearchResourceInput) UnmarshalJSON(b []byte) error {
	return in.read(b, func(q *Question) bool {
		return q.Subject.Type != "" && q.Subject.ID != "" && q.Action.Name != "" && q.Resource.Type != ""
	})
}

func (in *SearchActionInput) UnmarshalJSON(b []byte) error {
	return in.read(b, func(q *Question) bool {
		return q.Subject.Type != "" && q.Subject.ID != "" && q.Resource.Type != "" && q.Resource.ID != ""
	})
}

func (in *Search) read(b []byte, complete func(*Question) bool) error {
	*in = Search{Limit: searchResults}
	p := reader{b: b}
	var q question
	p.object(func(key string) {
		if p.member(&q, key) {
			return
		}
		if key != "page" {
			p.skip()
			return
		}
		p.object(func(key string) {
			switch key {
			case "token":
				in.Token = p.text()
			case "limit":
				n, err := strconv.Atoi(p.number())
				if in.Limit = n; err != nil || n < 1 || n > searchResMost {
					p.fail("page.limit must be from 1 to 1000")
				}
			default:
				p.skip()
			}
		})
	})
	if err := p.end(); err != nil {
		return err
	}
	in.Question = q.Question
	switch {
	case in.fault != nil:
		return malformed(in.fault.Message)
	case !complete(&in.Question):
		return malformed("What is not searched for must be there: subject.type, subject.id, action.name, resource.type and resource.id.")
	}
	return nil
}

// findable are the kinds of subjects that can be searched for.
var findable = map[string]func(*query.View, string) iter.Seq2[string, *projections.Caller]{
	"user": (*query.View).Users, "role": (*query.View).Roles,
}

var searching = []Action{
	asks((*turn).searchSubject, func(k *ask, in *SearchSubjectInput) {
		if findable[in.Subject.Type] == nil { // nothing will be found
			k.any()
			return
		}
		k.on(k.account.ARN(in.Subject.Type, "/", "*"), "", nil) // all of them
	}),
	asks((*turn).searchResource, func(k *ask, in *SearchResourceInput) { k.whom(&in.Subject, nil) }),
	asks((*turn).searchAction, func(k *ask, in *SearchActionInput) { k.whom(&in.Subject, &in.Resource) }),
}

func (k *ask) whom(e, on *Entity) {
	k.subjects = []*subject{k.subject(e, on)}
	if len(k.targets) == 0 {
		k.any()
	}
}

func (t *turn) searchSubject(in *SearchSubjectInput) (*SearchOutput, error) {
	out := &SearchOutput{Type: in.Subject.Type, Results: []string{}, of: &in.Search}
	if findable[in.Subject.Type] == nil {
		return out, nil
	}
	d := desks.Get().(*desk)
	defer desks.Put(d)
	q := in.Question
	from := func(after string) iter.Seq2[string, *projections.Caller] {
		return findable[in.Subject.Type](&t.view, after)
	}
	found, next, err := query.Page(&t.view, in.Token, in.fingerprint("subject"), in.Limit, searchLooks, from, func(c *projections.Caller) bool {
		answer := Decision{of: &q}
		t.decide(d, &subject{arn: c.ARN, caller: c}, &answer)
		return answer.Allowed()
	})
	for _, c := range found {
		if c.User != nil {
			out.Results = append(out.Results, c.User.Name)
		} else {
			out.Results = append(out.Results, c.Role.Name)
		}
	}
	out.Next = next
	return out, err
}

func (t *turn) searchResource(in *SearchResourceInput) (*SearchOutput, error) {
	out := &SearchOutput{Type: in.Resource.Type, Results: []string{}, of: &in.Search}
	service, kind, _ := strings.Cut(in.Resource.Type, ":")
	head, _, ok := t.resource(&Entity{Type: in.Resource.Type, ID: "x"})
	s := t.ask.subjects[0]
	if s.fault != nil || !ok {
		return out, nil
	}
	from := t.view.Entities(kind)
	if service != "iam" {
		head = head[:len(head)-1]
		_, resources := t.view.Named(s.caller)
		list := query.Below(resources, head)
		for arn := range t.view.Account.ResourcesUnder(head, "") {
			list = append(list, strings.TrimPrefix(arn, head))
		}
		slices.Sort(list)
		from = query.Listed(slices.Compact(list))
	}
	return out, t.search(out, "resource", from, func(q *Question, id string) { q.Resource.ID = id })
}

func (t *turn) searchAction(in *SearchActionInput) (*SearchOutput, error) {
	out := &SearchOutput{Results: []string{}, of: &in.Search}
	_, service, ok := t.resource(&in.Resource)
	s := t.ask.subjects[0]
	if s.fault != nil || !ok {
		return out, nil
	}
	actions, _ := t.view.Named(s.caller)
	for _, a := range t.gate.actions {
		actions = append(actions, a.FullName())
	}
	// A name without its service is enough where the type says it.
	long := strings.HasPrefix(in.Resource.ID, "arn:") || in.Resource.ID == "*"
	list := query.Below(actions, service+":")
	if long || service == "iam" { // roles are assumed
		for i := range list {
			list[i] = service + ":" + list[i]
		}
		for _, a := range query.Below(actions, "sts:") {
			if service == "iam" {
				list = append(list, "sts:"+a)
			}
		}
	}
	slices.Sort(list)
	return out, t.search(out, "action", query.Listed(slices.Compact(list)), func(q *Question, name string) { q.Action.Name = name })
}

// search keeps the candidates that put makes a yes of.
func (t *turn) search(out *SearchOutput, what string, from func(after string) iter.Seq2[string, string], put func(*Question, string)) error {
	d := desks.Get().(*desk)
	defer desks.Put(d)
	in := out.of
	found, next, err := query.Page(&t.view, in.Token, in.fingerprint(what), in.Limit, searchLooks, from, func(id string) bool {
		q := in.Question
		put(&q, id)
		answer := Decision{of: &q}
		t.decide(d, t.ask.subjects[0], &answer)
		return answer.Allowed()
	})
	out.Results, out.Next = append(out.Results, found...), next
	return err
}

// fingerprint is of all that decides the results: a token is good for these only.
func (in *Search) fingerprint(what string) string {
	return what + "\x00" + string(in.AppendJSON(nil)) + "\x00" + in.Question.Subject.Token
}

// MarshalJSON makes AuthZEN's search response.
func (o *SearchOutput) MarshalJSON() ([]byte, error) {
	b := o.appendResults([]byte{'{'})
	b = append(b, `,"page":{"next_token":`...)
	b = events.AppendString(b, o.Next)
	b = append(b, `,"count":`...)
	return append(strconv.AppendInt(b, int64(len(o.Results)), 10), "}}"...), nil
}

func (o *SearchOutput) appendResults(b []byte) []byte {
	b = append(b, `"results":[`...)
	for i, r := range o.Results {
		if i > 0 {
			b = append(b, ',')
		}
		if o.Type == "" {
			b = append(b, `{"name":`...)
		} else {
			b = events.AppendString(append(b, `{"type":`...), o.Type)
			b = append(b, `,"id":`...)
		}
		b = append(events.AppendString(b, r), '}')
	}
	return append(b, ']')
}

// note puts question and results into the record of a search.
func (o *SearchOutput) note(rec *events.Record) {
	rec.RequestParameters = bounded(o.of.AppendJSON(nil))
	rec.ResponseElements = bounded(append(o.appendResults([]byte{'{'}), '}'))
}
