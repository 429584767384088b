package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/cmd/keytrail/sigv4"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/seal"
)

// question is what a bare server decodes: the form of AuthZEN's request.
type question struct {
	Subject, Resource struct {
		Type, ID   string
		Properties map[string]any
	}
	Action struct {
		Name       string
		Properties map[string]any
	}
	Context     map[string]any
	Evaluations []question
}

// bareJSON is the server that ours is held against: it decodes and says nothing.
func bareJSON(w http.ResponseWriter, r *http.Request) {
	var q question
	if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
}

const asked = `{"subject":{"type":"user","id":"ana"},"action":{"name":"iam:GetUser"},"resource":{"type":"iam:user","id":"ana"},"context":{"aws:SourceIp":"192.0.2.1"}}`

// batchOf is a batch of n questions about one subject and n resources.
func batchOf(n int) string {
	var b strings.Builder
	b.WriteString(`{"subject":{"type":"user","id":"ana"},"action":{"name":"iam:GetUser"},"evaluations":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"resource":{"type":"iam:user","id":"u%d"}}`, i)
	}
	return b.String() + "]}"
}

// post is one request with a JSON body as bytes on the wire: signed, or with a
// bearer token.
func post(addr, path, body, keyID, secret, bearer string) []byte {
	r, err := http.NewRequest(http.MethodPost, "http://"+addr+path, strings.NewReader(body))
	die(err)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "bench")
	if bearer != "" {
		r.Header.Set("Authorization", "Bearer "+bearer)
	} else {
		r.RequestURI = path
		sigv4.Sign(r, []byte(body), sigv4.Credentials{KeyID: keyID, Secret: seal.NewSecret(secret)}, "keytrail", "us-east-1", time.Now())
		r.RequestURI = ""
	}
	var b bytes.Buffer
	die(r.Write(&b))
	return b.Bytes()
}

// authorize: questions over HTTP, each judged, recorded and answered with its
// reasons, against a server that only decodes them; then batches of 100, over
// HTTP and in process.
func authorize(ctx context.Context) error {
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
	stop := func() {
		if !stopped {
			stopped = true
			ours.stop()
		}
	}
	defer stop()
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
	keyID, secret, err := user(addr, form)
	if err != nil {
		return err
	}
	ask := `{"Version":"2012-10-17","Statement":[{"Sid":"Ask","Effect":"Allow","Action":"keytrail:Evaluate","Resource":"arn:aws:iam::111122223333:user/*"}]}`
	if err := once(addr, signed(addr, rootKey, rootSecret, form("PutUserPolicy", "UserName", "ana", "PolicyName", "ask", "PolicyDocument", ask))); err != nil {
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
	bare.Env = append(os.Environ(), bareEnv+"="+bareAddr, bareEnv+"_JSON=1")
	if err := bare.Start(); err != nil {
		return err
	}
	defer func() { bare.Process.Kill(); bare.Wait() }()
	one := func(addr string) func(int) []byte {
		b := post(addr, "/access/v1/evaluation", asked, keyID, secret, "")
		return func(int) []byte { return b }
	}
	if err := wait(bareAddr, one(bareAddr)(0)); err != nil {
		return err
	}
	const n = 64 * 300
	var latencies []time.Duration
	var ratios []float64
	var a, b float64
	for range 3 { // in turn, so that the machine's moods meet both
		if a, latencies, err = drive(addr, n, one(addr)); err != nil {
			return err
		}
		if b, _, err = drive(bareAddr, n, one(bareAddr)); err != nil {
			return err
		}
		ratios = append(ratios, a/b)
	}
	row("authorize over HTTP, signed, 64 connections", a, b, "/s", "≥ 60 %")
	alone("  latency p50, p99; ratios of 3 rounds", fmt.Sprintf("%v, %v; %.2f", percentile(latencies, 50), percentile(latencies, 99), ratios), "")
	batch := batchOf(100)
	many := func(addr string) func(int) []byte {
		b := post(addr, "/access/v1/evaluations", batch, keyID, secret, "")
		return func(int) []byte { return b }
	}
	if a, latencies, err = drive(addr, 64*20, many(addr)); err != nil {
		return err
	}
	if b, _, err = drive(bareAddr, 64*20, many(bareAddr)); err != nil {
		return err
	}
	row("batches of 100 over HTTP: durable decisions", 100*a, 100*b, "/s", "≥ 300 000/s")
	alone("  latency p50, p99 of a batch", fmt.Sprintf("%v, %v", percentile(latencies, 50), percentile(latencies, 99)), "")
	stop() // it would compete
	return batches(ctx)
}

// batches: the same in process, with no HTTP on either side.
func batches(ctx context.Context) error {
	dir, done, err := temp()
	if err != nil {
		return err
	}
	defer done()
	g, err := openGate(ctx, filepath.Join(dir, "journal"))
	if err != nil {
		return err
	}
	defer g.close()
	name, document := "ana", `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["iam:Get*","keytrail:Evaluate"],"Resource":"*"}]}`
	if _, err := g.ask(ctx, g.root, "iam", "CreateUser", &iam.CreateUserInput{UserName: &name}); err != nil {
		return err
	}
	if _, err := g.ask(ctx, g.root, "iam", "PutUserPolicy", &iam.PutUserPolicyInput{UserName: &name, PolicyName: &name, PolicyDocument: &document}); err != nil {
		return err
	}
	body := []byte(batchOf(100))
	const callers, each = 16, 100
	var failed atomic.Value
	var wg sync.WaitGroup
	begin := time.Now()
	for range callers {
		wg.Go(func() {
			for range each {
				in := new(audit.EvaluateInput)
				err := in.UnmarshalJSON(body)
				if err == nil {
					_, err = g.ask(ctx, g.root, "keytrail", "Evaluate", in)
				}
				if err != nil {
					failed.Store(err)
					return
				}
			}
		})
	}
	wg.Wait()
	took := time.Since(begin)
	if err, ok := failed.Load().(error); ok {
		return err
	}
	// The same pages, published bare into a stream of its own.
	var pages [][]byte
	size := 0
	for after := uint64(0); ; {
		m, err := g.log.Read(ctx, journal.Decisions, after, 1000)
		if err != nil {
			return err
		}
		if len(m) == 0 {
			break
		}
		for i := range m {
			pages = append(pages, m[i].Body)
			size += len(m[i].Body)
		}
		after = m[len(m)-1].Seq
	}
	if len(pages) == 0 {
		return errors.New("no pages")
	}
	log, err := bareLog(ctx, filepath.Join(dir, "bare"), true)
	if err != nil {
		return err
	}
	defer log.close()
	begin = time.Now()
	for i, p := range pages {
		if err := log.publish(ctx, "bare.pages", fmt.Sprint(i), p); err != nil {
			return err
		}
	}
	limit := time.Since(begin)
	total := float64(callers * each * 100)
	row("batches of 100 in process: durable decisions", total/took.Seconds(), total/limit.Seconds(), "/s", "≥ 300 000/s")
	alone("  bytes of a decision's event", fmt.Sprintf("%.0f", float64(size)/total), "")
	return nil
}
