package query

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/policy"
)

// GetContextKeysForCustomPolicy lists the condition keys that documents use.
func (v *View) GetContextKeysForCustomPolicy(ctx context.Context, in *iam.GetContextKeysForCustomPolicyInput) (*iam.GetContextKeysForCustomPolicyOutput, error) {
	var s simulation
	if err := s.addInput(in.PolicyInputList); err != nil {
		return nil, err
	}
	keys, _ := s.keys()
	return &iam.GetContextKeysForCustomPolicyOutput{ContextKeyNames: keys}, nil
}

// GetContextKeysForPrincipalPolicy lists the condition keys that the policies
// of a user (with those of its groups), group or role use, and further
// documents.
func (v *View) GetContextKeysForPrincipalPolicy(ctx context.Context, in *iam.GetContextKeysForPrincipalPolicyInput) (*iam.GetContextKeysForPrincipalPolicyOutput, error) {
	var s simulation
	who, err := v.policySource(*in.PolicySourceArn)
	if err != nil {
		return nil, err
	}
	if err := s.addInput(in.PolicyInputList); err != nil {
		return nil, err
	}
	s.addAttached(v, who)
	s.policies.Boundary = nil // which bounds the principal, and is not attached to it
	s.policies.Identity = slices.DeleteFunc(slices.Clone(s.policies.Identity), func(at policy.Attached) bool {
		return at.Source.ARN == v.Account.RootARN() // nor is what the password policy grants
	})
	keys, _ := s.keys()
	return &iam.GetContextKeysForPrincipalPolicyOutput{ContextKeyNames: keys}, nil
}

// keys of the identity policies, the boundary and the resource policy, each
// once, in that order; and how often each, folded, is used.
func (s *simulation) keys() (keys []string, uses map[string]int) {
	list := s.policies.Identity
	if s.policies.Boundary != nil {
		list = append(list[:len(list):len(list)], *s.policies.Boundary)
	}
	keys, uses = []string{}, map[string]int{}
	for _, at := range append(list[:len(list):len(list)], s.policies.Resource...) {
		for _, key := range policy.Keys(s.documents[at.Source].text) {
			folded := projections.Fold(key.Name)
			if uses[folded] == 0 {
				keys = append(keys, key.Name)
			}
			uses[folded] += max(1, key.Uses)
		}
	}
	return keys, uses
}
