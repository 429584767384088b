package audit

import (
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/query"
)

// identity adds a user, group or role with its boundary as a condition key.
func (k *ask) identity(i *projections.Identity, arn, kind string) {
	t := k.on(arn, kind, i.Tags)
	if p, ok := k.account.PolicyByID(i.Boundary); ok {
		t.keys = map[string]string{"iam:PermissionsBoundary": p.ARN}
	}
}

// user adds the user of that name with its real path, or the ARN it would
// have; without a name it is the caller.
func (k *ask) user(name *string) {
	if name == nil {
		if u := k.caller.User; u != nil {
			k.identity(&u.Identity, k.caller.ARN, "AWS::IAM::User")
		} else {
			k.on(k.caller.ARN, "", nil)
		}
		return
	}
	if u, ok := k.account.User(*name); ok {
		k.identity(&u.Identity, u.ARN(k.account), "AWS::IAM::User")
		return
	}
	k.on(k.account.ARN("user", "/", *name), "AWS::IAM::User", nil)
}

// list adds what a listing is judged on: the ARN of the kind with the prefix
// of its path, as AWS names it when it denies one.
func (k *ask) list(kind string, prefix *string) {
	k.on(k.account.ARN(kind, or(prefix, "/"), ""), "", nil)
}

var users = []Action{
	command("iam", (*commands.Tx).CreateUser, func(k *ask, in *iam.CreateUserInput) {
		k.on(k.account.ARN("user", or(in.Path, "/"), *in.UserName), "AWS::IAM::User", nil)
		k.key("iam:PermissionsBoundary", in.PermissionsBoundary)
		k.created(in.Tags, "iam:TagUser")
	}, "userName path tags permissionsBoundary", "user"),
	look("iam", (*query.View).GetUser, func(k *ask, in *iam.GetUserInput) { k.user(in.UserName) }, "userName"),
	look("iam", (*query.View).ListUsers, func(k *ask, in *iam.ListUsersInput) { k.list("user", in.PathPrefix) }, "pathPrefix maxItems"),
	command("iam", (*commands.Tx).UpdateUser, func(k *ask, in *iam.UpdateUserInput) {
		k.user(in.UserName)
		if in.NewUserName != nil || in.NewPath != nil { // renaming needs the permission on both ends
			path, name := "/", *in.UserName
			if u, ok := k.account.User(name); ok {
				path, name = u.Path, u.Name
			}
			k.on(k.account.ARN("user", or(in.NewPath, path), or(in.NewUserName, name)), "", nil)
		}
	}, "userName newUserName newPath", ""),
	command("iam", (*commands.Tx).DeleteUser, func(k *ask, in *iam.DeleteUserInput) { k.user(in.UserName) }, "userName", ""),
	look("iam", (*query.View).ListGroupsForUser, func(k *ask, in *iam.ListGroupsForUserInput) { k.user(in.UserName) }, "userName maxItems"),
}
