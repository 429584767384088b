package projections

import "iter"

// Group is an IAM group. Its members are in the users.
type Group struct{ Identity }

// ARN is the ARN of g, a group of account a.
func (g *Group) ARN(a *Account) string { return a.ARN("group", g.Path, g.Name) }

// Group finds a group by name.
func (a *Account) Group(name string) (*Group, bool) { return a.groups.name(name) }

// GroupByID finds a group by its AGPA… id.
func (a *Account) GroupByID(id string) (*Group, bool) { return a.groups.id(id) }

// GroupsAfter yields the groups whose folded name is after marker, by name.
func (a *Account) GroupsAfter(marker string) iter.Seq2[string, *Group] {
	return a.groups.named.after(marker)
}

// Groups is how many groups there are.
func (a *Account) Groups() int { return a.groups.named.len() }

// MembersAfter yields the users of a group whose folded name is after marker.
func (a *Account) MembersAfter(group *Group, marker string) iter.Seq2[string, *User] {
	return resolve(a.members.under(group.ID+"/", marker), &a.users.named)
}

// resolve turns names into what they name.
func resolve[E any](names iter.Seq2[string, struct{}], in *table[E]) iter.Seq2[string, E] {
	return func(yield func(string, E) bool) {
		for name := range names {
			if e, ok := in.get(name); ok && !yield(name, e) {
				return
			}
		}
	}
}

func (a *Account) addGroup(g *Group) {
	g.cell = new(cell)
	a.groups.add(g)
	a.reindex(nil, &g.Identity)
}

func (a *Account) editGroup(id string, edit func(*Group)) {
	old, ok := a.groups.id(id)
	if !ok {
		return
	}
	g := *old
	g.cell = new(cell)
	edit(&g)
	a.groups.replace(old, &g)
	a.reindex(&old.Identity, &g.Identity)
	a.grants = newVersion()
}

func (a *Account) deleteGroup(id string) {
	if g, ok := a.groups.id(id); ok {
		a.groups.remove(g)
		a.reindex(&g.Identity, nil)
		a.grants = newVersion()
	}
}
