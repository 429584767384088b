package query

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/policy"
)

// A search asks the evaluator about candidates, one after the other. These are
// who and what may be found at all.

// Users and Roles yield the callers that users and roles of the account are,
// by folded name, from after one on.
func (v *View) Users(after string) iter.Seq2[string, *projections.Caller] {
	a := v.Account
	return func(yield func(string, *projections.Caller) bool) {
		for u := range values(a.UsersAfter(after)) {
			if !yield(projections.Fold(u.Name), &projections.Caller{Type: projections.IAMUser, Account: a, ARN: u.ARN(a), UserID: u.ID, User: u}) {
				return
			}
		}
	}
}

func (v *View) Roles(after string) iter.Seq2[string, *projections.Caller] {
	a := v.Account
	return func(yield func(string, *projections.Caller) bool) {
		for r := range values(a.RolesAfter(after)) {
			if !yield(projections.Fold(r.Name), &projections.Caller{Type: projections.AssumedRole, Account: a, ARN: r.ARN(a), Role: r}) {
				return
			}
		}
	}
}

func values[E any](s iter.Seq2[string, E]) iter.Seq[E] {
	return func(yield func(E) bool) {
		for _, e := range s {
			if !yield(e) {
				return
			}
		}
	}
}

// Named lists the actions and resources that a caller's own policies allow by
// name, in order, each once. What they allow by a pattern is known to nobody
// but those who make it.
func (v *View) Named(c *projections.Caller) (actions, resources []string) {
	seen := [2]map[string]bool{{}, {}}
	read := func(i *projections.Identity) {
		add := func(d *projections.Document) {
			a, r := policy.Names(d.Text)
			for n, list := range [][]string{a, r} {
				for _, s := range list {
					seen[n][s] = true
				}
			}
		}
		for _, in := range i.Inline {
			add(in.Document)
		}
		for _, id := range i.Attached {
			if p, ok := c.Account.PolicyByID(id); ok {
				add(p.InForce().Document)
			}
		}
	}
	switch {
	case c.User != nil:
		read(&c.User.Identity)
		for _, id := range c.User.Groups {
			if g, ok := c.Account.GroupByID(id); ok {
				read(&g.Identity)
			}
		}
	case c.Role != nil:
		read(&c.Role.Identity)
	}
	return slices.Sorted(maps.Keys(seen[0])), slices.Sorted(maps.Keys(seen[1]))
}

// Entities yields the names of the account's users, groups, roles, policies or
// instance profiles, by position.
func (v *View) Entities(kind string) func(after string) iter.Seq2[string, string] {
	a := v.Account
	return func(after string) iter.Seq2[string, string] {
		switch kind {
		case "user":
			return named(a.UsersAfter(after), func(e *projections.User) *projections.Entity { return &e.Entity })
		case "group":
			return named(a.GroupsAfter(after), func(e *projections.Group) *projections.Entity { return &e.Entity })
		case "role":
			return named(a.RolesAfter(after), func(e *projections.Role) *projections.Entity { return &e.Entity })
		}
		return func(func(string, string) bool) {}
	}
}

func named[E any](s iter.Seq2[string, E], entity func(E) *projections.Entity) iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, e := range s {
			name := entity(e).Name
			if !yield(projections.Fold(name), name) {
				return
			}
		}
	}
}

// Listed yields strings that are in order and different from each other.
func Listed(list []string) func(after string) iter.Seq2[string, string] {
	return func(after string) iter.Seq2[string, string] {
		return func(yield func(string, string) bool) {
			for _, s := range list {
				if s > after && !yield(s, s) {
					return
				}
			}
		}
	}
}

// Page reads one page of candidates: those that keep keeps, at most limit, and
// not more than looks are looked at. next, if it is not empty, is the token of
// the page after; it is good for this account and this question only.
func Page[T any](v *View, token, question string, limit, looks int, from func(after string) iter.Seq2[string, T], keep func(T) bool) (out []T, next string, err error) {
	question = fmt.Sprintf("%x", sha256.Sum256([]byte(question)))
	at := ""
	if token != "" {
		if at, err = v.position(question, token); err != nil {
			return nil, "", err
		}
	}
	looked, more := 0, false
	for position, item := range from(at) {
		if more = len(out) == limit || looked == looks; more {
			break
		}
		if keep(item) {
			out = append(out, item)
		}
		at = position
		looked++
	}
	if more {
		issued := binary.BigEndian.AppendUint64(nil, uint64(v.Now.Unix()))
		next = v.Keys.SealMarker(v.Account.ID, question, append(issued, at...))
	}
	return out, next, nil
}

// Below cuts a prefix off the strings that have it, and drops the others.
func Below(list []string, prefix string) (out []string) {
	for _, s := range list {
		if rest, ok := strings.CutPrefix(s, prefix); ok && rest != "" {
			out = append(out, rest)
		}
	}
	return out
}
