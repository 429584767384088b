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
	ids := func(a *Account, t *table[string]) {
		for id, name := range t.after("") {
			out = append(out, fmt.Sprint(a.ID, " id ", id, " ", name))
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
		ids(a, &a.users.ids)
		ids(a, &a.groups.ids)
		ids(a, &a.roles.ids)
		ids(a, &a.policies.ids)
		ids(a, &a.profiles.ids)
	}
	for alias, id := range w.aliases.after("") {
		out = append(out, fmt.Sprint(id, " alias ", alias))
	}
	slices.Sort(out)
	return out
}

// Keys is how many access keys there are.
func (w *World) Keys() int { return w.keys.len() }
