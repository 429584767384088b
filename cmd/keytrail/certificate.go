package main

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// certificates serves the newest certificate of two files. They are looked at
// again every ten seconds, so that a renewal needs no restart; a pair that does
// not fit is reported, and the old one stays.
type certificates struct {
	cert, key string

	mu     sync.Mutex // guards all below
	pair   *tls.Certificate
	stamp  [2]time.Time
	looked time.Time
}

func newCertificates(cert, key string) (*certificates, error) {
	c := &certificates{cert: cert, key: key}
	return c, c.load()
}

func (c *certificates) load() error {
	var stamp [2]time.Time
	for i, name := range []string{c.cert, c.key} {
		info, err := os.Stat(name)
		if err != nil {
			return fmt.Errorf("certificate: %w", err)
		}
		stamp[i] = info.ModTime()
	}
	if c.pair != nil && stamp == c.stamp {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", c.cert, c.key, err)
	}
	c.pair, c.stamp = &pair, stamp
	return nil
}

func (c *certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.looked) > 10*time.Second {
		c.looked = now
		if err := c.load(); err != nil {
			slog.Error("the old certificate stays in use", "cause", err)
		}
	}
	return c.pair, nil
}
