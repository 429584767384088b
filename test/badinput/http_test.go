package badinput

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keytrail/keytrail/test/harness"
)

// raw writes text to a connection of its own, as it is, and reads what comes
// back. closed says whether the server closed the connection within the time.
func raw(s *harness.Server, within time.Duration, parts ...string) (a *harness.Answer, closed bool, err error) {
	c, err := net.Dial("tcp", strings.TrimPrefix(s.URL, "http://"))
	if err != nil {
		return nil, false, err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(within)); err != nil {
		return nil, false, err
	}
	for _, p := range parts {
		if _, err := io.WriteString(c, p); err != nil {
			break // it may have had enough: see what it said
		}
	}
	in := bufio.NewReader(c)
	resp, err := http.ReadResponse(in, nil)
	if err != nil {
		return nil, !errors.Is(err, os.ErrDeadlineExceeded), nil // closed without a word
	}
	if a, err = harness.ReadAnswer(resp); err != nil {
		return a, false, err
	}
	if a.Closed { // said; now do it
		_, err = in.ReadByte()
		return a, !errors.Is(err, os.ErrDeadlineExceeded), nil
	}
	return a, false, nil
}

const (
	host = "Host: 127.0.0.1\r\n"
	kind = "Content-Type: application/x-www-form-urlencoded\r\n"
	form = "Action=ListUsers&Version=2010-05-08"
)

