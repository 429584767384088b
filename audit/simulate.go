package audit

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/query"
)

// entity adds the user, group or role of an ARN: with its tags and boundary if
// there is one, in its account if that is another.
func (k *ask) entity(arn *string) {
	part := strings.SplitN(*arn, ":", 6)
	if len(part) != 6 {
		k.on(*arn, "", nil)
		return
	}
	kind, path, _ := strings.Cut(part[5], "/")
	name := path[strings.LastIndexByte(path, '/')+1:]
	before := len(k.targets)
	switch kind {
	case "user":
		k.user(&name)
	case "group":
		k.group(&name)
	case "role":
		k.role(&name)
	default:
		k.on(*arn, "", nil)
	}
	if t := &k.targets[before]; t.resource != *arn { // another path or account: not the one of that name
		*t = target{resource: *arn, kind: t.kind}
	}
	if part[4] != k.account.ID && part[4] != "" {
		k.targets[before].owner = part[4]
	}
}

const simulated = "actionNames resourceArns callerArn resourceOwner resourceHandlingOption contextEntries.contextKeyName maxItems"

// Simulations change nothing; what is recorded of one is who asked for whom
// and what, and not the documents and values of a supposition.
var simulations = []Action{
	search("iam", (*query.View).SimulateCustomPolicy, func(k *ask, _ *iam.SimulateCustomPolicyInput) { k.any() }, simulated), // of no World, so the World need not wait
	look("iam", (*query.View).SimulatePrincipalPolicy, func(k *ask, in *iam.SimulatePrincipalPolicyInput) { k.entity(in.PolicySourceArn) }, "policySourceArn "+simulated),
	search("iam", (*query.View).GetContextKeysForCustomPolicy, func(k *ask, _ *iam.GetContextKeysForCustomPolicyInput) { k.any() }, ""),
	look("iam", (*query.View).GetContextKeysForPrincipalPolicy, func(k *ask, in *iam.GetContextKeysForPrincipalPolicyInput) { k.entity(in.PolicySourceArn) }, "policySourceArn"),
}
