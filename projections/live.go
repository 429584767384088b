package projections

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
)

// Live is the World that moves with the journal. Whoever appends offers what
// was appended; Follow brings what others did. Units are applied in sequence,
// each once, whoever brings them.
type Live struct {
	log  journal.Log
	hear func(journal.Message) // called for each message applied, in order

	mu      sync.RWMutex // guards all below
	world   *World
	head    *journal.Head
	pending map[uint64]next // offered before their turn; bounded by who appends at once
	news    chan struct{}   // closed and replaced when the World moves
	reached time.Time       // when the World was last known to be at the log's end
	broken  error           // why nothing may be served any more
}

type next struct {
	m journal.Message
	u events.Unit
}

// ErrStale says that this node has not seen the end of the log for too long to
// know what is allowed.
var ErrStale = errors.New("projections: the end of the journal has not been seen for 10 s")

const staleAfter = 10 * time.Second // security.md, I5

// NewLive goes on from a World and the head of IDENTITY at its sequence. hear
// may be nil; it must not block for long.
func NewLive(log journal.Log, w *World, head *journal.Head, hear func(journal.Message)) *Live {
	if hear == nil {
		hear = func(journal.Message) {}
	}
	return &Live{log: log, world: w, head: head, hear: hear, pending: map[uint64]next{}, news: make(chan struct{}), reached: time.Now()}
}

// Read calls f with the World, which stands still meanwhile. f must be quick,
// do no I/O and keep no table of the World; entities it may keep.
func (l *Live) Read(f func(w *World)) error {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if err := l.servable(); err != nil {
		return err
	}
	f(l.world)
	return nil
}

// Servable tells why nothing may be judged now, or nil.
func (l *Live) Servable() error { l.mu.RLock(); defer l.mu.RUnlock(); return l.servable() }

func (l *Live) servable() error {
	if l.broken == nil && time.Since(l.reached) > staleAfter {
		return ErrStale
	}
	return l.broken
}

// Last is where the next unit of an account must follow: its last sequence (0
// if none) and the link of its chain.
func (l *Live) Last(account string) (seq uint64, link journal.Hash) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if a, ok := l.world.Account(account); ok {
		seq = a.Seq
	}
	return seq, l.head.Link(account)
}

// Offer brings a message that is durable in the log. When it returns, the
// World is at m's sequence or beyond, or waits for an earlier one.
func (l *Live) Offer(m journal.Message) error {
	if m.Seq <= l.Seq() {
		return l.Broken()
	}
	u, err := events.DecodeUnit(m.Seq, m.Key, m.Body)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.broken != nil {
		return l.broken
	}
	if m.Seq <= l.world.Seq {
		return nil
	}
	if err != nil {
		return l.breakOn(fmt.Errorf("projections: sequence %d: %w", m.Seq, err))
	}
	l.pending[m.Seq] = next{m, u}
	moved := false
	for {
		n, ok := l.pending[l.world.Seq+1]
		if !ok {
			break
		}
		delete(l.pending, n.m.Seq)
		if err := l.head.Add(&n.m); err != nil {
			return l.breakOn(err)
		}
		if err := l.apply(n); err != nil {
			return l.breakOn(err)
		}
		moved = true
	}
	if moved {
		close(l.news)
		l.news = make(chan struct{})
	}
	return nil
}

// apply folds one unit in. A fold that panics has left the World half changed:
// nothing may be answered from it.
func (l *Live) apply(n next) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("projections: sequence %d can't be folded: %v", n.m.Seq, p)
		}
	}()
	l.world.Apply(n.u)
	l.hear(n.m)
	return nil
}

// breakOn stops serving for good: history that can't be folded must not be
// guessed. Called with mu held.
func (l *Live) breakOn(err error) error {
	l.broken = err
	close(l.news)
	l.news = make(chan struct{})
	return err
}

// Wait returns when the World is at seq or beyond.
func (l *Live) Wait(ctx context.Context, seq uint64) error {
	for {
		l.mu.RLock()
		at, news, broken := l.world.Seq, l.news, l.broken
		l.mu.RUnlock()
		if broken != nil {
			return broken
		}
		if at >= seq {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("projections: waiting for sequence %d, at %d: %w", seq, at, ctx.Err())
		}
	}
}

// CatchUp folds in whatever the log holds that this World has not seen.
func (l *Live) CatchUp(ctx context.Context) error {
	for {
		began := time.Now()
		batch, err := l.log.Read(ctx, journal.Identity, l.Seq(), 1000)
		if err != nil {
			return err
		}
		for _, m := range batch {
			if err := l.Offer(m); err != nil {
				return err
			}
		}
		if len(batch) == 0 { // fewer than asked for may be the bound on bytes, and not the end
			l.mu.Lock()
			l.reached = began
			l.mu.Unlock()
			return nil
		}
	}
}

// Follow keeps the World at the end of the log until ctx ends. A log that
// can't be read is tried again; meanwhile the World grows stale and says so.
func (l *Live) Follow(ctx context.Context) error {
	sound, stop := context.WithCancel(ctx) // ends when nothing can be served any more
	defer stop()
	go l.lookAtEnd(sound, stop)
	for {
		err := l.log.Follow(sound, journal.Identity, l.Seq(), l.Offer)
		if ctx.Err() != nil {
			return nil
		}
		if l.Broken() != nil || errors.Is(err, journal.ErrDamaged) {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.broken == nil {
				l.breakOn(err)
			}
			return l.broken
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return nil
		}
	}
}

// lookAtEnd notes, once a second, whether the World has reached the log's end.
// It calls stop if there is no such log any more.
func (l *Live) lookAtEnd(ctx context.Context, stop func()) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		now, seen := time.Now(), l.Seq() // before End: others write meanwhile
		end, err := l.log.End(ctx, journal.Identity)
		l.mu.Lock()
		switch {
		case l.broken != nil:
		case errors.Is(err, journal.ErrDamaged):
			l.breakOn(err)
		case err == nil && end < seen:
			l.breakOn(fmt.Errorf("%w: IDENTITY ends at %d, but %d was read from it", journal.ErrDamaged, end, seen))
		case err == nil && end <= l.world.Seq:
			l.reached = now
		}
		if l.broken != nil {
			stop()
		}
		l.mu.Unlock()
	}
}

// Seq is the sequence the World stands at.
func (l *Live) Seq() uint64 { l.mu.RLock(); defer l.mu.RUnlock(); return l.world.Seq }

// Broken tells why nothing is served any more, or nil.
func (l *Live) Broken() error { l.mu.RLock(); defer l.mu.RUnlock(); return l.broken }

// Freeze returns a copy of the World that stands still, with its head.
func (l *Live) Freeze() (*World, journal.Tree, map[string]journal.Hash) {
	l.mu.Lock() // a copy-on-write table marks its original
	defer l.mu.Unlock()
	return l.world.Freeze(), l.head.Tree.Clone(), l.head.Links()
}

// Tree is the Merkle tree of IDENTITY up to the World's sequence.
func (l *Live) Tree() journal.Tree { l.mu.RLock(); defer l.mu.RUnlock(); return l.head.Tree.Clone() }
