package projections

import "iter"

// OIDCProvider is an OpenID Connect provider that an account knows. Its name
// is its URL without https://.
type OIDCProvider struct {
	Entity
	Clients     []string `json:"clients,omitempty"`
	Thumbprints []string `json:"thumbprints,omitempty"`
}

// ARN is the ARN of p, a provider of account a.
func (p *OIDCProvider) ARN(a *Account) string { return a.ARN("oidc-provider", "/", p.Name) }

// OIDCProvider finds a provider by its URL without https://.
func (a *Account) OIDCProvider(url string) (*OIDCProvider, bool) { return a.oidcs.name(url) }

// OIDCProvidersAfter yields the providers whose folded URL is after marker.
func (a *Account) OIDCProvidersAfter(marker string) iter.Seq2[string, *OIDCProvider] {
	return a.oidcs.after(marker)
}

// OIDCProviders is how many there are.
func (a *Account) OIDCProviders() int { return a.oidcs.len() }

func (a *Account) editOIDCProvider(id string, edit func(*OIDCProvider)) {
	change(a, &a.oidcs, id, func(p OIDCProvider) *OIDCProvider { edit(&p); return &p })
}
