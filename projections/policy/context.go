package policy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Context holds the condition keys of a request. Names are compared without
// regard to case. Whether a key has many values is a property of the key, not
// of how many there are: use SetMulti for keys AWS documents as ArrayOf….
//
// The zero value is ready. Reset keeps the space, so that a context that is
// reused allocates nothing. It is not for use by several goroutines at once.
type Context struct {
	entries []entry
}

type entry struct {
	hash   uint64
	key    string
	value  string
	values []string
	multi  bool
}

// Key is the name of a condition key, folded once. Setting by Key is cheaper
// than by name.
type Key struct {
	name string
	hash uint64
}

// NewKey prepares a name.
func NewKey(name string) Key { return Key{name: name, hash: hashFold(name)} }

// Reset forgets all keys.
func (c *Context) Reset() { c.entries = c.entries[:0] }

// Set gives a single-valued key its value.
func (c *Context) Set(key, value string) { c.set(NewKey(key), value) }

// SetKey is Set by prepared name.
func (c *Context) SetKey(key Key, value string) { c.set(key, value) }

// SetMulti gives a multi-valued key its values, which are not copied. Without
// any, the key counts as absent.
func (c *Context) SetMulti(key string, values []string) {
	e := c.slot(NewKey(key))
	e.value, e.values, e.multi = "", values, true
}

func (c *Context) set(key Key, value string) {
	e := c.slot(key)
	e.value, e.values, e.multi = value, nil, false
}

func (c *Context) slot(key Key) *entry {
	if e := c.find(key.hash, key.name); e != nil {
		return e
	}
	c.entries = append(c.entries, entry{hash: key.hash, key: key.name})
	return &c.entries[len(c.entries)-1]
}

// Get returns the values of a key.
func (c *Context) Get(key string) (values []string, present bool) {
	e := c.find(hashFold(key), key)
	if e == nil {
		return nil, false
	}
	if e.multi {
		return e.values, true
	}
	return []string{e.value}, true
}

// SetPrincipal sets the keys that follow from who asks: aws:PrincipalArn,
// aws:PrincipalAccount, aws:PrincipalType, aws:userid and, for IAM users,
// aws:username (IAM User Guide, "Global condition keys" and "Principal key
// values"). For a role session aws:PrincipalArn is the ARN of the role.
func (c *Context) SetPrincipal(p *Principal) {
	switch p.Type {
	case Anonymous, Federated:
		c.set(keyAccount, "anonymous")
		c.set(keyType, "Anonymous")
		c.set(keyUserid, "anonymous")
		return
	case Service:
		return
	case AssumedRole:
		c.set(keyArn, p.RoleARN)
	default:
		c.set(keyArn, p.ARN)
	}
	c.set(keyAccount, p.Account)
	c.set(keyType, p.Type.String())
	c.set(keyUserid, p.ID)
	if p.Type == User {
		c.set(keyUsername, p.ARN[strings.LastIndexByte(p.ARN, '/')+1:])
	}
}

var (
	keyArn      = NewKey("aws:PrincipalArn")
	keyAccount  = NewKey("aws:PrincipalAccount")
	keyType     = NewKey("aws:PrincipalType")
	keyUserid   = NewKey("aws:userid")
	keyUsername = NewKey("aws:username")
)

func (c *Context) find(hash uint64, key string) *entry {
	if c == nil {
		return nil
	}
	for i := range c.entries {
		if e := &c.entries[i]; e.hash == hash && (e.key == key || strings.EqualFold(e.key, key)) {
			return e
		}
	}
	return nil
}

// hashFold is FNV-1a over the name without its case; names that EqualFold have
// one hash.
func hashFold(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			i += size
			for r = foldRune(r); r >= utf8.RuneSelf; r >>= 7 {
				h = (h ^ uint64(r&0x7F|0x80)) * 1099511628211
			}
			h = (h ^ uint64(r)) * 1099511628211
			continue
		}
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		h = (h ^ uint64(c)) * 1099511628211
		i++
	}
	return h
}

// fold gives all spellings that EqualFold one form.
func fold(s string) string {
	return strings.Map(foldRune, s)
}

// foldRune picks one of the characters that differ only in case: the small
// ASCII letter if there is one, else the first.
func foldRune(r rune) rune {
	if r < utf8.RuneSelf {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}
	least := r
	for o := unicode.SimpleFold(r); o != r; o = unicode.SimpleFold(o) {
		if o >= 'a' && o <= 'z' {
			return o
		}
		least = min(least, o)
	}
	return least
}
