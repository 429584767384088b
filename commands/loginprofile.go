package commands

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

// CreateLoginProfile gives a user a password.
func (tx *Tx) CreateLoginProfile(ctx context.Context, in *iam.CreateLoginProfileInput) (*iam.CreateLoginProfileOutput, error) {
	u, err := answer.WhoseLogin(tx.Account, tx.Caller, in.UserName)
	if err != nil {
		return nil, err
	}
	if u.Login != nil {
		return nil, answer.EntityAlreadyExists("Login Profile for user %s already exists.", u.Name)
	}
	if in.Password == nil { // only a root user may be without
		return nil, answer.Validation("1 validation error detected: Value null at 'password' failed to satisfy constraint: Member must not be null")
	}
	if err := tx.acceptable(*in.Password); err != nil {
		return nil, err
	}
	h, err := tx.Hashing.hash(tx.Hashing.first(*in.Password))
	if err != nil {
		return nil, err
	}
	f := events.LoginProfileCreated{User: u.ID, Password: tx.sealPassword(u, h), ResetRequired: in.PasswordResetRequired}
	tx.Emit(f)
	return &iam.CreateLoginProfileOutput{LoginProfile: answer.LoginProfile(u, &projections.Login{Created: tx.Now, ResetRequired: f.ResetRequired})}, nil
}

// UpdateLoginProfile gives a user another password, or says whether it must be
// changed at the next sign-in.
func (tx *Tx) UpdateLoginProfile(ctx context.Context, in *iam.UpdateLoginProfileInput) (*iam.UpdateLoginProfileOutput, error) {
	u, err := answer.WhoseLogin(tx.Account, tx.Caller, in.UserName)
	if err != nil {
		return nil, err
	}
	if u.Login == nil {
		return nil, answer.NoLoginProfile(u)
	}
	f := events.LoginProfileUpdated{User: u.ID, ResetRequired: or(in.PasswordResetRequired, u.Login.ResetRequired)}
	if in.Password != nil {
		if f.Password, err = tx.newPassword(u, *in.Password); err != nil {
			return nil, err
		}
	}
	if f.Password != "" || f.ResetRequired != u.Login.ResetRequired {
		tx.Emit(f)
	}
	return &iam.UpdateLoginProfileOutput{}, nil
}

// DeleteLoginProfile takes a user's password away.
func (tx *Tx) DeleteLoginProfile(ctx context.Context, in *iam.DeleteLoginProfileInput) (*iam.DeleteLoginProfileOutput, error) {
	u, err := answer.WhoseLogin(tx.Account, tx.Caller, in.UserName)
	if err != nil {
		return nil, err
	}
	if u.Login == nil {
		return nil, answer.NoLoginProfile(u)
	}
	tx.Emit(events.LoginProfileDeleted{User: u.ID})
	return &iam.DeleteLoginProfileOutput{}, nil
}

// ChangePassword gives the user who asks another password, if it knows the old
// one. An expired one can be changed as well, whatever HardExpiry says: that is
// about the console.
func (tx *Tx) ChangePassword(ctx context.Context, in *iam.ChangePasswordInput) (*iam.ChangePasswordOutput, error) {
	u := tx.Caller.User
	if tx.Caller.Type != projections.IAMUser {
		return nil, answer.InvalidUserType("Only IAM Users can change their own password.")
	}
	if u.Login == nil {
		return nil, answer.NoLoginProfile(u)
	}
	if u.Refused.Locked(tx.Now) {
		return nil, answer.TemporarilyUnmodifiable("Login Profile for User %s cannot be modified after too many failed attempts. Try again later.", u.Name)
	}
	if err := tx.acceptable(*in.NewPassword); err != nil { // which says nothing of the old one
		return nil, err
	}
	now, err := tx.Keys.OpenHash(tx.Account.ID, u.ID, passwordField, u.Login.Password)
	if err != nil {
		return nil, err
	}
	given, err := tx.Hashing.hash(now.Likewise(seal.NewSecret(*in.OldPassword)))
	if err != nil {
		return nil, err
	}
	if !given.Equal(now) {
		tx.EmitAnyway(events.CredentialRefused{User: u.ID, Factor: "password"})
		return nil, answer.AccessDenied("The old password is not correct.")
	}
	f := events.PasswordChanged{User: u.ID}
	if f.Password, err = tx.newPassword(u, *in.NewPassword); err != nil {
		return nil, err
	}
	tx.Emit(f)
	return &iam.ChangePasswordOutput{}, nil
}

