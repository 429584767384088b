package audit

import (
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/query"
)

var attachments = []Action{
	command("iam", (*commands.Tx).AttachUserPolicy, func(k *ask, in *iam.AttachUserPolicyInput) {
		k.user(in.UserName)
		k.key("iam:PolicyARN", in.PolicyArn)
	}, "userName policyArn", ""),
	command("iam", (*commands.Tx).DetachUserPolicy, func(k *ask, in *iam.DetachUserPolicyInput) {
		k.user(in.UserName)
		k.key("iam:PolicyARN", in.PolicyArn)
	}, "userName policyArn", ""),
	look("iam", (*query.View).ListAttachedUserPolicies, func(k *ask, in *iam.ListAttachedUserPoliciesInput) { k.user(in.UserName) }, "userName pathPrefix maxItems"),
	command("iam", (*commands.Tx).AttachGroupPolicy, func(k *ask, in *iam.AttachGroupPolicyInput) {
		k.group(in.GroupName)
		k.key("iam:PolicyARN", in.PolicyArn)
	}, "groupName policyArn", ""),
	command("iam", (*commands.Tx).DetachGroupPolicy, func(k *ask, in *iam.DetachGroupPolicyInput) {
		k.group(in.GroupName)
		k.key("iam:PolicyARN", in.PolicyArn)
	}, "groupName policyArn", ""),
	look("iam", (*query.View).ListAttachedGroupPolicies, func(k *ask, in *iam.ListAttachedGroupPoliciesInput) { k.group(in.GroupName) }, "groupName pathPrefix maxItems"),
	command("iam", (*commands.Tx).AttachRolePolicy, func(k *ask, in *iam.AttachRolePolicyInput) {
		k.role(in.RoleName)
		k.key("iam:PolicyARN", in.PolicyArn)
	}, "roleName policyArn", ""),
	command("iam", (*commands.Tx).DetachRolePolicy, func(k *ask, in *iam.DetachRolePolicyInput) {
		k.role(in.RoleName)
		k.key("iam:PolicyARN", in.PolicyArn)
	}, "roleName policyArn", ""),
	look("iam", (*query.View).ListAttachedRolePolicies, func(k *ask, in *iam.ListAttachedRolePoliciesInput) { k.role(in.RoleName) }, "roleName pathPrefix maxItems"),
}

// Putting a boundary is judged by the one it would be, taking it away by the
// one there is.
var boundaries = []Action{
	command("iam", (*commands.Tx).PutUserPermissionsBoundary, func(k *ask, in *iam.PutUserPermissionsBoundaryInput) {
		k.user(in.UserName)
		k.targets[0].keys = nil
		k.key("iam:PermissionsBoundary", in.PermissionsBoundary)
	}, "userName permissionsBoundary", ""),
	command("iam", (*commands.Tx).DeleteUserPermissionsBoundary, func(k *ask, in *iam.DeleteUserPermissionsBoundaryInput) { k.user(in.UserName) }, "userName", ""),
	command("iam", (*commands.Tx).PutRolePermissionsBoundary, func(k *ask, in *iam.PutRolePermissionsBoundaryInput) {
		k.role(in.RoleName)
		k.targets[0].keys = nil
		k.key("iam:PermissionsBoundary", in.PermissionsBoundary)
	}, "roleName permissionsBoundary", ""),
	command("iam", (*commands.Tx).DeleteRolePermissionsBoundary, func(k *ask, in *iam.DeleteRolePermissionsBoundaryInput) { k.role(in.RoleName) }, "roleName", ""),
}
