package commands

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
	"github.com/keytrail/keytrail/projections/policy"
)

// CreatePolicy makes a managed policy. It does nothing until it is attached.
func (tx *Tx) CreatePolicy(ctx context.Context, in *iam.CreatePolicyInput) (*iam.CreatePolicyOutput, error) {
	if err := tx.managedDocument(*in.PolicyDocument); err != nil {
		return nil, err
	}
	if p, ok := tx.Account.Policy(*in.PolicyName); ok {
		return nil, answer.EntityAlreadyExists("A policy called %s already exists. Duplicate names are not allowed.", p.Name)
	}
	if err := answer.Quota("PoliciesPerAccount", tx.Account.Policies(), tx.quotas().Policies); err != nil {
		return nil, err
	}
	tags, err := tx.newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	f := events.PolicyCreated{
		ID: tx.NewID(projections.PolicyPrefix), Name: *in.PolicyName, Path: or(in.Path, "/"),
		Description: or(in.Description, ""), Document: *in.PolicyDocument, Tags: tags,
	}
	tx.Emit(f)
	p := &projections.Policy{
		Entity: tx.entity(f.ID, f.Name, f.Path, f.Tags), ARN: tx.Account.ARN("policy", f.Path, f.Name),
		Versions: []*projections.PolicyVersion{{Number: 1}}, Default: 1, Updated: tx.Now,
	}
	return &iam.CreatePolicyOutput{Policy: answer.NewPolicy(tx.Account, p)}, nil
}

