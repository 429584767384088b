package commands

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections"
)

// pair is a private key and its certificate.
type pair struct {
	key  *rsa.PrivateKey
	cert *x509.Certificate
}

// issued makes a key and its certificate, signed by by, or by itself.
func issued(name string, by *pair) *pair {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	p := &pair{key: key}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, BasicConstraintsValid: true, IsCA: true,
		NotBefore: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	parent := by
	if by == nil {
		parent = &pair{key, t}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent.cert, &key.PublicKey, parent.key)
	if err != nil {
		panic(err)
	}
	p.cert, _ = x509.ParseCertificate(der)
	return p
}

func (p *pair) certPEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: p.cert.Raw}))
}

func (p *pair) keyPEM() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(p.key)}))
}

var (
	ca   = sync.OnceValue(func() *pair { return issued("ca", nil) })
	leaf = sync.OnceValue(func() *pair { return issued("leaf", ca()) })
)

const (
	oidcARN = "arn:aws:iam::111122223333:oidc-provider/id.example.com/a"
	samlARN = "arn:aws:iam::111122223333:saml-provider/corp"
)

func newOIDC(url string, clients ...string) call {
	return do((*Tx).CreateOpenIDConnectProvider, &iam.CreateOpenIDConnectProviderInput{Url: &url, ClientIDList: clients})
}

func numbered(n int) (out []string) {
	for i := range n {
		out = append(out, letter(i%26)+letter(i/26))
	}
	return out
}

func TestOIDCProviders(t *testing.T) {
	add := func(client string) call {
		return do((*Tx).AddClientIDToOpenIDConnectProvider, &iam.AddClientIDToOpenIDConnectProviderInput{OpenIDConnectProviderArn: s(oidcARN), ClientID: &client})
	}
	remove := func(client string) call {
		return do((*Tx).RemoveClientIDFromOpenIDConnectProvider, &iam.RemoveClientIDFromOpenIDConnectProviderInput{OpenIDConnectProviderArn: s(oidcARN), ClientID: &client})
	}
	thumbs := func(list ...string) call {
		return do((*Tx).UpdateOpenIDConnectProviderThumbprint, &iam.UpdateOpenIDConnectProviderThumbprintInput{OpenIDConnectProviderArn: s(oidcARN), ThumbprintList: list})
	}
	del := do((*Tx).DeleteOpenIDConnectProvider, &iam.DeleteOpenIDConnectProviderInput{OpenIDConnectProviderArn: s(oidcARN)})
	thumb := strings.Repeat("a", 40)
	given := []call{newOIDC("https://id.example.com/a", "web")}
	stories := []story{
		{name: "create", when: newOIDC("https://id.example.com/a", "web", "web"), facts: []string{`iam.oidcprovider.created.v1 {"id":"OIDC1","url":"id.example.com/a","clients":["web"]}`}},
		{name: "create again", given: given, when: newOIDC("https://id.example.com/a"), err: "EntityAlreadyExists: Provider with url https://id.example.com/a already exists."},
		{name: "too many clients", when: newOIDC("https://id.example.com/a", numbered(101)...), err: "LimitExceeded: Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100"},
		{name: "too many providers", given: times(100, func(i int) call { return newOIDC("https://id.example.com/" + numbered(100)[i]) }), when: newOIDC("https://id.example.com/more"),
			err: "LimitExceeded: Cannot exceed quota for OpenIdConnectProvidersPerAccount: 100"},
		{name: "too many thumbprints", given: given, when: thumbs(thumb, "1", "2", "3", "4", "5"), err: "InvalidInput: Thumbprint list must contain fewer than 5 entries."},
		{name: "thumbprints", given: given, when: thumbs(thumb), facts: []string{`iam.oidcprovider.thumbprintsset.v1 {"id":"OIDC1","thumbprints":["` + thumb + `"]}`}},
		{name: "the same thumbprints", given: append(given, thumbs(thumb)), when: thumbs(thumb)},
		{name: "client", given: given, when: add("app"), facts: []string{`iam.oidcprovider.clientadded.v1 {"provider":"OIDC1","client":"app"}`}},
		{name: "the same client", given: given, when: add("web")},
		{name: "one client too many", given: []call{newOIDC("https://id.example.com/a", numbered(100)...)}, when: add("app"), err: "LimitExceeded: Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100"},
		{name: "client of nothing", when: add("app"), err: "NoSuchEntity: OpenIDConnect Provider not found for arn " + oidcARN},
		{name: "no client", given: given, when: remove("web"), facts: []string{`iam.oidcprovider.clientremoved.v1 {"provider":"OIDC1","client":"web"}`}},
		{name: "no client there was", given: given, when: remove("app")},
		{name: "delete", given: given, when: del, facts: []string{`iam.oidcprovider.deleted.v1 {"id":"OIDC1"}`}},
		{name: "delete nothing", when: del},
		{name: "tag", given: given, when: do((*Tx).TagOpenIDConnectProvider, &iam.TagOpenIDConnectProviderInput{OpenIDConnectProviderArn: s(oidcARN), Tags: tags("k", "v")}),
			facts: []string{`iam.tags.set.v1 {"id":"OIDC1","tags":[{"k":"k","v":"v"}]}`}},
		{name: "trust it", given: given, when: federated(oidcARN), facts: []string{`iam.role.created.v1 {"id":"AROA1","name":"f","path":"/","trust":{"document":"` + strings.ReplaceAll(trustingProvider(oidcARN), `"`, `\"`) + `"},"maxSession":3600}`}},
		{name: "trust nothing", when: federated(oidcARN), err: `MalformedPolicyDocument: Invalid principal in policy: "FEDERATED":"` + oidcARN + `"`},
	}
	for _, url := range []string{"http://id.example.com", "id.example.com", "https://", "https://id.example.com:443", "https://id.example.com?a=b", "https://me@id.example.com", "https://id.example.com/#x", "https://id example.com"} {
		stories = append(stories, story{name: "create " + url, when: newOIDC(url), err: "ValidationError: Invalid Open ID Connect Provider URL"})
	}
	tell(t, stories)
}

