package commands

import (
	"context"
	"net/mail"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
	"github.com/keytrail/keytrail/projections/policy"
)

// Quotas of Organizations (Organizations User Guide, "Quotas").
const (
	unitDepth            = 5
	unitsPerOrganization = 2000
	policiesOfType       = 1000
	policiesPerTarget    = 5
	controlPolicySize    = 5120
	defaultAccounts      = 10_000
)

const smallLetters = "abcdefghijklmnopqrstuvwxyz0123456789"

// manages finds the organization that the caller's account manages: nobody
// else may change it.
func (tx *Tx) manages() (*projections.Organization, error) {
	o, ok := tx.World.OrganizationOf(tx.Account)
	if !ok {
		return nil, answer.NotInUse()
	}
	if o.Management != tx.Account.ID {
		return nil, answer.NotYours()
	}
	return o, nil
}

// CreateOrganization makes the caller's account the management account of a
// new organization, with service control policies in use.
func (tx *Tx) CreateOrganization(ctx context.Context, in *organizations.CreateOrganizationInput) (*organizations.CreateOrganizationOutput, error) {
	if tx.Account.Organization != "" {
		return nil, &types.AlreadyInOrganizationException{Message: ptr("The AWS account is already a member of an organization.")}
	}
	if in.FeatureSet == types.OrganizationFeatureSetConsolidatedBilling {
		return nil, answer.Constraint(types.ConstraintViolationExceptionReasonCreateOrganizationInBillingModeUnsupportedRegion, "Organizations for consolidated billing alone can't be created here.")
	}
	f := events.OrganizationCreated{ID: "o-" + tx.letters(10, smallLetters), Root: "r-" + tx.letters(4, smallLetters)}
	tx.Emit(f)
	o := &projections.Organization{ID: f.ID, Root: f.Root, Management: tx.Account.ID, Types: []string{projections.ServiceControl}}
	return &organizations.CreateOrganizationOutput{Organization: answer.Organization(o)}, nil
}

// DeleteOrganization ends an organization that has no other account, no unit
// and no policy of its own.
func (tx *Tx) DeleteOrganization(ctx context.Context, in *organizations.DeleteOrganizationInput) (*organizations.DeleteOrganizationOutput, error) {
	o, err := tx.manages()
	if err != nil {
		return nil, err
	}
	if len(o.Members) > 1 || len(o.Units) > 0 || len(o.Policies) > 0 {
		return nil, &types.OrganizationNotEmptyException{Message: ptr("To delete an organization you must first remove all member accounts (except the master), organizational units, and policies.")}
	}
	tx.Emit(events.OrganizationDeleted{})
	return &organizations.DeleteOrganizationOutput{}, nil
}

