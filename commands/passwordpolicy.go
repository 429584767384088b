package commands

import (
	"context"
	"reflect"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

// UpdateAccountPasswordPolicy sets the whole password policy: what is left out
// goes back to its default.
func (tx *Tx) UpdateAccountPasswordPolicy(ctx context.Context, in *iam.UpdateAccountPasswordPolicyInput) (*iam.UpdateAccountPasswordPolicyOutput, error) {
	f := events.PasswordPolicyUpdated{
		MinimumLength:  int(or(in.MinimumPasswordLength, projections.ShortestPassword)),
		RequireSymbols: in.RequireSymbols, RequireNumbers: in.RequireNumbers,
		RequireUppercase: in.RequireUppercaseCharacters, RequireLowercase: in.RequireLowercaseCharacters,
		ChangeOwn: in.AllowUsersToChangePassword,
		MaxAge:    int(or(in.MaxPasswordAge, 0)), Reuse: int(or(in.PasswordReusePrevention, 0)), HardExpiry: in.HardExpiry,
	}
	if p := tx.Account.PasswordPolicy; p == nil || !reflect.DeepEqual(*p, projections.PasswordPolicy(f)) {
		tx.Emit(f)
	}
	return &iam.UpdateAccountPasswordPolicyOutput{}, nil
}

// DeleteAccountPasswordPolicy takes the password policy away; AWS's default
// rules hold again.
func (tx *Tx) DeleteAccountPasswordPolicy(ctx context.Context, in *iam.DeleteAccountPasswordPolicyInput) (*iam.DeleteAccountPasswordPolicyOutput, error) {
	if tx.Account.PasswordPolicy == nil {
		return nil, answer.NoSuchEntity("The account policy with name PasswordPolicy cannot be found.")
	}
	tx.Emit(events.PasswordPolicyDeleted{})
	return &iam.DeleteAccountPasswordPolicyOutput{}, nil
}
