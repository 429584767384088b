// Package engine runs the ClickHouse engine (libchdb) as a child process of
// ours and keeps it running. The child serves ClickHouse's native protocol on
// a loopback port the kernel chooses, so a laptop and a cluster are used by
// the same client with the same SQL. A crash of the engine is not a crash of
// the server, and its memory is bounded apart from ours. The package knows
// nothing of tables or rows, and it opens no other listener.
package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// Version is the engine we were built and tested with: deploy/engine.mk pins it.
const Version = "26.7.3-stable.1"

// Config describes an engine.
type Config struct {
	Library  string       // path of libchdb.so, as Find gives it
	Dir      string       // its data, created if absent; one engine at a time
	Memory   int64        // bound on what its queries and merges allocate, in bytes; 0: 1.2 GiB
	Accounts []Account    // who may log in: fixed for the engine's life
	Log      *slog.Logger // starts, ends and last words; nil: slog.Default
}

// Account is a user of the engine. Its password is made at Start, differs
// every time, and leaves this process only as a SHA-256 in a file mode 0600.
type Account struct {
	Name     string
	Grants   []string          // "SELECT ON audit.*"; without any, nothing is allowed
	Settings map[string]string // of every session; with readonly=1 among them nobody changes them
	Rows     map[string]string // "audit.events": the condition on rows it may see
	Queries  int               // quota a minute; 0: none
}

// Phase is what an engine is doing.
type Phase string

const (
	Starting Phase = "starting" // the process is there, it does not serve yet
	Ready    Phase = "ready"
	Down     Phase = "down" // it ended or did not start; tried again at State.Retry
	Stopped  Phase = "stopped"
)

// State is what can be said about an engine now.
type State struct {
	Phase    Phase
	Since    time.Time
	PID      int
	Restarts int
	Retry    time.Time
	Err      error // why it last was down; stays when it is ready again
}

// Engine is a supervised engine process. Its methods may be called at once.
type Engine struct {
	cfg       Config
	passwords map[string]string
	stop      context.CancelFunc
	done      chan struct{}

	mu      sync.Mutex
	state   State
	addr    string
	changed chan struct{} // closed and replaced when state changes
}

