package journal

import (
	"crypto/sha256"
	"math/bits"
)

// Tree is the Merkle tree of RFC 6962 §2.1 over the messages of one stream in
// their order, kept as the roots of its full subtrees: enough to add leaves and
// to give the root. The zero Tree is empty.
type Tree struct {
	Size  uint64
	Roots []Hash // of the full subtrees, largest first: one for each bit set in Size
}

// Add appends the leaf hash of the next message.
func (t *Tree) Add(leaf Hash) {
	t.Roots = append(t.Roots, leaf)
	for n := bits.TrailingZeros64(^t.Size); n > 0; n-- { // as many as Size ends in ones
		last := len(t.Roots) - 1
		t.Roots[last-1] = node(t.Roots[last-1], t.Roots[last])
		t.Roots = t.Roots[:last]
	}
	t.Size++
}

// Root is the Merkle tree hash of all leaves so far.
func (t *Tree) Root() Hash {
	if t.Size == 0 {
		return sha256.Sum256(nil)
	}
	h := t.Roots[len(t.Roots)-1]
	for i := len(t.Roots) - 2; i >= 0; i-- {
		h = node(t.Roots[i], h)
	}
	return h
}

// Clone is a copy that shares nothing.
func (t *Tree) Clone() Tree { return Tree{t.Size, append([]Hash(nil), t.Roots...)} }

// sound tells whether there are as many roots as the size wants.
func (t *Tree) sound() bool { return len(t.Roots) == bits.OnesCount64(t.Size) }

func node(left, right Hash) Hash {
	var b [1 + 2*sha256.Size]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[1+sha256.Size:], right[:])
	return sha256.Sum256(b[:])
}
