package delivery

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/query"
)

// Delivered is what a bucket's folder holds, checked as far as the folder alone
// can be. Problems name what is wrong with it, file by file.
type Delivered struct {
	Trails   map[string]*Chain
	Events   map[string]Event // by id
	Logs     int              // log files that a digest names
	Problems []string

	unnamed map[string]bool // log files that no digest names
}

// Chain is the digest files of one trail.
type Chain struct {
	Digests int
	Newest  string   // key
	To      position // how far in the log they cover
}

// Covered says whether the digests cover a message.
func (c *Chain) Covered(s journal.Stream, seq uint64) bool { return seq <= c.To[s] }

// Event is a delivered record.
type Event struct {
	Sum  [32]byte // of its bytes
	File string
}

const fileMost = 256 << 20 // a file that is longer when it is decompressed is none of ours

// ReadDelivered reads the folder of an account's bucket and checks all that it
// holds against the keys that digests may be signed with.
func ReadDelivered(dir, account, bucket string, keys []query.DigestKey) (*Delivered, error) {
	d := &Delivered{Trails: map[string]*Chain{}, Events: map[string]Event{}, unnamed: map[string]bool{}}
	public := map[string]*rsa.PublicKey{}
	for _, k := range keys {
		p, err := x509.ParsePKCS1PublicKey(k.DER)
		if err != nil {
			return nil, err
		}
		public[k.Fingerprint] = p
	}
	var digests []string
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		key, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		key = filepath.ToSlash(key)
		switch name := e.Name(); {
		case hidden(key):
		case strings.HasPrefix(name, account+"_CloudTrail-Digest_"):
			digests = append(digests, key)
		case strings.HasPrefix(name, account+"_CloudTrail_"):
			d.unnamed[key] = true
		default:
			d.problem("%s: no file of ours", key)
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) { // everything was removed: what is missing says the log
		return d, nil
	}
	if err != nil {
		return nil, err
	}
	read := map[string]*readDigest{}
	for _, key := range digests {
		g, err := openDigest(dir, bucket, key, public)
		if err != nil {
			d.problem("%s: %v", key, err)
			continue
		}
		read[key] = g
	}
	d.chains(read)
	for _, key := range slices.Sorted(maps.Keys(read)) {
		for _, f := range read[key].LogFiles {
			d.log(dir, bucket, key, &f)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(d.unnamed)) { // since the last digest, or put there
		raw, err := unzip(filepath.Join(dir, filepath.FromSlash(key)))
		if err == nil {
			err = d.records(key, raw)
		}
		if err != nil {
			d.problem("%s: %v", key, err)
		}
	}
	return d, nil
}

func (d *Delivered) problem(format string, args ...any) {
	d.Problems = append(d.Problems, fmt.Sprintf(format, args...))
}

// Unnamed says whether an event's file is under no digest.
func (d *Delivered) Unnamed(e Event) bool { return d.unnamed[e.File] }

type readDigest struct {
	Digest
	hash, signature string
}

// openDigest reads a digest file and checks its signature and its place.
func openDigest(dir, bucket, key string, public map[string]*rsa.PublicKey) (*readDigest, error) {
	name := filepath.Join(dir, filepath.FromSlash(key))
	raw, err := unzip(name)
	if err != nil {
		return nil, err
	}
	var metadata map[string]string
	b, err := os.ReadFile(name + metadataSuffix)
	if err != nil || json.Unmarshal(b, &metadata) != nil || metadata["signature-algorithm"] != signatureAlgorithm {
		return nil, errors.New("it has no signature")
	}
	g := &readDigest{signature: metadata["signature"]}
	if err := json.Unmarshal(raw, &g.Digest); err != nil {
		return nil, errors.New("it does not read")
	}
	if g.Bucket != bucket || g.Object != key {
		return nil, errors.New("it was moved from " + g.Bucket + "/" + g.Object)
	}
	k, ok := public[g.Digest.Fingerprint]
	if !ok {
		return nil, errors.New("it is signed with a key that is not known: " + g.Digest.Fingerprint)
	}
	signature, err := hex.DecodeString(g.signature)
	sum := sha256.Sum256(signedText(&g.Digest, raw))
	if err != nil || rsa.VerifyPKCS1v15(k, crypto.SHA256, sum[:], signature) != nil {
		return nil, errors.New("its signature does not hold")
	}
	hash := sha256.Sum256(raw)
	g.hash = hex.EncodeToString(hash[:])
	return g, nil
}

// chains follows each digest to the one before it.
func (d *Delivered) chains(read map[string]*readDigest) {
	follows := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(read)) {
		g := read[key]
		c := d.Trails[g.Covers.Trail]
		if c == nil {
			c = &Chain{To: position{}}
			d.Trails[g.Covers.Trail] = c
		}
		c.Digests++
		newer := true
		for s, seq := range c.To {
			newer = newer && g.Covers.To[s] >= seq
		}
		if newer {
			c.Newest, c.To = key, g.Covers.To
		}
		if g.PreviousObject == nil {
			continue // where a chain begins
		}
		if g.PreviousBucket == nil || *g.PreviousBucket != g.Bucket {
			continue // in another folder
		}
		if other, twice := follows[*g.PreviousObject]; twice {
			d.problem("%s and %s follow the same digest", key, other)
		}
		follows[*g.PreviousObject] = key
		p, ok := read[*g.PreviousObject]
		switch {
		case !ok:
			d.problem("%s: missing, or not as it was written: %s follows it", *g.PreviousObject, key)
		case g.PreviousHash == nil || *g.PreviousHash != p.hash || g.PreviousSignature == nil || *g.PreviousSignature != p.signature:
			d.problem("%s: not what %s follows", *g.PreviousObject, key)
		case !maps.Equal(p.Covers.To, g.Covers.From):
			d.problem("%s: covers the log from elsewhere than where the digest before it ends", key)
		}
	}
}

