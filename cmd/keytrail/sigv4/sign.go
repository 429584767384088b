package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keytrail/keytrail/events/seal"
)

// Credentials sign requests. Token is empty for long-term keys.
type Credentials struct {
	KeyID  string
	Secret seal.Secret
	Token  string
}

// Sign adds X-Amz-Date, X-Amz-Security-Token if there is a token, and
// Authorization to r. It signs host, content-type and every x-amz-* header.
func Sign(r *http.Request, body []byte, c Credentials, service, region string, at time.Time) {
	stamp := at.UTC().Format(basicISO)
	r.Header.Set("X-Amz-Date", stamp)
	if c.Token != "" {
		r.Header.Set("X-Amz-Security-Token", c.Token)
	}
	names := []string{"host"}
	for name := range r.Header {
		if name = strings.ToLower(name); name == "content-type" || strings.HasPrefix(name, "x-amz-") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	scope := stamp[:8] + "/" + region + "/" + service + "/" + terminator
	r.Header.Set("Authorization", algorithm+" Credential="+c.KeyID+"/"+scope+
		", SignedHeaders="+strings.Join(names, ";")+", Signature="+sign(r, body, names, c.Secret, stamp, scope))
}

// Presign puts a signature for a GET of r's URL into its query. It signs the
// host and whatever headers signed names, which must be sent as they are now.
func Presign(r *http.Request, c Credentials, service, region string, at time.Time, expires time.Duration, signed ...string) {
	stamp := at.UTC().Format(basicISO)
	scope := stamp[:8] + "/" + region + "/" + service + "/" + terminator
	names := append([]string{"host"}, signed...)
	slices.Sort(names)
	q := []byte(r.URL.RawQuery)
	add := func(name, value string) {
		if len(q) > 0 {
			q = append(q, '&')
		}
		q = append(append(q, name...), '=')
		for i := range len(value) {
			q = escape(q, value[i])
		}
	}
	add("X-Amz-Algorithm", algorithm)
	add("X-Amz-Credential", c.KeyID+"/"+scope)
	add("X-Amz-Date", stamp)
	add("X-Amz-Expires", strconv.Itoa(int(expires/time.Second)))
	add("X-Amz-SignedHeaders", strings.Join(names, ";"))
	if c.Token != "" {
		add("X-Amz-Security-Token", c.Token)
	}
	r.URL.RawQuery = string(q)
	if r.RequestURI != "" {
		r.RequestURI = r.URL.RequestURI()
	}
	add("X-Amz-Signature", sign(r, nil, names, c.Secret, stamp, scope))
	r.URL.RawQuery = string(q)
	if r.RequestURI != "" {
		r.RequestURI = r.URL.RequestURI()
	}
}

func sign(r *http.Request, body []byte, names []string, secret seal.Secret, stamp, scope string) string {
	uri := r.RequestURI
	if uri == "" {
		uri = r.URL.RequestURI()
	}
	path, query, _ := strings.Cut(uri, "?")
	w := work.Get().(*scratch)
	defer w.release()
	w.readQuery(query) // a URL that cannot be read is signed as far as it can and refused by whoever gets it
	w.names = append(w.names, names...)
	sum := sha256.Sum256(body)
	parts := strings.Split(scope, "/")
	w.canonical(r, parts[2], path, hex.AppendEncode(w.payload[:0], sum[:]))
	k := derive(secret, parts[0], parts[1], parts[2])
	m := k.macs.Get().(*mac)
	hash := sha256.Sum256(w.buf)
	m.Write([]byte(algorithm + "\n" + stamp + "\n" + scope + "\n" + hex.EncodeToString(hash[:])))
	return hex.EncodeToString(m.Sum(nil))
}
