package audit

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// AuthZEN's JSON is read strictly: a key twice, a known member of the wrong
// type, invalid UTF-8 or anything after the end is refused, since another
// program might read it in another way. Members nobody knows are skipped, as
// the standard demands.

const (
	maxDepth      = 16
	maxMembers    = 1024 // of one object
	maxProperties = 100  // of one entity, nested ones too
	maxText       = 8 << 10
)

// UnmarshalJSON reads AuthZEN's evaluations request.
func (in *EvaluateInput) UnmarshalJSON(b []byte) error {
	*in = EvaluateInput{}
	p := reader{b: b}
	var q question
	var batch []question
	p.object(func(key string) {
		switch key {
		case "evaluations":
			p.list(func() {
				if len(batch) == MaxQuestions {
					p.fail("there are more than 1000 evaluations")
					return
				}
				var one question
				p.object(func(key string) {
					if !p.member(&one, key) {
						p.skip()
					}
				})
				batch = append(batch, one)
			})
		case "options":
			p.object(func(key string) {
				if key != "evaluations_semantic" {
					p.skip()
					return
				}
				switch p.text() {
				case "execute_all":
				case "deny_on_first_deny":
					in.Semantic = DenyOnFirstDeny
				case "permit_on_first_permit":
					in.Semantic = PermitOnFirstPermit
				default:
					p.fail("options.evaluations_semantic is none of execute_all, deny_on_first_deny and permit_on_first_permit")
				}
			})
		default:
			if !p.member(&q, key) {
				p.skip()
			}
		}
	})
	if err := p.end(); err != nil {
		return err
	}
	if in.Single = len(batch) == 0; !in.Single { // none, or no list: one question, as the standard has it
		in.Questions = make([]Question, len(batch))
		for i := range batch {
			in.Questions[i] = batch[i].or(&q)
		}
		return nil
	}
	in.Questions = []Question{q.Question}
	if f := in.Questions[0].complete(); f != nil {
		return malformed(f.Message)
	}
	return nil
}

func malformed(why string) error {
	return refusal("SerializationException", "%s", why)
}

// complete says what is missing.
func (q *Question) complete() *Fault {
	if q.fault != nil {
		return q.fault
	}
	if q.Subject.Type == "" || q.Subject.ID == "" || q.Action.Name == "" || q.Resource.Type == "" || q.Resource.ID == "" {
		return faultIncomplete
	}
	return nil
}

// question is one that is being read: which of its members were there.
type question struct {
	Question
	subject, action, resource, context bool
}

// or is q with the members that it does not have from the batch. Of a subject,
// action or resource the names are taken one by one, the properties as a whole.
func (q *question) or(batch *question) Question {
	entity := func(e *Entity, has bool, other *Entity) {
		if !has {
			*e = *other
			return
		}
		if e.Type == "" {
			e.Type = other.Type
		}
		if e.ID == "" {
			e.ID = other.ID
		}
	}
	entity(&q.Subject, q.subject, &batch.Subject)
	entity(&q.Resource, q.resource, &batch.Resource)
	if !q.action {
		q.Action = batch.Action
	} else if q.Action.Name == "" {
		q.Action.Name = batch.Action.Name
	}
	if !q.context {
		q.Context = batch.Context
	}
	if q.fault == nil {
		q.fault = batch.fault
	}
	q.fault = q.complete()
	return q.Question
}

// member reads one of a question's members; false: it is none.
func (p *reader) member(q *question, key string) bool {
	switch key {
	case "subject":
		q.subject = true
		p.entity(&q.Question, &q.Subject)
		q.Subject.Properties = slices.DeleteFunc(q.Subject.Properties, func(s Property) bool {
			if s.Name != "token" && !strings.HasPrefix(s.Name, "token.") {
				return false
			}
			if q.Subject.Token = ""; len(s.Values) == 1 && !s.List && s.Name == "token" {
				q.Subject.Token = s.Values[0]
			} else {
				q.fault = faultValue
			}
			return true // whatever it is, it must not be recorded
		})
	case "resource":
		q.resource = true
		p.entity(&q.Question, &q.Resource)
	case "action":
		q.action = true
		p.object(func(key string) {
			switch key {
			case "name":
				q.Action.Name = p.text()
			case "properties":
				p.properties(&q.Question, &q.Action.Properties, "")
			default:
				p.skip()
			}
		})
	case "context":
		q.context = true
		p.properties(&q.Question, &q.Context, "")
	default:
		return false
	}
	return true
}

