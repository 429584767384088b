// Package record turns an SDK input or output struct into the JSON that a
// CloudTrail record holds as requestParameters or responseElements.
//
// It writes only members that are named in an allow-list, never a whole struct:
// a member the SDK adds tomorrow, a password, a secret key stay out until
// somebody writes them down. It knows no protocol and no action; the table of
// actions holds the lists.
package record

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// Projection is an allow-list compiled for one struct type. Safe for use at once.
type Projection struct {
	typ    reflect.Type
	top    *plan
	layout string
	output bool // what has no pointer is always there, as in the answer
}

// plan says which parts of a value are written.
type plan struct {
	fields []field // of a structure; nil for a simple value
	elem   *plan   // of a list, map or pointer
}

type field struct {
	index int
	name  string // quoted, with its colon
	plan  *plan
}

// Layouts of times in records: Java's, of two generations (cloudtrail.md,
// section 2: IAM "Jul 30, 2024 9:53:13 PM", STS "Jul 30, 2024, 9:46:15 PM").
const (
	oldJava = "Jan 2, 2006 3:04:05 PM"
	newJava = "Jan 2, 2006, 3:04:05 PM"
)

var timeType = reflect.TypeFor[time.Time]()

// Compile makes the projection of v's type, a pointer to an SDK struct (nil is
// enough: (*iam.CreateUserInput)(nil)), to the members that allow names:
// "userName", "tags" (with all in it), "accessKey.accessKeyId". Names are
// lowerCamelCase, lists are passed through. service decides how times are
// written. A name the type does not have is an error, so that a table of
// actions with a slip in it does not start.
func Compile(service string, v any, allow ...string) (*Projection, error) {
	t := reflect.TypeOf(v)
	if t == nil || t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
		return nil, fmt.Errorf("record: %T is not a pointer to a struct", v)
	}
	p := &Projection{typ: t.Elem(), layout: newJava, output: strings.HasSuffix(t.Elem().Name(), "Output")}
	if service == "iam" {
		p.layout = oldJava
	}
	paths := make([][]string, len(allow))
	for i, a := range allow {
		paths[i] = strings.Split(a, ".")
	}
	var err error
	if p.top, err = compile(t.Elem(), paths); err != nil {
		return nil, fmt.Errorf("record: %v: %w", t.Elem(), err)
	}
	return p, nil
}

// compile plans t: with paths only what they name, with an empty path (or
// paths nil) all of it.
func compile(t reflect.Type, paths [][]string) (*plan, error) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	all := paths == nil || slices.ContainsFunc(paths, func(p []string) bool { return len(p) == 0 })
	switch {
	case t == timeType || t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
	case t.Kind() == reflect.Slice || t.Kind() == reflect.Map:
		elem, err := compile(t.Elem(), paths)
		return &plan{elem: elem}, err
	case t.Kind() == reflect.Struct:
		p := &plan{fields: []field{}}
		used := map[string]bool{}
		for i := range t.NumField() {
			sf := t.Field(i)
			if !sf.IsExported() || sf.Name == "ResultMetadata" {
				continue
			}
			name := strings.ToLower(sf.Name[:1]) + sf.Name[1:]
			var inner [][]string
			for _, path := range paths {
				if len(path) > 0 && path[0] == name {
					inner = append(inner, path[1:])
					used[name] = true
				}
			}
			if inner == nil && !all {
				continue
			}
			child, err := compile(sf.Type, inner)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			p.fields = append(p.fields, field{index: i, name: strconv.Quote(name) + ":", plan: child})
		}
		for _, path := range paths {
			if len(path) > 0 && !used[path[0]] {
				return nil, fmt.Errorf("no member %q", path[0])
			}
		}
		// CloudTrail's writer sorts members by name.
		slices.SortFunc(p.fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
		return p, nil
	case t.Kind() == reflect.Interface:
		return nil, fmt.Errorf("a union cannot be projected") // none is recorded
	}
	if !all {
		return nil, fmt.Errorf("a simple value has no member %q", paths[0][0])
	}
	return &plan{}, nil
}

// Append appends the JSON of v, a pointer of the projected type. It is null
// when v is nil or none of the allowed members is set. A bool or number without
// a pointer counts as set in an output, in an input only when it is not zero:
// there nobody can tell whether the client gave it.
func (p *Projection) Append(b []byte, v any) []byte {
	rv := reflect.ValueOf(v)
	if !rv.IsValid() || rv.Kind() != reflect.Pointer || rv.IsNil() || rv.Type().Elem() != p.typ {
		return append(b, "null"...)
	}
	start := len(b)
	b = append(b, '{')
	b = p.members(b, p.top, rv.Elem())
	if len(b) == start+1 {
		return append(b[:start], "null"...)
	}
	return append(b, '}')
}

