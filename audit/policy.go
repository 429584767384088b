package audit

import (
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/query"
)

// policy adds the managed policy of that ARN. One of another account is judged
// as that account's.
func (k *ask) policy(arn *string) {
	t := k.on(*arn, "AWS::IAM::Policy", nil)
	if p, ok := k.world.Managed(*arn); ok {
		t.tags = p.Tags
	}
	k.foreign(t)
}

var policies = []Action{
	command("iam", (*commands.Tx).CreatePolicy, func(k *ask, in *iam.CreatePolicyInput) {
		k.on(k.account.ARN("policy", or(in.Path, "/"), *in.PolicyName), "AWS::IAM::Policy", nil)
		k.created(in.Tags, "iam:TagPolicy")
	}, "policyName path policyDocument description tags", "policy"),
	look("iam", (*query.View).GetPolicy, func(k *ask, in *iam.GetPolicyInput) { k.policy(in.PolicyArn) }, "policyArn"),
	look("iam", (*query.View).ListPolicies, func(k *ask, in *iam.ListPoliciesInput) { k.list("policy", in.PathPrefix) }, "scope onlyAttached pathPrefix policyUsageFilter maxItems"),
	command("iam", (*commands.Tx).DeletePolicy, func(k *ask, in *iam.DeletePolicyInput) { k.policy(in.PolicyArn) }, "policyArn", ""),
	command("iam", (*commands.Tx).CreatePolicyVersion, func(k *ask, in *iam.CreatePolicyVersionInput) { k.policy(in.PolicyArn) }, "policyArn policyDocument setAsDefault", "policyVersion"),
	look("iam", (*query.View).GetPolicyVersion, func(k *ask, in *iam.GetPolicyVersionInput) { k.policy(in.PolicyArn) }, "policyArn versionId"),
	look("iam", (*query.View).ListPolicyVersions, func(k *ask, in *iam.ListPolicyVersionsInput) { k.policy(in.PolicyArn) }, "policyArn maxItems"),
	command("iam", (*commands.Tx).SetDefaultPolicyVersion, func(k *ask, in *iam.SetDefaultPolicyVersionInput) { k.policy(in.PolicyArn) }, "policyArn versionId", ""),
	command("iam", (*commands.Tx).DeletePolicyVersion, func(k *ask, in *iam.DeletePolicyVersionInput) { k.policy(in.PolicyArn) }, "policyArn versionId", ""),
	look("iam", (*query.View).ListEntitiesForPolicy, func(k *ask, in *iam.ListEntitiesForPolicyInput) { k.policy(in.PolicyArn) }, "policyArn entityFilter pathPrefix policyUsageFilter maxItems"),
}
