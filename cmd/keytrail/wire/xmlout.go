package wire

import (
	"encoding/base64"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// appendXML appends the members of a structure. Elements come in the order of
// the facts. What the SDK can tell as absent (nil) is left out, but for a list
// published as always there, which is then an empty element; bools and numbers
// without a pointer (IsTruncated) are always written.
func (n *node) appendXML(b []byte, v reflect.Value) []byte {
	for i := range n.fields {
		f := &n.fields[i]
		fv := v.Field(f.index)
		if n.fields[i].node.pointer {
			if fv.IsNil() {
				continue
			}
			fv = fv.Elem()
		}
		b = f.appendXML(b, fv)
	}
	return b
}

func (f *field) appendXML(b []byte, v reflect.Value) []byte {
	switch f.node.kind {
	case stringKind:
		s := v.String()
		if s == "" && !f.node.pointer {
			return b // an enum that is not set
		}
		b = append(b, f.open...)
		b = escapeXML(b, s)
		return append(b, f.close...)
	case listKind:
		if v.Len() == 0 {
			if v.IsNil() && !f.required {
				return b
			}
			return append(b, f.empty...)
		}
	case mapKind:
		if v.Len() == 0 {
			if v.IsNil() && !f.required {
				return b
			}
			return append(b, f.empty...)
		}
	case blobKind, unionKind:
		if v.IsNil() {
			return b
		}
	}
	b = append(b, f.open...)
	b = f.node.appendText(b, v)
	return append(b, f.close...)
}

// appendText appends what stands between a value's tags.
func (n *node) appendText(b []byte, v reflect.Value) []byte {
	switch n.kind {
	case stringKind:
		return escapeXML(b, v.String())
	case boolKind:
		return strconv.AppendBool(b, v.Bool())
	case intKind:
		return strconv.AppendInt(b, v.Int(), 10)
	case floatKind:
		return strconv.AppendFloat(b, v.Float(), 'g', -1, n.typ.Bits())
	case timeKind:
		return timeOf(v).AppendFormat(b, "2006-01-02T15:04:05Z")
	case blobKind:
		return base64.StdEncoding.AppendEncode(b, v.Bytes())
	case structKind:
		return n.appendXML(b, v)
	case unionKind:
		for i := range n.fields {
			if f := &n.fields[i]; !v.IsNil() && v.Elem().Type().Elem() == f.of {
				return f.appendXML(b, v.Elem().Elem().Field(0))
			}
		}
	case listKind:
		for i := range v.Len() {
			b = append(b, "<member>"...)
			b = n.elem.appendElem(b, v.Index(i))
			b = append(b, "</member>"...)
		}
	case mapKind:
		for _, k := range sortedKeys(v) {
			b = append(b, "<entry><key>"...)
			b = escapeXML(b, k.String())
			b = append(b, "</key><value>"...)
			b = n.elem.appendElem(b, v.MapIndex(k))
			b = append(b, "</value></entry>"...)
		}
	}
	return b
}

func (n *node) appendElem(b []byte, v reflect.Value) []byte {
	if n.pointer {
		if v.IsNil() {
			return b
		}
		v = v.Elem()
	}
	return n.appendText(b, v)
}

// timeOf reads the time without copying it through an interface.
func timeOf(v reflect.Value) time.Time {
	if v.CanAddr() {
		return v.Addr().Interface().(*time.Time).UTC()
	}
	return v.Interface().(time.Time).UTC()
}

// sortedKeys makes answers the same for the same content.
func sortedKeys(v reflect.Value) []reflect.Value {
	keys := v.MapKeys()
	slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return keys
}

// escapeXML appends s as character data. A character XML 1.0 cannot hold even
// escaped, and bytes that are not UTF-8, become U+FFFD, so that no stored name
// can make an answer unreadable. CR is escaped because a parser would read it
// as a line's end, quotes for those who read with less than a parser.
func escapeXML(b []byte, s string) []byte {
	last := 0
	for i := 0; i < len(s); {
		c := s[i]
		var esc string
		width := 1
		switch {
		case c >= ' ' && c < utf8.RuneSelf:
			switch c {
			case '&':
				esc = "&amp;"
			case '<':
				esc = "&lt;"
			case '>':
				esc = "&gt;"
			case '"':
				esc = "&quot;"
			case '\'':
				esc = "&#39;"
			default:
				i++
				continue
			}
		case c == '\t' || c == '\n':
			i++
			continue
		case c == '\r':
			esc = "&#xD;"
		case c < ' ':
			esc = "\uFFFD"
		default:
			r, n := utf8.DecodeRuneInString(s[i:])
			width = n
			if r != '\uFFFE' && r != '\uFFFF' && (r != utf8.RuneError || n > 1) {
				i += n
				continue
			}
			esc = "\uFFFD"
		}
		b = append(b, s[last:i]...)
		b = append(b, esc...)
		i += width
		last = i
	}
	return append(b, s[last:]...)
}

// AppendResponse appends the body of a successful answer: for Query
//
//	<CreateUserResponse xmlns="…"><CreateUserResult>…</CreateUserResult><ResponseMetadata><RequestId>…</RequestId></ResponseMetadata></CreateUserResponse>
//
// without the Result element for operations published without an output, for
// JSON 1.1 an object. out is a pointer to the operation's output; policy
// documents in it are percent-encoded already. nil is an empty output.
func (op *Operation) AppendResponse(b []byte, requestID string, out any) ([]byte, error) {
	v := reflect.ValueOf(out)
	if !v.IsValid() || v.Kind() == reflect.Pointer && v.IsNil() {
		v = reflect.New(op.out)
	}
	if v.Kind() != reflect.Pointer || v.Type().Elem() != op.out {
		return b, fmt.Errorf("wire: %s cannot answer with a %T", op.Name, out)
	}
	n := op.output()
	if op.JSON {
		return n.appendJSON(b, v.Elem()), nil
	}
	b = append(b, op.head...)
	if op.hasResult {
		b = n.appendXML(b, v.Elem())
	}
	b = append(b, op.tail...)
	b = escapeXML(b, requestID)
	b = append(b, "</RequestId></ResponseMetadata></"...)
	b = append(b, op.Name...)
	return append(b, "Response>"...), nil
}
