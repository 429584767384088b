package wire

import (
	"encoding/base64"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/aws/smithy-go"
)

// jsonDecoder reads JSON 1.1 token by token straight into an SDK struct. What
// encoding/json lets pass is refused: names given twice or in another case,
// unknown names, text that is not UTF-8, anything after the end. It goes only
// as deep as the input's type: what no member wants is refused where it starts,
// and no input type holds itself (a test looks).
type jsonDecoder struct {
	b    []byte
	at   int
	path []string
}

func serialization(message string) error {
	return &smithy.GenericAPIError{Code: "SerializationException", Message: message, Fault: smithy.FaultClient}
}

// fillJSON fills in from an AWS JSON 1.1 body.
func fillJSON(body []byte, n *node, in any) error {
	d := &jsonDecoder{b: body}
	if d.peek() != '{' {
		return d.unexpected()
	}
	if err := d.value(n, reflect.ValueOf(in).Elem()); err != nil {
		return err
	}
	if d.peek() != 0 || d.at < len(d.b) {
		return serialization("Unexpected content after the end of the document")
	}
	return nil
}

func (d *jsonDecoder) where() string {
	if len(d.path) == 0 {
		return ""
	}
	return " at '" + clip(strings.Join(d.path, "."), 256) + "'"
}

func (d *jsonDecoder) unexpected() error {
	if d.at >= len(d.b) {
		return serialization("Unexpected end of the document" + d.where())
	}
	return serialization("Unexpected character" + d.where())
}

// peek skips blanks and returns the next byte, 0 at the end.
func (d *jsonDecoder) peek() byte {
	for d.at < len(d.b) {
		switch c := d.b[d.at]; c {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return c
		}
	}
	return 0
}

func (d *jsonDecoder) literal(word string) bool {
	if !strings.HasPrefix(string(d.b[d.at:min(len(d.b), d.at+len(word))]), word) {
		return false
	}
	d.at += len(word)
	return true
}

// value reads one value into v. null leaves a member as if it were absent.
func (d *jsonDecoder) value(n *node, v reflect.Value) error {
	c := d.peek()
	if c == 'n' {
		if !d.literal("null") {
			return d.unexpected()
		}
		return nil
	}
	if n.pointer && len(d.path) > 0 {
		v.Set(reflect.New(n.typ))
		v = v.Elem()
	}
	switch c {
	case '{':
		if n.kind != structKind && n.kind != mapKind {
			return serialization("Start of structure or map found where not expected" + d.where())
		}
	case '[':
		if n.kind != listKind {
			return serialization("Start of list found where not expected" + d.where())
		}
	case '"':
		s, err := d.text()
		if err != nil {
			return err
		}
		switch n.kind {
		case stringKind:
			return setText(n, v, s, func() string { return strings.Join(d.path, ".") })
		case blobKind:
			b, err := base64.StdEncoding.DecodeString(s)
			if err != nil {
				return serialization("A blob must be base64-encoded" + d.where())
			}
			v.SetBytes(b)
			return nil
		}
		return d.not("STRING_VALUE", n)
	case 't', 'f':
		if !d.literal("true") && !d.literal("false") {
			return d.unexpected()
		}
		if n.kind != boolKind {
			return d.not(map[byte]string{'t': "TRUE_VALUE", 'f': "FALSE_VALUE"}[c], n)
		}
		v.SetBool(c == 't')
		return nil
	case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
		return d.number(n, v)
	default:
		return d.unexpected()
	}

	switch n.kind {
	case structKind:
		return d.object(func(name string) error {
			i, ok := n.names[name]
			if !ok {
				return serialization("Unknown member '" + clip(name, 128) + "'" + d.where())
			}
			f := &n.fields[i]
			d.path = append(d.path, f.camel)
			err := d.value(f.node, v.Field(f.index))
			d.path = d.path[:len(d.path)-1]
			return err
		})
	case mapKind:
		m := reflect.MakeMap(n.typ)
		v.Set(m)
		d.path = append(d.path, "")
		defer func() { d.path = d.path[:len(d.path)-1] }()
		return d.object(func(name string) error {
			d.path[len(d.path)-1] = clip(name, 128)
			e := reflect.New(n.typ.Elem()).Elem()
			if d.peek() == 'n' {
				return serialization("A map value must not be null" + d.where())
			}
			if err := d.value(n.elem, e); err != nil {
				return err
			}
			m.SetMapIndex(reflect.ValueOf(name).Convert(n.typ.Key()), e)
			return nil
		})
	default:
		return d.list(n, v)
	}
}

// not says that a token cannot be what the member wants, in AWS's words.
func (d *jsonDecoder) not(token string, n *node) error {
	want := map[kind]string{stringKind: "String", boolKind: "Boolean", intKind: "Integer", floatKind: "Float", timeKind: "Date", blobKind: "Blob"}[n.kind]
	if want == "" {
		return serialization("Unexpected field type" + d.where())
	}
	if n.kind == intKind && n.typ.Bits() == 64 {
		want = "Long"
	}
	return serialization(token + " can not be converted to " + map[bool]string{true: "an ", false: "a "}[want[0] == 'I'] + want + d.where())
}

