package query

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"

	"github.com/keytrail/keytrail/projections/answer"
	"github.com/keytrail/keytrail/projections/policy"
)

// These look at the documents they are given, and at nothing else.

// ValidatePolicy lists what is wrong with a document, or could be better.
func (v *View) ValidatePolicy(ctx context.Context, in *accessanalyzer.ValidatePolicyInput) (*accessanalyzer.ValidatePolicyOutput, error) {
	kind, ok := map[types.PolicyType]policy.Kind{
		types.PolicyTypeIdentityPolicy: policy.Identity, types.PolicyTypeResourcePolicy: policy.Resource,
		types.PolicyTypeServiceControlPolicy: policy.ServiceControl, types.PolicyTypeResourceControlPolicy: policy.ResourceControl,
	}[in.PolicyType]
	if !ok {
		return nil, answer.Validation("policyType %s is not supported.", in.PolicyType)
	}
	if in.Locale != "" && in.Locale != types.LocaleEn {
		return nil, answer.Validation("locale %s is not supported: findings are in EN.", in.Locale)
	}
	if in.MaxResults != nil && (*in.MaxResults < 1 || *in.MaxResults > 1000) {
		return nil, answer.Validation("maxResults must be from 1 to 1000.")
	}
	service := ""
	if of := in.ValidatePolicyResourceType; of != "" {
		if kind != policy.Resource {
			return nil, answer.Validation("validatePolicyResourceType goes with policyType RESOURCE_POLICY only.")
		}
		if of == types.ValidatePolicyResourceTypeRoleTrust {
			kind = policy.Trust
		} else if service, ok = resourceServices[of]; !ok {
			return nil, answer.Validation("validatePolicyResourceType %s is not supported.", of)
		}
	} else if kind == policy.Resource && isTrust(*in.PolicyDocument) {
		kind = policy.Trust
	}
	list := policy.Validate(kind, *in.PolicyDocument, service, string(in.ValidatePolicyResourceType))
	at := newPositions(*in.PolicyDocument)
	question := fmt.Sprintf("%x", sha256.Sum256([]byte(string(in.PolicyType)+"\x00"+string(in.ValidatePolicyResourceType)+"\x00"+*in.PolicyDocument)))
	numbers := make([]int, len(list))
	for i := range numbers {
		numbers[i] = i
	}
	findings, _, next, err := page(v, paged(in.NextToken, in.MaxResults, "ValidatePolicy", question),
		listed(numbers, func(n int) string { return fmt.Sprintf("%08d", n) }), all[int],
		func(n int) types.ValidatePolicyFinding { return at.finding(&list[n]) })
	if err != nil {
		return nil, err
	}
	return &accessanalyzer.ValidatePolicyOutput{Findings: findings, NextToken: next}, nil
}

// resourceServices are the services whose actions the policies of a type of
// resource are about.
var resourceServices = map[types.ValidatePolicyResourceType]string{
	types.ValidatePolicyResourceTypeS3Bucket: "s3", types.ValidatePolicyResourceTypeS3AccessPoint: "s3",
	types.ValidatePolicyResourceTypeS3MultiRegionAccessPoint: "s3", types.ValidatePolicyResourceTypeS3ObjectLambdaAccessPoint: "s3-object-lambda",
	types.ValidatePolicyResourceTypeDynamodbTable: "dynamodb",
}

// isTrust: it is good as a trust policy and not as one of a resource.
func isTrust(document string) bool {
	_, trust := policy.Parse(policy.Trust, document)
	_, resource := policy.Parse(policy.Resource, document)
	return trust == nil && resource != nil
}

// positions turns bytes of a document into lines, columns and characters.
type positions struct {
	characters []int32 // before each byte
	lines      []int32 // number of the line of each byte, from 0
	starts     []int32 // characters before each line
}

func newPositions(text string) *positions {
	p := &positions{make([]int32, len(text)+1), make([]int32, len(text)+1), []int32{0}}
	n, line := int32(0), int32(0)
	for i := range len(text) {
		p.characters[i], p.lines[i] = n, line
		if i+1 == len(text) || utf8.RuneStart(text[i+1]) {
			n++
		}
		if text[i] == '\n' {
			line++
			p.starts = append(p.starts, n)
		}
	}
	p.characters[len(text)], p.lines[len(text)] = n, line
	return p
}

func (p *positions) at(byte int) *types.Position {
	line, offset := p.lines[byte], p.characters[byte]
	column := offset - p.starts[line]
	line++
	return &types.Position{Line: &line, Column: &column, Offset: &offset}
}

const learnMore = "https://docs.aws.amazon.com/IAM/latest/UserGuide/access-analyzer-reference-policy-checks.html#access-analyzer-reference-policy-checks-"

func (p *positions) finding(f *policy.Finding) types.ValidatePolicyFinding {
	kind := map[policy.FindingType]string{
		policy.FindingError: "error", policy.FindingSecurity: "security-warning", policy.FindingWarning: "general-warning", policy.FindingSuggestion: "suggestion",
	}[f.Type]
	link := learnMore + kind + "-" + strings.ReplaceAll(strings.ToLower(f.Code), "_", "-")
	out := types.ValidatePolicyFinding{
		FindingDetails: &f.Details, FindingType: types.ValidatePolicyFindingType(f.Type), IssueCode: &f.Code, LearnMoreLink: &link, Locations: []types.Location{},
	}
	for _, w := range f.Where {
		path := []types.PathElement{}
		for _, s := range w.Path {
			switch {
			case s.IsKey:
				path = append(path, &types.PathElementMemberKey{Value: s.Name})
			case s.Name != "":
				path = append(path, &types.PathElementMemberValue{Value: s.Name})
			default:
				path = append(path, &types.PathElementMemberIndex{Value: int32(s.Index)})
			}
		}
		out.Locations = append(out.Locations, types.Location{Path: path, Span: &types.Span{Start: p.at(w.From), End: p.at(w.To)}})
	}
	return out
}

