package seal

import (
	"crypto/hmac"
	"crypto/sha1" // RFC 6238 and every authenticator app
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"io"
)

// Codes of an MFA device are those of RFC 6238: HMAC-SHA1 over the number of
// steps of 30 s since 1970, cut to six digits.

// CodeStep is how long a code is shown, in seconds.
const CodeStep = 30

// seedBytes makes a seed of 64 letters, as AWS's have.
const seedBytes = 40

// NewSeed draws the seed of a device, in base32.
func NewSeed(chance io.Reader) (Secret, error) {
	var b [seedBytes]byte
	_, err := io.ReadFull(chance, b[:])
	return Secret{base32.StdEncoding.EncodeToString(b[:])}, err
}

// Code is what a device with that seed shows at a step.
func Code(seed Secret, step int) (Secret, error) {
	key, err := base32.StdEncoding.DecodeString(seed.plain)
	if err != nil {
		return Secret{}, ErrSealed
	}
	m := hmac.New(sha1.New, key)
	m.Write(binary.BigEndian.AppendUint64(nil, uint64(step)))
	sum := m.Sum(nil)
	at := sum[len(sum)-1] & 15
	return Secret{fmt.Sprintf("%06d", binary.BigEndian.Uint32(sum[at:])&0x7fffffff%1e6)}, nil
}
