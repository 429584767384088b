package wire

import (
	"encoding/base64"
	"math"
	"reflect"
	"strconv"
	"unicode/utf8"
)

// appendJSON appends a structure as AWS JSON 1.1. Members that are not set are
// left out, lists published as always there are then empty; times are epoch
// seconds, with milliseconds only if there are some.
func (n *node) appendJSON(b []byte, v reflect.Value) []byte {
	b = append(b, '{')
	first := true
	for i := range n.fields {
		f := &n.fields[i]
		fv := v.Field(f.index)
		if !present(f.node, fv) && !(f.required && f.node.kind == listKind) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(b, f.quoted...)
		if f.node.pointer {
			fv = fv.Elem()
		}
		b = f.node.appendJSONValue(b, fv)
	}
	return append(b, '}')
}

func (n *node) appendJSONValue(b []byte, v reflect.Value) []byte {
	switch n.kind {
	case stringKind:
		return appendJSONString(b, v.String())
	case boolKind:
		return strconv.AppendBool(b, v.Bool())
	case intKind:
		return strconv.AppendInt(b, v.Int(), 10)
	case floatKind:
		x := v.Float()
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return append(b, "null"...)
		}
		return strconv.AppendFloat(b, x, 'g', -1, n.typ.Bits())
	case timeKind:
		ms := timeOf(v).UnixMilli()
		if ms%1000 == 0 {
			return strconv.AppendInt(b, ms/1000, 10)
		}
		return strconv.AppendFloat(b, float64(ms)/1000, 'f', 3, 64)
	case blobKind:
		b = append(b, '"')
		b = base64.StdEncoding.AppendEncode(b, v.Bytes())
		return append(b, '"')
	case structKind:
		return n.appendJSON(b, v)
	case unionKind:
		for _, f := range n.fields {
			if v.Elem().Type() == reflect.PointerTo(f.of) {
				b = append(append(b, '{'), f.quoted...)
				return append(f.node.appendJSONValue(b, v.Elem().Elem().Field(0)), '}')
			}
		}
	case listKind:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ',')
			}
			b = n.elem.appendJSONValue(b, v.Index(i))
		}
		return append(b, ']')
	case mapKind:
		b = append(b, '{')
		for i, k := range sortedKeys(v) {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSONString(b, k.String())
			b = append(b, ':')
			e := v.MapIndex(k)
			if n.elem.pointer {
				e = e.Elem()
			}
			b = n.elem.appendJSONValue(b, e)
		}
		return append(b, '}')
	}
	return append(b, "null"...)
}

// appendJSONString appends s quoted. Bytes that are not UTF-8 become U+FFFD.
func appendJSONString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	last := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				b = append(b, s[last:i]...)
				b = append(b, "\uFFFD"...)
				last = i + 1
			}
			i += n
			continue
		}
		if c >= ' ' && c != '"' && c != '\\' {
			i++
			continue
		}
		b = append(b, s[last:i]...)
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
		i++
		last = i
	}
	b = append(b, s[last:]...)
	return append(b, '"')
}
