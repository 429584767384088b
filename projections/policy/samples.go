package policy

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Two sets of texts that patterns describe are held against each other by
// running all patterns at once over every text there can be. Texts that bring
// the patterns into the same state have the same future, so there are finitely
// many to try. What comes out is a list of samples: whatever subset of the
// patterns a text fits, a sample fits just these.

// token is one step of a pattern.
type token struct {
	kind  tokenKind
	r     rune
	colon bool // a wildcard that may stand for a colon
}

type tokenKind uint8

const (
	literalRune tokenKind = iota
	foldedRune            // in any case
	oneRune
	anyRunes
	patternEnd
)

// alphabet says which texts there are: a machine of few states that reads them
// from left to right, too.
type alphabet struct {
	step  func(state byte, colon bool) (next byte, ok bool)
	final func(state byte) bool
}

// Every text; what has six parts, as an ARN; and service:Name.
var (
	anyText   = alphabet{func(s byte, _ bool) (byte, bool) { return s, true }, func(byte) bool { return true }}
	anyARN    = alphabet{arnStep, func(s byte) bool { return s == 5 }}
	anyAction = alphabet{actionStep, func(s byte) bool { return s == 3 }}
)

func arnStep(s byte, colon bool) (byte, bool) {
	if colon && s < 5 {
		s++
	}
	return s, true
}

// actionStep: 0 nothing yet, 1 in the service, 2 behind the colon, 3 in the name.
func actionStep(s byte, colon bool) (byte, bool) {
	switch {
	case colon:
		return 2, s == 1
	case s == 0 || s == 2:
		return s + 1, true
	}
	return s, true
}

// sampler takes the work of an analysis into account: there is an end to it.
type sampler struct{ left int }

// samples lists one text for each subset of the patterns that some text fits.
// Not ok: there was too much to try.
func (b *sampler) samples(in alphabet, patterns [][]token) (found []string, ok bool) {
	var all []token
	var starts []int
	used := map[rune]bool{':': true}
	for _, p := range patterns {
		starts = append(starts, len(all))
		for _, t := range p {
			if t.kind <= foldedRune {
				used[t.r] = true
				for r := unicode.SimpleFold(t.r); r != t.r; r = unicode.SimpleFold(r) {
					used[r] = true
				}
			}
		}
		all = append(append(all, p...), token{kind: patternEnd})
	}
	other := rune(0xE000) // a character of nobody
	for _, r := range "xyzabcdefghijklmnopqrstuvw0123456789" {
		if !used[r] {
			other = r
			break
		}
	}

	type place struct {
		at     []int // in all, in order
		state  byte
		parent int
		by     rune
	}
	close := func(at []int) []int { // what a star leaves out
		for i := 0; i < len(at); i++ {
			if all[at[i]].kind == anyRunes {
				at = append(at, at[i]+1)
			}
		}
		slices.Sort(at)
		return slices.Compact(at)
	}
	var places []place
	known := map[string]bool{}
	var key []byte
	add := func(p place) {
		key = append(key[:0], p.state)
		for _, i := range p.at {
			key = append(key, byte(i), byte(i>>8), byte(i>>16), byte(i>>24))
		}
		if !known[string(key)] {
			known[string(key)] = true
			places = append(places, p)
		}
	}
	subsets := map[string]bool{}
	add(place{at: close(slices.Clone(starts)), parent: -1})
	for n := 0; n < len(places); n++ {
		p := places[n]
		if b.left -= 1 + len(p.at)/8; b.left < 0 {
			return nil, false
		}
		if in.final(p.state) {
			key = key[:0]
			for _, i := range p.at {
				if all[i].kind == patternEnd {
					key = append(key, byte(i), byte(i>>8), byte(i>>16), byte(i>>24))
				}
			}
			if !subsets[string(key)] {
				subsets[string(key)] = true
				var text []rune
				for k := n; places[k].parent >= 0; k = places[k].parent {
					text = append(text, places[k].by)
				}
				slices.Reverse(text)
				found = append(found, string(text))
			}
		}
		letters := []rune{other, ':'} // all others do what other does
		for _, i := range p.at {
			switch t := all[i]; t.kind {
			case literalRune:
				letters = append(letters, t.r)
			case foldedRune:
				letters = append(letters, t.r)
				for r := unicode.SimpleFold(t.r); r != t.r; r = unicode.SimpleFold(r) {
					letters = append(letters, r)
				}
			}
		}
		slices.Sort(letters)
		for _, r := range slices.Compact(letters) {
			state, ok := in.step(p.state, r == ':')
			if !ok {
				continue
			}
			b.left -= len(p.at) / 16
			var next []int
			for _, i := range p.at {
				switch t := all[i]; t.kind {
				case literalRune:
					if t.r == r {
						next = append(next, i+1)
					}
				case foldedRune:
					if foldRune(t.r) == foldRune(r) {
						next = append(next, i+1)
					}
				case oneRune:
					if t.colon || r != ':' {
						next = append(next, i+1)
					}
				case anyRunes:
					if t.colon || r != ':' {
						next = append(next, i)
					}
				}
			}
			add(place{close(next), state, n, r})
		}
	}
	return found, true
}

