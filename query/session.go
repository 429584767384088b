package query

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// GetCallerIdentity says who asks. Nobody can be denied that.
func (v *View) GetCallerIdentity(ctx context.Context, in *sts.GetCallerIdentityInput) (*sts.GetCallerIdentityOutput, error) {
	return &sts.GetCallerIdentityOutput{Account: &v.Caller.Account.ID, Arn: &v.Caller.ARN, UserId: &v.Caller.UserID}, nil
}
