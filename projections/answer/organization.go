package answer

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keytrail/keytrail/projections"
)

// The errors of Organizations (Organizations API Reference).

func NotInUse() error {
	return &types.AWSOrganizationsNotInUseException{Message: text("Your account is not a member of an organization.")}
}

func NotYours() error {
	return &types.AccessDeniedException{Message: text("You don't have permissions to access this resource.")}
}

func Constraint(reason types.ConstraintViolationExceptionReason, message string) error {
	return &types.ConstraintViolationException{Reason: reason, Message: &message}
}

func InvalidOrganizationInput(reason types.InvalidInputExceptionReason, message string) error {
	return &types.InvalidInputException{Reason: reason, Message: &message}
}

func NoSuchAccount() error {
	return &types.AccountNotFoundException{Message: text("You specified an account that doesn't exist.")}
}

func NoSuchParent() error {
	return &types.ParentNotFoundException{Message: text("You specified parent that doesn't exist.")}
}

func NoSuchUnit() error {
	return &types.OrganizationalUnitNotFoundException{Message: text("You specified an organizational unit that doesn't exist.")}
}

func NoSuchTarget() error {
	return &types.TargetNotFoundException{Message: text("You specified a target that doesn't exist.")}
}

func NoSuchOrganizationPolicy() error {
	return &types.PolicyNotFoundException{Message: text("You specified a policy that doesn't exist.")}
}

// PolicyType refuses the types of policies that are not meant here.
func PolicyType(t types.PolicyType) (string, error) {
	if s := string(t); s == projections.ServiceControl || s == projections.ResourceControl {
		return s, nil
	}
	return "", &types.PolicyTypeNotAvailableForOrganizationException{Message: text("You can't use policies of type %s in this organization.", t)}
}

// Organization describes an organization.
func Organization(o *projections.Organization) *types.Organization {
	out := &types.Organization{
		Id: &o.ID, Arn: new(o.ARN(o.ID)), FeatureSet: types.OrganizationFeatureSetAll,
		MasterAccountId: &o.Management, MasterAccountArn: new(o.ARN(o.Management)), AvailablePolicyTypes: policyTypes(o),
	}
	if m := o.Members[o.Management]; m != nil && m.Email != "" {
		out.MasterAccountEmail = &m.Email
	}
	return out
}

func policyTypes(o *projections.Organization) []types.PolicyTypeSummary {
	out := []types.PolicyTypeSummary{}
	for _, t := range o.Types {
		out = append(out, types.PolicyTypeSummary{Type: types.PolicyType(t), Status: types.PolicyTypeStatusEnabled})
	}
	return out
}

// Root describes the root of an organization.
func Root(o *projections.Organization) types.Root {
	return types.Root{Id: &o.Root, Arn: new(o.ARN(o.Root)), Name: text("Root"), PolicyTypes: policyTypes(o)}
}

// Unit describes an organizational unit.
func Unit(o *projections.Organization, u *projections.OrganizationalUnit) *types.OrganizationalUnit {
	return &types.OrganizationalUnit{Id: &u.ID, Arn: new(o.ARN(u.ID)), Name: &u.Name, Path: new(path(o, u.ID))}
}

// path is o-…/r-…/ou-…/, or with an account at its end.
func path(o *projections.Organization, id string) string {
	return o.ID + "/" + strings.Join(o.Path(id), "/") + "/"
}

// Member describes an account of an organization.
func Member(w *projections.World, o *projections.Organization, m *projections.Member) *types.Account {
	out := &types.Account{
		Id: &m.Account, Arn: new(o.ARN(m.Account)), Status: types.AccountStatusActive, State: types.AccountStateActive,
		JoinedMethod: types.AccountJoinedMethodCreated, JoinedTimestamp: &m.Joined, Paths: []string{path(o, m.Account)},
	}
	if m.Request == "" {
		out.JoinedMethod = types.AccountJoinedMethodInvited
	}
	if m.Email != "" {
		out.Email = &m.Email
	}
	if a, ok := w.Account(m.Account); ok {
		out.Name = &a.Name
	}
	return out
}

// AccountStatus describes how the making of an account went: always well.
func AccountStatus(w *projections.World, m *projections.Member) *types.CreateAccountStatus {
	out := &types.CreateAccountStatus{Id: &m.Request, AccountId: &m.Account, State: types.CreateAccountStateSucceeded, RequestedTimestamp: &m.Joined, CompletedTimestamp: &m.Joined}
	if a, ok := w.Account(m.Account); ok {
		out.AccountName = &a.Name
	}
	return out
}

// OrganizationPolicySummary describes a policy without its content.
func OrganizationPolicySummary(o *projections.Organization, p *projections.OrganizationPolicy) *types.PolicySummary {
	return &types.PolicySummary{Id: &p.ID, Arn: new(p.ARN(o)), Name: &p.Name, Description: &p.Description, Type: types.PolicyType(p.PolicyType), AwsManaged: p.AWSManaged()}
}

// OrganizationPolicy describes a policy.
func OrganizationPolicy(o *projections.Organization, p *projections.OrganizationPolicy) *types.Policy {
	return &types.Policy{PolicySummary: OrganizationPolicySummary(o, p), Content: &p.Content.Text}
}

// PolicyTarget describes what a policy is attached to.
func PolicyTarget(w *projections.World, o *projections.Organization, id string) types.PolicyTargetSummary {
	out := types.PolicyTargetSummary{TargetId: &id, Arn: new(o.ARN(id)), Name: text("Root"), Type: types.TargetTypeRoot}
	if u, ok := o.Units[id]; ok {
		out.Name, out.Type = &u.Name, types.TargetTypeOrganizationalUnit
	} else if a, ok := w.Account(id); ok && o.Members[id] != nil {
		out.Name, out.Type = &a.Name, types.TargetTypeAccount
	}
	return out
}

// Children are the units or accounts right below a root or unit, by id.
func Children(o *projections.Organization, parent string, units bool) (ids []string) {
	if units {
		for id, u := range o.Units {
			if u.Parent == parent {
				ids = append(ids, id)
			}
		}
	} else {
		for id, m := range o.Members {
			if m.Parent == parent {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return ids
}
