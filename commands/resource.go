package commands

import (
	"context"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
	"github.com/keytrail/keytrail/projections/policy"
)

// PutResourceInput registers a resource of another service, or changes what is
// registered of it. What is not given stays as it is.
type PutResourceInput struct {
	ResourceArn string
	Policy      *string     // resource-based policy; empty: none
	Tags        []types.Tag // all of them; null: as they are
}

// PutResourceOutput is empty.
type PutResourceOutput struct{}

// DeleteResourceInput names a registered resource.
type DeleteResourceInput struct{ ResourceArn string }

// DeleteResourceOutput is empty.
type DeleteResourceOutput struct{}

// TagResourceInput adds tags to a registered resource.
type TagResourceInput struct {
	ResourceArn string
	Tags        []types.Tag
}

// TagResourceOutput is empty.
type TagResourceOutput struct{}

// UntagResourceInput takes tags from a registered resource.
type UntagResourceInput struct {
	ResourceArn string
	TagKeys     []string
}

// UntagResourceOutput is empty.
type UntagResourceOutput struct{}

// PutResource registers a resource in the caller's account. From then on its
// policy and tags have a say when somebody asks about it.
func (tx *Tx) PutResource(ctx context.Context, in *PutResourceInput) (*PutResourceOutput, error) {
	if err := tx.registrable(in.ResourceArn); err != nil {
		return nil, err
	}
	f := events.ResourcePut{ARN: in.ResourceArn}
	old, known := tx.Account.Resource(f.ARN)
	if known {
		f.Tags = old.Tags
		if old.Policy != nil {
			f.Policy = &events.Trust{Document: old.Policy.Text, Bound: old.Bound}
		}
	} else if err := answer.Quota("ResourcesPerAccount", tx.Account.Resources(), tx.quotas().Resources); err != nil {
		return nil, err
	}
	if in.Policy != nil {
		var err error
		if f.Policy, err = tx.resourcePolicy(*in.Policy); err != nil {
			return nil, err
		}
	}
	if in.Tags != nil {
		var err error
		if f.Tags, err = tx.resourceTags(nil, in.Tags); err != nil {
			return nil, err
		}
	}
	if !known || !samePolicy(old, f.Policy) || !slices.Equal(old.Tags, f.Tags) {
		tx.Emit(f)
	}
	return &PutResourceOutput{}, nil
}

func samePolicy(old *projections.Resource, p *events.Trust) bool {
	if old.Policy == nil || p == nil {
		return old.Policy == nil && p == nil
	}
	return old.Policy.Text == p.Document && maps.Equal(old.Bound, p.Bound)
}

