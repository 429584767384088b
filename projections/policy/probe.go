package policy

// probe is a quick test that a statement may match: a Bloom filter for its
// actions and for the first five parts of its ARNs; pairs is another, for pairs
// of neighbouring letters that all its resources must have. They have no false noes, so they cannot
// change an answer; they let most statements pass by for a nanosecond or two.
type probe struct{ acts, heads uint64 }

// pairs is a set of letter pairs. 256 bits, because a resource of 60
// characters should leave most of them unset.
type pairs [4]uint64

func (p *pairs) add(a, b byte) {
	h := (uint32(a)<<8 | uint32(b)) * 40503 >> 7 & 255 // Fibonacci hashing of 16 bits
	p[h>>6] |= 1 << (h & 63)
}

const all = ^uint64(0)

func newProbe(s *statement) (p probe, must pairs) {
	p.acts = actBits(s)
	if s.notAction {
		p.acts = all
	}
	if s.anywhere || s.notResource {
		p.heads = all
		return p, pairs{}
	}
	must = pairs{all, all, all, all}
	for i := range s.resources {
		r := &s.resources[i]
		if r.none {
			continue
		}
		p.heads |= headBit(r)
		var has pairs
		if !r.any {
			has = literalPairs(r.tail.text)
		}
		for k := range must {
			must[k] &= has[k]
		}
	}
	return p, must
}

// actBits is the filter for the actions a statement lists.
func actBits(s *statement) (acts uint64) {
	for _, action := range s.exact {
		acts |= exactBit(action)
	}
	for i := range s.globs {
		acts |= serviceBit(s.globs[i].text)
	}
	return acts
}

const exactBits = 1<<32 - 1

// exactBit is one of the low 32 bits for an action, serviceBit one of the high
// ones for its service; a request has both set.
func exactBit(action string) uint64 { return 1 << (mix(action) & 31) }

func serviceBit(action string) uint64 {
	for i := 0; i < len(action); i++ {
		if action[i] == ':' {
			return 1 << (32 + mix(action[:i])&31)
		}
	}
	return all // the pattern *, or a request without service, which only * can match
}

// anyHead is the bit that every request has and a literal ARN has not.
const anyHead = 1 << 63

func headBit(r *resource) uint64 {
	if r.any || r.parts != nil {
		return all
	}
	return 1 << (mix(r.head) % 63)
}

func literalPairs(text string) pairs {
	var p pairs
	for i := 0; i+1 < len(text); i++ {
		if text[i] == slot {
			i += 2
			continue
		}
		if text[i] < slot && text[i+1] < slot {
			p.add(text[i], text[i+1])
		}
	}
	return p
}

// mix hashes the length, the first, middle and last eight bytes. Names that
// differ elsewhere share a bit, which costs time but no correctness.
func mix(s string) uint64 {
	const odd = 0x9E3779B97F4A7C15
	h := uint64(len(s))
	if len(s) < 8 {
		for i := 0; i < len(s); i++ {
			h = h<<8 | uint64(s[i])
		}
		return h * odd >> 40
	}
	h += load(s)
	if len(s) > 16 {
		h = h*odd ^ load(s[8:])>>3
	}
	h = h*odd ^ h>>29 ^ load(s[len(s)-8:])
	return h * odd >> 40
}

func load(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// wanted is how many statements must come as far as their resources before the
// pairs of the request are worth making.
const wanted = 4

// missing reports whether the resource lacks a pair that the statement needs.
func (q *query) missing(must *pairs) bool {
	if !q.hasPairs {
		if q.passed++; q.passed <= wanted {
			return false
		}
		q.hasPairs = true
		q.pairs = literalPairs(q.tail)
	}
	return must[0]&^q.pairs[0]|must[1]&^q.pairs[1]|must[2]&^q.pairs[2]|must[3]&^q.pairs[3] != 0
}
