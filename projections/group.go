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
	return a.groups.after(marker)
}

// Groups is how many groups there are.
func (a *Account) Groups() int { return a.groups.len() }

// MembersAfter yields the users of a group whose folded name is after marker.
func (a *Account) MembersAfter(group *Group, marker string) iter.Seq2[string, *User] {
	return a.users.of(a.members.under(group.ID+"/", marker))
}

func (a *Account) addGroup(g *Group) {
	g.cell = new(cell)
	a.groups.add(a.age, g)
	a.reindex(nil, &g.Identity)
}

func (a *Account) editGroup(id string, edit func(*Group)) {
	at, ok := a.groups.ids.get(id)
	if !ok {
		return
	}
	old := at.is
	g := *old
	g.cell = new(cell)
	edit(&g)
	a.groups.put(a.age, at, &g)
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
