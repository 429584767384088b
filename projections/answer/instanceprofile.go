package answer

import (
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections"
)

// InstanceProfile describes p as ListInstanceProfiles does: without tags.
func InstanceProfile(w *projections.World, a *projections.Account, p *projections.InstanceProfile) *types.InstanceProfile {
	d := &types.InstanceProfile{
		Arn: ptr(p.ARN(a)), CreateDate: &p.Created, Path: &p.Path,
		InstanceProfileId: &p.ID, InstanceProfileName: &p.Name, Roles: []types.Role{},
	}
	if r, ok := a.RoleByID(p.Role); ok {
		d.Roles = append(d.Roles, *Role(w, a, r))
	}
	return d
}

// InstanceProfileInFull describes p as GetInstanceProfile does.
func InstanceProfileInFull(w *projections.World, a *projections.Account, p *projections.InstanceProfile) *types.InstanceProfile {
	d := InstanceProfile(w, a, p)
	d.Tags = Tags(p.Tags)
	return d
}

// InstanceProfileNamed finds an instance profile.
func InstanceProfileNamed(a *projections.Account, name string) (*projections.InstanceProfile, error) {
	if p, ok := a.InstanceProfile(name); ok {
		return p, nil
	}
	return nil, NoSuchEntity("Instance Profile %s cannot be found.", name)
}
