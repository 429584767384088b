package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go"
	"github.com/google/uuid"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/cmd/keytrail/sigv4"
	"github.com/keytrail/keytrail/events"
)

// AuthZEN is the OpenID Authorization API 1.0: other services ask here what
// their callers may. Requests are signed like all others, for our own service,
// or carry a session token of STS as a bearer token.

const (
	authzenBody  = 64 << 10
	authzenBatch = 1 << 20
	largeAtOnce  = 64 // bodies beyond authzenBody in memory
)

// authzenPaths are the endpoints and the actions they stand for.
var authzenPaths = map[string]string{
	"/access/v1/evaluation":      "Evaluate",
	"/access/v1/evaluations":     "Evaluate",
	"/access/v1/search/subject":  "SearchSubject",
	"/access/v1/search/resource": "SearchResource",
	"/access/v1/search/action":   "SearchAction",
}

const authzenDiscovery = "/.well-known/authzen-configuration"

func isAuthzen(r *http.Request) bool {
	return strings.HasPrefix(r.URL.Path, "/access/v1/") || r.URL.Path == authzenDiscovery
}

func refused(code, message string) error {
	return &smithy.GenericAPIError{Code: code, Message: message, Fault: smithy.FaultClient}
}

func (s *server) authzen(w http.ResponseWriter, r *http.Request) {
	if named := r.Header.Values("X-Request-Id"); len(named) > 0 {
		if len(named) > 1 || len(named[0]) > 256 || strings.ContainsFunc(named[0], func(c rune) bool { return c < ' ' || c > '~' }) {
			authzenError(w, refused("ValidationError", "X-Request-ID must be one header of at most 256 printable characters."))
			return
		}
		w.Header()["X-Request-Id"] = named
	}
	if r.URL.Path == authzenDiscovery {
		s.authzenDiscovery(w, r)
		return
	}
	name, ok := authzenPaths[r.URL.Path]
	switch {
	case !ok:
		authzenError(w, refused("NotFound", "There is no such endpoint."))
		return
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		authzenError(w, refused("MethodNotAllowed", "Ask with POST."))
		return
	}
	id := uuid.NewString()
	q := s.request(r, id)
	q.Service, q.Name, q.Version, q.Named = ownService, name, ownVersion, r.Header.Get("X-Request-Id")
	w.Header()["X-Amzn-Requestid"] = []string{id}
	body, err := s.authzenBody(r)
	if err != nil {
		authzenError(w, err)
		return
	}
	switch token, err := bearer(r); {
	case err != nil:
		q.Unproved = err
	case token != "":
		q.Bearer = token
	default:
		if signature, err := sigv4.Parse(r, body, time.Now().UTC(), sigv4.Scope{Service: ownService}); err != nil {
			q.Unproved = err
		} else {
			q.Proof = signature
		}
	}
	q.Input = func() (any, error) {
		if !isJSON(r) {
			return nil, refused("ValidationError", "The Content-Type must be application/json, without a Content-Encoding.")
		}
		return audit.ReadQuestion(r.URL.Path, body)
	}
	answer := s.gate.Serve(r.Context(), q)
	token(w, answer)
	if answer.Err != nil {
		authzenError(w, answer.Err)
		return
	}
	out, err := answer.Output.(json.Marshaler).MarshalJSON()
	if err != nil {
		s.gate.Errors.Error("answer not written", "request", id, "cause", err)
		authzenError(w, err)
		return
	}
	h := w.Header()
	h["Content-Type"] = []string{"application/json"}
	h["Content-Length"] = []string{strconv.Itoa(len(out))}
	w.Write(out)
}

// authzenBody reads a body of its endpoint's limit.
func (s *server) authzenBody(r *http.Request) ([]byte, error) {
	limit := int64(authzenBody)
	if r.URL.Path == "/access/v1/evaluations" && r.ContentLength > limit {
		select {
		case s.large <- struct{}{}:
			defer func() { <-s.large }() // what is in the World's hands then is bounded by requests in flight
		default:
			return nil, &smithy.GenericAPIError{Code: "ServiceUnavailable", Message: "Too many large batches are being read. Try again.", Fault: smithy.FaultServer}
		}
		limit = authzenBatch
	}
	if r.ContentLength > limit {
		return nil, errTooLarge
	}
	if r.Header["Authorization"] == nil && r.URL.RawQuery == "" {
		return nil, nil // nobody's: it is not read
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit))
	if err != nil {
		return nil, refused("RequestTimeout", "The body did not arrive.")
	}
	return body, nil
}

var errTooLarge = refused("RequestEntityTooLarge", "The body is too long.")

// bearer is the token of a request that has one, "" if it has another proof.
func bearer(r *http.Request) (string, error) {
	auth := r.Header["Authorization"]
	if len(auth) == 0 || len(auth[0]) < 7 || !strings.EqualFold(auth[0][:7], "Bearer ") {
		return "", nil
	}
	token := strings.TrimSpace(auth[0][7:])
	if len(auth) > 1 || token == "" || r.URL.RawQuery != "" || r.Header["X-Amz-Security-Token"] != nil {
		return "", refused("IncompleteSignature", "A bearer token must be the only proof.")
	}
	return token, nil
}

func isJSON(r *http.Request) bool {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(kind), "application/json") && r.Header["Content-Encoding"] == nil
}

// authzenStatus is HTTP's word for an error (Authorization API 1.0, "Error
// responses"); whatever else a client did is 400.
var authzenStatus = map[string]int{
	"MissingAuthenticationToken": 401, "InvalidClientTokenId": 401, "SignatureDoesNotMatch": 401, "IncompleteSignature": 401, "ExpiredToken": 401, "RequestExpired": 401,
	"AccessDenied": 403, "NotFound": 404, "MethodNotAllowed": 405, "RequestTimeout": 408, "RequestEntityTooLarge": 413, "Throttling": 429,
	"InternalFailure": 500, "ServiceUnavailable": 503,
}

// authzenError answers with a message string, as the standard wants it, inside JSON.
func authzenError(w http.ResponseWriter, err error) {
	code, message, status := "InternalFailure", "The request processing has failed because of an unknown error, exception or failure.", 500
	if api := smithy.APIError(nil); errors.As(err, &api) && api.ErrorCode() != "InternalFailure" {
		code, message = api.ErrorCode(), api.ErrorMessage()
		var known bool
		if status, known = authzenStatus[code]; !known {
			status = 400
		}
	}
	if status == 401 {
		w.Header().Set("WWW-Authenticate", `AWS4-HMAC-SHA256, Bearer`)
	}
	if status == 408 || status == 413 {
		w.Header().Set("Connection", "close") // the rest of the body is still coming
	}
	b := events.AppendString([]byte(`{"error":`), code)
	b = append(events.AppendString(append(b, `,"message":`...), message), '}')
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	io.Copy(w, bytes.NewReader(b)) // a client that went away needs no answer
}

// authzenDiscovery says where the endpoints are: under the name by which we
// were asked, for that is the name the asker trusts.
func (s *server) authzenDiscovery(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		authzenError(w, refused("MethodNotAllowed", "Ask with GET."))
		return
	}
	base := "https://" + r.Host
	if r.TLS == nil {
		base = "http://" + r.Host
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(map[string]any{
		"policy_decision_point":       base,
		"access_evaluation_endpoint":  base + "/access/v1/evaluation",
		"access_evaluations_endpoint": base + "/access/v1/evaluations",
		"search_subject_endpoint":     base + "/access/v1/search/subject",
		"search_resource_endpoint":    base + "/access/v1/search/resource",
		"search_action_endpoint":      base + "/access/v1/search/action",
	})
}
