package commands

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"

	"github.com/aws/smithy-go"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/seal"
)

// CreateAccountInput asks for a further account on this server. What is left
// out is chosen by chance.
type CreateAccountInput struct {
	AccountName     string
	AccountID       string // 12 digits
	AccessKeyID     string
	SecretAccessKey seal.Secret `json:"-"` // given only by automation, on the first start
}

// CreateAccountOutput holds the root user's access key: its secret is shown
// here and never again.
type CreateAccountOutput struct {
	AccountID       string
	AccountName     string
	AccessKeyID     string
	SecretAccessKey string
}

// CreateAccount makes an account with a root user that has an access key. It
// is our own action: AWS makes accounts elsewhere (Organizations).
func (tx *Tx) CreateAccount(ctx context.Context, in *CreateAccountInput) (*CreateAccountOutput, error) {
	out := &CreateAccountOutput{AccountID: in.AccountID, AccountName: in.AccountName, AccessKeyID: in.AccessKeyID}
	if out.AccountID == "" {
		out.AccountID = tx.letters(1, "123456789") + tx.letters(11, "0123456789")
	}
	if !digits(out.AccountID, 12) {
		return nil, &smithy.GenericAPIError{Code: "ValidationError", Message: fmt.Sprintf("Account id %q is not 12 digits.", in.AccountID)}
	}
	if _, taken := tx.World.Account(out.AccountID); taken {
		return nil, &smithy.GenericAPIError{Code: "EntityAlreadyExists", Message: fmt.Sprintf("Account %s already exists.", out.AccountID)}
	}
	if out.AccessKeyID == "" {
		out.AccessKeyID = tx.newKeyID("AKIA")
	}
	secret := in.SecretAccessKey
	if secret.Reveal() == "" {
		secret = tx.secret()
	}
	out.SecretAccessKey = secret.Reveal()
	tx.Into = out.AccountID
	tx.Emit(events.AccountCreated{ID: out.AccountID, Name: in.AccountName, LogID: tx.LogID})
	tx.Emit(events.AccessKeyCreated{ID: out.AccessKeyID, Secret: tx.Keys.Seal(out.AccountID, out.AccessKeyID, "secret", secret)})
	return out, nil
}

// keyAlphabet is what access key ids are made of.
const keyAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"

// secret draws the 40 characters of a secret access key: 240 bits.
func (tx *Tx) secret() seal.Secret {
	var b [30]byte
	if _, err := io.ReadFull(tx.Rand, b[:]); err != nil {
		panic("commands: no randomness: " + err.Error())
	}
	return seal.NewSecret(base64.StdEncoding.EncodeToString(b[:]))
}

func digits(s string, n int) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(s) == n
}