func (p *reader) entity(q *Question, e *Entity) {
	p.object(func(key string) {
		switch key {
		case "type":
			e.Type = p.text()
		case "id":
			e.ID = p.text()
		case "properties":
			p.properties(q, &e.Properties, "")
		default:
			p.skip()
		}
	})
}

// properties reads condition keys. Members of an object within go by the
// object's name, a dot and their own. A null is as good as not there.
func (p *reader) properties(q *Question, list *[]Property, under string) {
	p.object(func(key string) {
		if len(*list) >= maxProperties {
			p.fail("there are more than 100 properties")
			return
		}
		if under+key == "" {
			q.fault = faultValue
		}
		switch p.peek() {
		case '{':
			p.properties(q, list, under+key+".")
		case '[':
			v := Property{Name: under + key, List: true}
			p.list(func() {
				if one, ok := p.scalar(); ok {
					v.Values = append(v.Values, one)
				} else {
					q.fault = faultValue
				}
			})
			*list = append(*list, v)
		case 'n':
			p.skip()
		default:
			if one, ok := p.scalar(); ok {
				*list = append(*list, Property{Name: under + key, Values: []string{one}})
			}
		}
	})
}

// reader reads JSON from left to right. After a failure it reads nothing more.
// Its strings are parts of b, which must stay as it is.
type reader struct {
	b     []byte
	i     int
	depth int
	why   string
}

func (p *reader) fail(why string) {
	if p.why == "" {
		p.why = why
		p.i = len(p.b)
	}
}

func (p *reader) broken() { p.fail("the body is not JSON") }

func (p *reader) end() error {
	if p.space(); p.i < len(p.b) {
		p.broken()
	}
	if p.why != "" {
		return malformed("The request can't be read: " + p.why + ".")
	}
	return nil
}

func (p *reader) space() {
	for p.i < len(p.b) && (p.b[p.i] == ' ' || p.b[p.i] == '\n' || p.b[p.i] == '\t' || p.b[p.i] == '\r') {
		p.i++
	}
}

// peek is the first character of the next value, 0 at the end.
func (p *reader) peek() byte {
	if p.space(); p.i < len(p.b) {
		return p.b[p.i]
	}
	return 0
}

// next takes one character if it is c.
func (p *reader) next(c byte) bool {
	if p.peek() == c && p.why == "" {
		p.i++
		return true
	}
	return false
}

// enter begins an object or a list.
func (p *reader) enter(c byte) bool {
	switch {
	case !p.next(c):
		if p.why == "" && p.i < len(p.b) {
			p.fail("a member has the wrong type")
		}
		p.broken()
		return false
	case p.depth == maxDepth:
		p.fail("it is nested too deep")
		return false
	}
	p.depth++
	return true
}

// object reads one; f reads the value of each member.
func (p *reader) object(f func(key string)) {
	if !p.enter('{') {
		return
	}
	defer func() { p.depth-- }()
	var room [16]string
	seen := room[:0]
	var many map[string]bool // once there are more than room has
	if p.next('}') {
		return
	}
	for p.why == "" {
		key := p.text()
		if !p.next(':') {
			p.broken()
			return
		}
		twice := many[key]
		for i := range seen {
			twice = twice || seen[i] == key
		}
		switch {
		case twice:
			p.fail("a key comes twice in one object")
			return
		case len(seen) < len(room):
			seen = append(seen, key)
		case many == nil:
			many = map[string]bool{key: true}
		case len(many) == maxMembers:
			p.fail("an object has too many members")
			return
		default:
			many[key] = true
		}
		if f(key); p.next('}') {
			return
		}
		if !p.next(',') {
			p.broken()
		}
	}
}

// list reads one; f reads each item.
func (p *reader) list(f func()) {
	if !p.enter('[') {
		return
	}
	defer func() { p.depth-- }()
	if p.next(']') {
		return
	}
	for p.why == "" {
		if f(); p.next(']') {
			return
		}
		if !p.next(',') {
			p.broken()
		}
	}
}

