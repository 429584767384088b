package sigv4

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/keytrail/keytrail/events/seal"
)

var (
	testNow   = time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	testCreds = Credentials{KeyID: "AKIAEXAMPLE12345678A", Secret: seal.NewSecret(exampleSecret)}
	testBody  = []byte("Action=CreateUser&Version=2010-05-08&UserName=bob")
)

func signed(at time.Time) *http.Request {
	r := &http.Request{Method: "POST", URL: &url.URL{Path: "/"}, RequestURI: "/", Host: "iam.amazonaws.com", Header: http.Header{}, ContentLength: int64(len(testBody))}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	Sign(r, testBody, testCreds, "iam", "us-east-1", at)
	return r
}

func presigned(at time.Time, expires time.Duration) *http.Request {
	r := &http.Request{Method: "GET", URL: &url.URL{Path: "/", RawQuery: "Action=GetUser&Version=2010-05-08"}, RequestURI: "/", Host: "iam.amazonaws.com", Header: http.Header{}}
	Presign(r, testCreds, "iam", "us-east-1", at, expires)
	return r
}

func wantCode(t testing.TB, err error, code, message string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) || e.Code != code || !strings.Contains(e.Message, message) {
		t.Errorf("got  %v\nwant %s: …%s…", err, code, message)
	}
}

// verify parses and checks as the server will.
func verify(r *http.Request, body []byte, now time.Time, scope Scope) error {
	s, err := Parse(r, body, now, scope)
	if err != nil {
		return err
	}
	if s.KeyID() != testCreds.KeyID {
		return s.CheckUnknown()
	}
	return s.Check(testCreds.Secret)
}

