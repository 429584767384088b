package query

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
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

func (s *simulation) show(at policy.Attached, text, id string, from types.PolicySourceType) policy.Attached {
	if s.documents == nil {
		s.documents = map[*policy.Source]*shown{}
	}
	s.documents[at.Source] = &shown{text: text, id: id, from: from}
	return at
}

// read takes a document of the request.
func (s *simulation) read(kind policy.Kind, text, id string) (policy.Attached, error) {
	p, err := policy.Parse(kind, text)
	if err != nil {
		var m *policy.Malformed
		if errors.As(err, &m) {
			return policy.Attached{}, answer.InvalidInput("%s", m.Message)
		}
		return policy.Attached{}, fmt.Errorf("policy: %w", err)
	}
	from := fromIdentity
	if kind == policy.Resource || kind == policy.Trust {
		from = fromResource
	}
	return s.show(policy.Attached{Policy: p, Source: &policy.Source{Name: id, Type: kind.String()}}, text, id, from), nil
}

// addInput takes the documents of PolicyInputList as identity policies.
func (s *simulation) addInput(documents []string) error {
	list := slices.Clip(s.policies.Identity)
	for i, text := range documents {
		at, err := s.read(policy.Identity, text, fmt.Sprintf("PolicyInputList.%d", i+1))
		if err != nil {
			return err
		}
		list = append(list, at)
	}
	s.policies.Identity = list
	return nil
}

// source is a user, group or role as an ARN names it and, if it was found, as
// it is.
type source struct {
	arn, account, kind, name string
	user                     *projections.User
	group                    *projections.Group
	role                     *projections.Role
}

func parseSource(arn string) (*source, error) {
	part := strings.SplitN(arn, ":", 6)
	if len(part) == 6 && part[0] == "arn" && part[1] == "aws" && part[2] == "iam" && part[3] == "" && len(part[4]) == 12 && strings.Trim(part[4], "0123456789") == "" {
		kind, path, _ := strings.Cut(part[5], "/")
		s := &source{arn: arn, account: part[4], kind: kind, name: path[strings.LastIndexByte(path, '/')+1:]}
		if s.name != "" && (kind == "user" || kind == "group" || kind == "role") {
			return s, nil
		}
	}
	return nil, answer.InvalidInput("Invalid Entity Arn: %s does not clearly define entity type and name.", arn)
}

// find looks whether there is such an entity in the caller's account.
func (s *source) find(v *View) bool {
	a := v.Account
	if s.account != a.ID {
		return false
	}
	switch s.kind {
	case "user":
		if u, ok := a.User(s.name); ok && u.ARN(a) == s.arn {
			s.user = u
		}
	case "group":
		if g, ok := a.Group(s.name); ok && g.ARN(a) == s.arn {
			s.group = g
		}
	case "role":
		if r, ok := a.Role(s.name); ok && r.ARN(a) == s.arn {
			s.role = r
		}
	}
	return s.user != nil || s.group != nil || s.role != nil
}

// policySource finds the entity whose policies are asked for.
func (v *View) policySource(arn string) (*source, error) {
	s, err := parseSource(arn)
	if err == nil && !s.find(v) {
		err = answer.NoSuch(s.kind, s.name)
	}
	return s, err
}

// call makes c the one who asks. A group cannot ask: as AWS has it, its name
// stands for somebody nothing is known about.
func (s *simulation) call(c *source) {
	s.who = policy.Principal{Type: policy.User, ARN: c.arn, Account: c.account}
	s.known = c.kind != "group"
	var e *projections.Entity
	switch {
	case c.user != nil:
		e = &c.user.Entity
		s.who.ID, s.who.UniqueID = e.ID, e.ID
	case c.role != nil:
		e = &c.role.Entity
		s.who.UniqueID = e.ID
	}
	if c.kind == "role" { // which session is not known
		s.who.Type, s.who.RoleARN = policy.AssumedRole, c.arn
	}
	s.tags = func(yield func(string, string) bool) {
		if e == nil {
			return
		}
		for _, t := range e.Tags {
			if !yield(t.Key, t.Value) {
				return
			}
		}
	}
}

