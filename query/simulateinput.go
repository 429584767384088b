package query

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
	"github.com/keytrail/keytrail/projections/policy"
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
