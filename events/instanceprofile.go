package events

func init() {
	register[InstanceProfileCreated]()
	register[InstanceProfileDeleted]()
	register[RoleAddedToInstanceProfile]()
	register[RoleRemovedFromInstanceProfile]()
}

// InstanceProfileCreated says that an instance profile came to exist, empty.
type InstanceProfileCreated struct {
	ID   string `json:"id"` // AIPA…
	Name string `json:"name"`
	Path string `json:"path"`
	Tags []Tag  `json:"tags,omitempty"`
}

func (InstanceProfileCreated) Type() string { return "iam.instanceprofile.created.v1" }

// InstanceProfileDeleted says that an instance profile is no more.
type InstanceProfileDeleted struct {
	ID string `json:"id"`
}

func (InstanceProfileDeleted) Type() string { return "iam.instanceprofile.deleted.v1" }

// RoleAddedToInstanceProfile says that an instance profile holds a role.
type RoleAddedToInstanceProfile struct {
	Profile string `json:"profile"` // AIPA…
	Role    string `json:"role"`    // AROA…
}

func (RoleAddedToInstanceProfile) Type() string { return "iam.instanceprofile.roleadded.v1" }

// RoleRemovedFromInstanceProfile says that an instance profile is empty again.
type RoleRemovedFromInstanceProfile struct {
	Profile string `json:"profile"`
	Role    string `json:"role"`
}

func (RoleRemovedFromInstanceProfile) Type() string { return "iam.instanceprofile.roleremoved.v1" }
