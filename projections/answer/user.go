package answer

import (
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections"
)

// User describes u as ListUsers does: without tags and boundary.
func User(a *projections.Account, u *projections.User) *types.User {
	return &types.User{Arn: ptr(u.ARN(a)), CreateDate: &u.Created, Path: &u.Path, UserId: &u.ID, UserName: &u.Name}
}

// UserInFull describes u as GetUser does.
func UserInFull(a *projections.Account, u *projections.User) *types.User {
	d := User(a, u)
	d.Tags, d.PermissionsBoundary = Tags(u.Tags), boundary(a, &u.Identity)
	return d
}

// RootUser describes an account's root user: it has no name and no path.
func RootUser(a *projections.Account) *types.User {
	return &types.User{Arn: ptr(a.RootARN()), CreateDate: &a.Created, UserId: &a.ID}
}

// UserDetail describes u as GetAccountAuthorizationDetails does.
func UserDetail(a *projections.Account, u *projections.User) types.UserDetail {
	d := types.UserDetail{
		Arn: ptr(u.ARN(a)), CreateDate: &u.Created, Path: &u.Path, UserId: &u.ID, UserName: &u.Name, Tags: Tags(u.Tags),
		AttachedManagedPolicies: attached(a, &u.Identity), PermissionsBoundary: boundary(a, &u.Identity),
		UserPolicyList: inline(&u.Identity), GroupList: []string{},
	}
	for _, id := range u.Groups {
		if g, ok := a.GroupByID(id); ok {
			d.GroupList = append(d.GroupList, g.Name)
		}
	}
	return d
}

// Whose finds the user that a request is about: by name or, without one, the
// caller. The root user is nil.
func Whose(a *projections.Account, c *projections.Caller, name *string) (*projections.User, error) {
	if name != nil {
		if u, ok := a.User(*name); ok {
			return u, nil
		}
		return nil, NoSuch("user", *name)
	}
	switch c.Type {
	case projections.Root:
		return nil, nil
	case projections.IAMUser:
		return c.User, nil
	}
	return nil, Validation("Must specify userName when calling with non-User credentials")
}
