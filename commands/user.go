package commands

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

// CreateUser makes a user who may do nothing yet.
func (tx *Tx) CreateUser(ctx context.Context, in *iam.CreateUserInput) (*iam.CreateUserOutput, error) {
	if u, ok := tx.Account.User(*in.UserName); ok {
		return nil, answer.AlreadyExists("User", u.Name)
	}
	f := events.UserCreated{ID: tx.NewID("AIDA"), Name: *in.UserName, Path: or(in.Path, "/")}
	tx.Emit(f)
	user := &projections.User{Identity: projections.Identity{Entity: tx.entity(f.ID, f.Name, f.Path, f.Tags)}}
	return &iam.CreateUserOutput{User: answer.UserWithTags(tx.Account, user)}, nil
}