// tokens takes a compiled text apart. colon: its wildcards may stand for one.
func tokens(out []token, text string, colon, folded bool) []token {
	for text != "" {
		switch text[0] {
		case anyRun:
			out = append(out, token{kind: anyRunes, colon: colon})
			text = text[1:]
			continue
		case anyOne:
			out = append(out, token{kind: oneRune, colon: colon})
			text = text[1:]
			continue
		}
		r, size := utf8.DecodeRuneInString(text)
		t := token{kind: literalRune, r: r}
		if folded {
			t.kind = foldedRune
		}
		out = append(out, t)
		text = text[size:]
	}
	return out
}

// tokens of a resource; nil: it fits no ARN, or every one and more.
func (r *resource) tokens() []token {
	if r.any || r.none {
		return nil
	}
	var out []token
	if r.parts == nil {
		out = tokens(out, r.head, false, false)
	} else {
		for i := range r.parts {
			out = tokens(out, r.parts[i].text, false, false)
			out = append(out, token{r: ':'})
		}
	}
	return tokens(out, r.tail.text, true, false)
}

func (p *arnPattern) tokens() []token {
	var out []token
	for i := range p.parts {
		if i > 0 {
			out = append(out, token{r: ':'})
		}
		out = tokens(out, p.parts[i].text, i == 5, false)
	}
	return out
}

// tokens of what a condition compares text with, as far as it does.
func (c *condition) tokens() (list [][]token) {
	switch c.family {
	case stringEquals, stringLike, stringEqualsIgnoreCase:
		for i := range c.text {
			list = append(list, tokens(nil, c.text[i].text, true, c.family == stringEqualsIgnoreCase))
		}
	case arnLike:
		for i := range c.arns {
			if c.arns[i].valid {
				list = append(list, c.arns[i].tokens())
			}
		}
	case boolean:
		list = append(list, tokens(nil, "true", true, true), tokens(nil, "false", true, true))
	}
	return list
}

// hasVariables: what is compared with depends on the request.
func (c *condition) hasVariables() bool {
	for i := range c.text {
		if c.text[i].vars != nil {
			return true
		}
	}
	for i := range c.arns {
		for k := range c.arns[i].parts {
			if c.arns[i].parts[k].vars != nil {
				return true
			}
		}
	}
	return false
}

func (s *statement) resourceHasVariables() bool {
	return slices.ContainsFunc(s.resources, func(r resource) bool { return r.tail.vars != nil })
}

// written is a template as a text that no other template has.
func (t *template) written(b *strings.Builder) {
	b.WriteString(t.text)
	b.WriteByte(0)
	if t.vars != nil {
		for _, v := range *t.vars {
			b.WriteString(v.key + "\x00")
			if v.hasFallback {
				b.WriteString("'" + v.fallback)
			}
			b.WriteByte(0)
		}
	}
}

// written is a condition, or a statement's resources, as a text that those have
// which always answer the same.
func (c *condition) written() string {
	var b strings.Builder
	b.WriteString("c\x00" + fold(c.name) + "\x00" + fold(c.key) + "\x00")
	for i := range c.text {
		c.text[i].written(&b)
	}
	for i := range c.arns {
		for k := range c.arns[i].parts {
			c.arns[i].parts[k].written(&b)
		}
		b.WriteByte(1)
	}
	return b.String()
}

func (s *statement) resourcesWritten() string {
	var b strings.Builder
	b.WriteString("r\x00")
	if s.notResource {
		b.WriteByte(1)
	}
	for i := range s.resources {
		r := &s.resources[i]
		b.WriteString(r.head + "\x00")
		if r.any {
			b.WriteByte(2)
		}
		if r.none {
			b.WriteByte(3)
		}
		if r.parts != nil {
			for k := range r.parts {
				b.WriteString(r.parts[k].text + "\x00")
			}
		}
		r.tail.written(&b)
	}
	return b.String()
}

// fitsTokens says whether a text fits a pattern.
func fitsTokens(p []token, s string) bool {
	at := map[int]bool{0: true} // tokens that may come next
	skip := func(at map[int]bool) {
		for i := range p {
			if at[i] && p[i].kind == anyRunes {
				at[i+1] = true
			}
		}
	}
	skip(at)
	for _, r := range s {
		next := map[int]bool{}
		for i := range at {
			if i == len(p) {
				continue
			}
			switch t := p[i]; {
			case t.kind == literalRune && t.r == r, t.kind == foldedRune && foldRune(t.r) == foldRune(r), t.kind == oneRune && (t.colon || r != ':'):
				next[i+1] = true
			case t.kind == anyRunes && (t.colon || r != ':'):
				next[i] = true
			}
		}
		at = next
		skip(at)
	}
	return at[len(p)]
}
