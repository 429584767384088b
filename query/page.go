package query

import (
	"cmp"
	"encoding/binary"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

// Lists come in pages. A marker is the position of the last item of a page,
// sealed together with when it was issued for the one account and query that
// it is good for; so nobody learns from it, and nobody can make one.

const (
	pageSize  = 100
	markerAge = 24 * time.Hour
	// lookAt bounds the work for one page of a list with a filter. AWS too may
	// give fewer items than there is room for while there are more.
	lookAt = 10_000
)

// pages is one list: its name and everything that decides what is in it.
type pages struct {
	query  []string
	marker *string
	size   *int32
}

func paged(marker *string, size *int32, query ...string) pages { return pages{query, marker, size} }

// page reads the next page of a list. from yields its items, by position, from
// after a position on; keep is its filter.
func page[T, A any](v *View, p pages, from func(after string) iter.Seq2[string, T], keep func(T) bool, describe func(T) A) (out []A, more bool, marker *string, err error) {
	query := strings.Join(p.query, "\x00")
	at := ""
	if p.marker != nil {
		if at, err = v.position(query, *p.marker); err != nil {
			return nil, false, nil, err
		}
	}
	size := pageSize
	if p.size != nil {
		size = int(*p.size)
	}
	out = []A{}
	looked := 0
	for position, item := range from(at) {
		kept := keep(item)
		if kept && len(out) == size || looked == lookAt {
			more = true
			break
		}
		if kept {
			out = append(out, describe(item))
		}
		at = position
		looked++
	}
	if more {
		issued := binary.BigEndian.AppendUint64(nil, uint64(v.Now.Unix()))
		m := v.Keys.SealMarker(v.Account.ID, query, append(issued, at...))
		marker = &m
	}
	return out, more, marker, nil
}

// position opens a marker.
func (v *View) position(query, marker string) (string, error) {
	b, err := v.Keys.OpenMarker(v.Account.ID, query, marker)
	if err != nil || len(b) < 8 {
		return "", errMarker
	}
	age := v.Now.Sub(time.Unix(int64(binary.BigEndian.Uint64(b)), 0))
	if age > markerAge || age < -time.Minute {
		return "", errMarker
	}
	return string(b[8:]), nil
}

var errMarker = answer.Validation("Invalid Marker.")

func all[T any](T) bool { return true }

// under is the filter of a path prefix.
func under[E interface{ InPath(string) bool }](prefix *string) func(E) bool {
	if prefix == nil {
		return all[E]
	}
	return func(e E) bool { return e.InPath(*prefix) }
}

func or(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// listed makes a short list one to read pages of; its keys are different from
// each other, and order it.
func listed[T any](items []T, key func(T) string) func(after string) iter.Seq2[string, T] {
	items = slices.SortedFunc(slices.Values(items), func(a, b T) int { return cmp.Compare(key(a), key(b)) })
	return func(after string) iter.Seq2[string, T] {
		return func(yield func(string, T) bool) {
			for _, item := range items {
				if k := key(item); k > after && !yield(k, item) {
					return
				}
			}
		}
	}
}

// part is a part of a list that is made of several; no name has a slash.
type part[T any] struct {
	name string
	from func(after string) iter.Seq2[string, T]
}

// chained reads one part after the other.
func chained[T any](parts ...part[T]) func(after string) iter.Seq2[string, T] {
	return func(after string) iter.Seq2[string, T] {
		name, at, resume := strings.Cut(after, "/")
		return func(yield func(string, T) bool) {
			skip := resume
			for _, p := range parts {
				if skip && p.name != name {
					continue
				}
				start := ""
				if skip {
					start, skip = at, false
				}
				for position, item := range p.from(start) {
					if !yield(p.name+"/"+position, item) {
						return
					}
				}
			}
		}
	}
}

// as is a sequence of one type as one of another.
func as[T, U any](from func(after string) iter.Seq2[string, T], convert func(T) U) func(after string) iter.Seq2[string, U] {
	return func(after string) iter.Seq2[string, U] {
		return func(yield func(string, U) bool) {
			for position, item := range from(after) {
				if !yield(position, convert(item)) {
					return
				}
			}
		}
	}
}

func policyKey(p *projections.Policy) string { return projections.Fold(p.Name) + "/" + p.ID }
