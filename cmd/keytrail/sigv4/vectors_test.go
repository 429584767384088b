package sigv4

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/keytrail/keytrail/events/seal"
)

const (
	exampleSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	suiteToken    = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="
)

// vector is a signed request and what is known of it.
type vector struct {
	Name, Method, Target, Host, Body, Hash string
	Headers                                [][2]string
	now                                    time.Time
}

func (v vector) request() *http.Request {
	r := &http.Request{Method: v.Method, RequestURI: v.Target, Host: v.Host, Header: http.Header{}, ContentLength: int64(len(v.Body))}
	for _, h := range v.Headers {
		r.Header.Add(h[0], strings.Trim(h[1], " \t")) // net/http does it
	}
	return r
}

func read(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func published(t testing.TB) (all []vector) {
	for line := range strings.Lines(string(read(t, "published.txt"))) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(strings.TrimSpace(line), "|")
		v := vector{Name: f[0], Method: f[1], Target: f[2], Host: "example.amazonaws.com", Body: f[4], Hash: f[5],
			now: time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)}
		signed := []string{"host", "x-amz-date"}
		add := func(name, value string) {
			v.Headers = append(v.Headers, [2]string{name, value})
			if n := strings.ToLower(name); signed[len(signed)-1] != n && n != "x-amz-date" {
				signed = append(signed, n)
			}
		}
		add("X-Amz-Date", "20150830T123600Z")
		for _, h := range strings.Split(strings.ReplaceAll(f[3], `\;`, "\x00"), ";") {
			if name, value, ok := strings.Cut(strings.ReplaceAll(h, "\x00", ";"), ":"); ok {
				if value == "T" {
					value = suiteToken
				}
				add(name, value)
			}
		}
		names := strings.Join(sorted(signed), ";")
		v.Headers = append(v.Headers, [2]string{"Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=" + names + ", Signature=" + f[6]})
		all = append(all, v)
	}
	return all
}

func sorted(names []string) []string {
	var w []string
	for _, n := range names {
		i := 0
		for i < len(w) && w[i] < n {
			i++
		}
		if i == len(w) || w[i] != n {
			w = append(w[:i], append([]string{n}, w[i:]...)...)
		}
	}
	return w
}

func measured(t testing.TB) (all []vector) {
	if err := json.Unmarshal(read(t, "botocore.json"), &all); err != nil {
		t.Fatal(err)
	}
	for i := range all {
		all[i].now = time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	}
	return all
}

// Every published vector and every request botocore signed verifies, and
// their canonical requests are ours to the byte.
func TestVectors(t *testing.T) {
	all := append(published(t), measured(t)...)
	if len(all) < 53 {
		t.Fatalf("only %d vectors", len(all))
	}
	for _, v := range all {
		s, err := Parse(v.request(), []byte(v.Body), v.now, Scope{})
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
			continue
		}
		if got := hex.EncodeToString(s.hash[:]); got != v.Hash {
			t.Errorf("%s: canonical request hashes to %s, want %s", v.Name, got, v.Hash)
		}
		if err := s.Check(seal.NewSecret(exampleSecret)); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
		if s.Check(seal.NewSecret(exampleSecret[1:]+"x")) == nil {
			t.Errorf("%s: another secret verifies as well", v.Name)
		}
	}
}

// The three vectors of the fact sheet, whole: canonical hash and signature.
func TestFactSheet(t *testing.T) {
	want := map[string][2]string{
		"create-user":   {"7b1360f6d20c54e8c1b4b8ab2d3fdc2db072540c38c3f1f1bab5fffe083e8941", "a7449029a89ff665a71f9f6b81a47746de9f044432c9a4b33a6dd998a083c290"},
		"lookup-events": {"0f577e784aa171955fdbf90ddb551629c1985a2838e45e99c32b0ed4faf15fe7", "c72289f861084bdced2fa02b36a6c8ec5d979923411185d2ca11c7e9f487d38d"},
	}
	for _, v := range measured(t) {
		if w, ok := want[v.Name]; ok {
			s, err := Parse(v.request(), []byte(v.Body), v.now, Scope{})
			if err != nil || hex.EncodeToString(s.hash[:]) != w[0] || s.given != w[1] {
				t.Errorf("%s: %v %x %v", v.Name, err, s.hash, s.given)
			}
		}
	}
	r := &http.Request{Method: "GET", Host: "sts.us-east-1.amazonaws.com", Header: http.Header{},
		RequestURI: "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE12345678A%2F20240102%2Fus-east-1%2Fsts%2Faws4_request" +
			"&X-Amz-Date=20240102T030405Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=2ae4012cbeecda08265e7e6c433e0d67afd7a34ff4008a795c043078f7b34d50"}
	s, err := Parse(r, nil, time.Date(2024, 1, 2, 3, 5, 0, 0, time.UTC), Scope{Service: "sts"})
	if err != nil {
		t.Fatal(err)
	}
	if got := hex.EncodeToString(s.hash[:]); got != "562768577271debdfd698fafdc05d990c89c7c07a0fc943098bbed4d29da1d8c" {
		t.Errorf("canonical hash %s", got)
	}
	if err := s.Check(seal.NewSecret(exampleSecret)); err != nil {
		t.Error(err)
	}
}

// A token put there after signing, as the published post-sts-header-after does
// it, is refused: IAM and STS want it inside the signature.
func TestTokenAfterSigning(t *testing.T) {
	for _, v := range published(t) {
		if v.Name == "post-sts-header-after" {
			r := v.request()
			r.Header.Set("X-Amz-Security-Token", suiteToken)
			_, err := Parse(r, nil, v.now, Scope{})
			wantCode(t, err, "SignatureDoesNotMatch", "'X-Amz-Security-Token' must be a 'SignedHeader' in the AWS Authorization.")
		}
	}
}
