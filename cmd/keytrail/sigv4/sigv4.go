// Package sigv4 reads, checks and makes AWS Signature Version 4.
//
// It looks at the raw request target, the headers and the exact body, once, and
// refuses what could be read in two ways: two signatures, repeated parameters,
// an unsigned host or x-amz-* header, a payload hash the client merely claims.
// It knows no accounts, no key store and no error formats. It is the one place
// outside tests that reveals a seal.Secret, and it keeps none: only signing
// keys derived from it, which are good for one day, region and service.
package sigv4

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/keytrail/keytrail/events/seal"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	basicISO   = "20060102T150405Z"

	// Window is how far a request's time may be from ours, either way
	// (IAM and STS say "15 min." in their messages).
	Window = 15 * time.Minute

	maxSigned = 64    // signed headers; the server reads no more than 64
	maxPairs  = 2_000 // query parameters, as many as a form may have
)

// Scope says which credential scopes are accepted. Empty parts accept anything,
// an empty region included.
type Scope struct {
	Service string   // the service the request is for
	Regions []string // the regions served
	Global  string   // one further region: IAM is signed for us-east-1 from everywhere
}

// Signature is the one signature of a request: read, canonicalised and inside
// its window, but not checked. Whoever sent it is unknown until Check gives nil.
// It holds strings of the request and must not outlive it.
type Signature struct {
	keyID, token          string
	date, region, service string // of the credential scope
	scope                 string // date/region/service/aws4_request
	stamp                 string // 20240102T030405Z
	given                 string // the signature itself, hex
	signed                string // names joined by ;
	time                  time.Time
	hash                  [sha256.Size]byte // of the canonical request
	presigned             bool
	hopeless              bool // no secret can make it right
}

func (s *Signature) KeyID() string   { return s.keyID }
func (s *Signature) Token() string   { return s.token } // session token, or empty
func (s *Signature) Service() string { return s.service }
func (s *Signature) Region() string  { return s.region }
func (s *Signature) Presigned() bool { return s.presigned }

// Time is when the client says it signed, within Window of the server's clock
// or, for a presigned request, before its end.
func (s *Signature) Time() time.Time { return s.time }

// ID names this very signature: 64 hex digits, the same for the same signed
// request only. A store of recent ones refuses replayed mutations.
func (s *Signature) ID() string { return s.given }

// Parse finds the one signature of r and canonicalises the request from its raw
// bytes: r.RequestURI, r.Host, r.Header and body exactly as received. Any error
// is an *Error. A request without any signature gives code MissingAuthenticationToken.
func Parse(r *http.Request, body []byte, now time.Time, scope Scope) (*Signature, error) {
	uri := r.RequestURI
	if uri == "" || uri[0] != '/' {
		return nil, incomplete("The request target must begin with '/'.")
	}
	path, query, _ := strings.Cut(uri, "?")
	w := work.Get().(*scratch)
	defer w.release()
	if err := w.readQuery(query); err != nil {
		return nil, err
	}

	s := &Signature{}
	auth, inHeader := r.Header["Authorization"]
	inQuery, err := w.inQuery()
	switch {
	case err != nil:
		return nil, err
	case inHeader && inQuery:
		return nil, incomplete("Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter or the Authorization header should be specified")
	case !inHeader && !inQuery:
		return nil, &Error{"MissingAuthenticationToken", "Request is missing Authentication Token"}
	case inHeader && len(auth) != 1:
		return nil, incomplete("The request must have one Authorization header.")
	}
	for _, name := range once {
		if len(r.Header[name]) > 1 {
			return nil, incomplete("The request must have one " + name + " header.")
		}
	}
	var life time.Duration
	if inHeader {
		err = s.readHeader(auth[0], r.Header)
	} else {
		life, err = s.readPresigned(r, w)
	}
	if err != nil {
		return nil, err
	}
	if err := s.inScope(scope); err != nil {
		return nil, err
	}
	if err := w.readSigned(s.signed); err != nil {
		return nil, err
	}
	if err := w.mustSign(r.Header); err != nil {
		return nil, err
	}
	if err := s.inWindow(now, life); err != nil {
		return nil, err
	}
	// An AKIA key has no token, an ASIA key needs its own: AWS answers both as
	// an unknown key. Other prefixes are the key store's to judge.
	if s.token != "" && strings.HasPrefix(s.keyID, "AKIA") || s.token == "" && strings.HasPrefix(s.keyID, "ASIA") {
		return nil, InvalidToken()
	}

	sum := sha256.Sum256(body)
	payload := hex.AppendEncode(w.payload[:0], sum[:])
	// The claimed hash decides nothing: it is compared with the real one, so
	// UNSIGNED-PAYLOAD and the STREAMING-… forms fail here as well.
	if claimed := r.Header["X-Amz-Content-Sha256"]; len(claimed) == 1 && claimed[0] != string(payload) {
		s.hopeless = true
	}
	if !w.canonical(r, s.service, path, payload) {
		s.hopeless = true // a signed header is not there: nothing can match
	}
	s.hash = sha256.Sum256(w.buf)
	return s, nil
}

