package sigv4

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"sync"

	"github.com/keytrail/keytrail/events/seal"
)

// key is a signing key, good for one secret, day, region and service. It is
// kept only as the state of HMACs that were started with it.
type key struct{ macs sync.Pool }

type mac struct {
	hash.Hash
	text        []byte
	sum         [sha256.Size]byte
	want, given [2 * sha256.Size]byte
}

func derive(secret seal.Secret, date, region, service string) *key {
	k := []byte("AWS4" + secret.Reveal())
	signing := step(k, date)
	clear(k)
	for _, part := range [...]string{region, service, terminator} {
		signing = step(signing, part)
	}
	return &key{macs: sync.Pool{New: func() any {
		return &mac{Hash: hmac.New(sha256.New, signing), text: make([]byte, 0, 192)}
	}}}
}

func step(key []byte, data string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(data))
	return h.Sum(nil)
}

// maxKeys bounds the cache; one key takes about 1.5 kB with its HMAC states.
const maxKeys = 8_192

// cache keeps signing keys by a salted hash of all they depend on, the secret
// included, so that a changed secret never meets the old one's key. It has two
// generations: a full young one becomes the old one, and what is still in use
// comes back from there.
type cache struct {
	salt       [sha256.Size]byte // of this process, never stored
	mu         sync.Mutex
	young, old map[[sha256.Size]byte]*key
}

var keys = newCache()

// nobody's secret stands in for the secret of an unknown key.
var nobody = seal.NewSecret(rand.Text() + rand.Text()[:14]) // 40 characters, as real ones have

func newCache() *cache {
	c := &cache{young: map[[sha256.Size]byte]*key{}}
	rand.Read(c.salt[:])
	return c
}

func (c *cache) id(s *Signature, secret seal.Secret) [sha256.Size]byte {
	var room [512]byte
	b := append(room[:0], c.salt[:]...)
	for _, part := range [...]string{s.keyID, secret.Reveal(), s.date, s.region, s.service} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	id := sha256.Sum256(b)
	clear(b)
	return id
}

func (c *cache) get(id [sha256.Size]byte) (*key, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	k, ok := c.young[id]
	if !ok {
		if k, ok = c.old[id]; ok {
			c.add(id, k)
		}
	}
	return k, ok
}

func (c *cache) put(id [sha256.Size]byte, k *key) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(id, k)
}

func (c *cache) add(id [sha256.Size]byte, k *key) {
	if len(c.young) >= maxKeys/2 {
		c.old, c.young = c.young, make(map[[sha256.Size]byte]*key, maxKeys/2)
	}
	c.young[id] = k
}