// CreateMember is CreateAccount of Organizations: it makes an account below the root, with a role by which the
// management account administers it. It is there at once; its root user has no
// access key.
func (tx *Tx) CreateMember(ctx context.Context, in *organizations.CreateAccountInput) (*organizations.CreateAccountOutput, error) {
	o, err := tx.manages()
	if err != nil {
		return nil, err
	}
	if len(in.Tags) > 0 {
		return nil, answer.InvalidOrganizationInput(types.InvalidInputExceptionReasonTargetNotSupported, "Tags of accounts are not supported.")
	}
	if in.IamUserAccessToBilling == types.IAMUserAccessToBillingDeny {
		return nil, answer.InvalidOrganizationInput(types.InvalidInputExceptionReasonTargetNotSupported, "There is no billing that users could be denied.")
	}
	if len(o.Members) >= defaultAccounts {
		return nil, answer.Constraint(types.ConstraintViolationExceptionReasonAccountNumberLimitExceeded, "You have exceeded the allowed number of AWS accounts.")
	}
	at, err := mail.ParseAddress(*in.Email)
	if err != nil || at.Address != *in.Email {
		return nil, answer.InvalidOrganizationInput(types.InvalidInputExceptionReasonInvalidEmailAddressTarget, "You specified an invalid email address for the invited account owner.")
	}
	request := "car-" + tx.letters(32, smallLetters)
	for _, m := range o.Members {
		if strings.EqualFold(m.Email, *in.Email) {
			return &organizations.CreateAccountOutput{CreateAccountStatus: &types.CreateAccountStatus{
				Id: &request, AccountName: in.AccountName, State: types.CreateAccountStateFailed, FailureReason: types.CreateAccountFailureReasonEmailAlreadyExists,
				RequestedTimestamp: &tx.Now, CompletedTimestamp: &tx.Now,
			}}, nil
		}
	}
	id := tx.letters(1, "123456789") + tx.letters(11, "0123456789")
	for _, taken := tx.World.Account(id); taken; _, taken = tx.World.Account(id) {
		id = tx.letters(1, "123456789") + tx.letters(11, "0123456789")
	}
	tx.Into = id
	tx.Emit(events.AccountCreated{ID: id, Name: *in.AccountName})
	tx.Emit(events.OrganizationJoined{Organization: o.ID, Management: o.Management, Email: *in.Email, Request: request})
	trust, err := tx.trust(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"` + tx.Account.RootARN() + `"},"Action":"sts:AssumeRole"}]}`)
	if err != nil {
		return nil, err
	}
	role := events.RoleCreated{ID: tx.NewID(projections.RolePrefix), Name: or(in.RoleName, "OrganizationAccountAccessRole"), Path: "/", Trust: trust, MaxSession: hour}
	tx.Emit(role)
	admin, ok := tx.World.Managed("arn:aws:iam::aws:policy/AdministratorAccess")
	if !ok {
		panic("commands: AdministratorAccess is gone") // the gate answers ServiceFailure
	}
	tx.Emit(events.PolicyAttached{To: role.ID, Policy: admin.ID, ARN: admin.ARN})
	return &organizations.CreateAccountOutput{CreateAccountStatus: &types.CreateAccountStatus{
		Id: &request, AccountId: &id, AccountName: in.AccountName, State: types.CreateAccountStateSucceeded, RequestedTimestamp: &tx.Now, CompletedTimestamp: &tx.Now,
	}}, nil
}

// MoveAccount puts an account below another root or unit.
func (tx *Tx) MoveAccount(ctx context.Context, in *organizations.MoveAccountInput) (*organizations.MoveAccountOutput, error) {
	o, err := tx.manages()
	if err != nil {
		return nil, err
	}
	m, ok := o.Members[*in.AccountId]
	switch {
	case !ok:
		return nil, answer.NoSuchAccount()
	case !o.IsParent(*in.SourceParentId) || m.Parent != *in.SourceParentId:
		return nil, &types.SourceParentNotFoundException{Message: ptr("You specified source parent that doesn't exist.")}
	case !o.IsParent(*in.DestinationParentId):
		return nil, &types.DestinationParentNotFoundException{Message: ptr("You specified destination parent that doesn't exist.")}
	case m.Parent == *in.DestinationParentId:
		return nil, &types.DuplicateAccountException{Message: ptr("You attempted to move an account to where it is.")}
	}
	tx.Emit(events.AccountMoved{Account: m.Account, Parent: *in.DestinationParentId})
	return &organizations.MoveAccountOutput{}, nil
}

// RemoveAccountFromOrganization lets an account stand alone.
func (tx *Tx) RemoveAccountFromOrganization(ctx context.Context, in *organizations.RemoveAccountFromOrganizationInput) (*organizations.RemoveAccountFromOrganizationOutput, error) {
	o, err := tx.manages()
	if err != nil {
		return nil, err
	}
	switch _, ok := o.Members[*in.AccountId]; {
	case !ok:
		return nil, answer.NoSuchAccount()
	case *in.AccountId == o.Management:
		return nil, cannotLeave()
	}
	tx.Emit(events.AccountRemoved{Account: *in.AccountId})
	return &organizations.RemoveAccountFromOrganizationOutput{}, nil
}

// LeaveOrganization lets the caller's account stand alone.
func (tx *Tx) LeaveOrganization(ctx context.Context, in *organizations.LeaveOrganizationInput) (*organizations.LeaveOrganizationOutput, error) {
	o, ok := tx.World.OrganizationOf(tx.Account)
	switch {
	case !ok:
		return nil, answer.NotInUse()
	case o.Management == tx.Account.ID:
		return nil, cannotLeave()
	}
	tx.Emit(events.OrganizationLeft{})
	return &organizations.LeaveOrganizationOutput{}, nil
}

func cannotLeave() error {
	return &types.MasterCannotLeaveOrganizationException{Message: ptr("You can't remove a management account from an organization.")}
}

// CreateOrganizationalUnit makes a unit below a root or unit.
func (tx *Tx) CreateOrganizationalUnit(ctx context.Context, in *organizations.CreateOrganizationalUnitInput) (*organizations.CreateOrganizationalUnitOutput, error) {
	o, err := tx.manages()
	if err != nil {
		return nil, err
	}
	if len(in.Tags) > 0 {
		return nil, answer.InvalidOrganizationInput(types.InvalidInputExceptionReasonTargetNotSupported, "Tags of organizational units are not supported.")
	}
	switch {
	case !o.IsParent(*in.ParentId):
		return nil, answer.NoSuchParent()
	case len(o.Path(*in.ParentId)) > unitDepth:
		return nil, answer.Constraint(types.ConstraintViolationExceptionReasonOuDepthLimitExceeded, "You have exceeded the allowed depth of organizational units.")
	case len(o.Units) >= unitsPerOrganization:
		return nil, answer.Constraint(types.ConstraintViolationExceptionReasonOuNumberLimitExceeded, "You have exceeded the allowed number of organizational units.")
	}
	if err := unitNameFree(o, *in.ParentId, *in.Name, ""); err != nil {
		return nil, err
	}
	f := events.OrganizationalUnitCreated{ID: "ou-" + strings.TrimPrefix(o.Root, "r-") + "-" + tx.letters(8, smallLetters), Parent: *in.ParentId, Name: *in.Name}
	tx.Emit(f)
	u := &projections.OrganizationalUnit{ID: f.ID, Parent: f.Parent, Name: f.Name}
	out := answer.Unit(o, u)
	out.Path = ptr(o.ID + "/" + strings.Join(append(o.Path(f.Parent), f.ID), "/") + "/")
	return &organizations.CreateOrganizationalUnitOutput{OrganizationalUnit: out}, nil
}

func unitNameFree(o *projections.Organization, parent, name, but string) error {
	for _, u := range o.Units {
		if u.Parent == parent && u.Name == name && u.ID != but {
			return &types.DuplicateOrganizationalUnitException{Message: ptr("An OU with the same name already exists.")}
		}
	}
	return nil
}

// UpdateOrganizationalUnit calls a unit by another name.
func (tx *Tx) UpdateOrganizationalUnit(ctx context.Context, in *organizations.UpdateOrganizationalUnitInput) (*organizations.UpdateOrganizationalUnitOutput, error) {
	o, err := tx.manages()
	if err != nil {
		return nil, err
	}
	u, ok := o.Units[*in.OrganizationalUnitId]
	if !ok {
		return nil, answer.NoSuchUnit()
	}
	renamed := *u
	if renamed.Name = or(in.Name, u.Name); renamed.Name != u.Name {
		if err := unitNameFree(o, u.Parent, renamed.Name, u.ID); err != nil {
			return nil, err
		}
		tx.Emit(events.OrganizationalUnitUpdated{ID: u.ID, Name: renamed.Name})
	}
	return &organizations.UpdateOrganizationalUnitOutput{OrganizationalUnit: answer.Unit(o, &renamed)}, nil
}

// DeleteOrganizationalUnit deletes an empty unit.
func (tx *Tx) DeleteOrganizationalUnit(ctx context.Context, in *organizations.DeleteOrganizationalUnitInput) (*organizations.DeleteOrganizationalUnitOutput, error) {
	o, err := tx.manages()
	if err != nil {
		return nil, err
	}
	id := *in.OrganizationalUnitId
	if _, ok := o.Units[id]; !ok {
		return nil, answer.NoSuchUnit()
	}
	if len(answer.Children(o, id, true))+len(answer.Children(o, id, false)) > 0 {
		return nil, &types.OrganizationalUnitNotEmptyException{Message: ptr("The specified OU is not empty. Move all accounts to another root or to other OUs, remove all child OUs, and try the operation again.")}
	}
	tx.Emit(events.OrganizationalUnitDeleted{ID: id})
	return &organizations.DeleteOrganizationalUnitOutput{}, nil
}

// EnablePolicyType puts policies of a type in use.
func (tx *Tx) EnablePolicyType(ctx context.Context, in *organizations.EnablePolicyTypeInput) (*organizations.EnablePolicyTypeOutput, error) {
	o, typ, err := tx.root(in.RootId, in.PolicyType)
	if err != nil {
		return nil, err
	}
	if o.Uses(typ) {
		return nil, &types.PolicyTypeAlreadyEnabledException{Message: ptr("The specified policy type is already enabled.")}
	}
	tx.Emit(events.PolicyTypeEnabled{PolicyType: typ})
	after := *o
	after.Types = slices.Sorted(slices.Values(append(slices.Clone(o.Types), typ)))
	return &organizations.EnablePolicyTypeOutput{Root: ptr(answer.Root(&after))}, nil
}

// DisablePolicyType takes policies of a type out of use, and detaches them all.
func (tx *Tx) DisablePolicyType(ctx context.Context, in *organizations.DisablePolicyTypeInput) (*organizations.DisablePolicyTypeOutput, error) {
	o, typ, err := tx.root(in.RootId, in.PolicyType)
	if err != nil {
		return nil, err
	}
	if !o.Uses(typ) {
		return nil, notEnabled()
	}
	tx.Emit(events.PolicyTypeDisabled{PolicyType: typ})
	after := *o
	after.Types = slices.DeleteFunc(slices.Clone(o.Types), func(t string) bool { return t == typ })
	return &organizations.DisablePolicyTypeOutput{Root: ptr(answer.Root(&after))}, nil
}

func notEnabled() error {
	return &types.PolicyTypeNotEnabledException{Message: ptr("The specified policy type isn't currently enabled in this root.")}
}

func (tx *Tx) root(id *string, t types.PolicyType) (*projections.Organization, string, error) {
	o, err := tx.manages()
	if err != nil {
		return nil, "", err
	}
	if o.Root != *id {
		return nil, "", &types.RootNotFoundException{Message: ptr("You specified a root that doesn't exist.")}
	}
	typ, err := answer.PolicyType(t)
	return o, typ, err
}

// CreateOrganizationPolicy is CreatePolicy: it makes a service or resource control policy.
func (tx *Tx) CreateOrganizationPolicy(ctx context.Context, in *organizations.CreatePolicyInput) (*organizations.CreatePolicyOutput, error) {
	o, err := tx.manages()
	if err != nil {
		return nil, err
	}
	typ, err := answer.PolicyType(in.Type)
	if err != nil {
		return nil, err
	}
	if len(in.Tags) > 0 {
		return nil, answer.InvalidOrganizationInput(types.InvalidInputExceptionReasonTargetNotSupported, "Tags of policies are not supported.")
	}
	if err := controlPolicy(typ, *in.Content); err != nil {
		return nil, err
	}
	all := o.PoliciesOf(typ)
	if len(all) >= policiesOfType {
		return nil, answer.Constraint(types.ConstraintViolationExceptionReasonPolicyNumberLimitExceeded, "You have exceeded the allowed number of policies.")
	}
	if err := policyNameFree(o, *in.Name, ""); err != nil {
		return nil, err
	}
	f := events.OrganizationPolicyCreated{ID: "p-" + tx.letters(8, smallLetters), PolicyType: typ, Name: *in.Name, Description: *in.Description, Content: *in.Content}
	tx.Emit(f)
	p := &projections.OrganizationPolicy{ID: f.ID, PolicyType: typ, Name: f.Name, Description: f.Description, Content: &projections.Document{Text: f.Content}}
	return &organizations.CreatePolicyOutput{Policy: answer.OrganizationPolicy(o, p)}, nil
}

func policyNameFree(o *projections.Organization, name, but string) error {
	for _, typ := range []string{projections.ServiceControl, projections.ResourceControl} {
		for _, p := range o.PoliciesOf(typ) {
			if p.Name == name && p.ID != but {
				return &types.DuplicatePolicyException{Message: ptr("A policy with the same name already exists.")}
			}
		}
	}
	return nil
}

// controlPolicy holds a document against the language and the quota.
func controlPolicy(typ, content string) error {
	kind := policy.ServiceControl
	if typ == projections.ResourceControl {
		kind = policy.ResourceControl
	}
	if _, err := policy.Parse(kind, content); err != nil {
		return &types.MalformedPolicyDocumentException{Message: ptr("The provided policy document does not meet the requirements of the specified policy type.")}
	}
	if len([]rune(content)) > controlPolicySize {
		return answer.Constraint(types.ConstraintViolationExceptionReasonPolicyContentLimitExceeded, "You have exceeded the allowed size of a policy.")
	}
	return nil
}

// policyOf finds a policy of the organization that is not AWS's.
func (tx *Tx) policyOf(id string) (*projections.Organization, *projections.OrganizationPolicy, error) {
	o, err := tx.manages()
	if err != nil {
		return nil, nil, err
	}
	p, ok := o.Policy(id)
	if !ok {
		return nil, nil, answer.NoSuchOrganizationPolicy()
	}
	if p.AWSManaged() {
		return nil, nil, answer.InvalidOrganizationInput(types.InvalidInputExceptionReasonImmutablePolicy, "You specified a policy that is managed by AWS and can't be modified.")
	}
	return o, p, nil
}

// UpdateOrganizationPolicy is UpdatePolicy: it changes a policy. Whoever it binds is bound by what it says now.
func (tx *Tx) UpdateOrganizationPolicy(ctx context.Context, in *organizations.UpdatePolicyInput) (*organizations.UpdatePolicyOutput, error) {
	o, p, err := tx.policyOf(*in.PolicyId)
	if err != nil {
		return nil, err
	}
	f := events.OrganizationPolicyUpdated{ID: p.ID, Name: or(in.Name, p.Name), Description: or(in.Description, p.Description), Content: or(in.Content, p.Content.Text)}
	if err := controlPolicy(p.PolicyType, f.Content); err != nil {
		return nil, err
	}
	if err := policyNameFree(o, f.Name, p.ID); err != nil {
		return nil, err
	}
	if f.Name != p.Name || f.Description != p.Description || f.Content != p.Content.Text {
		tx.Emit(f)
	}
	after := &projections.OrganizationPolicy{ID: p.ID, PolicyType: p.PolicyType, Name: f.Name, Description: f.Description, Content: &projections.Document{Text: f.Content}}
	return &organizations.UpdatePolicyOutput{Policy: answer.OrganizationPolicy(o, after)}, nil
}

// DeleteOrganizationPolicy is DeletePolicy: it deletes a policy that is attached to nothing.
func (tx *Tx) DeleteOrganizationPolicy(ctx context.Context, in *organizations.DeletePolicyInput) (*organizations.DeletePolicyOutput, error) {
	o, p, err := tx.policyOf(*in.PolicyId)
	if err != nil {
		return nil, err
	}
	if len(o.Targets(p.ID)) > 0 {
		return nil, &types.PolicyInUseException{Message: ptr("The policy is attached to one or more entities. You must detach it from all roots, OUs, and accounts before performing this operation.")}
	}
	tx.Emit(events.OrganizationPolicyDeleted{ID: p.ID})
	return &organizations.DeletePolicyOutput{}, nil
}

// AttachPolicy binds whatever is at or below a target by a policy.
func (tx *Tx) AttachPolicy(ctx context.Context, in *organizations.AttachPolicyInput) (*organizations.AttachPolicyOutput, error) {
	o, p, err := tx.attachment(*in.PolicyId, *in.TargetId)
	if err != nil {
		return nil, err
	}
	on := o.On(*in.TargetId, p.PolicyType)
	switch {
	case slices.Contains(on, p):
		return nil, &types.DuplicatePolicyAttachmentException{Message: ptr("The selected policy is already attached to the specified target.")}
	case len(on) >= policiesPerTarget:
		return nil, answer.Constraint(types.ConstraintViolationExceptionReasonMaxPolicyTypeAttachmentLimitExceeded, "You have attached the maximum number of policies to the specified target.")
	}
	tx.Emit(events.OrganizationPolicyAttached{Policy: p.ID, Target: *in.TargetId})
	return &organizations.AttachPolicyOutput{}, nil
}

// DetachPolicy takes a policy from a target, which must keep one of its type.
func (tx *Tx) DetachPolicy(ctx context.Context, in *organizations.DetachPolicyInput) (*organizations.DetachPolicyOutput, error) {
	o, p, err := tx.attachment(*in.PolicyId, *in.TargetId)
	if err != nil {
		return nil, err
	}
	on := o.On(*in.TargetId, p.PolicyType)
	switch {
	case !slices.Contains(on, p):
		return nil, &types.PolicyNotAttachedException{Message: ptr("The policy isn't attached to the specified target in the specified root.")}
	case p.ID == projections.RCPFullAccess:
		return nil, answer.InvalidOrganizationInput(types.InvalidInputExceptionReasonNonDetachablePolicy, "You can't detach this AWS managed policy.")
	case len(on) == 1:
		return nil, answer.Constraint(types.ConstraintViolationExceptionReasonMinPolicyTypeAttachmentLimitExceeded, "You cannot remove the last policy attached to the specified target. You must have at least one attached at all times.")
	}
	tx.Emit(events.OrganizationPolicyDetached{Policy: p.ID, Target: *in.TargetId})
	return &organizations.DetachPolicyOutput{}, nil
}

func (tx *Tx) attachment(id, target string) (*projections.Organization, *projections.OrganizationPolicy, error) {
	o, err := tx.manages()
	if err != nil {
		return nil, nil, err
	}
	p, ok := o.Policy(id)
	switch {
	case !ok:
		return nil, nil, answer.NoSuchOrganizationPolicy()
	case !o.Has(target):
		return nil, nil, answer.NoSuchTarget()
	case !o.Uses(p.PolicyType):
		return nil, nil, notEnabled()
	}
	return o, p, nil
}