// object reads { "name": value, … }, calling member at each value.
func (d *jsonDecoder) object(member func(name string) error) error {
	d.at++
	var few [8]string
	seen := few[:0]
	var many map[string]struct{}
	if d.peek() == '}' {
		d.at++
		return nil
	}
	for {
		if d.peek() != '"' {
			return d.unexpected()
		}
		name, err := d.text()
		if err != nil {
			return err
		}
		if len(seen) < 64 {
			for _, s := range seen {
				if s == name {
					return serialization("Member '" + clip(name, 128) + "' is given more than once" + d.where())
				}
			}
		} else {
			if many == nil {
				many = map[string]struct{}{}
				for _, s := range seen {
					many[s] = struct{}{}
				}
			}
			if _, ok := many[name]; ok {
				return serialization("Member '" + clip(name, 128) + "' is given more than once" + d.where())
			}
			many[name] = struct{}{}
		}
		seen = append(seen, name)
		if d.peek() != ':' {
			return d.unexpected()
		}
		d.at++
		if err := member(name); err != nil {
			return err
		}
		switch d.peek() {
		case ',':
			d.at++
		case '}':
			d.at++
			return nil
		default:
			return d.unexpected()
		}
	}
}

func (d *jsonDecoder) list(n *node, v reflect.Value) error {
	d.at++
	v.Set(reflect.MakeSlice(n.typ, 0, 0))
	if d.peek() == ']' {
		d.at++
		return nil
	}
	d.path = append(d.path, "", "member")
	defer func() { d.path = d.path[:len(d.path)-2] }()
	for i := 0; ; i++ {
		if i == maxParams {
			return serialization("A list has too many elements" + d.where())
		}
		d.path[len(d.path)-2] = strconv.Itoa(i + 1)
		if d.peek() == 'n' {
			return serialization("A list element must not be null" + d.where())
		}
		v.Grow(1)
		v.SetLen(i + 1)
		v.Index(i).SetZero()
		if err := d.value(n.elem, v.Index(i)); err != nil {
			return err
		}
		switch d.peek() {
		case ',':
			d.at++
		case ']':
			d.at++
			return nil
		default:
			return d.unexpected()
		}
	}
}

// number reads JSON's number grammar: no leading zeros or plus, no NaN.
func (d *jsonDecoder) number(n *node, v reflect.Value) error {
	start := d.at
	digits := func() bool {
		from := d.at
		for d.at < len(d.b) && d.b[d.at] >= '0' && d.b[d.at] <= '9' {
			d.at++
		}
		return d.at > from
	}
	is := func(set string) bool {
		if d.at < len(d.b) && strings.IndexByte(set, d.b[d.at]) >= 0 {
			d.at++
			return true
		}
		return false
	}
	is("-")
	if !is("0") && !digits() {
		return d.unexpected()
	}
	whole := true
	if is(".") {
		whole = false
		if !digits() {
			return d.unexpected()
		}
	}
	if is("eE") {
		whole = false
		is("+-")
		if !digits() {
			return d.unexpected()
		}
	}
	s := string(d.b[start:d.at])
	switch n.kind {
	case intKind:
		x, err := strconv.ParseInt(s, 10, n.typ.Bits())
		if err != nil || !whole {
			return d.not("NUMBER_VALUE", n)
		}
		v.SetInt(x)
	case floatKind:
		x, err := strconv.ParseFloat(s, n.typ.Bits())
		if err != nil {
			return d.not("NUMBER_VALUE", n)
		}
		v.SetFloat(x)
	case timeKind:
		// Epoch seconds with up to a millisecond; years 1 to 9999, as rows can hold.
		x, err := strconv.ParseFloat(s, 64)
		if err != nil || x < -62135596800 || x >= 253402300800 {
			return d.not("NUMBER_VALUE", n)
		}
		v.Set(reflect.ValueOf(time.UnixMilli(int64(math.Round(x * 1000))).UTC()))
	default:
		return d.not("NUMBER_VALUE", n)
	}
	return nil
}

// text reads a string. The result shares no memory with the body.
func (d *jsonDecoder) text() (string, error) {
	d.at++
	start := d.at
	for d.at < len(d.b) { // most strings have no escapes
		c := d.b[d.at]
		if c == '"' {
			s := d.b[start:d.at]
			d.at++
			if !utf8.Valid(s) {
				return "", serialization("The document has text that is not UTF-8" + d.where())
			}
			return string(s), nil
		}
		if c == '\\' || c < ' ' {
			break
		}
		d.at++
	}
	b := append([]byte(nil), d.b[start:d.at]...)
	for d.at < len(d.b) {
		c := d.b[d.at]
		d.at++
		switch {
		case c == '"':
			if !utf8.Valid(b) {
				return "", serialization("The document has text that is not UTF-8" + d.where())
			}
			return string(b), nil
		case c < ' ':
			return "", serialization("Unescaped control character" + d.where())
		case c != '\\':
			b = append(b, c)
			continue
		}
		if d.at == len(d.b) {
			break
		}
		c = d.b[d.at]
		d.at++
		switch c {
		case '"', '\\', '/':
			b = append(b, c)
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			r := d.hex4()
			if utf16.IsSurrogate(r) {
				if !(d.at+1 < len(d.b) && d.b[d.at] == '\\' && d.b[d.at+1] == 'u') {
					return "", serialization("Half of a surrogate pair" + d.where())
				}
				d.at += 2
				r = utf16.DecodeRune(r, d.hex4())
				if r == utf8.RuneError {
					return "", serialization("Half of a surrogate pair" + d.where())
				}
			}
			if r < 0 {
				return "", serialization("Bad escape" + d.where())
			}
			b = utf8.AppendRune(b, r)
		default:
			return "", serialization("Bad escape" + d.where())
		}
	}
	return "", d.unexpected()
}

// hex4 reads four hex digits, or gives -1.
func (d *jsonDecoder) hex4() rune {
	if d.at+4 > len(d.b) {
		return -1
	}
	var r rune
	for range 4 {
		h := unhex(d.b[d.at])
		if h > 15 {
			return -1
		}
		r = r<<4 | rune(h)
		d.at++
	}
	return r
}