// What is refused, with AWS's code and text.
func TestRefusals(t *testing.T) {
	iam := Scope{Service: "iam", Regions: []string{"eu-west-1"}, Global: "us-east-1"}
	auth := func(r *http.Request, old, new string) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
	}
	query := func(r *http.Request, old, new string) { r.RequestURI = strings.Replace(r.RequestURI, old, new, 1) }
	for _, c := range []struct {
		name          string
		change        func(r *http.Request)
		code, message string
	}{
		{"nothing changed", func(r *http.Request) {}, "", ""},
		{"no signature", func(r *http.Request) { r.Header.Del("Authorization") }, "MissingAuthenticationToken", "Request is missing Authentication Token"},
		{"two headers", func(r *http.Request) { r.Header.Add("Authorization", r.Header.Get("Authorization")) }, "IncompleteSignature", ""},
		{"header and query", func(r *http.Request) { r.RequestURI = "/?X-Amz-Signature=00" }, "IncompleteSignature", "Only one auth mechanism"},
		{"header and escaped query", func(r *http.Request) { r.RequestURI = "/?X%2dAmz-Signature=00" }, "IncompleteSignature", "Only one auth mechanism"},
		{"header and other-case query", func(r *http.Request) { r.RequestURI = "/?x-amz-date=00" }, "IncompleteSignature", "spelled"},
		{"date in both", func(r *http.Request) { r.RequestURI = "/?X-Amz-Date=20240102T030405Z" }, "IncompleteSignature", "Only one"},
		{"bearer", func(r *http.Request) { r.Header.Set("Authorization", "Bearer hunter2") }, "IncompleteSignature", "(missing equal-sign) in Authorization header (Hashed with SHA-256"},
		{"sigv4a", func(r *http.Request) { auth(r, "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256") }, "IncompleteSignature", "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'"},
		{"no parts", func(r *http.Request) {
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256 ")
			r.Header.Del("X-Amz-Date")
		}, "IncompleteSignature", "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "},
		{"part twice", func(r *http.Request) { auth(r, ", Signature", ", Signature=00, Signature") }, "IncompleteSignature", "twice"},
		{"unknown part", func(r *http.Request) { auth(r, ", Signature", ", Sig=00, Signature") }, "IncompleteSignature", "unknown parameter"},
		{"credential of four", func(r *http.Request) { auth(r, "/aws4_request", "") }, "IncompleteSignature", "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '"},
		{"credential of six", func(r *http.Request) { auth(r, "Credential=", "Credential=a/") }, "IncompleteSignature", "exactly 5"},
		{"no key id", func(r *http.Request) { auth(r, testCreds.KeyID, "") }, "IncompleteSignature", "exactly 5"},
		{"bad date", func(r *http.Request) { r.Header.Set("X-Amz-Date", "2024-01-02T03:04:05Z") }, "IncompleteSignature", "Date must be in ISO-8601 'basic format'. Got '2024-01-02T03:04:05Z'. See http://en.wikipedia.org/wiki/ISO_8601"},
		{"no such day", func(r *http.Request) { r.Header.Set("X-Amz-Date", "20240230T030405Z") }, "IncompleteSignature", "basic format"},
		{"two dates", func(r *http.Request) { r.Header.Add("X-Amz-Date", "20240102T030405Z") }, "IncompleteSignature", "one X-Amz-Date"},
		{"scope date", func(r *http.Request) { auth(r, "/20240102/", "/20240103/") }, "SignatureDoesNotMatch", "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20240103' != '20240102', from '20240102T030405Z'."},
		{"scope region", func(r *http.Request) { auth(r, "/us-east-1/", "/mars/") }, "SignatureDoesNotMatch", "Credential should be scoped to a valid region, not 'mars'."},
		{"scope region empty", func(r *http.Request) { auth(r, "/us-east-1/", "//") }, "SignatureDoesNotMatch", "Credential should be scoped to a valid region, not ''."},
		{"scope service", func(r *http.Request) { auth(r, "/iam/", "/sts/") }, "SignatureDoesNotMatch", "Credential should be scoped to correct service: 'iam'."},
		{"scope end", func(r *http.Request) { auth(r, "aws4_request", "aws5") }, "SignatureDoesNotMatch", "Credential should be scoped with a valid terminator: 'aws4_request'."},
		{"other served region", func(r *http.Request) { auth(r, "/us-east-1/", "/eu-west-1/") }, "SignatureDoesNotMatch", "The request signature we calculated does not match"},
		{"host unsigned", func(r *http.Request) { auth(r, "host;", "") }, "SignatureDoesNotMatch", "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
		{"x-amz unsigned", func(r *http.Request) { r.Header.Set("X-Amz-Target", "a.b") }, "SignatureDoesNotMatch", "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."},
		{"x-amz-date unsigned", func(r *http.Request) { auth(r, ";x-amz-date", "") }, "SignatureDoesNotMatch", "'X-Amz-Date' must be"},
		{"signed name twice", func(r *http.Request) { auth(r, "host;", "host;host;") }, "IncompleteSignature", "SignedHeaders"},
		{"signed names unsorted", func(r *http.Request) { auth(r, "content-type;host", "host;content-type") }, "IncompleteSignature", "SignedHeaders"},
		{"signed name upper case", func(r *http.Request) { auth(r, "host", "Host") }, "IncompleteSignature", "SignedHeaders"},
		{"signed header gone", func(r *http.Request) { r.Header.Del("Content-Type") }, "SignatureDoesNotMatch", noMatch},
		{"two content types", func(r *http.Request) { r.Header.Add("Content-Type", "text/xml") }, "IncompleteSignature", "one Content-Type"},
		{"upper-case signature", func(r *http.Request) {
			a, b, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
			r.Header.Set("Authorization", a+"Signature="+strings.ToUpper(b))
		}, "SignatureDoesNotMatch", noMatch},
		{"cut signature", func(r *http.Request) { a := r.Header.Get("Authorization"); r.Header.Set("Authorization", a[:len(a)-1]) }, "SignatureDoesNotMatch", noMatch},
		{"long signature", func(r *http.Request) { r.Header.Set("Authorization", r.Header.Get("Authorization")+"0") }, "SignatureDoesNotMatch", noMatch},
		{"unknown key", func(r *http.Request) { auth(r, "AKIAEXAMPLE", "AKIAEXAMPLF") }, "InvalidClientTokenId", "The security token included in the request is invalid."},
		{"temporary key without token", func(r *http.Request) { auth(r, "AKIA", "ASIA") }, "InvalidClientTokenId", "invalid."},
		{"token with long-term key", func(r *http.Request) {
			r.Header.Set("X-Amz-Security-Token", "t")
			auth(r, "x-amz-date", "x-amz-date;x-amz-security-token")
		}, "InvalidClientTokenId", "invalid."},
		{"absolute target", func(r *http.Request) { r.RequestURI = "http://iam.amazonaws.com/" }, "IncompleteSignature", "request target"},
		{"asterisk target", func(r *http.Request) { r.RequestURI = "*" }, "IncompleteSignature", "request target"},
		{"bad escape", func(r *http.Request) { r.RequestURI = "/?a=%2" }, "IncompleteSignature", "percent-encoding"},
		{"added parameter", func(r *http.Request) { r.RequestURI = "/?a=b" }, "SignatureDoesNotMatch", noMatch},
		{"other host", func(r *http.Request) { r.Host = "iam.example.com" }, "SignatureDoesNotMatch", noMatch},
		{"other port", func(r *http.Request) { r.Host += ":8080" }, "SignatureDoesNotMatch", noMatch},
		{"other method", func(r *http.Request) { r.Method = "PUT" }, "SignatureDoesNotMatch", noMatch},
	} {
		r := signed(testNow)
		c.change(r)
		err := verify(r, testBody, testNow, iam)
		if c.code == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		t.Run(c.name, func(t *testing.T) { wantCode(t, err, c.code, c.message) })
	}

	for _, c := range []struct {
		name          string
		change        func(r *http.Request)
		code, message string
	}{
		{"nothing changed", func(r *http.Request) {}, "", ""},
		{"post", func(r *http.Request) { r.Method = "POST" }, "IncompleteSignature", "GET"},
		{"no signature", func(r *http.Request) { query(r, "&X-Amz-Signature", "&A") }, "IncompleteSignature", "AWS query-string parameters must include 'X-Amz-Signature'. Re-examine the query-string parameters."},
		{"only the signature", func(r *http.Request) { r.RequestURI = "/?X-Amz-Signature=00" }, "IncompleteSignature", "must include 'X-Amz-Algorithm'. AWS query-string parameters must include 'X-Amz-Credential'."},
		{"signature twice", func(r *http.Request) { r.RequestURI += "&X-Amz-Signature=00" }, "IncompleteSignature", "once"},
		{"signature twice, escaped", func(r *http.Request) { r.RequestURI += "&X-Amz%2DSignature=00" }, "IncompleteSignature", "once"},
		{"header and query", func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 x=y") }, "IncompleteSignature", "Only one"},
		{"date header", func(r *http.Request) { r.Header.Set("X-Amz-Date", "20240102T030405Z") }, "IncompleteSignature", "query string only"},
		{"token header", func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "t") }, "IncompleteSignature", "query string only"},
		{"x-amz header", func(r *http.Request) { r.Header.Set("X-Amz-Foo", "t") }, "SignatureDoesNotMatch", "'X-Amz-Foo' must be"},
		{"algorithm", func(r *http.Request) { query(r, "HMAC-SHA256", "HMAC-SHA1") }, "IncompleteSignature", "Unsupported AWS 'algorithm'"},
		{"expires 0", func(r *http.Request) { query(r, "Expires=60", "Expires=0") }, "IncompleteSignature", "X-Amz-Expires"},
		{"expires too far", func(r *http.Request) { query(r, "Expires=60", "Expires=604801") }, "IncompleteSignature", "X-Amz-Expires"},
		{"expires in words", func(r *http.Request) { query(r, "Expires=60", "Expires=6e1") }, "IncompleteSignature", "X-Amz-Expires"},
		{"expires huge", func(r *http.Request) { query(r, "Expires=60", "Expires="+strings.Repeat("9", 40)) }, "IncompleteSignature", "X-Amz-Expires"},
		{"expires changed", func(r *http.Request) { query(r, "Expires=60", "Expires=61") }, "SignatureDoesNotMatch", noMatch},
		{"added parameter", func(r *http.Request) { r.RequestURI += "&UserName=a" }, "SignatureDoesNotMatch", noMatch},
		{"parameter twice", func(r *http.Request) { r.RequestURI += "&Action=GetUser" }, "SignatureDoesNotMatch", noMatch},
		{"host unsigned", func(r *http.Request) { query(r, "SignedHeaders=host", "SignedHeaders=date") }, "SignatureDoesNotMatch", "'Host' or"},
	} {
		r := presigned(testNow, 60*time.Second)
		c.change(r)
		err := verify(r, nil, testNow, iam)
		if c.code == "" {
			if err != nil {
				t.Errorf("presigned %s: %v", c.name, err)
			}
			continue
		}
		t.Run("presigned "+c.name, func(t *testing.T) { wantCode(t, err, c.code, c.message) })
	}
}

