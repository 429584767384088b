package audit

import "testing"

// A key has its rate, an account has one for all of its keys, and who only
// names a key spends neither.
func TestLimits(t *testing.T) {
	l := NewLimits(10, 15, 5) // and twice that at once
	count := func(ask func() bool) (n int) {
		for range 1000 {
			if ask() {
				n++
			}
		}
		return n
	}
	near := func(what string, got, want int) {
		t.Helper()
		if got < want || got > want+5 { // time goes on meanwhile
			t.Errorf("%s: %d, want %d", what, got, want)
		}
	}
	near("in a key's name", count(func() bool { return l.allowUnproved("AKIA1") }), 2*unprovedRate)
	near("the key", count(func() bool { return l.allow("AKIA1", "111122223333") }), 20)
	near("another key of the account", count(func() bool { return l.allow("AKIA2", "111122223333") }), 10)
	near("another account's", count(func() bool { return l.allow("AKIA3", "444455556666") }), 20)
	near("nobody", count(func() bool { return l.allowUnproved("") }), 10)
	if none := (*Limits)(nil); !none.allow("AKIA1", "111122223333") || !none.allowUnproved("") {
		t.Error("no limits limit")
	}
}
