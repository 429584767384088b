package policy

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// A pattern is kept as text in which bytes that UTF-8 never uses stand for
// what is not literal. Whatever a document or a substituted value contains, it
// can therefore never be taken for a wildcard.
const (
	anyRun = 0xFF // *
	anyOne = 0xFE // ?
	slot   = 0xFD // a variable; two bytes 0x80…0xBF with its index follow
)

// glob is a pattern without variables. It is cut at its stars; the pieces are
// looked for from left to right, each at its first place. The first place is
// enough: a later one leaves less for the rest. So no text is tried twice,
// and recursion, which needs exponential time, is not needed.
type glob struct {
	text        string
	first, last int32 // of the stars; first < 0: none
	ones        *ones // nil: no anyOne in text
}

// ones are the tables for the pieces between stars that have an anyOne, in
// order. Without tables such pieces are looked for the slow way.
type ones struct{ shifts []shift }

var slowOnes ones

func newGlob(text string) glob {
	g := globOf(text)
	if g.ones == nil || g.first == g.last {
		return g
	}
	g.ones = new(ones)
	for piece := range strings.SplitSeq(text[g.first+1:g.last], string([]byte{anyRun})) {
		if strings.IndexByte(piece, anyOne) >= 0 {
			g.ones.shifts = append(g.ones.shifts, newShift(piece))
		}
	}
	return g
}

// globOf is newGlob without the tables.
func globOf(text string) glob {
	g := glob{text: text, first: int32(strings.IndexByte(text, anyRun)), last: -1}
	if g.first >= 0 {
		g.last = int32(strings.LastIndexByte(text, anyRun))
	}
	if strings.IndexByte(text, anyOne) >= 0 {
		g.ones = &slowOnes
	}
	return g
}

func (g *glob) match(s string) bool {
	if g.first < 0 {
		if g.ones == nil {
			return g.text == s
		}
		n := startsWith(g.text, s)
		return n == len(s)
	}
	head, tail := g.text[:g.first], g.text[g.last+1:]
	if g.ones == nil {
		if len(s) < len(head)+len(tail) || s[:len(head)] != head || s[len(s)-len(tail):] != tail {
			return false
		}
		s = s[len(head) : len(s)-len(tail)]
	} else {
		n := startsWith(head, s)
		if n < 0 {
			return false
		}
		s = s[n:]
		if n = endsWith(tail, s); n < 0 {
			return false
		}
		s = s[:len(s)-n]
	}
	if g.first == g.last {
		return true
	}
	middle := g.text[g.first+1 : g.last]
	var shifts []shift
	if g.ones != nil {
		shifts = g.ones.shifts
	}
	for middle != "" {
		piece := middle
		if i := strings.IndexByte(middle, anyRun); i >= 0 {
			piece, middle = middle[:i], middle[i+1:]
		} else {
			middle = ""
		}
		if piece == "" {
			continue
		}
		var end int
		switch {
		case g.ones == nil || strings.IndexByte(piece, anyOne) < 0:
			if end = strings.Index(s, piece); end >= 0 {
				end += len(piece)
			}
		case !hasRuns(piece, s):
			end = -1
		case len(shifts) > 0:
			end = shifts[0].find(s)
			shifts = shifts[1:]
		default:
			end = find(piece, s)
		}
		if end < 0 {
			return false
		}
		s = s[end:]
	}
	return true
}

// hasRuns reports whether the letters between the ? of a piece are in s at all,
// in order. Mostly they are not, and looking for letters is much the cheapest.
func hasRuns(piece, s string) bool {
	for piece != "" {
		run := piece
		if i := strings.IndexByte(piece, anyOne); i >= 0 {
			run, piece = piece[:i], piece[i+1:]
		} else {
			piece = ""
		}
		at := strings.Index(s, run)
		if at < 0 {
			return false
		}
		s = s[at+len(run):]
	}
	return true
}

// startsWith returns how many bytes of s the piece covers, or -1.
func startsWith(piece, s string) int {
	at := 0
	for i := 0; i < len(piece); i++ {
		if at >= len(s) {
			return -1
		}
		if piece[i] == anyOne {
			_, size := utf8.DecodeRuneInString(s[at:])
			at += size
			continue
		}
		if piece[i] != s[at] {
			return -1
		}
		at++
	}
	return at
}

// endsWith returns how many bytes at the end of s the piece covers, or -1.
func endsWith(piece, s string) int {
	end := len(s)
	for i := len(piece) - 1; i >= 0; i-- {
		if end == 0 {
			return -1
		}
		if piece[i] == anyOne {
			_, size := utf8.DecodeLastRuneInString(s[:end])
			end -= size
			continue
		}
		end--
		if piece[i] != s[end] {
			return -1
		}
	}
	return len(s) - end
}

