// Package seal keeps secrets. What must be recoverable (SigV4 needs the secret
// of an access key) is sealed with AES-256-GCM under keys that stand beside
// the journal, never in it; what need not be is not kept at all.
//
// The hierarchy: root → key-encryption key (versioned, random) → account key
// → field key, the last two by HKDF-SHA256. Each sealed value names the
// version of its key; account, subject and field are authenticated with it,
// so a value moved elsewhere does not open.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// Keyring holds the data keys of one Keytrail, opened. It is safe for
// concurrent use.
type Keyring struct {
	kek    [][]byte // by version, from 1
	token  [][]byte
	marker []byte
	mac    []byte
	sign   ed25519.PrivateKey
	mu     sync.RWMutex
	fields map[string]cipher.AEAD // guarded by mu: derived ciphers by version, account, subject and field; at most fieldsMax
}

const fieldsMax = 1 << 14

// ErrSealed says that a value does not open: altered, moved, or sealed by
// another key. It never says which.
var ErrSealed = errors.New("seal: value does not open")

// Root is the key of keys, 32 bytes. It seals the keyring file and nothing else.
type Root [32]byte

// LoadRoot reads the root key, making one if the file does not exist. A file
// that others may read is refused.
func LoadRoot(path string) (r Root, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		rand.Read(r[:])
		text := base64.StdEncoding.EncodeToString(r[:]) + "\n"
		return r, writeFile(path, []byte(text))
	}
	if err != nil {
		return r, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return r, fmt.Errorf("root key %s may be read by others (mode %o): chmod 600 it", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return r, err
	}
	b, err := base64.StdEncoding.DecodeString(string(trim(text)))
	if err != nil || len(b) != len(r) {
		return r, fmt.Errorf("root key %s is not 32 bytes in base64", path)
	}
	return Root(b), nil
}

func trim(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}

// file is the keyring at rest: every key sealed under the root key.
type file struct {
	Version int      `json:"version"`
	KEK     [][]byte `json:"kek"`
	Token   [][]byte `json:"token"`
	Marker  []byte   `json:"marker"`
	MAC     []byte   `json:"mac"`
	Sign    []byte   `json:"sign"`
}

// Load opens the keyring file, making a new one if it does not exist.
func Load(path string, root Root) (*Keyring, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return create(path, root)
	}
	if err != nil {
		return nil, err
	}
	var f file
	if err := json.Unmarshal(b, &f); err != nil || f.Version != 1 {
		return nil, fmt.Errorf("keyring %s: not a keyring of version 1", path)
	}
	k := &Keyring{}
	open := func(purpose string, sealed []byte) (plain []byte) {
		if err == nil {
			plain, err = aead(root[:]).Open(nil, nil, sealed, []byte("keyring/"+purpose))
		}
		return plain
	}
	for i, s := range f.KEK {
		k.kek = append(k.kek, open(fmt.Sprint("kek/", i+1), s))
	}
	for i, s := range f.Token {
		k.token = append(k.token, open(fmt.Sprint("token/", i+1), s))
	}
	k.marker, k.mac = open("marker", f.Marker), open("mac", f.MAC)
	if seed := open("sign", f.Sign); err == nil && len(seed) == ed25519.SeedSize {
		k.sign = ed25519.NewKeyFromSeed(seed)
	}
	if err != nil || k.sign == nil || len(k.kek) == 0 || len(k.token) == 0 {
		return nil, fmt.Errorf("keyring %s does not open with this root key", path)
	}
	return k, nil
}

func create(path string, root Root) (*Keyring, error) {
	k := New()
	put := func(purpose string, plain []byte) []byte {
		return aead(root[:]).Seal(nil, nil, plain, []byte("keyring/"+purpose))
	}
	b, err := json.MarshalIndent(file{
		Version: 1,
		KEK:     [][]byte{put("kek/1", k.kek[0])},
		Token:   [][]byte{put("token/1", k.token[0])},
		Marker:  put("marker", k.marker),
		MAC:     put("mac", k.mac),
		Sign:    put("sign", k.sign.Seed()),
	}, "", "  ")
	if err != nil {
		return nil, err
	}
	return k, writeFile(path, b)
}

// New makes a keyring that is kept nowhere, for tests.
func New() *Keyring {
	key := func() []byte { b := make([]byte, 32); rand.Read(b); return b }
	return &Keyring{kek: [][]byte{key()}, token: [][]byte{key()}, marker: key(), mac: key(), sign: ed25519.NewKeyFromSeed(key())}
}

// writeFile writes a file that only we may read, durably or not at all.
func writeFile(path string, b []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}

func aead(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("seal: " + err.Error()) // a key of ours has 32 bytes
	}
	a, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("seal: " + err.Error())
	}
	return a
}

func derive(key []byte, info string) []byte {
	b, err := hkdf.Key(sha256.New, key, nil, info, 32)
	if err != nil {
		panic("seal: " + err.Error())
	}
	return b
}

// bind joins parts so that no two lists of parts give one string.
func bind(b []byte, parts ...string) []byte {
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	return b
}

// field returns the cipher of one field of one subject. Derived ciphers are
// cached, since every signed request needs one; the cache is dropped when full.
func (k *Keyring) field(version int, account, subject, field string) cipher.AEAD {
	var room [128]byte
	name := bind(append(room[:0], byte(version), byte(version>>8)), account, subject, field)
	k.mu.RLock()
	a, ok := k.fields[string(name)]
	k.mu.RUnlock()
	if ok {
		return a
	}
	a = aead(derive(derive(k.kek[version-1], "account\x00"+account), string(bind(nil, "field", subject, field))))
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fields == nil || len(k.fields) >= fieldsMax {
		k.fields = map[string]cipher.AEAD{}
	}
	k.fields[string(name)] = a
	return a
}

// Seal closes plain for one field of one subject of an account. The result is
// printable and names its key's version.
func (k *Keyring) Seal(account, subject, field string, plain Secret) string {
	v := len(k.kek)
	sealed := k.field(v, account, subject, field).Seal(nil, nil, []byte(plain.plain), bind(nil, account, subject, field))
	return fmt.Sprintf("k%d.%s", v, base64.RawStdEncoding.EncodeToString(sealed))
}

// Open opens what Seal closed for the same account, subject and field.
func (k *Keyring) Open(account, subject, field, sealed string) (Secret, error) {
	v, text, err := version(sealed, len(k.kek))
	if err != nil {
		return Secret{}, err
	}
	var room [192]byte
	b, err := base64.RawStdEncoding.AppendDecode(room[:0], []byte(text))
	if err != nil {
		return Secret{}, ErrSealed
	}
	var more [128]byte
	plain, err := k.field(v, account, subject, field).Open(b[:0], nil, b, bind(more[:0], account, subject, field))
	if err != nil {
		return Secret{}, ErrSealed
	}
	s := Secret{string(plain)}
	clear(b)
	return s, nil
}

// version takes "k12." off a sealed value.
func version(sealed string, newest int) (v int, text string, err error) {
	head, text, ok := strings.Cut(sealed, ".")
	number, named := strings.CutPrefix(head, "k")
	if v, err = strconv.Atoi(number); !ok || !named || err != nil || v < 1 || v > newest {
		return 0, "", ErrSealed
	}
	return v, text, nil
}

// MACKey is the key that authenticates files of ours beside the journal.
func (k *Keyring) MACKey() []byte { return derive(k.mac, "files") }

// SigningKey signs checkpoints; only its public part leaves the process.
func (k *Keyring) SigningKey() ed25519.PrivateKey { return k.sign }