// The body is hashed as received, whatever the client says of it.
func TestClaimedHash(t *testing.T) {
	for claimed, ok := range map[string]bool{
		"39c73d01b8967b225aa9691ddfc8e21e587235c0e63951ff5fba27b8dc6c1450": true,
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855": false,
		"UNSIGNED-PAYLOAD":                           false,
		"STREAMING-AWS4-HMAC-SHA256-PAYLOAD":         false,
		"STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": false,
		"STREAMING-UNSIGNED-PAYLOAD-TRAILER":         false,
		"":                                           false,
	} {
		r := signed(testNow)
		r.Header.Set("X-Amz-Content-Sha256", claimed)
		Sign(r, testBody, testCreds, "iam", "us-east-1", testNow)
		if err := verify(r, testBody, testNow, Scope{}); (err == nil) != ok {
			t.Errorf("claimed %q: %v", claimed, err)
		}
	}
	if verify(signed(testNow), []byte("Action=DeleteUser"), testNow, Scope{}) == nil {
		t.Error("another body verifies")
	}
	// The client signed its claim in place of a hash, as S3 would take it.
	for _, claim := range []string{"UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"} {
		r, _ := http.NewRequest("POST", "http://iam.amazonaws.com/", bytes.NewReader(testBody))
		r.Header.Set("X-Amz-Content-Sha256", claim)
		err := v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: testCreds.KeyID, SecretAccessKey: exampleSecret}, r, claim, "iam", "us-east-1", testNow)
		if err != nil {
			t.Fatal(err)
		}
		r.RequestURI = "/"
		if verify(r, testBody, testNow, Scope{}) == nil {
			t.Errorf("a body signed as %s verifies", claim)
		}
	}
}

