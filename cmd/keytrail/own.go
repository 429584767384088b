package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/cmd/keytrail/sigv4"
	"github.com/keytrail/keytrail/cmd/keytrail/wire"
)

// Our own service speaks AWS's JSON 1.1 like CloudTrail: POST / with a target.
const (
	ownTarget  = "Keytrail_20261101."
	ownService = "keytrail"
	ownVersion = "2026-11-01"
	ownBody    = 64 << 10
)

func own(r *http.Request) bool { return strings.HasPrefix(r.Header.Get("X-Amz-Target"), ownTarget) }

// ownInputs are the input types of our own actions, from the table.
var ownInputs = func() map[string]reflect.Type {
	m := map[string]reflect.Type{}
	for _, a := range audit.Actions() {
		if a.Service == ownService {
			m[a.Name] = a.Input
		}
	}
	return m
}()

func (s *server) serveOwn(w http.ResponseWriter, r *http.Request, now time.Time, id string) {
	fail := func(err error) { wire.WriteError(w, "cloudtrail", id, err) } // its protocol
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, ownBody))
	if err != nil {
		fail(&smithy.GenericAPIError{Code: "RequestEntityTooLarge", Message: "The body is too long or did not arrive."})
		return
	}
	q := s.request(r, id)
	q.Service, q.Version, q.Name = ownService, ownVersion, strings.TrimPrefix(r.Header.Get("X-Amz-Target"), ownTarget)
	if _, ok := ownInputs[q.Name]; !ok {
		q.Name = wire.Word(q.Name)
		q.Unread = &smithy.GenericAPIError{Code: "UnknownOperationException", Message: "There is no such operation."}
	}
	if signature, err := sigv4.Parse(r, body, now, sigv4.Scope{Service: ownService}); err != nil {
		q.Unproved = err
	} else {
		q.Proof = signature
	}
	q.Input = func() (any, error) { return ownInput(q.Name, body) }
	answer := s.gate.Serve(r.Context(), q)
	token(w, answer)
	if answer.Err != nil {
		fail(answer.Err)
		return
	}
	b, err := json.Marshal(answer.Output)
	if err != nil {
		s.gate.Errors.Error("answer not written", "request", id, "cause", err)
		fail(errors.New("answer"))
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-Requestid", id)
	w.Write(b)
}

func ownInput(name string, body []byte) (any, error) {
	in := reflect.New(ownInputs[name]).Interface()
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil || d.More() {
		return nil, &smithy.GenericAPIError{Code: "SerializationException", Message: "The body is not the JSON of " + name + "."}
	}
	return in, nil
}

// sequence is what the caller says it has seen.
func sequence(r *http.Request) uint64 {
	n, err := strconv.ParseUint(r.Header.Get(sequenceToken), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// token tells the caller what its answer made true, to be shown to any node.
func token(w http.ResponseWriter, a audit.Answer) {
	if a.Seq > 0 {
		w.Header()[sequenceToken] = []string{strconv.FormatUint(a.Seq, 10)}
	}
}

// tlsVersion and cipherSuite are CloudTrail's words.
func tlsVersion(v uint16) string { return strings.Replace(tls.VersionName(v), "TLS 1.", "TLSv1.", 1) }

func cipherSuite(id uint16) string { return tls.CipherSuiteName(id) }
