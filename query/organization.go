package query

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

// organization finds the organization that the caller's account is in.
func (v *View) organization() (*projections.Organization, error) {
	if o, ok := v.World.OrganizationOf(v.Account); ok {
		return o, nil
	}
	return nil, answer.NotInUse()
}

// manages finds the one that the caller's account manages: nobody else may
// look around in it.
func (v *View) manages() (*projections.Organization, error) {
	o, err := v.organization()
	if err == nil && o.Management != v.Account.ID {
		return nil, answer.NotYours()
	}
	return o, err
}

const organizationPage = 20 // items, if a request does not say how many

// organized gives one page of a list whose items have different keys.
func organized[T, A any](v *View, name string, token *string, size *int32, items []T, key func(T) string, describe func(T) A) ([]A, *string, error) {
	if size == nil {
		size = new(int32(organizationPage))
	}
	out, _, next, err := page(v, paged(token, size, name, v.Account.ID), listed(items, key), all[T], describe)
	if err != nil {
		err = answer.InvalidOrganizationInput(types.InvalidInputExceptionReasonInvalidPaginationToken, "You provided an invalid next token.")
	}
	return out, next, err
}

func itself(s string) string { return s }

// DescribeOrganization describes the caller's organization.
func (v *View) DescribeOrganization(ctx context.Context, in *organizations.DescribeOrganizationInput) (*organizations.DescribeOrganizationOutput, error) {
	o, err := v.organization()
	if err != nil {
		return nil, err
	}
	return &organizations.DescribeOrganizationOutput{Organization: answer.Organization(o)}, nil
}

// ListRoots lists the one root.
func (v *View) ListRoots(ctx context.Context, in *organizations.ListRootsInput) (*organizations.ListRootsOutput, error) {
	o, err := v.manages()
	if err != nil {
		return nil, err
	}
	roots, next, err := organized(v, "ListRoots", in.NextToken, in.MaxResults, []string{o.Root}, itself, func(string) types.Root { return answer.Root(o) })
	return &organizations.ListRootsOutput{Roots: roots, NextToken: next}, err
}

// DescribeAccount describes one account.
func (v *View) DescribeAccount(ctx context.Context, in *organizations.DescribeAccountInput) (*organizations.DescribeAccountOutput, error) {
	o, err := v.manages()
	if err != nil {
		return nil, err
	}
	m, ok := o.Members[*in.AccountId]
	if !ok {
		return nil, answer.NoSuchAccount()
	}
	return &organizations.DescribeAccountOutput{Account: answer.Member(v.World, o, m)}, nil
}

func (v *View) accounts(o *projections.Organization) func(string) types.Account {
	return func(id string) types.Account { return *answer.Member(v.World, o, o.Members[id]) }
}

// ListAccounts lists all accounts.
func (v *View) ListAccounts(ctx context.Context, in *organizations.ListAccountsInput) (*organizations.ListAccountsOutput, error) {
	o, err := v.manages()
	if err != nil {
		return nil, err
	}
	ids := []string{}
	for id := range o.Members {
		ids = append(ids, id)
	}
	accounts, next, err := organized(v, "ListAccounts", in.NextToken, in.MaxResults, ids, itself, v.accounts(o))
	return &organizations.ListAccountsOutput{Accounts: accounts, NextToken: next}, err
}

// ListAccountsForParent lists the accounts right below a root or unit.
func (v *View) ListAccountsForParent(ctx context.Context, in *organizations.ListAccountsForParentInput) (*organizations.ListAccountsForParentOutput, error) {
	o, err := v.parent(*in.ParentId)
	if err != nil {
		return nil, err
	}
	accounts, next, err := organized(v, "ListAccountsForParent "+*in.ParentId, in.NextToken, in.MaxResults, answer.Children(o, *in.ParentId, false), itself, v.accounts(o))
	return &organizations.ListAccountsForParentOutput{Accounts: accounts, NextToken: next}, err
}

