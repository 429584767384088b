package policy

import (
	"strconv"
	"unicode/utf8"
)

// Our own decoder, because encoding/json keeps the last of two equal keys,
// matches keys in any case, repairs broken text and reads on at any depth.
// A policy that two readers understand differently is a hole.

const (
	maxDocument   = 131072 // characters; the API's limit
	maxDepth      = 16
	maxItems      = 1000 // of a list, members of an object
	maxStatements = 100
	maxConditions = 64 // per statement
)

type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonBool
	jsonNumber
	jsonString
	jsonList
	jsonObject
)

// node is a JSON value. Text is the string, or the number or boolean as written.
type node struct {
	kind  jsonKind
	text  string
	items []node   // of a list, or values of an object
	keys  []string // of an object
	spots []spot   // where the keys stand
	spot           // where it stands itself
}

// spot is a part of the document, in bytes.
type spot struct{ from, to int }

// syntaxError says that a document is not the JSON we accept. Repeated is the
// key that came twice, if that was it.
type syntaxError struct{ repeated string }

func (e *syntaxError) Error() string {
	if e.repeated != "" {
		return "repeated key " + strconv.Quote(e.repeated)
	}
	return "invalid JSON"
}

type decoder struct {
	text string
	at   int
}

// decode reads one JSON object and nothing else. Its work is bounded by the
// size limit: every byte is looked at a constant number of times.
func decode(document string) (node, error) {
	d := &decoder{text: document}
	return d.document()
}

func (d *decoder) document() (node, error) {
	if len(d.text) > 2*maxDocument { // two bytes for a character up to U+00FF
		return node{}, &syntaxError{}
	}
	d.space()
	if d.peek() != '{' {
		return node{}, &syntaxError{}
	}
	n, err := d.value(1)
	if err != nil {
		return node{}, err
	}
	d.space()
	if d.at != len(d.text) || utf8.RuneCountInString(d.text) > maxDocument {
		return node{}, &syntaxError{}
	}
	return n, nil
}

