package main

import (
	"errors"
	"io"
	"net"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/cmd/keytrail/sigv4"
	"github.com/keytrail/keytrail/cmd/keytrail/wire"
	"github.com/keytrail/keytrail/events"
)

const (
	inFlight      = 4096 // requests served at once; more are told to come back
	maxHeaders    = 64
	sequenceToken = "X-Keytrail-Sequence" // what the caller has seen, and what an answer made true
)

var errPanicked = errors.New("panic") // InternalFailure to whom it is written

// routes serves everything on one port: the services are told apart by the
// request itself, so there is one path for all of them.
func (s *server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", s.readyz)
	slots := make(chan struct{}, inFlight)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && (r.URL.Path == "/healthz" || r.URL.Path == "/readyz") && r.URL.RawQuery == "" {
			mux.ServeHTTP(w, r) // only these: a router must not clean the path of a signed request
			return
		}
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		default:
			w.Header().Set("Connection", "close")
			http.Error(w, "too many requests in flight", http.StatusServiceUnavailable)
			return
		}
		if headers(r) > maxHeaders {
			w.Header().Set("Connection", "close")
			http.Error(w, "too many headers", http.StatusRequestHeaderFieldsTooLarge)
			return
		}
		if len(r.TransferEncoding) > 0 {
			// With a length beside it, net/http has already chosen one of the two
			// and does not say so; no AWS client sends chunks.
			w.Header().Set("Connection", "close")
			http.Error(w, "give the Content-Length instead of a Transfer-Encoding", http.StatusBadRequest)
			return
		}
		if isAuthzen(r) {
			s.authzen(w, r)
			return
		}
		s.api(w, r)
	})
}

func headers(r *http.Request) (n int) {
	for _, values := range r.Header {
		n += len(values)
	}
	return n
}

// api serves one request of IAM, STS, CloudTrail, Organizations, Access Analyzer, S3 or our own service.
func (s *server) api(w http.ResponseWriter, r *http.Request) {
	now := time.Now().UTC()
	id := uuid.NewString()
	defer func() {
		// The gate answers its own panics; this one came before it or behind it.
		if p := recover(); p != nil {
			s.gate.Errors.Error("panic", "request", id, "cause", p, "stack", string(debug.Stack()))
			service := "iam"
			if r.Header["X-Amz-Target"] != nil {
				service = "cloudtrail" // or ours, which speaks the same
			}
			wire.WriteError(w, service, id, errPanicked)
		}
	}()
	if own(r) {
		s.serveOwn(w, r, now, id)
		return
	}
	if isS3(r) {
		s.s3(w, r, now, id)
		return
	}
	call, err := wire.ReadRequest(w, r)
	if err != nil {
		wire.WriteError(w, call.Service, id, s.unread(r, call, now, id, err))
		return
	}
	q := s.request(r, id)
	q.Service, q.Name, q.Version, q.Input = call.Service, call.Op.Name, call.Op.Version, call.Decode
	if signature, err := call.Authenticate(now, nil); err != nil {
		q.Unproved = err
	} else if signature != nil {
		q.Proof = signature
		if call.Service != "iam" && call.Service != "organizations" { // whose events are all of us-east-1, wherever they are signed for
			q.Region = signature.Region()
		}
	}
	answer := s.gate.Serve(r.Context(), q)
	token(w, answer)
	if answer.Err != nil {
		wire.WriteError(w, call.Service, id, answer.Err)
		return
	}
	if err := wire.WriteResponse(w, call.Op, id, answer.Output); err != nil {
		s.gate.Errors.Error("answer not written", "request", id, "cause", err)
	}
}

// unread lets the gate record a request that the wire refused to read, if it is
// signed all the same: who tries doors is in the trail. It gives the answer.
func (s *server) unread(r *http.Request, call *wire.Call, now time.Time, id string, why error) error {
	if r.Header["Authorization"] == nil && r.URL.RawQuery == "" {
		return why
	}
	if call.Body == nil && r.Body != nil {
		var err error
		if call.Body, err = io.ReadAll(io.LimitReader(r.Body, 256<<10)); err != nil {
			return why
		}
	}
	signature, err := sigv4.Parse(r, call.Body, now, sigv4.Scope{Service: call.Service})
	if err != nil {
		return why
	}
	q := s.request(r, id)
	q.Service, q.Name, q.Proof, q.Unread = call.Service, call.Action(), signature, why
	return s.gate.Serve(r.Context(), q).Err
}

// request is what the gate wants to know of r.
func (s *server) request(r *http.Request, id string) *audit.Request {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	q := &audit.Request{
		ID: id, Region: s.config.Region, SourceIP: host, UserAgent: r.UserAgent(), Host: r.Host,
		Traceparent: traceparent(r), After: sequence(r),
	}
	if r.TLS != nil {
		q.TLS = &events.TLSDetails{TLSVersion: tlsVersion(r.TLS.Version), CipherSuite: cipherSuite(r.TLS.CipherSuite), ClientProvidedHostHeader: r.Host}
	}
	return q
}

// traceparent is W3C's, if it has its form; whatever else a client sends is
// not carried on.
func traceparent(r *http.Request) string {
	v := r.Header.Get("Traceparent")
	if len(v) != 55 || strings.Trim(v, "0123456789abcdef-") != "" {
		return ""
	}
	return v
}
