package journal

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// unsynced is a log of so many messages, quickly written.
func unsynced(t *testing.T, messages int) *NATS {
	t.Helper()
	s, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(), MaxPayload: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	go s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(10 * time.Second) {
		t.Fatal("no NATS server")
	}
	n, err := Dial(t.Context(), "", 1, nats.InProcessServer(s))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.Close)
	links := map[string]Hash{}
	for i := range messages {
		key := fmt.Sprint("k", i%7)
		body := strings.Repeat("x", i%50)
		if i/9 == 300 {
			body = strings.Repeat("large", 1<<17) // a page of 4 MiB has not a thousand messages
		}
		prev, ok := links[key]
		if !ok {
			prev = Genesis(Identity, key)
		}
		links[key] = Next(prev, Leaf([]byte(body)))
		publish(t, n, key, fmt.Sprint(i), links[key].String(), body)
	}
	published(t, n)
	return n
}

func publish(t *testing.T, n *NATS, key, id, link, body string) {
	t.Helper()
	_, err := n.conn.Load().js.PublishMsgAsync(&nats.Msg{
		Subject: subject(Identity, key), Data: []byte(body), Header: nats.Header{linkHeader: {link}, jetstream.MsgIDHeader: {id}},
	}, jetstream.WithStallWait(10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
}

func published(t *testing.T, n *NATS) {
	t.Helper()
	select {
	case <-n.conn.Load().js.PublishAsyncComplete():
	case <-time.After(time.Minute):
		t.Fatal("the log was not written within a minute")
	}
}

func collect(ctx context.Context, log Log, after, upTo uint64) (all []Message, err error) {
	for page, err := range ReadAll(ctx, log, Identity, after, upTo) {
		if err != nil {
			return all, err
		}
		all = append(all, page...)
	}
	return all, nil
}

// noStream is a log that is read by Read alone.
type noStream struct{ Log }

// ReadAll reads what Read does, from anywhere to anywhere, and leaves nothing
// behind in the server, whoever ends it.
func TestReadAll(t *testing.T) {
	const messages = streamLeast + 2345
	n := unsynced(t, messages)
	consumers := func() int {
		st, err := n.conn.Load().js.Stream(t.Context(), string(Identity))
		if err != nil {
			t.Fatal(err)
		}
		return st.CachedInfo().State.Consumers
	}
	for _, c := range [][2]uint64{{0, 0}, {0, messages}, {0, messages - 1}, {1, 0}, {2000, messages - 300}, {messages - 10, 0}, {messages, 0}, {0, 10}, {0, messages + 10}} {
		want, err := collect(t.Context(), noStream{n}, c[0], c[1])
		if err != nil {
			t.Fatal(err)
		}
		got, err := collect(t.Context(), n, c[0], c[1])
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("after %d to %d: %d messages, %v, want %d", c[0], c[1], len(got), err, len(want))
		}
	}
	streamed := 0
	for page := range n.stream(t.Context(), Identity, 0, messages) {
		size := 0
		for _, m := range page[:len(page)-1] {
			size += len(m.Body)
		}
		if streamed += len(page); size > readBytes {
			t.Errorf("a page of %d bytes", size)
		}
	}
	if streamed != messages {
		t.Errorf("a sound log was streamed to %d of %d", streamed, messages)
	}
	for range ReadAll(t.Context(), n, Identity, 0, 0) {
		break
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, err := range ReadAll(ctx, n, Identity, 0, 0) {
		if cancel(); err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("ended by the caller: %v", err)
		}
	}
	if left := consumers(); left != 0 {
		t.Errorf("%d consumers are left", left)
	}
}

// What is damaged is found, in the bulk too.
func TestReadAllDamaged(t *testing.T) {
	n := unsynced(t, streamLeast)
	publish(t, n, "k1", "none", "", "no link")
	for i := range 50 {
		publish(t, n, "k9", fmt.Sprint("after", i), Genesis(Identity, "k9").String(), "x")
	}
	published(t, n)
	got, err := collect(t.Context(), n, 0, 0)
	if !errors.Is(err, ErrDamaged) || len(got) > streamLeast {
		t.Errorf("a message without a link: %v after %d", err, len(got))
	}
}

// A message of a consumer is what it says, or refused; nothing panics.
func FuzzPushed(f *testing.F) {
	for _, reply := range []string{
		"", "...", "$JS.ACK.IDENTITY.c.1.7.7.1790000000000000000.0", "$JS.ACK.hub.acc.IDENTITY.c.1.7.7.1790000000000000000.0.rnd",
		"$JS.ACK.hub.acc.IDENTITY.c.1.7.7.1790000000000000000.0.rnd.more", "$JS.ACK.IDENTITY.c.1.x.7.1.0", "$JS.ACK.IDENTITY.c.1.7.7.-1",
	} {
		f.Add(reply, "identity.111122223333", Leaf(nil).String())
	}
	f.Fuzz(func(t *testing.T, reply, subject, link string) {
		m, count, err := pushed(&nats.Msg{Reply: reply, Subject: subject, Header: nats.Header{linkHeader: {link}}})
		if err == nil && (!strings.Contains(reply, fmt.Sprint(count)) || !strings.EqualFold(m.Link.String(), link)) {
			t.Errorf("%q: %d, %+v", reply, count, m)
		}
	})
}
