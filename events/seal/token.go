package seal

import (
	"encoding/base64"
	"encoding/binary"
)

// Session tokens are sealed claims: the server keeps no session. The secret
// that goes with one is derived from its key id, so it is not kept either.
// Byte 0 and 1 of a token are the version of its key, which is authenticated.

// SealToken closes the claims of a session.
func (k *Keyring) SealToken(claims []byte) string {
	v := binary.BigEndian.AppendUint16(nil, uint16(len(k.token)))
	sealed := aead(derive(k.token[len(k.token)-1], "token")).Seal(v, nil, claims, v)
	return base64.StdEncoding.EncodeToString(sealed)
}

// OpenToken returns the claims of a token and the version of its key, or
// ErrSealed if any bit of it is not as it was sealed.
func (k *Keyring) OpenToken(token string) (claims []byte, version int, err error) {
	b, err := base64.StdEncoding.Strict().DecodeString(token)
	if err != nil || len(b) < 2 {
		return nil, 0, ErrSealed
	}
	v := int(binary.BigEndian.Uint16(b))
	if v < 1 || v > len(k.token) {
		return nil, 0, ErrSealed
	}
	claims, err = aead(derive(k.token[v-1], "token")).Open(nil, nil, b[2:], b[:2])
	if err != nil {
		return nil, 0, ErrSealed
	}
	return claims, v, nil
}

// TokenVersion is the version of the key that new tokens are sealed under.
func (k *Keyring) TokenVersion() int { return len(k.token) }

// TokenSecret is the 40-character secret of the temporary access key whose
// token was sealed under the given version.
func (k *Keyring) TokenSecret(version int, keyID string) Secret {
	return Secret{base64.StdEncoding.EncodeToString(derive(k.token[version-1], string(bind(nil, "secret", keyID)))[:30])}
}

// SealMarker closes a pagination marker, bound to its account and query. It is
// short: AWS's markers may have 320 characters.
func (k *Keyring) SealMarker(account, query string, position []byte) string {
	return base64.RawURLEncoding.EncodeToString(aead(derive(k.marker, "marker")).Seal(nil, nil, position, bind(nil, account, query)))
}

// OpenMarker opens a marker of the same account and query.
func (k *Keyring) OpenMarker(account, query, marker string) ([]byte, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(marker)
	if err != nil {
		return nil, ErrSealed
	}
	position, err := aead(derive(k.marker, "marker")).Open(nil, nil, b, bind(nil, account, query))
	if err != nil {
		return nil, ErrSealed
	}
	return position, nil
}
