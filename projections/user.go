package projections

import (
	"iter"

	"github.com/keytrail/keytrail/events"
)

// User is an IAM user.
type User struct {
	Identity
	Groups []string `json:"groups,omitempty"` // ids, in the order of joining
	Keys   []string `json:"keys,omitempty"`   // ids of its access keys, in the order of creation
	MFA    []string `json:"mfa,omitempty"`    // ids of its MFA devices, in the order of enabling

	Login   *Login   `json:"login,omitempty"`   // nil: it has no password
	Refused *Refused `json:"refused,omitempty"` // nil: the last password or MFA code was right
}

// ARN is the ARN of u, a user of account a.
func (u *User) ARN(a *Account) string { return a.ARN("user", u.Path, u.Name) }

// User finds a user by name; names that differ only in case are one name.
func (a *Account) User(name string) (*User, bool) { return a.users.name(name) }

// UserByID finds a user by its AIDA… id.
func (a *Account) UserByID(id string) (*User, bool) { return a.users.id(id) }

// UsersAfter yields the users whose folded name is after marker, by name.
func (a *Account) UsersAfter(marker string) iter.Seq2[string, *User] {
	return a.users.after(marker)
}

// Users is how many users there are.
func (a *Account) Users() int { return a.users.len() }

func (a *Account) addUser(u *User) {
	u.cell = new(cell)
	a.users.add(a.age, u)
	a.reindexUser(nil, u)
}

func (a *Account) editUser(id string, edit func(*User)) {
	at, ok := a.users.ids.get(id)
	if !ok {
		return
	}
	old := at.is
	u := *old
	u.cell = new(cell)
	edit(&u)
	a.users.put(a.age, at, &u)
	a.reindexUser(old, &u)
}

func (a *Account) deleteUser(id string) {
	if u, ok := a.users.id(id); ok {
		a.users.remove(u)
		a.reindexUser(u, nil)
	}
}

func (a *Account) reindexUser(was, is *User) {
	var before, after User
	var w, i *Identity
	if was != nil {
		before, w = *was, &was.Identity
	}
	if is != nil {
		after, i = *is, &is.Identity
	}
	a.reindex(w, i)
	diff(before.Groups, after.Groups, fold(before.Name) != fold(after.Name),
		func(group string) { a.members.delete(group + "/" + fold(before.Name)) },
		func(group string) { a.members.set(group+"/"+fold(after.Name), struct{}{}) })
}

func (w *World) addUser(a *Account, u events.Unit, f events.UserCreated) {
	a.addUser(&User{Identity: Identity{Entity: w.entity(u, f.ID, f.Name, f.Path, f.Tags)}})
}
