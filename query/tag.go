package query

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

// ListUserTags lists the tags of a user by key.
func (v *View) ListUserTags(ctx context.Context, in *iam.ListUserTagsInput) (*iam.ListUserTagsOutput, error) {
	u, err := answer.Users.Find(v.Account, *in.UserName)
	if err != nil {
		return nil, err
	}
	tags, more, marker, err := v.tags(&u.Entity, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListUserTagsOutput{Tags: tags, IsTruncated: more, Marker: marker}, nil
}

// ListRoleTags lists the tags of a role by key.
func (v *View) ListRoleTags(ctx context.Context, in *iam.ListRoleTagsInput) (*iam.ListRoleTagsOutput, error) {
	r, err := answer.Roles.Find(v.Account, *in.RoleName)
	if err != nil {
		return nil, err
	}
	tags, more, marker, err := v.tags(&r.Entity, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListRoleTagsOutput{Tags: tags, IsTruncated: more, Marker: marker}, nil
}

// ListPolicyTags lists the tags of a managed policy by key.
func (v *View) ListPolicyTags(ctx context.Context, in *iam.ListPolicyTagsInput) (*iam.ListPolicyTagsOutput, error) {
	p, err := answer.PolicyAt(v.World, v.Account, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	tags, more, marker, err := v.tags(&p.Entity, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListPolicyTagsOutput{Tags: tags, IsTruncated: more, Marker: marker}, nil
}

// ListInstanceProfileTags lists the tags of an instance profile by key.
func (v *View) ListInstanceProfileTags(ctx context.Context, in *iam.ListInstanceProfileTagsInput) (*iam.ListInstanceProfileTagsOutput, error) {
	p, err := answer.InstanceProfileNamed(v.Account, *in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	tags, more, marker, err := v.tags(&p.Entity, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListInstanceProfileTagsOutput{Tags: tags, IsTruncated: more, Marker: marker}, nil
}

func (v *View) tags(e *projections.Entity, marker *string, size *int32) ([]types.Tag, bool, *string, error) {
	return page(v, paged(marker, size, "ListTags", e.ID),
		listed(e.Tags, func(t events.Tag) string { return projections.Fold(t.Key) }), all[events.Tag], answer.Tag)
}