// CheckNoNewAccess says whether a policy allows what another does not.
func (v *View) CheckNoNewAccess(ctx context.Context, in *accessanalyzer.CheckNoNewAccessInput) (*accessanalyzer.CheckNoNewAccessOutput, error) {
	changed, err := checked("newPolicyDocument", in.PolicyType, *in.NewPolicyDocument)
	if err != nil {
		return nil, err
	}
	existing, err := checked("existingPolicyDocument", in.PolicyType, *in.ExistingPolicyDocument)
	if err != nil {
		return nil, err
	}
	found, err := policy.NewAccess(existing, changed)
	if err != nil {
		return nil, undecided(err)
	}
	out := &accessanalyzer.CheckNoNewAccessOutput{
		Result:  types.CheckNoNewAccessResultPass,
		Message: new("The modified permissions do not grant new access compared to your existing policy."),
	}
	if len(found) > 0 {
		out.Result, out.Message = types.CheckNoNewAccessResultFail, new("The modified permissions grant new access compared to your existing policy.")
		out.Reasons = reasons(found, "New access in the statement with ")
	}
	return out, nil
}

// CheckAccessNotGranted says whether a policy allows any of some actions on any
// of some resources.
func (v *View) CheckAccessNotGranted(ctx context.Context, in *accessanalyzer.CheckAccessNotGrantedInput) (*accessanalyzer.CheckAccessNotGrantedOutput, error) {
	if len(in.Access) != 1 || len(in.Access[0].Actions)+len(in.Access[0].Resources) == 0 {
		return nil, invalidParameter("access must have one element, with actions or resources.")
	}
	p, err := checked("policyDocument", in.PolicyType, *in.PolicyDocument)
	if err != nil {
		return nil, err
	}
	found, err := policy.Granted(p, in.Access[0].Actions, in.Access[0].Resources)
	var malformed *policy.Malformed
	if errors.As(err, &malformed) {
		return nil, invalidParameter("access: " + malformed.Message)
	}
	if err != nil {
		return nil, undecided(err)
	}
	out := &accessanalyzer.CheckAccessNotGrantedOutput{
		Result:  types.CheckAccessNotGrantedResultPass,
		Message: new("The policy document does not grant access to perform the listed actions or resources."),
	}
	if len(found) > 0 {
		out.Result, out.Message = types.CheckAccessNotGrantedResultFail, new("The policy document grants access to perform one or more of the listed actions or resources.")
		out.Reasons = reasons(found, "One or more of the listed actions or resources in the statement with ")
	}
	return out, nil
}

// CheckNoPublicAccess says whether a resource's policy allows everybody.
func (v *View) CheckNoPublicAccess(ctx context.Context, in *accessanalyzer.CheckNoPublicAccessInput) (*accessanalyzer.CheckNoPublicAccessOutput, error) {
	kind := policy.Resource
	if in.ResourceType == types.AccessCheckResourceTypeRoleTrust {
		kind = policy.Trust
	}
	p, err := policy.Parse(kind, *in.PolicyDocument)
	if err != nil {
		return nil, invalidParameter("policyDocument: " + err.Error())
	}
	found, err := policy.PublicAccess(p)
	if err != nil {
		return nil, undecided(err)
	}
	out := &accessanalyzer.CheckNoPublicAccessOutput{
		Result:  types.CheckNoPublicAccessResultPass,
		Message: new("The resource policy does not grant public access for the specified resource type."),
	}
	if len(found) > 0 {
		out.Result, out.Message = types.CheckNoPublicAccessResultFail, new("The resource policy grants public access for the specified resource type.")
		out.Reasons = reasons(found, "Public access granted in the following statement with ")
	}
	return out, nil
}

// checked reads a document that is to be compared. A trust policy is a policy
// of a resource, the role.
func checked(name string, kind types.AccessCheckPolicyType, document string) (*policy.Policy, error) {
	as := policy.Identity
	switch kind {
	case types.AccessCheckPolicyTypeIdentityPolicy:
	case types.AccessCheckPolicyTypeResourcePolicy:
		if as = policy.Resource; isTrust(document) {
			as = policy.Trust
		}
	default:
		return nil, answer.Validation("policyType %s is not supported.", kind)
	}
	p, err := policy.Parse(as, document)
	if err != nil {
		return nil, invalidParameter(name + ": " + err.Error())
	}
	return p, nil
}

func reasons(found []policy.Access, text string) (out []types.ReasonSummary) {
	for _, f := range found {
		index, details := int32(f.Statement), fmt.Sprintf("%sindex: %d.", text, f.Statement)
		r := types.ReasonSummary{StatementIndex: &index}
		if f.Sid != "" {
			details = fmt.Sprintf("%ssid: %s.", text, f.Sid)
			r.StatementId = &f.Sid
		}
		r.Description = &details
		out = append(out, r)
	}
	return out
}

func invalidParameter(message string) error {
	return &types.InvalidParameterException{Message: &message}
}

// undecided is AWS's answer too where it can't decide.
func undecided(err error) error {
	message := "The policies can't be compared exactly: " + err.Error() + "."
	return &types.UnprocessableEntityException{Message: &message}
}
