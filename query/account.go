package query

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

// ListAccountAliases lists the account's alias, if it has one.
func (v *View) ListAccountAliases(ctx context.Context, in *iam.ListAccountAliasesInput) (*iam.ListAccountAliasesOutput, error) {
	var of []string
	if v.Account.Alias != "" {
		of = []string{v.Account.Alias}
	}
	same := func(s string) string { return s }
	aliases, more, marker, err := page(v, paged(in.Marker, in.MaxItems, "ListAccountAliases"), listed(of, same), all[string], same)
	if err != nil {
		return nil, err
	}
	return &iam.ListAccountAliasesOutput{AccountAliases: aliases, IsTruncated: more, Marker: marker}, nil
}

// GetAccountSummary counts what the account has, beside its quotas. What
// cannot be made yet counts 0.
func (v *View) GetAccountSummary(ctx context.Context, in *iam.GetAccountSummaryInput) (*iam.GetAccountSummaryOutput, error) {
	a, q := v.Account, v.Account.Quotas()
	versions, rootKeys, rootMFA, inUse := 0, 0, 0, 0
	for _, p := range a.PoliciesAfter("") {
		versions += len(p.Versions)
	}
	if len(a.RootKeys) > 0 {
		rootKeys = 1
	}
	if len(a.RootMFA) > 0 {
		rootMFA = 1
	}
	for _, d := range a.MFADevicesAfter("") {
		if d.User != "" {
			inUse++
		}
	}
	out := map[string]int32{}
	for name, n := range map[types.SummaryKeyType]int{
		types.SummaryKeyTypeUsers:                             a.Users(),
		types.SummaryKeyTypeUsersQuota:                        q.Users,
		types.SummaryKeyTypeGroups:                            a.Groups(),
		types.SummaryKeyTypeGroupsQuota:                       q.Groups,
		types.SummaryKeyTypeServerCertificates:                0,
		types.SummaryKeyTypeServerCertificatesQuota:           20,
		types.SummaryKeyTypeUserPolicySizeQuota:               q.UserInlineSize,
		types.SummaryKeyTypeGroupPolicySizeQuota:              q.GroupInlineSize,
		types.SummaryKeyTypeGroupsPerUserQuota:                q.GroupsPerUser,
		types.SummaryKeyTypeSigningCertificatesPerUserQuota:   2,
		types.SummaryKeyTypeAccessKeysPerUserQuota:            q.AccessKeysPerUser,
		types.SummaryKeyTypeMFADevices:                        a.MFADevices(),
		types.SummaryKeyTypeMFADevicesInUse:                   inUse,
		types.SummaryKeyTypeAccountMFAEnabled:                 rootMFA,
		types.SummaryKeyTypeAccountAccessKeysPresent:          rootKeys,
		types.SummaryKeyTypeAccountPasswordPresent:            0,
		types.SummaryKeyTypeAccountSigningCertificatesPresent: 0,
		types.SummaryKeyTypeAttachedPoliciesPerGroupQuota:     q.PoliciesPerGroup,
		types.SummaryKeyTypeAttachedPoliciesPerRoleQuota:      q.PoliciesPerRole,
		types.SummaryKeyTypeAttachedPoliciesPerUserQuota:      q.PoliciesPerUser,
		types.SummaryKeyTypePolicies:                          a.Policies(),
		types.SummaryKeyTypePoliciesQuota:                     q.Policies,
		types.SummaryKeyTypePolicySizeQuota:                   q.PolicySize,
		types.SummaryKeyTypePolicyVersionsInUse:               versions,
		types.SummaryKeyTypePolicyVersionsInUseQuota:          10000,
		types.SummaryKeyTypeVersionsPerPolicyQuota:            q.VersionsPerPolicy,
		types.SummaryKeyTypeGlobalEndpointTokenVersion:        1,
		types.SummaryKeyTypeAssumeRolePolicySizeQuota:         q.TrustSize,
		types.SummaryKeyTypeInstanceProfiles:                  a.InstanceProfiles(),
		types.SummaryKeyTypeInstanceProfilesQuota:             q.InstanceProfiles,
		types.SummaryKeyTypeProviders:                         a.OIDCProviders() + a.SAMLProviders(),
		types.SummaryKeyTypeRolePolicySizeQuota:               q.RoleInlineSize,
		types.SummaryKeyTypeRoles:                             a.Roles(),
		types.SummaryKeyTypeRolesQuota:                        q.Roles,
	} {
		out[string(name)] = int32(n)
	}
	return &iam.GetAccountSummaryOutput{SummaryMap: out}, nil
}

// GetAccountAuthorizationDetails describes users, groups, roles and managed
// policies with all that gives them permissions. Of the policies that AWS
// manages it describes those in use.
func (v *View) GetAccountAuthorizationDetails(ctx context.Context, in *iam.GetAccountAuthorizationDetailsInput) (*iam.GetAccountAuthorizationDetailsOutput, error) {
	a := v.Account
	var parts []part[any]
	add := func(of types.EntityType, p part[any]) {
		if len(in.Filter) == 0 || slices.Contains(in.Filter, of) {
			p.name = string(of)
			parts = append(parts, p)
		}
	}
	add(types.EntityTypeUser, part[any]{from: as(a.UsersAfter, func(u *projections.User) any { return u })})
	add(types.EntityTypeGroup, part[any]{from: as(a.GroupsAfter, func(g *projections.Group) any { return g })})
	add(types.EntityTypeRole, part[any]{from: as(a.RolesAfter, func(r *projections.Role) any { return r })})
	policy := func(p *projections.Policy) any { return p }
	add(types.EntityTypeLocalManagedPolicy, part[any]{from: as(a.PoliciesAfter, policy)})
	add(types.EntityTypeAWSManagedPolicy, part[any]{from: as(projections.AWS().PoliciesAfter, policy)})

	query := []string{"GetAccountAuthorizationDetails"}
	for _, f := range in.Filter {
		query = append(query, string(f))
	}
	keep := func(e any) bool {
		p, ok := e.(*projections.Policy)
		return !ok || !p.AWSManaged() || a.Use(p.ID) != projections.Use{}
	}
	items, more, marker, err := page(v, paged(in.Marker, in.MaxItems, query...), chained(parts...), keep, func(e any) any { return e })
	if err != nil {
		return nil, err
	}
	out := &iam.GetAccountAuthorizationDetailsOutput{
		UserDetailList: []types.UserDetail{}, GroupDetailList: []types.GroupDetail{}, RoleDetailList: []types.RoleDetail{},
		Policies: []types.ManagedPolicyDetail{}, IsTruncated: more, Marker: marker,
	}
	for _, item := range items {
		switch e := item.(type) {
		case *projections.User:
			out.UserDetailList = append(out.UserDetailList, answer.UserDetail(a, e))
		case *projections.Group:
			out.GroupDetailList = append(out.GroupDetailList, answer.GroupDetail(a, e))
		case *projections.Role:
			out.RoleDetailList = append(out.RoleDetailList, answer.RoleDetail(v.World, a, e))
		case *projections.Policy:
			out.Policies = append(out.Policies, answer.PolicyDetail(a, e))
		}
	}
	return out, nil
}
