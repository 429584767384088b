// Package clickhouse keeps the audit rows: one row in audit.events for every
// request that was judged, copied from the log by Sink and read by Lookup,
// Query and SQL. The rows are a copy: if the table is lost or altered, the log
// tells it (Reconcile) and fills it again. No answer of the server waits for
// anything in here, and nothing in here can change the log.
package clickhouse

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"

	"github.com/keytrail/keytrail/audit/clickhouse/engine"
)

// Options says where the rows are kept.
type Options struct {
	// DSN names a ClickHouse server: clickhouse://user:password@host:9440/?secure=true.
	// Empty: our own engine runs as a child process.
	DSN string
	// ReaderDSN is the account searches use on that server; empty: DSN.
	// Reader says what this account must be.
	ReaderDSN string

	Dir     string // of our own engine's data
	Library string // of our own engine, "" for engine.Find
	Memory  int64  // bound of our own engine, 0 for its default

	Log *slog.Logger // nil: slog.Default
}

// Warehouse is a ClickHouse that holds audit.events. Its methods may be called at once.
type Warehouse struct {
	engine  *engine.Engine // nil with a DSN
	sink    driver.Conn    // writes and maintains audit.*
	reader  driver.Conn    // may read audit.events and nothing else
	fsync   bool           // our own engine has no replica: it must not lose what it acknowledged
	log     *slog.Logger
	ready   atomic.Bool // migrated
	mending sync.Mutex  // one Reconcile that mends at a time
	now     func() time.Time
}

// Open begins to use a warehouse. It does not wait for it: an error means that
// the options can never work, and State tells the rest. Close it.
func Open(o Options) (*Warehouse, error) {
	w := &Warehouse{log: o.Log, now: time.Now}
	if w.log == nil {
		w.log = slog.Default()
	}
	var sink, reader *ch.Options
	if o.DSN == "" {
		lib, err := engine.Find(o.Library)
		if err != nil {
			return nil, err
		}
		w.fsync = true
		w.engine, err = engine.Start(engine.Config{Library: lib, Dir: filepath.Join(o.Dir, "clickhouse"), Memory: o.Memory, Log: w.log,
			Accounts: accounts()})
		if err != nil {
			return nil, err
		}
		sink, reader = w.own("sink"), w.own("auditor")
	} else {
		var err error
		if sink, err = server(o.DSN); err != nil {
			return nil, err
		}
		if o.ReaderDSN == "" {
			o.ReaderDSN = o.DSN
		}
		if reader, err = server(o.ReaderDSN); err != nil {
			return nil, err
		}
	}
	bound(reader)
	var err error
	if w.sink, err = connect(sink, 6); err == nil {
		w.reader, err = connect(reader, 16)
	}
	if err != nil {
		w.Close()
		return nil, fmt.Errorf("clickhouse: %w", err)
	}
	return w, nil
}

// own is how an account of our own engine is reached.
func (w *Warehouse) own(account string) *ch.Options {
	return &ch.Options{
		Addr:        []string{"engine"}, // Dial knows where it is
		Auth:        ch.Auth{Username: account, Password: w.engine.Password(account)},
		DialContext: func(ctx context.Context, _ string) (net.Conn, error) { return w.engine.Dial(ctx) },
		Compression: &ch.Compression{Method: ch.CompressionNone}, // loopback is faster than LZ4
	}
}

// server reads a DSN. Its error never quotes it: there is a password inside.
func server(dsn string) (*ch.Options, error) {
	o, err := ch.ParseDSN(dsn)
	if err != nil || len(o.Addr) == 0 {
		return nil, errors.New("clickhouse: the DSN is not understood: write clickhouse://user:password@host:9000 or …:9440/?secure=true")
	}
	if o.Protocol != ch.Native {
		return nil, errors.New("clickhouse: the DSN names HTTP: use the native protocol, clickhouse://… on port 9000 or 9440")
	}
	if o.TLS != nil && o.TLS.MinVersion == 0 {
		o.TLS.MinVersion = tls.VersionTLS12
	}
	if o.Compression == nil {
		o.Compression = &ch.Compression{Method: ch.CompressionLZ4}
	}
	o.Auth.Database = "" // we name audit.events in full; it may not exist yet
	return o, nil
}

// bound limits what one answer may send us. The server has such a limit too,
// but counts a constant column once: repeat('x', 1000000) passes it a million times.
func bound(o *ch.Options) {
	o.Compression = &ch.Compression{Method: ch.CompressionNone} // a bomb is as long as it is heavy
	dial := o.DialContext
	if dial == nil {
		plain := &net.Dialer{Timeout: dialTime}
		dial = func(ctx context.Context, addr string) (net.Conn, error) {
			if o.TLS == nil {
				return plain.DialContext(ctx, "tcp", addr)
			}
			return (&tls.Dialer{NetDialer: plain, Config: o.TLS}).DialContext(ctx, "tcp", addr)
		}
	}
	o.DialContext = func(ctx context.Context, addr string) (net.Conn, error) {
		c, err := dial(ctx, addr)
		if err != nil {
			return nil, err
		}
		return &bounded{Conn: c}, nil
	}
}

// maxAnswer is above the auditor's max_result_bytes, which gives the better error.
const maxAnswer = 320 << 20

var errAnswer = fmt.Errorf("clickhouse: the answer is larger than %d MiB: ask for fewer rows or columns", maxAnswer>>20)

// bounded is a connection that ends when one question is answered with too
// much. A question begins where we write; its one reader and writer is the client.
type bounded struct {
	net.Conn
	read atomic.Int64
}

func (b *bounded) Write(p []byte) (int, error) {
	b.read.Store(0)
	return b.Conn.Write(p)
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.Conn.Read(p)
	if b.read.Add(int64(n)) > maxAnswer {
		return n, errAnswer
	}
	return n, err
}

const dialTime = 5 * time.Second

func connect(o *ch.Options, conns int) (driver.Conn, error) {
	o.DialTimeout = dialTime
	o.ReadTimeout = time.Minute
	o.MaxOpenConns, o.MaxIdleConns = conns, conns
	o.ConnMaxLifetime = 10 * time.Minute
	o.ClientInfo = ch.ClientInfo{Products: []struct{ Name, Version string }{{Name: "keytrail", Version: "1"}}}
	return ch.Open(o)
}

// Close ends all use of the warehouse, and our own engine within two seconds:
// one that is busy then is killed, which costs it nothing that it promised.
func (w *Warehouse) Close() error {
	var errs []error
	for _, c := range []driver.Conn{w.sink, w.reader} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	if w.engine != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		w.engine.Stop(ctx)
	}
	return errors.Join(errs...)
}

// Engine is the state of our own engine, and false if a server is used.
func (w *Warehouse) Engine() (engine.State, bool) {
	if w.engine == nil {
		return engine.State{}, false
	}
	return w.engine.State(), true
}

// escaped is the form in which the server reads a bound value.
var escaped = strings.NewReplacer("\\", `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`)
