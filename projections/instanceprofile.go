package projections

import "iter"

// InstanceProfile hands a role to machines.
type InstanceProfile struct {
	Entity
	Role string `json:"role,omitempty"` // id
}

// ARN is the ARN of p, an instance profile of account a.
func (p *InstanceProfile) ARN(a *Account) string { return a.ARN("instance-profile", p.Path, p.Name) }

// InstanceProfile finds an instance profile by name.
func (a *Account) InstanceProfile(name string) (*InstanceProfile, bool) { return a.profiles.name(name) }

// InstanceProfileByID finds an instance profile by its AIPA… id.
func (a *Account) InstanceProfileByID(id string) (*InstanceProfile, bool) { return a.profiles.id(id) }

// InstanceProfilesAfter yields the instance profiles whose folded name is
// after marker, by name.
func (a *Account) InstanceProfilesAfter(marker string) iter.Seq2[string, *InstanceProfile] {
	return a.profiles.after(marker)
}

// InstanceProfiles is how many instance profiles there are.
func (a *Account) InstanceProfiles() int { return a.profiles.len() }

// InstanceProfilesOf yields the instance profiles that hold a role and whose
// folded name is after marker, by name.
func (a *Account) InstanceProfilesOf(r *Role, marker string) iter.Seq2[string, *InstanceProfile] {
	return a.profiles.of(a.holding.under(r.ID+"/", marker))
}

func (a *Account) addInstanceProfile(p *InstanceProfile) {
	a.profiles.add(a.age, p)
	a.hold(nil, p)
}

func (a *Account) editInstanceProfile(id string, edit func(*InstanceProfile)) {
	if at, ok := a.profiles.ids.get(id); ok {
		old := at.is
		p := *old
		edit(&p)
		a.profiles.put(a.age, at, &p)
		a.hold(old, &p)
	}
}

func (a *Account) deleteInstanceProfile(id string) {
	if p, ok := a.profiles.id(id); ok {
		a.profiles.remove(p)
		a.hold(p, nil)
	}
}

// hold brings the index of holders from what an instance profile was to what
// it is. Instance profiles are never renamed.
func (a *Account) hold(was, is *InstanceProfile) {
	if was != nil && was.Role != "" {
		a.holding.delete(was.Role + "/" + fold(was.Name))
	}
	if is != nil && is.Role != "" {
		a.holding.set(is.Role+"/"+fold(is.Name), struct{}{})
	}
}
