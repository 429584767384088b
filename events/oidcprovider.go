package events

func init() {
	register[OIDCProviderCreated]()
	register[OIDCClientAdded]()
	register[OIDCClientRemoved]()
	register[OIDCThumbprintsSet]()
	register[OIDCProviderDeleted]()
}

// OIDCProviderCreated says that an account knows an OpenID Connect provider.
type OIDCProviderCreated struct {
	ID          string   `json:"id"`  // OIDC…, ours alone: AWS shows none
	URL         string   `json:"url"` // without https://
	Clients     []string `json:"clients,omitempty"`
	Thumbprints []string `json:"thumbprints,omitempty"` // none: its certificate must come from a public authority
	Tags        []Tag    `json:"tags,omitempty"`
}

func (OIDCProviderCreated) Type() string { return "iam.oidcprovider.created.v1" }

// OIDCClientAdded says that tokens for one more audience are meant for the account.
type OIDCClientAdded struct {
	Provider string `json:"provider"`
	Client   string `json:"client"`
}

func (OIDCClientAdded) Type() string { return "iam.oidcprovider.clientadded.v1" }

// OIDCClientRemoved says that tokens for an audience are not meant for it any more.
type OIDCClientRemoved struct {
	Provider string `json:"provider"`
	Client   string `json:"client"`
}

func (OIDCClientRemoved) Type() string { return "iam.oidcprovider.clientremoved.v1" }

// OIDCThumbprintsSet says which certificates the provider may show, in place
// of those of before.
type OIDCThumbprintsSet struct {
	ID          string   `json:"id"`
	Thumbprints []string `json:"thumbprints"`
}

func (OIDCThumbprintsSet) Type() string { return "iam.oidcprovider.thumbprintsset.v1" }

// OIDCProviderDeleted says that the account does not know the provider any more.
type OIDCProviderDeleted struct {
	ID string `json:"id"`
}

func (OIDCProviderDeleted) Type() string { return "iam.oidcprovider.deleted.v1" }