// parent finds the organization, if it has such a root or unit.
func (v *View) parent(id string) (*projections.Organization, error) {
	o, err := v.manages()
	if err == nil && !o.IsParent(id) {
		return nil, answer.NoSuchParent()
	}
	return o, err
}

// ListOrganizationalUnitsForParent lists the units right below a root or unit.
func (v *View) ListOrganizationalUnitsForParent(ctx context.Context, in *organizations.ListOrganizationalUnitsForParentInput) (*organizations.ListOrganizationalUnitsForParentOutput, error) {
	o, err := v.parent(*in.ParentId)
	if err != nil {
		return nil, err
	}
	units, next, err := organized(v, "ListOrganizationalUnitsForParent "+*in.ParentId, in.NextToken, in.MaxResults, answer.Children(o, *in.ParentId, true), itself,
		func(id string) types.OrganizationalUnit { return *answer.Unit(o, o.Units[id]) })
	return &organizations.ListOrganizationalUnitsForParentOutput{OrganizationalUnits: units, NextToken: next}, err
}

// ListChildren lists the accounts or units right below a root or unit.
func (v *View) ListChildren(ctx context.Context, in *organizations.ListChildrenInput) (*organizations.ListChildrenOutput, error) {
	o, err := v.parent(*in.ParentId)
	if err != nil {
		return nil, err
	}
	ids := answer.Children(o, *in.ParentId, in.ChildType == types.ChildTypeOrganizationalUnit)
	children, next, err := organized(v, "ListChildren "+*in.ParentId+" "+string(in.ChildType), in.NextToken, in.MaxResults, ids, itself,
		func(id string) types.Child { return types.Child{Id: &id, Type: in.ChildType} })
	return &organizations.ListChildrenOutput{Children: children, NextToken: next}, err
}

// ListParents lists the one root or unit that a unit or account stands below.
func (v *View) ListParents(ctx context.Context, in *organizations.ListParentsInput) (*organizations.ListParentsOutput, error) {
	o, err := v.manages()
	if err != nil {
		return nil, err
	}
	id, ok := o.Parent(*in.ChildId)
	if !ok {
		return nil, &types.ChildNotFoundException{Message: new("You specified a child that doesn't exist.")}
	}
	parents, next, err := organized(v, "ListParents "+*in.ChildId, in.NextToken, in.MaxResults, []string{id}, itself, func(id string) types.Parent {
		if id == o.Root {
			return types.Parent{Id: &id, Type: types.ParentTypeRoot}
		}
		return types.Parent{Id: &id, Type: types.ParentTypeOrganizationalUnit}
	})
	return &organizations.ListParentsOutput{Parents: parents, NextToken: next}, err
}

// DescribeOrganizationalUnit describes one unit.
func (v *View) DescribeOrganizationalUnit(ctx context.Context, in *organizations.DescribeOrganizationalUnitInput) (*organizations.DescribeOrganizationalUnitOutput, error) {
	o, err := v.manages()
	if err != nil {
		return nil, err
	}
	u, ok := o.Units[*in.OrganizationalUnitId]
	if !ok {
		return nil, answer.NoSuchUnit()
	}
	return &organizations.DescribeOrganizationalUnitOutput{OrganizationalUnit: answer.Unit(o, u)}, nil
}

// DescribeCreateAccountStatus tells how the making of an account went.
func (v *View) DescribeCreateAccountStatus(ctx context.Context, in *organizations.DescribeCreateAccountStatusInput) (*organizations.DescribeCreateAccountStatusOutput, error) {
	o, err := v.manages()
	if err != nil {
		return nil, err
	}
	for _, m := range o.Members {
		if m.Request != "" && m.Request == *in.CreateAccountRequestId {
			return &organizations.DescribeCreateAccountStatusOutput{CreateAccountStatus: answer.AccountStatus(v.World, m)}, nil
		}
	}
	return nil, &types.CreateAccountStatusNotFoundException{Message: new("You specified a create account request that doesn't exist.")}
}

