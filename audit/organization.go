package audit

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/organizations"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/policy"
	"github.com/keytrail/keytrail/query"
)

// organizationKinds are what CloudFormation calls the parts of an organization.
var organizationKinds = map[string]string{"r-": "AWS::Organizations::Root", "ou": "AWS::Organizations::OrganizationalUnit", "p-": "AWS::Organizations::Policy"}

// part adds the root, unit, account or policy of that id, or what it would be
// called if there were one.
func (k *ask) part(id string) {
	kind, ok := organizationKinds[id[:min(2, len(id))]]
	if !ok {
		kind = "AWS::Organizations::Account"
	}
	o, ok := k.world.OrganizationOf(k.account)
	if !ok {
		k.any()
		return
	}
	arn := o.ARN(id)
	if p, ok := o.Policy(id); ok {
		arn = p.ARN(o)
		k.key("organizations:PolicyType", &p.PolicyType)
	} else if kind == organizationKinds["p-"] {
		arn = "arn:aws:organizations::" + o.Management + ":policy/" + o.ID + "/*/" + id
	}
	k.on(arn, kind, nil)
}

// parts adds several.
func (k *ask) parts(ids ...*string) {
	for _, id := range ids {
		k.part(*id)
	}
}

func (k *ask) policyType(typ string) { k.key("organizations:PolicyType", &typ) }

// organized sets the condition keys about the organizations of the caller's
// and the resource's account (IAM User Guide, "AWS global condition context
// keys").
func organized(c *policy.Context, w *projections.World, caller *projections.Account, owner string) {
	if o, ok := w.OrganizationOf(caller); ok {
		c.Set("aws:PrincipalOrgID", o.ID)
		c.SetMulti("aws:PrincipalOrgPaths", []string{o.OrganizationPath(caller.ID)})
	}
	if owner == "" || strings.Trim(owner, "0123456789") != "" {
		return
	}
	if a, ok := w.Account(owner); ok {
		if o, ok := w.OrganizationOf(a); ok {
			c.Set("aws:ResourceOrgID", o.ID)
			c.SetMulti("aws:ResourceOrgPaths", []string{o.OrganizationPath(a.ID)})
		}
	}
}

