package projections

import (
	"fmt"
	"slices"
)

// Indexes lists all that is computed from the entities of w, so that a test
// may hold it against the same, computed anew.
func (w *World) Indexes() (out []string) {
	list := func(a *Account, name string, t *table[struct{}]) {
		for k := range t.after("") {
			out = append(out, fmt.Sprint(a.ID, " ", name, " ", k))
		}
	}
	for _, a := range w.accounts.after("") {
		list(a, "members", &a.members)
		list(a, "holding", &a.holding)
		list(a, "attached", &a.attached)
		list(a, "bounded", &a.bounded)
		for id, u := range a.uses.after("") {
			out = append(out, fmt.Sprint(a.ID, " use ", id, " ", u))
		}
		out = append(out, ids(a, &a.users)...)
		out = append(out, ids(a, &a.groups)...)
		out = append(out, ids(a, &a.roles)...)
		out = append(out, ids(a, &a.policies)...)
		out = append(out, ids(a, &a.profiles)...)
		out = append(out, ids(a, &a.devices)...)
		out = append(out, ids(a, &a.oidcs)...)
		out = append(out, ids(a, &a.samls)...)
	}
	for alias, id := range w.aliases.after("") {
		out = append(out, fmt.Sprint(id, " alias ", alias))
	}
	for arn, id := range w.owners.after("") {
		out = append(out, fmt.Sprint(id, " owns ", arn))
	}
	slices.Sort(out)
	return out
}

// Hold finds the one Document of a text, which stays so while it is held.
func Hold(text string) *Document { return document(text) }

// Keys is how many access keys there are.
func (w *World) Keys() int { return w.keys.len() }

func ids[E interface{ entity() *Entity }](a *Account, r *roster[E]) (out []string) {
	for id, s := range r.ids.after("") {
		named, _ := r.name(s.is.entity().Name)
		out = append(out, fmt.Sprint(a.ID, " id ", id, " ", s.is.entity().Name, " ", named.entity() == s.is.entity()))
	}
	return out
}
