package commands

import (
	"bytes"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/commands/saml"
	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

const (
	samlPrivateKeys = 2       // of one provider (IAM API Reference, GetSAMLProvider)
	packedMetadata  = 4 << 20 // bytes that the log and every World keep of one document
	century         = 100     // years that metadata is good for if it says nothing
)

// CreateSAMLProvider makes a SAML provider known by its metadata.
func (tx *Tx) CreateSAMLProvider(ctx context.Context, in *iam.CreateSAMLProviderInput) (*iam.CreateSAMLProviderOutput, error) {
	packed, until, err := tx.metadata(*in.SAMLMetadataDocument)
	if err != nil {
		return nil, err
	}
	if p, ok := tx.Account.SAMLProvider(*in.Name); ok {
		return nil, answer.EntityAlreadyExists("SAMLProvider with name %s already exists.", p.Name)
	}
	if err := answer.Quota("SAMLProvidersPerAccount", tx.Account.SAMLProviders(), tx.quotas().SAMLProviders); err != nil {
		return nil, err
	}
	tags, err := tx.newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	f := events.SAMLProviderCreated{
		ID: projections.SAMLProviderPrefix + tx.letters(20, alphabet), Name: *in.Name, Metadata: packed, ValidUntil: until,
		Encryption: string(in.AssertionEncryptionMode), Tags: tags,
	}
	key, err := tx.samlKey(f.ID, in.AddPrivateKey)
	if err != nil {
		return nil, err
	}
	if err := encrypts(f.Encryption, key != nil); err != nil {
		return nil, err
	}
	tx.Emit(f)
	if key != nil {
		tx.Emit(*key)
	}
	p := &projections.SAMLProvider{Entity: tx.entity(f.ID, f.Name, "/", f.Tags)}
	return &iam.CreateSAMLProviderOutput{SAMLProviderArn: ptr(p.ARN(tx.Account)), Tags: answer.Tags(tags)}, nil
}

// UpdateSAMLProvider changes metadata, the rule for encryption, or the keys of
// a provider.
func (tx *Tx) UpdateSAMLProvider(ctx context.Context, in *iam.UpdateSAMLProviderInput) (*iam.UpdateSAMLProviderOutput, error) {
	p, err := answer.SAMLProviderAt(tx.Account, *in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	f := events.SAMLProviderUpdated{ID: p.ID, Metadata: p.Metadata, ValidUntil: p.ValidUntil, Encryption: p.Encryption}
	if in.SAMLMetadataDocument != nil {
		if f.Metadata, f.ValidUntil, err = tx.metadata(*in.SAMLMetadataDocument); err != nil {
			return nil, err
		}
		if f.Metadata == p.Metadata {
			f.ValidUntil = p.ValidUntil
		}
	}
	if in.AssertionEncryptionMode != "" {
		f.Encryption = string(in.AssertionEncryptionMode)
	}
	keys := len(p.Keys)
	if in.RemovePrivateKey != nil {
		if !slices.ContainsFunc(p.Keys, func(k projections.SAMLKey) bool { return k.ID == *in.RemovePrivateKey }) {
			return nil, answer.NoSuchEntity("The private key with id %s cannot be found.", *in.RemovePrivateKey)
		}
		keys--
	}
	key, err := tx.samlKey(p.ID, in.AddPrivateKey)
	if err != nil {
		return nil, err
	}
	if key != nil {
		if err := answer.Quota("PrivateKeysPerSAMLProvider", keys, samlPrivateKeys); err != nil {
			return nil, err
		}
		keys++
	}
	if err := encrypts(f.Encryption, keys > 0); err != nil {
		return nil, err
	}
	if f.Metadata != p.Metadata || f.Encryption != p.Encryption {
		tx.Emit(f)
	}
	if in.RemovePrivateKey != nil {
		tx.Emit(events.SAMLKeyRemoved{Provider: p.ID, ID: *in.RemovePrivateKey})
	}
	if key != nil {
		tx.Emit(*key)
	}
	return &iam.UpdateSAMLProviderOutput{SAMLProviderArn: in.SAMLProviderArn}, nil
}

// DeleteSAMLProvider forgets a provider. Roles that trust it keep their trust
// policies, which nobody can use then.
func (tx *Tx) DeleteSAMLProvider(ctx context.Context, in *iam.DeleteSAMLProviderInput) (*iam.DeleteSAMLProviderOutput, error) {
	p, err := answer.SAMLProviderAt(tx.Account, *in.SAMLProviderArn)
	if err != nil {
		return nil, err
	}
	tx.Emit(events.SAMLProviderDeleted{ID: p.ID})
	return &iam.DeleteSAMLProviderOutput{}, nil
}

// metadata reads a metadata document: packed as it is kept, and how long it is
// good for.
func (tx *Tx) metadata(document string) (packed string, until time.Time, err error) {
	m, err := saml.Parse(document)
	if err != nil {
		return "", until, answer.InvalidInput("Could not parse metadata")
	}
	if n := tx.quotas().KeysPerSAMLProvider; m.Keys > n {
		return "", until, answer.LimitExceeded("Cannot exceed quota for KeysPerSAMLProvider: %d", n)
	}
	if packed = projections.PackMetadata(document); len(packed) > packedMetadata {
		return "", until, answer.LimitExceeded("Cannot exceed quota for PackedSAMLMetadataSize: %d", packedMetadata)
	}
	if until = m.ValidUntil; until.IsZero() {
		until = tx.Now.AddDate(century, 0, 0)
	}
	return packed, until, nil
}

// samlKey seals a private key of a provider; nil: none is given.
func (tx *Tx) samlKey(provider string, text *string) (*events.SAMLKeyAdded, error) {
	if text == nil {
		return nil, nil
	}
	if !isRSAKey(*text) {
		return nil, answer.InvalidInput("The private key is not valid. It must be an unencrypted RSA key in PEM format.")
	}
	f := &events.SAMLKeyAdded{Provider: provider, ID: "KEY" + tx.letters(20, alphabet)}
	f.Key = tx.Keys.Seal(tx.Account.ID, f.ID, "privatekey", seal.NewSecret(*text))
	return f, nil
}

func isRSAKey(text string) bool {
	block, rest := pem.Decode([]byte(text))
	if block == nil || len(bytes.TrimSpace(rest)) > 0 {
		return false
	}
	if _, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return true
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	_, rsa := key.(*rsa.PrivateKey)
	return err == nil && rsa
}

// encrypts refuses to demand encrypted assertions that nobody could read.
func encrypts(mode string, hasKey bool) error {
	if mode == string(types.AssertionEncryptionModeTypeRequired) && !hasKey {
		return answer.InvalidInput("A private key is needed if encryption of assertions is required.")
	}
	return nil
}
