package query

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/projections/answer"
)

// GetUser describes one user, or the caller.
func (v *View) GetUser(ctx context.Context, in *iam.GetUserInput) (*iam.GetUserOutput, error) {
	u, ok := v.Account.User(*in.UserName)
	if !ok {
		return nil, answer.NoSuch("user", *in.UserName)
	}
	return &iam.GetUserOutput{User: answer.UserInFull(v.Account, u)}, nil
}
