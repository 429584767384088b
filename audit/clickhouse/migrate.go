package clickhouse

import (
	"context"
	"fmt"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
)

// step changes the warehouse from one version to the next. Every statement may
// be run again: a step that was cut short is run from its beginning.
type step struct {
	what string
	do   []string
}

// steps is the history of the warehouse: never edited, only added to.
func (w *Warehouse) steps() []step {
	return []step{
		{"the table", []string{createEvents("CREATE TABLE IF NOT EXISTS", w.fsync)}},
		{"indices for single events", []string{
			"ALTER TABLE audit.events ADD INDEX IF NOT EXISTS ix_event event_id TYPE bloom_filter(0.001) GRANULARITY 1",
			"ALTER TABLE audit.events ADD INDEX IF NOT EXISTS ix_request request_id TYPE bloom_filter(0.001) GRANULARITY 1",
			"ALTER TABLE audit.events ADD INDEX IF NOT EXISTS ix_key access_key_id TYPE bloom_filter(0.01) GRANULARITY 1",
		}},
	}
}

// migrate brings the warehouse to our version and returns the identity of the
// table, which changes whenever the table is made anew.
func (w *Warehouse) migrate(ctx context.Context) (table string, err error) {
	for _, q := range []string{
		"CREATE DATABASE IF NOT EXISTS audit",
		"CREATE TABLE IF NOT EXISTS audit.migrations (version UInt32, what String, at DateTime('UTC')) ENGINE = MergeTree ORDER BY version",
	} {
		if err := w.exec(ctx, q); err != nil {
			return "", fmt.Errorf("clickhouse: prepare database audit: %w", err)
		}
	}
	var version uint32
	if err := w.sink.QueryRow(ctx, "SELECT max(version) FROM audit.migrations").Scan(&version); err != nil {
		return "", fmt.Errorf("clickhouse: version of the table: %w", err)
	}
	steps := w.steps()
	if version > uint32(len(steps)) {
		return "", fmt.Errorf("clickhouse: audit.events has version %d, we know %d: it was written by a newer Keytrail, run that one", version, len(steps))
	}
	table, err = w.table(ctx)
	if err != nil {
		return "", err
	}
	if table == "" {
		version = 0 // dropped since: the steps are run again from the first
	}
	for i, s := range steps[version:] {
		for _, q := range s.do {
			if err := w.exec(ctx, q); err != nil {
				return "", fmt.Errorf("clickhouse: migration to version %d (%s): %w", int(version)+i+1, s.what, err)
			}
		}
		if err := w.exec(ctx, fmt.Sprintf("INSERT INTO audit.migrations VALUES (%d, '%s', now())", int(version)+i+1, s.what)); err != nil {
			return "", fmt.Errorf("clickhouse: migration to version %d: %w", int(version)+i+1, err)
		}
	}
	w.ready.Store(true)
	if table != "" {
		return table, nil
	}
	return w.table(ctx)
}

// replace makes the table anew, without rows. Who still inserts into the old
// one inserts into nothing: it is another table under the same name, and its
// memory of tokens is gone with it.
func (w *Warehouse) replace(ctx context.Context) error {
	if err := w.exec(ctx, createEvents("CREATE OR REPLACE TABLE", w.fsync)); err != nil {
		return fmt.Errorf("clickhouse: make the table anew: %w", err)
	}
	for _, s := range w.steps()[1:] {
		for _, q := range s.do {
			if err := w.exec(ctx, q); err != nil {
				return fmt.Errorf("clickhouse: make the table anew (%s): %w", s.what, err)
			}
		}
	}
	return nil
}

// table is the identity of audit.events, "" if there is none.
func (w *Warehouse) table(ctx context.Context) (string, error) {
	var id string
	rows, err := w.sink.Query(ctx, "SELECT toString(uuid) FROM system.tables WHERE database = 'audit' AND name = 'events'")
	if err != nil {
		return "", fmt.Errorf("clickhouse: look for the table: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&id); err != nil {
			return "", err
		}
	}
	return id, rows.Err()
}

// exec runs one statement of ours as the sink.
func (w *Warehouse) exec(ctx context.Context, q string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return w.sink.Exec(ch.Context(ctx, ch.WithSettings(ch.Settings{"async_insert": 0, "mutations_sync": 1})), q)
}
