package projections

import (
	"context"
	"fmt"
	"sync"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
)

const replayBatch = 1000

// Replay moves w and head forward to the sequence upTo (0: the log's end),
// checking the chain. Reading, decoding and applying overlap; the order of
// applying is the log's. progress may be nil.
func Replay(ctx context.Context, log journal.Log, w *World, head *journal.Head, upTo uint64, progress func(seq uint64)) error {
	type page struct {
		messages []journal.Message
		units    []events.Unit
		err      error
	}
	ctx, cancel := context.WithCancel(ctx)
	pages := make(chan page, 2)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer cancel()
	reading.Go(func() {
		defer close(pages)
		for after := w.Seq; upTo == 0 || after < upTo; {
			limit := replayBatch
			if upTo != 0 {
				limit = int(min(uint64(limit), upTo-after))
			}
			messages, err := log.Read(ctx, journal.Identity, after, limit)
			if len(messages) == 0 && err == nil {
				return
			}
			p := page{messages: messages, err: err}
			if err == nil {
				p.units, p.err = decode(messages)
				after = messages[len(messages)-1].Seq
			}
			select {
			case pages <- p:
			case <-ctx.Done():
				return
			}
			if p.err != nil {
				return
			}
		}
	})
	for p := range pages {
		if p.err != nil {
			return p.err
		}
		for i := range p.messages {
			if err := head.Add(&p.messages[i]); err != nil {
				return err
			}
			w.Apply(p.units[i])
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

// decode reads units on two goroutines; each writes its own half.
func decode(messages []journal.Message) ([]events.Unit, error) {
	units := make([]events.Unit, len(messages))
	half := len(messages) / 2
	var errs [2]error
	part := func(from, to int, err *error) {
		for i := from; i < to && *err == nil; i++ {
			m := &messages[i]
			if units[i], *err = events.DecodeUnit(m.Seq, m.Key, m.Body); *err != nil {
				*err = fmt.Errorf("projections: sequence %d: %w", m.Seq, *err)
			}
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() { part(0, half, &errs[0]) })
	part(half, len(messages), &errs[1])
	wg.Wait()
	if errs[0] != nil {
		return nil, errs[0]
	}
	return units, errs[1]
}
