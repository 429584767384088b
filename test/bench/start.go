package main

import (
	"context"
	"fmt"
	"net/url"
	"time"
)

// start: from exec to the first signed answer, on an empty folder and with a
// million units behind a snapshot.
func start(ctx context.Context) error {
	identity := url.Values{"Action": {"GetUser"}, "Version": {"2010-05-08"}}
	first := func(dir string) (time.Duration, error) {
		addr, err := freeAddr()
		if err != nil {
			return 0, err
		}
		request := signed(addr, rootKey, rootSecret, identity)
		begin := time.Now()
		p, err := keytrail(addr, dir, "--audit", "off")
		if err != nil {
			return 0, err
		}
		err = wait(addr, request)
		took := time.Since(begin)
		if stopped := p.stop(); err == nil && stopped != nil {
			err = stopped
		}
		if err != nil {
			return 0, fmt.Errorf("%w\n%s", err, p.out.String())
		}
		return took, nil
	}
	empty, err := median(5, func() (float64, error) {
		dir, done, err := temp()
		if err != nil {
			return 0, err
		}
		defer done()
		d, err := first(dir)
		return d.Seconds(), err
	})
	if err != nil {
		return err
	}
	alone("start on an empty folder (median of 5)", fmt.Sprintf("%.0f ms", empty*1000), "≤ 150 ms")
	dir, done, err := temp()
	if err != nil {
		return err
	}
	defer done()
	const units = 1_000_000
	if _, err := load(ctx, dir, units); err != nil {
		return err
	}
	cold, err := first(dir) // folds everything, and takes a snapshot at the stop
	if err != nil {
		return err
	}
	alone(fmt.Sprintf("start with %s units, no snapshot", number(units)), fmt.Sprintf("%.1f s", cold.Seconds()), "")
	warm, err := median(3, func() (float64, error) {
		d, err := first(dir)
		return d.Seconds(), err
	})
	if err != nil {
		return err
	}
	alone("  after a clean stop (median of 3)", fmt.Sprintf("%.2f s", warm), "≤ 2 s")
	return nil
}
