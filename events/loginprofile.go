package events

func init() {
	register[LoginProfileCreated]()
	register[LoginProfileUpdated]()
	register[LoginProfileDeleted]()
	register[PasswordChanged]()
	register[CredentialRefused]()
}

// LoginProfileCreated says that a user has a password.
type LoginProfileCreated struct {
	User          string `json:"user"`     // AIDA…
	Password      string `json:"password"` // its hash, sealed: subject the user's id, field "password"
	ResetRequired bool   `json:"resetRequired,omitempty"`
}

func (LoginProfileCreated) Type() string { return "iam.loginprofile.created.v1" }

// LoginProfileUpdated says what somebody else gave a user: a new password, or
// the old one, and whether it must be changed at the next sign-in.
type LoginProfileUpdated struct {
	User          string `json:"user"`
	Password      string `json:"password,omitempty"` // as in LoginProfileCreated; none: it stays
	ResetRequired bool   `json:"resetRequired,omitempty"`
}

func (LoginProfileUpdated) Type() string { return "iam.loginprofile.updated.v1" }

// LoginProfileDeleted says that a user has no password, nor had one before.
type LoginProfileDeleted struct {
	User string `json:"user"`
}

func (LoginProfileDeleted) Type() string { return "iam.loginprofile.deleted.v1" }

// PasswordChanged says that a user, who knew the old password, has a new one.
type PasswordChanged struct {
	User     string `json:"user"`
	Password string `json:"password"`
}

func (PasswordChanged) Type() string { return "iam.password.changed.v1" }

// CredentialRefused says that a wrong password or MFA code was given in a
// user's name. Too many of them, and no further one is looked at for a while.
type CredentialRefused struct {
	User   string `json:"user,omitempty"` // AIDA…; none: the account's root user
	Factor string `json:"factor"`         // password, mfa
}

func (CredentialRefused) Type() string { return "iam.credential.refused.v1" }
