package answer

import (
	"bytes"
	"image/png"
	"strings"
	"testing"
)

// A QR code is a picture in black on white, with a margin of four modules and
// the three marks in its corners that a reader looks for.
func TestQRCode(t *testing.T) {
	b, err := QRCode("otpauth://totp/" + strings.Repeat("n", 226) + "@111122223333?secret=" + strings.Repeat("A", 64))
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	const module, mark = 4, 7
	side := img.Bounds().Dx()/module - 8
	if side < 21 || (side-17)%4 != 0 || img.Bounds().Dx() != img.Bounds().Dy() {
		t.Fatalf("%v is no size of a QR code", img.Bounds())
	}
	black := func(x, y int) bool {
		r, _, _, _ := img.At((x+4)*module+1, (y+4)*module+2).RGBA()
		return r == 0
	}
	for _, corner := range [][2]int{{0, 0}, {side - mark, 0}, {0, side - mark}} {
		for y := range mark {
			for x := range mark {
				ring := min(x, y, mark-1-x, mark-1-y)
				if got := black(corner[0]+x, corner[1]+y); got != (ring != 1) {
					t.Fatalf("the mark at %v is wrong at %d, %d", corner, x, y)
				}
			}
		}
	}
	for i := range side {
		if black(-1, i) || black(i, -1) || black(side, i) || black(i, side) {
			t.Fatal("the margin is not white")
		}
	}
	if _, err := QRCode(strings.Repeat("x", 10_000)); err == nil {
		t.Error("a text that no QR code holds is drawn")
	}
}
