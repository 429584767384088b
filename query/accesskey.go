package query

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

// ListAccessKeys lists the access keys of a user or, without a name, of the
// caller, the oldest first.
func (v *View) ListAccessKeys(ctx context.Context, in *iam.ListAccessKeysInput) (*iam.ListAccessKeysOutput, error) {
	u, err := answer.Whose(v.Account, v.Caller, in.UserName)
	if err != nil {
		return nil, err
	}
	ids, owner := v.Account.RootKeys, v.Account.ID
	if u != nil {
		ids, owner = u.Keys, u.ID
	}
	var of []*projections.AccessKey
	for _, id := range ids {
		if k, ok := v.World.AccessKey(id); ok {
			of = append(of, k)
		}
	}
	keys, more, marker, err := page(v, paged(in.Marker, in.MaxItems, "ListAccessKeys", owner),
		listed(of, func(k *projections.AccessKey) string {
			return k.Created.UTC().Format("20060102150405.000000000") + k.ID
		}),
		all[*projections.AccessKey],
		func(k *projections.AccessKey) types.AccessKeyMetadata { return answer.AccessKey(k, u) })
	if err != nil {
		return nil, err
	}
	return &iam.ListAccessKeysOutput{AccessKeyMetadata: keys, IsTruncated: more, Marker: marker}, nil
}

// GetAccessKeyLastUsed says whose a key is; when, where and for what it was
// last used is in no World, so LastUse adds it.
func (v *View) GetAccessKeyLastUsed(ctx context.Context, in *iam.GetAccessKeyLastUsedInput) (*iam.GetAccessKeyLastUsedOutput, error) {
	k, ok := v.World.AccessKey(*in.AccessKeyId)
	if !ok || k.Account != v.Account.ID {
		return nil, answer.NoSuchEntity("The Access Key with id %s cannot be found.", *in.AccessKeyId)
	}
	never := "N/A"
	out := &iam.GetAccessKeyLastUsedOutput{AccessKeyLastUsed: &types.AccessKeyLastUsed{ServiceName: &never, Region: &never}}
	if u, ok := v.Account.UserByID(k.UserID); ok {
		out.UserName = &u.Name
	}
	return out, nil
}

// LastUse adds to an answer what the trail knows of a key of an account.
func LastUse(ctx context.Context, t Trail, account, key string, out *iam.GetAccessKeyLastUsedOutput) error {
	if t == nil {
		return nil
	}
	uses, err := t.LastUsed(ctx, account, key)
	if use, ok := uses[key]; ok && err == nil {
		out.AccessKeyLastUsed = &types.AccessKeyLastUsed{LastUsedDate: &use.Time, ServiceName: &use.Service, Region: &use.Region}
	}
	return err
}

// GetAccessKeyInfo says which account a long-term key belongs to. The ids of
// temporary keys say nothing, and nothing is kept about them.
func (v *View) GetAccessKeyInfo(ctx context.Context, in *sts.GetAccessKeyInfoInput) (*sts.GetAccessKeyInfoOutput, error) {
	k, ok := v.World.AccessKey(*in.AccessKeyId)
	if !ok {
		return nil, answer.Validation("The access key ID %s is not known.", *in.AccessKeyId)
	}
	return &sts.GetAccessKeyInfoOutput{Account: &k.Account}, nil
}