// DeletePolicy deletes a policy that nothing uses, with its only version.
func (tx *Tx) DeletePolicy(ctx context.Context, in *iam.DeletePolicyInput) (*iam.DeletePolicyOutput, error) {
	p, err := tx.ownPolicy("iam:DeletePolicy", *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	if tx.Account.Use(p.ID) != (projections.Use{}) {
		return nil, answer.DeleteConflict("Cannot delete a policy attached to entities.")
	}
	if len(p.Versions) > 1 {
		return nil, answer.DeleteConflict("This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.")
	}
	tx.Emit(events.PolicyDeleted{ID: p.ID})
	return &iam.DeletePolicyOutput{}, nil
}

// CreatePolicyVersion adds a version; it is in force only if that is asked for.
func (tx *Tx) CreatePolicyVersion(ctx context.Context, in *iam.CreatePolicyVersionInput) (*iam.CreatePolicyVersionOutput, error) {
	p, err := tx.ownPolicy("iam:CreatePolicyVersion", *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	if err := tx.managedDocument(*in.PolicyDocument); err != nil {
		return nil, err
	}
	if quota := tx.quotas().VersionsPerPolicy; len(p.Versions) >= quota {
		return nil, answer.LimitExceeded("A managed policy can have up to %d versions. Before you create a new version, you must delete an existing version.", quota)
	}
	f := events.PolicyVersionCreated{Policy: p.ID, Version: p.Last + 1, Document: *in.PolicyDocument, Default: in.SetAsDefault}
	tx.Emit(f)
	d := answer.PolicyVersion(p, &projections.PolicyVersion{Number: f.Version, Created: tx.Now})
	d.IsDefaultVersion = f.Default
	return &iam.CreatePolicyVersionOutput{PolicyVersion: &d}, nil
}

// DeletePolicyVersion deletes a version that is not in force.
func (tx *Tx) DeletePolicyVersion(ctx context.Context, in *iam.DeletePolicyVersionInput) (*iam.DeletePolicyVersionOutput, error) {
	p, v, err := tx.ownVersion("iam:DeletePolicyVersion", *in.PolicyArn, *in.VersionId)
	if err != nil {
		return nil, err
	}
	if v.Number == p.Default {
		return nil, answer.DeleteConflict("Cannot delete the default version of a policy.")
	}
	tx.Emit(events.PolicyVersionDeleted{Policy: p.ID, Version: v.Number})
	return &iam.DeletePolicyVersionOutput{}, nil
}

// SetDefaultPolicyVersion puts a version in force, wherever the policy is used.
func (tx *Tx) SetDefaultPolicyVersion(ctx context.Context, in *iam.SetDefaultPolicyVersionInput) (*iam.SetDefaultPolicyVersionOutput, error) {
	p, v, err := tx.ownVersion("iam:SetDefaultPolicyVersion", *in.PolicyArn, *in.VersionId)
	if err != nil {
		return nil, err
	}
	if v.Number != p.Default {
		tx.Emit(events.PolicyDefaultSet{Policy: p.ID, Version: v.Number})
	}
	return &iam.SetDefaultPolicyVersionOutput{}, nil
}

func (tx *Tx) managedDocument(document string) error {
	if _, err := policy.Parse(policy.Identity, document); err != nil {
		return answer.Malformed(err)
	}
	if quota := tx.quotas().PolicySize; policy.Size(document) > quota {
		return answer.LimitExceeded("Cannot exceed quota for PolicySize: %d", quota)
	}
	return nil
}

// ownPolicy finds a policy for a change: nobody changes those that AWS manages.
func (tx *Tx) ownPolicy(action, arn string) (*projections.Policy, error) {
	p, err := answer.PolicyAt(tx.World, tx.Account, arn)
	if err == nil && p.AWSManaged() {
		return nil, answer.NotAuthorized(tx.Caller, action, "policy "+arn)
	}
	return p, err
}

func (tx *Tx) ownVersion(action, arn, version string) (*projections.Policy, *projections.PolicyVersion, error) {
	p, err := tx.ownPolicy(action, arn)
	if err != nil {
		return nil, nil, err
	}
	v, err := answer.VersionAt(p, version)
	return p, v, err
}

// Attachments, inline policies and boundaries are the same for users, groups
// and roles but for a few words and quotas, which answer.Kind holds.

// AttachUserPolicy gives a user the permissions of a managed policy.
func (tx *Tx) AttachUserPolicy(ctx context.Context, in *iam.AttachUserPolicyInput) (*iam.AttachUserPolicyOutput, error) {
	return done(&iam.AttachUserPolicyOutput{}, tx.attach(answer.Users, *in.UserName, *in.PolicyArn))
}

// AttachGroupPolicy gives a group's members the permissions of a managed policy.
func (tx *Tx) AttachGroupPolicy(ctx context.Context, in *iam.AttachGroupPolicyInput) (*iam.AttachGroupPolicyOutput, error) {
	return done(&iam.AttachGroupPolicyOutput{}, tx.attach(answer.Groups, *in.GroupName, *in.PolicyArn))
}

// AttachRolePolicy gives a role the permissions of a managed policy.
func (tx *Tx) AttachRolePolicy(ctx context.Context, in *iam.AttachRolePolicyInput) (*iam.AttachRolePolicyOutput, error) {
	return done(&iam.AttachRolePolicyOutput{}, tx.attach(answer.Roles, *in.RoleName, *in.PolicyArn))
}

// DetachUserPolicy takes the permissions of a managed policy from a user.
func (tx *Tx) DetachUserPolicy(ctx context.Context, in *iam.DetachUserPolicyInput) (*iam.DetachUserPolicyOutput, error) {
	return done(&iam.DetachUserPolicyOutput{}, tx.detach(answer.Users, *in.UserName, *in.PolicyArn))
}

// DetachGroupPolicy takes the permissions of a managed policy from a group.
func (tx *Tx) DetachGroupPolicy(ctx context.Context, in *iam.DetachGroupPolicyInput) (*iam.DetachGroupPolicyOutput, error) {
	return done(&iam.DetachGroupPolicyOutput{}, tx.detach(answer.Groups, *in.GroupName, *in.PolicyArn))
}

// DetachRolePolicy takes the permissions of a managed policy from a role.
func (tx *Tx) DetachRolePolicy(ctx context.Context, in *iam.DetachRolePolicyInput) (*iam.DetachRolePolicyOutput, error) {
	return done(&iam.DetachRolePolicyOutput{}, tx.detach(answer.Roles, *in.RoleName, *in.PolicyArn))
}

func (tx *Tx) attach(kind *answer.Kind, name, arn string) error {
	to, err := kind.Find(tx.Account, name)
	if err != nil {
		return err
	}
	p, err := answer.Attachable(tx.World, tx.Account, arn)
	if err != nil {
		return err
	}
	if slices.Contains(to.Attached, p.ID) {
		return nil
	}
	quota, _ := kind.Quotas(tx.quotas())
	if err := answer.Quota(kind.Attach, len(to.Attached), quota); err != nil {
		return err
	}
	tx.Emit(events.PolicyAttached{To: to.ID, Policy: p.ID, ARN: p.ARN})
	return nil
}

func (tx *Tx) detach(kind *answer.Kind, name, arn string) error {
	from, err := kind.Find(tx.Account, name)
	if err != nil {
		return err
	}
	p, err := answer.PolicyAt(tx.World, tx.Account, arn)
	if err != nil {
		return err
	}
	if !slices.Contains(from.Attached, p.ID) {
		return answer.NoSuchEntity("Policy %s was not found.", arn)
	}
	tx.Emit(events.PolicyDetached{From: from.ID, Policy: p.ID, ARN: p.ARN})
	return nil
}

// PutUserPolicy writes an inline policy of a user, in place of any of that name.
func (tx *Tx) PutUserPolicy(ctx context.Context, in *iam.PutUserPolicyInput) (*iam.PutUserPolicyOutput, error) {
	return done(&iam.PutUserPolicyOutput{}, tx.putInline(answer.Users, *in.UserName, *in.PolicyName, *in.PolicyDocument))
}

// PutGroupPolicy writes an inline policy of a group, in place of any of that name.
func (tx *Tx) PutGroupPolicy(ctx context.Context, in *iam.PutGroupPolicyInput) (*iam.PutGroupPolicyOutput, error) {
	return done(&iam.PutGroupPolicyOutput{}, tx.putInline(answer.Groups, *in.GroupName, *in.PolicyName, *in.PolicyDocument))
}

// PutRolePolicy writes an inline policy of a role, in place of any of that name.
func (tx *Tx) PutRolePolicy(ctx context.Context, in *iam.PutRolePolicyInput) (*iam.PutRolePolicyOutput, error) {
	return done(&iam.PutRolePolicyOutput{}, tx.putInline(answer.Roles, *in.RoleName, *in.PolicyName, *in.PolicyDocument))
}

// DeleteUserPolicy deletes an inline policy of a user.
func (tx *Tx) DeleteUserPolicy(ctx context.Context, in *iam.DeleteUserPolicyInput) (*iam.DeleteUserPolicyOutput, error) {
	return done(&iam.DeleteUserPolicyOutput{}, tx.deleteInline(answer.Users, *in.UserName, *in.PolicyName))
}

// DeleteGroupPolicy deletes an inline policy of a group.
func (tx *Tx) DeleteGroupPolicy(ctx context.Context, in *iam.DeleteGroupPolicyInput) (*iam.DeleteGroupPolicyOutput, error) {
	return done(&iam.DeleteGroupPolicyOutput{}, tx.deleteInline(answer.Groups, *in.GroupName, *in.PolicyName))
}

// DeleteRolePolicy deletes an inline policy of a role.
func (tx *Tx) DeleteRolePolicy(ctx context.Context, in *iam.DeleteRolePolicyInput) (*iam.DeleteRolePolicyOutput, error) {
	return done(&iam.DeleteRolePolicyOutput{}, tx.deleteInline(answer.Roles, *in.RoleName, *in.PolicyName))
}

func (tx *Tx) putInline(kind *answer.Kind, holder, name, document string) error {
	in, err := kind.Find(tx.Account, holder)
	if err != nil {
		return err
	}
	if _, err := policy.Parse(policy.Identity, document); err != nil {
		return answer.Malformed(err)
	}
	size := policy.Size(document)
	for _, p := range in.Inline {
		switch {
		case projections.Fold(p.Name) != projections.Fold(name):
			size += policy.Size(p.Document.Text)
		case p.Name == name && p.Document.Text == document:
			return nil
		}
	}
	if _, quota := kind.Quotas(tx.quotas()); size > quota {
		return answer.LimitExceeded("Maximum policy size of %d bytes exceeded for %s %s", quota, kind.Name, in.Name)
	}
	tx.Emit(events.InlinePolicyPut{In: in.ID, Name: name, Document: document})
	return nil
}

func (tx *Tx) deleteInline(kind *answer.Kind, holder, name string) error {
	in, err := kind.Find(tx.Account, holder)
	if err != nil {
		return err
	}
	p, err := kind.Inline(in, name)
	if err != nil {
		return err
	}
	tx.Emit(events.InlinePolicyDeleted{In: in.ID, Name: p.Name})
	return nil
}

// PutUserPermissionsBoundary limits what a user's policies can allow.
func (tx *Tx) PutUserPermissionsBoundary(ctx context.Context, in *iam.PutUserPermissionsBoundaryInput) (*iam.PutUserPermissionsBoundaryOutput, error) {
	return done(&iam.PutUserPermissionsBoundaryOutput{}, tx.putBoundary(answer.Users, *in.UserName, *in.PermissionsBoundary))
}

// PutRolePermissionsBoundary limits what a role's policies can allow.
func (tx *Tx) PutRolePermissionsBoundary(ctx context.Context, in *iam.PutRolePermissionsBoundaryInput) (*iam.PutRolePermissionsBoundaryOutput, error) {
	return done(&iam.PutRolePermissionsBoundaryOutput{}, tx.putBoundary(answer.Roles, *in.RoleName, *in.PermissionsBoundary))
}

// DeleteUserPermissionsBoundary lifts a user's limit, if there is one.
func (tx *Tx) DeleteUserPermissionsBoundary(ctx context.Context, in *iam.DeleteUserPermissionsBoundaryInput) (*iam.DeleteUserPermissionsBoundaryOutput, error) {
	return done(&iam.DeleteUserPermissionsBoundaryOutput{}, tx.deleteBoundary(answer.Users, *in.UserName))
}

// DeleteRolePermissionsBoundary lifts a role's limit, if there is one.
func (tx *Tx) DeleteRolePermissionsBoundary(ctx context.Context, in *iam.DeleteRolePermissionsBoundaryInput) (*iam.DeleteRolePermissionsBoundaryOutput, error) {
	return done(&iam.DeleteRolePermissionsBoundaryOutput{}, tx.deleteBoundary(answer.Roles, *in.RoleName))
}

func (tx *Tx) putBoundary(kind *answer.Kind, name, arn string) error {
	on, err := kind.Find(tx.Account, name)
	if err != nil {
		return err
	}
	p, err := tx.boundary(&arn)
	if err != nil {
		return err
	}
	bounded := *on
	tx.bound(&bounded, p)
	return nil
}

// boundary finds the policy that a request names as a boundary; nil: it names none.
func (tx *Tx) boundary(arn *string) (*projections.Policy, error) {
	if arn == nil {
		return nil, nil
	}
	return answer.Boundary(tx.World, tx.Account, *arn)
}

// bound sets the boundary of i, which is the command's own copy, if p is not nil.
func (tx *Tx) bound(i *projections.Identity, p *projections.Policy) {
	if p != nil && i.Boundary != p.ID {
		i.Boundary = p.ID
		tx.Emit(events.BoundaryPut{On: i.ID, Policy: p.ID, ARN: p.ARN})
	}
}

func (tx *Tx) deleteBoundary(kind *answer.Kind, name string) error {
	on, err := kind.Find(tx.Account, name)
	if err == nil && on.Boundary != "" {
		tx.Emit(events.BoundaryDeleted{On: on.ID})
	}
	return err
}
