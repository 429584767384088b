package query

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/projections/answer"
)

// GetLoginProfile says whether a user, or the caller, has a password.
func (v *View) GetLoginProfile(ctx context.Context, in *iam.GetLoginProfileInput) (*iam.GetLoginProfileOutput, error) {
	u, err := answer.WhoseLogin(v.Account, v.Caller, in.UserName)
	if err != nil {
		return nil, err
	}
	if u.Login == nil {
		return nil, answer.NoLoginProfile(u)
	}
	return &iam.GetLoginProfileOutput{LoginProfile: answer.LoginProfile(u, u.Login)}, nil
}
