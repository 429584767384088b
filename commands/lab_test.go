package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/smithy-go"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/projections"
)

const (
	home  = "111122223333"
	other = "444455556666"
)

// lab is a World with two accounts, and a root user who gives commands.
type lab struct {
	t     *testing.T
	world *projections.World
	keys  *seal.Keyring
	rand  io.Reader
	now   time.Time
	as    func() *projections.Caller // nil: the root user of home

	cost   seal.Cost
	hashed int // passwords so far
}

func newLab(t *testing.T) *lab {
	l := &lab{t: t, cost: seal.Cost{Memory: 8, Time: 1, Threads: 1}, world: &projections.World{}, keys: seal.New(), rand: rand.NewChaCha8([32]byte{1}), now: time.Date(2026, 11, 22, 8, 0, 0, 5e8, time.UTC)}
	for _, id := range []string{home, other} {
		l.world.Apply(events.Unit{Seq: l.world.Seq + 1, Account: id, Time: l.now, Facts: []events.Event{events.AccountCreated{ID: id}}})
	}
	return l
}

func (l *lab) account() *projections.Account {
	a, _ := l.world.Account(home)
	return a
}

func (l *lab) root() *projections.Caller {
	return &projections.Caller{Type: projections.Root, Account: l.account(), ARN: l.account().RootARN(), UserID: home, AccessKeyID: "AKIAROOT"}
}

// user is the caller with a long-term key of that user.
func (l *lab) user(name string) *projections.Caller {
	u, ok := l.account().User(name)
	if !ok {
		l.t.Fatalf("no user %s", name)
	}
	return &projections.Caller{Type: projections.IAMUser, Account: l.account(), User: u, ARN: u.ARN(l.account()), UserID: u.ID, AccessKeyID: "AKIAUSER"}
}

// call is a command and its input.
type call func(*Tx) (out any, err error)

func do[I, O any](command func(*Tx, context.Context, I) (O, error), in I) call {
	return func(tx *Tx) (any, error) {
		out, err := command(tx, context.Background(), in)
		if err != nil {
			return nil, err
		}
		return out, nil
	}
}

// run runs a command and applies its facts, if it is not refused.
func (l *lab) run(c call) (out any, facts []events.Event, err error) {
	l.t.Helper()
	caller := l.root()
	if l.as != nil {
		caller = l.as()
	}
	l.now = l.now.Add(time.Second)
	hashing := NewHashing(l.rand, l.cost)
	var tx *Tx
	for {
		tx = &Tx{World: l.world, Account: l.account(), Caller: caller, Now: l.now, Rand: l.rand, Keys: l.keys, Hashing: hashing}
		out, err = c(tx)
		w, more := hashing.Next()
		if more != errors.Is(err, ErrHash) {
			l.t.Fatalf("%v, and something to hash: %v", err, more)
		}
		if !more {
			break
		}
		l.hashed++
		hashing.Did(w, w.Do())
	}
	if err != nil && len(tx.Facts) > 0 {
		l.t.Errorf("refused with %v, but emitted %v", err, tx.Facts)
	}
	facts = append(tx.Anyway, tx.Facts...)
	if len(facts) > 0 {
		l.world.Apply(events.Unit{Seq: l.world.Seq + 1, Account: home, Time: l.now, Facts: facts})
	}
	return out, facts, err
}

// must runs commands that are not refused, and returns the last answer.
func (l *lab) must(calls ...call) (out any) {
	l.t.Helper()
	for i, c := range calls {
		var err error
		if out, _, err = l.run(c); err != nil {
			l.t.Fatalf("given %d: %v", i, err)
		}
	}
	return out
}

// story is one line of a table: given these commands, when this one, then
// these facts (type and data; ids by kind and order of appearance) or error.
type story struct {
	name  string
	given []call
	as    string // a user's name; none: the root user
	when  call
	facts []string
	err   string
}

func tell(t *testing.T, stories []story) {
	t.Helper()
	for _, s := range stories {
		t.Run(s.name, func(t *testing.T) {
			l := newLab(t)
			ids := &naming{}
			for i, c := range s.given {
				_, facts, err := l.run(c)
				if err != nil {
					t.Fatalf("given %d: %v", i, err)
				}
				for _, f := range facts {
					ids.name(written(f))
				}
			}
			if s.as != "" {
				l.as = func() *projections.Caller { return l.user(s.as) }
			}
			_, facts, err := l.run(s.when)
			if got := said(err); got != s.err {
				t.Fatalf("error:\ngot  %s\nwant %s", got, s.err)
			}
			var got []string
			for _, f := range facts {
				got = append(got, ids.name(written(f)))
			}
			if strings.Join(got, "\n") != strings.Join(s.facts, "\n") {
				t.Errorf("facts:\ngot  %s\nwant %s", strings.Join(got, "\n     "), strings.Join(s.facts, "\n     "))
			}
		})
	}
}

func written(f events.Event) string {
	data, err := json.Marshal(f)
	if err != nil {
		return err.Error()
	}
	return f.Type() + " " + string(data)
}

// said is an error as the wire would say it: code and message.
func said(err error) string {
	if err == nil {
		return ""
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return "not for clients: " + err.Error()
	}
	return strings.TrimSuffix(api.ErrorCode(), "Exception") + ": " + api.ErrorMessage()
}

var (
	anyID  = regexp.MustCompile(`\b(VMFA|AIDA|AGPA|AROA|ANPA|AIPA|AKIA|ASIA|OIDC|SAML|KEY)[A-Z0-9]{16,20}\b`)
	sealed = regexp.MustCompile(`k1\.[A-Za-z0-9+/]{90,}`)
)

// naming gives ids short names: AIDA1 is the first user.
type naming struct {
	names map[string]string
	count map[string]int
}

func (n *naming) name(text string) string {
	if n.names == nil {
		n.names, n.count = map[string]string{}, map[string]int{}
	}
	text = sealed.ReplaceAllString(text, "SEALED")
	return anyID.ReplaceAllStringFunc(text, func(id string) string {
		if n.names[id] == "" {
			kind := anyID.FindStringSubmatch(id)[1]
			n.count[kind]++
			n.names[id] = fmt.Sprint(kind, n.count[kind])
		}
		return n.names[id]
	})
}

func s(text string) *string { return &text }
