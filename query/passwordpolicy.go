package query

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections/answer"
)

// GetAccountPasswordPolicy describes the account's password policy, if it has
// one of its own.
func (v *View) GetAccountPasswordPolicy(ctx context.Context, in *iam.GetAccountPasswordPolicyInput) (*iam.GetAccountPasswordPolicyOutput, error) {
	p := v.Account.PasswordPolicy
	if p == nil {
		return nil, answer.NoSuchEntity("The Password Policy with domain name %s cannot be found.", v.Account.ID)
	}
	d := &types.PasswordPolicy{
		MinimumPasswordLength: number(p.MinimumLength), RequireSymbols: p.RequireSymbols, RequireNumbers: p.RequireNumbers,
		RequireUppercaseCharacters: p.RequireUppercase, RequireLowercaseCharacters: p.RequireLowercase,
		AllowUsersToChangePassword: p.ChangeOwn, ExpirePasswords: p.MaxAge > 0, HardExpiry: p.HardExpiry,
	}
	if p.MaxAge > 0 {
		d.MaxPasswordAge = number(p.MaxAge)
	}
	if p.Reuse > 0 {
		d.PasswordReusePrevention = number(p.Reuse)
	}
	return &iam.GetAccountPasswordPolicyOutput{PasswordPolicy: d}, nil
}

func number(n int) *int32 { i := int32(n); return &i }
