package journal_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/journal/journaltest"
)

func TestMemory(t *testing.T) {
	journaltest.Suite(t, func(t *testing.T) journal.Log { return &journaltest.Memory{} })
}

func TestEmbedded(t *testing.T) {
	journaltest.Suite(t, func(t *testing.T) journal.Log { return embedded(t, t.TempDir()) })
}

func TestExternal(t *testing.T) {
	journaltest.Suite(t, func(t *testing.T) journal.Log {
		s, err := server.NewServer(&server.Options{
			Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), SyncAlways: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		go s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		if !s.ReadyForConnections(10 * time.Second) {
			t.Fatal("no NATS server")
		}
		l, err := journal.Dial(t.Context(), s.ClientURL(), 1)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(l.Close)
		return l
	})
}

func embedded(t *testing.T, dir string) *journal.NATS {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	l, err := journal.Embedded(ctx, dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}
