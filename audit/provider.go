package audit

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/query"
)

// oidc adds the OpenID Connect provider of that ARN.
func (k *ask) oidc(arn *string) {
	t := k.on(*arn, "AWS::IAM::OIDCProvider", nil)
	if url, ok := strings.CutPrefix(*arn, k.account.ARN("oidc-provider", "/", "")); ok {
		if p, ok := k.account.OIDCProvider(url); ok && p.Name == url {
			t.tags = p.Tags
		}
	}
	k.foreign(t)
}

// saml adds the SAML provider of that ARN.
func (k *ask) saml(arn *string) {
	t := k.on(*arn, "AWS::IAM::SAMLProvider", nil)
	if name, ok := strings.CutPrefix(*arn, k.account.ARN("saml-provider", "/", "")); ok {
		if p, ok := k.account.SAMLProvider(name); ok && p.Name == name {
			t.tags = p.Tags
		}
	}
	k.foreign(t)
}

// foreign lets what an ARN says is another account's be judged as that account's.
func (k *ask) foreign(t *target) {
	if parts := strings.SplitN(t.resource, ":", 6); len(parts) == 6 && parts[4] != "aws" && parts[4] != k.account.ID {
		t.owner = parts[4]
	}
}

var providers = []Action{
	command("iam", (*commands.Tx).CreateOpenIDConnectProvider, func(k *ask, in *iam.CreateOpenIDConnectProviderInput) {
		k.on(k.account.ARN("oidc-provider", "/", strings.TrimPrefix(*in.Url, "https://")), "AWS::IAM::OIDCProvider", nil)
		k.created(in.Tags, "iam:TagOpenIDConnectProvider")
	}, "url clientIDList thumbprintList tags", "openIDConnectProviderArn tags"),
	look("iam", (*query.View).GetOpenIDConnectProvider, func(k *ask, in *iam.GetOpenIDConnectProviderInput) { k.oidc(in.OpenIDConnectProviderArn) }, "openIDConnectProviderArn"),
	look("iam", (*query.View).ListOpenIDConnectProviders, func(k *ask, in *iam.ListOpenIDConnectProvidersInput) { k.list("oidc-provider", nil) }, ""),
	command("iam", (*commands.Tx).AddClientIDToOpenIDConnectProvider, func(k *ask, in *iam.AddClientIDToOpenIDConnectProviderInput) {
		k.oidc(in.OpenIDConnectProviderArn)
	}, "openIDConnectProviderArn clientID", ""),
	command("iam", (*commands.Tx).RemoveClientIDFromOpenIDConnectProvider, func(k *ask, in *iam.RemoveClientIDFromOpenIDConnectProviderInput) {
		k.oidc(in.OpenIDConnectProviderArn)
	}, "openIDConnectProviderArn clientID", ""),
	command("iam", (*commands.Tx).UpdateOpenIDConnectProviderThumbprint, func(k *ask, in *iam.UpdateOpenIDConnectProviderThumbprintInput) {
		k.oidc(in.OpenIDConnectProviderArn)
	}, "openIDConnectProviderArn thumbprintList", ""),
	command("iam", (*commands.Tx).DeleteOpenIDConnectProvider, func(k *ask, in *iam.DeleteOpenIDConnectProviderInput) { k.oidc(in.OpenIDConnectProviderArn) }, "openIDConnectProviderArn", ""),
	command("iam", (*commands.Tx).TagOpenIDConnectProvider, func(k *ask, in *iam.TagOpenIDConnectProviderInput) {
		k.oidc(in.OpenIDConnectProviderArn)
		k.requestTags(in.Tags)
	}, "openIDConnectProviderArn tags", ""),
	command("iam", (*commands.Tx).UntagOpenIDConnectProvider, func(k *ask, in *iam.UntagOpenIDConnectProviderInput) {
		k.oidc(in.OpenIDConnectProviderArn)
		k.untag(in.TagKeys)
	}, "openIDConnectProviderArn tagKeys", ""),
	look("iam", (*query.View).ListOpenIDConnectProviderTags, func(k *ask, in *iam.ListOpenIDConnectProviderTagsInput) { k.oidc(in.OpenIDConnectProviderArn) }, "openIDConnectProviderArn maxItems"),

	// Metadata is public, but large; private keys are secrets.
	command("iam", (*commands.Tx).CreateSAMLProvider, func(k *ask, in *iam.CreateSAMLProviderInput) {
		k.on(k.account.ARN("saml-provider", "/", *in.Name), "AWS::IAM::SAMLProvider", nil)
		k.created(in.Tags, "iam:TagSAMLProvider")
	}, "name assertionEncryptionMode tags", "sAMLProviderArn tags"),
	look("iam", (*query.View).GetSAMLProvider, func(k *ask, in *iam.GetSAMLProviderInput) { k.saml(in.SAMLProviderArn) }, "sAMLProviderArn"),
	look("iam", (*query.View).ListSAMLProviders, func(k *ask, in *iam.ListSAMLProvidersInput) { k.list("saml-provider", nil) }, ""),
	command("iam", (*commands.Tx).UpdateSAMLProvider, func(k *ask, in *iam.UpdateSAMLProviderInput) { k.saml(in.SAMLProviderArn) },
		"sAMLProviderArn assertionEncryptionMode removePrivateKey", "sAMLProviderArn"),
	command("iam", (*commands.Tx).DeleteSAMLProvider, func(k *ask, in *iam.DeleteSAMLProviderInput) { k.saml(in.SAMLProviderArn) }, "sAMLProviderArn", ""),
	command("iam", (*commands.Tx).TagSAMLProvider, func(k *ask, in *iam.TagSAMLProviderInput) {
		k.saml(in.SAMLProviderArn)
		k.requestTags(in.Tags)
	}, "sAMLProviderArn tags", ""),
	command("iam", (*commands.Tx).UntagSAMLProvider, func(k *ask, in *iam.UntagSAMLProviderInput) { k.saml(in.SAMLProviderArn); k.untag(in.TagKeys) }, "sAMLProviderArn tagKeys", ""),
	look("iam", (*query.View).ListSAMLProviderTags, func(k *ask, in *iam.ListSAMLProviderTagsInput) { k.saml(in.SAMLProviderArn) }, "sAMLProviderArn maxItems"),
}
