package audit

import (
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/query"
)

var accounts = []Action{
	command("iam", (*commands.Tx).CreateAccountAlias, func(k *ask, _ *iam.CreateAccountAliasInput) { k.any() }, "accountAlias", ""),
	command("iam", (*commands.Tx).DeleteAccountAlias, func(k *ask, _ *iam.DeleteAccountAliasInput) { k.any() }, "accountAlias", ""),
	look("iam", (*query.View).ListAccountAliases, func(k *ask, _ *iam.ListAccountAliasesInput) { k.any() }, "maxItems"),
	look("iam", (*query.View).GetAccountSummary, func(k *ask, _ *iam.GetAccountSummaryInput) { k.any() }, ""),
	look("iam", (*query.View).GetAccountAuthorizationDetails, func(k *ask, _ *iam.GetAccountAuthorizationDetailsInput) { k.any() }, "filter maxItems"),
}
