package audit

import (
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/query"
)

var passwordPolicies = []Action{
	command("iam", (*commands.Tx).UpdateAccountPasswordPolicy, func(k *ask, _ *iam.UpdateAccountPasswordPolicyInput) { k.any() },
		"minimumPasswordLength requireSymbols requireNumbers requireUppercaseCharacters requireLowercaseCharacters "+
			"allowUsersToChangePassword maxPasswordAge passwordReusePrevention hardExpiry", ""),
	command("iam", (*commands.Tx).DeleteAccountPasswordPolicy, func(k *ask, _ *iam.DeleteAccountPasswordPolicyInput) { k.any() }, "", ""),
	look("iam", (*query.View).GetAccountPasswordPolicy, func(k *ask, _ *iam.GetAccountPasswordPolicyInput) { k.any() }, ""),
}
