package commands

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections/answer"
)

// CreateAccountAlias gives the account an alias, in place of any it had.
func (tx *Tx) CreateAccountAlias(ctx context.Context, in *iam.CreateAccountAliasInput) (*iam.CreateAccountAliasOutput, error) {
	alias := *in.AccountAlias
	if digits(alias, 12) {
		return nil, answer.InvalidInput("The account alias %s must not be a 12-digit number.", alias)
	}
	owner, taken := tx.World.AccountByAlias(alias)
	if taken && owner.ID != tx.Account.ID {
		return nil, answer.EntityAlreadyExists("The account alias %s already exists.", alias)
	}
	if !taken {
		tx.Emit(events.AccountAliasCreated{Alias: alias})
	}
	return &iam.CreateAccountAliasOutput{}, nil
}

// DeleteAccountAlias takes the account's alias away.
func (tx *Tx) DeleteAccountAlias(ctx context.Context, in *iam.DeleteAccountAliasInput) (*iam.DeleteAccountAliasOutput, error) {
	if tx.Account.Alias == "" || tx.Account.Alias != *in.AccountAlias {
		return nil, answer.NoSuchEntity("The account alias %s cannot be found.", *in.AccountAlias)
	}
	tx.Emit(events.AccountAliasDeleted{Alias: *in.AccountAlias})
	return &iam.DeleteAccountAliasOutput{}, nil
}
