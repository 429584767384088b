package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// NATS starts a NATS server of the test's own, as an operator of several nodes
// has to run it: with JetStream, and each write on disk before it is
// acknowledged. It gives the flags with which a node uses it.
func NATS(t testing.TB) []string {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		ServerName: "external", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, MaxPayload: 8 << 20,
	})
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("the NATS server did not start within 30 s")
	}
	return []string{"--nats", s.ClientURL(), "--nats-sync-always"}
}

// Node prepares one more node beside s, on the same external NATS: it is given
// the keys of s, and a folder and a name of its own.
func (s *Server) Node(name string, flags ...string) (*Server, error) {
	n := Prepare(s.t, Options{NoAudit: true, Binary: s.Binary, Account: s.Account, Args: append(flags, "--node", name)})
	if err := os.MkdirAll(n.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := exec.Command("cp", "-a", filepath.Join(s.Dir, "keys"), n.Dir).Run(); err != nil {
		return nil, err
	}
	return n, n.Launch()
}
