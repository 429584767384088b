package wire

import (
	"encoding/base64"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/smithy-go"

	"github.com/keytrail/keytrail/cmd/keytrail/sigv4"
)

// Bounds of a form (security.md, section 7).
const (
	maxParams = 2_000
	maxIndex  = 1_000 // of a list or map
)

// param is one parameter of a form: its name decoded, its value as it came. A
// value is decoded into a string of its own only when it is put into an input,
// so that no input keeps a whole body in memory.
type param struct{ name, raw string }

// form is a Query request's parameters in the order they came, no name twice.
type form []param

func invalid(message string) error {
	return &smithy.GenericAPIError{Code: "ValidationError", Message: message, Fault: smithy.FaultClient}
}

func malformed(message string) error {
	return &smithy.GenericAPIError{Code: "MalformedInput", Message: message, Fault: smithy.FaultClient}
}

// parseForm reads application/x-www-form-urlencoded text. In a query string the
// parameters of a presigned signature are not the operation's.
func parseForm(s string, fromQuery bool) (form, error) {
	f := make(form, 0, min(strings.Count(s, "&")+1, maxParams))
	for s != "" {
		var part string
		part, s, _ = strings.Cut(s, "&")
		if part == "" {
			continue
		}
		name, raw, _ := strings.Cut(part, "=")
		if strings.ContainsAny(name, "%+") {
			var err error
			if name, err = unescape(name); err != nil {
				return nil, err
			}
		}
		if fromQuery && sigv4.IsAuthParam(name) {
			continue
		}
		if len(f) == maxParams {
			return nil, invalid("The request has more than " + strconv.Itoa(maxParams) + " parameters.")
		}
		f = append(f, param{name, raw})
	}
	if name, twice := f.repeated(); twice {
		return nil, invalid("The parameter " + clip(name, 128) + " is given more than once.")
	}
	return f, nil
}

func (f form) repeated() (string, bool) {
	if len(f) <= 16 { // most forms: comparing is cheaper than a map
		for i := range f {
			for j := range i {
				if f[i].name == f[j].name {
					return f[i].name, true
				}
			}
		}
		return "", false
	}
	seen := make(map[string]struct{}, len(f))
	for _, p := range f {
		if _, ok := seen[p.name]; ok {
			return p.name, true
		}
		seen[p.name] = struct{}{}
	}
	return "", false
}

// get returns a decoded parameter, or empty.
func (f form) get(name string) string {
	for _, p := range f {
		if p.name == name {
			v, _ := unescape(p.raw)
			return v
		}
	}
	return ""
}

// unescape undoes the escapes of a form. The result never shares memory with s
// and is valid UTF-8.
func unescape(s string) (string, error) {
	bad := 0
	escapes := 0
	for i := 0; i < len(s); i++ {
		if s[i] == '%' {
			escapes++
			if i+2 >= len(s) || unhex(s[i+1])|unhex(s[i+2]) > 15 {
				return "", malformed("The request has a bad percent-encoding.")
			}
			i += 2
		}
	}
	b := make([]byte, 0, len(s)-2*escapes)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
		}
		bad |= int(c & 0x80)
		b = append(b, c)
	}
	if bad != 0 && !utf8.Valid(b) {
		return "", malformed("The request has text that is not UTF-8.")
	}
	return string(b), nil
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// errOrder says that a list's index came before a lower one.
var errOrder = errors.New("out of order")

// fill fills in from the form. Clients send lists in order; when one does not,
// the form is sorted and read again, and what still skips an index is a gap.
func (f form) fill(n *node, in any) error {
	d := queryDecoder{}
	v := reflect.ValueOf(in).Elem()
	err := d.all(n, v, f)
	if err != errOrder {
		return err
	}
	sorted := slices.Clone(f)
	slices.SortStableFunc(sorted, func(a, b param) int { return compareNames(a.name, b.name) })
	v.SetZero()
	d = queryDecoder{}
	if err = d.all(n, v, sorted); err == errOrder {
		return malformed("A list or map must be numbered from 1 without gaps: " + clip(d.name, 128))
	}
	return err
}

// compareNames orders by the dotted parts, numbers by value.
func compareNames(a, b string) int {
	for a != "" || b != "" {
		var x, y string
		x, a, _ = strings.Cut(a, ".")
		y, b, _ = strings.Cut(b, ".")
		if c := len(x) - len(y); c != 0 && number(x) && number(y) {
			return c
		}
		if c := strings.Compare(x, y); c != 0 {
			return c
		}
	}
	return 0
}

