package journal

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Embedded starts a JetStream server inside this process, with its store in
// dir, and opens the log in it. No port is opened; every write is on disk
// before it is acknowledged (SyncAlways). Only one process may have dir open:
// the caller holds its lock.
//
// A store that failed to write stays refused by the server until it is closed
// (measured: for ever, without an answer to who appends). So it is closed and
// opened again, as soon as dir can be written to; meanwhile appends are refused
// at once, and their callers know no more than that nothing was acknowledged.
func Embedded(ctx context.Context, dir string, door ...Door) (*NATS, error) {
	n := newNATS()
	if len(door) > 0 {
		n.door = &door[0]
	}
	n.wound = &wound{hurt: make(chan struct{}, 1)}
	c, err := n.startServer(ctx, dir)
	if err != nil {
		return nil, err
	}
	n.conn.Store(c)
	ctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	mended := make(chan struct{})
	go func() { defer close(mended); n.mend(ctx, dir) }()
	n.stopMending = func() { stop(); <-mended }
	return n, nil
}

// startServer starts a server on dir and connects to it.
func (n *NATS) startServer(ctx context.Context, dir string) (*connection, error) {
	if err := whole(dir); err != nil {
		return nil, err
	}
	o := &server.Options{
		ServerName: "keytrail", DontListen: true, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: dir, SyncAlways: true, JetStreamMaxMemory: 256 << 20, JetStreamMaxStore: -1,
		MaxPayload: 8 << 20, DisableJetStreamBanner: true,
	}
	own := clientOptions()
	if n.door != nil {
		own = append(own, n.door.open(o))
	}
	s, err := server.NewServer(o)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	s.SetLogger(n.wound, false, false)
	go s.Start()
	shutdown := func() { s.Shutdown(); s.WaitForShutdown() }
	if !s.ReadyForConnections(60 * time.Second) {
		shutdown()
		return nil, errors.New("journal: the embedded NATS server did not start within 60 s")
	}
	nc, err := nats.Connect("", append(own, nats.InProcessServer(s))...)
	if err != nil {
		shutdown()
		return nil, fmt.Errorf("journal: %w", err)
	}
	c, err := n.connect(ctx, nc, 1, func(s Stream) error { return missing(dir, s) })
	if err != nil {
		nc.Close()
		shutdown()
		return nil, err
	}
	c.shutdown = shutdown
	if n.door != nil {
		c.feedURL = s.ClientURL()
	}
	return c, nil
}

// streamDir is where the server keeps a stream.
func streamDir(dir string, s Stream) string {
	return filepath.Join(dir, "jetstream", "$G", "streams", string(s))
}

// whole refuses a store in which messages lie without the description of their
// stream: the server would pass over them in silence.
func whole(dir string) error {
	for _, s := range []Stream{Identity, Decisions} {
		if _, err := os.Stat(filepath.Join(streamDir(dir, s), "meta.inf")); errors.Is(err, os.ErrNotExist) {
			if err := missing(dir, s); err != nil {
				return err
			}
		}
	}
	return nil
}

// missing refuses to make a stream anew in a folder that holds messages of it:
// the server did not take them, so something of it is damaged.
func missing(dir string, s Stream) error {
	blocks, err := filepath.Glob(filepath.Join(strings.ReplaceAll(streamDir(dir, s), "[", `\[`), "msgs", "*.blk"))
	if err != nil {
		return err
	}
	for _, b := range blocks {
		if info, err := os.Stat(b); err == nil && info.Size() > 0 {
			return fmt.Errorf("%w: %s does not open, but messages of it lie in %s", ErrDamaged, s, filepath.Dir(b))
		}
	}
	return nil
}

// wound is what is known of a server that can't write. It hears the server's
// log, for there is no other sign: appends are simply not answered.
type wound struct {
	told   atomic.Pointer[string] // what the server said when it could not write
	silent atomic.Int32           // appends without an answer since the last that had one
	hurt   chan struct{}
}

const silentMost = 3 // appends without an answer, without a word from the server either

// appended notes how an append ended.
func (w *wound) appended(answered bool) {
	if w == nil {
		return
	}
	if answered {
		w.silent.Store(0)
		return
	}
	if w.silent.Add(1) >= silentMost || w.told.Load() != nil {
		w.call()
	}
}

func (w *wound) call() {
	select {
	case w.hurt <- struct{}{}:
	default: // it is known
	}
}

// err is why an append would be in vain, or nil.
func (w *wound) err() error {
	if w == nil {
		return nil
	}
	if told := w.told.Load(); told != nil {
		return errors.New(*told)
	}
	return nil
}

// Errorf and its like implement the server's Logger.
func (w *wound) Errorf(format string, v ...any) { w.hear(slog.LevelError, format, v...) }
func (w *wound) Warnf(format string, v ...any)  { w.hear(slog.LevelWarn, format, v...) }
func (w *wound) Fatalf(format string, v ...any) { w.hear(slog.LevelError, format, v...) }
func (w *wound) Noticef(string, ...any)         {}
func (w *wound) Debugf(string, ...any)          {}
func (w *wound) Tracef(string, ...any)          {}

func (w *wound) hear(level slog.Level, format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	slog.Log(context.Background(), level, "NATS", "says", text)
	low := strings.ToLower(text)
	if strings.Contains(low, "write error") || strings.Contains(low, "no space left") || strings.Contains(low, "failed to store") || strings.Contains(low, "disabl") {
		w.told.CompareAndSwap(nil, &text)
		w.call()
	}
}

// mend closes and opens the store whenever it can't be written to.
func (n *NATS) mend(ctx context.Context, dir string) {
	for {
		select {
		case <-n.wound.hurt:
		case <-ctx.Done():
			return
		}
		n.wound.told.CompareAndSwap(nil, new("journal: the store does not answer"))
		slog.Error("the journal can't be written to", "cause", *n.wound.told.Load())
		for err := error(errUnwritable); err != nil; {
			if err = writable(dir); err == nil {
				err = n.reopen(ctx, dir)
			}
			if errors.Is(err, ErrDamaged) {
				slog.Error("the journal stays closed", "cause", err)
				n.wound.told.Store(new(err.Error()))
				return
			}
			select {
			case <-time.After(250 * time.Millisecond):
			case <-ctx.Done():
				return
			}
		}
		slog.Info("the journal is written to again")
	}
}

var errUnwritable = errors.New("journal: not tried yet")

// writable tries a write as large as the largest page.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".probe-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(make([]byte, 4*pageBytes))
	return errors.Join(err, f.Sync(), f.Close())
}

// reopen puts a new server in place of the one that is there. Whoever is using
// that one learns that the connection was closed, and nothing else: an append
// is then of unknown outcome. What was acknowledged must be in the store still.
func (n *NATS) reopen(ctx context.Context, dir string) error {
	n.conn.Load().close()
	c, err := n.startServer(ctx, dir)
	if err != nil {
		return err
	}
	for s, acked := range map[Stream]*atomic.Uint64{Identity: &n.acked[0], Decisions: &n.acked[1]} {
		end, err := c.end(ctx, s)
		if err == nil && end < acked.Load() {
			err = fmt.Errorf("%w: %s ends at %d after a write error, but %d was acknowledged", ErrDamaged, s, end, acked.Load())
		}
		if err != nil {
			c.close()
			return err
		}
	}
	n.conn.Store(c)
	n.wound.silent.Store(0)
	n.wound.told.Store(nil)
	select {
	case <-n.wound.hurt: // of the old one
	default:
	}
	return nil
}
