package events

func init() {
	register[GroupCreated]()
	register[GroupRenamed]()
	register[GroupDeleted]()
	register[UserAddedToGroup]()
	register[UserRemovedFromGroup]()
}

// GroupCreated says that a group came to exist. It has no members.
type GroupCreated struct {
	ID   string `json:"id"` // AGPA…
	Name string `json:"name"`
	Path string `json:"path"`
}

func (GroupCreated) Type() string { return "iam.group.created.v1" }

// GroupRenamed says that a group has another name or path, and so another ARN.
type GroupRenamed struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Path string `json:"path"`
}

func (GroupRenamed) Type() string { return "iam.group.renamed.v1" }

// GroupDeleted says that a group is no more.
type GroupDeleted struct {
	ID string `json:"id"`
}

func (GroupDeleted) Type() string { return "iam.group.deleted.v1" }

// UserAddedToGroup says that a user is a member of a group.
type UserAddedToGroup struct {
	Group string `json:"group"` // AGPA…
	User  string `json:"user"`  // AIDA…
}

func (UserAddedToGroup) Type() string { return "iam.group.useradded.v1" }

// UserRemovedFromGroup says that a user is no longer a member of a group.
type UserRemovedFromGroup struct {
	Group string `json:"group"`
	User  string `json:"user"`
}

func (UserRemovedFromGroup) Type() string { return "iam.group.userremoved.v1" }