// find returns where the first occurrence of the piece in s ends, or -1.
func find(piece, s string) int {
	for at := 0; at <= len(s); {
		if n := startsWith(piece, s[at:]); n >= 0 {
			return at + n
		}
		_, size := utf8.DecodeRuneInString(s[at:])
		at += max(size, 1)
	}
	return -1
}

// shift finds a piece with ? in one pass over the text: one bit per character
// of the piece tells whether the text read so far ends in the piece up to it.
// Without it, pieces like a?a?…b cost the product of both lengths, and a
// policy full of them milliseconds.
type shift struct {
	words  int
	length int
	ascii  [utf8.RuneSelf]uint16 // row of masks for a character, 0 is the row of all others
	others []rune                // sorted; characters past ASCII
	rows   []uint16              // their rows
	masks  []uint64
	direct *[utf8.RuneSelf]uint64 // masks by character, when one word is enough
}

func newShift(piece string) shift {
	var runes []rune // the characters, -1 for ?
	for i := 0; i < len(piece); {
		if piece[i] == anyOne {
			runes = append(runes, -1)
			i++
			continue
		}
		r, size := utf8.DecodeRuneInString(piece[i:])
		runes = append(runes, r)
		i += size
	}
	t := shift{words: (len(runes) + 63) / 64, length: len(runes)}
	row := map[rune]uint16{}
	for _, r := range runes {
		if _, ok := row[r]; ok || r < 0 {
			continue
		}
		row[r] = uint16(len(row) + 1)
		if r < utf8.RuneSelf {
			t.ascii[r] = row[r]
		} else {
			t.others = append(t.others, r)
		}
	}
	sort.Slice(t.others, func(i, j int) bool { return t.others[i] < t.others[j] })
	for _, r := range t.others {
		t.rows = append(t.rows, row[r])
	}
	t.masks = make([]uint64, (len(row)+1)*t.words)
	for i, r := range runes {
		bit := uint64(1) << (i % 64)
		if r >= 0 {
			t.masks[int(row[r])*t.words+i/64] |= bit
			continue
		}
		for k := 0; k <= len(row); k++ {
			t.masks[k*t.words+i/64] |= bit
		}
	}
	if t.words == 1 {
		t.direct = new([utf8.RuneSelf]uint64)
		for c, row := range t.ascii {
			t.direct[c] = t.masks[row]
		}
	}
	return t
}

func (t *shift) find(s string) int {
	if t.words > 1 {
		return t.findLong(s)
	}
	accept, state, direct := uint64(1)<<(t.length-1), uint64(0), t.direct
	for at := 0; at < len(s); {
		if c := s[at]; c < utf8.RuneSelf {
			state = (state<<1 | 1) & direct[c]
			at++
		} else {
			row, size := t.wide(s[at:])
			state = (state<<1 | 1) & t.masks[row]
			at += size
		}
		if state&accept != 0 {
			return at
		}
	}
	return -1
}

// findLong has its own frame so that the usual case need not clear a big one.
// 160 words are 10,240 characters, the most any quota allows; what is longer
// still may allocate.
//
//go:noinline
func (t *shift) findLong(s string) int {
	var long [160]uint64
	if t.words > len(long) {
		return t.run(make([]uint64, t.words), s)
	}
	return t.run(long[:t.words], s)
}

func (t *shift) run(state []uint64, s string) int {
	accept := uint64(1) << ((t.length - 1) % 64)
	for at := 0; at < len(s); {
		var row uint16
		if c := s[at]; c < utf8.RuneSelf {
			row = t.ascii[c]
			at++
		} else {
			var size int
			row, size = t.wide(s[at:])
			at += size
		}
		masks := t.masks[int(row)*t.words:][:len(state)]
		carry := uint64(1)
		for i, w := range state {
			state[i] = (w<<1 | carry) & masks[i]
			carry = w >> 63
		}
		if state[len(state)-1]&accept != 0 {
			return at
		}
	}
	return -1
}

// wide is the row of a character past ASCII, and its size. A broken byte is a
// character that only ? takes.
func (t *shift) wide(s string) (row uint16, size int) {
	r, size := utf8.DecodeRuneInString(s)
	if r == utf8.RuneError && size == 1 {
		return 0, 1
	}
	i := sort.Search(len(t.others), func(i int) bool { return t.others[i] >= r })
	if i < len(t.others) && t.others[i] == r {
		return t.rows[i], size
	}
	return 0, size
}
