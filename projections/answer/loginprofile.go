package answer

import (
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections"
)

// LoginProfile describes the password of u.
func LoginProfile(u *projections.User, l *projections.Login) *types.LoginProfile {
	return &types.LoginProfile{UserName: &u.Name, CreateDate: &l.Created, PasswordResetRequired: l.ResetRequired}
}

// WhoseLogin finds the user whose password a request is about: by name or,
// without one, the caller. The root user signs in elsewhere.
func WhoseLogin(a *projections.Account, c *projections.Caller, name *string) (*projections.User, error) {
	u, err := Whose(a, c, name)
	if err == nil && u == nil {
		err = Validation("Must specify userName when calling with non-User credentials")
	}
	return u, err
}

// NoLoginProfile says that a user has no password.
func NoLoginProfile(u *projections.User) error {
	return NoSuchEntity("Login Profile for User %s cannot be found.", u.Name)
}

// PasswordPolicyViolation says why a password may not be.
func PasswordPolicyViolation(format string, args ...any) error {
	return &types.PasswordPolicyViolationException{Message: text(format, args...)}
}

// TemporarilyUnmodifiable says that something can't be changed just now.
func TemporarilyUnmodifiable(format string, args ...any) error {
	return &types.EntityTemporarilyUnmodifiableException{Message: text(format, args...)}
}

// InvalidUserType says that only others may ask for this.
func InvalidUserType(format string, args ...any) error {
	return &types.InvalidUserTypeException{Message: text(format, args...)}
}
