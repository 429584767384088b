// Package projections folds the journal into the state that questions are
// answered from. A fold has no clock, no randomness, no I/O and no way to
// fail: the same function runs live, on replay, on every node and in the
// verifier.
package projections

import (
	"slices"

	"github.com/keytrail/keytrail/events"
)

// World is the identity state at one sequence of IDENTITY. The zero World is
// the state before the first event. It is not locked: Live guards the one that
// moves; a frozen copy may be read by anybody.
//
// Entities are immutable: a change replaces the value. So a copy shares all
// that did not change, and a pointer once read stays what it was.
type World struct {
	Seq           uint64 // last unit applied
	accounts      table[*Account]
	keys          table[*AccessKey] // every long-term key, by id
	aliases       table[string]     // account alias to account id
	organizations table[*Organization]
	owners        table[string] // registered ARN without an account to the account that registered it

	age    uint64            // see Account.age
	shared map[string]string // one copy of strings that many entities have
}

// Freeze returns a copy in constant time. Applying to either leaves the other
// as it is. It needs the same exclusion as Apply; the copy needs none.
func (w *World) Freeze() *World {
	c := &World{Seq: w.Seq, accounts: w.accounts.copy(), keys: w.keys.copy(), aliases: w.aliases.copy(), organizations: w.organizations.copy(), owners: w.owners.copy(), age: newVersion()}
	w.age = newVersion()
	return c
}

// Apply moves w forward by one unit. Facts about an account that does not
// exist change nothing, as do facts about entities that do not exist: the
// commands never emit such, and a fold must not fail.
func (w *World) Apply(u events.Unit) {
	a := w.change(u.Account)
	for _, f := range u.Facts {
		if a != nil {
			w.apply(a, u, f)
		} else if f, ok := f.(events.AccountCreated); ok {
			w.addAccount(u, f)
			a = w.change(u.Account)
		}
	}
	if a != nil {
		a.Seq = u.Seq
	}
	w.Seq = u.Seq
}

