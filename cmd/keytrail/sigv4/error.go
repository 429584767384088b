package sigv4

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/aws/smithy-go"
)

// Error is a refused signature. Code and Message are those of AWS's Query
// protocol; wire knows their HTTP status and how JSON 1.1 spells them.
// Message holds nothing secret and never a whole header.
type Error struct {
	Code    string // SignatureDoesNotMatch, IncompleteSignature, …
	Message string
}

func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Error is a smithy.APIError, like every error a client may see.
func (e *Error) ErrorCode() string             { return e.Code }
func (e *Error) ErrorMessage() string          { return e.Message }
func (e *Error) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }

const noMatch = "The request signature we calculated does not match the signature you provided. " +
	"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

// InvalidToken is the answer for an unknown, deleted or inactive key, and for a
// session token that is not that key's.
func InvalidToken() error {
	return &Error{"InvalidClientTokenId", "The security token included in the request is invalid."}
}

// ExpiredToken is the answer for temporary credentials past their end.
func ExpiredToken() error {
	return &Error{"ExpiredToken", "The security token included in the request is expired"}
}

func mismatch(message string) error   { return &Error{"SignatureDoesNotMatch", message} }
func incomplete(message string) error { return &Error{"IncompleteSignature", message} }

// hashed ends a message about an unreadable header. AWS names the header by
// its hash, since what was put there by mistake is often a secret.
func hashed(header string) string {
	sum := sha256.Sum256([]byte(header))
	return "(Hashed with SHA-256 and encoded with Base64) Authorization=" + base64.StdEncoding.EncodeToString(sum[:])
}

// clip bounds what of a request is repeated in an answer.
func clip(s string) string {
	const most = 64
	if len(s) > most {
		s = s[:most] + "…"
	}
	return strings.ToValidUTF8(s, "�")
}
