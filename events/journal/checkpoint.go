package journal

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/mod/sumdb/note"
)

// Checkpoint is a signed statement of a stream's size and root (C2SP
// tlog-checkpoint). Checkpoints stand outside the stream's own store, so that
// a store that was cut, restored or rewritten is known for what it is.
type Checkpoint struct {
	Origin string // keytrail/<log id>/<stream>
	Size   uint64
	Root   Hash
}

// Origin names a stream of one log for ever.
func Origin(logID string, s Stream) string { return "keytrail/" + logID + "/" + string(s) }

// keyName is the name of the key that signs for a log.
func keyName(logID string) string { return "keytrail/" + logID }

// Signer signs the checkpoints of one log.
func Signer(logID string, key ed25519.PrivateKey) (note.Signer, error) {
	// The encoding of golang.org/x/mod/sumdb/note, whose own generator takes
	// no key: PRIVATE+KEY+name+hash+base64(1, seed).
	pub := append([]byte{1}, key.Public().(ed25519.PublicKey)...)
	sum := sha256.Sum256(append([]byte(keyName(logID)+"\n"), pub...))
	return note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", keyName(logID), binary.BigEndian.Uint32(sum[:]),
		base64.StdEncoding.EncodeToString(append([]byte{1}, key.Seed()...))))
}

// PublicKey is the text form of the verifier's key: all that an auditor needs.
func PublicKey(logID string, key ed25519.PublicKey) (string, error) {
	return note.NewEd25519VerifierKey(keyName(logID), key)
}

// Sign gives the checkpoint as a signed note.
func (c Checkpoint) Sign(s note.Signer) ([]byte, error) {
	return note.Sign(&note.Note{Text: fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))}, s)
}

// OpenCheckpoint reads a signed note and believes it only if v's key signed it.
func OpenCheckpoint(signed []byte, v note.Verifier) (c Checkpoint, err error) {
	n, err := note.Open(signed, note.VerifierList(v))
	if err != nil {
		return c, fmt.Errorf("%w: checkpoint: %w", ErrDamaged, err)
	}
	for _, sig := range n.Sigs { // the last digit of base64 has bits to spare: one spelling counts
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return c, fmt.Errorf("%w: checkpoint: not as it was signed", ErrDamaged)
		}
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) < 4 {
		return c, fmt.Errorf("%w: checkpoint: malformed", ErrDamaged)
	}
	root, err1 := base64.StdEncoding.DecodeString(lines[2])
	size, err2 := strconv.ParseUint(lines[1], 10, 64)
	if err := errors.Join(err1, err2); err != nil || len(root) != len(c.Root) {
		return c, fmt.Errorf("%w: checkpoint: malformed", ErrDamaged)
	}
	return Checkpoint{lines[0], size, Hash(root)}, nil
}

// Head is how far a stream has been read and proved: the tree over its
// messages and the chain of each key. It moves message by message.
type Head struct {
	Stream Stream
	Tree   Tree
	chain  *Chain
}

// NewHead is the head of an empty stream.
func NewHead(s Stream) *Head { return &Head{Stream: s, chain: NewChain(s, 0, nil)} }

// ResumeHead goes on from a tree and the links of all keys at its size.
func ResumeHead(s Stream, t Tree, links map[string]Hash) (*Head, error) {
	if !t.sound() {
		return nil, fmt.Errorf("%w: %s: a tree of %d leaves with %d roots", ErrDamaged, s, t.Size, len(t.Roots))
	}
	c := NewChain(s, t.Size, links)
	c.whole = true // every key with a message so far is in links
	return &Head{Stream: s, Tree: t, chain: c}, nil
}

// Add checks the next message and takes it in.
func (h *Head) Add(m *Message) error {
	return h.AddLeaf(m, Leaf(m.Body))
}

// AddLeaf is Add for who has computed Leaf(m.Body) already, on another core
// perhaps.
func (h *Head) AddLeaf(m *Message, leaf Hash) error {
	err := h.chain.check(m, leaf)
	if err == nil {
		h.Tree.Add(leaf)
	}
	return err
}

// Link is the chain of key, its genesis if it has no message yet.
func (h *Head) Link(key string) Hash {
	if l, ok := h.chain.links[key]; ok {
		return l
	}
	return Genesis(h.Stream, key)
}

// Links are the chains of all keys; the caller may keep the map.
func (h *Head) Links() map[string]Hash {
	out := make(map[string]Hash, len(h.chain.links))
	for k, l := range h.chain.links {
		out[k] = l
	}
	return out
}

