// Package projections folds the journal into the state that questions are
// answered from. A fold has no clock, no randomness, no I/O and no way to
// fail: the same function runs live, on replay, on every node and in the
// verifier.
package projections

import (
	"github.com/keytrail/keytrail/events"
)

// World is the identity state at one sequence of IDENTITY. The zero World is
// the state before the first event. It is not locked: Live guards the one that
// moves; a frozen copy may be read by anybody.
//
// Entities are immutable: a change replaces the value. So a copy shares all
// that did not change, and a pointer once read stays what it was.
type World struct {
	Seq      uint64 // last unit applied
	accounts table[*Account]
	keys     table[*AccessKey] // every long-term key, by id
}

// Apply moves w forward by one unit.
func (w *World) Apply(u events.Unit) {
	for _, f := range u.Facts {
		w.apply(u, f)
	}
	w.Seq = u.Seq
}

// apply is one switch over every fact; a test insists that it names them all.
func (w *World) apply(u events.Unit, f events.Event) {
	a, _ := w.Account(u.Account)
	switch f := f.(type) {
	case events.AccountCreated:
		w.addAccount(u, f)
	case events.UserCreated:
		a.addUser(u, f)
	case events.UserRenamed:
		a.renameUser(f)
	case events.UserDeleted:
		a.deleteUser(f)
	}
}
