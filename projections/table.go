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
	named table[E]      // by folded name
	ids   table[string] // unique id to folded name
}

func (r *roster[E]) name(name string) (E, bool) { return r.named.get(fold(name)) }

func (r *roster[E]) id(id string) (e E, ok bool) {
	name, ok := r.ids.get(id)
	if !ok {
		return e, false
	}
	return r.named.get(name)
}

func (r *roster[E]) add(e E) {
	name := fold(e.entity().Name)
	r.named.add(name, e)
	r.ids.set(e.entity().ID, name)
}

// replace puts e in the place of old, which may have had another name.
func (r *roster[E]) replace(old, e E) {
	was, is := fold(old.entity().Name), fold(e.entity().Name)
	if was != is {
		r.named.delete(was)
		r.ids.set(e.entity().ID, is)
	}
	r.named.set(is, e)
}

func (r *roster[E]) remove(e E) {
	r.named.delete(fold(e.entity().Name))
	r.ids.delete(e.entity().ID)
}

func (r *roster[E]) copy() roster[E] { return roster[E]{r.named.copy(), r.ids.copy()} }

// fold is the key of a name: AWS's names are unique ignoring case.
func fold(name string) string { return strings.ToLower(name) }

// Fold is the key that entities are ordered by and found under.
func Fold(name string) string { return fold(name) }
