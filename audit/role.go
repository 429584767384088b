package audit

import (
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/query"
)

// role adds the role of that name, or the ARN it would have.
func (k *ask) role(name *string) {
	if r, ok := k.account.Role(*name); ok {
		k.identity(&r.Identity, r.ARN(k.account), "AWS::IAM::Role")
		return
	}
	k.on(k.account.ARN("role", "/", *name), "AWS::IAM::Role", nil)
}

var roles = []Action{
	command("iam", (*commands.Tx).CreateRole, func(k *ask, in *iam.CreateRoleInput) {
		k.on(k.account.ARN("role", or(in.Path, "/"), *in.RoleName), "AWS::IAM::Role", nil)
		k.key("iam:PermissionsBoundary", in.PermissionsBoundary)
		k.created(in.Tags, "iam:TagRole")
	}, "roleName path assumeRolePolicyDocument description maxSessionDuration permissionsBoundary tags", "role"),
	look("iam", (*query.View).GetRole, func(k *ask, in *iam.GetRoleInput) { k.role(in.RoleName) }, "roleName"),
	look("iam", (*query.View).ListRoles, func(k *ask, in *iam.ListRolesInput) { k.list("role", in.PathPrefix) }, "pathPrefix maxItems"),
	command("iam", (*commands.Tx).UpdateRole, func(k *ask, in *iam.UpdateRoleInput) { k.role(in.RoleName) }, "roleName description maxSessionDuration", ""),
	command("iam", (*commands.Tx).UpdateRoleDescription, func(k *ask, in *iam.UpdateRoleDescriptionInput) { k.role(in.RoleName) }, "roleName description", "role"),
	command("iam", (*commands.Tx).UpdateAssumeRolePolicy, func(k *ask, in *iam.UpdateAssumeRolePolicyInput) { k.role(in.RoleName) }, "roleName policyDocument", ""),
	command("iam", (*commands.Tx).DeleteRole, func(k *ask, in *iam.DeleteRoleInput) { k.role(in.RoleName) }, "roleName", ""),
}