// ListCreateAccountStatus lists the requests for accounts that there are.
func (v *View) ListCreateAccountStatus(ctx context.Context, in *organizations.ListCreateAccountStatusInput) (*organizations.ListCreateAccountStatusOutput, error) {
	o, err := v.manages()
	if err != nil {
		return nil, err
	}
	made := []*projections.Member{}
	if len(in.States) == 0 || slices.Contains(in.States, types.CreateAccountStateSucceeded) {
		for _, m := range o.Members {
			if m.Request != "" {
				made = append(made, m)
			}
		}
	}
	list, next, err := organized(v, "ListCreateAccountStatus", in.NextToken, in.MaxResults, made, func(m *projections.Member) string { return m.Request },
		func(m *projections.Member) types.CreateAccountStatus { return *answer.AccountStatus(v.World, m) })
	return &organizations.ListCreateAccountStatusOutput{CreateAccountStatuses: list, NextToken: next}, err
}

// DescribePolicy describes a policy with its content.
func (v *View) DescribePolicy(ctx context.Context, in *organizations.DescribePolicyInput) (*organizations.DescribePolicyOutput, error) {
	o, err := v.manages()
	if err != nil {
		return nil, err
	}
	p, ok := o.Policy(*in.PolicyId)
	if !ok {
		return nil, answer.NoSuchOrganizationPolicy()
	}
	return &organizations.DescribePolicyOutput{Policy: answer.OrganizationPolicy(o, p)}, nil
}

func policyID(p *projections.OrganizationPolicy) string { return p.ID }

func summaries(o *projections.Organization) func(p *projections.OrganizationPolicy) types.PolicySummary {
	return func(p *projections.OrganizationPolicy) types.PolicySummary {
		return *answer.OrganizationPolicySummary(o, p)
	}
}

// ListOrganizationPolicies is ListPolicies: it lists the policies of a type.
func (v *View) ListOrganizationPolicies(ctx context.Context, in *organizations.ListPoliciesInput) (*organizations.ListPoliciesOutput, error) {
	o, err := v.manages()
	if err != nil {
		return nil, err
	}
	typ, err := answer.PolicyType(in.Filter)
	if err != nil {
		return nil, err
	}
	list, next, err := organized(v, "ListPolicies "+typ, in.NextToken, in.MaxResults, o.PoliciesOf(typ), policyID, summaries(o))
	return &organizations.ListPoliciesOutput{Policies: list, NextToken: next}, err
}

// ListPoliciesForTarget lists the policies of a type that are attached to a
// root, unit or account itself.
func (v *View) ListPoliciesForTarget(ctx context.Context, in *organizations.ListPoliciesForTargetInput) (*organizations.ListPoliciesForTargetOutput, error) {
	o, err := v.manages()
	if err != nil {
		return nil, err
	}
	typ, err := answer.PolicyType(in.Filter)
	if err != nil {
		return nil, err
	}
	if !o.Has(*in.TargetId) {
		return nil, answer.NoSuchTarget()
	}
	list, next, err := organized(v, "ListPoliciesForTarget "+typ+" "+*in.TargetId, in.NextToken, in.MaxResults, o.On(*in.TargetId, typ), policyID, summaries(o))
	return &organizations.ListPoliciesForTargetOutput{Policies: list, NextToken: next}, err
}

// ListTargetsForPolicy lists what a policy is attached to.
func (v *View) ListTargetsForPolicy(ctx context.Context, in *organizations.ListTargetsForPolicyInput) (*organizations.ListTargetsForPolicyOutput, error) {
	o, err := v.manages()
	if err != nil {
		return nil, err
	}
	if _, ok := o.Policy(*in.PolicyId); !ok {
		return nil, answer.NoSuchOrganizationPolicy()
	}
	list, next, err := organized(v, "ListTargetsForPolicy "+*in.PolicyId, in.NextToken, in.MaxResults, o.Targets(*in.PolicyId), itself,
		func(id string) types.PolicyTargetSummary { return answer.PolicyTarget(v.World, o, id) })
	return &organizations.ListTargetsForPolicyOutput{Targets: list, NextToken: next}, err
}
