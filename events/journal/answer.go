package journal

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Services on the bus ask by request and reply: the subject says what, headers
// and body are those that HTTP would have.

// AskSubject is what the subjects of requests begin with. What follows is the
// path, with dots for slashes: keytrail.access.v1.evaluation.
const AskSubject = "keytrail."

// Call is one request that came over the bus.
type Call struct {
	Path   string // /access/v1/evaluation
	Header map[string][]string
	Body   []byte
}

const (
	answerers = 64   // calls answered at once
	callsWait = 1024 // calls beyond these are dropped: whoever asks has a deadline
	askQueue  = "keytrail"
)

// Answer answers calls until ctx ends, several at once. Of several nodes one
// answers each call.
//
// A call names the subject its answer goes to, and the server does not look
// whether the caller may write there; we may write everywhere, to the truths
// too. So only inboxes are answered.
func (n *NATS) Answer(ctx context.Context, f func(context.Context, *Call) (header map[string][]string, body []byte)) error {
	calls := make(chan *nats.Msg, callsWait)
	inbox := "_INBOX"
	if n.door != nil {
		inbox = FeedInbox + "."
	}
	var all sync.WaitGroup
	defer all.Wait()
	for range answerers {
		all.Go(func() {
			for {
				select {
				case m := <-calls:
					if !strings.HasPrefix(m.Reply, inbox) {
						continue
					}
					header, body := f(ctx, &Call{"/" + strings.ReplaceAll(strings.TrimPrefix(m.Subject, AskSubject), ".", "/"), m.Header, m.Data})
					// Who does not hear it asks again, and is answered by another record.
					_ = n.conn.Load().nc.PublishMsg(&nats.Msg{Subject: m.Reply, Header: header, Data: body})
				case <-ctx.Done():
					return
				}
			}
		})
	}
	look := time.NewTicker(250 * time.Millisecond)
	defer look.Stop()
	for c := (*connection)(nil); ; {
		// An embedded server that was put in place of another knows nothing of
		// the subscription.
		if now := n.conn.Load(); now != c {
			if _, err := now.nc.ChanQueueSubscribe(AskSubject+"access.>", askQueue, calls); err == nil {
				c = now
			} else if !now.nc.IsClosed() {
				return err
			}
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return nil
		}
	}
}
