package audit

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/query"
)

// keyOf adds the user that owns a key: it is judged on, not the key.
func (k *ask) keyOf(id *string) {
	if key, ok := k.world.AccessKey(*id); ok && key.Account == k.account.ID {
		if u, ok := k.account.UserByID(key.UserID); ok {
			k.user(&u.Name)
			return
		}
		k.on(k.account.RootARN(), "", nil)
		return
	}
	k.on(k.account.ARN("user", "/", "*"), "", nil)
}

var accessKeys = []Action{
	command("iam", (*commands.Tx).CreateAccessKey, func(k *ask, in *iam.CreateAccessKeyInput) { k.user(in.UserName) }, "userName",
		"accessKey.accessKeyId accessKey.createDate accessKey.status accessKey.userName"),
	command("iam", (*commands.Tx).UpdateAccessKey, func(k *ask, in *iam.UpdateAccessKeyInput) { k.user(in.UserName) }, "userName accessKeyId status", ""),
	command("iam", (*commands.Tx).DeleteAccessKey, func(k *ask, in *iam.DeleteAccessKeyInput) { k.user(in.UserName) }, "userName accessKeyId", ""),
	look("iam", (*query.View).ListAccessKeys, func(k *ask, in *iam.ListAccessKeysInput) { k.user(in.UserName) }, "userName maxItems"),
	finished(look("iam", (*query.View).GetAccessKeyLastUsed, func(k *ask, in *iam.GetAccessKeyLastUsedInput) { k.keyOf(in.AccessKeyId) }, "accessKeyId"),
		func(ctx context.Context, t *turn, out *iam.GetAccessKeyLastUsedOutput) error {
			return query.LastUse(ctx, t.gate.Trail, t.recipient, *t.in.(*iam.GetAccessKeyLastUsedInput).AccessKeyId, out)
		}),
}
