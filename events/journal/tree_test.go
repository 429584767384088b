package journal_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"github.com/keytrail/keytrail/events/journal"
)

// The tree is RFC 6962's: an independent library agrees at every size.
func TestTree(t *testing.T) {
	factory := compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}
	want := factory.NewEmptyRange(0)
	var got journal.Tree
	for i := range 300 {
		body := []byte(fmt.Sprint("leaf ", i))
		got.Add(journal.Leaf(body))
		if err := want.Append(rfc6962.DefaultHasher.HashLeaf(body), nil); err != nil {
			t.Fatal(err)
		}
		root, err := want.GetRootHash(nil)
		if err != nil {
			t.Fatal(err)
		}
		if r := got.Root(); !bytes.Equal(r[:], root) {
			t.Fatalf("root of %d leaves: %v, want %x", i+1, r, root)
		}
	}
	var empty journal.Tree
	if r := empty.Root(); !bytes.Equal(r[:], rfc6962.DefaultHasher.EmptyRoot()) {
		t.Fatalf("root of nothing: %v", r)
	}
}

// A vault keeps one history: what was signed can't be followed by less or by
// something else, and no altered byte of a checkpoint is believed.
func TestVault(t *testing.T) {
	dir := t.TempDir()
	key := ed25519.NewKeyFromSeed(make([]byte, 32))
	v, err := journal.OpenVault(dir, "log1", key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.Newest(journal.Identity); !errors.Is(err, journal.ErrNone) {
		t.Fatalf("empty vault: %v", err)
	}
	var tree journal.Tree
	for i := range 3 {
		tree.Add(journal.Leaf([]byte{byte(i)}))
		if err := v.Store(journal.Identity, &tree); err != nil {
			t.Fatal(err)
		}
	}
	c, err := v.Newest(journal.Identity)
	if err != nil || c.Size != 3 || c.Root != tree.Root() {
		t.Fatalf("newest: %+v, %v", c, err)
	}
	var other journal.Tree
	for i := range 3 {
		other.Add(journal.Leaf([]byte{byte(9 - i)}))
		if err := v.Store(journal.Identity, &other); !errors.Is(err, journal.ErrDamaged) {
			t.Fatalf("another history of size %d was signed: %v", i+1, err)
		}
	}
	path := filepath.Join(dir, "identity.checkpoint")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		os.WriteFile(path, bad, 0o600)
		if c, err := v.Newest(journal.Identity); err == nil && (c.Size != 3 || c.Root != tree.Root()) {
			t.Fatalf("byte %d altered: believed %+v", i, c)
		}
	}
	all, err := os.ReadFile(path + "s")
	if err != nil {
		t.Fatal(err)
	}
	pub, err := journal.PublicKey("log1", key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(pub)
	if err != nil {
		t.Fatal(err)
	}
	notes := journal.SplitCheckpoints(all)
	if len(notes) != 3 {
		t.Fatalf("%d checkpoints kept, want 3", len(notes))
	}
	for i, n := range notes {
		if c, err := journal.OpenCheckpoint(n, verifier); err != nil || c.Size != uint64(i+1) {
			t.Fatalf("checkpoint %d: %+v, %v", i, c, err)
		}
	}
}

// Every alteration of a stream is found, and named by its first bad sequence.
func TestHeadFindsEveryAlteration(t *testing.T) {
	var log []journal.Message
	links := map[string]journal.Hash{}
	for i := range 20 {
		key := []string{"a", "b", "c"}[i%3]
		prev, ok := links[key]
		if !ok {
			prev = journal.Genesis(journal.Identity, key)
		}
		body := []byte(fmt.Sprint("body ", i))
		links[key] = journal.Next(prev, journal.Leaf(body))
		log = append(log, journal.Message{Seq: uint64(i) + 1, Key: key, Link: links[key], Body: body})
	}
	check := func(log []journal.Message) error {
		h := journal.NewHead(journal.Identity)
		for i := range log {
			if err := h.Add(&log[i]); err != nil {
				return err
			}
		}
		return nil
	}
	if err := check(log); err != nil {
		t.Fatal(err)
	}
	for i := range log {
		alter := func(what string, f func(l []journal.Message) []journal.Message) {
			l := append([]journal.Message(nil), log...)
			for j := range l {
				l[j].Body = bytes.Clone(l[j].Body)
			}
			if err := check(f(l)); !errors.Is(err, journal.ErrDamaged) {
				t.Errorf("%s at %d not found: %v", what, i, err)
			}
		}
		alter("altered body", func(l []journal.Message) []journal.Message { l[i].Body[0] ^= 1; return l })
		alter("altered link", func(l []journal.Message) []journal.Message { l[i].Link[3] ^= 1; return l })
		alter("altered key", func(l []journal.Message) []journal.Message { l[i].Key += "x"; return l })
		alter("doubled", func(l []journal.Message) []journal.Message {
			return append(l[:i+1:i+1], append([]journal.Message{l[i]}, l[i+1:]...)...)
		})
		if i < len(log)-1 {
			alter("removed", func(l []journal.Message) []journal.Message { return append(l[:i:i], l[i+1:]...) })
			alter("renumbered after removal", func(l []journal.Message) []journal.Message {
				l = append(l[:i:i], l[i+1:]...)
				for j := range l {
					l[j].Seq = uint64(j) + 1
				}
				if i >= len(log)-3 { // the last of its key: only the tree's size tells
					l[len(l)-1].Body[0] ^= 1
				}
				return l
			})
			alter("swapped", func(l []journal.Message) []journal.Message { l[i], l[i+1] = l[i+1], l[i]; return l })
		}
	}
}
