package sigv4

import (
	"bytes"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// scratch is the room one Parse works in, used again by the next one. Nothing
// of it leaves Parse.
type scratch struct {
	buf     []byte   // the canonical request
	enc     []byte   // encoded names and values of the query
	pairs   []pair   // the query's parameters
	names   []string // the signed headers
	payload [64]byte // hex of the body's hash
}

// pair is one parameter: its encoded name is enc[name:value], its encoded value enc[value:end].
type pair struct {
	name, value, end int
	raw              string // the value as it came
}

var work = sync.Pool{New: func() any { return &scratch{buf: make([]byte, 0, 2048)} }}

const keep = 64 << 10 // a bigger buffer was an exception and is not kept

func (w *scratch) release() {
	clear(w.pairs)
	clear(w.names)
	w.buf, w.enc, w.pairs, w.names = w.buf[:0], w.enc[:0], w.pairs[:0], w.names[:0]
	if cap(w.buf)+cap(w.enc) <= keep {
		work.Put(w)
	}
}

// readQuery takes the raw query apart and encodes each name and value as SigV4
// wants them. Both + and %20 are a blank, as they are to the form parser.
func (w *scratch) readQuery(query string) error {
	for query != "" {
		var part string
		part, query, _ = strings.Cut(query, "&")
		if part == "" {
			continue
		}
		if len(w.pairs) == maxPairs {
			return incomplete("The query string has too many parameters.")
		}
		name, value, _ := strings.Cut(part, "=")
		p := pair{name: len(w.enc), raw: value}
		ok := w.encode(name)
		p.value = len(w.enc)
		if !w.encode(value) || !ok {
			return incomplete("The query string has a bad percent-encoding.")
		}
		p.end = len(w.enc)
		w.pairs = append(w.pairs, p)
	}
	return nil
}

const upperHex = "0123456789ABCDEF"

// unreserved are the bytes that stand for themselves (RFC 3986, 2.3).
var unreserved = func() (t [256]bool) {
	for c := range t {
		t[c] = 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.~", byte(c)) >= 0
	}
	return t
}()

// encode appends s to enc, its escapes undone and done again.
func (w *scratch) encode(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if i+2 >= len(s) {
				return false
			}
			hi, lo := unhex(s[i+1]), unhex(s[i+2])
			if hi|lo > 15 {
				return false
			}
			c = hi<<4 | lo
			i += 2
		}
		w.enc = escape(w.enc, c)
	}
	return true
}

func escape(dst []byte, c byte) []byte {
	if unreserved[c] {
		return append(dst, c)
	}
	return append(dst, '%', upperHex[c>>4], upperHex[c&15])
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

// unescape undoes the escapes of one query value; false if they are bad.
func unescape(s string) (string, bool) {
	if !strings.ContainsAny(s, "%+") {
		return s, true
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if i+2 >= len(s) || unhex(s[i+1])|unhex(s[i+2]) > 15 {
				return "", false
			}
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
		}
		b = append(b, c)
	}
	return string(b), true
}

// readSigned takes the list of signed headers apart. It must be sorted, in
// lower case and without repetitions, so that there is one way to write it.
func (w *scratch) readSigned(list string) error {
	host := false
	for last := ""; list != ""; {
		var name string
		name, list, _ = strings.Cut(list, ";")
		if name <= last || len(w.names) == maxSigned || !lowerToken(name) {
			return incomplete("SignedHeaders must be a sorted list of different lower-case header names.")
		}
		host = host || name == "host" || name == ":authority"
		w.names = append(w.names, name)
		last = name
	}
	if !host {
		return mismatch("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	return nil
}

func lowerToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 127 || 'A' <= c && c <= 'Z' || c == ',' {
			return false
		}
	}
	return true
}

// mustSign refuses an x-amz-* header that is there but not signed: somebody on
// the way could have put it there.
func (w *scratch) mustSign(h http.Header) error {
	for name := range h {
		if len(name) < 6 || name[0]|0x20 != 'x' || name[5] != '-' || !strings.EqualFold(name[:6], "x-amz-") {
			continue
		}
		if !slices.ContainsFunc(w.names, func(n string) bool { return strings.EqualFold(n, name) }) {
			return mismatch("'" + clip(name) + "' must be a 'SignedHeader' in the AWS Authorization.")
		}
	}
	return nil
}