// members appends "name":value,… of those that are set.
func (p *Projection) members(b []byte, pl *plan, v reflect.Value) []byte {
	first := true
	for i := range pl.fields {
		f := &pl.fields[i]
		mark := len(b)
		if !first {
			b = append(b, ',')
		}
		b = append(b, f.name...)
		var ok bool
		if b, ok = p.value(b, f.plan, v.Field(f.index)); !ok {
			b = b[:mark]
			continue
		}
		first = false
	}
	return b
}

// value appends one value, false if there is nothing to say of it.
func (p *Projection) value(b []byte, pl *plan, v reflect.Value) ([]byte, bool) {
	pointer := false // a pointer to false, 0 or nothing is set
	for v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return b, false
		}
		v, pointer = v.Elem(), true
	}
	if v.Type() == timeType {
		t := v.Interface().(time.Time)
		if t.IsZero() {
			return b, false
		}
		b = append(b, '"')
		b = t.UTC().AppendFormat(b, p.layout)
		return append(b, '"'), true
	}
	switch v.Kind() {
	case reflect.Struct:
		start := len(b)
		b = append(b, '{')
		b = p.members(b, pl, v)
		if len(b) == start+1 {
			return b, false
		}
		return append(b, '}'), true
	case reflect.Slice:
		if v.IsNil() {
			return b, false
		}
		if v.Type().Elem().Kind() == reflect.Uint8 {
			b = append(b, '"')
			b = base64.StdEncoding.AppendEncode(b, v.Bytes())
			return append(b, '"'), true
		}
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = p.element(b, pl.elem, v.Index(i))
		}
		return append(b, ']'), true
	case reflect.Map:
		if v.IsNil() {
			return b, false
		}
		keys := v.MapKeys()
		slices.SortFunc(keys, func(x, y reflect.Value) int { return strings.Compare(x.String(), y.String()) })
		b = append(b, '{')
		for i, k := range keys {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, k.String())
			b = append(b, ':')
			b = p.element(b, pl.elem, v.MapIndex(k))
		}
		return append(b, '}'), true
	case reflect.String:
		if v.Len() == 0 && !pointer {
			return b, false
		}
		return appendString(b, v.String()), true
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool()), pointer || p.output || v.Bool()
	case reflect.Int, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10), pointer || p.output || v.Int() != 0
	case reflect.Uint64: // of our own service
		return strconv.AppendUint(b, v.Uint(), 10), pointer || p.output || v.Uint() != 0
	case reflect.Float32, reflect.Float64:
		x := v.Float()
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return b, false
		}
		return strconv.AppendFloat(b, x, 'g', -1, 64), pointer || p.output || x != 0
	}
	return b, false
}

// element appends a list's or map's element, which keeps its place even if
// there is nothing to say of it.
func (p *Projection) element(b []byte, pl *plan, v reflect.Value) []byte {
	mark := len(b)
	b, ok := p.value(b, pl, v)
	if ok {
		return b
	}
	b = b[:mark]
	switch v.Kind() {
	case reflect.String:
		return append(b, `""`...)
	case reflect.Struct:
		return append(b, "{}"...)
	case reflect.Bool:
		return append(b, "false"...)
	case reflect.Int, reflect.Int32, reflect.Int64, reflect.Uint64, reflect.Float32, reflect.Float64:
		return append(b, '0')
	}
	return append(b, "null"...)
}

// appendString appends s quoted. What would end a line, move a cursor or turn
// the direction of text in a viewer is escaped, bytes that are not UTF-8 become
// U+FFFD: a record is one line that shows what it holds.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			b = append(b, '\\', c)
			i++
		case c >= ' ' && c < 0x7f:
			b = append(b, c)
			i++
		case c < utf8.RuneSelf:
			b = appendEscape(b, rune(c))
			i++
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			switch {
			case r == utf8.RuneError && n == 1:
				b = append(b, "\uFFFD"...)
			case r < 0xa0, r == 0x2028, r == 0x2029, r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c, r == 0xfeff:
				b = appendEscape(b, r)
			default:
				b = append(b, s[i:i+n]...)
			}
			i += n
		}
	}
	return append(b, '"')
}

func appendEscape(b []byte, r rune) []byte {
	const hex = "0123456789abcdef"
	return append(b, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

// Members compiles, once per service, type and list, and appends. The lists of
// a program are few and fixed; the cache holds no more than that.
func Members(service string, v any, allow []string) (json.RawMessage, error) {
	t := reflect.TypeOf(v)
	if t == nil {
		return json.RawMessage("null"), nil
	}
	key := cacheKey{service, t, strings.Join(allow, "\x00")}
	p, ok := compiled.Load(key)
	if !ok {
		made, err := Compile(service, v, allow...)
		if err != nil {
			return nil, err
		}
		p, _ = compiled.LoadOrStore(key, made)
	}
	return p.(*Projection).Append(nil, v), nil
}

type cacheKey struct {
	service string
	typ     reflect.Type
	allow   string
}

var compiled sync.Map // cacheKey → *Projection
