// Package wire speaks AWS's Query and JSON 1.1 protocols. Stub: signatures only, bodies follow.
package wire

import (
	"errors"
	"net/http"
	"time"

	"github.com/keytrail/keytrail/cmd/keytrail/sigv4"
)

// Operation is one action of one service.
type Operation struct {
	Service  string // "iam", "sts", "cloudtrail"
	Name     string // "CreateUser"
	Version  string // "2010-05-08"
	JSON     bool   // JSON 1.1; else Query and XML
	Unsigned bool   // served without a signature (AssumeRoleWithSAML, AssumeRoleWithWebIdentity)
}

// Lookup finds an operation by its service and name.
func Lookup(service, action string) (*Operation, bool) { return nil, false }

// Operations lists the operations of a service in the order of their names.
func Operations(service string) []*Operation { return nil }

// NewInput makes an empty input (*iam.CreateUserInput), NewOutput an empty output.
func (op *Operation) NewInput() any  { return nil }
func (op *Operation) NewOutput() any { return nil }

// Check holds in against the published constraints.
func (op *Operation) Check(in any) error { return nil }

// Call is a request whose operation is known and whose signature is not yet checked.
type Call struct {
	Service string     // never empty; the answer's protocol follows it
	Op      *Operation // nil if ReadRequest failed
	Body    []byte     // exactly as received
}

// ReadRequest reads a bounded body and finds the operation. The Call is never nil, so that WriteError knows the protocol.
func ReadRequest(w http.ResponseWriter, r *http.Request) (*Call, error) {
	return &Call{Service: "iam"}, errors.New("wire: not yet")
}

// Authenticate parses the signature in the scope of the call's service. It gives nil, nil for an Unsigned operation without one.
func (c *Call) Authenticate(r *http.Request, now time.Time, regions []string) (*sigv4.Signature, error) {
	return nil, errors.New("wire: not yet")
}

// Decode fills the operation's input struct and checks its constraints. Authenticate first.
func (c *Call) Decode() (in any, err error) { return nil, errors.New("wire: not yet") }

// WriteResponse answers 200 with out in the operation's protocol.
func WriteResponse(w http.ResponseWriter, op *Operation, requestID string, out any) error { return nil }

// WriteError answers with err in the service's protocol.
func WriteError(w http.ResponseWriter, service, requestID string, err error) {}

// Code is the error code and HTTP status that WriteError would send for err.
func Code(service string, err error) (code, message string, status int) { return "", "", 500 }
