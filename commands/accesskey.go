package commands

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections/answer"
)

// CreateAccessKey makes an access key of a user or, without a name, of the
// caller. The secret is in the answer and never shown again.
func (tx *Tx) CreateAccessKey(ctx context.Context, in *iam.CreateAccessKeyInput) (*iam.CreateAccessKeyOutput, error) {
	u, err := answer.Whose(tx.Account, tx.Caller, in.UserName)
	if err != nil {
		return nil, err
	}
	keys := tx.Account.RootKeys
	f := events.AccessKeyCreated{ID: tx.newKeyID("AKIA")}
	d := &types.AccessKey{AccessKeyId: &f.ID, Status: types.StatusTypeActive, CreateDate: &tx.Now}
	if u != nil {
		keys, f.User, d.UserName = u.Keys, u.ID, &u.Name
	}
	if err := answer.Quota("AccessKeysPerUser", len(keys), tx.quotas().AccessKeysPerUser); err != nil {
		return nil, err
	}
	plain := tx.secret()
	f.Secret = tx.Keys.Seal(tx.Account.ID, f.ID, "secret", plain)
	tx.Emit(f)
	d.SecretAccessKey = ptr(plain.Reveal())
	return &iam.CreateAccessKeyOutput{AccessKey: d}, nil
}

// UpdateAccessKey says whether a key may be used.
func (tx *Tx) UpdateAccessKey(ctx context.Context, in *iam.UpdateAccessKeyInput) (*iam.UpdateAccessKeyOutput, error) {
	u, err := answer.Whose(tx.Account, tx.Caller, in.UserName)
	if err != nil {
		return nil, err
	}
	k, err := answer.AccessKeyOf(tx.World, tx.Account, u, *in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	if in.Status == types.StatusTypeExpired { // a state that keys come into, not one to be given
		return nil, answer.InvalidInput("An access key can be made Active or Inactive only.")
	}
	if active := in.Status == types.StatusTypeActive; active != k.Active {
		tx.Emit(events.AccessKeyUpdated{ID: k.ID, Active: active})
	}
	return &iam.UpdateAccessKeyOutput{}, nil
}

// DeleteAccessKey deletes a key.
func (tx *Tx) DeleteAccessKey(ctx context.Context, in *iam.DeleteAccessKeyInput) (*iam.DeleteAccessKeyOutput, error) {
	u, err := answer.Whose(tx.Account, tx.Caller, in.UserName)
	if err != nil {
		return nil, err
	}
	k, err := answer.AccessKeyOf(tx.World, tx.Account, u, *in.AccessKeyId)
	if err != nil {
		return nil, err
	}
	tx.Emit(events.AccessKeyDeleted{ID: k.ID})
	return &iam.DeleteAccessKeyOutput{}, nil
}

// newKeyID makes an access key id: a prefix and 16 of A–Z and 2–7, 80 bits of
// chance that say nothing about the account.
func (tx *Tx) newKeyID(prefix string) string { return prefix + tx.letters(16, keyAlphabet) }
