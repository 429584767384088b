package policy

import (
	"io"
	"math/big"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func stringReader(s string) io.Reader { return strings.NewReader(s) }

// Decimals compare as the exact numbers they are.
func TestDecimals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[+-]?[0-9]{1,25}(\.[0-9]{1,25})?|[+-]?0{0,3}[01](\.0{1,3})?`)
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		x, ok1 := newDecimal(a)
		y, ok2 := newDecimal(b)
		p, _ := new(big.Rat).SetString(a)
		q, _ := new(big.Rat).SetString(b)
		if !ok1 || !ok2 || sign(x.compare(y)) != p.Cmp(q) {
			t.Errorf("%s and %s: %d", a, b, x.compare(y))
		}
	})
	for _, s := range []string{"", "+", "-", ".", "1.", ".1", "1e3", "0x1", "1_000", " 1", "1 ", "١", "NaN", "--1", "1.1.1"} {
		if _, ok := newDecimal(s); ok {
			t.Errorf("%q is no number", s)
		}
	}
}

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}

// Dates are the moments package time makes of them.
func TestInstants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := time.Unix(rapid.Int64Range(-62135596800, 253402300799).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanos"))
		zone := time.FixedZone("", 60*rapid.IntRange(-23*60, 23*60).Draw(t, "zone"))
		text := want.In(zone).Format(time.RFC3339Nano)
		if year := want.In(zone).Year(); year < 1000 || year > 9999 {
			return
		}
		got, ok := newInstant(text)
		if !ok || got.seconds != want.Unix() || int(got.nanos) != want.Nanosecond() {
			t.Errorf("%s: %+v, %v", text, got, ok)
		}
	})
	for _, s := range []string{"", "T", "2024-", "2024-1-01", "2024-01-1", "2024-01-01T", "2024-01-01T00", "2024-01T00:00Z", "2024T00:00Z", "2024-01-01T00:00:00+1", "2024-01-01T00:00:00+24:00",
		"2024-01-01T00:00:60Z", "2024-01-01T00:00:00.Z", "2024-01-01T00:00:00.1234567890Z", "2024-01-01 00:00:00Z", "99999999999999999999", "-5", "20-01-01", "2024-01-01-01", "1.5"} {
		if v, ok := newInstant(s); ok {
			t.Errorf("%q is no date, got %+v", s, v)
		}
	}
}
