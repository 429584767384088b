package query

import (
	"context"
	"iter"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

// GetGroup describes a group and lists its members by name.
func (v *View) GetGroup(ctx context.Context, in *iam.GetGroupInput) (*iam.GetGroupOutput, error) {
	g, ok := v.Account.Group(*in.GroupName)
	if !ok {
		return nil, answer.NoSuch("group", *in.GroupName)
	}
	members := func(after string) iter.Seq2[string, *projections.User] { return v.Account.MembersAfter(g, after) }
	users, more, marker, err := page(v, paged(in.Marker, in.MaxItems, "GetGroup", g.ID), members, all[*projections.User], v.user)
	if err != nil {
		return nil, err
	}
	return &iam.GetGroupOutput{Group: answer.Group(v.Account, g), Users: users, IsTruncated: more, Marker: marker}, nil
}

// ListGroups lists groups by name.
func (v *View) ListGroups(ctx context.Context, in *iam.ListGroupsInput) (*iam.ListGroupsOutput, error) {
	groups, more, marker, err := page(v, paged(in.Marker, in.MaxItems, "ListGroups", or(in.PathPrefix)),
		v.Account.GroupsAfter, under[*projections.Group](in.PathPrefix), v.group)
	if err != nil {
		return nil, err
	}
	return &iam.ListGroupsOutput{Groups: groups, IsTruncated: more, Marker: marker}, nil
}

// ListGroupsForUser lists the groups a user is a member of, by name.
func (v *View) ListGroupsForUser(ctx context.Context, in *iam.ListGroupsForUserInput) (*iam.ListGroupsForUserOutput, error) {
	u, ok := v.Account.User(*in.UserName)
	if !ok {
		return nil, answer.NoSuch("user", *in.UserName)
	}
	var of []*projections.Group
	for _, id := range u.Groups {
		if g, ok := v.Account.GroupByID(id); ok {
			of = append(of, g)
		}
	}
	groups, more, marker, err := page(v, paged(in.Marker, in.MaxItems, "ListGroupsForUser", u.ID),
		listed(of, func(g *projections.Group) string { return projections.Fold(g.Name) }), all[*projections.Group], v.group)
	if err != nil {
		return nil, err
	}
	return &iam.ListGroupsForUserOutput{Groups: groups, IsTruncated: more, Marker: marker}, nil
}

func (v *View) group(g *projections.Group) types.Group { return *answer.Group(v.Account, g) }
