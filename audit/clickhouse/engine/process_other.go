//go:build !linux

package engine

import "errors"

func supported() error {
	return errors.New("engine: the embedded ClickHouse engine runs on Linux only: use --audit clickhouse://user:password@host:9000")
}

// MaybeChild does nothing here.
func MaybeChild() {}

func kill(int) {}

type hello struct {
	Port    int
	Version string
	Err     string
}

type process struct {
	pid   int
	ready chan hello
	done  chan struct{}
	err   error
	stop  func()
}

func (p *process) words() string { return "" }

func spawn(Config) (*process, error) { return nil, supported() }
