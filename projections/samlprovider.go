package projections

import (
	"compress/flate"
	"encoding/base64"
	"io"
	"iter"
	"slices"
	"strings"
	"time"
)

// SAMLProvider is a SAML provider that an account knows.
type SAMLProvider struct {
	Entity
	Metadata   string    `json:"metadata"` // as PackMetadata makes it
	ValidUntil time.Time `json:"validUntil"`
	Encryption string    `json:"encryption,omitempty"`
	Keys       []SAMLKey `json:"keys,omitempty"`
}

// SAMLKey is a private key that a provider's assertions may be encrypted for.
type SAMLKey struct {
	ID    string    `json:"id"`
	Key   string    `json:"key"` // sealed
	Added time.Time `json:"added"`
}

// ARN is the ARN of p, a provider of account a.
func (p *SAMLProvider) ARN(a *Account) string { return a.ARN("saml-provider", "/", p.Name) }

// SAMLProvider finds a provider by name.
func (a *Account) SAMLProvider(name string) (*SAMLProvider, bool) { return a.samls.name(name) }

// SAMLProvidersAfter yields the providers whose folded name is after marker.
func (a *Account) SAMLProvidersAfter(marker string) iter.Seq2[string, *SAMLProvider] {
	return a.samls.after(marker)
}

// SAMLProviders is how many there are.
func (a *Account) SAMLProviders() int { return a.samls.len() }

func (a *Account) editSAMLProvider(id string, edit func(*SAMLProvider)) {
	change(a, &a.samls, id, func(p SAMLProvider) *SAMLProvider { edit(&p); return &p })
}

func (p *SAMLProvider) addKey(k SAMLKey) { p.Keys = append(slices.Clip(p.Keys), k) }

func (p *SAMLProvider) removeKey(id string) {
	p.Keys = slices.DeleteFunc(slices.Clone(p.Keys), func(k SAMLKey) bool { return k.ID == id })
}

// metadataMost is the longest metadata document (IAM API Reference, CreateSAMLProvider).
const metadataMost = 10_000_000

// PackMetadata makes a metadata document as small as a fact and a World keep
// it: such documents are mostly certificates and names said again and again.
func PackMetadata(document string) string {
	var out strings.Builder
	b64 := base64.NewEncoder(base64.StdEncoding, &out)
	z, err := flate.NewWriter(b64, flate.DefaultCompression)
	if err != nil {
		panic("projections: " + err.Error()) // the level is one of flate's own
	}
	io.WriteString(z, document)
	z.Close()
	b64.Close()
	return out.String()
}

// MetadataDocument is the document that was given.
func (p *SAMLProvider) MetadataDocument() string {
	var out strings.Builder
	z := flate.NewReader(base64.NewDecoder(base64.StdEncoding, strings.NewReader(p.Metadata)))
	if _, err := io.Copy(&out, io.LimitReader(z, metadataMost)); err != nil {
		return "" // no fact of ours: a World does not fail
	}
	return out.String()
}
