package commands

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

// CreateGroup makes a group without members and permissions.
func (tx *Tx) CreateGroup(ctx context.Context, in *iam.CreateGroupInput) (*iam.CreateGroupOutput, error) {
	if g, ok := tx.Account.Group(*in.GroupName); ok {
		return nil, answer.AlreadyExists("Group", g.Name)
	}
	if err := answer.Quota("GroupsPerAccount", tx.Account.Groups(), tx.quotas().Groups); err != nil {
		return nil, err
	}
	f := events.GroupCreated{ID: tx.NewID(projections.GroupPrefix), Name: *in.GroupName, Path: or(in.Path, "/")}
	tx.Emit(f)
	group := &projections.Group{Identity: projections.Identity{Entity: tx.entity(f.ID, f.Name, f.Path, nil)}}
	return &iam.CreateGroupOutput{Group: answer.Group(tx.Account, group)}, nil
}

// UpdateGroup gives a group another name or path.
func (tx *Tx) UpdateGroup(ctx context.Context, in *iam.UpdateGroupInput) (*iam.UpdateGroupOutput, error) {
	g, ok := tx.Account.Group(*in.GroupName)
	if !ok {
		return nil, answer.NoSuch("group", *in.GroupName)
	}
	name, path := or(in.NewGroupName, g.Name), or(in.NewPath, g.Path)
	if other, ok := tx.Account.Group(name); ok && other.ID != g.ID {
		return nil, answer.AlreadyExists("Group", other.Name)
	}
	if name != g.Name || path != g.Path {
		tx.Emit(events.GroupRenamed{ID: g.ID, Name: name, Path: path})
	}
	return &iam.UpdateGroupOutput{}, nil
}

// DeleteGroup deletes a group without policies and members.
func (tx *Tx) DeleteGroup(ctx context.Context, in *iam.DeleteGroupInput) (*iam.DeleteGroupOutput, error) {
	g, ok := tx.Account.Group(*in.GroupName)
	if !ok {
		return nil, answer.NoSuch("group", *in.GroupName)
	}
	members := false
	for range tx.Account.MembersAfter(g, "") {
		members = true
		break
	}
	if err := first(holds(&g.Identity), mustBefore(members, "remove users from group")); err != nil {
		return nil, err
	}
	tx.Emit(events.GroupDeleted{ID: g.ID})
	return &iam.DeleteGroupOutput{}, nil
}

// AddUserToGroup makes a user a member of a group, if it is not one.
func (tx *Tx) AddUserToGroup(ctx context.Context, in *iam.AddUserToGroupInput) (*iam.AddUserToGroupOutput, error) {
	g, u, err := tx.groupAndUser(*in.GroupName, *in.UserName)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(u.Groups, g.ID) {
		if err := answer.Quota("GroupsPerUser", len(u.Groups), tx.quotas().GroupsPerUser); err != nil {
			return nil, err
		}
		tx.Emit(events.UserAddedToGroup{Group: g.ID, User: u.ID})
	}
	return &iam.AddUserToGroupOutput{}, nil
}

// RemoveUserFromGroup ends a membership, if there is one.
func (tx *Tx) RemoveUserFromGroup(ctx context.Context, in *iam.RemoveUserFromGroupInput) (*iam.RemoveUserFromGroupOutput, error) {
	g, u, err := tx.groupAndUser(*in.GroupName, *in.UserName)
	if err != nil {
		return nil, err
	}
	if slices.Contains(u.Groups, g.ID) {
		tx.Emit(events.UserRemovedFromGroup{Group: g.ID, User: u.ID})
	}
	return &iam.RemoveUserFromGroupOutput{}, nil
}

func (tx *Tx) groupAndUser(group, user string) (*projections.Group, *projections.User, error) {
	g, ok := tx.Account.Group(group)
	if !ok {
		return nil, nil, answer.NoSuch("group", group)
	}
	u, ok := tx.Account.User(user)
	if !ok {
		return nil, nil, answer.NoSuch("user", user)
	}
	return g, u, nil
}
