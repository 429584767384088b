package policy

import "strings"

// An ARN is six parts joined by colons; the sixth keeps all further colons
// (IAM User Guide, "IAM ARNs").

// splitARN returns where the sixth part starts, or -1 if there are fewer.
func splitARN(s string) int {
	at := 0
	for range 5 {
		i := strings.IndexByte(s[at:], ':')
		if i < 0 {
			return -1
		}
		at += i + 1
	}
	return at
}

// resource is a pattern of Resource or NotResource.
type resource struct {
	any  bool // "*": everything, also what is no ARN
	none bool // a short ARN that matches nothing
	// head is the first five parts with their colons, in small letters, when
	// they have no wildcard; else parts has them one by one, so that a star
	// cannot cross a colon.
	head  string
	parts *[5]glob
	tail  template
}

// newResource compiles a pattern. Parts missing at the end count as *, except
// in resource policies, where a short ARN needs a wildcard to match at all.
// Variables work in the sixth part only.
func newResource(s string, kind Kind, modern bool) resource {
	if s == "*" {
		return resource{any: true}
	}
	at := splitARN(s)
	if at < 0 {
		if (kind == Resource || kind == Trust) && !strings.ContainsAny(s, "*?") {
			return resource{none: true}
		}
		s += strings.Repeat(":*", 5-strings.Count(s, ":"))
		at = splitARN(s)
	}
	r := resource{tail: newTemplate(s[at:], true, modern)}
	head := lowerASCII(s[:at])
	if !strings.ContainsAny(head, "*?") {
		r.head = intern(head)
		return r
	}
	r.parts = new([5]glob)
	for i, part := range strings.Split(head[:len(head)-1], ":") {
		text, _ := encode(part, true, false)
		r.parts[i] = newGlob(text)
	}
	return r
}

func (r *resource) match(q *query) bool {
	if r.any {
		return true
	}
	if r.none || !q.isARN {
		return false
	}
	if r.parts == nil {
		if r.head != q.head {
			return false
		}
	} else {
		head := q.head
		for i := range r.parts {
			end := strings.IndexByte(head, ':')
			if !r.parts[i].match(head[:end]) {
				return false
			}
			head = head[end+1:]
		}
	}
	return r.tail.match(q, q.tail)
}

// arnPattern is a value of an ARN condition: six patterns, each matched alone
// and with regard to case. What has not six parts never matches.
type arnPattern struct {
	parts [6]template
	valid bool
	lone  bool // one variable and nothing else: its value is the ARN
}

func newARNPattern(s string, modern bool) arnPattern {
	text, vars := encode(s, true, modern)
	if len(vars) == 1 && len(text) == 3 {
		return arnPattern{valid: true, lone: true, parts: [6]template{templateOf(text, vars)}}
	}
	if splitARN(text) < 0 {
		return arnPattern{}
	}
	p := arnPattern{valid: true}
	for i, part := range strings.SplitN(text, ":", 6) {
		if strings.IndexByte(part, slot) >= 0 {
			p.parts[i] = templateOf(part, vars)
		} else {
			p.parts[i] = templateOf(part, nil)
		}
	}
	return p
}

func (p *arnPattern) match(q *query, s string) bool {
	if !p.valid || splitARN(s) < 0 {
		return false
	}
	if p.lone {
		return p.parts[0].match(q, s)
	}
	for i := range 5 {
		end := strings.IndexByte(s, ':')
		if !p.parts[i].match(q, s[:end]) {
			return false
		}
		s = s[end+1:]
	}
	return p.parts[5].match(q, s)
}

func lowerASCII(s string) string {
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			return string(appendLower(nil, s))
		}
	}
	return s
}

func appendLower(out []byte, s string) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		out = append(out, c)
	}
	return out
}
