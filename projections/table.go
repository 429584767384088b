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
func (t *table[V]) delete(k string)        { t.m.Delete(k) }
func (t *table[V]) len() int               { return t.m.Len() }
func (t *table[V]) copy() table[V]         { return table[V]{*t.m.Copy()} }

// after yields the entries whose key is greater than k, in order.
func (t *table[V]) after(k string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		t.m.Ascend(k, func(key string, v V) bool { return key == k && k != "" || yield(key, v) })
	}
}

// under yields the entries whose key begins with prefix, in order.
func (t *table[V]) under(prefix string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		t.m.Ascend(prefix, func(key string, v V) bool { return strings.HasPrefix(key, prefix) && yield(key, v) })
	}
}

// fold is the key of a name: AWS's names are unique ignoring case.
func fold(name string) string { return strings.ToLower(name) }
