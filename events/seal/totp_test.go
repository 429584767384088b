package seal

import (
	"encoding/base32"
	"math/rand/v2"
	"testing"
)

// The test vectors of RFC 6238, appendix B, whose codes have eight digits.
func TestCodes(t *testing.T) {
	seed := Secret{base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))}
	for at, code := range map[int]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		for step := -1; step <= 1; step++ {
			if got, err := Code(seed, at/CodeStep+step); err != nil || (got.plain == code[2:]) != (step == 0) {
				t.Errorf("at %d, %d steps later: %s, %v", at, step, got.plain, err)
			}
		}
	}
	if _, err := Code(Secret{"not base32"}, 1); err == nil {
		t.Error("what is no seed has codes")
	}
}

func TestNewSeed(t *testing.T) {
	chance := rand.NewChaCha8([32]byte{1})
	a, err := NewSeed(chance)
	b, err2 := NewSeed(chance)
	if err != nil || err2 != nil || len(a.plain) != 64 || a == b {
		t.Errorf("%d letters, the same %v: %v, %v", len(a.plain), a == b, err, err2)
	}
}
