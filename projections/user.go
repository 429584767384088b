package projections

import (
	"iter"
	"time"

	"github.com/keytrail/keytrail/events"
)

// User is an IAM user.
type User struct {
	ID, Name, Path string
	Created        time.Time
	Tags           []events.Tag
}

// User finds a user by name; names that differ only in case are one name.
func (a *Account) User(name string) (*User, bool) { return a.users.get(fold(name)) }

// UserByID finds a user by its AIDA… id.
func (a *Account) UserByID(id string) (*User, bool) {
	name, ok := a.userIDs.get(id)
	if !ok {
		return nil, false
	}
	return a.users.get(name)
}

// UsersAfter yields the users whose folded name is after marker, by name.
func (a *Account) UsersAfter(marker string) iter.Seq2[string, *User] { return a.users.after(marker) }

func (a *Account) addUser(u events.Unit, f events.UserCreated) {
	a.putUser(&User{ID: f.ID, Name: f.Name, Path: f.Path, Tags: f.Tags, Created: u.Time})
}

func (a *Account) putUser(u *User) {
	a.users.set(fold(u.Name), u)
	a.userIDs.set(u.ID, fold(u.Name))
}

func (a *Account) renameUser(f events.UserRenamed) {
	old, ok := a.UserByID(f.ID)
	if !ok {
		return
	}
	u := *old
	u.Name, u.Path = f.Name, f.Path
	a.users.delete(fold(old.Name))
	a.putUser(&u)
}

func (a *Account) deleteUser(f events.UserDeleted) {
	if u, ok := a.UserByID(f.ID); ok {
		a.users.delete(fold(u.Name))
		a.userIDs.delete(f.ID)
	}
}
