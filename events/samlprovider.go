package events

import "time"

func init() {
	register[SAMLProviderCreated]()
	register[SAMLProviderUpdated]()
	register[SAMLKeyAdded]()
	register[SAMLKeyRemoved]()
	register[SAMLProviderDeleted]()
}

// SAMLProviderCreated says that an account knows a SAML provider.
type SAMLProviderCreated struct {
	ID         string    `json:"id"` // SAML…
	Name       string    `json:"name"`
	Metadata   string    `json:"metadata"` // deflated, base64
	ValidUntil time.Time `json:"validUntil"`
	Encryption string    `json:"encryption,omitempty"` // of assertions: Required or Allowed
	Tags       []Tag     `json:"tags,omitempty"`
}

func (SAMLProviderCreated) Type() string { return "iam.samlprovider.created.v1" }

// SAMLProviderUpdated says what the provider's metadata and its rule for
// encryption are now.
type SAMLProviderUpdated struct {
	ID         string    `json:"id"`
	Metadata   string    `json:"metadata"`
	ValidUntil time.Time `json:"validUntil"`
	Encryption string    `json:"encryption,omitempty"`
}

func (SAMLProviderUpdated) Type() string { return "iam.samlprovider.updated.v1" }

// SAMLKeyAdded says that assertions may be encrypted for a private key.
type SAMLKeyAdded struct {
	Provider string `json:"provider"`
	ID       string `json:"id"`
	Key      string `json:"key"` // sealed
}

func (SAMLKeyAdded) Type() string { return "iam.samlprovider.keyadded.v1" }

// SAMLKeyRemoved says that a private key is used no more.
type SAMLKeyRemoved struct {
	Provider string `json:"provider"`
	ID       string `json:"id"`
}

func (SAMLKeyRemoved) Type() string { return "iam.samlprovider.keyremoved.v1" }

// SAMLProviderDeleted says that the account does not know the provider any more.
type SAMLProviderDeleted struct {
	ID string `json:"id"`
}

func (SAMLProviderDeleted) Type() string { return "iam.samlprovider.deleted.v1" }
