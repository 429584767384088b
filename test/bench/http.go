package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/keytrail/keytrail/cmd/keytrail/sigv4"
	"github.com/keytrail/keytrail/events/seal"
)

const (
	rootKey    = "AKIABENCHBENCHBENCHB"
	rootSecret = "benchbenchbenchbenchbenchbenchbenchbench"
	bareEnv    = "KEYTRAIL_BENCH_BARE"
)

// maybeBare turns this process into the server that ours is held against: a
// net/http server that verifies the signature and says nothing.
func maybeBare() {
	if os.Getenv(bareEnv) == "" {
		return
	}
	ln, err := net.Listen("tcp", os.Getenv(bareEnv))
	die(err)
	if os.Getenv(bareEnv+"_JSON") != "" {
		die(http.Serve(ln, http.HandlerFunc(bareJSON)))
	}
	secret := seal.NewSecret(rootSecret)
	die(http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			var s *sigv4.Signature
			if s, err = sigv4.Parse(r, body, time.Now(), sigv4.Scope{Service: "iam"}); err == nil {
				err = s.Check(secret)
			}
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
		}
	})))
}

// freeAddr is a loopback address that nobody listens on.
func freeAddr() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}

// process is a server that this run started.
type process struct {
	*exec.Cmd
	addr string
	out  bytes.Buffer
}

func keytrail(addr, dir string, more ...string) (*process, error) {
	p := &process{addr: addr}
	p.Cmd = exec.Command(filepath.Join("..", "..", "bin", "keytrail"), append([]string{"server", "--data", dir, "--listen", addr}, more...)...)
	p.Env = append(os.Environ(), "KEYTRAIL_BOOTSTRAP_ACCOUNT=111122223333", "KEYTRAIL_BOOTSTRAP_ACCESS_KEY_ID="+rootKey, "KEYTRAIL_BOOTSTRAP_SECRET_ACCESS_KEY="+rootSecret)
	p.Stdout, p.Stderr = &p.out, &p.out
	return p, p.Start()
}

func (p *process) stop() error {
	p.Process.Signal(syscall.SIGTERM)
	return p.Wait()
}

// signed is one request as bytes on the wire.
func signed(addr, keyID, secret string, form url.Values) []byte {
	body := []byte(form.Encode())
	r, err := http.NewRequest(http.MethodPost, "http://"+addr+"/", bytes.NewReader(body))
	die(err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.Header.Set("User-Agent", "bench")
	sigv4.Sign(r, body, sigv4.Credentials{KeyID: keyID, Secret: seal.NewSecret(secret)}, "iam", "us-east-1", time.Now())
	var b bytes.Buffer
	die(r.Write(&b))
	return b.Bytes()
}

// send writes one request on a connection and reads its answer.
func send(c net.Conn, in *bufio.Reader, request []byte) (status int, body []byte, err error) {
	if _, err := c.Write(request); err != nil {
		return 0, nil, err
	}
	line, err := in.ReadString('\n')
	if err != nil {
		return 0, nil, err
	}
	if f := strings.Fields(line); len(f) > 1 {
		status, _ = strconv.Atoi(f[1])
	}
	length := 0
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return 0, nil, err
		}
		line = strings.TrimSpace(line)
		if line == "" {
			break
		}
		if k, v, _ := strings.Cut(line, ":"); strings.EqualFold(k, "Content-Length") {
			length, _ = strconv.Atoi(strings.TrimSpace(v))
		}
	}
	body = make([]byte, length)
	_, err = io.ReadFull(in, body)
	return status, body, err
}

// wait tries until the server gives a signed answer.
func wait(addr string, request []byte) error {
	deadline := time.Now().Add(60 * time.Second)
	for {
		err := once(addr, request)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		time.Sleep(time.Millisecond)
	}
}

func once(addr string, request []byte) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	status, body, err := send(c, bufio.NewReader(c), request)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d: %s", status, body)
	}
	return err
}

const clients = 64

