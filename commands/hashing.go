package commands

import (
	"errors"
	"io"

	"github.com/keytrail/keytrail/events/seal"
)

// Hashing is what one request has had hashed. A hash takes longer than a
// command may, so a command that needs one that is not there ends with ErrHash;
// whoever runs commands has it computed, while no World is read and nobody is
// kept waiting, and runs the command again. It outlives the runs, so nothing is
// hashed twice.
type Hashing struct {
	cost seal.Cost
	salt seal.Salt // for a first password: the same in every run
	done map[seal.Work]seal.Hash
	next *seal.Work
}

// ErrHash says that Hashing.Next must be done first.
var ErrHash = errors.New("commands: a password must be hashed first")

// NewHashing begins a request that may hash.
func NewHashing(rand io.Reader, cost seal.Cost) *Hashing {
	h := &Hashing{cost: cost, done: map[seal.Work]seal.Hash{}}
	if _, err := io.ReadFull(rand, h.salt[:]); err != nil {
		panic("commands: no randomness: " + err.Error())
	}
	return h
}

// Next is what a command ended for, once.
func (h *Hashing) Next() (w seal.Work, ok bool) {
	if h == nil || h.next == nil {
		return w, false
	}
	w, h.next = *h.next, nil
	return w, true
}

// Did takes the result.
func (h *Hashing) Did(w seal.Work, result seal.Hash) { h.done[w] = result }

func (h *Hashing) first(password string) seal.Work {
	return seal.NewWork(seal.NewSecret(password), h.salt, h.cost)
}

func (h *Hashing) hash(w seal.Work) (seal.Hash, error) {
	if result, ok := h.done[w]; ok {
		return result, nil
	}
	h.next = &w
	return seal.Hash{}, ErrHash
}