// apply is one switch over every fact; a test insists that it names them all.
func (w *World) apply(a *Account, u events.Unit, f events.Event) {
	switch f := f.(type) {
	case events.AccountCreated:
		w.addAccount(u, f)
	case events.AccountAliasCreated:
		w.setAlias(a, f.Alias)
	case events.AccountAliasDeleted:
		w.dropAlias(a)

	case events.PasswordPolicyUpdated:
		a.setPasswordPolicy(f)
	case events.PasswordPolicyDeleted:
		a.PasswordPolicy = nil

	case events.UserCreated:
		w.addUser(a, u, f)
	case events.UserRenamed:
		a.editUser(f.ID, func(u *User) { u.Name, u.Path = f.Name, w.share(f.Path) })
	case events.UserDeleted:
		a.deleteUser(f.ID)

	case events.GroupCreated:
		a.addGroup(&Group{Identity{Entity: w.entity(u, f.ID, f.Name, f.Path, nil)}})
	case events.GroupRenamed:
		a.editGroup(f.ID, func(g *Group) { g.Name, g.Path = f.Name, w.share(f.Path) })
	case events.GroupDeleted:
		a.deleteGroup(f.ID)
	case events.UserAddedToGroup:
		a.editUser(f.User, func(u *User) { u.Groups = with(u.Groups, w.share(f.Group)) })
	case events.UserRemovedFromGroup:
		a.editUser(f.User, func(u *User) { u.Groups = without(u.Groups, f.Group) })

	case events.RoleCreated:
		w.addRole(a, u, f)
	case events.RoleUpdated:
		a.editRole(f.ID, func(r *Role) { r.Description, r.MaxSession = f.Description, f.MaxSession })
	case events.RoleTrusted:
		a.editRole(f.ID, func(r *Role) { r.Trust, r.Bound = document(f.Trust.Document), f.Trust.Bound })
	case events.RoleDeleted:
		a.deleteRole(f.ID)

	case events.PolicyCreated:
		w.addPolicy(a, u, f)
	case events.PolicyVersionCreated:
		a.addVersion(u, f)
	case events.PolicyVersionDeleted:
		a.deleteVersion(f)
	case events.PolicyDefaultSet:
		a.setDefault(f)
	case events.PolicyDeleted:
		a.deletePolicy(f.ID)
	case events.PolicyAttached:
		a.editIdentity(f.To, func(i *Identity) { i.Attached = with(i.Attached, w.share(f.Policy)) })
	case events.PolicyDetached:
		a.editIdentity(f.From, func(i *Identity) { i.Attached = without(i.Attached, f.Policy) })
	case events.InlinePolicyPut:
		a.editIdentity(f.In, func(i *Identity) { i.putInline(Inline{w.share(f.Name), document(f.Document)}) })
	case events.InlinePolicyDeleted:
		a.editIdentity(f.In, func(i *Identity) { i.deleteInline(f.Name) })
	case events.BoundaryPut:
		a.editIdentity(f.On, func(i *Identity) { i.Boundary = w.share(f.Policy) })
	case events.BoundaryDeleted:
		a.editIdentity(f.On, func(i *Identity) { i.Boundary = "" })

	case events.AccessKeyCreated:
		w.addKey(a, u, f)
	case events.AccessKeyUpdated:
		w.updateKey(a, f)
	case events.AccessKeyDeleted:
		w.deleteKey(a, f)

	case events.LoginProfileCreated:
		a.editUser(f.User, func(user *User) {
			user.Login = &Login{Created: u.Time, Changed: u.Time, ResetRequired: f.ResetRequired, Password: f.Password}
		})
	case events.LoginProfileUpdated:
		a.updateLogin(u, f)
	case events.LoginProfileDeleted:
		a.editUser(f.User, func(user *User) { user.Login = nil })
	case events.PasswordChanged:
		a.setPassword(u, f)
	case events.CredentialRefused:
		a.refuse(u, f)

	case events.MFADeviceCreated:
		a.devices.add(a.age, &MFADevice{Entity: w.entity(u, f.ID, f.Name, f.Path, f.Tags), Seed: f.Seed})
	case events.MFADeviceEnabled:
		a.enableMFADevice(u, f)
	case events.MFADeviceResynced:
		a.editMFADevice(f.ID, func(d *MFADevice) { d.Step, d.Drift = f.Step, f.Drift })
	case events.MFACodeAccepted:
		a.acceptCode(f)
	case events.MFADeviceDeactivated:
		a.releaseMFADevice(f.ID)
	case events.MFADeviceDeleted:
		a.deleteMFADevice(f.ID)

	case events.Tagged:
		a.editEntity(f.ID, func(e *Entity) { e.Tags = MergeTags(e.Tags, w.shareTags(f.Tags)) })
	case events.Untagged:
		a.editEntity(f.ID, func(e *Entity) { e.Tags = WithoutTags(e.Tags, f.Keys) })

	case events.InstanceProfileCreated:
		a.addInstanceProfile(&InstanceProfile{Entity: w.entity(u, f.ID, f.Name, f.Path, f.Tags)})
	case events.InstanceProfileDeleted:
		a.deleteInstanceProfile(f.ID)
	case events.RoleAddedToInstanceProfile:
		a.editInstanceProfile(f.Profile, func(p *InstanceProfile) { p.Role = f.Role })
	case events.RoleRemovedFromInstanceProfile:
		a.editInstanceProfile(f.Profile, func(p *InstanceProfile) { p.Role = "" })

	case events.ResourcePut:
		w.putResource(a, u, f)
	case events.ResourceTagged:
		a.tagResource(u, f.ARN, func(tags []events.Tag) []events.Tag { return MergeTags(tags, w.shareTags(f.Tags)) })
	case events.ResourceUntagged:
		a.tagResource(u, f.ARN, func(tags []events.Tag) []events.Tag { return WithoutTags(tags, f.Keys) })
	case events.ResourceDeleted:
		w.deleteResource(a, f.ARN)

	case events.OIDCProviderCreated:
		a.oidcs.add(a.age, &OIDCProvider{Entity: w.entity(u, f.ID, f.URL, "/", f.Tags), Clients: f.Clients, Thumbprints: f.Thumbprints})
	case events.OIDCClientAdded:
		a.editOIDCProvider(f.Provider, func(p *OIDCProvider) { p.Clients = with(p.Clients, f.Client) })
	case events.OIDCClientRemoved:
		a.editOIDCProvider(f.Provider, func(p *OIDCProvider) { p.Clients = without(p.Clients, f.Client) })
	case events.OIDCThumbprintsSet:
		a.editOIDCProvider(f.ID, func(p *OIDCProvider) { p.Thumbprints = f.Thumbprints })
	case events.OIDCProviderDeleted:
		a.oidcs.delete(f.ID)

	case events.SAMLProviderCreated:
		a.samls.add(a.age, &SAMLProvider{Entity: w.entity(u, f.ID, f.Name, "/", f.Tags), Metadata: f.Metadata, ValidUntil: f.ValidUntil, Encryption: f.Encryption})
	case events.SAMLProviderUpdated:
		a.editSAMLProvider(f.ID, func(p *SAMLProvider) { p.Metadata, p.ValidUntil, p.Encryption = f.Metadata, f.ValidUntil, f.Encryption })
	case events.SAMLKeyAdded:
		a.editSAMLProvider(f.Provider, func(p *SAMLProvider) { p.addKey(SAMLKey{f.ID, f.Key, u.Time}) })
	case events.SAMLKeyRemoved:
		a.editSAMLProvider(f.Provider, func(p *SAMLProvider) { p.removeKey(f.ID) })
	case events.SAMLProviderDeleted:
		a.samls.delete(f.ID)

	case events.OrganizationCreated:
		w.addOrganization(a, u, f)
	case events.OrganizationDeleted:
		w.deleteOrganization(a)
	case events.OrganizationJoined:
		w.join(a, u, f)
	case events.OrganizationLeft:
		w.leave(a)
	case events.AccountRemoved:
		w.putOut(a, f.Account)
	case events.AccountMoved, events.OrganizationalUnitCreated, events.OrganizationalUnitUpdated, events.OrganizationalUnitDeleted,
		events.PolicyTypeEnabled, events.PolicyTypeDisabled, events.OrganizationPolicyCreated, events.OrganizationPolicyUpdated,
		events.OrganizationPolicyDeleted, events.OrganizationPolicyAttached, events.OrganizationPolicyDetached:
		w.reorganized(a, f)

	case events.TrailCreated:
		a.addTrail(u, f)
	case events.TrailUpdated:
		a.editTrail(f.Name, func(t *Trail) { t.set(f.TrailSettings) })
	case events.TrailDeleted:
		a.deleteTrail(f.Name)
	case events.TrailStarted:
		a.editTrail(f.Name, func(t *Trail) { t.Logging, t.Started = true, u.Time })
	case events.TrailStopped:
		a.editTrail(f.Name, func(t *Trail) { t.Logging, t.Stopped = false, u.Time })
	case events.TrailSelected:
		a.editTrail(f.Name, func(t *Trail) { t.Basic, t.Advanced = f.Basic, f.Advanced })
	case events.TrailTagged:
		a.editTrail(f.Name, func(t *Trail) { t.Tags = MergeTags(t.Tags, f.Tags) })
	case events.TrailUntagged:
		a.editTrail(f.Name, func(t *Trail) {
			if t.Tags = WithoutTags(t.Tags, f.Keys); len(t.Tags) == 0 {
				t.Tags = nil
			}
		})
	}
}

func (w *World) entity(u events.Unit, id, name, path string, tags []events.Tag) Entity {
	return Entity{ID: id, Name: name, Path: w.share(path), Created: u.Time, Tags: w.shareTags(tags)}
}

const sharedMax = 1 << 16

// share returns one copy of equal strings, for those that many entities have:
// paths, tags, ids of groups. It forgets when it holds too many.
func (w *World) share(s string) string {
	if old, ok := w.shared[s]; ok {
		return old
	}
	if w.shared == nil || len(w.shared) >= sharedMax {
		w.shared = map[string]string{}
	}
	w.shared[s] = s
	return s
}

func (w *World) shareTags(tags []events.Tag) []events.Tag {
	tags = slices.Clone(tags)
	for i, t := range tags {
		tags[i] = events.Tag{Key: w.share(t.Key), Value: w.share(t.Value)}
	}
	return tags
}
