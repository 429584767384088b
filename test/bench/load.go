package main

import (
	"context"
	"fmt"
	"math/rand"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/seal"
)

// load makes the log of a busy Keytrail in dir: units over 1,000 accounts,
// each with the record of the request that made it, chained as the server
// would. It writes unsynced, since only reading is measured. It returns the
// number of facts.
func load(ctx context.Context, dir string, units int) (facts int, err error) {
	root, err := seal.LoadRoot(filepath.Join(dir, "keys", "root.key"))
	if err != nil {
		return 0, err
	}
	keys, err := seal.Load(filepath.Join(dir, "keys", "keyring.json"), root)
	if err != nil {
		return 0, err
	}
	own, err := journal.Embedded(ctx, filepath.Join(dir, "journal")) // makes the streams as the server does
	if err != nil {
		return 0, err
	}
	first, err := audit.Begin(ctx, own, keys, "us-east-1", &commands.CreateAccountInput{AccountID: "111122223333", AccessKeyID: rootKey, SecretAccessKey: seal.NewSecret(rootSecret)})
	if err != nil {
		return 0, err
	}
	last, err := own.Last(ctx, journal.Identity, first.AccountID)
	own.Close()
	if err != nil {
		return 0, err
	}
	bare, err := bareLog(ctx, filepath.Join(dir, "journal"), false)
	if err != nil {
		return 0, err
	}
	defer bare.close()
	defer bare.js.DeleteStream(ctx, "BARE")
	links := map[string]journal.Hash{first.AccountID: last.Link}
	w := newWriter(first.AccountID)
	for range units - 1 {
		account, list := w.next()
		body := w.unit(account, list)
		facts += len(list)
		prev, ok := links[account]
		if !ok {
			prev = journal.Genesis(journal.Identity, account)
		}
		links[account] = journal.Next(prev, journal.Leaf(body))
		if _, err := bare.js.PublishMsgAsync(&nats.Msg{
			Subject: "identity." + account, Data: body,
			Header: nats.Header{"Keytrail-Link": {links[account].String()}, jetstream.MsgIDHeader: {uuid.NewString()}},
		}, jetstream.WithStallWait(30*time.Second)); err != nil {
			return 0, err
		}
	}
	select {
	case <-bare.js.PublishAsyncComplete():
	case <-time.After(time.Minute):
		return 0, fmt.Errorf("the log was not written within a minute")
	}
	return facts, nil
}

// writer makes a plausible history: accounts, users, groups, policies, keys,
// tags, attachments, and a fifth of them undone again.
type writer struct {
	r        *rand.Rand
	at       time.Time
	accounts []string
	users    map[string][]string // ids by account
	groups   map[string]string
	policies map[string]string
	n        int
}

func newWriter(first string) *writer {
	return &writer{r: rand.New(rand.NewSource(1)), at: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), accounts: []string{first},
		users: map[string][]string{}, groups: map[string]string{}, policies: map[string]string{}}
}

func (w *writer) id(prefix string) string { w.n++; return fmt.Sprintf("%s%017d", prefix, w.n) }

func (w *writer) next() (account string, facts []events.Event) {
	w.at = w.at.Add(7 * time.Millisecond)
	if len(w.accounts) < 1000 {
		account = fmt.Sprintf("%012d", 200000000000+len(w.accounts))
		w.accounts = append(w.accounts, account)
		return account, []events.Event{events.AccountCreated{ID: account}}
	}
	account = w.accounts[w.r.Intn(len(w.accounts))]
	if w.groups[account] == "" {
		w.groups[account], w.policies[account] = w.id("AGPA"), w.id("ANPA")
		return account, []events.Event{
			events.GroupCreated{ID: w.groups[account], Name: "developers", Path: "/"},
			events.PolicyCreated{ID: w.policies[account], Name: "developer", Path: "/", Document: `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["s3:Get*","s3:List*"],"Resource":"arn:aws:s3:::team-${aws:PrincipalTag/team}/*"}]}`},
		}
	}
	users := w.users[account]
	if len(users) == 0 || w.r.Intn(10) < 2 && len(users) < 2000 {
		id := w.id("AIDA")
		w.users[account] = append(users, id)
		return account, []events.Event{events.UserCreated{ID: id, Name: fmt.Sprintf("user-%d", w.n), Path: "/dev/", Tags: []events.Tag{{Key: "team", Value: "blue"}}}}
	}
	user := users[w.r.Intn(len(users))]
	switch w.r.Intn(6) {
	case 0:
		return account, []events.Event{events.Tagged{ID: user, Tags: []events.Tag{{Key: "cost", Value: fmt.Sprint(w.r.Intn(100))}}}}
	case 1:
		return account, []events.Event{events.Untagged{ID: user, Keys: []string{"cost"}}}
	case 2:
		return account, []events.Event{events.UserAddedToGroup{User: user, Group: w.groups[account]}}
	case 3:
		return account, []events.Event{events.UserRemovedFromGroup{User: user, Group: w.groups[account]}}
	case 4:
		return account, []events.Event{events.PolicyAttached{To: user, Policy: w.policies[account], ARN: "arn:aws:iam::" + account + ":policy/developer"}}
	default:
		return account, []events.Event{events.PolicyDetached{From: user, Policy: w.policies[account]}}
	}
}

func (w *writer) unit(account string, facts []events.Event) []byte {
	_, record := decision(account, w.n)
	h := events.Header{Partition: "aws", Account: account, Time: w.at, Actor: "arn:aws:iam::" + account + ":root", RequestID: uuid.NewString()}
	body := append([]byte{'['}, record...)
	for _, f := range facts {
		var err error
		body, err = events.AppendFact(append(body, ','), h, uuid.Must(uuid.NewV7()).String(), f)
		die(err)
	}
	return append(body, ']')
}
