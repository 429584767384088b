package answer

import (
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
)

// User describes u as ListUsers does: without tags.
func User(a *projections.Account, u *projections.User) *types.User {
	arn := a.ARN("user", u.Path, u.Name)
	return &types.User{Arn: &arn, CreateDate: &u.Created, Path: &u.Path, UserId: &u.ID, UserName: &u.Name}
}

// UserWithTags describes u as GetUser does.
func UserWithTags(a *projections.Account, u *projections.User) *types.User {
	d := User(a, u)
	d.Tags = Tags(u.Tags)
	return d
}

// Tags is nil for no tags: the answer then has no element for them.
func Tags(tags []events.Tag) []types.Tag {
	var out []types.Tag
	for i := range tags {
		out = append(out, types.Tag{Key: &tags[i].Key, Value: &tags[i].Value})
	}
	return out
}
