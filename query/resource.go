package query

import (
	"context"
	"iter"
	"time"

	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

// GetResourceInput names a registered resource.
type GetResourceInput struct{ ResourceArn string }

// GetResourceOutput describes it.
type GetResourceOutput struct{ Resource Resource }

// Resource is what is registered of a resource of another service. Its policy
// names principals as they are called now.
type Resource struct {
	ResourceArn string
	Policy      string `json:",omitempty"`
	Tags        []ResourceTag
	Created     time.Time
	Updated     time.Time
}

// ResourceTag is one tag.
type ResourceTag struct{ Key, Value string }

// ListResourcesInput asks for what the account has registered under a prefix of
// ARNs.
type ListResourcesInput struct {
	Prefix   string
	Marker   *string
	MaxItems *int32 // 1…1000, else 100
}

// ListResourcesOutput is one page, by ARN.
type ListResourcesOutput struct {
	Resources   []Resource
	IsTruncated bool
	Marker      *string `json:",omitempty"`
}

// GetResource describes a resource that the account has registered.
func (v *View) GetResource(ctx context.Context, in *GetResourceInput) (*GetResourceOutput, error) {
	r, err := answer.ResourceAt(v.Account, in.ResourceArn)
	if err != nil {
		return nil, err
	}
	return &GetResourceOutput{v.resource(r)}, nil
}

// ListResources lists what the account has registered.
func (v *View) ListResources(ctx context.Context, in *ListResourcesInput) (*ListResourcesOutput, error) {
	if in.MaxItems != nil && (*in.MaxItems < 1 || *in.MaxItems > 1000) {
		return nil, answer.Validation("MaxItems must be from 1 to 1000.")
	}
	if len(in.Prefix) > 2048 {
		return nil, answer.Validation("Prefix must not be longer than 2048 characters.")
	}
	from := func(after string) iter.Seq2[string, *projections.Resource] {
		return v.Account.ResourcesUnder(in.Prefix, after)
	}
	list, more, marker, err := page(v, paged(in.Marker, in.MaxItems, "ListResources", in.Prefix), from, all[*projections.Resource], v.resource)
	if err != nil {
		return nil, err
	}
	return &ListResourcesOutput{Resources: list, IsTruncated: more, Marker: marker}, nil
}

func (v *View) resource(r *projections.Resource) Resource {
	out := Resource{ResourceArn: r.ARN, Policy: v.World.ResourceText(r), Tags: []ResourceTag{}, Created: r.Created, Updated: r.Updated}
	for _, t := range r.Tags {
		out.Tags = append(out.Tags, ResourceTag{t.Key, t.Value})
	}
	return out
}
