// Package journaltest holds what tests of the journal's users need: a Log in
// memory that breaks in both ways a real one can, and the suite that every
// Log must pass.
package journaltest

import (
	"bytes"
	"context"
	"errors"
	"sync"
	"time"

	"github.com/keytrail/keytrail/events/journal"
)

// ErrDisk is what a failing Memory returns.
var ErrDisk = errors.New("journaltest: disk")

// Memory is a Log in memory. The zero Memory is empty and never fails.
type Memory struct {
	// Fail decides the fate of each Append that is not a conflict: kept or
	// not, and reported as failed or not. Nil: kept, no error. Set before use.
	Fail func(journal.Stream, journal.Message) (keep bool, err error)
	// Lag is how long after it was settled an Append of Send is answered. Set before use.
	Lag time.Duration

	mu    sync.Mutex
	log   map[journal.Stream][]journal.Message
	marks map[string]mark
	news  chan struct{} // closed and replaced at each append
}

type mark struct {
	value []byte
	rev   uint64
}

// Append implements journal.Log.
func (l *Memory) Append(ctx context.Context, s journal.Stream, last uint64, m journal.Message) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var end uint64
	for _, k := range l.log[s] {
		if k.ID == m.ID {
			return k.Seq, nil
		}
		if k.Key == m.Key {
			end = k.Seq
		}
	}
	if end != last {
		return 0, journal.ErrConflict
	}
	keep, err := true, error(nil)
	if l.Fail != nil {
		keep, err = l.Fail(s, m)
	}
	if keep {
		if l.log == nil {
			l.log = map[journal.Stream][]journal.Message{}
		}
		m.Seq, m.Body, m.Stored = uint64(len(l.log[s]))+1, bytes.Clone(m.Body), time.Now()
		l.log[s] = append(l.log[s], m)
		if l.news != nil {
			close(l.news)
			l.news = nil
		}
	}
	if err != nil {
		return 0, err
	}
	return m.Seq, nil
}

// Send implements journal.Log.
func (l *Memory) Send(s journal.Stream, last uint64, m journal.Message) <-chan journal.Ack {
	seq, err := l.Append(context.Background(), s, last, m)
	done := make(chan journal.Ack, 1)
	if l.Lag == 0 {
		done <- journal.Ack{Seq: seq, Err: err}
	} else {
		time.AfterFunc(l.Lag, func() { done <- journal.Ack{Seq: seq, Err: err} })
	}
	return done
}

// Read implements journal.Log.
func (l *Memory) Read(ctx context.Context, s journal.Stream, after uint64, limit int) ([]journal.Message, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.log[s]
	if after >= uint64(len(all)) {
		return nil, ctx.Err()
	}
	all = all[after:]
	return append([]journal.Message(nil), all[:min(limit, len(all))]...), ctx.Err()
}

// Follow implements journal.Log.
func (l *Memory) Follow(ctx context.Context, s journal.Stream, after uint64, f func(journal.Message) error) error {
	for {
		l.mu.Lock()
		if l.news == nil {
			l.news = make(chan struct{})
		}
		news := l.news
		l.mu.Unlock()
		batch, err := l.Read(ctx, s, after, 1000)
		if err != nil {
			return err
		}
		for _, m := range batch {
			if err := f(m); err != nil {
				return err
			}
			after = m.Seq
		}
		if len(batch) > 0 {
			continue
		}
		select {
		case <-news:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Last implements journal.Log.
func (l *Memory) Last(ctx context.Context, s journal.Stream, key string) (journal.Message, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := len(l.log[s]) - 1; i >= 0; i-- {
		if m := l.log[s][i]; m.Key == key {
			return m, nil
		}
	}
	return journal.Message{}, journal.ErrNone
}

// End implements journal.Log.
func (l *Memory) End(ctx context.Context, s journal.Stream) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.log[s])), nil
}

// Mark implements journal.Log.
func (l *Memory) Mark(ctx context.Context, name string, value []byte, rev uint64) (uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.marks[name].rev != rev {
		return 0, journal.ErrConflict
	}
	if l.marks == nil {
		l.marks = map[string]mark{}
	}
	l.marks[name] = mark{bytes.Clone(value), rev + 1}
	return rev + 1, nil
}

// Marked implements journal.Log.
func (l *Memory) Marked(ctx context.Context, name string) ([]byte, uint64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	m, ok := l.marks[name]
	if !ok {
		return nil, 0, journal.ErrNone
	}
	return m.value, m.rev, nil
}

// Edit changes what is stored, as an intruder or a bad disk would.
func (l *Memory) Edit(s journal.Stream, f func([]journal.Message) []journal.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log[s] = f(l.log[s])
}