// addAttached takes the policies that judge an entity's requests: those that
// the gate would take, for they come from the same place.
func (s *simulation) addAttached(v *View, of *source) {
	a := v.Account
	var p policy.Policies
	switch {
	case of.user != nil:
		p = *v.World.Policies(&projections.Caller{Account: a, User: of.user})
	case of.role != nil:
		p = *v.World.Policies(&projections.Caller{Account: a, Role: of.role})
	case of.group != nil: // which is nobody's caller
		for _, in := range of.group.Inline {
			p.Identity = append(p.Identity, policy.Attached{
				Policy: in.Document.Policy(policy.Identity),
				Source: &policy.Source{ARN: of.arn, Name: in.Name, Type: policy.Identity.String()},
			})
		}
		for _, id := range of.group.Attached {
			if m, ok := a.PolicyByID(id); ok {
				p.Identity = append(p.Identity, policy.Attached{
					Policy: m.InForce().Document.Policy(policy.Identity),
					Source: &policy.Source{ARN: m.ARN, Version: m.InForce().ID(), Type: policy.Identity.String()},
				})
			}
		}
	}
	for _, at := range p.Identity {
		s.attach(v, of, at)
	}
	if p.Boundary != nil {
		s.attach(v, of, *p.Boundary)
	}
	p.Identity = append(slices.Clip(p.Identity), s.policies.Identity...)
	s.policies = p
}

func (s *simulation) attach(v *View, of *source, at policy.Attached) {
	text, id := "", at.Source.Name
	if id == "" {
		if m, ok := v.World.Managed(at.Source.ARN); ok {
			text, id = m.InForce().Document.Text, m.Name
		}
	} else {
		var i *projections.Identity
		switch {
		case at.Source.ARN != of.arn: // of a group of the user
			if g, ok := v.Account.Group(at.Source.ARN[strings.LastIndexByte(at.Source.ARN, '/')+1:]); ok {
				i = &g.Identity
			}
		case of.user != nil:
			i = &of.user.Identity
		case of.role != nil:
			i = &of.role.Identity
		case of.group != nil:
			i = &of.group.Identity
		}
		if i != nil {
			inline, _ := i.InlinePolicy(id)
			text = inline.Document.Text
		}
	}
	s.show(at, text, id, fromIdentity)
}

// exclude leaves attached policies out, and says which.
func (s *simulation) exclude(list []types.PolicyIdentifier) (string, error) {
	var told []string
	for _, x := range list {
		var out func(*policy.Source) bool
		switch x := x.(type) {
		case *types.PolicyIdentifierMemberPolicyArn:
			head, name := x.Value, ""
			if at := strings.LastIndexByte(x.Value, '/'); at >= 0 {
				head, name = x.Value[:at+1], x.Value[at+1:]
			}
			if !strings.HasPrefix(head, "arn:aws:iam::") || !strings.Contains(head, ":policy/") || strings.ContainsAny(head, "*?") || !oneStar(name) {
				return "", answer.InvalidInput("ARN %s is not valid.", x.Value)
			}
			told = append(told, "arn "+x.Value)
			out = func(p *policy.Source) bool {
				rest, ok := strings.CutPrefix(p.ARN, head)
				return ok && p.Name == "" && !strings.Contains(rest, "/") && like(name, rest)
			}
		case *types.PolicyIdentifierMemberInlinePolicyIdentifier:
			i := x.Value
			if or(i.PolicyName) == "" || strings.ContainsAny(*i.PolicyName, "*?") || !oneStar(or(i.AttachmentName)) || !slices.Contains(i.AttachmentType.Values(), i.AttachmentType) {
				return "", answer.InvalidInput("Invalid inline policy identifier: %s of %s %s.", or(i.PolicyName), i.AttachmentType, or(i.AttachmentName))
			}
			told = append(told, fmt.Sprintf("inline %q %s %q", *i.PolicyName, i.AttachmentType, *i.AttachmentName))
			out = func(p *policy.Source) bool {
				of, err := parseSource(p.ARN)
				return err == nil && p.Name == *i.PolicyName && of.kind == string(i.AttachmentType) && like(*i.AttachmentName, of.name)
			}
		case *types.PolicyIdentifierMemberPolicyType:
			if !slices.Contains(x.Value.Values(), x.Value) {
				return "", answer.InvalidInput("Invalid policy type: %s.", x.Value)
			}
			told = append(told, "type "+string(x.Value))
			out = func(p *policy.Source) bool {
				aws := strings.HasPrefix(p.ARN, "arn:aws:iam::aws:policy/")
				switch x.Value {
				case types.PolicyIdentifierPolicyTypeInline:
					return p.Name != ""
				case types.PolicyIdentifierPolicyTypeAwsManaged:
					return p.Name == "" && aws
				case types.PolicyIdentifierPolicyTypeUserManaged:
					return p.Name == "" && !aws
				}
				return false // there are no organizations
			}
			if x.Value == types.PolicyIdentifierPolicyTypePermissionBoundary {
				s.policies.Boundary = nil
			}
		default:
			return "", answer.InvalidInput("Invalid policy identifier.")
		}
		s.policies.Identity = slices.DeleteFunc(slices.Clone(s.policies.Identity), func(at policy.Attached) bool { return out(at.Source) })
	}
	return strings.Join(told, "\n"), nil
}

