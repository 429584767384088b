package answer

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections"
)

// OIDCProvider describes p as GetOpenIDConnectProvider does.
func OIDCProvider(p *projections.OIDCProvider) *iam.GetOpenIDConnectProviderOutput {
	return &iam.GetOpenIDConnectProviderOutput{
		Url: &p.Name, CreateDate: &p.Created, Tags: Tags(p.Tags),
		ClientIDList: append([]string{}, p.Clients...), ThumbprintList: append([]string{}, p.Thumbprints...),
	}
}

// OIDCProviderAt finds a provider of a by its ARN.
func OIDCProviderAt(a *projections.Account, arn string) (*projections.OIDCProvider, error) {
	if url, ok := strings.CutPrefix(arn, a.ARN("oidc-provider", "/", "")); ok {
		if p, ok := a.OIDCProvider(url); ok && p.Name == url {
			return p, nil
		}
	}
	return nil, NoSuchEntity("OpenIDConnect Provider not found for arn %s", arn)
}

// SAMLProvider describes p as GetSAMLProvider does.
func SAMLProvider(p *projections.SAMLProvider) *iam.GetSAMLProviderOutput {
	d := &iam.GetSAMLProviderOutput{
		SAMLProviderUUID: &p.ID, SAMLMetadataDocument: ptr(p.MetadataDocument()), CreateDate: &p.Created, ValidUntil: &p.ValidUntil,
		Tags: Tags(p.Tags), AssertionEncryptionMode: types.AssertionEncryptionModeType(p.Encryption),
	}
	for i := range p.Keys {
		d.PrivateKeyList = append(d.PrivateKeyList, types.SAMLPrivateKey{KeyId: &p.Keys[i].ID, Timestamp: &p.Keys[i].Added})
	}
	return d
}

// SAMLProviderAt finds a provider of a by its ARN.
func SAMLProviderAt(a *projections.Account, arn string) (*projections.SAMLProvider, error) {
	if name, ok := strings.CutPrefix(arn, a.ARN("saml-provider", "/", "")); ok {
		if p, ok := a.SAMLProvider(name); ok && p.Name == name {
			return p, nil
		}
	}
	return nil, NoSuchEntity("Manifest not found for arn %s", arn)
}