// DeleteResource forgets a resource: from then on it has no policy and no tags,
// and an ARN without account is free again.
func (tx *Tx) DeleteResource(ctx context.Context, in *DeleteResourceInput) (*DeleteResourceOutput, error) {
	r, err := answer.ResourceAt(tx.Account, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tx.Emit(events.ResourceDeleted{ARN: r.ARN})
	return &DeleteResourceOutput{}, nil
}

// TagResource adds tags to a registered resource, or changes those it has.
func (tx *Tx) TagResource(ctx context.Context, in *TagResourceInput) (*TagResourceOutput, error) {
	r, err := answer.ResourceAt(tx.Account, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	tags, err := tx.resourceTags(r.Tags, in.Tags)
	if err != nil {
		return nil, err
	}
	if !slices.Equal(tags, r.Tags) {
		more, _ := readTags(in.Tags)
		tx.Emit(events.ResourceTagged{ARN: r.ARN, Tags: more})
	}
	return &TagResourceOutput{}, nil
}

// UntagResource removes tags of a registered resource, as far as it has them.
func (tx *Tx) UntagResource(ctx context.Context, in *UntagResourceInput) (*UntagResourceOutput, error) {
	r, err := answer.ResourceAt(tx.Account, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	var gone []string
	for _, t := range r.Tags {
		if slices.ContainsFunc(in.TagKeys, func(k string) bool { return strings.EqualFold(k, t.Key) }) {
			gone = append(gone, t.Key)
		}
	}
	if len(gone) > 0 {
		tx.Emit(events.ResourceUntagged{ARN: r.ARN, Keys: gone})
	}
	return &UntagResourceOutput{}, nil
}

// served are the services whose resources this server knows by itself: what
// else were said of them would be said in vain.
var served = []string{"iam", "sts", "cloudtrail", "organizations", "access-analyzer", "keytrail"}

// registrable says whether the account may register an ARN. One without account
// belongs to who registered it first, with what it covers, so it must be the
// name of one thing: outside of S3 what stands before the first slash is only
// the kind of thing.
func (tx *Tx) registrable(arn string) error {
	no := func(why string) error {
		return answer.Validation("ResourceArn %s can't be registered: %s.", quoted(arn), why)
	}
	part := strings.SplitN(arn, ":", 6)
	if len(part) != 6 || part[0] != "arn" || len(arn) > 2048 || !utf8.ValidString(arn) {
		return no("it is not an ARN")
	}
	service, region, account, resource := part[2], part[3], part[4], part[5]
	slashes := strings.Count(resource, "/")
	switch {
	case part[1] != "aws":
		return no("its partition is not aws")
	case service == "" || !word(service) || !word(region):
		return no("its service or region has other characters than small letters, digits and hyphens")
	case slices.Contains(served, service):
		return no("it is of a service that Keytrail is itself")
	case account != "" && account != tx.Account.ID:
		return no("it is of another account")
	case strings.Trim(resource, "/") != resource || resource == "":
		return no("it names no resource, or begins or ends with a slash")
	case strings.ContainsFunc(resource, func(r rune) bool { return r == '*' || r == '?' || unicode.IsControl(r) }):
		return no("it has a wildcard or a control character")
	case slashes > projections.ResourceDepth:
		return no("it has too many slashes")
	case account == "" && service != "s3" && slashes == 0:
		return no("without an account it must name one thing of a kind")
	}
	if account == "" && tx.World.Taken(arn, tx.Account) {
		return answer.EntityAlreadyExists("Resource %s, or one that covers it or that it covers, is registered by another account.", arn)
	}
	return nil
}

func quoted(s string) string {
	if len(s) > 256 {
		s = strings.ToValidUTF8(s[:256], "") + "…"
	}
	return `"` + s + `"`
}

func word(s string) bool { return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" }

// resourcePolicy reads a resource-based policy: whom it names must exist, and
// its ARNs are bound to the unique ids of who has them now. No account has a
// canonical id here, so none is taken: a denial of it would deny nobody.
func (tx *Tx) resourcePolicy(document string) (*events.Trust, error) {
	if document == "" {
		return nil, nil
	}
	p, err := policy.Parse(policy.Resource, document)
	if err != nil {
		return nil, answer.Malformed(err)
	}
	if quota := tx.quotas().ResourcePolicySize; len(document) > quota {
		return nil, answer.LimitExceeded("Cannot exceed quota for ResourcePolicySize: %d", quota)
	}
	return tx.bind(document, p)
}

// resourceTags is old with more.
func (tx *Tx) resourceTags(old []events.Tag, in []types.Tag) ([]events.Tag, error) {
	for _, t := range in {
		if t.Key == nil || t.Value == nil || !tagText(*t.Key, 1, 128) || !tagText(*t.Value, 0, 256) {
			return nil, answer.Validation("A tag has a key of 1 to 128 and a value of 0 to 256 letters, digits, spaces and _.:/=+-@.")
		}
	}
	more, err := readTags(in)
	if err != nil {
		return nil, err
	}
	tags := projections.MergeTags(old, more)
	if len(tags) > tx.quotas().Tags {
		return nil, tooManyTags()
	}
	return tags, nil
}

// tagText is what a tag may be made of (IAM API Reference, "Tag").
func tagText(s string, least, most int) bool {
	n := utf8.RuneCountInString(s)
	return utf8.ValidString(s) && n >= least && n <= most && !strings.ContainsFunc(s, func(r rune) bool {
		return !unicode.IsLetter(r) && !unicode.IsNumber(r) && !unicode.Is(unicode.Z, r) && !strings.ContainsRune("_.:/=+-@", r)
	})
}
