package audit

import (
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/query"
)

// untag lets aws:TagKeys speak of the keys that a request takes away.
func (k *ask) untag(keys []string) { k.lists = map[string][]string{"aws:TagKeys": keys} }

var tags = []Action{
	command("iam", (*commands.Tx).TagUser, func(k *ask, in *iam.TagUserInput) { k.user(in.UserName); k.requestTags(in.Tags) }, "userName tags", ""),
	command("iam", (*commands.Tx).UntagUser, func(k *ask, in *iam.UntagUserInput) { k.user(in.UserName); k.untag(in.TagKeys) }, "userName tagKeys", ""),
	look("iam", (*query.View).ListUserTags, func(k *ask, in *iam.ListUserTagsInput) { k.user(in.UserName) }, "userName maxItems"),
	command("iam", (*commands.Tx).TagRole, func(k *ask, in *iam.TagRoleInput) { k.role(in.RoleName); k.requestTags(in.Tags) }, "roleName tags", ""),
	command("iam", (*commands.Tx).UntagRole, func(k *ask, in *iam.UntagRoleInput) { k.role(in.RoleName); k.untag(in.TagKeys) }, "roleName tagKeys", ""),
	look("iam", (*query.View).ListRoleTags, func(k *ask, in *iam.ListRoleTagsInput) { k.role(in.RoleName) }, "roleName maxItems"),
	command("iam", (*commands.Tx).TagPolicy, func(k *ask, in *iam.TagPolicyInput) { k.policy(in.PolicyArn); k.requestTags(in.Tags) }, "policyArn tags", ""),
	command("iam", (*commands.Tx).UntagPolicy, func(k *ask, in *iam.UntagPolicyInput) { k.policy(in.PolicyArn); k.untag(in.TagKeys) }, "policyArn tagKeys", ""),
	look("iam", (*query.View).ListPolicyTags, func(k *ask, in *iam.ListPolicyTagsInput) { k.policy(in.PolicyArn) }, "policyArn maxItems"),
	command("iam", (*commands.Tx).TagInstanceProfile, func(k *ask, in *iam.TagInstanceProfileInput) {
		k.instanceProfile(in.InstanceProfileName)
		k.requestTags(in.Tags)
	}, "instanceProfileName tags", ""),
	command("iam", (*commands.Tx).UntagInstanceProfile, func(k *ask, in *iam.UntagInstanceProfileInput) {
		k.instanceProfile(in.InstanceProfileName)
		k.untag(in.TagKeys)
	}, "instanceProfileName tagKeys", ""),
	look("iam", (*query.View).ListInstanceProfileTags, func(k *ask, in *iam.ListInstanceProfileTagsInput) {
		k.instanceProfile(in.InstanceProfileName)
	}, "instanceProfileName maxItems"),
}
