package events

func init() {
	register[RoleCreated]()
	register[RoleUpdated]()
	register[RoleTrusted]()
	register[RoleDeleted]()
}

// RoleCreated says that a role came to exist. Roles start with no permissions.
type RoleCreated struct {
	ID          string `json:"id"` // AROA…
	Name        string `json:"name"`
	Path        string `json:"path"`
	Trust       Trust  `json:"trust"`
	Description string `json:"description,omitempty"`
	MaxSession  int    `json:"maxSession"` // seconds
	Tags        []Tag  `json:"tags,omitempty"`
}

func (RoleCreated) Type() string { return "iam.role.created.v1" }

// Trust is a trust policy as it was sent, and whom its ARNs meant then: a user
// or role that is made later under the same name is somebody else.
type Trust struct {
	Document string            `json:"document"`
	Bound    map[string]string `json:"bound,omitempty"` // ARN to unique id
}

// RoleUpdated says what a role's description and longest session are now.
type RoleUpdated struct {
	ID          string `json:"id"`
	Description string `json:"description,omitempty"`
	MaxSession  int    `json:"maxSession"`
}

func (RoleUpdated) Type() string { return "iam.role.updated.v1" }

// RoleTrusted says who may assume a role now.
type RoleTrusted struct {
	ID    string `json:"id"`
	Trust Trust  `json:"trust"`
}

func (RoleTrusted) Type() string { return "iam.role.trusted.v1" }

// RoleDeleted says that a role is no more.
type RoleDeleted struct {
	ID string `json:"id"`
}

func (RoleDeleted) Type() string { return "iam.role.deleted.v1" }
