package query

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections/answer"
)

// GetOpenIDConnectProvider describes one OpenID Connect provider.
func (v *View) GetOpenIDConnectProvider(ctx context.Context, in *iam.GetOpenIDConnectProviderInput) (*iam.GetOpenIDConnectProviderOutput, error) {
	p, err := answer.OIDCProviderAt(v.Account, *in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	return answer.OIDCProvider(p), nil
}

// ListOpenIDConnectProviders lists the account's OpenID Connect providers, all
// at once: their quota is small.
func (v *View) ListOpenIDConnectProviders(ctx context.Context, in *iam.ListOpenIDConnectProvidersInput) (*iam.ListOpenIDConnectProvidersOutput, error) {
	out := &iam.ListOpenIDConnectProvidersOutput{OpenIDConnectProviderList: []types.OpenIDConnectProviderListEntry{}}
	for _, p := range v.Account.OIDCProvidersAfter("") {
		arn := p.ARN(v.Account)
		out.OpenIDConnectProviderList = append(out.OpenIDConnectProviderList, types.OpenIDConnectProviderListEntry{Arn: &arn})
	}
	return out, nil
}

// ListOpenIDConnectProviderTags lists the tags of a provider by key.
func (v *View) ListOpenIDConnectProviderTags(ctx context.Context, in *iam.ListOpenIDConnectProviderTagsInput) (*iam.ListOpenIDConnectProviderTagsOutput, error) {
	p, err := answer.OIDCProviderAt(v.Account, *in.OpenIDConnectProviderArn)
	if err != nil {
		return nil, err
	}
	tags, more, marker, err := v.tags(&p.Entity, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListOpenIDConnectProviderTagsOutput{Tags: tags, IsTruncated: more, Marker: marker}, nil
}

// GetSAMLProvider describes one SAML provider, its metadata as it was given.
func (v *View) GetSAMLProvider(ctx context.Context, in *iam.GetSAMLProviderInput) (*iam.GetSAMLProviderOutput, error) {
	p, err := answer.SAMLProviderAt(v.Account, *in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	return answer.SAMLProvider(p), nil
}

// ListSAMLProviders lists the account's SAML providers, all at once.
func (v *View) ListSAMLProviders(ctx context.Context, in *iam.ListSAMLProvidersInput) (*iam.ListSAMLProvidersOutput, error) {
	out := &iam.ListSAMLProvidersOutput{SAMLProviderList: []types.SAMLProviderListEntry{}}
	for _, p := range v.Account.SAMLProvidersAfter("") {
		arn := p.ARN(v.Account)
		out.SAMLProviderList = append(out.SAMLProviderList, types.SAMLProviderListEntry{Arn: &arn, CreateDate: &p.Created, ValidUntil: &p.ValidUntil})
	}
	return out, nil
}

// ListSAMLProviderTags lists the tags of a provider by key.
func (v *View) ListSAMLProviderTags(ctx context.Context, in *iam.ListSAMLProviderTagsInput) (*iam.ListSAMLProviderTagsOutput, error) {
	p, err := answer.SAMLProviderAt(v.Account, *in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	tags, more, marker, err := v.tags(&p.Entity, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListSAMLProviderTagsOutput{Tags: tags, IsTruncated: more, Marker: marker}, nil
}
