package events

func init() {
	register[AccountCreated]()
	register[AccountAliasCreated]()
	register[AccountAliasDeleted]()
}

// AccountCreated says that an account came to exist, with its root user.
type AccountCreated struct {
	ID    string `json:"id"` // 12 digits
	Name  string `json:"name,omitempty"`
	LogID string `json:"logId,omitempty"` // in the first unit of a journal: its identity for ever
}

func (AccountCreated) Type() string { return "iam.account.created.v1" }

// AccountAliasCreated says that an account has this alias, and no other.
type AccountAliasCreated struct {
	Alias string `json:"alias"`
}

func (AccountAliasCreated) Type() string { return "iam.accountalias.created.v1" }

// AccountAliasDeleted says that an account has no alias.
type AccountAliasDeleted struct {
	Alias string `json:"alias"`
}

func (AccountAliasDeleted) Type() string { return "iam.accountalias.deleted.v1" }
