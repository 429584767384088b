package query

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
	"github.com/keytrail/keytrail/projections/policy"
)

// A simulation asks the evaluator that judges requests, with the policies that
// judge them, so that it says what the gate would. The caller gives the
// context; only what follows from who asks is filled in (aws:username,
// aws:PrincipalTag/… and their like), unless the caller gives that too.
//
// There is one result for each action on each resource, as Terraform and
// recorded answers have it. AWS's documents of 2026 describe one for each
// action instead, named by a template of the action's resource type, of which
// we have no table; ResourceSpecificResults serves those who read it so.

// SimulateCustomPolicy judges actions on resources by documents alone. It
// looks at nothing of the World.
func (v *View) SimulateCustomPolicy(ctx context.Context, in *iam.SimulateCustomPolicyInput) (*iam.SimulateCustomPolicyOutput, error) {
	s := simulation{in: in, who: policy.Principal{Type: policy.User, Account: v.Account.ID}}
	if err := s.addInput(in.PolicyInputList); err != nil {
		return nil, err
	}
	if in.CallerArn != nil {
		caller, err := parseSource(*in.CallerArn)
		if err != nil {
			return nil, err
		}
		s.call(caller)
	}
	return s.run(v, "SimulateCustomPolicy")
}

// SimulatePrincipalPolicy judges actions on resources by the policies of a
// user (with those of its groups), group or role, its permissions boundary,
// and further documents.
func (v *View) SimulatePrincipalPolicy(ctx context.Context, in *iam.SimulatePrincipalPolicyInput) (*iam.SimulatePrincipalPolicyOutput, error) {
	source, err := v.policySource(*in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	caller := source
	if in.CallerArn != nil {
		if caller, err = parseSource(*in.CallerArn); err != nil {
			return nil, err
		}
		caller.find(v) // somebody who is not there has no tags and no id
	}
	s := simulation{principal: *in.PolicySourceArn, in: &iam.SimulateCustomPolicyInput{
		ActionNames: in.ActionNames, ResourceArns: in.ResourceArns, ContextEntries: in.ContextEntries, CallerArn: in.CallerArn,
		PolicyInputList: in.PolicyInputList, PermissionsBoundaryPolicyInputList: in.PermissionsBoundaryPolicyInputList,
		ResourcePolicy: in.ResourcePolicy, ResourceOwner: in.ResourceOwner, ResourceHandlingOption: in.ResourceHandlingOption,
		MaxItems: in.MaxItems, Marker: in.Marker,
	}}
	s.call(caller)
	s.addAttached(v, source)
	if s.excluded, err = s.exclude(in.PolicyExclusionList); err != nil {
		return nil, err
	}
	if err := s.addInput(in.PolicyInputList); err != nil {
		return nil, err
	}
	out, err := s.run(v, "SimulatePrincipalPolicy")
	if err != nil {
		return nil, err
	}
	return &iam.SimulatePrincipalPolicyOutput{EvaluationResults: out.EvaluationResults, IsTruncated: out.IsTruncated, Marker: out.Marker}, nil
}

// simulation is a request to simulate, made ready.
type simulation struct {
	in        *iam.SimulateCustomPolicyInput
	principal string // PolicySourceArn, if there is one
	excluded  string // of the attached policies: for the marker

	who       policy.Principal
	known     bool // who is somebody in particular
	tags      iter.Seq2[string, string]
	policies  policy.Policies
	documents map[*policy.Source]*shown

	resources []string
	owner     string // account of resources whose ARN does not say
	context   policy.Context
	given     map[string]bool // keys of ContextEntries, folded
	missing   []string
	uses      map[string]int // of keys, folded
	verdict   policy.Verdict
}

// shown is a policy as the answer names it.
type shown struct {
	text, id string
	from     types.PolicySourceType
	spans    []policy.Span // of its statements, once needed
}

// Live answers of AWS say this and not what the SDK enumerates.
const (
	fromIdentity types.PolicySourceType = "IAM Policy"
	fromResource types.PolicySourceType = "Resource Policy"
)

// Bounds of one page: results beside MaxItems, matched statements and missing
// keys told, and looks at a character of a pattern's subject (about 1 ns each).
const (
	pageTold  = 50_000
	pageLooks = 200_000_000
)

// run checks what is left of the input and reads one page of the results.
func (s *simulation) run(v *View, name string) (*iam.SimulateCustomPolicyOutput, error) {
	for _, step := range []func() error{s.bound, s.organization, s.readActions, s.readResources, s.readOwner, s.readResourcePolicy, s.fill} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	size, err := s.pageSize()
	if err != nil {
		return nil, err
	}
	total := len(s.in.ActionNames) * len(s.resources)
	pairs := func(after string) iter.Seq2[string, int] {
		start := 0
		if n, err := strconv.Atoi(after); err == nil {
			start = n + 1
		}
		return func(yield func(string, int) bool) {
			for i := start; i < total && yield(strconv.Itoa(i), i); i++ {
			}
		}
	}
	results, more, marker, err := page(v, paged(s.in.Marker, &size, name, s.fingerprint()), pairs, all[int], s.evaluate)
	if err != nil {
		return nil, err
	}
	return &iam.SimulateCustomPolicyOutput{EvaluationResults: results, IsTruncated: more, Marker: marker}, nil
}

// fingerprint is of all that decides the results: a marker is good for these only.
func (s *simulation) fingerprint() string {
	in := *s.in
	in.Marker, in.MaxItems = nil, nil
	text, err := json.Marshal(struct {
		In                  *iam.SimulateCustomPolicyInput
		Principal, Excluded string
	}{&in, s.principal, s.excluded})
	if err != nil { // strings cannot fail
		panic(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(text))
}

// pageSize is how many results there may be in a page so that neither the
// work nor the answer grows out of bounds. AWS too may give fewer than asked for.
func (s *simulation) pageSize() (int32, error) {
	patterns, statements := 0, 0
	count := func(list ...policy.Attached) {
		for _, at := range list {
			patterns += strings.Count(s.documents[at.Source].text, `"`) / 2
			statements += at.Policy.Len()
		}
	}
	count(s.policies.Identity...)
	count(s.policies.Resource...)
	if s.policies.Boundary != nil {
		count(*s.policies.Boundary)
	}
	for _, level := range s.policies.SCPs {
		count(level...)
		for _, at := range level {
			for _, key := range policy.Keys(s.documents[at.Source].text) {
				s.uses[projections.Fold(key.Name)] += key.Uses
			}
		}
	}
	subject := 64
	for _, r := range s.resources {
		subject = max(subject, 64+len(r))
	}
	looks := (patterns + 1) * subject
	for _, e := range s.in.ContextEntries {
		for _, value := range e.ContextKeyValues {
			looks += (500 + len(value)) * s.uses[projections.Fold(*e.ContextKeyName)] // 500: what a pattern out of the cache costs before it is looked at
		}
	}
	if looks > 2*pageLooks {
		return 0, answer.InvalidInput("The policies and context values are too large to be simulated together.")
	}
	size := pageSize
	if s.in.MaxItems != nil {
		size = int(*s.in.MaxItems)
	}
	return int32(max(1, min(size, pageLooks/looks, pageTold/(1+statements+len(s.missing))))), nil
}

// evaluate judges one action on one resource.
func (s *simulation) evaluate(pair int) types.EvaluationResult {
	action, resource := s.in.ActionNames[pair/len(s.resources)], s.resources[pair%len(s.resources)]
	r := policy.Request{Principal: &s.who, Action: action, Resource: resource, ResourceAccount: s.owner, Context: &s.context}
	if part := strings.SplitN(resource, ":", 6); len(part) == 6 && isAccount(part[4]) {
		r.ResourceAccount = part[4]
	}
	if !s.given["aws:resourceaccount"] {
		s.context.Set("aws:ResourceAccount", r.ResourceAccount)
	}
	v := &s.verdict
	policy.Evaluate(&r, &s.policies, v)
	out := types.EvaluationResult{
		EvalActionName: &action, EvalResourceName: &resource, EvalDecision: decision(v.Effect),
		MatchedStatements: s.matched(v), MissingContextValues: s.missing,
	}
	if len(s.policies.SCPs) > 0 {
		out.OrganizationsDecisionDetail = &types.OrganizationsDecisionDetail{AllowedByOrganizations: v.Layers[policy.LayerSCP] == policy.Allow}
	}
	if said := v.Layers[policy.LayerBoundary]; said != policy.Absent {
		out.PermissionsBoundaryDecisionDetail = &types.PermissionsBoundaryDecisionDetail{AllowedByPermissionsBoundary: said == policy.Allow}
	}
	across := r.ResourceAccount != s.who.Account
	if across && v.Reason != policy.LayerSCP {
		out.EvalDecisionDetails = map[string]types.PolicyEvaluationDecisionType{
			string(fromIdentity): decision(v.Layers[policy.LayerIdentity]),
			string(fromResource): decision(v.Layers[policy.LayerResource]),
		}
		if out.PermissionsBoundaryDecisionDetail != nil {
			out.EvalDecisionDetails["Permissions Boundary Policy"] = decision(v.Layers[policy.LayerBoundary])
		}
	}
	if resource == "*" {
		return out
	}
	out.ResourceSpecificResults = []types.ResourceSpecificResult{{
		EvalResourceName: &resource, EvalResourceDecision: out.EvalDecision, MatchedStatements: out.MatchedStatements,
		MissingContextValues: s.missing, EvalDecisionDetails: out.EvalDecisionDetails, PermissionsBoundaryDecisionDetail: out.PermissionsBoundaryDecisionDetail,
	}}
	if !across { // "the parameter is present but the response is empty"
		out.EvalDecisionDetails = map[string]types.PolicyEvaluationDecisionType{}
	}
	return out
}

func decision(e policy.Effect) types.PolicyEvaluationDecisionType {
	switch e {
	case policy.Allow:
		return types.PolicyEvaluationDecisionTypeAllowed
	case policy.ExplicitDeny:
		return types.PolicyEvaluationDecisionTypeExplicitDeny
	}
	return types.PolicyEvaluationDecisionTypeImplicitDeny
}

// matched names the statements that applied, but for those of service control
// policies, which the simulator does not tell.
func (s *simulation) matched(v *policy.Verdict) []types.Statement {
	list := []types.Statement{}
	for _, m := range v.Matched {
		if m.Layer == policy.LayerSCP {
			continue
		}
		d := s.documents[m.Source]
		st := types.Statement{SourcePolicyId: &d.id, SourcePolicyType: d.from}
		if d.spans == nil {
			d.spans = policy.Spans(d.text)
		}
		if m.Statement < len(d.spans) { // a document that does not parse denies all, and has none
			at := d.spans[m.Statement]
			st.StartPosition = &types.Position{Line: int32(at.Start.Line), Column: int32(at.Start.Column)}
			st.EndPosition = &types.Position{Line: int32(at.End.Line), Column: int32(at.End.Column)}
		}
		list = append(list, st)
	}
	return list
}
