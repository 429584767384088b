package policy

import (
	"strings"
	"unsafe"
)

// variable is a ${key} of a pattern (IAM User Guide, "Policy variables").
type variable struct {
	key         string
	hash        uint64
	fallback    string
	hasFallback bool
}

// template is a pattern that may have variables. Text is cut into wildcards
// and variables before anything is put in, so what is put in stays literal and
// is never read as a wildcard or as another variable.
type template struct {
	glob
	vars *[]variable // nil: none
}

// encode cuts s. Wild tells whether * and ? are wildcards, modern whether ${
// starts a variable or an escape.
func encode(s string, wild, modern bool) (string, []variable) {
	var vars []variable
	if strings.IndexAny(s, "*?$") < 0 {
		return intern(s), nil
	}
	out := make([]byte, 0, len(s))
	closed := strings.LastIndexByte(s, '}') // what opens after it is text; looking on would take the square of the length
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '*' && wild:
			out = append(out, anyRun)
		case c == '?' && wild:
			out = append(out, anyOne)
		case c == '$' && modern && i < closed && s[i+1] == '{':
			name, fallback, hasFallback, size := cutVariable(s[i:])
			switch {
			case !hasFallback && (name == "*" || name == "?" || name == "$"):
				out = append(out, name[0])
			case len(vars) == 64*64: // longer than any quota: matches nothing
				return string([]byte{slot, 0x80, 0x80}), []variable{{}}
			default:
				out = append(out, slot, 0x80|byte(len(vars)>>6), 0x80|byte(len(vars)&63))
				key := fold(name)
				vars = append(vars, variable{key: key, hash: hashFold(key), fallback: fallback, hasFallback: hasFallback})
			}
			i += size - 1
		default:
			out = append(out, c)
		}
	}
	return intern(string(out)), vars
}

// cutVariable reads ${key} or ${key, 'default'}: a comma, one space, single
// quotes. The caller knows that there is a brace to end it. Any other spelling is a key that nobody ever sets.
func cutVariable(s string) (name, fallback string, hasFallback bool, size int) {
	body := s[2:]
	if comma := strings.IndexAny(body, ",}'"); comma >= 0 && strings.HasPrefix(body[comma:], ", '") {
		value := body[comma+3:]
		if end := strings.IndexByte(value, '\''); end >= 0 && strings.HasPrefix(value[end:], "'}") {
			return body[:comma], value[:end], true, 2 + comma + 3 + end + 2
		}
	}
	end := strings.IndexByte(body, '}')
	return body[:end], "", false, 2 + end + 1
}

func newTemplate(s string, wild, modern bool) template {
	text, vars := encode(s, wild, modern)
	return templateOf(text, vars)
}

func templateOf(text string, vars []variable) template {
	if vars == nil {
		return template{glob: newGlob(text)}
	}
	return template{glob: glob{text: text}, vars: &vars}
}

// match reports whether s fits. A variable that cannot be resolved fits nothing.
func (t *template) match(q *query, s string) bool {
	if t.vars == nil {
		return t.glob.match(s)
	}
	text, ok := t.expand(q)
	if !ok {
		return false
	}
	g := globOf(text)
	return g.match(s)
}

// expand puts the values of the variables in. The text lives in the query's
// scratch space until the next expand.
func (t *template) expand(q *query) (string, bool) {
	out := q.scratch[:0]
	for text := t.text; ; {
		i := strings.IndexByte(text, slot)
		if i < 0 {
			out = append(out, text...)
			break
		}
		v := &(*t.vars)[int(text[i+1]&63)<<6|int(text[i+2]&63)]
		value, ok := v.resolve(q.context)
		if !ok {
			return "", false
		}
		out = append(append(out, text[:i]...), value...)
		text = text[i+3:]
	}
	q.scratch = out
	// Safe as long as nobody keeps the string: it is compared and forgotten.
	return unsafe.String(unsafe.SliceData(out), len(out)), true
}

// resolve gives the value. Keys with many values never resolve. A value that
// holds a byte with a meaning of ours is not UTF-8 and counts as unresolved.
func (v *variable) resolve(c *Context) (string, bool) {
	e := c.find(v.hash, v.key)
	if e == nil || e.multi {
		return v.fallback, v.hasFallback
	}
	for i := 0; i < len(e.value); i++ {
		if e.value[i] >= slot {
			return "", false
		}
	}
	return e.value, true
}