func (d *decoder) space() {
	for d.at < len(d.text) {
		switch d.text[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

// peek is the next byte, or 0 at the end; a NUL in the text is no token either.
func (d *decoder) peek() byte {
	if d.at < len(d.text) {
		return d.text[d.at]
	}
	return 0
}

func (d *decoder) value(depth int) (node, error) {
	from := d.at
	n, err := d.any(depth)
	n.spot = spot{from, d.at}
	return n, err
}

func (d *decoder) any(depth int) (node, error) {
	if depth > maxDepth {
		return node{}, &syntaxError{}
	}
	switch c := d.peek(); {
	case c == '{':
		return d.object(depth)
	case c == '[':
		return d.list(depth)
	case c == '"':
		s, err := d.string()
		return node{kind: jsonString, text: s}, err
	case c == '-' || c >= '0' && c <= '9':
		return d.number()
	}
	for word, kind := range words {
		if len(d.text)-d.at >= len(word) && d.text[d.at:d.at+len(word)] == word {
			d.at += len(word)
			return node{kind: kind, text: word}, nil
		}
	}
	return node{}, &syntaxError{}
}

var words = map[string]jsonKind{"true": jsonBool, "false": jsonBool, "null": jsonNull}

func (d *decoder) object(depth int) (node, error) {
	n := node{kind: jsonObject}
	var seen map[string]bool
	d.at++
	d.space()
	if d.peek() == '}' {
		d.at++
		return n, nil
	}
	for {
		d.space()
		if d.peek() != '"' || len(n.items) == maxItems {
			return n, &syntaxError{}
		}
		from := d.at
		key, err := d.string()
		if err != nil {
			return n, err
		}
		n.spots = append(n.spots, spot{from, d.at})
		if len(n.keys) == 8 { // few keys are compared, many are looked up
			seen = make(map[string]bool)
			for _, k := range n.keys {
				seen[k] = true
			}
		}
		if seen[key] || seen == nil && contains(n.keys, key) {
			return n, &syntaxError{repeated: key}
		}
		if seen != nil {
			seen[key] = true
		}
		d.space()
		if d.peek() != ':' {
			return n, &syntaxError{}
		}
		d.at++
		d.space()
		v, err := d.value(depth + 1)
		if err != nil {
			return n, err
		}
		n.keys, n.items = append(n.keys, key), append(n.items, v)
		d.space()
		switch d.peek() {
		case ',':
			d.at++
		case '}':
			d.at++
			return n, nil
		default:
			return n, &syntaxError{}
		}
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func (d *decoder) list(depth int) (node, error) {
	n := node{kind: jsonList}
	d.at++
	d.space()
	if d.peek() == ']' {
		d.at++
		return n, nil
	}
	for {
		d.space()
		if len(n.items) == maxItems {
			return n, &syntaxError{}
		}
		v, err := d.value(depth + 1)
		if err != nil {
			return n, err
		}
		n.items = append(n.items, v)
		d.space()
		switch d.peek() {
		case ',':
			d.at++
		case ']':
			d.at++
			return n, nil
		default:
			return n, &syntaxError{}
		}
	}
}

// number accepts JSON numbers without exponent: what we compare is the text,
// and 1e400 is not a number we could honour.
func (d *decoder) number() (node, error) {
	start := d.at
	if d.peek() == '-' {
		d.at++
	}
	whole := d.digits()
	if whole == 0 || whole > 1 && d.text[d.at-whole] == '0' {
		return node{}, &syntaxError{}
	}
	if d.peek() == '.' {
		d.at++
		if d.digits() == 0 {
			return node{}, &syntaxError{}
		}
	}
	if c := d.peek(); c == 'e' || c == 'E' {
		return node{}, &syntaxError{}
	}
	return node{kind: jsonNumber, text: d.text[start:d.at]}, nil
}

func (d *decoder) digits() int {
	start := d.at
	for c := d.peek(); c >= '0' && c <= '9'; c = d.peek() {
		d.at++
	}
	return d.at - start
}

// string reads a string. A raw character must be one the API's pattern allows
// (up to U+00FF); an escape may name any character but NUL and half a pair.
func (d *decoder) string() (string, error) {
	d.at++
	start := d.at
	var out []byte // nil while the text can be used as it stands
	for d.at < len(d.text) {
		c := d.text[d.at]
		switch {
		case c == '"':
			s := d.text[start:d.at]
			d.at++
			if out != nil {
				s = string(append(out, s...))
			}
			return s, nil
		case c == '\\':
			out = append(out, d.text[start:d.at]...)
			r, ok := d.escape()
			if !ok {
				return "", &syntaxError{}
			}
			out = utf8.AppendRune(out, r)
			start = d.at
		case c < ' ':
			return "", &syntaxError{}
		case c < utf8.RuneSelf:
			d.at++
		default:
			r, size := utf8.DecodeRuneInString(d.text[d.at:])
			if r > 0xFF { // also U+FFFD, for what is not UTF-8
				return "", &syntaxError{}
			}
			d.at += size
		}
	}
	return "", &syntaxError{}
}

func (d *decoder) escape() (rune, bool) {
	d.at++
	c := d.peek()
	d.at++
	switch c {
	case '"', '\\', '/':
		return rune(c), true
	case 'b':
		return '\b', true
	case 'f':
		return '\f', true
	case 'n':
		return '\n', true
	case 'r':
		return '\r', true
	case 't':
		return '\t', true
	case 'u':
		r, ok := d.hex()
		if !ok || r == 0 || r >= 0xDC00 && r < 0xE000 {
			return 0, false
		}
		if r < 0xD800 || r >= 0xE000 {
			return r, true
		}
		if len(d.text)-d.at < 2 || d.text[d.at:d.at+2] != `\u` {
			return 0, false
		}
		d.at += 2
		low, ok := d.hex()
		if !ok || low < 0xDC00 || low >= 0xE000 {
			return 0, false
		}
		return (r-0xD800)<<10 + (low - 0xDC00) + 0x10000, true
	}
	return 0, false
}

func (d *decoder) hex() (rune, bool) {
	if len(d.text)-d.at < 4 {
		return 0, false
	}
	var r rune
	for _, c := range []byte(d.text[d.at : d.at+4]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	d.at += 4
	return r, true
}
