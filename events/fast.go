package events

import "bytes"

// fast has a second reader for the facts of which a log has most: some ten
// times faster than encoding/json, and only for data that lies as we write it,
// every member there and no character escaped. For all other data it has no
// answer, so encoding/json alone says what is a fact.
var fast = map[string]func(s *scan) Event{}

func alsoFast[E Event](read func(s *scan) E) {
	var e E
	fast[e.Type()] = func(s *scan) Event { return read(s) }
}

func init() {
	alsoFast(func(s *scan) (f UserCreated) {
		f.ID, f.Name, f.Path = s.str(`{"id":`), s.str(`,"name":`), s.str(`,"path":`)
		if s.next(`,"tags":[`) {
			f.Tags = s.tags()
		}
		return f
	})
	alsoFast(func(s *scan) UserAddedToGroup {
		return UserAddedToGroup{Group: s.str(`{"group":`), User: s.str(`,"user":`)}
	})
	alsoFast(func(s *scan) UserRemovedFromGroup {
		return UserRemovedFromGroup{Group: s.str(`{"group":`), User: s.str(`,"user":`)}
	})
	alsoFast(func(s *scan) PolicyAttached {
		return PolicyAttached{To: s.str(`{"to":`), Policy: s.str(`,"policy":`), ARN: s.str(`,"arn":`)}
	})
	alsoFast(func(s *scan) PolicyDetached {
		return PolicyDetached{From: s.str(`{"from":`), Policy: s.str(`,"policy":`), ARN: s.str(`,"arn":`)}
	})
	alsoFast(func(s *scan) (f AccessKeyCreated) {
		f.ID = s.str(`{"id":`)
		if s.next(`,"user":`) {
			f.User = s.str("")
		}
		f.Secret = s.str(`,"secret":`)
		return f
	})
	alsoFast(func(s *scan) (f Tagged) {
		f.ID = s.str(`{"id":`)
		s.must(`,"tags":[`)
		f.Tags = s.tags()
		return f
	})
	alsoFast(func(s *scan) (f Untagged) {
		f.ID = s.str(`{"id":`)
		s.must(`,"keys":[`)
		for more := true; more && !s.failed; more = s.next(",") {
			f.Keys = append(f.Keys, s.str(""))
		}
		s.must("]")
		return f
	})
}

// scan reads data of known form from the left. Once something is not of the
// form, it has failed for good.
type scan struct {
	left   []byte
	failed bool
}

func (s *scan) next(lit string) bool {
	if len(s.left) < len(lit) || string(s.left[:len(lit)]) != lit {
		return false
	}
	s.left = s.left[len(lit):]
	return true
}

func (s *scan) must(lit string) {
	if !s.next(lit) {
		s.failed = true
	}
}

// str reads lit and then a string of printable ASCII without escapes.
func (s *scan) str(lit string) string {
	if s.must(lit); s.failed || !s.next(`"`) {
		s.failed = true
		return ""
	}
	n := bytes.IndexByte(s.left, '"')
	for i := range max(n, 0) {
		if c := s.left[i]; c < ' ' || c > '~' || c == '\\' {
			n = -1
			break
		}
	}
	if n < 0 {
		s.failed = true
		return ""
	}
	v := string(s.left[:n])
	s.left = s.left[n+1:]
	return v
}

// tags reads a list of at least one tag, from behind its bracket.
func (s *scan) tags() (tags []Tag) {
	for more := true; more && !s.failed; more = s.next(",") {
		t := Tag{Key: s.str(`{"k":`), Value: s.str(`,"v":`)}
		s.must("}")
		tags = append(tags, t)
	}
	s.must("]")
	return tags
}
