package projections

import (
	"slices"
	"strings"
	"time"

	"github.com/keytrail/keytrail/events"
)

// Entity is what all share that have a name and can have tags.
type Entity struct {
	ID      string       `json:"id"`
	Name    string       `json:"name"`
	Path    string       `json:"path"`
	Created time.Time    `json:"created"`
	Tags    []events.Tag `json:"tags,omitempty"`
}

func (e *Entity) entity() *Entity { return e }

// InPath says whether the entity's path begins with a prefix.
func (e *Entity) InPath(prefix string) bool { return strings.HasPrefix(e.Path, prefix) }

// The first four letters of a unique id say what it is the id of (IAM User
// Guide, "IAM identifiers").
const (
	UserPrefix            = "AIDA"
	GroupPrefix           = "AGPA"
	RolePrefix            = "AROA"
	PolicyPrefix          = "ANPA"
	InstanceProfilePrefix = "AIPA"
	MFADevicePrefix       = "VMFA" // ours: AWS shows no id of a device but its ARN
	OIDCProviderPrefix    = "OIDC" // ours alone, as is the next
	SAMLProviderPrefix    = "SAML"
)

func prefix(id string) string { return id[:min(4, len(id))] }

// Identity is what users, groups and roles share: they hold permissions.
type Identity struct {
	Entity
	Inline   []Inline `json:"inline,omitempty"`   // by folded name
	Attached []string `json:"attached,omitempty"` // ids of managed policies, in the order of attaching
	Boundary string   `json:"boundary,omitempty"` // id of a managed policy; groups have none

	cell *cell // what was compiled from it; a changed identity has a new one
}

// Inline is a policy that belongs to one identity.
type Inline struct {
	Name     string    `json:"name"`
	Document *Document `json:"document"`
}

// InlinePolicy finds an inline policy by name.
func (i *Identity) InlinePolicy(name string) (Inline, bool) {
	n, ok := i.inline(name)
	if !ok {
		return Inline{}, false
	}
	return i.Inline[n], true
}

func (i *Identity) inline(name string) (int, bool) {
	return slices.BinarySearchFunc(i.Inline, fold(name), func(p Inline, name string) int {
		return strings.Compare(fold(p.Name), name)
	})
}

// The methods below are called on a copy that nobody else has seen; the slices
// are shared, so each is replaced and never written to.

func (i *Identity) putInline(p Inline) {
	at, ok := i.inline(p.Name)
	if ok {
		i.Inline = slices.Clone(i.Inline)
		i.Inline[at] = p
		return
	}
	i.Inline = slices.Insert(slices.Clip(i.Inline), at, p)
}

func (i *Identity) deleteInline(name string) {
	if at, ok := i.inline(name); ok {
		i.Inline = slices.Concat(i.Inline[:at], i.Inline[at+1:])
	}
}

// with and without are list with or without one more item, in new memory.
func with(list []string, item string) []string {
	if slices.Contains(list, item) {
		return list
	}
	return append(slices.Clip(list), item)
}

func without(list []string, item string) []string {
	at := slices.Index(list, item)
	if at < 0 {
		return list
	}
	return slices.Concat(list[:at], list[at+1:])
}

// editIdentity changes the user, group or role of that id.
func (a *Account) editIdentity(id string, edit func(*Identity)) {
	switch prefix(id) {
	case UserPrefix:
		a.editUser(id, func(u *User) { edit(&u.Identity) })
	case GroupPrefix:
		a.editGroup(id, func(g *Group) { edit(&g.Identity) })
	case RolePrefix:
		a.editRole(id, func(r *Role) { edit(&r.Identity) })
	}
}

// editEntity changes what can be tagged and has that id.
func (a *Account) editEntity(id string, edit func(*Entity)) {
	switch prefix(id) {
	case PolicyPrefix:
		a.editPolicy(id, func(p *Policy) { edit(&p.Entity) })
	case InstanceProfilePrefix:
		a.editInstanceProfile(id, func(p *InstanceProfile) { edit(&p.Entity) })
	case MFADevicePrefix:
		a.editMFADevice(id, func(d *MFADevice) { edit(&d.Entity) })
	case OIDCProviderPrefix:
		a.editOIDCProvider(id, func(p *OIDCProvider) { edit(&p.Entity) })
	case SAMLProviderPrefix:
		a.editSAMLProvider(id, func(p *SAMLProvider) { edit(&p.Entity) })
	default:
		a.editIdentity(id, func(i *Identity) { edit(&i.Entity) })
	}
}

// reindex brings the indexes from what an identity was to what it is; nil: it
// was not, or is no more.
func (a *Account) reindex(was, is *Identity) {
	var before, after Identity
	if was != nil {
		before = *was
	}
	if is != nil {
		after = *is
	}
	renamed := fold(before.Name) != fold(after.Name)
	diff(before.Attached, after.Attached, renamed,
		func(policy string) { a.unuse(&a.attached, policy, &before) },
		func(policy string) { a.use(&a.attached, policy, &after) })
	if renamed || before.Boundary != after.Boundary {
		if before.Boundary != "" {
			a.unuse(&a.bounded, before.Boundary, &before)
		}
		if after.Boundary != "" {
			a.use(&a.bounded, after.Boundary, &after)
		}
	}
}

// diff calls drop with each item of was, and add with each of is, that the
// other has not; with all of both if everything changed.
func diff(was, is []string, all bool, drop, add func(string)) {
	if !all && len(was) == len(is) && (len(was) == 0 || &was[0] == &is[0]) {
		return
	}
	for _, s := range was {
		if all || !slices.Contains(is, s) {
			drop(s)
		}
	}
	for _, s := range is {
		if all || !slices.Contains(was, s) {
			add(s)
		}
	}
}
