package main

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// bareJetStream is JetStream and nothing else: the limit that ours is held
// against, and the loader of large logs.
type bareJetStream struct {
	server *server.Server
	nc     *nats.Conn
	js     jetstream.JetStream
}

func bareLog(ctx context.Context, dir string, synced bool) (*bareJetStream, error) {
	s, err := server.NewServer(&server.Options{
		ServerName: "keytrail", DontListen: true, NoSigs: true, NoLog: true, JetStream: true, StoreDir: dir, SyncAlways: synced, MaxPayload: 8 << 20,
		JetStreamMaxMemory: 256 << 20, JetStreamMaxStore: -1,
	})
	if err != nil {
		return nil, err
	}
	go s.Start()
	if !s.ReadyForConnections(20 * time.Second) {
		return nil, errors.New("NATS did not start")
	}
	b := &bareJetStream{server: s}
	if b.nc, err = nats.Connect("", nats.InProcessServer(s)); err != nil {
		return nil, err
	}
	if b.js, err = jetstream.New(b.nc, jetstream.WithPublishAsyncMaxPending(1024)); err != nil {
		return nil, err
	}
	_, err = b.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: "BARE", Subjects: []string{"bare.>"}, Storage: jetstream.FileStorage, Compression: jetstream.S2Compression,
		DenyDelete: true, DenyPurge: true, AllowDirect: true,
	})
	return b, err
}

func (b *bareJetStream) close() {
	b.nc.Close()
	b.server.Shutdown()
	b.server.WaitForShutdown()
}

func (b *bareJetStream) publish(ctx context.Context, subject, id string, body []byte) error {
	_, err := b.js.Publish(ctx, subject, body, jetstream.WithMsgID(id))
	return err
}

// swap publishes if the subject's last sequence is last, and gives the next.
func (b *bareJetStream) swap(ctx context.Context, subject, id string, last uint64, body []byte) (uint64, error) {
	ack, err := b.js.Publish(ctx, subject, body, jetstream.WithMsgID(id), jetstream.WithExpectLastSequencePerSubject(last))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}