func oneStar(s string) bool { return s != "" && strings.Count(s, "*") <= 1 }

// like matches a pattern with at most one * and any number of ?.
func like(pattern, s string) bool {
	same := func(pattern, s string) bool {
		if len(pattern) != len(s) {
			return false
		}
		for i := range len(s) {
			if pattern[i] != '?' && pattern[i] != s[i] {
				return false
			}
		}
		return true
	}
	head, tail, star := strings.Cut(pattern, "*")
	if !star {
		return same(head, s)
	}
	return len(s) >= len(head)+len(tail) && same(head, s[:len(head)]) && same(tail, s[len(s)-len(tail):])
}

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

func (s *simulation) bound() error {
	switch list := s.in.PermissionsBoundaryPolicyInputList; len(list) {
	case 0:
		return nil
	case 1:
		at, err := s.read(policy.Boundary, list[0], "PermissionsBoundaryPolicyInputList.1")
		s.policies.Boundary = &at
		return err
	}
	return answer.InvalidInput("The list of Permissions Boundary policies cannot exceed 1 items.")
}

func (s *simulation) organization() error {
	for i, level := range s.in.OrderedOrganizationPolicyInputList {
		list := []policy.Attached{}
		for k, text := range level.ServiceControlPolicyInputList {
			at, err := s.read(policy.ServiceControl, text, fmt.Sprintf("OrderedOrganizationPolicyInputList.%d.%d", i+1, k+1))
			if err != nil {
				return err
			}
			list = append(list, at)
		}
		if len(list) == 0 || i >= 64 {
			return answer.InvalidInput("Invalid level %d of OrderedOrganizationPolicyInputList.", i+1)
		}
		s.policies.SCPs = append(s.policies.SCPs, list)
	}
	return nil
}

func (s *simulation) readActions() error {
	for _, action := range s.in.ActionNames {
		vendor, name, _ := strings.Cut(action, ":")
		if vendor == "" || name == "" || strings.ContainsAny(name, ":") || strings.ContainsAny(action, "*? \t\r\n") {
			return answer.InvalidInput("Invalid Input Actions: [%s] must be service:operation, without wildcards.", action)
		}
	}
	if len(s.in.ActionNames) == 0 {
		return answer.InvalidInput("Invalid Input Actions: there must be at least one.")
	}
	return nil
}

func (s *simulation) readResources() error {
	s.resources = s.in.ResourceArns
	if len(s.resources) == 0 {
		s.resources = []string{"*"}
	}
	for _, r := range s.resources {
		if r != "*" && (!strings.HasPrefix(r, "arn:") || strings.Count(r, ":") < 5) {
			return answer.InvalidInput("Invalid Input Resources: %s must be an ARN or *.", r)
		}
	}
	if s.in.ResourceHandlingOption == nil {
		return nil
	}
	// "Each of the Amazon EC2 scenarios requires that you specify …" (API Reference)
	need, ok := scenarios[*s.in.ResourceHandlingOption]
	if !ok {
		return answer.InvalidInput("Invalid ResourceHandlingOption: %s.", *s.in.ResourceHandlingOption)
	}
	for kind := range strings.FieldsSeq(need) {
		if !slices.ContainsFunc(s.resources, func(r string) bool {
			part := strings.SplitN(r, ":", 6)
			return len(part) == 6 && part[2] == "ec2" && strings.HasPrefix(part[5], kind+"/")
		}) {
			return answer.InvalidInput("The scenario %s needs a resource of type %s.", *s.in.ResourceHandlingOption, kind)
		}
	}
	return nil
}