func number(s string) bool { return s != "" && s[0] >= '1' && s[0] <= '9' }

type queryDecoder struct {
	name string // of the parameter being read
	maps []*queryMap
}

// queryMap gathers a map's entries, whose keys and values come one by one.
type queryMap struct {
	prefix  string
	node    *node
	into    reflect.Value
	entries []queryEntry
}

type queryEntry struct {
	key, value reflect.Value
	hasKey     bool
}

func (d *queryDecoder) all(n *node, v reflect.Value, f form) error {
	for _, p := range f {
		if p.name == "Action" || p.name == "Version" {
			continue
		}
		d.name = p.name
		if err := d.set(n, v, p.name, p.raw); err != nil {
			return err
		}
	}
	for _, m := range d.maps {
		if err := m.build(); err != nil {
			return err
		}
	}
	return nil
}

// set puts raw where rest, the part of the name still to be read, says.
func (d *queryDecoder) set(n *node, v reflect.Value, rest, raw string) error {
	switch n.kind {
	case structKind:
		name, rest, dotted := strings.Cut(rest, ".")
		i, ok := n.names[name]
		if !ok {
			return d.unknown()
		}
		return d.member(n.fields[i].node, v.Field(n.fields[i].index), rest, raw, dotted)
	case unionKind:
		name, rest, dotted := strings.Cut(rest, ".")
		i, ok := n.names[name]
		if !ok {
			return d.unknown()
		}
		f := &n.fields[i]
		if v.IsNil() {
			v.Set(reflect.New(f.of))
		} else if v.Elem().Type().Elem() != f.of {
			return malformed("Only one of the members of " + clip(d.name, 128) + " may be set.")
		}
		return d.member(f.node, v.Elem().Elem().Field(0), rest, raw, dotted)
	case listKind:
		i, rest, dotted, err := d.index(rest, "member")
		if err != nil {
			return err
		}
		switch l := v.Len(); {
		case i > l+1:
			return errOrder
		case i == l+1:
			if v.IsNil() {
				v.Set(reflect.MakeSlice(n.typ, 0, 4))
			}
			v.Grow(1)
			v.SetLen(i)
			v.Index(i - 1).SetZero()
		}
		return d.member(n.elem, v.Index(i-1), rest, raw, dotted)
	case mapKind:
		prefix := d.name[:len(d.name)-len(rest)]
		i, rest, _, err := d.index(rest, "entry")
		if err != nil {
			return err
		}
		m := d.mapAt(prefix, n, v)
		if i > len(m.entries)+1 {
			return errOrder
		}
		if i > len(m.entries) {
			m.entries = append(m.entries, queryEntry{key: reflect.New(n.key.typ).Elem(), value: reflect.New(n.typ.Elem()).Elem()})
		}
		e := &m.entries[i-1]
		name, rest, dotted := strings.Cut(rest, ".")
		switch name {
		case "key":
			e.hasKey = true
			return d.member(n.key, e.key, rest, raw, dotted)
		case "value":
			return d.member(n.elem, e.value, rest, raw, dotted)
		}
		return d.unknown()
	}
	panic("wire: a simple value has no members")
}

// member puts raw into v, or goes on into it when the name goes on.
func (d *queryDecoder) member(n *node, v reflect.Value, rest, raw string, dotted bool) error {
	if dotted == n.simple() {
		switch {
		case !dotted && raw == "" && n.kind == listKind:
			// The SDKs write an empty list as its bare name.
			v.Set(reflect.MakeSlice(n.typ, 0, 0))
			return nil
		case !dotted && raw == "" && n.kind == mapKind:
			v.Set(reflect.MakeMap(n.typ))
			return nil
		case dotted:
			return malformed("Start of structure or map found where not expected: " + clip(d.name, 128))
		}
		return malformed("Unexpected value where a structure, list or map is expected: " + clip(d.name, 128))
	}
	if n.pointer {
		if v.IsNil() {
			v.Set(reflect.New(n.typ))
		}
		v = v.Elem()
	}
	if dotted {
		return d.set(n, v, rest, raw)
	}
	text, err := unescape(raw)
	if err != nil {
		return err
	}
	return setText(n, v, text, d.path)
}

