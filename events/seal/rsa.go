package seal

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// DigestKey signs the digest files of trails. CloudTrail's own format wants
// RSA; what the log is proved by is another key.
type DigestKey struct {
	Private *rsa.PrivateKey
	Since   time.Time
}

// digestFile is the key at rest, sealed under the key-encryption key.
type digestFile struct {
	Version int       `json:"version"` // of the key-encryption key
	Since   time.Time `json:"since"`
	Sealed  []byte    `json:"sealed"`
}

// DigestKey opens the key in a file, making one if the file does not exist.
func (k *Keyring) DigestKey(path string, now time.Time) (DigestKey, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return k.newDigestKey(path, now)
	}
	if err != nil {
		return DigestKey{}, err
	}
	var f digestFile
	if err := json.Unmarshal(b, &f); err != nil || f.Version < 1 || f.Version > len(k.kek) {
		return DigestKey{}, fmt.Errorf("%s: not a key of digests", path)
	}
	der, err := aead(derive(k.kek[f.Version-1], "digest key")).Open(nil, nil, f.Sealed, []byte(f.Since.UTC().Format(time.RFC3339)))
	if err != nil {
		return DigestKey{}, fmt.Errorf("%s: %w", path, ErrSealed)
	}
	private, err := x509.ParsePKCS1PrivateKey(der)
	return DigestKey{private, f.Since}, err
}

func (k *Keyring) newDigestKey(path string, now time.Time) (DigestKey, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return DigestKey{}, err
	}
	since := now.UTC().Truncate(time.Second)
	v := len(k.kek)
	b, err := json.Marshal(digestFile{v, since, aead(derive(k.kek[v-1], "digest key")).Seal(nil, nil, x509.MarshalPKCS1PrivateKey(private), []byte(since.Format(time.RFC3339)))})
	if err == nil {
		err = writeFile(path, b)
	}
	return DigestKey{private, since}, err
}
