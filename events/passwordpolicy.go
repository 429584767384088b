package events

func init() {
	register[PasswordPolicyUpdated]()
	register[PasswordPolicyDeleted]()
}

// PasswordPolicyUpdated says which passwords the account's users may have, and
// for how long: all of it, in place of what was said before.
type PasswordPolicyUpdated struct {
	MinimumLength    int   `json:"minimumLength"`
	RequireSymbols   bool  `json:"requireSymbols,omitempty"`
	RequireNumbers   bool  `json:"requireNumbers,omitempty"`
	RequireUppercase bool  `json:"requireUppercase,omitempty"`
	RequireLowercase bool  `json:"requireLowercase,omitempty"`
	ChangeOwn        bool  `json:"changeOwn,omitempty"` // users may change their own
	MaxAge           int   `json:"maxAge,omitempty"`    // days; 0: they do not expire
	Reuse            int   `json:"reuse,omitempty"`     // how many of the last ones may not be used again
	HardExpiry       *bool `json:"hardExpiry,omitempty"`
}

func (PasswordPolicyUpdated) Type() string { return "iam.passwordpolicy.updated.v1" }

// PasswordPolicyDeleted says that the account has no password policy of its own.
type PasswordPolicyDeleted struct{}

func (PasswordPolicyDeleted) Type() string { return "iam.passwordpolicy.deleted.v1" }