// log checks a log file that a digest names.
func (d *Delivered) log(dir, bucket, digest string, f *digestLog) {
	if f.Bucket != bucket {
		return // in another folder
	}
	if !filepath.IsLocal(filepath.FromSlash(f.Object)) {
		d.problem("%s: names %q", digest, f.Object)
		return
	}
	d.Logs++
	delete(d.unnamed, f.Object)
	raw, err := unzip(filepath.Join(dir, filepath.FromSlash(f.Object)))
	if errors.Is(err, fs.ErrNotExist) {
		d.problem("%s: missing: %s names it", f.Object, digest)
		return
	}
	if sum := sha256.Sum256(raw); err == nil && hex.EncodeToString(sum[:]) != f.Hash {
		err = errors.New("not what its digest says")
	}
	if err == nil {
		err = d.records(f.Object, raw)
	}
	if err != nil {
		d.problem("%s: %v", f.Object, err)
	}
}

func (d *Delivered) records(file string, raw []byte) error {
	var content struct{ Records []json.RawMessage }
	if err := json.Unmarshal(raw, &content); err != nil {
		return errors.New("it does not read")
	}
	for _, r := range content.Records {
		var rec struct{ EventID string }
		if err := json.Unmarshal(r, &rec); err != nil || rec.EventID == "" {
			return errors.New("it holds what is no record")
		}
		if other, twice := d.Events[rec.EventID]; twice && other.File == file {
			d.problem("%s: event %s is there twice", file, rec.EventID)
		}
		d.Events[rec.EventID] = Event{sha256.Sum256(r), file}
	}
	return nil
}

func unzip(name string) ([]byte, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(b))
	if err != nil {
		return nil, errors.New("it is not compressed as it was")
	}
	raw, err := io.ReadAll(io.LimitReader(z, fileMost+1))
	if err != nil || len(raw) > fileMost {
		return nil, errors.New("it is not compressed as it was")
	}
	return raw, nil
}
