package audit

import (
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/query"
)

// instanceProfile adds the instance profile of that name, or the ARN it would have.
func (k *ask) instanceProfile(name *string) {
	if p, ok := k.account.InstanceProfile(*name); ok {
		k.on(p.ARN(k.account), "AWS::IAM::InstanceProfile", p.Tags)
		return
	}
	k.on(k.account.ARN("instance-profile", "/", *name), "AWS::IAM::InstanceProfile", nil)
}

var instanceProfiles = []Action{
	command("iam", (*commands.Tx).CreateInstanceProfile, func(k *ask, in *iam.CreateInstanceProfileInput) {
		k.on(k.account.ARN("instance-profile", or(in.Path, "/"), *in.InstanceProfileName), "AWS::IAM::InstanceProfile", nil)
		k.created(in.Tags, "iam:TagInstanceProfile")
	}, "instanceProfileName path tags", "instanceProfile"),
	look("iam", (*query.View).GetInstanceProfile, func(k *ask, in *iam.GetInstanceProfileInput) { k.instanceProfile(in.InstanceProfileName) }, "instanceProfileName"),
	look("iam", (*query.View).ListInstanceProfiles, func(k *ask, in *iam.ListInstanceProfilesInput) { k.list("instance-profile", in.PathPrefix) }, "pathPrefix maxItems"),
	look("iam", (*query.View).ListInstanceProfilesForRole, func(k *ask, in *iam.ListInstanceProfilesForRoleInput) { k.role(in.RoleName) }, "roleName maxItems"),
	command("iam", (*commands.Tx).DeleteInstanceProfile, func(k *ask, in *iam.DeleteInstanceProfileInput) { k.instanceProfile(in.InstanceProfileName) }, "instanceProfileName", ""),
	// Who hands a role on must be allowed to (IAM User Guide, "Granting a user
	// permissions to pass a role to an AWS service").
	command("iam", (*commands.Tx).AddRoleToInstanceProfile, func(k *ask, in *iam.AddRoleToInstanceProfileInput) {
		k.instanceProfile(in.InstanceProfileName)
		k.role(in.RoleName)
		pass := &k.targets[1]
		pass.action, pass.kind = "iam:PassRole", ""
		pass.keys = map[string]string{"iam:PassedToService": "ec2.amazonaws.com"}
	}, "instanceProfileName roleName", ""),
	command("iam", (*commands.Tx).RemoveRoleFromInstanceProfile, func(k *ask, in *iam.RemoveRoleFromInstanceProfileInput) {
		k.instanceProfile(in.InstanceProfileName)
	}, "instanceProfileName roleName", ""),
}
