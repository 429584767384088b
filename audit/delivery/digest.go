package delivery

import (
	"crypto"
	"crypto/md5"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"time"

	"github.com/keytrail/keytrail/query"
)

const (
	hashAlgorithm      = "SHA-256"
	signatureAlgorithm = "SHA256withRSA"
)

// digestError is trouble with digest files, which have a status of their own.
type digestError struct{ error }

func (e digestError) Unwrap() error { return e.error }

// Digest is the content of a digest file (CloudTrail User Guide, "CloudTrail
// digest file structure"). Covers is ours: the part of the log, by sequence,
// whose events of the trail are in the files.
type Digest struct {
	AccountID          string      `json:"awsAccountId"`
	StartTime          string      `json:"digestStartTime"`
	EndTime            string      `json:"digestEndTime"`
	Bucket             string      `json:"digestS3Bucket"`
	Object             string      `json:"digestS3Object"`
	Fingerprint        string      `json:"digestPublicKeyFingerprint"`
	SignatureAlgorithm string      `json:"digestSignatureAlgorithm"`
	NewestEventTime    *string     `json:"newestEventTime"`
	OldestEventTime    *string     `json:"oldestEventTime"`
	PreviousBucket     *string     `json:"previousDigestS3Bucket"`
	PreviousObject     *string     `json:"previousDigestS3Object"`
	PreviousHash       *string     `json:"previousDigestHashValue"`
	PreviousAlgorithm  *string     `json:"previousDigestHashAlgorithm"`
	PreviousSignature  *string     `json:"previousDigestSignature"`
	LogFiles           []digestLog `json:"logFiles"`
	Covers             Covers      `json:"keytrail"`
}

// Covers is a part of the log: after From up to To.
type Covers struct {
	Trail string   `json:"trail"`
	From  position `json:"from"`
	To    position `json:"to"`
}

type digestLog struct {
	Bucket          string `json:"s3Bucket"`
	Object          string `json:"s3Object"`
	Hash            string `json:"hashValue"`
	Algorithm       string `json:"hashAlgorithm"`
	NewestEventTime string `json:"newestEventTime"`
	OldestEventTime string `json:"oldestEventTime"`
}

// lastDigest is what the next digest file says of the one before.
type lastDigest struct {
	Bucket    string    `json:"bucket"`
	Key       string    `json:"key"`
	Hash      string    `json:"hash"`
	Signature string    `json:"signature"`
	End       time.Time `json:"end"`
}

// pendingDigest is a digest file being written. What it holds is all in the
// state, so it is written again the same.
type pendingDigest struct {
	Bucket string    `json:"bucket"`
	Key    string    `json:"key"`
	End    time.Time `json:"end"`
	Files  int       `json:"files"`
	To     position  `json:"to"`
}

// begins is when the time of the next digest begins.
func (s *state) begins() time.Time {
	if s.Last != nil && s.Last.End.After(s.Trail.Started) {
		return s.Last.End
	}
	return s.Trail.Started.UTC().Truncate(time.Second)
}

// digest writes a digest file if one is due, or was begun.
func (d *Deliverer) digest(account string, s *state, due bool) error {
	t := &s.Trail
	if s.PendingAt == nil {
		end := d.Clock().UTC().Truncate(time.Second)
		if !due || !end.After(s.begins()) {
			return nil
		}
		k := key(t.Prefix, account, "CloudTrail-Digest", d.Region, end) +
			fmt.Sprintf("%s_CloudTrail-Digest_%s_%s_%s_%s.json.gz", account, d.Region, t.Name, d.Region, end.Format("20060102T150405Z"))
		s.PendingAt = &pendingDigest{t.Bucket, k, end, len(s.Files), maps.Clone(s.At)}
		if err := d.save(account, t.Name, s); err != nil {
			return err
		}
	}
	d.point("digest pending")
	p := s.PendingAt
	private, err := d.Key()
	if err != nil {
		return err
	}
	algorithm := hashAlgorithm
	g := Digest{
		AccountID: account, StartTime: stamp(s.begins()), EndTime: stamp(p.End), Bucket: p.Bucket, Object: p.Key,
		Fingerprint: fingerprint(&private.Private.PublicKey), SignatureAlgorithm: signatureAlgorithm, LogFiles: s.Files[:p.Files],
		Covers: Covers{t.Name, s.From, p.To},
	}
	if g.LogFiles == nil {
		g.LogFiles = []digestLog{}
	}
	for i := range g.LogFiles {
		f := &g.LogFiles[i] // times of one form: their order is that of their texts
		if g.NewestEventTime == nil || f.NewestEventTime > *g.NewestEventTime {
			g.NewestEventTime = &f.NewestEventTime
		}
		if g.OldestEventTime == nil || f.OldestEventTime < *g.OldestEventTime {
			g.OldestEventTime = &f.OldestEventTime
		}
	}
	if l := s.Last; l != nil {
		g.PreviousBucket, g.PreviousObject, g.PreviousHash, g.PreviousAlgorithm, g.PreviousSignature = &l.Bucket, &l.Key, &l.Hash, &algorithm, &l.Signature
	}
	raw, err := json.Marshal(g)
	if err != nil {
		return err
	}
	signed := sha256.Sum256(signedText(&g, raw))
	signature, err := rsa.SignPKCS1v15(nil, private.Private, crypto.SHA256, signed[:]) // the same each time
	if err != nil {
		return err
	}
	text := hex.EncodeToString(signature)
	if err := d.put(account, p.Bucket, p.Key, raw, map[string]string{"signature": text, "signature-algorithm": signatureAlgorithm}); err != nil {
		return err
	}
	d.point("digest written")
	sum := sha256.Sum256(raw)
	s.Last = &lastDigest{p.Bucket, p.Key, hex.EncodeToString(sum[:]), text, p.End}
	s.Files, s.From, s.PendingAt, s.Digested = s.Files[p.Files:], p.To, nil, p.End
	if err := d.save(account, t.Name, s); err != nil {
		return err
	}
	d.note(account, t.Name, func(n *query.DeliveryState) { n.Digested = s.Digested })
	return nil
}

// signedText is what the signature of a digest file is of.
func signedText(g *Digest, raw []byte) []byte {
	previous := "null"
	if g.PreviousSignature != nil {
		previous = *g.PreviousSignature
	}
	return fmt.Appendf(nil, "%s\n%s/%s\n%x\n%s", g.EndTime, g.Bucket, g.Object, sha256.Sum256(raw), previous)
}

// fingerprint names a key as CloudTrail does. MD5 is good enough for a name.
func fingerprint(k *rsa.PublicKey) string {
	return fmt.Sprintf("%x", md5.Sum(x509.MarshalPKCS1PublicKey(k)))
}

// PublicKeys implements query.Delivery.
func (d *Deliverer) PublicKeys() ([]query.DigestKey, error) {
	k, err := d.Key()
	if err != nil {
		return nil, err
	}
	public := &k.Private.PublicKey
	return []query.DigestKey{{
		DER: x509.MarshalPKCS1PublicKey(public), Fingerprint: fingerprint(public), From: k.Since, To: k.Since.AddDate(10, 0, 0),
	}}, nil
}
