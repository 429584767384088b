package audit

import (
	"context"
	"strings"

	"github.com/keytrail/keytrail/audit/record"
	"github.com/keytrail/keytrail/query"
)

// analyze makes the row of a look at documents that come with the request: of
// no World, so the World need not wait. As CloudTrail does, the record shows
// what was found and not the documents.
func analyze[I, O any](run func(*query.View, context.Context, *I) (*O, error), request, response string) Action {
	a := search("access-analyzer", run, func(k *ask, _ *I) { k.any() }, request)
	var err error
	if a.response, err = record.Compile("access-analyzer", (*O)(nil), strings.Fields(response)...); err != nil {
		panic("audit: " + err.Error())
	}
	return a
}

var analyses = []Action{
	analyze((*query.View).ValidatePolicy, "policyType validatePolicyResourceType locale maxResults", "findings.issueCode findings.findingType"),
	analyze((*query.View).CheckNoNewAccess, "policyType", "result reasons"),
	analyze((*query.View).CheckAccessNotGranted, "policyType access", "result reasons"),
	analyze((*query.View).CheckNoPublicAccess, "resourceType", "result reasons"),
}
