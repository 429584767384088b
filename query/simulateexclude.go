package query

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections/answer"
	"github.com/keytrail/keytrail/projections/policy"
)

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