var scenarios = map[string]string{
	"EC2-VPC-InstanceStore":        "instance image security-group network-interface",
	"EC2-VPC-InstanceStore-Subnet": "instance image security-group network-interface subnet",
	"EC2-VPC-EBS":                  "instance image security-group network-interface volume",
	"EC2-VPC-EBS-Subnet":           "instance image security-group network-interface subnet volume",
}

func (s *simulation) readOwner() error {
	s.owner = s.who.Account
	if s.in.ResourceOwner == nil {
		return nil
	}
	id, ok := strings.CutPrefix(*s.in.ResourceOwner, "arn:aws:iam::")
	id, ok2 := strings.CutSuffix(id, ":root")
	if !ok || !ok2 || !isAccount(id) {
		return answer.InvalidInput("'%s' is not a valid as a Resource Owner.", *s.in.ResourceOwner) // AWS's words
	}
	s.owner = id
	return nil
}

func isAccount(id string) bool { return len(id) == 12 && strings.Trim(id, "0123456789") == "" }

// readResourcePolicy takes the policy that each resource is treated to have. A
// role's trust policy is one too, for those actions that trust policies are
// about; AWS reads such a policy and then leaves it out (aws-cli #10314), which
// allows what is denied.
func (s *simulation) readResourcePolicy() error {
	if s.in.ResourcePolicy == nil {
		return nil
	}
	if !s.known || s.who.Type != policy.User {
		return answer.InvalidInput("Invalid caller - Caller must be an IAM user in this context.") // AWS's words
	}
	at, err := s.read(policy.Resource, *s.in.ResourcePolicy, "ResourcePolicy")
	if err != nil {
		trust, bad := s.read(policy.Trust, *s.in.ResourcePolicy, "ResourcePolicy")
		if bad != nil {
			return err
		}
		for _, action := range s.in.ActionNames {
			if !strings.HasPrefix(strings.ToLower(action), "sts:") {
				return answer.InvalidInput("Invalid Input Actions: [%s] is not for a role trust policy to allow.", action)
			}
		}
		at, s.policies.Trust = trust, true
	}
	s.policies.Resource = []policy.Attached{at}
	return nil
}

// fill sets the condition keys that are the same for all pairs.
func (s *simulation) fill() error {
	if s.known {
		arn := s.who.ARN
		s.context.Set("aws:PrincipalArn", arn)
		s.context.Set("aws:PrincipalAccount", s.who.Account)
		s.context.Set("aws:PrincipalType", s.who.Type.String())
		s.context.Set("aws:PrincipalIsAWSService", "false")
		if s.who.Type == policy.User {
			s.context.Set("aws:username", arn[strings.LastIndexByte(arn, '/')+1:])
		}
		if s.who.ID != "" {
			s.context.Set("aws:userid", s.who.ID)
		}
		for key, value := range s.tags {
			s.context.Set("aws:PrincipalTag/"+key, value)
		}
	}
	s.given = map[string]bool{}
	for _, e := range s.in.ContextEntries {
		name := or(e.ContextKeyName)
		folded := projections.Fold(name)
		if name == "" || s.given[folded] {
			return answer.InvalidInput("Invalid context entry: the key %q must be given once, with a name.", name)
		}
		s.given[folded] = true
		typ, list := strings.CutSuffix(string(e.ContextKeyType), "List")
		if typ == "" {
			typ, list = "string", len(e.ContextKeyValues) > 1
		}
		for _, value := range e.ContextKeyValues {
			if !policy.Reads(typ, value) {
				return answer.InvalidInput("Invalid context entry: a value of %s is not of type %s.", name, e.ContextKeyType)
			}
		}
		switch {
		case list:
			s.context.SetMulti(name, e.ContextKeyValues)
		case len(e.ContextKeyValues) > 1:
			return answer.InvalidInput("Invalid context entry: %s has several values, but %s is for one.", name, e.ContextKeyType)
		case len(e.ContextKeyValues) == 1:
			s.context.Set(name, e.ContextKeyValues[0])
		default: // given as having none
			s.context.SetMulti(name, nil)
		}
	}
	s.missing = []string{}
	var keys []string
	keys, s.uses = s.keys()
	for _, key := range keys {
		_, set := s.context.Get(key)
		if !set && !strings.EqualFold(key, "aws:ResourceAccount") { // set for each pair
			s.missing = append(s.missing, key)
		}
	}
	return nil
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
