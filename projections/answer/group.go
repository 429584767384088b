package answer

import (
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections"
)

// Group describes g.
func Group(a *projections.Account, g *projections.Group) *types.Group {
	return &types.Group{Arn: ptr(g.ARN(a)), CreateDate: &g.Created, Path: &g.Path, GroupId: &g.ID, GroupName: &g.Name}
}

// GroupDetail describes g as GetAccountAuthorizationDetails does.
func GroupDetail(a *projections.Account, g *projections.Group) types.GroupDetail {
	return types.GroupDetail{
		Arn: ptr(g.ARN(a)), CreateDate: &g.Created, Path: &g.Path, GroupId: &g.ID, GroupName: &g.Name,
		AttachedManagedPolicies: attached(a, &g.Identity), GroupPolicyList: inline(&g.Identity),
	}
}
