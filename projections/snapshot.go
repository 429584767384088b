package projections

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/keytrail/keytrail/events/journal"
)

// A snapshot is the World at one sequence, so that a start reads only the tail
// of the journal. It is a cache: dropping it costs time, never truth. It is
// authenticated with a key of the keyring, since whoever could write one could
// grant himself anything.
//
// The file: one line of JSON (SnapshotHeader), the World's pack, and 32 bytes of
// HMAC-SHA256 over all before. A file of another version is not used.
const snapshotVersion = 5

// SnapshotHeader begins a snapshot file.
type SnapshotHeader struct {
	Version int                     `json:"version"`
	LogID   string                  `json:"logId"`
	Seq     uint64                  `json:"seq"`
	Hash    string                  `json:"hash"` // of the World's dump, hexadecimal SHA-256
	Roots   []journal.Hash          `json:"roots"`
	Links   map[string]journal.Hash `json:"links"` // chain of each account
}

// Snapshots keeps the newest two snapshots of one log in a folder.
type Snapshots struct {
	dir   string
	logID string
	key   []byte
}

// OpenSnapshots uses dir, making it if needed.
func OpenSnapshots(dir, logID string, key []byte) (*Snapshots, error) {
	return &Snapshots{dir, logID, key}, os.MkdirAll(dir, 0o700)
}

// Save writes a snapshot of a frozen World and returns its header.
func (s *Snapshots) Save(w *World, t journal.Tree, links map[string]journal.Hash) (h SnapshotHeader, err error) {
	sum := w.Hash()
	h = SnapshotHeader{snapshotVersion, s.logID, w.Seq, hex.EncodeToString(sum[:]), t.Roots, links}
	if t.Size != w.Seq {
		return h, fmt.Errorf("projections: a snapshot at %d with a tree of %d", w.Seq, t.Size)
	}
	f, err := os.CreateTemp(s.dir, ".new-*")
	if err != nil {
		return h, err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	mac := hmac.New(sha256.New, s.key)
	out := bufio.NewWriterSize(f, 1<<20)
	both := io.MultiWriter(out, mac)
	line, err := json.Marshal(h)
	if err != nil {
		return h, err
	}
	both.Write(append(line, '\n'))
	if err := w.Pack(both); err != nil {
		return h, err
	}
	out.Write(mac.Sum(nil))
	if err := errors.Join(out.Flush(), f.Sync()); err != nil {
		return h, err
	}
	if err := os.Rename(f.Name(), filepath.Join(s.dir, fmt.Sprintf("%020d.snapshot", w.Seq))); err != nil {
		return h, err
	}
	names, err := s.names()
	for len(names) > 2 && err == nil {
		err, names = os.Remove(names[0]), names[1:]
	}
	return h, err
}

// names lists the snapshot files, oldest first.
func (s *Snapshots) names() ([]string, error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".snapshot") {
			names = append(names, filepath.Join(s.dir, e.Name()))
		}
	}
	slices.Sort(names)
	return names, nil
}

// ErrNoSnapshot says that there is none to be used.
var ErrNoSnapshot = errors.New("projections: no snapshot")

// Newest loads the newest snapshot that is sound. Others are passed over and
// named in why: a start then takes longer. A sound snapshot of this log beyond
// its end is no bad snapshot but a log that was cut: ErrDamaged.
func (s *Snapshots) Newest(end uint64) (w *World, head *journal.Head, why error, err error) {
	names, err := s.names()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil, err
	}
	for _, name := range slices.Backward(names) {
		w, h, err := s.load(name)
		if err == nil && h.Seq > end {
			return nil, nil, why, fmt.Errorf("%w: IDENTITY ends at %d, but snapshot %s was taken of it at %d: an older copy of the store was put back, or it was cut", journal.ErrDamaged, end, filepath.Base(name), h.Seq)
		}
		if err == nil {
			head, err = journal.ResumeHead(journal.Identity, journal.Tree{Size: h.Seq, Roots: h.Roots}, h.Links)
		}
		if err == nil {
			return w, head, why, nil
		}
		why = errors.Join(why, fmt.Errorf("snapshot %s is not used: %w", filepath.Base(name), err))
	}
	return nil, nil, why, ErrNoSnapshot
}

// Headers reads the headers of all sound snapshots, oldest first. Of others there
// is nothing to tell but that they are of no use: Newest has passed them over.
func (s *Snapshots) Headers() (all []SnapshotHeader, err error) {
	names, err := s.names()
	for _, name := range names {
		h, _, err := s.open(name)
		if err != nil {
			slog.Warn("a snapshot is of no use", "name", filepath.Base(name), "cause", err)
			continue
		}
		all = append(all, h)
	}
	return all, err
}

func (s *Snapshots) load(name string) (*World, SnapshotHeader, error) {
	h, pack, err := s.open(name)
	if err != nil {
		return nil, h, err
	}
	w, err := Unpack(pack)
	if err == nil && w.Seq != h.Seq {
		err = fmt.Errorf("its world stands at %d, its header says %d", w.Seq, h.Seq)
	}
	return w, h, err
}

// open reads a snapshot that is of this log and sealed by our key.
func (s *Snapshots) open(name string) (h SnapshotHeader, pack []byte, err error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return h, nil, err
	}
	if len(b) < sha256.Size {
		return h, nil, errors.New("it is cut")
	}
	body, sum := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	mac := hmac.New(sha256.New, s.key)
	mac.Write(body)
	if !hmac.Equal(mac.Sum(nil), sum) {
		return h, nil, errors.New("it was altered, or sealed by another key")
	}
	line, pack, _ := bytes.Cut(body, []byte{'\n'})
	if err := json.Unmarshal(line, &h); err != nil {
		return h, nil, err
	}
	if h.Version != snapshotVersion || h.LogID != s.logID {
		return h, nil, fmt.Errorf("it is version %d of log %s", h.Version, h.LogID)
	}
	return h, pack, nil
}
