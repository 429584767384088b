package journal

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Watch reads a stream that nobody folds, proves it message by message and
// signs checkpoints of it. Where it stands is kept in a file beside the
// checkpoints, so that a start proves only the tail.
type Watch struct {
	log    Log
	vault  *Vault
	stream Stream
	key    []byte // authenticates the file

	mu   sync.Mutex // guards head and hear
	head *Head
	hear func(Message) // nil before Run

	signing sync.Mutex // one Sign at a time, so that sizes only grow
	signed  uint64     // guarded by signing: size of the last checkpoint of this Watch
	kept    bool       // guarded by signing: there was one
}

const (
	checkpointEvery    = 10 * time.Second
	checkpointMessages = 10_000
)

// headFile is where a Watch stands, at rest.
type headFile struct {
	Size  uint64          `json:"size"`
	Roots []Hash          `json:"roots"`
	Links map[string]Hash `json:"links"`
}

// OpenWatch proves the stream from where the last Watch stood to its end, and
// holds it against the newest checkpoint. ErrDamaged: it must not be served.
func OpenWatch(ctx context.Context, log Log, vault *Vault, s Stream, key []byte) (*Watch, error) {
	w := &Watch{log: log, vault: vault, stream: s, key: key, head: NewHead(s)}
	if err := w.load(); err != nil {
		return nil, err
	}
	end, err := log.End(ctx, s)
	if err != nil {
		return nil, err
	}
	if w.head.Tree.Size > end {
		return nil, fmt.Errorf("%w: %s ends at %d, but was proved up to %d: an older copy of the store was put back, or it was cut", ErrDamaged, s, end, w.head.Tree.Size)
	}
	err = Prove(vault, s, end, w.head.Tree.Size, func(upTo uint64) (Hash, error) {
		err := w.readTo(ctx, upTo)
		return w.head.Tree.Root(), err
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Prove moves a reader that stands at sequence at to the end of a stream, and
// compares it with the newest checkpoint on the way. move goes to a sequence
// and gives the root there. A log that ends before its own checkpoint, or is
// not what was signed, is refused.
func Prove(vault *Vault, s Stream, end, at uint64, move func(upTo uint64) (Hash, error)) error {
	c, err := vault.Newest(s)
	if err != nil && !errors.Is(err, ErrNone) {
		return err
	}
	if c.Size > end {
		return fmt.Errorf("%w: %s ends at %d, below its signed checkpoint at %d: an older copy of the store was put back, or it was cut", ErrDamaged, s, end, c.Size)
	}
	if err == nil && at <= c.Size {
		root, err := move(c.Size)
		if err != nil {
			return err
		}
		if root != c.Root {
			return fmt.Errorf("%w: %s is not what was signed at sequence %d", ErrDamaged, s, c.Size)
		}
	}
	_, err = move(end)
	return err
}

func (w *Watch) readTo(ctx context.Context, upTo uint64) error {
	for w.head.Tree.Size < upTo {
		batch, err := w.log.Read(ctx, w.stream, w.head.Tree.Size, int(min(1000, upTo-w.head.Tree.Size)))
		if err != nil {
			return err
		}
		if len(batch) == 0 {
			return fmt.Errorf("%w: %s has no sequence %d", ErrDamaged, w.stream, w.head.Tree.Size+1)
		}
		for i := range batch {
			if err := w.head.Add(&batch[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

// CatchUp reads to where the stream ends now. Run must not be running.
func (w *Watch) CatchUp(ctx context.Context) error {
	end, err := w.log.End(ctx, w.stream)
	if err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.readTo(ctx, end)
}

// tend signs every ten seconds, and once a second holds the stream's end against
// what was read of it. It calls stop with the reason if it was cut.
func (w *Watch) tend(ctx context.Context, stop context.CancelCauseFunc) {
	tick, sign := time.NewTicker(time.Second), time.NewTicker(checkpointEvery)
	defer tick.Stop()
	defer sign.Stop()
	for {
		select {
		case <-tick.C:
		case <-sign.C:
			switch err := w.Sign(); {
			case errors.Is(err, ErrDamaged):
				stop(err)
			case err != nil: // a full disk, say: the next one will do
				slog.Error("no checkpoint was stored", "stream", w.stream, "cause", err)
			}
		case <-ctx.Done():
			return
		}
		w.mu.Lock()
		size := w.head.Tree.Size // before End: others write meanwhile
		w.mu.Unlock()
		end, err := w.log.End(ctx, w.stream)
		switch {
		case errors.Is(err, ErrDamaged):
			stop(err)
		case err == nil && end < size:
			stop(fmt.Errorf("%w: %s ends at %d, but %d was read from it", ErrDamaged, w.stream, end, size))
		}
	}
}

// Offer brings a message that its writer knows to be durable, with its leaf
// hash, so that it need not be read back. It is taken if it is next; if not,
// Run finds it.
func (w *Watch) Offer(m Message, leaf Hash) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if m.Seq == w.head.Tree.Size+1 && w.head.AddLeaf(&m, leaf) == nil && w.hear != nil {
		w.hear(m)
	}
}

const lookAgain = 100 * time.Millisecond // for what nobody offered

// Run keeps reading what was not offered until ctx ends, calling hear with each
// new message, in order, and signs as it goes. hear must not wait. It returns
// an error only for a damaged stream.
func (w *Watch) Run(outer context.Context, hear func(Message)) error {
	ctx, stop := context.WithCancelCause(outer)
	defer stop(nil)
	w.mu.Lock()
	w.hear = hear
	signed := w.head.Tree.Size
	w.mu.Unlock()
	go w.tend(ctx, stop)
	for {
		size, more, err := w.look(ctx)
		if err == nil && size-signed >= checkpointMessages {
			signed, err = size, w.Sign()
		}
		switch {
		case errors.Is(err, ErrDamaged):
			return err
		case more && err == nil:
			continue
		}
		select {
		case <-time.After(lookAgain):
		case <-ctx.Done():
			if outer.Err() == nil {
				return context.Cause(ctx)
			}
			return nil
		}
	}
}

// look takes in what is in the stream and was not offered.
func (w *Watch) look(ctx context.Context) (size uint64, more bool, err error) {
	w.mu.Lock()
	size = w.head.Tree.Size
	w.mu.Unlock()
	batch, err := w.log.Read(ctx, w.stream, size, 1000)
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range batch {
		if m := &batch[i]; m.Seq > w.head.Tree.Size && err == nil {
			if err = w.head.Add(m); err == nil {
				w.hear(*m)
			}
		}
	}
	return w.head.Tree.Size, len(batch) > 0, err
}

// Sign stores a checkpoint of all that was read so far.
func (w *Watch) Sign() error {
	w.signing.Lock()
	defer w.signing.Unlock()
	w.mu.Lock()
	t, links := w.head.Tree.Clone(), w.head.Links()
	w.mu.Unlock()
	if w.kept && w.signed == t.Size {
		return nil
	}
	if err := w.vault.Store(w.stream, &t); err != nil {
		return err
	}
	b, err := json.Marshal(headFile{t.Size, t.Roots, links})
	if err != nil {
		return err
	}
	if err := replaceFile(w.path(), append(w.mac(b), b...)); err != nil {
		return err
	}
	w.signed, w.kept = t.Size, true
	return nil
}

func (w *Watch) path() string {
	return filepath.Join(w.vault.dir, strings.ToLower(string(w.stream))+".head")
}

func (w *Watch) mac(b []byte) []byte {
	m := hmac.New(sha256.New, w.key)
	m.Write([]byte(w.stream))
	m.Write(b)
	return m.Sum(nil)
}

// load reads the file. One that is absent or not ours means to prove the
// stream from its beginning: it saves time, and nothing depends on it.
func (w *Watch) load() error {
	b, err := os.ReadFile(w.path())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var f headFile
	if len(b) < sha256.Size || !hmac.Equal(b[:sha256.Size], w.mac(b[sha256.Size:])) || json.Unmarshal(b[sha256.Size:], &f) != nil {
		slog.Warn("where the last reading stood is not known: proving the stream from its beginning", "stream", w.stream, "cause", w.path()+" was altered, or sealed by another key")
		return nil
	}
	head, err := ResumeHead(w.stream, Tree{f.Size, f.Roots}, f.Links)
	if err == nil {
		w.head = head
	}
	return err
}
