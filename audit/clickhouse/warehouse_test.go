package clickhouse

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"
)

func lengthOf(v any) int { return reflect.ValueOf(v).Len() }

// dsn is how the warehouse's own engine is reached as if it were a server of somebody's.
func dsn(t testing.TB, w *Warehouse, account string) string {
	t.Helper()
	c, err := w.engine.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return fmt.Sprintf("clickhouse://%s:%s@%s", account, url.QueryEscape(w.engine.Password(account)), c.RemoteAddr())
}

// A ClickHouse server given by its DSN is used like our own engine. SQL of one
// account is refused where nothing keeps the reader to its rows.
func TestServer(t *testing.T) {
	own, log := open(t), newFakeLog()
	wr := newWriter(log, 61)
	for range 5 {
		wr.some()
	}
	for name, reader := range map[string]string{"confined": dsn(t, own, "auditor"), "not confined": ""} {
		w, err := Open(Options{DSN: dsn(t, own, "sink"), ReaderDSN: reader})
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := w.Engine(); ok {
			t.Error("a server has no engine of ours")
		}
		s, stop := run(t, w, log)
		settled(t, s, log)
		sameRows(t, w, wr.ids)
		_, err = runSQL(w, accountA, "SELECT count() FROM audit.events")
		if (err == nil) != (reader != "") {
			t.Errorf("%s: SQL for one account: %v", name, err)
		}
		stop()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"clickhouse://u:secretpassword@host:x", "http://u:secretpassword@host", "::", "clickhouse://"} {
		w, err := Open(Options{DSN: bad})
		if err == nil {
			w.Close()
			t.Errorf("%s was accepted", bad)
		} else if strings.Contains(err.Error(), "secretpassword") || !strings.Contains(err.Error(), "clickhouse://") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// A server that accepts connections and never answers is waited for, no longer
// than a try, and nothing piles up.
func TestHangingServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var held []net.Conn
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			held = append(held, c)
		}
	}()
	defer func() {
		l.Close()
		<-over
		for _, c := range held {
			c.Close() // else the client waits five seconds for our greeting
		}
	}()
	w, err := Open(Options{DSN: "clickhouse://u:p@" + l.Addr().String()})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	log := newFakeLog()
	wr := newWriter(log, 71)
	wr.some()
	s, stop := run(t, w, log)
	deadline := time.Now().Add(15 * time.Second)
	for s.State()[0].Phase != Waiting {
		if time.Now().After(deadline) {
			t.Fatalf("nobody could see it: %+v", s.State())
		}
		time.Sleep(20 * time.Millisecond)
	}
	began := time.Now()
	stop()
	if d := time.Since(began); d > 6*time.Second {
		t.Errorf("the sink took %s to stop", d)
	}
}

// Migrations may be run again from anywhere, keep the rows, and refuse a table
// that is newer than they are.
func TestMigrate(t *testing.T) {
	w, log := open(t), newFakeLog()
	wr := newWriter(log, 81)
	if _, err := runSQL(w, accountA, "SELECT 1 FROM audit.events"); !errors.Is(err, ErrNotReady) {
		t.Errorf("before there is a table: %v, want ErrNotReady", err)
	}
	ctx := context.Background()
	alter(t, w, "CREATE DATABASE audit")
	alter(t, w, w.steps()[0].do[0]) // what version 1 left, cut short before it was noted
	before, err := w.table(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if after, err := w.migrate(ctx); err != nil || after != before {
			t.Fatalf("table %s became %s, %v", before, after, err)
		}
	}
	wr.some()
	s, stop := run(t, w, log)
	settled(t, s, log)
	var indices uint64
	if err := w.sink.QueryRow(ctx, "SELECT count() FROM system.tables WHERE database = 'audit' AND name = 'events' AND create_table_query LIKE '%ix_key%' AND create_table_query LIKE '%fsync_after_insert = 1%'").Scan(&indices); err != nil || indices != 1 {
		t.Errorf("the last step was not taken: %d, %v", indices, err)
	}
	stop()
	alter(t, w, "INSERT INTO audit.migrations VALUES (99, 'the future', now())")
	if _, err := w.migrate(ctx); err == nil || !strings.Contains(err.Error(), "newer Keytrail") {
		t.Errorf("a newer table: %v", err)
	}
	sameRows(t, w, wr.ids)
}

// Closing takes no longer than a shutdown may, with searches and the sink at work.
func TestClose(t *testing.T) {
	w, log := open(t), newFakeLog()
	wr := newWriter(log, 91)
	wr.some()
	s, stop := run(t, w, log)
	settled(t, s, log)
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = runSQL(w, AllAccounts, "SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))")
	}()
	time.Sleep(100 * time.Millisecond)
	stop()
	began := time.Now()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if d := time.Since(began); d > 12*time.Second {
		t.Errorf("closing took %s", d)
	}
	<-over
	if _, _, err := w.Lookup(context.Background(), LookupQuery{Account: accountA}); err == nil {
		t.Error("a closed warehouse answers")
	}
}