// I-06: what is not one clear request of HTTP is refused, and the connection,
// on which the rest would be read as another request, is closed.
func TestHTTP(t *testing.T) {
	l := start(t)
	length := func(n int) string { return "Content-Length: " + strconv.Itoa(n) + "\r\n" }
	post := "POST / HTTP/1.1\r\n" + host + kind
	chunked := "Transfer-Encoding: chunked\r\n"
	for _, c := range []struct {
		what   string
		status []int // 0: closed without an answer
		closed bool
		text   string
	}{
		{"100 headers of 8 KB", []int{431}, true, "GET / HTTP/1.1\r\n" + host + many(100, "X-%d: "+strings.Repeat("a", 8<<10)+"\r\n") + "\r\n"},
		{"one header of 64 KB", []int{431}, true, "GET / HTTP/1.1\r\n" + host + "X: " + strings.Repeat("a", 64<<10) + "\r\n\r\n"},
		{"17 KB of headers", []int{431}, true, "GET / HTTP/1.1\r\n" + host + "X: " + strings.Repeat("a", 17<<10) + "\r\n\r\n"},
		{"65 small headers", []int{431}, true, "GET / HTTP/1.1\r\n" + host + many(66, "X-%d: a\r\n") + "\r\n"},
		{"one header 65 times", []int{431}, true, "GET / HTTP/1.1\r\n" + host + strings.Repeat("X: a\r\n", 66) + "\r\n"},
		{"a URL of 64 KB", []int{431, 414}, true, "GET /?Action=" + strings.Repeat("A", 64<<10) + " HTTP/1.1\r\n" + host + "\r\n"},
		{"length and chunks", []int{400}, true, post + length(5) + chunked + "\r\n0\r\n\r\n"},
		{"chunks and length", []int{400}, true, post + chunked + length(len(form)) + "\r\n" + form},
		{"two lengths", []int{400}, true, post + length(5) + length(6) + "\r\n" + form},
		{"a negative length", []int{400}, true, post + length(-1) + "\r\n"},
		{"a length with a plus", []int{400}, true, post + "Content-Length: +5\r\n\r\nhello"},
		{"two codings", []int{400, 501}, true, post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"},
		{"an unknown coding", []int{400, 501}, true, post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
		{"a coding behind a tab", []int{400, 501}, true, post + "Transfer-Encoding:\tchunked, identity\r\n\r\n0\r\n\r\n"},
		{"a chunk that is no number", []int{400}, true, post + chunked + "\r\nzz\r\n" + form},
		{"a chunk of 2^64", []int{400}, true, post + chunked + "\r\n10000000000000000\r\n" + form},
		{"a negative chunk", []int{400}, true, post + chunked + "\r\n-1\r\n" + form},
		{"a chunk without its end", []int{400}, true, post + chunked + "\r\n5\r\nhelloXX0\r\n\r\n"},
		{"100 KB of chunk extensions", []int{400}, true, post + chunked + "\r\n5;" + strings.Repeat("a", 100<<10) + "\r\nhello\r\n0\r\n\r\n"},
		{"no host", []int{400}, true, "GET / HTTP/1.1\r\n\r\n"},
		{"two hosts", []int{400}, true, "GET / HTTP/1.1\r\n" + host + "Host: evil\r\n\r\n"},
		{"a host with a space", []int{400}, true, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
		{"a folded header", []int{403}, false, "GET / HTTP/1.1\r\n" + host + "X: a\r\n b\r\n\r\n"},
		{"a space before the colon", []int{400}, true, "GET / HTTP/1.1\r\n" + host + "X : a\r\n\r\n"},
		{"a NUL in a header", []int{400}, true, "GET / HTTP/1.1\r\n" + host + "X: a\x00b\r\n\r\n"},
		{"HTTP/3.0", []int{400, 505}, true, "GET / HTTP/3.0\r\n" + host + "\r\n"},
		{"HTTP/2 without asking", []int{400, 505, 0}, true, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"},
		{"no request at all", []int{400}, true, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"},
		{"CONNECT", []int{400, 405}, false, "CONNECT 169.254.169.254:80 HTTP/1.1\r\nHost: 169.254.169.254:80\r\n\r\n"},
		{"an absolute target", []int{400, 403}, false, "GET http://169.254.169.254/latest/meta-data HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n"},
		{"OPTIONS *", []int{400, 403, 405, 200}, false, "OPTIONS * HTTP/1.1\r\n" + host + "\r\n"},
		{"TRACE", []int{405}, false, "TRACE / HTTP/1.1\r\n" + host + "\r\n"},
		{"a path with dots", []int{400}, false, "GET /../etc/passwd HTTP/1.1\r\n" + host + "\r\n"},
		{"a path with two slashes", []int{400}, false, "GET // HTTP/1.1\r\n" + host + "\r\n"},
		{"an encoded slash", []int{400}, false, "GET /%2F HTTP/1.1\r\n" + host + "\r\n"},
		{"a GET with a body", []int{400}, false, "GET /?" + form + " HTTP/1.1\r\n" + host + length(5) + "\r\nhello"},
		{"a body too long by its word", []int{413}, true, post + length(300<<10) + "\r\n" + strings.Repeat("a", 260<<10)},
		{"a body in chunks", []int{400}, true, post + chunked + "\r\n23\r\n" + form + "\r\n0\r\n\r\n"},
		{"a body too long in chunks", []int{400}, true, post + chunked + "\r\n" + strings.Repeat("10000\r\n"+strings.Repeat("a", 65536)+"\r\n", 8) + "0\r\n\r\n"},
		{"a compressed body", []int{400}, false, post + "Content-Encoding: gzip\r\n" + length(3) + "\r\nabc"},
		{"waiting for 100", []int{403}, false, post + "Expect: 100-continue\r\n" + length(len(form)) + "\r\n" + form},
	} {
		begun := time.Now()
		a, closed, err := raw(l.s, 20*time.Second, c.text)
		if err != nil {
			t.Errorf("%s: %v", c.what, err)
			continue
		}
		status := 0
		if a != nil {
			status = a.Status
		}
		if status == 100 {
			continue // 100 Continue: the answer follows
		}
		if !slices.Contains(c.status, status) {
			t.Errorf("%s: got %d %v; want %d", c.what, status, a, c.status)
		}
		if c.closed && !closed {
			t.Errorf("%s: the connection stays open", c.what)
		}
		if took := time.Since(begun); took > 12*time.Second {
			t.Errorf("%s: took %v", c.what, took)
		}
		if a != nil && strings.Contains(string(a.Body), "goroutine") {
			t.Errorf("%s: a stack is shown: %s", c.what, a.Body)
		}
	}
	l.finish(false)
}

// I-06: who sends a byte a second does not keep the server for long, and does
// not keep others from it meanwhile.
func TestSlow(t *testing.T) {
	l := start(t)
	drip := func(what, head, each string, most time.Duration, want ...int) {
		c, err := net.Dial("tcp", strings.TrimPrefix(l.s.URL, "http://"))
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		begun := time.Now()
		c.SetDeadline(begun.Add(most + 20*time.Second))
		io.WriteString(c, head)
		go func() {
			for range 60 {
				time.Sleep(time.Second)
				if _, err := io.WriteString(c, each); err != nil {
					return
				}
			}
		}()
		status := 0
		if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err == nil {
			status = resp.StatusCode
			resp.Body.Close()
		} else if errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("%s: still open after %v", what, time.Since(begun))
			return
		}
		if took := time.Since(begun); took > most {
			t.Errorf("%s: cut after %v; want %v at most", what, took, most)
		}
		if !slices.Contains(want, status) {
			t.Errorf("%s: answered %d; want %d (0: closed)", what, status, want)
		}
	}
	post := "POST / HTTP/1.1\r\n" + host + kind
	var wg sync.WaitGroup
	wg.Go(func() { drip("slow headers", "GET / HTTP/1.1\r\n"+host, "X: a\r\n", 9*time.Second, 408, 0) })
	wg.Go(func() { drip("a slow first line", "G", "E", 9*time.Second, 408, 400, 0) })
	wg.Go(func() { drip("a slow body", post+"Content-Length: 1000\r\n\r\n", "a", 15*time.Second, 400, 408, 0) })
	wg.Go(func() {
		drip("slow chunks", post+"Transfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n", 15*time.Second, 400, 408, 0)
	})
	wg.Go(func() {
		drip("less than promised", post+"Content-Length: 1000\r\n\r\n"+form, "", 15*time.Second, 400, 408, 0)
	})
	for range 300 { // and idle ones
		c, err := net.Dial("tcp", strings.TrimPrefix(l.s.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		io.WriteString(c, "POST / HTTP/1.1\r\n")
	}
	for range 20 {
		if a := l.form("ListUsers", nil); a.Status != 200 {
			t.Errorf("meanwhile, somebody else: %s", a)
		}
	}
	wg.Wait()
	l.finish(false)
}

// I-07: a signature is good for exactly what was signed. One byte, header or
// parameter of a signed request is changed; only the untouched ones pass.
func TestSignatures(t *testing.T) {
	l := start(t)
	ana, err := l.s.User(context.Background(), "ana")
	if err != nil {
		t.Fatal(err)
	}
	seed := uint64(time.Now().UnixNano())
	r := rand.New(rand.NewPCG(seed, 0))
	fresh := func() *http.Request {
		q := l.s.Request("sts", "GetCallerIdentity", url.Values{})
		q.Header.Set("X-Amz-Meta", "value")
		return harness.Sign(q, ana, "sts")
	}
	body := func(q *http.Request, text string) {
		q.Body, q.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	}
	text := func(q *http.Request) string {
		b, err := q.GetBody()
		if err != nil {
			t.Fatal(err)
		}
		all, _ := io.ReadAll(b)
		return string(all)
	}
	turn := func(s string) string { // one character of it is another
		i := r.IntN(len(s))
		for {
			if c := "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/="[r.IntN(64)]; c != s[i] {
				return s[:i] + string(c) + s[i+1:]
			}
		}
	}
	now := time.Now()
	mutations := []struct {
		what   string
		change func(*http.Request)
		codes  []string
	}{
		{"a byte of the body", func(q *http.Request) { body(q, turn(text(q))) }, []string{"SignatureDoesNotMatch", "InvalidAction", "ValidationError", "MissingAction", "MalformedInput"}},
		{"a parameter more", func(q *http.Request) { body(q, text(q)+"&X=y") }, []string{"SignatureDoesNotMatch"}},
		{"another action", func(q *http.Request) { body(q, strings.Replace(text(q), "GetCallerIdentity", "GetSessionToken", 1)) }, []string{"SignatureDoesNotMatch"}},
		{"an empty body", func(q *http.Request) { q.Body, q.ContentLength = http.NoBody, 0 }, []string{"MissingAction", "SignatureDoesNotMatch"}},
		{"a byte of the signature", func(q *http.Request) {
			head, signature, _ := strings.Cut(q.Header.Get("Authorization"), "Signature=")
			q.Header.Set("Authorization", head+"Signature="+turn(signature))
		}, []string{"SignatureDoesNotMatch"}},
		{"a signature cut short", func(q *http.Request) {
			a := q.Header.Get("Authorization")
			q.Header.Set("Authorization", a[:len(a)-1-r.IntN(40)])
		}, []string{"SignatureDoesNotMatch"}},
		{"a longer signature", func(q *http.Request) { q.Header.Set("Authorization", q.Header.Get("Authorization")+"0") }, []string{"SignatureDoesNotMatch"}},
		{"capital letters in the signature", func(q *http.Request) {
			head, signature, _ := strings.Cut(q.Header.Get("Authorization"), "Signature=")
			q.Header.Set("Authorization", head+"Signature="+strings.ToUpper(signature))
		}, []string{"SignatureDoesNotMatch"}},
		{"no signature", func(q *http.Request) {
			head, _, _ := strings.Cut(q.Header.Get("Authorization"), ", Signature=")
			q.Header.Set("Authorization", head)
		}, []string{"IncompleteSignature"}},
		{"a signed header's value", func(q *http.Request) { q.Header.Set("X-Amz-Meta", "valuf") }, []string{"SignatureDoesNotMatch"}},
		{"a signed header taken away", func(q *http.Request) { q.Header.Del("X-Amz-Meta") }, []string{"SignatureDoesNotMatch", "IncompleteSignature"}},
		{"a signed header twice", func(q *http.Request) { q.Header.Add("X-Amz-Meta", "value") }, []string{"SignatureDoesNotMatch", "IncompleteSignature"}},
		{"an unsigned x-amz header", func(q *http.Request) { q.Header.Set("X-Amz-More", "x") }, []string{"SignatureDoesNotMatch", "IncompleteSignature"}},
		{"a token that was not signed", func(q *http.Request) { q.Header.Set("X-Amz-Security-Token", "x") }, []string{"SignatureDoesNotMatch", "IncompleteSignature", "InvalidClientTokenId"}},
		{"another host", func(q *http.Request) { q.Host = "sts.amazonaws.com" }, []string{"SignatureDoesNotMatch"}},
		{"a second later", func(q *http.Request) {
			at, _ := time.Parse("20060102T150405Z", q.Header.Get("X-Amz-Date"))
			q.Header.Set("X-Amz-Date", at.Add(time.Second).Format("20060102T150405Z"))
		}, []string{"SignatureDoesNotMatch"}},
		{"another region", func(q *http.Request) {
			q.Header.Set("Authorization", strings.Replace(q.Header.Get("Authorization"), "us-east-1", "us-west-2", 1))
		}, []string{"SignatureDoesNotMatch"}},
		{"another service", func(q *http.Request) {
			q.Header.Set("Authorization", strings.Replace(q.Header.Get("Authorization"), "/sts/", "/iam/", 1))
		}, []string{"SignatureDoesNotMatch"}},
		{"another day", func(q *http.Request) {
			q.Header.Set("Authorization", strings.Replace(q.Header.Get("Authorization"), now.UTC().Format("20060102"), "20200101", 1))
		}, []string{"SignatureDoesNotMatch"}},
		{"another key", func(q *http.Request) {
			q.Header.Set("Authorization", strings.Replace(q.Header.Get("Authorization"), ana.KeyID, l.s.Root.KeyID, 1))
		}, []string{"SignatureDoesNotMatch"}},
		{"unsigned payload", func(q *http.Request) { q.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") }, []string{"SignatureDoesNotMatch", "IncompleteSignature"}},
		{"a second Authorization", func(q *http.Request) { q.Header.Add("Authorization", q.Header.Get("Authorization")) }, []string{"IncompleteSignature"}},
		{"signed in the query as well", func(q *http.Request) { q.URL.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256" }, []string{"IncompleteSignature", "MalformedInput"}},
		{"another algorithm", func(q *http.Request) {
			q.Header.Set("Authorization", strings.Replace(q.Header.Get("Authorization"), "SHA256", "SHA1", 1))
		}, []string{"IncompleteSignature"}},
		{"basic authentication", func(q *http.Request) { q.SetBasicAuth(ana.KeyID, ana.Secret) }, []string{"IncompleteSignature"}},
		{"host not signed", func(q *http.Request) {
			q.Header.Set("Authorization", strings.Replace(q.Header.Get("Authorization"), ";host;", ";", 1))
		}, []string{"SignatureDoesNotMatch", "IncompleteSignature"}},
		{"sixteen minutes old", func(q *http.Request) { harness.SignAt(q, ana, "sts", now.Add(-16*time.Minute)) }, []string{"SignatureDoesNotMatch"}},
		{"sixteen minutes ahead", func(q *http.Request) { harness.SignAt(q, ana, "sts", now.Add(16*time.Minute)) }, []string{"SignatureDoesNotMatch"}},
	}
	passed := 0
	for range 5 {
		if a := l.send(fresh()); a.Status != 200 {
			t.Fatalf("untouched: %s", a)
		}
		for _, m := range mutations {
			q := fresh()
			m.change(q)
			a := l.send(q)
			if a.Status == 200 {
				passed++
				t.Errorf("seed %d: %s changed, and it passed", seed, m.what)
			} else if !slices.Contains(m.codes, a.Code) {
				t.Errorf("seed %d: %s: got %s; want one of %v", seed, m.what, a, m.codes)
			}
		}
	}
	for _, within := range []time.Duration{-14 * time.Minute, 14 * time.Minute} {
		if a := l.send(harness.SignAt(l.s.Request("sts", "GetCallerIdentity", nil), ana, "sts", now.Add(within))); a.Status != 200 {
			t.Errorf("signed %v from now: %s", within, a)
		}
	}
	// T05: who overhears a change can't have it done again.
	again := harness.Sign(l.s.Request("iam", "CreateUser", url.Values{"UserName": {"once"}}), l.s.Root, "iam")
	if a := l.send(again); a.Status != 200 {
		t.Fatalf("CreateUser: %s", a)
	}
	if b, err := again.GetBody(); err == nil {
		again.Body = b
	}
	if a := l.send(again); a.Status != 400 || a.Code != "RequestExpired" {
		t.Errorf("the same request again: %s; want 400 RequestExpired", a)
	}
	if err := l.s.Verify(); err != nil {
		t.Error(err)
	}
}

// P13: 5,000 hostile requests leave the server's memory as it was.
func TestMemoryStaysFlat(t *testing.T) {
	l := start(t)
	create := "Action=CreatePolicy&Version=2010-05-08&PolicyName=p&PolicyDocument="
	bodies := []string{
		create + url.QueryEscape(strings.Repeat("[", 100_000)),
		create + url.QueryEscape(`{"Statement":[`+strings.Repeat(`{"Effect":"Allow","Action":"*","Resource":"*"},`, 2000)+`{}]}`),
		"Action=CreateUser&Version=2010-05-08&UserName=" + strings.Repeat("a", 200_000),
		"Action=CreateUser&Version=2010-05-08&UserName=u" + many(1900, "&Tags.member.%d.Key=k"),
		create + strings.Repeat("%ff", 80_000),
		"Action=" + strings.Repeat("%41", 80_000) + "&Version=2010-05-08",
		strings.Repeat("&", 250_000),
	}
	flood := func(n int) {
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				client := http.Client{Timeout: time.Minute}
				for i := range n / 4 {
					b := bodies[(i+w)%len(bodies)]
					h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
					q := l.s.Raw("POST", "/", h, []byte(b))
					if i%3 > 0 {
						q = harness.Sign(q, l.s.Root, "iam")
					}
					resp, err := client.Do(q)
					if err != nil {
						t.Error(err)
						return
					}
					a, err := harness.ReadAnswer(resp)
					if err == nil && a.Code == "ServiceUnavailable" {
						continue // the disk took more than a second: nothing was answered that is not recorded
					}
					if err != nil || a.Status < 400 || a.Status >= 500 {
						t.Errorf("hostile request: %v %v", a, err)
					}
				}
			})
		}
		wg.Wait()
	}
	flood(1000) // buffers and heap find their size
	before := memory(t, l.s)
	flood(4000)
	after := memory(t, l.s)
	t.Logf("resident memory: %d MB after 1,000, %d MB after 5,000", before>>20, after>>20)
	if after > before+64<<20 {
		t.Errorf("4,000 hostile requests took %d MB", (after-before)>>20)
	}
	l.finish(false)
}

// memory is the resident memory of the server's process.
func memory(t *testing.T, s *harness.Server) int64 {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.PID()))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	kb, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kb << 10
}
