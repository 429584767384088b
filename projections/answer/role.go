package answer

import (
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections"
)

// Role describes r as ListRoles does: without tags and boundary.
func Role(w *projections.World, a *projections.Account, r *projections.Role) *types.Role {
	d := NewRole(a, r)
	d.AssumeRolePolicyDocument = Document(w.TrustText(r))
	d.MaxSessionDuration = ptr(int32(r.MaxSession))
	d.Tags, d.PermissionsBoundary = nil, nil
	return d
}

// RoleInFull describes r as GetRole does.
func RoleInFull(w *projections.World, a *projections.Account, r *projections.Role) *types.Role {
	d := Role(w, a, r)
	d.Tags, d.PermissionsBoundary = Tags(r.Tags), boundary(a, &r.Identity)
	d.RoleLastUsed = &types.RoleLastUsed{}
	return d
}

// NewRole describes r as CreateRole does: without the longest session.
func NewRole(a *projections.Account, r *projections.Role) *types.Role {
	d := &types.Role{
		Arn: ptr(r.ARN(a)), CreateDate: &r.Created, Path: &r.Path, RoleId: &r.ID, RoleName: &r.Name,
		AssumeRolePolicyDocument: Document(r.Trust.Text),
		Tags:                     Tags(r.Tags), PermissionsBoundary: boundary(a, &r.Identity),
	}
	if r.Description != "" {
		d.Description = &r.Description
	}
	return d
}

// RoleDetail describes r as GetAccountAuthorizationDetails does.
func RoleDetail(w *projections.World, a *projections.Account, r *projections.Role) types.RoleDetail {
	d := types.RoleDetail{
		Arn: ptr(r.ARN(a)), CreateDate: &r.Created, Path: &r.Path, RoleId: &r.ID, RoleName: &r.Name, Tags: Tags(r.Tags),
		AssumeRolePolicyDocument: Document(w.TrustText(r)), RoleLastUsed: &types.RoleLastUsed{},
		AttachedManagedPolicies: attached(a, &r.Identity), PermissionsBoundary: boundary(a, &r.Identity),
		RolePolicyList: inline(&r.Identity), InstanceProfileList: []types.InstanceProfile{},
	}
	for _, p := range a.InstanceProfilesOf(r, "") {
		d.InstanceProfileList = append(d.InstanceProfileList, *InstanceProfile(w, a, p))
	}
	return d
}
