package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/projections"
)

// replay: a million units read, their chains proved, decoded and folded,
// against an ordered consumer that reads the same messages and drops them.
func replay(ctx context.Context) error {
	const units = 300_000
	dir, done, err := temp()
	if err != nil {
		return err
	}
	defer done()
	if _, err := load(ctx, dir, units); err != nil {
		return err
	}
	store := filepath.Join(dir, "journal")
	fold, err := median(3, func() (float64, error) {
		log, err := journal.Embedded(ctx, store)
		if err != nil {
			return 0, err
		}
		defer log.Close()
		w, head := &projections.World{}, journal.NewHead(journal.Identity)
		begin := time.Now()
		err = projections.Replay(ctx, log, w, head, 0, nil)
		return float64(w.Seq) / time.Since(begin).Seconds(), err
	})
	if err != nil {
		return err
	}
	limit, err := median(3, func() (float64, error) {
		b, err := bareLog(ctx, store, true)
		if err != nil {
			return 0, err
		}
		defer b.close()
		c, err := b.js.OrderedConsumer(ctx, "IDENTITY", jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy})
		if err != nil {
			return 0, err
		}
		all := make(chan struct{})
		n := 0
		begin := time.Now()
		run, err := c.Consume(func(jetstream.Msg) {
			if n++; n == units {
				close(all)
			}
		})
		if err != nil {
			return 0, err
		}
		defer run.Stop()
		select {
		case <-all:
		case <-time.After(2 * time.Minute):
			return 0, fmt.Errorf("the consumer saw %d of %d", n, units)
		}
		return float64(n) / time.Since(begin).Seconds(), nil
	})
	if err != nil {
		return err
	}
	row(fmt.Sprintf("replay of %s units (median of 3)", number(units)), fold, limit, "/s", "≥ 60 %")
	return nil
}
