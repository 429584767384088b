package seal

import (
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[secret]"

// Secret is a value that must never be printed, logged, recorded or compared
// with ==. Every way of turning it into text gives "[secret]"; Reveal is the
// one exception, and a test lists its callers.
type Secret struct{ plain string }

// NewSecret wraps plain.
func NewSecret(plain string) Secret { return Secret{plain} }

// Reveal returns the value itself.
func (s Secret) Reveal() string { return s.plain }

// Equal compares in constant time.
func (s Secret) Equal(o Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.plain), []byte(o.plain)) == 1
}

func (Secret) String() string                { return redacted }
func (Secret) GoString() string              { return redacted }
func (Secret) MarshalJSON() ([]byte, error)  { return []byte(`"` + redacted + `"`), nil }
func (Secret) MarshalText() ([]byte, error)  { return []byte(redacted), nil }
func (Secret) LogValue() slog.Value          { return slog.StringValue(redacted) }
func (Secret) Format(f fmt.State, verb rune) { io.WriteString(f, redacted) }
