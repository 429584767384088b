package journal

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Embedded starts a JetStream server inside this process, with its store in
// dir, and opens the log in it. No port is opened; every write is on disk
// before it is acknowledged (SyncAlways). Only one process may have dir open:
// the caller holds its lock.
func Embedded(ctx context.Context, dir string) (*NATS, error) {
	s, err := server.NewServer(&server.Options{
		ServerName: "keytrail", DontListen: true, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: dir, SyncAlways: true, JetStreamMaxMemory: 256 << 20, JetStreamMaxStore: -1,
		MaxPayload: 8 << 20, DisableJetStreamBanner: true,
	})
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	go s.Start()
	shutdown := func() { s.Shutdown(); s.WaitForShutdown() }
	if !s.ReadyForConnections(60 * time.Second) {
		shutdown()
		return nil, errors.New("journal: the embedded NATS server did not start within 60 s")
	}
	nc, err := nats.Connect("", nats.InProcessServer(s), nats.Name("keytrail"), nats.MaxReconnects(-1))
	if err != nil {
		shutdown()
		return nil, fmt.Errorf("journal: %w", err)
	}
	n, err := newNATS(ctx, nc, 1)
	if err != nil {
		nc.Close()
		shutdown()
		return nil, err
	}
	n.shutdown = shutdown
	return n, nil
}