// once are the headers whose meaning rests on one value. A repeated one would
// be signed joined by a comma and read by its first value.
var once = [...]string{"X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Target", "X-Amz-Content-Sha256", "Content-Type", "Content-Length", "Host"}

// inScope holds the credential scope against what we serve. AWS lists all that
// is wrong in one message.
func (s *Signature) inScope(want Scope) error {
	var wrong []string
	if want.Regions != nil && s.region != want.Global && !slices.Contains(want.Regions, s.region) {
		wrong = append(wrong, "Credential should be scoped to a valid region, not '"+clip(s.region)+"'. ")
	}
	if want.Service != "" && s.service != want.Service {
		wrong = append(wrong, "Credential should be scoped to correct service: '"+want.Service+"'. ")
	}
	if !strings.HasSuffix(s.scope, "/"+terminator) {
		wrong = append(wrong, "Credential should be scoped with a valid terminator: '"+terminator+"'. ")
	}
	if day := s.stamp[:8]; s.date != day {
		wrong = append(wrong, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '"+
			clip(s.date)+"' != '"+day+"', from '"+s.stamp+"'.")
	}
	if wrong == nil {
		return nil
	}
	return mismatch(strings.TrimRight(strings.Join(wrong, ""), " "))
}

// inWindow holds the time of the signature against ours. life is the validity
// of a presigned request, 0 for a header.
func (s *Signature) inWindow(now time.Time, life time.Duration) error {
	at := func(t time.Time) string { return t.UTC().Format(basicISO) }
	if late := now.Add(Window); s.time.After(late) {
		return mismatch("Signature not yet current: " + s.stamp + " is still later than " + at(late) + " (" + at(now) + " + 15 min.)")
	}
	if s.presigned {
		// STS honours its URLs for the whole window whatever they say, and
		// Kubernetes authenticators, which write 60 s and use them for
		// fourteen minutes, live on it.
		if s.service == "sts" {
			life = max(life, Window)
		}
		if s.time.Add(life).Before(now) {
			return &Error{"RequestExpired", "Request has expired."}
		}
		return nil
	}
	if early := now.Add(-Window); s.time.Before(early) {
		return mismatch("Signature expired: " + s.stamp + " is now earlier than " + at(early) + " (" + at(now) + " - 15 min.)")
	}
	return nil
}

// Check says whether the signature was made with secret: nil, or an *Error with
// code SignatureDoesNotMatch. It takes the same time for every wrong signature,
// and for a wrong one as for an unknown key. Safe for use at once.
func (s *Signature) Check(secret seal.Secret) error {
	if !s.matches(secret) {
		return mismatch(noMatch)
	}
	return nil
}

// CheckUnknown does the work of Check for a key that does not exist or may not
// be used, and always fails, with code InvalidClientTokenId.
func (s *Signature) CheckUnknown() error {
	s.matches(nobody)
	return InvalidToken()
}

func (s *Signature) matches(secret seal.Secret) bool {
	id := keys.id(s, secret)
	k, hit := keys.get(id)
	if !hit {
		k = derive(secret, s.date, s.region, s.service)
	}
	ok := s.equals(k)
	switch {
	case ok && !hit:
		keys.put(id, k) // only now: strangers must not push out what callers use
	case !ok && hit:
		// A wrong signature costs a derivation whether or not its key was in
		// use today, else the time would tell who is at work.
		ok = s.equals(derive(secret, s.date, s.region, s.service))
	}
	return ok && !s.hopeless
}

func (s *Signature) equals(k *key) bool {
	m := k.macs.Get().(*mac)
	defer k.macs.Put(m)
	m.Reset()
	b := append(m.text[:0], algorithm+"\n"...)
	b = append(b, s.stamp...)
	b = append(b, '\n')
	b = append(b, s.scope...)
	b = append(b, '\n')
	b = hex.AppendEncode(b, s.hash[:])
	m.text = b
	m.Write(b)
	want := hex.AppendEncode(m.want[:0], m.Sum(m.sum[:0]))
	// The length of a signature is no secret; what is too long is cut here and
	// refused for its length.
	given := append(m.given[:0], s.given[:min(len(s.given), len(m.given))]...)
	return subtle.ConstantTimeCompare(want, given) == 1 && len(s.given) == len(m.given)
}