// The window is ±15 minutes, both ends included.
func TestWindow(t *testing.T) {
	for _, c := range []struct {
		off           time.Duration // of our clock
		code, message string
	}{
		{0, "", ""},
		{15 * time.Minute, "", ""},
		{-15 * time.Minute, "", ""},
		{15*time.Minute + time.Second, "SignatureDoesNotMatch", "Signature expired: 20240102T030405Z is now earlier than 20240102T030406Z (20240102T031906Z - 15 min.)"},
		{-15*time.Minute - time.Second, "SignatureDoesNotMatch", "Signature not yet current: 20240102T030405Z is still later than 20240102T030404Z (20240102T024904Z + 15 min.)"},
		{24 * time.Hour, "SignatureDoesNotMatch", "Signature expired"},
	} {
		err := verify(signed(testNow), testBody, testNow.Add(c.off), Scope{})
		if c.code == "" && err != nil {
			t.Errorf("%v: %v", c.off, err)
		} else if c.code != "" {
			wantCode(t, err, c.code, c.message)
		}
	}
	for off, code := range map[time.Duration]string{
		0: "", 60 * time.Second: "", 61 * time.Second: "RequestExpired",
		-15 * time.Minute: "", -16 * time.Minute: "SignatureDoesNotMatch",
	} {
		err := verify(presigned(testNow, time.Minute), nil, testNow.Add(off), Scope{})
		if code == "" && err != nil {
			t.Errorf("presigned %v: %v", off, err)
		} else if code != "" {
			wantCode(t, err, code, "")
		}
	}
	// STS honours its URLs for the whole window, Kubernetes needs it.
	r := presigned(testNow, time.Minute)
	r.URL.RawQuery = "Action=GetCallerIdentity&Version=2011-06-15"
	Presign(r, testCreds, "sts", "eu-west-1", testNow, time.Minute)
	if err := verify(r, nil, testNow.Add(14*time.Minute), Scope{Service: "sts"}); err != nil {
		t.Error(err)
	}
	wantCode(t, verify(r, nil, testNow.Add(15*time.Minute+1), Scope{Service: "sts"}), "RequestExpired", "")
}

