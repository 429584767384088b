package clickhouse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Use is when, where and for which service an access key was last used.
type Use struct {
	Key, Source, Region string
	Time                time.Time
}

// usesMost bounds an answer; keys that were used last come first.
const usesMost = 1 << 16

// LastUses says of one long-term key, or with "" of all of an account, when
// somebody who had its secret last used it, allowed or not.
func (w *Warehouse) LastUses(ctx context.Context, account, key string) (uses []Use, err error) {
	var c condition
	if err := c.account(account); err != nil {
		return nil, err
	}
	c.and("decision != 'Unauthenticated'")
	if key == "" {
		c.and("access_key_id != '' AND NOT startsWith(access_key_id, 'ASIA')")
	} else {
		c.bind("key", key)
		c.and("access_key_id = {key:String}")
	}
	c.bind("limit", strconv.Itoa(usesMost))
	asked, end := reading(ctx, account, c.p)
	defer end()
	rows, err := w.reader.Query(asked, "SELECT access_key_id, max(event_time) AS last, argMax(event_source, event_time), argMax(region, event_time) FROM audit.events"+
		c.where()+" GROUP BY access_key_id ORDER BY last DESC LIMIT {limit:UInt64}")
	if err != nil {
		return nil, w.answer(ctx, err)
	}
	for rows.Next() {
		var u Use
		if err := rows.Scan(&u.Key, &u.Time, &u.Source, &u.Region); err != nil {
			return nil, errors.Join(fmt.Errorf("clickhouse: read a row: %w", err), rows.Close())
		}
		u.Time = u.Time.UTC()
		uses = append(uses, u)
	}
	return uses, w.answer(ctx, cmp.Or(rows.Err(), rows.Close()))
}
