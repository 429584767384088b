package seal

import (
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

func (Secret) String() string                { return redacted }
func (Secret) GoString() string              { return redacted }
func (Secret) MarshalJSON() ([]byte, error)  { return []byte(`"` + redacted + `"`), nil }
func (Secret) MarshalText() ([]byte, error)  { return []byte(redacted), nil }
func (Secret) LogValue() slog.Value          { return slog.StringValue(redacted) }
func (Secret) Format(f fmt.State, verb rune) { io.WriteString(f, redacted) }
