package projections

import (
	"context"
	"fmt"
	"runtime"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
)

// Replay moves w and head forward to the sequence upTo (0: the log's end),
// checking the chain. Reading, hashing and decoding, and applying overlap; the
// order of applying is the log's. progress may be nil.
func Replay(ctx context.Context, log journal.Log, w *World, head *journal.Head, upTo uint64, progress func(seq uint64)) error {
	ctx, cancel := context.WithCancel(ctx)
	pages := make(chan chan page, runtime.GOMAXPROCS(0))
	read := make(chan struct{})
	defer func() { cancel(); <-read }()
	go func() {
		defer close(read)
		defer close(pages)
		for messages, err := range journal.ReadAll(ctx, log, journal.Identity, w.Seq, upTo) {
			done := make(chan page, 1)
			select {
			case pages <- done:
			case <-ctx.Done():
				return
			}
			go func() {
				if err == nil {
					done <- decode(messages)
				} else {
					done <- page{err: err}
				}
			}()
		}
	}()
	for done := range pages {
		p := <-done
		for i, leaf := range p.leaves {
			if err := head.AddLeaf(&p.messages[i], leaf); err != nil {
				return err
			}
			if i < len(p.units) {
				w.Apply(p.units[i])
			}
		}
		if p.err != nil {
			return p.err
		}
		if progress != nil {
			progress(w.Seq)
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if w.Seq < upTo {
		return fmt.Errorf("%w: IDENTITY ends at %d, not at %d", journal.ErrDamaged, w.Seq, upTo)
	}
	return nil
}

// page is a part of the log, decoded as far as it can be.
type page struct {
	messages []journal.Message
	leaves   []journal.Hash // of the messages that were looked at
	units    []events.Unit  // of these, but for the last if it is no unit
	err      error          // why it is none, or why the log can't be read
}

func decode(messages []journal.Message) page {
	p := page{messages, make([]journal.Hash, 0, len(messages)), make([]events.Unit, 0, len(messages)), nil}
	for i := range messages {
		m := &messages[i]
		p.leaves = append(p.leaves, journal.Leaf(m.Body))
		u, err := events.DecodeUnit(m.Seq, m.Key, m.Body)
		if err != nil {
			p.err = fmt.Errorf("projections: sequence %d: %w", m.Seq, err)
			break
		}
		p.units = append(p.units, u)
	}
	return p
}
