package seal

import (
	"fmt"
	"strings"
	"testing"
)

var cheap = Cost{Memory: 8, Time: 1, Threads: 1}

// A sealed hash opens as what it was, for its own user only, and says who has
// the password and who has not.
func TestPasswords(t *testing.T) {
	k := New()
	h := NewWork(NewSecret("Passw0rd"), Salt{1}, cheap).Do()
	sealed := k.SealHash("111122223333", "AIDA1", "password", h)
	got, err := k.OpenHash("111122223333", "AIDA1", "password", sealed)
	if err != nil || got != h || !got.Equal(h) {
		t.Fatalf("%v, %v", got == h, err)
	}
	if _, err := k.OpenHash("111122223333", "AIDA2", "password", sealed); err == nil {
		t.Error("it opens for another user")
	}
	if !got.Likewise(NewSecret("Passw0rd")).Do().Equal(h) {
		t.Error("the password is not recognized")
	}
	for name, w := range map[string]Work{
		"another password": h.Likewise(NewSecret("Passw0rd ")), "another salt": NewWork(NewSecret("Passw0rd"), Salt{2}, cheap),
		"another cost": NewWork(NewSecret("Passw0rd"), Salt{1}, Cost{Memory: 16, Time: 1, Threads: 1}),
	} {
		if w.Do().Equal(h) {
			t.Errorf("%s is taken", name)
		}
	}
	for _, v := range []any{h, h.Likewise(NewSecret("Passw0rd")), &h} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
			if text := fmt.Sprintf(verb, v); strings.Contains(text, "Passw0rd") || strings.Contains(text, fmt.Sprint(h.tag[0])+" ") || !strings.Contains(text, redacted) {
				t.Errorf("%s of %T shows %s", verb, v, text)
			}
		}
	}
}

// What is read as a hash is written as the same bytes, and costs no more than
// it may.
func FuzzParseHash(f *testing.F) {
	good := "$argon2id$v=19$m=65536,t=3,p=4$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	if _, err := parseHash(good); err != nil {
		f.Fatal(err)
	}
	for i, bad := range []string{
		"", "$", strings.Replace(good, "id", "i", 1), strings.Replace(good, "19", "16", 1), strings.Replace(good, "m=65536", "m=1048577", 1),
		strings.Replace(good, "t=3", "t=17", 1), strings.Replace(good, "t=3", "t=0", 1), strings.Replace(good, "p=4", "p=17", 1), strings.Replace(good, "p=4", "p=04", 1),
		strings.Replace(good, "p=4", "q=4", 1), good + "A", good[:len(good)-1], good + "$", strings.Replace(good, ",t", ",t=3,t", 1),
	} {
		if _, err := parseHash(bad); err == nil {
			f.Errorf("%d: %s is taken", i, bad)
		}
		f.Add(bad)
	}
	f.Add(good)
	k := New()
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parseHash(s)
		if err != nil {
			return
		}
		if h.cost.Memory > mostMemory || h.cost.Time > mostTime || h.cost.Threads > mostThreads {
			t.Errorf("%q costs too much", s)
		}
		back, err := k.Open("a", "s", "f", k.SealHash("a", "s", "f", h))
		if err != nil || back.plain != s {
			t.Errorf("%q is written as %q, %v", s, back.plain, err)
		}
	})
}
