package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/projections"
)

// node is the state of one Keytrail: its folder, its keys, its log and the
// World folded from it. The server runs on one; the offline tools open one.
type node struct {
	dir       string
	lock      *os.File
	keys      *seal.Keyring
	log       *journal.NATS
	logID     string
	operator  string // the first account
	vault     *journal.Vault
	snapshots *projections.Snapshots
	live      *projections.Live
	decisions *journal.Watch
	fresh     bool // the log was empty: nothing but the first account is in it

	signing   sync.Mutex // one signing of IDENTITY at a time
	snapshot  uint64     // sequence of the newest snapshot; owned by who signs
	onMessage func(journal.Message)
}

// lockDir keeps two processes out of one folder: two servers on one store
// would destroy it.
func lockDir(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("%s is in use by another keytrail: stop it, or give another --data", dir)
	}
	return f, nil
}

// openNode opens the folder and the log, refuses both if they are not what was
// signed, and brings the World to the log's end. first makes the first unit of
// an empty log; nil: an empty log is an error.
func openNode(ctx context.Context, c *serverConfig, first func(*node) error) (n *node, err error) {
	n = &node{dir: c.Data, onMessage: func(journal.Message) {}}
	defer func() {
		if err != nil {
			n.close()
		}
	}()
	if n.lock, err = lockDir(c.Data); err != nil {
		return n, err
	}
	// A log without its keys can't be read, and new ones would hide that.
	if _, err := os.Stat(filepath.Join(c.Data, "keys", "keyring.json")); errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(filepath.Join(c.Data, "checkpoints")); err == nil {
			return n, fmt.Errorf("%s has a log but not its keys (keys/keyring.json): put them back", c.Data)
		}
	}
	rootKey := c.RootKey
	if rootKey == "" {
		rootKey = filepath.Join(c.Data, "keys", "root.key")
	}
	root, err := seal.LoadRoot(rootKey)
	if err != nil {
		return n, err
	}
	if n.keys, err = seal.Load(filepath.Join(c.Data, "keys", "keyring.json"), root); err != nil {
		return n, err
	}
	if c.NATS == "embedded" {
		n.log, err = n.embedded(ctx, c)
	} else {
		n.log, err = journal.Dial(ctx, c.NATS, 1)
	}
	if err != nil {
		return n, err
	}
	if err := n.identify(ctx, first); err != nil {
		return n, err
	}
	if n.vault, err = journal.OpenVault(filepath.Join(c.Data, "checkpoints"), n.logID, n.keys.SigningKey()); err != nil {
		return n, err
	}
	if n.snapshots, err = projections.OpenSnapshots(filepath.Join(c.Data, "snapshots"), n.logID, n.keys.MACKey()); err != nil {
		return n, err
	}
	if err := n.foldIdentity(ctx); err != nil {
		return n, err
	}
	n.decisions, err = journal.OpenWatch(ctx, n.log, n.vault, journal.Decisions, n.keys.MACKey())
	return n, err
}

// embedded opens the log in this process, with a door for services if asked.
func (n *node) embedded(ctx context.Context, c *serverConfig) (*journal.NATS, error) {
	dir := filepath.Join(c.Data, "journal")
	if c.NATSListen == "" {
		return journal.Embedded(ctx, dir)
	}
	door := journal.Door{Addr: c.NATSListen}
	if c.TLSCert != "" {
		certs, err := newCertificates(c.TLSCert, c.TLSKey)
		if err != nil {
			return nil, failure{exitUsage, err}
		}
		door.TLS = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certs.get}
	}
	password, err := os.ReadFile(n.feedPassword())
	if errors.Is(err, fs.ErrNotExist) {
		password = []byte(rand.Text())
		err = os.WriteFile(n.feedPassword(), password, 0o600)
	}
	if err != nil {
		return nil, err
	}
	door.Password = string(password)
	return journal.Embedded(ctx, dir, door)
}

// feedPassword is the file of the password of who follows the feed.
func (n *node) feedPassword() string { return filepath.Join(n.dir, "keys", "feed.password") }

// identify finds the log's identity in its first unit, which it may make.
func (n *node) identify(ctx context.Context, first func(*node) error) error {
	for {
		m, err := n.log.Read(ctx, journal.Identity, 0, 1)
		if err != nil {
			return err
		}
		if len(m) == 0 {
			_, err := os.Stat(filepath.Join(n.dir, "checkpoints", "identity.checkpoint"))
			if err == nil {
				return fmt.Errorf("%w: the log is empty, but checkpoints of it are signed in %s", journal.ErrDamaged, filepath.Join(n.dir, "checkpoints"))
			}
			if first == nil {
				return errors.New("the log is empty: no server has run on this folder")
			}
			if err := first(n); err != nil {
				return err
			}
			n.fresh = true
			continue
		}
		u, err := events.DecodeUnit(1, m[0].Key, m[0].Body)
		if err != nil {
			return err
		}
		for _, f := range u.Facts {
			if f, ok := f.(events.AccountCreated); ok {
				n.logID, n.operator = f.LogID, f.ID
				return nil
			}
		}
		return fmt.Errorf("%w: the first unit of IDENTITY does not say which log this is", journal.ErrDamaged)
	}
}

