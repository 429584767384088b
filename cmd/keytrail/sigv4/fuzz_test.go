package sigv4

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func fuzzRequest(target string) *http.Request {
	return &http.Request{Method: "GET", RequestURI: target, Host: "iam.amazonaws.com", Header: http.Header{}}
}

// Whatever the header holds, Parse answers with a signature or an *Error, and
// nothing but the very signature verifies.
func FuzzHeader(f *testing.F) {
	good := signed(testNow)
	f.Add(good.Header.Get("Authorization"), good.Header.Get("X-Amz-Date"), "")
	f.Add("AWS4-HMAC-SHA256 Credential=a/b/c/d/aws4_request,SignedHeaders=host,Signature=", "20240102T030405Z", "T")
	f.Add("AWS4-ECDSA-P256-SHA256 ,,,=", "Tue, 02 Jan 2024 03:04:05 GMT", "")
	f.Fuzz(func(t *testing.T, auth, date, token string) {
		r := signed(testNow)
		r.Header.Set("Authorization", auth)
		r.Header.Set("X-Amz-Date", date)
		if token != "" {
			r.Header.Set("X-Amz-Security-Token", token)
		}
		s, err := Parse(r, testBody, testNow, Scope{})
		if err != nil {
			if _, ok := err.(*Error); !ok || s != nil {
				t.Fatalf("%T %v", err, s)
			}
			return
		}
		if s.Check(testCreds.Secret) == nil && s.given != sign(r, testBody, strings.Split(s.signed, ";"), testCreds.Secret, s.stamp, s.scope) {
			t.Fatalf("%q verifies", auth)
		}
	})
}

// Whatever the query holds, the same.
func FuzzPresigned(f *testing.F) {
	f.Add(presigned(testNow, time.Minute).RequestURI)
	f.Add("/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2Fb&X-Amz-Expires=0&&==&%")
	f.Fuzz(func(t *testing.T, target string) {
		s, err := Parse(fuzzRequest(target), nil, testNow, Scope{})
		if err != nil {
			if _, ok := err.(*Error); !ok || s != nil {
				t.Fatalf("%T %v", err, s)
			}
			return
		}
		if s.Check(testCreds.Secret) == nil && len(s.given) != 64 {
			t.Fatalf("%q verifies", target)
		}
	})
}

// A canonical request is a fixed point: its path and query, sent as they are
// (decoded once for the path), give themselves again; no line can be forged.
func FuzzCanonical(f *testing.F) {
	for _, s := range []string{"/", "//a/../b/./c//", "/%2e%2e/%2F?b=2&a=%20+&a", "/ሴ?ሴ=%E1%88%B4", "/?a=b\nc:d"} {
		f.Add(s, " a  b ")
	}
	f.Fuzz(func(t *testing.T, target, value string) {
		if !strings.HasPrefix(target, "/") || strings.ContainsAny(value, "\n\r") {
			return
		}
		path, query, _ := strings.Cut(target, "?")
		canonical := func(path, query string) (string, bool) {
			var w scratch
			if w.readQuery(query) != nil {
				return "", false
			}
			w.names = append(w.names, "host", "my-header")
			r := fuzzRequest("/")
			r.Header.Set("My-Header", value)
			w.canonical(r, "iam", path, nil)
			return string(w.buf), true
		}
		once, ok := canonical(path, query)
		if !ok {
			return
		}
		lines := strings.Split(once, "\n")
		if len(lines) != 8 {
			t.Fatalf("%d lines: %q", len(lines), once)
		}
		twice, ok := canonical(path, lines[2])
		if !ok || twice != once {
			t.Fatalf("the canonical query is not its own:\n%q\n%q", once, twice)
		}
		if p := lines[1]; p[0] != '/' || strings.Contains(p, "//") || strings.Contains(p+"/", "/../") || strings.Contains(p+"/", "/./") {
			t.Fatalf("path %q", p)
		}
	})
}
