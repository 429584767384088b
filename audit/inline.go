package audit

import (
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/query"
)

var inlines = []Action{
	command("iam", (*commands.Tx).PutUserPolicy, func(k *ask, in *iam.PutUserPolicyInput) { k.user(in.UserName) }, "userName policyName policyDocument", ""),
	look("iam", (*query.View).GetUserPolicy, func(k *ask, in *iam.GetUserPolicyInput) { k.user(in.UserName) }, "userName policyName"),
	look("iam", (*query.View).ListUserPolicies, func(k *ask, in *iam.ListUserPoliciesInput) { k.user(in.UserName) }, "userName maxItems"),
	command("iam", (*commands.Tx).DeleteUserPolicy, func(k *ask, in *iam.DeleteUserPolicyInput) { k.user(in.UserName) }, "userName policyName", ""),
	command("iam", (*commands.Tx).PutGroupPolicy, func(k *ask, in *iam.PutGroupPolicyInput) { k.group(in.GroupName) }, "groupName policyName policyDocument", ""),
	look("iam", (*query.View).GetGroupPolicy, func(k *ask, in *iam.GetGroupPolicyInput) { k.group(in.GroupName) }, "groupName policyName"),
	look("iam", (*query.View).ListGroupPolicies, func(k *ask, in *iam.ListGroupPoliciesInput) { k.group(in.GroupName) }, "groupName maxItems"),
	command("iam", (*commands.Tx).DeleteGroupPolicy, func(k *ask, in *iam.DeleteGroupPolicyInput) { k.group(in.GroupName) }, "groupName policyName", ""),
	command("iam", (*commands.Tx).PutRolePolicy, func(k *ask, in *iam.PutRolePolicyInput) { k.role(in.RoleName) }, "roleName policyName policyDocument", ""),
	look("iam", (*query.View).GetRolePolicy, func(k *ask, in *iam.GetRolePolicyInput) { k.role(in.RoleName) }, "roleName policyName"),
	look("iam", (*query.View).ListRolePolicies, func(k *ask, in *iam.ListRolePoliciesInput) { k.role(in.RoleName) }, "roleName maxItems"),
	command("iam", (*commands.Tx).DeleteRolePolicy, func(k *ask, in *iam.DeleteRolePolicyInput) { k.role(in.RoleName) }, "roleName policyName", ""),
}
