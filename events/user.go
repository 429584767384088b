package events

func init() {
	register[UserCreated]()
	register[UserRenamed]()
	register[UserDeleted]()
}

// UserCreated says that a user came to exist. Users start with no permissions.
type UserCreated struct {
	ID   string `json:"id"` // AIDA…, never given out twice
	Name string `json:"name"`
	Path string `json:"path"`
	Tags []Tag  `json:"tags,omitempty"`
}

func (UserCreated) Type() string { return "iam.user.created.v1" }

// UserRenamed says that a user has another name or path, and so another ARN.
type UserRenamed struct {
	ID   string `json:"id"`
	Name string `json:"name"`
	Path string `json:"path"`
}

func (UserRenamed) Type() string { return "iam.user.renamed.v1" }

// UserDeleted says that a user is no more. What it held was removed before.
type UserDeleted struct {
	ID string `json:"id"`
}

func (UserDeleted) Type() string { return "iam.user.deleted.v1" }
