package journal_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/keytrail/keytrail/events/journal"
)

// Who comes in by the door hears the feed and can read its window; the truths,
// the server's administration and other clients' answers are closed to him.
func TestDoor(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	log, err := journal.Embedded(ctx, t.TempDir(), journal.Door{Addr: "127.0.0.1:0", Password: "open sesame"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	if _, err := nats.Connect(log.FeedURL()); err == nil {
		t.Fatal("came in without a password")
	}
	if _, err := nats.Connect(log.FeedURL(), nats.UserInfo("keytrail", "")); err == nil {
		t.Fatal("came in as the server itself")
	}
	refused := make(chan error, 16)
	nc, err := nats.Connect(log.FeedURL(), nats.UserInfo(journal.FeedUser, "open sesame"), nats.CustomInboxPrefix(journal.FeedInbox),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	sub, err := nc.SubscribeSync("feed.111122223333.*.*.deny")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	for i, subject := range []string{"111122223333.iam.GetUser.allow", "444455556666.iam.GetUser.deny", "111122223333.iam.DeleteUser.deny"} {
		if err := log.Feed(ctx, []journal.FeedEvent{{Subject: subject, ID: subject, Position: "DECISIONS/1/" + string(rune('0'+i)), Body: []byte("{}")}}); err != nil {
			t.Fatal(err)
		}
	}
	m, err := sub.NextMsg(5 * time.Second)
	if err != nil || m.Subject != "feed.111122223333.iam.DeleteUser.deny" || m.Header.Get("Keytrail-Position") != "DECISIONS/1/2" {
		t.Fatalf("heard %+v, %v", m, err)
	}
	old, err := nc.Request("$JS.API.DIRECT.GET.FEED", []byte(`{"seq":1}`), 5*time.Second)
	for i := 0; i < 100 && err == nil && old.Header.Get("Status") == "404"; i++ { // heard, and not yet in the window
		time.Sleep(10 * time.Millisecond)
		old, err = nc.Request("$JS.API.DIRECT.GET.FEED", []byte(`{"seq":1}`), 5*time.Second)
	}
	if err != nil || old.Header.Get("Nats-Subject") != "feed.111122223333.iam.GetUser.allow" {
		t.Fatalf("the window: %+v, %v", old, err)
	}
	for _, subject := range []string{"$JS.API.DIRECT.GET.IDENTITY", "$JS.API.STREAM.INFO.IDENTITY", "$JS.API.STREAM.DELETE.DECISIONS", "$JS.API.STREAM.PURGE.FEED", "$JS.API.CONSUMER.CREATE.DECISIONS", "identity.111122223333", "decisions.w", "feed.111122223333.iam.GetUser.allow", "$KV.MARKS.x"} {
		if _, err := nc.Request(subject, []byte(`{"seq":1}`), 100*time.Millisecond); err == nil {
			t.Errorf("%s was answered", subject)
		}
		permission(t, refused, subject)
	}
	for _, subject := range []string{">", "identity.>", "decisions.>", "wake.>", "_INBOX.>", "$JS.>"} {
		if _, err := nc.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		nc.Flush()
		permission(t, refused, subject)
	}
}

func permission(t *testing.T, refused <-chan error, subject string) {
	t.Helper()
	select {
	case err := <-refused:
		if !errors.Is(err, nats.ErrPermissionViolation) && !strings.Contains(err.Error(), "ermissions") {
			t.Errorf("%s: %v", subject, err)
		}
	case <-time.After(5 * time.Second):
		t.Errorf("%s was not refused", subject)
	}
}
