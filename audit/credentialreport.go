package audit

import (
	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/query"
)

var credentialReports = []Action{
	search("iam", (*query.View).GenerateCredentialReport, func(k *ask, _ *iam.GenerateCredentialReportInput) { k.any() }, ""),
	search("iam", (*query.View).GetCredentialReport, func(k *ask, _ *iam.GetCredentialReportInput) { k.any() }, ""),
}