// skip passes over a value, as strictly as if it were wanted.
func (p *reader) skip() {
	switch p.peek() {
	case '{':
		p.object(func(string) { p.skip() })
	case '[':
		p.list(p.skip)
	default:
		p.scalar()
	}
}

// scalar reads a string, number or boolean as text; false: something else, or
// null, which it passes over.
func (p *reader) scalar() (string, bool) {
	switch c := p.peek(); {
	case c == '"':
		return p.text(), p.why == ""
	case c == 't' && p.word("true"):
		return "true", true
	case c == 'f' && p.word("false"):
		return "false", true
	case c == 'n' && p.word("null"):
		return "", false
	case c == '{' || c == '[':
		p.skip()
		return "", false
	case c == '-' || c >= '0' && c <= '9':
		return p.number(), p.why == ""
	}
	p.broken()
	return "", false
}

func (p *reader) word(w string) bool {
	if p.i+len(w) <= len(p.b) && string(p.b[p.i:p.i+len(w)]) == w {
		p.i += len(w)
		return true
	}
	return false
}

// number reads one by JSON's grammar and keeps it as it is written.
func (p *reader) number() string {
	from := p.i
	digits := func() {
		if p.i >= len(p.b) || p.b[p.i] < '0' || p.b[p.i] > '9' {
			p.broken()
		}
		for p.i < len(p.b) && p.b[p.i] >= '0' && p.b[p.i] <= '9' {
			p.i++
		}
	}
	at := func(set string) bool {
		for k := range len(set) {
			if p.i < len(p.b) && p.b[p.i] == set[k] {
				p.i++
				return true
			}
		}
		return false
	}
	at("-")
	if !at("0") {
		digits()
	}
	if at(".") {
		digits()
	}
	if at("eE") {
		at("+-")
		digits()
	}
	if p.why != "" || p.i-from > 64 {
		p.broken()
		return ""
	}
	return p.part(from, p.i)
}

func (p *reader) part(from, to int) string {
	if from == to {
		return ""
	}
	return unsafe.String(&p.b[from], to-from)
}

// text reads a string.
func (p *reader) text() string {
	if p.peek() != '"' || p.why != "" {
		if p.why == "" && p.i < len(p.b) {
			p.fail("a member has the wrong type")
		}
		p.broken()
		return ""
	}
	p.i++
	from, plain := p.i, true
	for ; p.i < len(p.b); p.i++ {
		switch c := p.b[p.i]; {
		case c == '"':
			raw := p.b[from:p.i]
			p.i++
			switch {
			case len(raw) > maxText:
				p.fail("a string is longer than 8192 bytes")
			case !utf8.Valid(raw):
				p.fail("a string is not UTF-8")
			case plain:
				return p.part(from, from+len(raw))
			default:
				return p.unescape(raw)
			}
			return ""
		case c == '\\':
			plain = false
			p.i++
		case c < ' ':
			p.broken()
			return ""
		}
	}
	p.broken()
	return ""
}

func (p *reader) unescape(raw []byte) string {
	out := make([]byte, 0, len(raw))
	unit := func(i int) (rune, bool) { // of \uXXXX at i
		if i+6 > len(raw) || raw[i] != '\\' || raw[i+1] != 'u' {
			return 0, false
		}
		for _, c := range raw[i+2 : i+6] {
			if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
				return 0, false
			}
		}
		n, err := strconv.ParseUint(string(raw[i+2:i+6]), 16, 32)
		return rune(n), err == nil
	}
	for i := 0; i < len(raw); i++ {
		if raw[i] != '\\' {
			out = append(out, raw[i])
			continue
		}
		switch c := raw[i+1]; c { // there is one: the string did not end here
		case '"', '\\', '/':
			out = append(out, c)
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, ok := unit(i)
			i += 4
			if ok && utf16.IsSurrogate(r) {
				low, second := unit(i + 2)
				r = utf16.DecodeRune(r, low)
				ok = second && r != utf8.RuneError
				i += 6
			}
			if !ok {
				p.fail("a string has an escape that means nothing")
				return ""
			}
			out = utf8.AppendRune(out, r)
		default:
			p.fail("a string has an escape that means nothing")
			return ""
		}
		i++
	}
	return string(out)
}
