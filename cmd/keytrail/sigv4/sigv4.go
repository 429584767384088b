// Package sigv4 verifies and makes AWS Signature Version 4. Stub: signatures only, bodies follow.
package sigv4

import (
	"errors"
	"net/http"
	"time"

	"github.com/keytrail/keytrail/events/seal"
)

// Scope maps each accepted service to the regions it may be signed for; nil means any region.
type Scope map[string][]string

// Signature is the one signature of a request, read and canonicalised but not yet checked.
type Signature struct{}

func (s *Signature) KeyID() string                  { return "" }
func (s *Signature) Token() string                  { return "" }
func (s *Signature) Service() string                { return "" }
func (s *Signature) Region() string                 { return "" }
func (s *Signature) Time() time.Time                { return time.Time{} }
func (s *Signature) Presigned() bool                { return false }
func (s *Signature) Check(secret seal.Secret) error { return errors.New("sigv4: not yet") }

// CheckUnknown does the work of Check for a key that does not exist, and always fails with InvalidClientTokenId.
func (s *Signature) CheckUnknown() error { return errors.New("sigv4: not yet") }

// Error is a refused signature. Code is the Query protocol's.
type Error struct{ Code, Message string }

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// InvalidToken and ExpiredToken are the errors of the caller's own findings.
func InvalidToken() error { return &Error{"InvalidClientTokenId", "The security token included in the request is invalid."} }
func ExpiredToken() error { return &Error{"ExpiredToken", "The security token included in the request is expired"} }

func Parse(r *http.Request, body []byte, now time.Time, scope Scope) (*Signature, error) {
	return nil, errors.New("sigv4: not yet")
}

// Credentials sign requests.
type Credentials struct {
	KeyID  string
	Secret seal.Secret
	Token  string
}

// Sign adds X-Amz-Date, X-Amz-Security-Token and Authorization to r.
func Sign(r *http.Request, body []byte, c Credentials, service, region string, at time.Time) {}

// Presign puts the signature of r (a GET without body) into its query.
func Presign(r *http.Request, c Credentials, service, region string, at time.Time, expires time.Duration) {
}
