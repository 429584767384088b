package query

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

// GetInstanceProfile describes one instance profile.
func (v *View) GetInstanceProfile(ctx context.Context, in *iam.GetInstanceProfileInput) (*iam.GetInstanceProfileOutput, error) {
	p, err := answer.InstanceProfileNamed(v.Account, *in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	return &iam.GetInstanceProfileOutput{InstanceProfile: answer.InstanceProfileInFull(v.World, v.Account, p)}, nil
}

// ListInstanceProfiles lists instance profiles by name.
func (v *View) ListInstanceProfiles(ctx context.Context, in *iam.ListInstanceProfilesInput) (*iam.ListInstanceProfilesOutput, error) {
	profiles, more, marker, err := page(v, paged(in.Marker, in.MaxItems, "ListInstanceProfiles", or(in.PathPrefix)),
		v.Account.InstanceProfilesAfter, under[*projections.InstanceProfile](in.PathPrefix), v.instanceProfile)
	if err != nil {
		return nil, err
	}
	return &iam.ListInstanceProfilesOutput{InstanceProfiles: profiles, IsTruncated: more, Marker: marker}, nil
}

// ListInstanceProfilesForRole lists the instance profiles that hold a role, by name.
func (v *View) ListInstanceProfilesForRole(ctx context.Context, in *iam.ListInstanceProfilesForRoleInput) (*iam.ListInstanceProfilesForRoleOutput, error) {
	r, ok := v.Account.Role(*in.RoleName)
	if !ok {
		return nil, answer.NoSuch("role", *in.RoleName)
	}
	holders := func(after string) iter.Seq2[string, *projections.InstanceProfile] {
		return v.Account.InstanceProfilesOf(r, after)
	}
	profiles, more, marker, err := page(v, paged(in.Marker, in.MaxItems, "ListInstanceProfilesForRole", r.ID),
		holders, all[*projections.InstanceProfile], v.instanceProfile)
	if err != nil {
		return nil, err
	}
	return &iam.ListInstanceProfilesForRoleOutput{InstanceProfiles: profiles, IsTruncated: more, Marker: marker}, nil
}

func (v *View) instanceProfile(p *projections.InstanceProfile) types.InstanceProfile {
	return *answer.InstanceProfile(v.World, v.Account, p)
}