// Without X-Amz-Date the Date header counts, in both its spellings.
func TestDateHeader(t *testing.T) {
	for _, date := range []string{"20240102T030405Z", "Tue, 02 Jan 2024 03:04:05 GMT"} {
		r := signed(testNow)
		r.Header.Del("X-Amz-Date")
		r.Header.Set("Date", date)
		names := []string{"content-type", "date", "host"}
		scope := "20240102/us-east-1/iam/aws4_request"
		r.Header.Set("Authorization", algorithm+" Credential="+testCreds.KeyID+"/"+scope+",SignedHeaders="+strings.Join(names, ";")+",Signature="+
			sign(r, testBody, names, testCreds.Secret, "20240102T030405Z", scope))
		if err := verify(r, testBody, testNow, Scope{}); err != nil {
			t.Errorf("%s: %v", date, err)
		}
	}
}

// The cache forgets, never mixes up secrets, and holds no secret.
func TestKeyCache(t *testing.T) {
	c := newCache()
	var first [32]byte
	for i := range 3 * maxKeys {
		id := c.id(&Signature{keyID: string(rune(i)), date: "20240102"}, testCreds.Secret)
		if i == 0 {
			first = id
		}
		c.put(id, &key{})
	}
	if n := len(c.young) + len(c.old); n > maxKeys {
		t.Errorf("%d keys kept, want at most %d", n, maxKeys)
	}
	if _, ok := c.get(first); ok {
		t.Error("the first key is still there")
	}
	a := c.id(&Signature{keyID: "a", date: "bc"}, testCreds.Secret)
	if a == c.id(&Signature{keyID: "ab", date: "c"}, testCreds.Secret) || a == c.id(&Signature{keyID: "a", date: "bc"}, seal.NewSecret("x")) {
		t.Error("two keys share a place")
	}

	// A rotated secret under the same key id is not served by the old one's key.
	s, err := Parse(signed(testNow), testBody, testNow, Scope{})
	if err != nil || s.Check(testCreds.Secret) != nil || s.Check(testCreds.Secret) != nil {
		t.Fatal("the right secret does not verify", err)
	}
	if s.Check(seal.NewSecret("another")) == nil {
		t.Error("a rotated secret verifies what the old one signed")
	}
	wantCode(t, s.CheckUnknown(), "InvalidClientTokenId", "")
}

// A stranger's signatures leave nothing in the cache.
func TestCacheOnlyVerified(t *testing.T) {
	before := len(keys.young)
	for i := range 100 {
		r := signed(testNow)
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "AKIAEXAMPLE", "AKIASTRANG"+string(rune('A'+i%26)), 1))
		s, err := Parse(r, testBody, testNow, Scope{})
		if err != nil {
			t.Fatal(err)
		}
		s.CheckUnknown()
		s.Check(seal.NewSecret("wrong" + string(rune(i))))
	}
	if after := len(keys.young); after != before {
		t.Errorf("cache grew from %d to %d", before, after)
	}
}
