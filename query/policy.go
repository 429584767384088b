package query

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

// GetPolicy describes a managed policy.
func (v *View) GetPolicy(ctx context.Context, in *iam.GetPolicyInput) (*iam.GetPolicyOutput, error) {
	p, err := answer.PolicyAt(v.World, v.Account, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	return &iam.GetPolicyOutput{Policy: answer.PolicyInFull(v.Account, p)}, nil
}

// ListPolicies lists managed policies by name: those of AWS, then the account's.
func (v *View) ListPolicies(ctx context.Context, in *iam.ListPoliciesInput) (*iam.ListPoliciesOutput, error) {
	aws := part[*projections.Policy]{"aws", projections.AWS().PoliciesAfter}
	local := part[*projections.Policy]{"local", v.Account.PoliciesAfter}
	from := chained(aws, local)
	switch in.Scope {
	case types.PolicyScopeTypeAws:
		from = chained(aws)
	case types.PolicyScopeTypeLocal:
		from = chained(local)
	}
	inPath := under[*projections.Policy](in.PathPrefix)
	keep := func(p *projections.Policy) bool {
		use := v.Account.Use(p.ID)
		switch in.PolicyUsageFilter {
		case types.PolicyUsageTypePermissionsPolicy:
			return use.Attached > 0 && inPath(p)
		case types.PolicyUsageTypePermissionsBoundary:
			return use.Bounded > 0 && inPath(p)
		}
		return (use.Attached > 0 || !in.OnlyAttached) && inPath(p)
	}
	policies, more, marker, err := page(v,
		paged(in.Marker, in.MaxItems, "ListPolicies", string(in.Scope), string(in.PolicyUsageFilter), fmt.Sprint(in.OnlyAttached), or(in.PathPrefix)),
		from, keep, func(p *projections.Policy) types.Policy { return *answer.Policy(v.Account, p) })
	if err != nil {
		return nil, err
	}
	return &iam.ListPoliciesOutput{Policies: policies, IsTruncated: more, Marker: marker}, nil
}

// GetPolicyVersion describes one version of a managed policy, with its document.
func (v *View) GetPolicyVersion(ctx context.Context, in *iam.GetPolicyVersionInput) (*iam.GetPolicyVersionOutput, error) {
	p, err := answer.PolicyAt(v.World, v.Account, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	version, err := answer.VersionAt(p, *in.VersionId)
	if err != nil {
		return nil, err
	}
	d := answer.PolicyVersionInFull(p, version)
	return &iam.GetPolicyVersionOutput{PolicyVersion: &d}, nil
}

// ListPolicyVersions lists the versions of a managed policy, the newest first.
func (v *View) ListPolicyVersions(ctx context.Context, in *iam.ListPolicyVersionsInput) (*iam.ListPolicyVersionsOutput, error) {
	p, err := answer.PolicyAt(v.World, v.Account, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	versions, more, marker, err := page(v, paged(in.Marker, in.MaxItems, "ListPolicyVersions", p.ID),
		listed(p.Versions, func(v *projections.PolicyVersion) string { return fmt.Sprintf("%010d", 1<<31-v.Number) }),
		all[*projections.PolicyVersion],
		func(v *projections.PolicyVersion) types.PolicyVersion { return answer.PolicyVersion(p, v) })
	if err != nil {
		return nil, err
	}
	return &iam.ListPolicyVersionsOutput{Versions: versions, IsTruncated: more, Marker: marker}, nil
}

// ListEntitiesForPolicy lists what a managed policy is attached to, or is the
// boundary of: groups, roles and users, each once and by name.
func (v *View) ListEntitiesForPolicy(ctx context.Context, in *iam.ListEntitiesForPolicyInput) (*iam.ListEntitiesForPolicyOutput, error) {
	p, err := answer.PolicyAt(v.World, v.Account, *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	attached := in.PolicyUsageFilter != types.PolicyUsageTypePermissionsBoundary
	bounded := in.PolicyUsageFilter != types.PolicyUsageTypePermissionsPolicy
	const boundary = " boundary"
	var parts []part[*projections.Identity]
	for _, kind := range []struct {
		filter types.EntityType
		prefix string
	}{{types.EntityTypeGroup, projections.GroupPrefix}, {types.EntityTypeRole, projections.RolePrefix}, {types.EntityTypeUser, projections.UserPrefix}} {
		if in.EntityFilter != "" && in.EntityFilter != kind.filter {
			continue
		}
		of := func(bounds bool) func(string) iter.Seq2[string, *projections.Identity] {
			return func(after string) iter.Seq2[string, *projections.Identity] {
				return v.Account.UsedAfter(p.ID, kind.prefix, bounds, after)
			}
		}
		if attached {
			parts = append(parts, part[*projections.Identity]{kind.prefix, of(false)})
		}
		if bounded {
			parts = append(parts, part[*projections.Identity]{kind.prefix + boundary, of(true)})
		}
	}
	list := chained(parts...)
	once := func(after string) iter.Seq2[string, *projections.Identity] {
		return func(yield func(string, *projections.Identity) bool) {
			for position, i := range list(after) {
				// Who has the policy both ways was listed as having it attached.
				twice := attached && strings.HasPrefix(position, i.ID[:4]+boundary) && slices.Contains(i.Attached, p.ID)
				if !twice && !yield(position, i) {
					return
				}
			}
		}
	}
	entities, more, marker, err := page(v,
		paged(in.Marker, in.MaxItems, "ListEntitiesForPolicy", p.ID, string(in.EntityFilter), string(in.PolicyUsageFilter), or(in.PathPrefix)),
		once, under[*projections.Identity](in.PathPrefix), func(i *projections.Identity) *projections.Identity { return i })
	if err != nil {
		return nil, err
	}
	out := &iam.ListEntitiesForPolicyOutput{
		PolicyGroups: []types.PolicyGroup{}, PolicyRoles: []types.PolicyRole{}, PolicyUsers: []types.PolicyUser{},
		IsTruncated: more, Marker: marker,
	}
	for _, i := range entities {
		switch i.ID[:4] {
		case projections.GroupPrefix:
			out.PolicyGroups = append(out.PolicyGroups, types.PolicyGroup{GroupId: &i.ID, GroupName: &i.Name})
		case projections.RolePrefix:
			out.PolicyRoles = append(out.PolicyRoles, types.PolicyRole{RoleId: &i.ID, RoleName: &i.Name})
		case projections.UserPrefix:
			out.PolicyUsers = append(out.PolicyUsers, types.PolicyUser{UserId: &i.ID, UserName: &i.Name})
		}
	}
	return out, nil
}

// ListAttachedUserPolicies lists the managed policies of a user by name.
func (v *View) ListAttachedUserPolicies(ctx context.Context, in *iam.ListAttachedUserPoliciesInput) (*iam.ListAttachedUserPoliciesOutput, error) {
	policies, more, marker, err := v.attached(answer.Users, *in.UserName, in.PathPrefix, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListAttachedUserPoliciesOutput{AttachedPolicies: policies, IsTruncated: more, Marker: marker}, nil
}

// ListAttachedGroupPolicies lists the managed policies of a group by name.
func (v *View) ListAttachedGroupPolicies(ctx context.Context, in *iam.ListAttachedGroupPoliciesInput) (*iam.ListAttachedGroupPoliciesOutput, error) {
	policies, more, marker, err := v.attached(answer.Groups, *in.GroupName, in.PathPrefix, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListAttachedGroupPoliciesOutput{AttachedPolicies: policies, IsTruncated: more, Marker: marker}, nil
}

// ListAttachedRolePolicies lists the managed policies of a role by name.
func (v *View) ListAttachedRolePolicies(ctx context.Context, in *iam.ListAttachedRolePoliciesInput) (*iam.ListAttachedRolePoliciesOutput, error) {
	policies, more, marker, err := v.attached(answer.Roles, *in.RoleName, in.PathPrefix, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListAttachedRolePoliciesOutput{AttachedPolicies: policies, IsTruncated: more, Marker: marker}, nil
}

func (v *View) attached(kind *answer.Kind, name string, prefix, marker *string, size *int32) ([]types.AttachedPolicy, bool, *string, error) {
	to, err := kind.Find(v.Account, name)
	if err != nil {
		return nil, false, nil, err
	}
	return page(v, paged(marker, size, "ListAttachedPolicies", to.ID, or(prefix)),
		listed(answer.Attached(v.Account, to), policyKey), under[*projections.Policy](prefix), answer.AttachedPolicy)
}

// GetUserPolicy returns an inline policy of a user.
func (v *View) GetUserPolicy(ctx context.Context, in *iam.GetUserPolicyInput) (*iam.GetUserPolicyOutput, error) {
	u, p, err := v.inline(answer.Users, *in.UserName, *in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetUserPolicyOutput{UserName: &u.Name, PolicyName: &p.Name, PolicyDocument: answer.Document(p.Document.Text)}, nil
}

// GetGroupPolicy returns an inline policy of a group.
func (v *View) GetGroupPolicy(ctx context.Context, in *iam.GetGroupPolicyInput) (*iam.GetGroupPolicyOutput, error) {
	g, p, err := v.inline(answer.Groups, *in.GroupName, *in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetGroupPolicyOutput{GroupName: &g.Name, PolicyName: &p.Name, PolicyDocument: answer.Document(p.Document.Text)}, nil
}

// GetRolePolicy returns an inline policy of a role.
func (v *View) GetRolePolicy(ctx context.Context, in *iam.GetRolePolicyInput) (*iam.GetRolePolicyOutput, error) {
	r, p, err := v.inline(answer.Roles, *in.RoleName, *in.PolicyName)
	if err != nil {
		return nil, err
	}
	return &iam.GetRolePolicyOutput{RoleName: &r.Name, PolicyName: &p.Name, PolicyDocument: answer.Document(p.Document.Text)}, nil
}

func (v *View) inline(kind *answer.Kind, holder, name string) (*projections.Identity, projections.Inline, error) {
	i, err := kind.Find(v.Account, holder)
	if err != nil {
		return nil, projections.Inline{}, err
	}
	p, err := kind.Inline(i, name)
	return i, p, err
}

// ListUserPolicies lists the names of a user's inline policies.
func (v *View) ListUserPolicies(ctx context.Context, in *iam.ListUserPoliciesInput) (*iam.ListUserPoliciesOutput, error) {
	names, more, marker, err := v.inlineNames(answer.Users, *in.UserName, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListUserPoliciesOutput{PolicyNames: names, IsTruncated: more, Marker: marker}, nil
}

// ListGroupPolicies lists the names of a group's inline policies.
func (v *View) ListGroupPolicies(ctx context.Context, in *iam.ListGroupPoliciesInput) (*iam.ListGroupPoliciesOutput, error) {
	names, more, marker, err := v.inlineNames(answer.Groups, *in.GroupName, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListGroupPoliciesOutput{PolicyNames: names, IsTruncated: more, Marker: marker}, nil
}

// ListRolePolicies lists the names of a role's inline policies.
func (v *View) ListRolePolicies(ctx context.Context, in *iam.ListRolePoliciesInput) (*iam.ListRolePoliciesOutput, error) {
	names, more, marker, err := v.inlineNames(answer.Roles, *in.RoleName, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListRolePoliciesOutput{PolicyNames: names, IsTruncated: more, Marker: marker}, nil
}

func (v *View) inlineNames(kind *answer.Kind, name string, marker *string, size *int32) ([]string, bool, *string, error) {
	in, err := kind.Find(v.Account, name)
	if err != nil {
		return nil, false, nil, err
	}
	return page(v, paged(marker, size, "ListPolicies", in.ID),
		listed(in.Inline, func(p projections.Inline) string { return projections.Fold(p.Name) }),
		all[projections.Inline], func(p projections.Inline) string { return p.Name })
}