const passwordField = "password"

func (tx *Tx) sealPassword(u *projections.User, h seal.Hash) string {
	return tx.Keys.SealHash(tx.Account.ID, u.ID, passwordField, h)
}

// newPassword hashes and seals the next password of a user who has one, if the
// account's policy takes it. All passwords of a user have one salt, so that
// one hash is enough to see whether any of them is used again.
func (tx *Tx) newPassword(u *projections.User, password string) (string, error) {
	if err := tx.acceptable(password); err != nil {
		return "", err
	}
	secret := seal.NewSecret(password)
	now, err := tx.Keys.OpenHash(tx.Account.ID, u.ID, passwordField, u.Login.Password)
	if err != nil {
		return "", err
	}
	work := now.Likewise(secret)
	if now.Cost() != tx.Hashing.cost { // hashed when another cost was thought right
		work = tx.Hashing.first(password)
	}
	next, err := tx.Hashing.hash(work)
	if err != nil {
		return "", err
	}
	if p := tx.Account.PasswordPolicy; p != nil && p.Reuse > 0 {
		kept := slices.Concat([]string{u.Login.Password}, u.Login.Earlier)
		for _, sealed := range kept[:min(len(kept), p.Reuse)] {
			old, err := tx.Keys.OpenHash(tx.Account.ID, u.ID, passwordField, sealed)
			if err != nil {
				return "", err
			}
			again, err := tx.Hashing.hash(old.Likewise(secret))
			if err != nil {
				return "", err
			}
			if again.Equal(old) {
				return "", answer.PasswordPolicyViolation("Password does not conform to the account password policy.")
			}
		}
	}
	return tx.sealPassword(u, next), nil
}

// symbols are AWS's (IAM API Reference, PasswordPolicy, RequireSymbols).
const symbols = "!@#$%^&*()_+-=[]{}|'"

// acceptable holds a password against the account's policy; without one,
// against AWS's default (IAM User Guide, "Default password policy").
func (tx *Tx) acceptable(password string) error {
	var upper, lower, number, symbol, other bool
	for _, c := range password {
		switch {
		case c >= 'A' && c <= 'Z':
			upper = true
		case c >= 'a' && c <= 'z':
			lower = true
		case c >= '0' && c <= '9':
			number = true
		case strings.ContainsRune(symbols, c):
			symbol = true
		default:
			other = true
		}
	}
	p := tx.Account.PasswordPolicy
	if p == nil {
		kinds := 0
		for _, is := range []bool{upper, lower, number, symbol || other} {
			if is {
				kinds++
			}
		}
		if utf8.RuneCountInString(password) < 8 {
			return tooShort(8)
		}
		if kinds < 3 || tx.Account.Name != "" && strings.EqualFold(password, tx.Account.Name) {
			return answer.PasswordPolicyViolation("Password does not conform to the account password policy.")
		}
		return nil
	}
	switch {
	case utf8.RuneCountInString(password) < p.MinimumLength:
		return tooShort(p.MinimumLength)
	case p.RequireUppercase && !upper:
		return answer.PasswordPolicyViolation("Password should have at least one uppercase letter")
	case p.RequireLowercase && !lower:
		return answer.PasswordPolicyViolation("Password should have at least one lowercase letter")
	case p.RequireNumbers && !number:
		return answer.PasswordPolicyViolation("Password should have at least one number")
	case p.RequireSymbols && !symbol:
		return answer.PasswordPolicyViolation("Password should have at least one symbol")
	}
	return nil
}

func tooShort(least int) error {
	return answer.PasswordPolicyViolation("Password should have a minimum length of %d", least)
}
