package seal

import (
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Cost is what one hash of a password takes.
type Cost struct {
	Memory  uint32 // KiB
	Time    uint32 // passes
	Threads uint8
}

// PasswordCost is some 0.4 s and 64 MiB (RFC 9106, section 4, its second choice,
// with the memory of one more user at once in mind).
var PasswordCost = Cost{Memory: 64 << 10, Time: 3, Threads: 4}

// Salt makes equal passwords of two users different.
type Salt [16]byte

// Work is a hash that is still to be computed. Equal work gives equal hashes,
// so it can be the key of a map.
type Work struct {
	password Secret
	salt     Salt
	cost     Cost
}

// NewWork is hashing a password with a salt of its own.
func NewWork(password Secret, salt Salt, cost Cost) Work { return Work{password, salt, cost} }

// Format shows nothing of it.
func (Work) Format(f fmt.State, verb rune) { io.WriteString(f, redacted) }

// Do computes the hash. It takes long and much memory: whoever calls it bounds
// how many do.
func (w Work) Do() Hash {
	h := Hash{salt: w.salt, cost: w.cost}
	copy(h.tag[:], argon2.IDKey([]byte(w.password.plain), w.salt[:], w.cost.Time, w.cost.Memory, w.cost.Threads, uint32(len(h.tag))))
	return h
}

// Hash is the argon2id hash of a password.
type Hash struct {
	salt Salt
	cost Cost
	tag  [32]byte
}

// Likewise is hashing another password with the same salt at the same cost, so
// that the result can be held against h.
func (h Hash) Likewise(password Secret) Work { return Work{password, h.salt, h.cost} }

// Cost is what h took.
func (h Hash) Cost() Cost { return h.cost }

// Equal compares in constant time.
func (h Hash) Equal(o Hash) bool {
	return h.salt == o.salt && h.cost == o.cost && subtle.ConstantTimeCompare(h.tag[:], o.tag[:]) == 1
}

// Format shows nothing of it: offline, a hash is worth guessing at.
func (Hash) Format(f fmt.State, verb rune) { io.WriteString(f, redacted) }

// SealHash closes a hash, in the form of the PHC, for one field of one subject.
func (k *Keyring) SealHash(account, subject, field string, h Hash) string {
	b64 := base64.RawStdEncoding.EncodeToString
	return k.Seal(account, subject, field, Secret{fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, h.cost.Memory, h.cost.Time, h.cost.Threads, b64(h.salt[:]), b64(h.tag[:]))})
}

// OpenHash opens what SealHash closed.
func (k *Keyring) OpenHash(account, subject, field, sealed string) (Hash, error) {
	s, err := k.Open(account, subject, field, sealed)
	if err != nil {
		return Hash{}, err
	}
	return parseHash(s.plain)
}

// Nobody hashes at more than this: a hash that says so is none of ours.
const (
	mostMemory  = 1 << 20 // KiB
	mostTime    = 16
	mostThreads = 16
)

func parseHash(s string) (h Hash, err error) {
	part := strings.Split(s, "$")
	if len(part) != 6 || part[0] != "" || part[1] != "argon2id" || part[2] != "v="+strconv.Itoa(argon2.Version) {
		return Hash{}, ErrSealed
	}
	cost := strings.Split(part[3], ",")
	if len(cost) != 3 {
		return Hash{}, ErrSealed
	}
	var n [3]uint64
	for i, name := range []string{"m=", "t=", "p="} {
		text, ok := strings.CutPrefix(cost[i], name)
		if n[i], err = strconv.ParseUint(text, 10, 32); !ok || err != nil || n[i] == 0 || strconv.FormatUint(n[i], 10) != text {
			return Hash{}, ErrSealed
		}
	}
	if n[0] > mostMemory || n[1] > mostTime || n[2] > min(mostThreads, math.MaxUint8) {
		return Hash{}, ErrSealed
	}
	h.cost = Cost{Memory: uint32(n[0]), Time: uint32(n[1]), Threads: uint8(n[2])}
	for i, to := range [][]byte{h.salt[:], h.tag[:]} {
		b, err := base64.RawStdEncoding.Strict().DecodeString(part[4+i])
		if err != nil || len(b) != len(to) {
			return Hash{}, ErrSealed
		}
		copy(to, b)
	}
	return h, nil
}
