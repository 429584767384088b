package query

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

// GetRole describes one role.
func (v *View) GetRole(ctx context.Context, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	r, ok := v.Account.Role(*in.RoleName)
	if !ok {
		return nil, answer.NoSuch("role", *in.RoleName)
	}
	return &iam.GetRoleOutput{Role: answer.RoleInFull(v.World, v.Account, r)}, nil
}

// ListRoles lists roles by name.
func (v *View) ListRoles(ctx context.Context, in *iam.ListRolesInput) (*iam.ListRolesOutput, error) {
	roles, more, marker, err := page(v, paged(in.Marker, in.MaxItems, "ListRoles", or(in.PathPrefix)),
		v.Account.RolesAfter, under[*projections.Role](in.PathPrefix),
		func(r *projections.Role) types.Role { return *answer.Role(v.World, v.Account, r) })
	if err != nil {
		return nil, err
	}
	return &iam.ListRolesOutput{Roles: roles, IsTruncated: more, Marker: marker}, nil
}