// canonical writes the canonical request into buf. It is false when a signed
// header is not there.
func (w *scratch) canonical(r *http.Request, service, path string, payload []byte) bool {
	b := append(w.buf[:0], r.Method...)
	b = append(b, '\n')
	if service == "s3" {
		b = append(b, path...) // encoded once, and every byte of it counts
	} else {
		b = appendPath(b, path)
	}
	b = append(b, '\n')

	slices.SortFunc(w.pairs, func(p, q pair) int {
		if c := bytes.Compare(w.enc[p.name:p.value], w.enc[q.name:q.value]); c != 0 {
			return c
		}
		return bytes.Compare(w.enc[p.value:p.end], w.enc[q.value:q.end])
	})
	first := true
	for _, p := range w.pairs {
		name := w.enc[p.name:p.value]
		if string(name) == "X-Amz-Signature" {
			continue
		}
		if !first {
			b = append(b, '&')
		}
		first = false
		b = append(b, name...)
		b = append(b, '=')
		b = append(b, w.enc[p.value:p.end]...)
	}
	b = append(b, '\n')

	complete := true
	for _, name := range w.names {
		b = append(b, name...)
		b = append(b, ':')
		values := headerValues(r, name)
		switch {
		case name == "host" || name == ":authority":
			b = appendTrimmed(b, hostOf(r))
		case len(values) > 0:
			for i, v := range values {
				if i > 0 {
					b = append(b, ',')
				}
				b = appendTrimmed(b, v)
			}
		case name == "content-length" && r.ContentLength >= 0:
			b = strconv.AppendInt(b, r.ContentLength, 10) // net/http may have taken the header away
		default:
			complete = false
		}
		b = append(b, '\n')
	}
	b = append(b, '\n')
	for i, name := range w.names {
		if i > 0 {
			b = append(b, ';')
		}
		b = append(b, name...)
	}
	b = append(b, '\n')
	w.buf = append(b, payload...)
	return complete
}

// hostOf is the host as the server received it, or as the client will send it.
func hostOf(r *http.Request) string {
	if r.Host == "" && r.URL != nil {
		return r.URL.Host
	}
	return r.Host
}

// headerValues finds a header by its lower-case name without making the
// canonical name as a string.
func headerValues(r *http.Request, name string) []string {
	var room [64]byte
	if len(name) > len(room) {
		return r.Header[http.CanonicalHeaderKey(name)]
	}
	key := room[:len(name)]
	up := true
	for i := range len(name) {
		c := name[i]
		if up && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		key[i] = c
		up = c == '-'
	}
	return r.Header[string(key)]
}

// appendTrimmed appends a header value without blanks at its ends and with
// single ones inside. A folded header has come to one line in net/http.
func appendTrimmed(b []byte, v string) []byte {
	v = strings.Trim(v, " \t\r\n")
	if !strings.Contains(v, "  ") {
		return append(b, v...)
	}
	blank := false
	for i := range len(v) {
		if c := v[i]; c != ' ' || !blank {
			b = append(b, c)
		}
		blank = v[i] == ' '
	}
	return b
}

// appendPath appends the path with its dot segments and double slashes
// resolved, and every segment encoded once more than it came: the path on the
// wire is encoded already, and AWS encodes twice for all services but S3.
// Encoded dots and slashes stay what they are, plain text inside a segment.
func appendPath(b []byte, path string) []byte {
	start := len(b)
	b = append(b, '/')
	for rest := path; rest != ""; {
		var segment string
		segment, rest, _ = strings.Cut(rest, "/")
		switch segment {
		case "", ".":
		case "..":
			if len(b) > start+1 { // drop the last segment, its slash included
				b = b[:len(b)-1]
				for b[len(b)-1] != '/' {
					b = b[:len(b)-1]
				}
			}
		default:
			for i := range len(segment) {
				b = escape(b, segment[i])
			}
			b = append(b, '/')
		}
	}
	if !strings.HasSuffix(path, "/") && len(b) > start+1 {
		b = b[:len(b)-1]
	}
	return b
}