// drive sends n requests over 64 kept connections and gives the rate and latencies.
func drive(addr string, n int, request func(i int) []byte) (rate float64, latencies []time.Duration, err error) {
	ready := make([][][]byte, clients) // made ready, so that signing costs neither side
	for c := range ready {
		for i := range n / clients {
			ready[c] = append(ready[c], request(c*(n/clients)+i))
		}
	}
	var failed atomic.Value
	var mu sync.Mutex
	var wg sync.WaitGroup
	begin := time.Now()
	for c := range clients {
		wg.Go(func() {
			conn, err := net.Dial("tcp", addr)
			if err != nil {
				failed.Store(err)
				return
			}
			defer conn.Close()
			in := bufio.NewReader(conn)
			mine := make([]time.Duration, 0, len(ready[c]))
			for _, r := range ready[c] {
				at := time.Now()
				status, body, err := send(conn, in, r)
				if err == nil && status != http.StatusOK {
					err = fmt.Errorf("status %d: %s", status, body)
				}
				if err != nil {
					failed.Store(err)
					return
				}
				mine = append(mine, time.Since(at))
			}
			mu.Lock()
			latencies = append(latencies, mine...)
			mu.Unlock()
		})
	}
	wg.Wait()
	took := time.Since(begin)
	if err, ok := failed.Load().(error); ok {
		return 0, nil, err
	}
	return float64(len(latencies)) / took.Seconds(), latencies, nil
}

// overHTTP: signed GetUser requests, each judged, recorded and answered,
// against a server that only verifies the signature.
func overHTTP(ctx context.Context) error {
	dir, done, err := temp()
	if err != nil {
		return err
	}
	defer done()
	addr, err := freeAddr()
	if err != nil {
		return err
	}
	ours, err := keytrail(addr, dir, "--audit", "off")
	if err != nil {
		return err
	}
	stopped := false
	defer func() {
		if !stopped {
			ours.stop()
		}
	}()
	form := func(action string, more ...string) url.Values {
		v := url.Values{"Action": {action}, "Version": {"2010-05-08"}}
		for i := 0; i+1 < len(more); i += 2 {
			v.Set(more[i], more[i+1])
		}
		return v
	}
	if err := wait(addr, signed(addr, rootKey, rootSecret, form("CreateUser", "UserName", "ana"))); err != nil {
		return fmt.Errorf("%w\n%s", err, ours.out.String())
	}
	// A user with a policy asks, as users do.
	keyID, secret, err := user(addr, form)
	if err != nil {
		return err
	}
	bareAddr, err := freeAddr()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	bare := exec.Command(self)
	bare.Env = append(os.Environ(), bareEnv+"="+bareAddr)
	if err := bare.Start(); err != nil {
		return err
	}
	defer func() {
		if !stopped {
			bare.Process.Kill()
			bare.Wait()
		}
	}()
	if err := wait(bareAddr, signed(bareAddr, rootKey, rootSecret, form("GetUser", "UserName", "ana"))); err != nil {
		return err
	}
	const n = 64 * 400
	var latencies []time.Duration
	var ratios []float64
	var a, b float64
	for range 3 { // in turn, so that the machine's moods meet both
		if a, latencies, err = drive(addr, n, func(int) []byte { return signed(addr, keyID, secret, form("GetUser", "UserName", "ana")) }); err != nil {
			return err
		}
		if b, _, err = drive(bareAddr, n, func(int) []byte { return signed(bareAddr, rootKey, rootSecret, form("GetUser", "UserName", "ana")) }); err != nil {
			return err
		}
		ratios = append(ratios, a/b)
	}
	row("signed requests over HTTP, 64 connections", a, b, "/s", "≥ 50 %")
	alone("  latency p50, p99; ratios of 3 rounds", fmt.Sprintf("%v, %v; %.2f", percentile(latencies, 50), percentile(latencies, 99), ratios), "")
	stopped = true
	if err := ours.stop(); err != nil {
		return err
	}
	bare.Process.Kill()
	bare.Wait()
	cpu := func(s *os.ProcessState) time.Duration { return (s.UserTime() + s.SystemTime()) / (3 * n) }
	alone("  processor time of the server per request", fmt.Sprintf("%v, bare %v", cpu(ours.ProcessState), cpu(bare.ProcessState)), "")
	return nil
}

// user gives ana a policy and a key.
func user(addr string, form func(string, ...string) url.Values) (keyID, secret string, err error) {
	document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:Get*","iam:List*"],"Resource":"*"}]}`
	if err := once(addr, signed(addr, rootKey, rootSecret, form("PutUserPolicy", "UserName", "ana", "PolicyName", "read", "PolicyDocument", document))); err != nil {
		return "", "", err
	}
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return "", "", err
	}
	defer c.Close()
	_, body, err := send(c, bufio.NewReader(c), signed(addr, rootKey, rootSecret, form("CreateAccessKey", "UserName", "ana")))
	if err != nil {
		return "", "", err
	}
	between := func(name string) string {
		_, rest, _ := strings.Cut(string(body), "<"+name+">")
		v, _, _ := strings.Cut(rest, "</"+name+">")
		return v
	}
	keyID, secret = between("AccessKeyId"), between("SecretAccessKey")
	if keyID == "" || secret == "" {
		err = errors.New("no key in the answer")
	}
	return keyID, secret, err
}
