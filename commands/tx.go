// Package commands holds one method per action that changes something or
// issues credentials.
//
// A command reads one World, emits facts, and returns the caller's answer. It
// does no I/O, reads no clock but Now and no chance but Rand, and may be run
// again from the top when somebody else wrote first. It does not authenticate,
// authorize, log or record: the gate has done or will do all four.
package commands

import (
	"io"
	"time"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/projections"
)

// Tx is everything a command may see and do.
type Tx struct {
	World   *projections.World   // read only
	Account *projections.Account // the caller's; the only one a command may change
	Caller  *projections.Caller
	Now     time.Time // UTC
	Rand    io.Reader
	Keys    *seal.Keyring
	Region  string   // the server's own
	Hashing *Hashing // of a command that may need it
	MFA     bool     // Factor found the request's MFA code to be right
	Facts   []events.Event
	Anyway  []events.Event // facts that become true even if the command is refused

	Into  string // the new account that the facts are about, if not the caller's
	LogID string // set for the first unit of a log only
}

// Emit adds a fact to what this command asks to be true.
func (tx *Tx) Emit(f events.Event) { tx.Facts = append(tx.Facts, f) }

// EmitAnyway adds a fact that is true even if the command is refused: somebody
// was wrong.
func (tx *Tx) EmitAnyway(f events.Event) { tx.Anyway = append(tx.Anyway, f) }

// alphabet of AWS's unique ids; key ids use only its first letters and 2 to 7.
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

// NewID makes a unique id: a four-letter prefix and 17 of A–Z and 0–9, 88 bits
// of chance (IAM User Guide, "IAM identifiers").
func (tx *Tx) NewID(prefix string) string { return prefix + tx.letters(17, alphabet) }

// letters draws n letters of an alphabet, each equally likely.
func (tx *Tx) letters(n int, alphabet string) string {
	out := make([]byte, 0, n)
	for buf := make([]byte, 2*n); len(out) < n; {
		if _, err := io.ReadFull(tx.Rand, buf); err != nil {
			panic("commands: no randomness: " + err.Error()) // the gate answers ServiceFailure
		}
		for _, b := range buf {
			if limit := 256 - 256%len(alphabet); int(b) < limit && len(out) < n {
				out = append(out, alphabet[int(b)%len(alphabet)])
			}
		}
	}
	return string(out)
}

// entity is what the fold will make of a fact that creates something.
func (tx *Tx) entity(id, name, path string, tags []events.Tag) projections.Entity {
	return projections.Entity{ID: id, Name: name, Path: path, Created: tx.Now, Tags: tags}
}

func (tx *Tx) quotas() *projections.Quotas { return tx.Account.Quotas() }

// done is out, unless there is an error.
func done[T any](out *T, err error) (*T, error) {
	if err != nil {
		return nil, err
	}
	return out, nil
}

func ptr[T any](v T) *T { return &v }

// or is what p points to, if anything.
func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}