func trustingProvider(arn string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Federated":"` + arn + `"},"Action":"sts:AssumeRoleWithWebIdentity"}]}`
}

func federated(arn string) call {
	return do((*Tx).CreateRole, &iam.CreateRoleInput{RoleName: s("f"), AssumeRolePolicyDocument: s(trustingProvider(arn))})
}

// manifest is the metadata of a provider.
func manifest(issuer string) string {
	return strings.NewReplacer("ISSUER", issuer, "CERTIFICATE", base64.StdEncoding.EncodeToString(ca().cert.Raw)).Replace(
		`<?xml version="1.0"?><md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" validUntil="2030-01-01T00:00:00Z" entityID="ISSUER">
		<md:IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="http://www.w3.org/2000/09/xmldsig#">
		<ds:X509Data><ds:X509Certificate>CERTIFICATE</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>
		<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://id.example.com/sso"/></md:IDPSSODescriptor></md:EntityDescriptor>`)
}

func newSAML(name string) call {
	return do((*Tx).CreateSAMLProvider, &iam.CreateSAMLProviderInput{Name: &name, SAMLMetadataDocument: s(manifest("one"))})
}

func TestSAMLProviders(t *testing.T) {
	update := func(in iam.UpdateSAMLProviderInput) call {
		in.SAMLProviderArn = s(samlARN)
		return do((*Tx).UpdateSAMLProvider, &in)
	}
	addKey := update(iam.UpdateSAMLProviderInput{AddPrivateKey: s(leaf().keyPEM())})
	del := do((*Tx).DeleteSAMLProvider, &iam.DeleteSAMLProviderInput{SAMLProviderArn: s(samlARN)})
	given := []call{newSAML("corp")}
	one, two := projections.PackMetadata(manifest("one")), projections.PackMetadata(manifest("two"))
	stories := []story{
		{name: "create", when: newSAML("corp"), facts: []string{`iam.samlprovider.created.v1 {"id":"SAML1","name":"corp","metadata":"` + one + `","validUntil":"2030-01-01T00:00:00Z"}`}},
		{name: "create a case twin", given: given, when: newSAML("CORP"), err: "EntityAlreadyExists: SAMLProvider with name corp already exists."},
		{name: "too many", given: times(100, func(i int) call { return newSAML(numbered(100)[i]) }), when: newSAML("more"), err: "LimitExceeded: Cannot exceed quota for SAMLProvidersPerAccount: 100"},
		{name: "encryption without a key", when: do((*Tx).CreateSAMLProvider, &iam.CreateSAMLProviderInput{Name: s("corp"), SAMLMetadataDocument: s(manifest("one")), AssertionEncryptionMode: types.AssertionEncryptionModeTypeRequired}),
			err: "InvalidInput: A private key is needed if encryption of assertions is required."},
		{name: "update", given: given, when: update(iam.UpdateSAMLProviderInput{SAMLMetadataDocument: s(manifest("two"))}),
			facts: []string{`iam.samlprovider.updated.v1 {"id":"SAML1","metadata":"` + two + `","validUntil":"2030-01-01T00:00:00Z"}`}},
		{name: "update to the same", given: given, when: update(iam.UpdateSAMLProviderInput{SAMLMetadataDocument: s(manifest("one"))})},
		{name: "update nothing", when: addKey, err: "NoSuchEntity: Manifest not found for arn " + samlARN},
		{name: "key", given: given, when: addKey, facts: []string{`iam.samlprovider.keyadded.v1 {"provider":"SAML1","id":"KEY1","key":"SEALED"}`}},
		{name: "no key", given: given, when: update(iam.UpdateSAMLProviderInput{AddPrivateKey: s("key")}), err: "InvalidInput: The private key is not valid. It must be an unencrypted RSA key in PEM format."},
		{name: "a third key", given: append(given, addKey, addKey), when: addKey, err: "LimitExceeded: Cannot exceed quota for PrivateKeysPerSAMLProvider: 2"},
		{name: "remove no key", given: given, when: update(iam.UpdateSAMLProviderInput{RemovePrivateKey: s("KEYAAAAAAAAAAAAAAAAAAAAAA")}), err: "NoSuchEntity: The private key with id KEYAAAAAAAAAAAAAAAAAAAAAA cannot be found."},
		{name: "delete", given: given, when: del, facts: []string{`iam.samlprovider.deleted.v1 {"id":"SAML1"}`}},
		{name: "delete nothing", when: del, err: "NoSuchEntity: Manifest not found for arn " + samlARN},
		{name: "trust it", given: given, when: do((*Tx).UpdateAssumeRolePolicy, &iam.UpdateAssumeRolePolicyInput{RoleName: s("x"), PolicyDocument: s(trustingProvider(samlARN))}), err: "NoSuchEntity: The role with name x cannot be found."},
	}
	good := manifest("one")
	for name, change := range map[string][2]string{
		"no XML": {good, strings.Repeat("x", 1000)}, "cut": {"</md:EntityDescriptor>", ""}, "a DTD": {`<md:EntityDescriptor`, `<!DOCTYPE x [<!ENTITY a "b">]><md:EntityDescriptor`},
		"no name": {`entityID="one"`, ""}, "another namespace": {"SAML:2.0:metadata", "SAML:1.0:metadata"}, "no certificate": {"<ds:X509Certificate>", "<ds:X509Certificate>AAAA"},
		"no key": {"ds:X509Certificate", "ds:X509Other"}, "no place": {"SingleSignOnService", "Nothing"}, "another protocol": {"SAML:2.0:protocol", "SAML:1.1:protocol"},
		"no date": {"2030-01-01T00:00:00Z", "soon"}, "two roots": {"</md:EntityDescriptor>", "</md:EntityDescriptor><a/>"}, "an entity": {"https://id", "&x;https://id"},
	} {
		bad := strings.ReplaceAll(good, change[0], change[1])
		stories = append(stories, story{name: "metadata: " + name, when: do((*Tx).CreateSAMLProvider, &iam.CreateSAMLProviderInput{Name: s("corp"), SAMLMetadataDocument: &bad}), err: "InvalidInput: Could not parse metadata"})
	}
	tell(t, stories)
}

// What is read again is what was given, byte for byte.
func TestMetadataIsKept(t *testing.T) {
	document := manifest("one") + strings.Repeat("<!-- \r\n -->", 1000)
	p := &projections.SAMLProvider{Metadata: projections.PackMetadata(document)}
	if got := p.MetadataDocument(); got != document {
		t.Errorf("%d characters come back as %d", len(document), len(got))
	}
}