// Vault keeps signed checkpoints in a folder of its own: for each stream the
// newest in <stream>.checkpoint, and all of them in <stream>.checkpoints.
type Vault struct {
	dir    string
	logID  string
	signer note.Signer
	verify note.Verifier
	pub    string
	mu     sync.Mutex // one Store at a time
}

// OpenVault uses dir, making it if needed.
func OpenVault(dir, logID string, key ed25519.PrivateKey) (*Vault, error) {
	v := &Vault{dir: dir, logID: logID}
	pub, err := PublicKey(logID, key.Public().(ed25519.PublicKey))
	v.pub = pub
	if err == nil {
		v.verify, err = note.NewVerifier(pub)
	}
	if err == nil {
		v.signer, err = Signer(logID, key)
	}
	if err == nil {
		err = os.MkdirAll(dir, 0o700)
	}
	if err == nil {
		err = replaceFile(filepath.Join(dir, "public.key"), []byte(pub+"\n"))
	}
	if err != nil {
		return nil, fmt.Errorf("journal: checkpoints in %s: %w", dir, err)
	}
	return v, nil
}

func (v *Vault) file(s Stream) string {
	return filepath.Join(v.dir, strings.ToLower(string(s))+".checkpoint")
}

// Newest is the last checkpoint stored for a stream; ErrNone if there is none.
// If its own file is gone, the last of all of them stands for it.
func (v *Vault) Newest(s Stream) (c Checkpoint, err error) {
	signed, err := v.note(s)
	if err != nil {
		return c, err
	}
	c, err = OpenCheckpoint(signed, v.verify)
	if err == nil && c.Origin != Origin(v.logID, s) {
		err = fmt.Errorf("%w: checkpoint of %s stands for %s", ErrDamaged, c.Origin, Origin(v.logID, s))
	}
	return c, err
}

func (v *Vault) note(s Stream) ([]byte, error) {
	b, err := os.ReadFile(v.file(s))
	if !errors.Is(err, fs.ErrNotExist) {
		return b, err
	}
	all, err := os.ReadFile(v.file(s) + "s")
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(all) == 0 {
		return nil, ErrNone
	}
	if err != nil {
		return nil, err
	}
	for _, n := range slices.Backward(SplitCheckpoints(all)) {
		if _, err := OpenCheckpoint(n, v.verify); err == nil { // a process killed at its first may have left half of it
			return n, nil
		}
	}
	return nil, ErrNone
}

// PublicKey is what a verifier needs, as text.
func (v *Vault) PublicKey() string { return v.pub }

// Note is the newest checkpoint as it was signed; empty if there is none.
func (v *Vault) Note(s Stream) (string, error) {
	b, err := v.note(s)
	if errors.Is(err, ErrNone) {
		return "", nil
	}
	return string(b), err
}

// Store signs and keeps the head of a stream, on disk before it returns. A
// head that is older than the stored one, or differs from it at the same size,
// is refused: there would be two histories.
func (v *Vault) Store(s Stream, t *Tree) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	c := Checkpoint{Origin(v.logID, s), t.Size, t.Root()}
	switch old, err := v.Newest(s); {
	case errors.Is(err, ErrNone):
	case err != nil:
		return err
	case old.Size == c.Size && old.Root == c.Root:
		return nil
	case old.Size >= c.Size:
		return fmt.Errorf("%w: %s: a checkpoint of %d messages is stored, now there are %d", ErrDamaged, s, old.Size, c.Size)
	}
	signed, err := c.Sign(v.signer)
	if err != nil {
		return err
	}
	if err := appendFile(v.file(s)+"s", append(signed, '\n')); err != nil {
		return err
	}
	return replaceFile(v.file(s), signed)
}

// SplitCheckpoints takes the notes of a .checkpoints file apart.
func SplitCheckpoints(b []byte) (notes [][]byte) {
	for len(b) > 0 {
		// A note is a text, a blank line, signature lines, and our blank line.
		_, rest, ok := bytes.Cut(b, []byte("\n\n"))
		if !ok {
			return append(notes, b)
		}
		sigs, next, _ := bytes.Cut(rest, []byte("\n\n"))
		text := b[:len(b)-len(rest)]
		note := append(append(append([]byte(nil), text...), bytes.TrimSuffix(sigs, []byte("\n"))...), '\n')
		notes, b = append(notes, note), next
	}
	return notes
}

func appendFile(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		if _, err = f.Write(b); err != nil { // half of it must not stay: the next would be read as a part of it
			err = errors.Join(err, f.Truncate(info.Size()))
		}
	}
	return errors.Join(err, f.Sync(), f.Close())
}

// replaceFile puts b at path durably: old or new, never half of one.
func replaceFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
