package answer

import "github.com/keytrail/keytrail/projections"

// Kind is users, groups or roles: what holds permissions. Their policies and
// attachments follow the same rules and differ in these words and numbers.
type Kind struct {
	Name   string // as in "The user with name ana cannot be found."
	Prefix string // of unique ids
	find   func(*projections.Account, string) (*projections.Identity, bool)

	Attach string // the name of the quota for managed policies
	Quotas func(*projections.Quotas) (attached, inlineSize int)
}

// The three kinds.
var (
	Users = &Kind{
		"user", projections.UserPrefix, func(a *projections.Account, name string) (*projections.Identity, bool) {
			u, ok := a.User(name)
			if !ok {
				return nil, false
			}
			return &u.Identity, true
		},
		"PoliciesPerUser", func(q *projections.Quotas) (int, int) { return q.PoliciesPerUser, q.UserInlineSize },
	}
	Groups = &Kind{
		"group", projections.GroupPrefix, func(a *projections.Account, name string) (*projections.Identity, bool) {
			g, ok := a.Group(name)
			if !ok {
				return nil, false
			}
			return &g.Identity, true
		},
		"PoliciesPerGroup", func(q *projections.Quotas) (int, int) { return q.PoliciesPerGroup, q.GroupInlineSize },
	}
	Roles = &Kind{
		"role", projections.RolePrefix, func(a *projections.Account, name string) (*projections.Identity, bool) {
			r, ok := a.Role(name)
			if !ok {
				return nil, false
			}
			return &r.Identity, true
		},
		"PoliciesPerRole", func(q *projections.Quotas) (int, int) { return q.PoliciesPerRole, q.RoleInlineSize },
	}
)

// Find finds a user, group or role by name.
func (k *Kind) Find(a *projections.Account, name string) (*projections.Identity, error) {
	if i, ok := k.find(a, name); ok {
		return i, nil
	}
	return nil, NoSuch(k.Name, name)
}

// Inline finds an inline policy of a user, group or role.
func (k *Kind) Inline(i *projections.Identity, name string) (projections.Inline, error) {
	if p, ok := i.InlinePolicy(name); ok {
		return p, nil
	}
	return projections.Inline{}, NoSuch(k.Name+" policy", name)
}