// foldIdentity brings the World to the log's end: snapshot and tail.
func (n *node) foldIdentity(ctx context.Context) error {
	end, err := n.log.End(ctx, journal.Identity)
	if err != nil {
		return err
	}
	w, head, why, err := n.snapshots.Newest(end)
	if why != nil {
		slog.Warn("starting without a snapshot", "cause", why)
	}
	if errors.Is(err, projections.ErrNoSnapshot) {
		w, head, err = &projections.World{}, journal.NewHead(journal.Identity), nil
	}
	if err != nil {
		return err
	}
	n.snapshot = w.Seq
	err = journal.Prove(n.vault, journal.Identity, end, w.Seq, func(upTo uint64) (journal.Hash, error) {
		if upTo <= w.Seq {
			return head.Tree.Root(), nil
		}
		err := projections.Replay(ctx, n.log, w, head, upTo, nil)
		return head.Tree.Root(), err
	})
	if err != nil {
		return err
	}
	n.live = projections.NewLive(n.log, w, head, func(m journal.Message) { n.onMessage(m) })
	return nil
}

// newest is the time of the newest event: of what was written, none is later.
func (n *node) newest(ctx context.Context) (newest time.Time, err error) {
	for _, s := range []journal.Stream{journal.Identity, journal.Decisions} {
		end, err := n.log.End(ctx, s)
		if err != nil {
			return newest, err
		}
		last, err := n.log.Read(ctx, s, end-min(end, 10), 10) // requests are not written in the order of their times
		if err != nil {
			return newest, err
		}
		for _, m := range last {
			if err := events.Each(m.Body, func(_ int, e events.Raw) error {
				if e.Time.After(newest) {
					newest = e.Time
				}
				return nil
			}); err != nil {
				return newest, err
			}
		}
	}
	return newest, nil
}

// frozen is the World as it is now, standing still.
func (n *node) frozen() *projections.World { w, _, _ := n.live.Freeze(); return w }

// sign stores a checkpoint of IDENTITY as it is now.
func (n *node) sign() error {
	n.signing.Lock()
	defer n.signing.Unlock()
	t := n.live.Tree()
	return n.vault.Store(journal.Identity, &t)
}

// checkpoint signs a stream as it is now and returns the note.
func (n *node) checkpoint(s journal.Stream) (string, error) {
	sign := n.sign
	if s == journal.Decisions {
		sign = n.decisions.Sign
	}
	if err := sign(); err != nil {
		return "", err
	}
	return n.vault.Note(s)
}

const snapshotUnits = 100_000 // a start reads at most about so many units

// keep signs every ten seconds and takes a snapshot every 100,000 units, until
// ctx ends.
func (n *node) keep(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		switch err := n.sign(); {
		case errors.Is(err, journal.ErrDamaged):
			return fmt.Errorf("signing a checkpoint: %w", err)
		case err != nil: // a full disk, say: the next one will do
			slog.Error("no checkpoint was stored", "stream", journal.Identity, "cause", err)
			continue
		}
		if n.live.Seq()-n.snapshot >= snapshotUnits {
			if err := n.save(); err != nil {
				slog.Error("snapshot not taken: the next start will take longer", "cause", err)
			}
		}
	}
}

// save takes a snapshot, if anything moved since the last one.
func (n *node) save() error {
	w, tree, links := n.live.Freeze()
	if w.Seq == n.snapshot {
		return nil
	}
	_, err := n.snapshots.Save(w, tree, links)
	if err == nil {
		n.snapshot = w.Seq
	}
	return err
}

// close leaves everything so that the next start is quick: signed, snapshot
// taken, streams closed.
func (n *node) close() error {
	var errs []error
	if n.live != nil && n.decisions != nil {
		// First all reading, which has a second, then all writing: the snapshot
		// of a large World takes longer than that.
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		errs = append(errs, n.live.CatchUp(ctx))
		if err := n.decisions.CatchUp(ctx); err == nil {
			errs = append(errs, n.decisions.Sign())
		} else {
			errs = append(errs, err)
		}
		if n.live.Broken() == nil {
			errs = append(errs, n.sign(), n.save())
		}
		cancel()
	}
	if n.log != nil {
		n.log.Close()
	}
	if n.lock != nil {
		errs = append(errs, n.lock.Close())
	}
	return errors.Join(errs...)
}
