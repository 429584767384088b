package sigv4

import (
	"net/http"
	"strings"
	"time"
)

// The parameters that carry a presigned request's signature.
var authParams = [...]string{
	"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders",
	"X-Amz-Date", "X-Amz-Expires", "X-Amz-Security-Token",
}

const maxExpires = 604_800 // seconds, seven days

// IsAuthParam says whether a query parameter belongs to the signature rather
// than to the operation. Names are exact.
func IsAuthParam(name string) bool {
	for _, p := range authParams {
		if p == name {
			return true
		}
	}
	return false
}

// inQuery says whether the query carries any part of a signature. One in
// another case is an error: some reader on the way may take it for the real one.
func (w *scratch) inQuery() (bool, error) {
	found := false
	for _, p := range w.pairs {
		name := w.enc[p.name:p.value]
		if len(name) < 6 || name[1] != '-' || name[0]|0x20 != 'x' {
			continue
		}
		for _, want := range authParams {
			if strings.EqualFold(want, string(name)) {
				if want != string(name) {
					return false, incomplete("AWS query-string parameters must be spelled as documented. Re-examine the query-string parameters.")
				}
				found = true
			}
		}
	}
	return found, nil
}

// readPresigned reads the signature from the query and returns its validity.
func (s *Signature) readPresigned(r *http.Request, w *scratch) (time.Duration, error) {
	s.presigned = true
	if r.Method != http.MethodGet {
		// A presigned form post would let the URL's holder choose the body.
		return 0, incomplete("A presigned request must use the GET method.")
	}
	if r.Header["X-Amz-Date"] != nil || r.Header["X-Amz-Security-Token"] != nil {
		return 0, incomplete("X-Amz-Date and X-Amz-Security-Token must be in the query string only.")
	}
	var value [len(authParams)]string
	missing := ""
	for i, name := range authParams {
		n := 0
		for _, p := range w.pairs {
			if string(w.enc[p.name:p.value]) == name {
				value[i], _ = unescape(p.raw) // readQuery has seen it
				n++
			}
		}
		switch {
		case n > 1:
			return 0, incomplete("AWS query-string parameter '" + name + "' must be given once.")
		case value[i] == "" && name != "X-Amz-Security-Token" && name != "X-Amz-Expires":
			missing += "AWS query-string parameters must include '" + name + "'. "
		}
	}
	if missing != "" {
		return 0, incomplete(missing + "Re-examine the query-string parameters.")
	}
	if value[0] != algorithm {
		return 0, incomplete("Unsupported AWS 'algorithm': '" + clip(value[0]) + "'")
	}
	if err := s.readCredential(value[1]); err != nil {
		return 0, err
	}
	s.given, s.signed, s.token = value[2], value[3], value[6]
	if err := s.readTime(value[4]); err != nil {
		return 0, err
	}
	// Without X-Amz-Expires STS takes its fifteen minutes.
	life := Window
	if e := value[5]; e != "" {
		n := 0
		for i := range len(e) {
			if e[i] < '0' || e[i] > '9' || n > maxExpires {
				n = -1
				break
			}
			n = n*10 + int(e[i]-'0')
		}
		if n < 1 || n > maxExpires {
			return 0, incomplete("X-Amz-Expires must be a number between 1 and 604800 seconds.")
		}
		life = time.Duration(n) * time.Second
	}
	return life, nil
}
