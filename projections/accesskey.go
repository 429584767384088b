package projections

import (
	"time"

	"github.com/keytrail/keytrail/events"
)

// AccessKey is a long-term access key of a user or of an account's root user.
type AccessKey struct {
	ID      string    `json:"id"`
	Account string    `json:"account"`
	UserID  string    `json:"user,omitempty"` // "" for the root user
	Secret  string    `json:"secret"`         // sealed
	Active  bool      `json:"active"`
	Created time.Time `json:"created"`
}

// AccessKey finds a long-term key of any account.
func (w *World) AccessKey(id string) (*AccessKey, bool) { return w.keys.get(id) }

func (w *World) addKey(a *Account, u events.Unit, f events.AccessKeyCreated) {
	if _, taken := w.keys.get(f.ID); taken {
		return // only automation that fixes ids could ask for it: the first holder keeps it
	}
	k := &AccessKey{ID: f.ID, Account: a.ID, UserID: f.User, Secret: f.Secret, Active: true, Created: u.Time}
	if f.User == "" {
		a.RootKeys = with(a.RootKeys, f.ID)
	} else {
		a.editUser(f.User, func(u *User) { u.Keys = with(u.Keys, f.ID); k.UserID = u.ID })
	}
	w.keys.set(f.ID, k)
}

// key finds a key for a change that account a asks for: its own.
func (w *World) key(a *Account, id string) (*AccessKey, bool) {
	k, ok := w.keys.get(id)
	return k, ok && k.Account == a.ID
}

func (w *World) updateKey(a *Account, f events.AccessKeyUpdated) {
	if old, ok := w.key(a, f.ID); ok {
		k := *old
		k.Active = f.Active
		w.keys.set(k.ID, &k)
	}
}

func (w *World) deleteKey(a *Account, f events.AccessKeyDeleted) {
	k, ok := w.key(a, f.ID)
	if !ok {
		return
	}
	w.keys.delete(k.ID)
	if k.UserID == "" {
		a.RootKeys = without(a.RootKeys, k.ID)
	} else {
		a.editUser(k.UserID, func(u *User) { u.Keys = without(u.Keys, k.ID) })
	}
}
