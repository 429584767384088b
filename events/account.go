package events

func init() { register[AccountCreated]() }

// AccountCreated says that an account came to exist, with its root user.
type AccountCreated struct {
	ID    string `json:"id"` // 12 digits
	Name  string `json:"name,omitempty"`
	LogID string `json:"logId,omitempty"` // in the first unit of a journal: its identity for ever
}

func (AccountCreated) Type() string { return "iam.account.created.v1" }