var organization = []Action{
	command("organizations", (*commands.Tx).CreateOrganization, func(k *ask, _ *organizations.CreateOrganizationInput) { k.any() }, "featureSet", "organization"),
	command("organizations", (*commands.Tx).DeleteOrganization, func(k *ask, _ *organizations.DeleteOrganizationInput) { k.any() }, "", ""),
	look("organizations", (*query.View).DescribeOrganization, func(k *ask, _ *organizations.DescribeOrganizationInput) { k.any() }, ""),
	look("organizations", (*query.View).ListRoots, func(k *ask, _ *organizations.ListRootsInput) { k.any() }, "maxResults"),
	command("organizations", (*commands.Tx).LeaveOrganization, func(k *ask, _ *organizations.LeaveOrganizationInput) { k.any() }, "", ""),

	// Names and addresses of people are hidden, as CloudTrail hides them.
	command("organizations", (*commands.Tx).CreateMember, func(k *ask, _ *organizations.CreateAccountInput) { k.any() },
		"roleName iamUserAccessToBilling", "createAccountStatus.id createAccountStatus.accountId createAccountStatus.state createAccountStatus.failureReason"),
	look("organizations", (*query.View).DescribeCreateAccountStatus, func(k *ask, _ *organizations.DescribeCreateAccountStatusInput) { k.any() }, "createAccountRequestId"),
	look("organizations", (*query.View).ListCreateAccountStatus, func(k *ask, _ *organizations.ListCreateAccountStatusInput) { k.any() }, "states maxResults"),
	look("organizations", (*query.View).DescribeAccount, func(k *ask, in *organizations.DescribeAccountInput) { k.parts(in.AccountId) }, "accountId"),
	look("organizations", (*query.View).ListAccounts, func(k *ask, _ *organizations.ListAccountsInput) { k.any() }, "maxResults"),
	look("organizations", (*query.View).ListAccountsForParent, func(k *ask, in *organizations.ListAccountsForParentInput) { k.parts(in.ParentId) }, "parentId maxResults"),
	command("organizations", (*commands.Tx).MoveAccount, func(k *ask, in *organizations.MoveAccountInput) {
		k.parts(in.AccountId, in.SourceParentId, in.DestinationParentId)
	}, "accountId sourceParentId destinationParentId", ""),
	command("organizations", (*commands.Tx).RemoveAccountFromOrganization, func(k *ask, in *organizations.RemoveAccountFromOrganizationInput) { k.parts(in.AccountId) }, "accountId", ""),

	command("organizations", (*commands.Tx).CreateOrganizationalUnit, func(k *ask, in *organizations.CreateOrganizationalUnitInput) { k.parts(in.ParentId) },
		"parentId name", "organizationalUnit"),
	look("organizations", (*query.View).DescribeOrganizationalUnit, func(k *ask, in *organizations.DescribeOrganizationalUnitInput) { k.parts(in.OrganizationalUnitId) }, "organizationalUnitId"),
	command("organizations", (*commands.Tx).UpdateOrganizationalUnit, func(k *ask, in *organizations.UpdateOrganizationalUnitInput) { k.parts(in.OrganizationalUnitId) },
		"organizationalUnitId name", "organizationalUnit"),
	command("organizations", (*commands.Tx).DeleteOrganizationalUnit, func(k *ask, in *organizations.DeleteOrganizationalUnitInput) { k.parts(in.OrganizationalUnitId) }, "organizationalUnitId", ""),
	look("organizations", (*query.View).ListOrganizationalUnitsForParent, func(k *ask, in *organizations.ListOrganizationalUnitsForParentInput) { k.parts(in.ParentId) }, "parentId maxResults"),
	look("organizations", (*query.View).ListChildren, func(k *ask, in *organizations.ListChildrenInput) { k.parts(in.ParentId) }, "parentId childType maxResults"),
	look("organizations", (*query.View).ListParents, func(k *ask, in *organizations.ListParentsInput) { k.parts(in.ChildId) }, "childId maxResults"),

	command("organizations", (*commands.Tx).EnablePolicyType, func(k *ask, in *organizations.EnablePolicyTypeInput) {
		k.parts(in.RootId)
		k.policyType(string(in.PolicyType))
	}, "rootId policyType", "root"),
	command("organizations", (*commands.Tx).DisablePolicyType, func(k *ask, in *organizations.DisablePolicyTypeInput) {
		k.parts(in.RootId)
		k.policyType(string(in.PolicyType))
	}, "rootId policyType", "root"),
	command("organizations", (*commands.Tx).CreateOrganizationPolicy, func(k *ask, in *organizations.CreatePolicyInput) {
		k.any()
		k.policyType(string(in.Type))
	}, "name description type content", "policy.policySummary"),
	look("organizations", (*query.View).DescribePolicy, func(k *ask, in *organizations.DescribePolicyInput) { k.parts(in.PolicyId) }, "policyId"),
	command("organizations", (*commands.Tx).UpdateOrganizationPolicy, func(k *ask, in *organizations.UpdatePolicyInput) { k.parts(in.PolicyId) },
		"policyId name description content", "policy.policySummary"),
	command("organizations", (*commands.Tx).DeleteOrganizationPolicy, func(k *ask, in *organizations.DeletePolicyInput) { k.parts(in.PolicyId) }, "policyId", ""),
	look("organizations", (*query.View).ListOrganizationPolicies, func(k *ask, in *organizations.ListPoliciesInput) {
		k.any()
		k.policyType(string(in.Filter))
	}, "filter maxResults"),
	look("organizations", (*query.View).ListPoliciesForTarget, func(k *ask, in *organizations.ListPoliciesForTargetInput) {
		k.parts(in.TargetId)
		k.policyType(string(in.Filter))
	}, "targetId filter maxResults"),
	look("organizations", (*query.View).ListTargetsForPolicy, func(k *ask, in *organizations.ListTargetsForPolicyInput) { k.parts(in.PolicyId) }, "policyId maxResults"),
	command("organizations", (*commands.Tx).AttachPolicy, func(k *ask, in *organizations.AttachPolicyInput) { k.parts(in.PolicyId, in.TargetId) }, "policyId targetId", ""),
	command("organizations", (*commands.Tx).DetachPolicy, func(k *ask, in *organizations.DetachPolicyInput) { k.parts(in.PolicyId, in.TargetId) }, "policyId targetId", ""),
}
