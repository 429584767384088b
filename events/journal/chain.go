package journal

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// Hash is a SHA-256 value.
type Hash [sha256.Size]byte

func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash reads 64 hexadecimal digits.
func ParseHash(s string) (h Hash, err error) {
	if len(s) != 2*len(h) {
		return h, fmt.Errorf("journal: %q is not a hash", s)
	}
	_, err = hex.Decode(h[:], []byte(s))
	return h, err
}

// Leaf is the Merkle leaf hash of a message's body (RFC 6962 §2.1).
func Leaf(body []byte) (h Hash) {
	d := sha256.New()
	d.Write([]byte{0})
	d.Write(body)
	d.Sum(h[:0])
	return h
}

// Genesis is the link before the first message of a key.
func Genesis(s Stream, key string) Hash {
	return sha256.Sum256([]byte("keytrail chain v1\n" + string(s) + "\n" + key + "\n"))
}

// Next is the link after prev: the chain covers stream, key, order and every
// byte of every body, and hashes each body once.
func Next(prev, leaf Hash) Hash {
	var b [1 + 2*sha256.Size]byte
	b[0] = 2 // neither leaf (0) nor node (1) of the tree
	copy(b[1:], prev[:])
	copy(b[1+sha256.Size:], leaf[:])
	return sha256.Sum256(b[:])
}

// Chain checks a reading of one stream, message by message: no gap in the
// sequence, no break in the chain of any key. Reading from the middle, it
// takes the first link of each key on trust. Not for concurrent use.
type Chain struct {
	stream Stream
	seq    uint64
	links  map[string]Hash
	whole  bool
}

// NewChain begins a reading after sequence after, whose keys stand at links.
// With after 0 every chain is checked from its genesis.
func NewChain(s Stream, after uint64, links map[string]Hash) *Chain {
	if links == nil {
		links = map[string]Hash{}
	}
	return &Chain{stream: s, seq: after, links: links, whole: after == 0}
}

// Check takes the next message in and returns its leaf hash.
// An error wraps ErrDamaged and names the sequence.
func (c *Chain) Check(m *Message) (Hash, error) {
	leaf := Leaf(m.Body)
	return leaf, c.check(m, leaf)
}

func (c *Chain) check(m *Message, leaf Hash) error {
	if m.Seq != c.seq+1 {
		return fmt.Errorf("%w: %s: after sequence %d comes %d", ErrDamaged, c.stream, c.seq, m.Seq)
	}
	prev, seen := c.links[m.Key]
	if !seen && c.whole {
		prev, seen = Genesis(c.stream, m.Key), true
	}
	if seen {
		if want := Next(prev, leaf); m.Link != want {
			return fmt.Errorf("%w: %s: the chain of %s breaks at sequence %d", ErrDamaged, c.stream, m.Key, m.Seq)
		}
	}
	c.links[m.Key], c.seq = m.Link, m.Seq
	return nil
}

// MarshalText writes a hash as 64 hexadecimal digits.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (h *Hash) UnmarshalText(b []byte) (err error) { *h, err = ParseHash(string(b)); return err }