func (d *queryDecoder) unknown() error {
	return invalid("The parameter " + clip(d.name, 128) + " is not recognized")
}

// index reads "member.N" or "entry.N" off rest.
func (d *queryDecoder) index(rest, word string) (i int, after string, dotted bool, err error) {
	got, rest, _ := strings.Cut(rest, ".")
	digits, after, dotted := strings.Cut(rest, ".")
	if got != word {
		return 0, "", false, d.unknown()
	}
	if len(digits) > 0 && len(digits) <= 4 && digits[0] != '0' {
		for _, c := range []byte(digits) {
			if c < '0' || c > '9' {
				i = 0
				break
			}
			i = i*10 + int(c-'0')
		}
	}
	if i < 1 || i > maxIndex {
		return 0, "", false, malformed("The number in " + clip(d.name, 128) + " must be between 1 and " + strconv.Itoa(maxIndex) + ".")
	}
	return i, after, dotted, nil
}

func (d *queryDecoder) mapAt(prefix string, n *node, v reflect.Value) *queryMap {
	for _, m := range d.maps {
		if m.prefix == prefix {
			return m
		}
	}
	m := &queryMap{prefix: prefix, node: n, into: v}
	d.maps = append(d.maps, m)
	return m
}

func (m *queryMap) build() error {
	all := reflect.MakeMapWithSize(m.node.typ, len(m.entries))
	for _, e := range m.entries {
		if !e.hasKey {
			return malformed("A map entry of " + clip(m.prefix, 128) + " has no key.")
		}
		if all.MapIndex(e.key).IsValid() {
			return malformed("A key of " + clip(m.prefix, 128) + " is given more than once.")
		}
		all.SetMapIndex(e.key, e.value)
	}
	m.into.Set(all)
	return nil
}

// path is the parameter's name as AWS writes it in messages: Tags.member.1.Key
// is tags.1.member.key.
func (d *queryDecoder) path() string {
	parts := strings.Split(d.name, ".")
	for i := range parts {
		if i+1 < len(parts) && (parts[i] == "member" || parts[i] == "entry") && number(parts[i+1]) {
			parts[i], parts[i+1] = parts[i+1], parts[i]
		} else {
			parts[i] = camel(parts[i])
		}
	}
	return clip(strings.Join(parts, "."), 256)
}

// setText reads a simple value from text. Both protocols use it: Query for all
// values, JSON for those it writes as strings.
func setText(n *node, v reflect.Value, s string, path func() string) error {
	bad := func(constraint string) error { return validation(1, failed(n.limits, s, path(), constraint)) }
	switch n.kind {
	case stringKind:
		if s == "" && !n.pointer && n.typ.PkgPath() != "" {
			// An SDK enum could not tell empty from absent.
			if n.limits == nil {
				return bad("Member must have length greater than or equal to 1")
			}
			return bad("Member must satisfy enum value set: [" + strings.Join(n.limits.enum, ", ") + "]")
		}
		v.SetString(s)
	case boolKind:
		if s != "true" && s != "false" {
			return bad("Member must satisfy enum value set: [true, false]")
		}
		v.SetBool(s == "true")
	case intKind:
		x, err := strconv.ParseInt(s, 10, n.typ.Bits())
		if errors.Is(err, strconv.ErrRange) {
			// The nearer of the published bound and the type's.
			most, least := int64(1)<<(n.typ.Bits()-1)-1, int64(-1)<<(n.typ.Bits()-1)
			if l := n.limits; l != nil && l.max != nil {
				most = *l.max
			}
			if l := n.limits; l != nil && l.min != nil {
				least = *l.min
			}
			if s[0] == '-' {
				return bad(valueAtLeast(least))
			}
			return bad(valueAtMost(most))
		}
		if err != nil || s[0] == '+' {
			return bad("Member must be an integer")
		}
		v.SetInt(x)
	case floatKind:
		x, err := strconv.ParseFloat(s, n.typ.Bits())
		if err != nil || x-x != 0 {
			return bad("Member must be a number")
		}
		v.SetFloat(x)
	case timeKind:
		t, err := time.Parse(time.RFC3339Nano, s)
		if err != nil {
			return bad("Member must be a timestamp in ISO 8601 format")
		}
		v.Set(reflect.ValueOf(t.UTC()))
	case blobKind:
		b, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return bad("Member must be base64-encoded")
		}
		v.SetBytes(b)
	}
	return nil
}
