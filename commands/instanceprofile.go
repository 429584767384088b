package commands

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

// CreateInstanceProfile makes an instance profile that holds no role yet.
func (tx *Tx) CreateInstanceProfile(ctx context.Context, in *iam.CreateInstanceProfileInput) (*iam.CreateInstanceProfileOutput, error) {
	if p, ok := tx.Account.InstanceProfile(*in.InstanceProfileName); ok {
		return nil, answer.EntityAlreadyExists("Instance Profile %s already exists.", p.Name)
	}
	if err := answer.Quota("InstanceProfilesPerAccount", tx.Account.InstanceProfiles(), tx.quotas().InstanceProfiles); err != nil {
		return nil, err
	}
	tags, err := tx.newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	f := events.InstanceProfileCreated{
		ID: tx.NewID(projections.InstanceProfilePrefix), Name: *in.InstanceProfileName, Path: or(in.Path, "/"), Tags: tags,
	}
	tx.Emit(f)
	p := &projections.InstanceProfile{Entity: tx.entity(f.ID, f.Name, f.Path, f.Tags)}
	return &iam.CreateInstanceProfileOutput{InstanceProfile: answer.InstanceProfileInFull(tx.World, tx.Account, p)}, nil
}

// DeleteInstanceProfile deletes an instance profile that holds no role.
func (tx *Tx) DeleteInstanceProfile(ctx context.Context, in *iam.DeleteInstanceProfileInput) (*iam.DeleteInstanceProfileOutput, error) {
	p, err := answer.InstanceProfileNamed(tx.Account, *in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	if err := mustBefore(p.Role != "", "remove roles from instance profile"); err != nil {
		return nil, err
	}
	tx.Emit(events.InstanceProfileDeleted{ID: p.ID})
	return &iam.DeleteInstanceProfileOutput{}, nil
}

// AddRoleToInstanceProfile puts a role into an instance profile that holds none.
func (tx *Tx) AddRoleToInstanceProfile(ctx context.Context, in *iam.AddRoleToInstanceProfileInput) (*iam.AddRoleToInstanceProfileOutput, error) {
	p, r, err := tx.profileAndRole(*in.InstanceProfileName, *in.RoleName)
	if err != nil {
		return nil, err
	}
	if p.Role != "" {
		return nil, answer.LimitExceeded("Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1")
	}
	tx.Emit(events.RoleAddedToInstanceProfile{Profile: p.ID, Role: r.ID})
	return &iam.AddRoleToInstanceProfileOutput{}, nil
}

// RemoveRoleFromInstanceProfile takes the role out of an instance profile.
func (tx *Tx) RemoveRoleFromInstanceProfile(ctx context.Context, in *iam.RemoveRoleFromInstanceProfileInput) (*iam.RemoveRoleFromInstanceProfileOutput, error) {
	p, r, err := tx.profileAndRole(*in.InstanceProfileName, *in.RoleName)
	if err != nil {
		return nil, err
	}
	if p.Role != r.ID {
		return nil, answer.NoSuch("role", *in.RoleName)
	}
	tx.Emit(events.RoleRemovedFromInstanceProfile{Profile: p.ID, Role: r.ID})
	return &iam.RemoveRoleFromInstanceProfileOutput{}, nil
}

func (tx *Tx) profileAndRole(profile, role string) (*projections.InstanceProfile, *projections.Role, error) {
	p, err := answer.InstanceProfileNamed(tx.Account, profile)
	if err != nil {
		return nil, nil, err
	}
	r, err := tx.role(role)
	return p, r, err
}
