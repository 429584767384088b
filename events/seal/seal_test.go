package seal

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const marker = "a-secret-that-must-not-be-seen"

// No way of turning a Secret into text shows it.
func TestSecretIsNotShown(t *testing.T) {
	s := NewSecret(marker)
	j, err := json.Marshal(map[string]any{"s": s, "p": &s})
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", s, "in", struct{ S Secret }{s})
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%s %v %+v %#v %q %x %d", s, s, s, s, s, s, s), fmt.Sprintf("%v %+v %#v", &s, struct{ S Secret }{s}, []Secret{s}), string(j), log.String(), fmt.Sprint(fmt.Errorf("wrapped: %v", s))} {
		if strings.Contains(text, marker) || strings.Contains(text, fmt.Sprintf("%x", marker)) {
			t.Errorf("shown: %s", text)
		}
	}
	if s.Reveal() != marker {
		t.Error("Reveal does not reveal")
	}
}

// A sealed value opens only for its account, subject and field, with its
// keyring, and only as it was sealed (S-27).
func TestSeal(t *testing.T) {
	k, other := New(), New()
	sealed := k.Seal("111122223333", "AKIA1", "secret", NewSecret(marker))
	if s, err := k.Open("111122223333", "AKIA1", "secret", sealed); err != nil || s.Reveal() != marker {
		t.Fatalf("%v, %v", s, err)
	}
	refused := func(what string, err error) {
		t.Helper()
		if !errors.Is(err, ErrSealed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, w := range [][3]string{{"444455556666", "AKIA1", "secret"}, {"111122223333", "AKIA2", "secret"}, {"111122223333", "AKIA1", "seed"}, {"111122223333A", "KIA1", "secret"}} {
		_, err := k.Open(w[0], w[1], w[2], sealed)
		refused(fmt.Sprint(w), err)
	}
	_, err := other.Open("111122223333", "AKIA1", "secret", sealed)
	refused("another keyring", err)
	for i := range sealed {
		for _, c := range []byte{sealed[i] ^ 1, 'A', '.'} {
			if bad := sealed[:i] + string(c) + sealed[i+1:]; bad != sealed {
				if s, err := k.Open("111122223333", "AKIA1", "secret", bad); err == nil && s.Reveal() != marker {
					t.Errorf("byte %d altered: opens as something else", i)
				} else if err == nil && i < strings.IndexByte(sealed, '.') {
					t.Errorf("byte %d altered: opens", i)
				}
			}
		}
		_, err := k.Open("111122223333", "AKIA1", "secret", sealed[:i])
		refused(fmt.Sprint("cut at ", i), err)
	}
}

// A token opens only whole: no bit may differ (T26).
func TestToken(t *testing.T) {
	k := New()
	token := k.SealToken([]byte(`{"k":"ASIA1"}`))
	claims, v, err := k.OpenToken(token)
	if err != nil || string(claims) != `{"k":"ASIA1"}` || v != k.TokenVersion() {
		t.Fatalf("%s, %d, %v", claims, v, err)
	}
	raw, err := base64.StdEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for bit := range 8 * len(raw) {
		raw[bit/8] ^= 1 << (bit % 8)
		if _, _, err := k.OpenToken(base64.StdEncoding.EncodeToString(raw)); !errors.Is(err, ErrSealed) {
			t.Fatalf("bit %d flipped: %v", bit, err)
		}
		raw[bit/8] ^= 1 << (bit % 8)
	}
	for i := range token {
		if _, _, err := k.OpenToken(token[:i]); !errors.Is(err, ErrSealed) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
	if k.TokenSecret(v, "ASIA1").Reveal() == k.TokenSecret(v, "ASIA2").Reveal() || len(k.TokenSecret(v, "ASIA1").Reveal()) != 40 {
		t.Error("secrets of sessions")
	}
}

// A marker is for its account and query alone (T28).
func TestMarker(t *testing.T) {
	k := New()
	m := k.SealMarker("111122223333", "ListUsers /", []byte("ana"))
	if p, err := k.OpenMarker("111122223333", "ListUsers /", m); err != nil || string(p) != "ana" {
		t.Fatal(p, err)
	}
	for _, w := range [][2]string{{"444455556666", "ListUsers /"}, {"111122223333", "ListUsers /dev/"}, {"111122223333L", "istUsers /"}} {
		if _, err := k.OpenMarker(w[0], w[1], m); !errors.Is(err, ErrSealed) {
			t.Errorf("opens for %q", w)
		}
	}
}

// The keyring survives a restart, opens with its root key alone, and a root
// key that others may read is refused with the cure.
func TestKeyringFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keys", "root.key")
	root, err := LoadRoot(path)
	if err != nil {
		t.Fatal(err)
	}
	k, err := Load(filepath.Join(dir, "keyring.json"), root)
	if err != nil {
		t.Fatal(err)
	}
	sealed := k.Seal("1", "2", "3", NewSecret(marker))
	again, err := LoadRoot(path)
	if err != nil || again != root {
		t.Fatalf("the root key changed: %v", err)
	}
	k2, err := Load(filepath.Join(dir, "keyring.json"), again)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := k2.Open("1", "2", "3", sealed); err != nil || s.Reveal() != marker {
		t.Fatal(err)
	}
	if !k.SigningKey().Equal(k2.SigningKey()) {
		t.Error("another signing key after a restart")
	}
	if _, err := Load(filepath.Join(dir, "keyring.json"), Root{1}); err == nil {
		t.Error("opens with another root key")
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadRoot(path); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a root key that others may read: %v", err)
	}
	b, err := os.ReadFile(filepath.Join(dir, "keyring.json"))
	if err != nil || strings.Contains(string(b), base64.StdEncoding.EncodeToString(k.kek[0])) {
		t.Error("a key lies open in the keyring")
	}
}
