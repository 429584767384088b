package events

func init() {
	register[AccessKeyCreated]()
	register[AccessKeyUpdated]()
	register[AccessKeyDeleted]()
}

// AccessKeyCreated says that a user, or the root user, has one more access
// key. It is active.
type AccessKeyCreated struct {
	ID     string `json:"id"`             // AKIA…
	User   string `json:"user,omitempty"` // AIDA…; none: the account's root user
	Secret string `json:"secret"`         // sealed: subject the key's id, field "secret"
}

func (AccessKeyCreated) Type() string { return "iam.accesskey.created.v1" }

// AccessKeyUpdated says whether an access key may be used.
type AccessKeyUpdated struct {
	ID     string `json:"id"`
	Active bool   `json:"active"`
}

func (AccessKeyUpdated) Type() string { return "iam.accesskey.updated.v1" }

// AccessKeyDeleted says that an access key is no more.
type AccessKeyDeleted struct {
	ID string `json:"id"`
}

func (AccessKeyDeleted) Type() string { return "iam.accesskey.deleted.v1" }
