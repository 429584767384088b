package journal

import (
	"crypto/rand"
	"crypto/tls"
	"net"
	"strconv"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

// Door is a port of the embedded server, for services that follow the feed or
// ask. Who comes in by it is one user, who may listen to feed.>, read FEED by
// sequence and call what Answer answers, and nothing else: the truths and the
// server's own answers are not for him. Being he is no permission to ask: each
// call is signed by somebody.
type Door struct {
	Addr     string // HOST:PORT; port 0 is one by chance
	Password string
	TLS      *tls.Config // nil: none
}

// FeedUser is the name of the user who comes in by the door, and FeedInbox the
// prefix that he must give his inboxes.
const (
	FeedUser  = "feed"
	FeedInbox = "_INBOX_feed"
)

// open lets the server listen, and gives the option that our own connection
// needs now that there are users.
func (d *Door) open(o *server.Options) nats.Option {
	host, port, err := net.SplitHostPort(d.Addr)
	if err == nil {
		o.Port, err = strconv.Atoi(port)
	}
	if err != nil || o.Port == 0 {
		o.Port = server.RANDOM_PORT
	}
	own := rand.Text()
	o.Host, o.DontListen = host, false
	if d.TLS != nil {
		o.TLS, o.TLSConfig, o.TLSTimeout = true, d.TLS, 5
	}
	o.Users = []*server.User{
		{Username: "keytrail", Password: own},
		{Username: FeedUser, Password: d.Password, Permissions: &server.Permissions{
			Subscribe: &server.SubjectPermission{Allow: []string{"feed.>", FeedInbox + ".>"}},
			Publish:   &server.SubjectPermission{Allow: []string{"$JS.API.DIRECT.GET.FEED", "$JS.API.DIRECT.GET.FEED.feed.>", AskSubject + "access.>"}},
		}},
	}
	return nats.UserInfo("keytrail", own)
}

// FeedURL is where the door is, "" if there is none.
func (n *NATS) FeedURL() string { return n.conn.Load().feedURL }
