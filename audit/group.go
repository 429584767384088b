package audit

import (
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/query"
)

// group adds the group of that name, or the ARN it would have.
func (k *ask) group(name *string) {
	if g, ok := k.account.Group(*name); ok {
		k.identity(&g.Identity, g.ARN(k.account), "AWS::IAM::Group")
		return
	}
	k.on(k.account.ARN("group", "/", *name), "AWS::IAM::Group", nil)
}

var groups = []Action{
	command("iam", (*commands.Tx).CreateGroup, func(k *ask, in *iam.CreateGroupInput) {
		k.on(k.account.ARN("group", or(in.Path, "/"), *in.GroupName), "AWS::IAM::Group", nil)
	}, "groupName path", "group"),
	look("iam", (*query.View).GetGroup, func(k *ask, in *iam.GetGroupInput) { k.group(in.GroupName) }, "groupName maxItems"),
	look("iam", (*query.View).ListGroups, func(k *ask, in *iam.ListGroupsInput) { k.list("group", in.PathPrefix) }, "pathPrefix maxItems"),
	command("iam", (*commands.Tx).UpdateGroup, func(k *ask, in *iam.UpdateGroupInput) {
		k.group(in.GroupName)
		if in.NewGroupName != nil || in.NewPath != nil {
			path, name := "/", *in.GroupName
			if g, ok := k.account.Group(name); ok {
				path, name = g.Path, g.Name
			}
			k.on(k.account.ARN("group", or(in.NewPath, path), or(in.NewGroupName, name)), "", nil)
		}
	}, "groupName newGroupName newPath", ""),
	command("iam", (*commands.Tx).DeleteGroup, func(k *ask, in *iam.DeleteGroupInput) { k.group(in.GroupName) }, "groupName", ""),
	command("iam", (*commands.Tx).AddUserToGroup, func(k *ask, in *iam.AddUserToGroupInput) { k.group(in.GroupName) }, "groupName userName", ""),
	command("iam", (*commands.Tx).RemoveUserFromGroup, func(k *ask, in *iam.RemoveUserFromGroupInput) { k.group(in.GroupName) }, "groupName userName", ""),
}