// Start begins to run the engine and returns at once: serving begins some
// 0.3 s later, see Wait. An error means that it can never run here.
func Start(cfg Config) (*Engine, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	if _, err := os.Stat(cfg.Library); err != nil {
		return nil, fmt.Errorf("engine: library: %w: run `make engine`, or use --audit clickhouse://…", err)
	}
	if cfg.Memory == 0 {
		cfg.Memory = 1200 << 20
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	dir, err := filepath.Abs(cfg.Dir)
	if err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	cfg.Dir = dir
	e := &Engine{cfg: cfg, passwords: map[string]string{}, done: make(chan struct{}), changed: make(chan struct{}),
		state: State{Phase: Starting, Since: time.Now()}}
	for _, a := range cfg.Accounts {
		e.passwords[a.Name] = rand.Text() + rand.Text()
	}
	if err := e.configure(); err != nil {
		return nil, fmt.Errorf("engine: %w", err)
	}
	ctx, stop := context.WithCancel(context.Background())
	e.stop = stop
	go e.supervise(ctx)
	return e, nil
}

// Password is what the account logs in with.
func (e *Engine) Password(account string) string { return e.passwords[account] }

// Dial connects to the engine where it listens now: the port changes when it
// is started again, so ask for each connection.
func (e *Engine) Dial(ctx context.Context) (net.Conn, error) {
	e.mu.Lock()
	addr, s := e.addr, e.state
	e.mu.Unlock()
	if s.Phase != Ready {
		if s.Err != nil {
			return nil, fmt.Errorf("engine: %s: %w", s.Phase, s.Err)
		}
		return nil, fmt.Errorf("engine: %s", s.Phase)
	}
	var d net.Dialer
	return d.DialContext(ctx, "tcp", addr)
}

// State says what the engine is doing.
func (e *Engine) State() State {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.state
}

// Wait returns when the engine serves, or with the reason it does not when
// ctx ends or the engine was stopped.
func (e *Engine) Wait(ctx context.Context) error {
	for {
		e.mu.Lock()
		s, changed := e.state, e.changed
		e.mu.Unlock()
		switch s.Phase {
		case Ready:
			return nil
		case Stopped:
			return errors.New("engine: stopped")
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if s.Err != nil {
				return fmt.Errorf("engine: %s: %w", s.Phase, s.Err)
			}
			return fmt.Errorf("engine: %s: %w", s.Phase, ctx.Err())
		}
	}
}

// Stop ends the engine: in order if ctx gives it time (30 ms idle, some
// seconds amid queries), else by SIGKILL. It returns when the process is gone.
func (e *Engine) Stop(ctx context.Context) {
	e.stop()
	select {
	case <-e.done:
		return
	case <-ctx.Done():
		if pid := e.State().PID; pid > 0 {
			kill(pid)
		}
	}
	<-e.done
}

func (e *Engine) set(f func(s *State)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	before := e.state.Phase
	f(&e.state)
	if e.state.Phase != before {
		e.state.Since = time.Now()
	}
	close(e.changed)
	e.changed = make(chan struct{})
}

// An engine that ended is started again after 100 ms at first, after a second
// at most if it had served, and after 30 s at most if it cannot even start. One
// that served for a minute begins anew.
const firstRetry, servedRetry, lastRetry, served = 100 * time.Millisecond, time.Second, 30 * time.Second, time.Minute

func (e *Engine) supervise(ctx context.Context) {
	defer close(e.done)
	defer e.set(func(s *State) { s.Phase, s.PID = Stopped, 0 })
	wait := firstRetry
	for {
		began := time.Now()
		err := e.run(ctx)
		if ctx.Err() != nil {
			return
		}
		switch up := e.State().Phase == Ready; {
		case up && time.Since(began) > served:
			wait = firstRetry
		case up:
			wait = min(wait, servedRetry)
		}
		e.cfg.Log.Error("engine is down", "err", err, "retry", wait)
		e.set(func(s *State) { s.Phase, s.PID, s.Err, s.Retry = Down, 0, err, time.Now().Add(wait) })
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		wait = min(2*wait, lastRetry)
		e.set(func(s *State) { s.Phase = Starting; s.Restarts++ })
	}
}

// run is one life of the process: it returns when the process has ended.
func (e *Engine) run(ctx context.Context) error {
	if err := e.configure(); err != nil { // each time: somebody else may have tried to use the directory
		return err
	}
	p, err := spawn(e.cfg)
	if err != nil {
		return err
	}
	e.set(func(s *State) { s.PID = p.pid })
	slow := time.NewTimer(startTime)
	defer slow.Stop()
	ready := p.ready
	for {
		select {
		case h := <-ready:
			ready = nil
			if h.Err != "" {
				err = errors.New(h.Err)
				p.stop()
				continue
			}
			slow.Stop()
			e.mu.Lock()
			e.addr = net.JoinHostPort("127.0.0.1", fmt.Sprint(h.Port))
			e.mu.Unlock()
			e.set(func(s *State) { s.Phase = Ready })
			e.cfg.Log.Info("engine serves", "version", h.Version, "pid", p.pid)
		case <-slow.C:
			err = fmt.Errorf("did not serve within %s", startTime)
			kill(p.pid)
		case <-ctx.Done():
			p.stop()
			<-p.done
			return nil
		case <-p.done:
			if err == nil {
				err = fmt.Errorf("process ended: %w", p.err)
			}
			if last := p.words(); last != "" {
				err = fmt.Errorf("%w: %s", err, last)
			}
			return err
		}
	}
}

// startTime bounds one start: 0.3 s is usual, 2 s with 10 M rows on a busy machine.
const startTime = 60 * time.Second

// Find returns the engine's library: the path given (a flag), else
// KEYTRAIL_ENGINE, else .engine/VERSION/libchdb.so beside the working
// directory, the binary, or the folder the binary's folder is in.
func Find(given string) (string, error) {
	for _, path := range []string{given, os.Getenv("KEYTRAIL_ENGINE")} {
		if path == "" {
			continue
		}
		if _, err := os.Stat(path); err != nil {
			return "", fmt.Errorf("engine: %w: give the path of libchdb.so %s", err, Version)
		}
		return path, nil
	}
	dirs := []string{"."}
	if exe, err := os.Executable(); err == nil {
		dirs = append(dirs, filepath.Dir(exe), filepath.Dir(filepath.Dir(exe)))
	}
	for _, d := range dirs {
		path := filepath.Join(d, ".engine", Version, "libchdb.so")
		if _, err := os.Stat(path); err == nil {
			return filepath.Abs(path)
		}
	}
	return "", fmt.Errorf("engine: no ClickHouse engine at .engine/%s/libchdb.so: run `make engine`, set KEYTRAIL_ENGINE to the library, or use --audit clickhouse://user:password@host:9000", Version)
}

// lines keeps the last lines a process wrote to its standard error: the
// engine quotes failing SQL there, so they go into no log until it dies. Of a
// crash it keeps the first: it says why, and the last are registers.
type lines struct {
	mu    sync.Mutex
	crash string
	last  []byte
}

const lastWords = 4096

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(string(b)) {
		if l.crash == "" && (strings.HasPrefix(line, "SIG") || strings.HasPrefix(line, "panic:") || strings.HasPrefix(line, "fatal error:")) {
			l.crash = strings.TrimSpace(line)
		}
	}
	l.last = append(l.last, b...)
	if n := len(l.last) - lastWords; n > 0 {
		l.last = append(l.last[:0], l.last[n:]...)
	}
	return len(b), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.crash != "" {
		return l.crash
	}
	all := strings.Split(strings.TrimSpace(string(l.last)), "\n")
	return strings.Join(all[max(0, len(all)-3):], " | ")
}
