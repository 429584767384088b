package projections

import (
	"iter"
	"strings"

	"github.com/tidwall/btree"
)

// table is an ordered map that copies in constant time: copy and original
// share what neither has changed since.
type table[V any] struct{ m btree.Map[string, V] }

func (t *table[V]) get(k string) (V, bool) { return t.m.Get(k) }
func (t *table[V]) set(k string, v V)      { t.m.Set(k, v) }
func (t *table[V]) add(k string, v V)      { t.m.Load(k, v) } // set, faster where k is the greatest
func (t *table[V]) delete(k string)        { t.m.Delete(k) }
func (t *table[V]) len() int               { return t.m.Len() }
func (t *table[V]) copy() table[V]         { return table[V]{*t.m.Copy()} }

// after yields the entries whose key is greater than k, in order.
func (t *table[V]) after(k string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		t.m.Ascend(k, func(key string, v V) bool { return key == k && k != "" || yield(key, v) })
	}
}

// under yields the entries whose key is prefix and then something greater than
// after, in order, without the prefix.
func (t *table[V]) under(prefix, after string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		t.m.Ascend(prefix+after, func(key string, v V) bool {
			rest, ok := strings.CutPrefix(key, prefix)
			return ok && (rest == after || yield(rest, v))
		})
	}
}

// roster holds the entities of one kind in an account.
type roster[E interface{ entity() *Entity }] struct {
	named table[*slot[E]] // by folded name
	ids   table[*slot[E]] // by unique id
}

// slot holds the present value of an entity. A World writes only to slots of
// its own age, so that most changes touch no table; a slot that a frozen World
// shares is replaced.
type slot[E any] struct {
	is  E
	age uint64
}

func (s *slot[E]) value(ok bool) (e E, _ bool) {
	if ok {
		e = s.is
	}
	return e, ok
}

func (r *roster[E]) name(name string) (E, bool) {
	s, ok := r.named.get(fold(name))
	return s.value(ok)
}

func (r *roster[E]) id(id string) (E, bool) {
	s, ok := r.ids.get(id)
	return s.value(ok)
}

// after yields the entities whose folded name is greater than name, by name.
func (r *roster[E]) after(name string) iter.Seq2[string, E] {
	return func(yield func(string, E) bool) {
		for name, s := range r.named.after(name) {
			if !yield(name, s.is) {
				return
			}
		}
	}
}

// of turns folded names into the entities they name.
func (r *roster[E]) of(names iter.Seq2[string, struct{}]) iter.Seq2[string, E] {
	return func(yield func(string, E) bool) {
		for name := range names {
			if s, ok := r.named.get(name); ok && !yield(name, s.is) {
				return
			}
		}
	}
}

func (r *roster[E]) len() int { return r.named.len() }

func (r *roster[E]) add(age uint64, e E) {
	s := &slot[E]{e, age}
	r.named.add(fold(e.entity().Name), s)
	r.ids.set(e.entity().ID, s)
}

// put puts e in the place of what is in s, which may have had another name.
func (r *roster[E]) put(age uint64, s *slot[E], e E) {
	was, is := fold(s.is.entity().Name), fold(e.entity().Name)
	if was == is && s.age == age {
		s.is = e
		return
	}
	if was != is {
		r.named.delete(was)
	}
	s = &slot[E]{e, age}
	r.named.set(is, s)
	r.ids.set(e.entity().ID, s)
}

func (r *roster[E]) delete(id string) {
	if e, ok := r.id(id); ok {
		r.remove(e)
	}
}

func (r *roster[E]) remove(e E) {
	r.named.delete(fold(e.entity().Name))
	r.ids.delete(e.entity().ID)
}

func (r *roster[E]) copy() roster[E] { return roster[E]{r.named.copy(), r.ids.copy()} }

// change puts what edit makes of a copy in the place of the entity of that id.
// It is for rosters without indexes.
func change[V any, E interface {
	*V
	entity() *Entity
}](a *Account, r *roster[E], id string, edit func(V) E) {
	if at, ok := r.ids.get(id); ok {
		r.put(a.age, at, edit(*at.is))
	}
}

// fold is the key of a name: AWS's names are unique ignoring case.
func fold(name string) string { return strings.ToLower(name) }

// Fold is the key that entities are ordered by and found under.
func Fold(name string) string { return fold(name) }
