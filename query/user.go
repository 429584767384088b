package query

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

// GetUser describes one user, or the caller.
func (v *View) GetUser(ctx context.Context, in *iam.GetUserInput) (*iam.GetUserOutput, error) {
	u, err := answer.Whose(v.Account, v.Caller, in.UserName)
	if err != nil {
		return nil, err
	}
	if u == nil {
		return &iam.GetUserOutput{User: answer.RootUser(v.Account)}, nil
	}
	return &iam.GetUserOutput{User: answer.UserInFull(v.Account, u)}, nil
}

// ListUsers lists users by name.
func (v *View) ListUsers(ctx context.Context, in *iam.ListUsersInput) (*iam.ListUsersOutput, error) {
	users, more, marker, err := page(v, paged(in.Marker, in.MaxItems, "ListUsers", or(in.PathPrefix)),
		v.Account.UsersAfter, under[*projections.User](in.PathPrefix), v.user)
	if err != nil {
		return nil, err
	}
	return &iam.ListUsersOutput{Users: users, IsTruncated: more, Marker: marker}, nil
}

func (v *View) user(u *projections.User) types.User { return *answer.User(v.Account, u) }
