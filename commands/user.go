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
	if err := answer.Quota("UsersPerAccount", tx.Account.Users(), tx.quotas().Users); err != nil {
		return nil, err
	}
	boundary, err := tx.boundary(in.PermissionsBoundary)
	if err != nil {
		return nil, err
	}
	tags, err := tx.newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	f := events.UserCreated{ID: tx.NewID(projections.UserPrefix), Name: *in.UserName, Path: or(in.Path, "/"), Tags: tags}
	user := &projections.User{Identity: projections.Identity{Entity: tx.entity(f.ID, f.Name, f.Path, f.Tags)}}
	tx.Emit(f)
	tx.bound(&user.Identity, boundary)
	return &iam.CreateUserOutput{User: answer.UserInFull(tx.Account, user)}, nil
}

// UpdateUser gives a user another name or path. It stays the same user; what
// names it by its old ARN does not follow.
func (tx *Tx) UpdateUser(ctx context.Context, in *iam.UpdateUserInput) (*iam.UpdateUserOutput, error) {
	u, ok := tx.Account.User(*in.UserName)
	if !ok {
		return nil, answer.NoSuch("user", *in.UserName)
	}
	name, path := or(in.NewUserName, u.Name), or(in.NewPath, u.Path)
	if other, ok := tx.Account.User(name); ok && other.ID != u.ID {
		return nil, answer.AlreadyExists("User", other.Name)
	}
	if name != u.Name || path != u.Path {
		tx.Emit(events.UserRenamed{ID: u.ID, Name: name, Path: path})
	}
	return &iam.UpdateUserOutput{}, nil
}

// DeleteUser deletes a user that has nothing left but its tags and boundary.
func (tx *Tx) DeleteUser(ctx context.Context, in *iam.DeleteUserInput) (*iam.DeleteUserOutput, error) {
	u, ok := tx.Account.User(*in.UserName)
	if !ok {
		return nil, answer.NoSuch("user", *in.UserName)
	}
	if err := first(holds(&u.Identity),
		mustBefore(len(u.Groups) > 0, "remove users from group"),
		mustBefore(u.Login != nil, "delete login profile"),
		mustBefore(len(u.Keys) > 0, "delete access keys"),
		mustBefore(len(u.MFA) > 0, "delete MFA device")); err != nil {
		return nil, err
	}
	tx.Emit(events.UserDeleted{ID: u.ID})
	return &iam.DeleteUserOutput{}, nil
}

// holds refuses to delete a user, group or role that has policies.
func holds(i *projections.Identity) error {
	return first(mustBefore(len(i.Attached) > 0, "detach all policies"), mustBefore(len(i.Inline) > 0, "delete policies"))
}

func mustBefore(is bool, what string) error {
	if !is {
		return nil
	}
	return answer.DeleteConflict("Cannot delete entity, must " + what + " first.")
}

// first is the first error there is.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
