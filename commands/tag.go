package commands

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

// TagUser adds tags to a user, or changes those it has.
func (tx *Tx) TagUser(ctx context.Context, in *iam.TagUserInput) (*iam.TagUserOutput, error) {
	u, err := answer.Users.Find(tx.Account, *in.UserName)
	if err != nil {
		return nil, err
	}
	return done(&iam.TagUserOutput{}, tx.tag(&u.Entity, in.Tags))
}

// TagRole adds tags to a role, or changes those it has.
func (tx *Tx) TagRole(ctx context.Context, in *iam.TagRoleInput) (*iam.TagRoleOutput, error) {
	r, err := answer.Roles.Find(tx.Account, *in.RoleName)
	if err != nil {
		return nil, err
	}
	return done(&iam.TagRoleOutput{}, tx.tag(&r.Entity, in.Tags))
}

// TagPolicy adds tags to a policy, or changes those it has.
func (tx *Tx) TagPolicy(ctx context.Context, in *iam.TagPolicyInput) (*iam.TagPolicyOutput, error) {
	p, err := tx.ownPolicy("iam:TagPolicy", *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	return done(&iam.TagPolicyOutput{}, tx.tag(&p.Entity, in.Tags))
}

// TagInstanceProfile adds tags to an instance profile, or changes those it has.
func (tx *Tx) TagInstanceProfile(ctx context.Context, in *iam.TagInstanceProfileInput) (*iam.TagInstanceProfileOutput, error) {
	p, err := answer.InstanceProfileNamed(tx.Account, *in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	return done(&iam.TagInstanceProfileOutput{}, tx.tag(&p.Entity, in.Tags))
}

// TagOpenIDConnectProvider adds tags to a provider, or changes those it has.
func (tx *Tx) TagOpenIDConnectProvider(ctx context.Context, in *iam.TagOpenIDConnectProviderInput) (*iam.TagOpenIDConnectProviderOutput, error) {
	p, err := answer.OIDCProviderAt(tx.Account, *in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	return done(&iam.TagOpenIDConnectProviderOutput{}, tx.tag(&p.Entity, in.Tags))
}

// TagSAMLProvider adds tags to a provider, or changes those it has.
func (tx *Tx) TagSAMLProvider(ctx context.Context, in *iam.TagSAMLProviderInput) (*iam.TagSAMLProviderOutput, error) {
	p, err := answer.SAMLProviderAt(tx.Account, *in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	return done(&iam.TagSAMLProviderOutput{}, tx.tag(&p.Entity, in.Tags))
}

// UntagUser removes tags of a user, as far as it has them.
func (tx *Tx) UntagUser(ctx context.Context, in *iam.UntagUserInput) (*iam.UntagUserOutput, error) {
	u, err := answer.Users.Find(tx.Account, *in.UserName)
	if err != nil {
		return nil, err
	}
	tx.untag(&u.Entity, in.TagKeys)
	return &iam.UntagUserOutput{}, nil
}

// UntagRole removes tags of a role, as far as it has them.
func (tx *Tx) UntagRole(ctx context.Context, in *iam.UntagRoleInput) (*iam.UntagRoleOutput, error) {
	r, err := answer.Roles.Find(tx.Account, *in.RoleName)
	if err != nil {
		return nil, err
	}
	tx.untag(&r.Entity, in.TagKeys)
	return &iam.UntagRoleOutput{}, nil
}

// UntagPolicy removes tags of a policy, as far as it has them.
func (tx *Tx) UntagPolicy(ctx context.Context, in *iam.UntagPolicyInput) (*iam.UntagPolicyOutput, error) {
	p, err := tx.ownPolicy("iam:UntagPolicy", *in.PolicyArn)
	if err != nil {
		return nil, err
	}
	tx.untag(&p.Entity, in.TagKeys)
	return &iam.UntagPolicyOutput{}, nil
}

// UntagInstanceProfile removes tags of an instance profile, as far as it has them.
func (tx *Tx) UntagInstanceProfile(ctx context.Context, in *iam.UntagInstanceProfileInput) (*iam.UntagInstanceProfileOutput, error) {
	p, err := answer.InstanceProfileNamed(tx.Account, *in.InstanceProfileName)
	if err != nil {
		return nil, err
	}
	tx.untag(&p.Entity, in.TagKeys)
	return &iam.UntagInstanceProfileOutput{}, nil
}

// UntagOpenIDConnectProvider removes tags of a provider, as far as it has them.
func (tx *Tx) UntagOpenIDConnectProvider(ctx context.Context, in *iam.UntagOpenIDConnectProviderInput) (*iam.UntagOpenIDConnectProviderOutput, error) {
	p, err := answer.OIDCProviderAt(tx.Account, *in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	tx.untag(&p.Entity, in.TagKeys)
	return &iam.UntagOpenIDConnectProviderOutput{}, nil
}

// UntagSAMLProvider removes tags of a provider, as far as it has them.
func (tx *Tx) UntagSAMLProvider(ctx context.Context, in *iam.UntagSAMLProviderInput) (*iam.UntagSAMLProviderOutput, error) {
	p, err := answer.SAMLProviderAt(tx.Account, *in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	tx.untag(&p.Entity, in.TagKeys)
	return &iam.UntagSAMLProviderOutput{}, nil
}

func (tx *Tx) tag(e *projections.Entity, in []types.Tag) error {
	more, err := readTags(in)
	if err != nil {
		return err
	}
	tags := projections.MergeTags(e.Tags, more)
	if len(tags) > tx.quotas().Tags {
		return tooManyTags()
	}
	if !slices.Equal(tags, e.Tags) {
		tx.Emit(events.Tagged{ID: e.ID, Tags: more})
	}
	return nil
}

func (tx *Tx) untag(e *projections.Entity, keys []string) {
	var gone []string
	for _, t := range e.Tags {
		if slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, t.Key) }) {
			gone = append(gone, t.Key)
		}
	}
	if len(gone) > 0 {
		tx.Emit(events.Untagged{ID: e.ID, Keys: gone})
	}
}

// newTags reads the tags of something that is being created.
func (tx *Tx) newTags(in []types.Tag) ([]events.Tag, error) {
	tags, err := readTags(in)
	if err == nil && len(tags) > tx.quotas().Tags {
		err = tooManyTags()
	}
	return tags, err
}

func readTags(in []types.Tag) ([]events.Tag, error) {
	var tags []events.Tag
	for _, t := range in {
		tags = append(tags, events.Tag{Key: *t.Key, Value: *t.Value})
	}
	if repeatsKey(tags) {
		return nil, answer.InvalidInput("%s", repeatedKey)
	}
	for _, t := range tags {
		if reserved(t.Key) {
			return nil, answer.InvalidInput("Tag keys beginning with aws: are reserved for system use.")
		}
	}
	return tags, nil
}

const repeatedKey = "Duplicate tag keys found. Please note that Tag keys are case insensitive."

func repeatsKey(tags []events.Tag) bool {
	for i, t := range tags {
		if projections.TagIndex(tags, t.Key) != i {
			return true
		}
	}
	return false
}

func reserved(key string) bool { return len(key) >= 4 && strings.EqualFold(key[:4], "aws:") }

func tooManyTags() error {
	return answer.LimitExceeded("The number of tags has reached the maximum limit.")
}
