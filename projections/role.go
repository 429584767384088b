package projections

import (
	"iter"

	"github.com/keytrail/keytrail/events"
)

// Role is an IAM role.
type Role struct {
	Identity
	Trust       *Document         `json:"trust"`
	Bound       map[string]string `json:"bound,omitempty"` // ARNs of Trust, and the unique ids they meant when it was set
	Description string            `json:"description,omitempty"`
	MaxSession  int               `json:"maxSession"` // seconds
}

// ARN is the ARN of r, a role of account a.
func (r *Role) ARN(a *Account) string { return a.ARN("role", r.Path, r.Name) }

// Role finds a role by name.
func (a *Account) Role(name string) (*Role, bool) { return a.roles.name(name) }

// RoleByID finds a role by its AROA… id.
func (a *Account) RoleByID(id string) (*Role, bool) { return a.roles.id(id) }

// RolesAfter yields the roles whose folded name is after marker, by name.
func (a *Account) RolesAfter(marker string) iter.Seq2[string, *Role] {
	return a.roles.after(marker)
}

// Roles is how many roles there are.
func (a *Account) Roles() int { return a.roles.len() }

func (a *Account) addRole(r *Role) {
	r.cell = new(cell)
	a.roles.add(a.age, r)
	a.reindex(nil, &r.Identity)
}

func (a *Account) editRole(id string, edit func(*Role)) {
	at, ok := a.roles.ids.get(id)
	if !ok {
		return
	}
	old := at.is
	r := *old
	r.cell = new(cell)
	edit(&r)
	a.roles.put(a.age, at, &r)
	a.reindex(&old.Identity, &r.Identity)
}

func (a *Account) deleteRole(id string) {
	if r, ok := a.roles.id(id); ok {
		a.roles.remove(r)
		a.reindex(&r.Identity, nil)
	}
}

func (w *World) addRole(a *Account, u events.Unit, f events.RoleCreated) {
	a.addRole(&Role{
		Identity:    Identity{Entity: w.entity(u, f.ID, f.Name, f.Path, f.Tags)},
		Trust:       document(f.Trust.Document),
		Bound:       f.Trust.Bound,
		Description: f.Description,
		MaxSession:  f.MaxSession,
	})
}
