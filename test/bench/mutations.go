package main

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/uuid"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/projections"
)

// proof lets a request through as the holder of a key: what a signature costs
// is measured over HTTP.
type proof string

func (p proof) KeyID() string         { return string(p) }
func (proof) Token() string           { return "" }
func (proof) Check(seal.Secret) error { return nil }
func (proof) ID() string              { return uuid.NewString() }
func (proof) CheckUnknown() error     { return fmt.Errorf("no such key") }

// gate is a whole Keytrail in this process but for HTTP and ClickHouse.
type gate struct {
	*audit.Gate
	log   *journal.NATS
	pager *journal.Pager
	stop  context.CancelFunc
	root  proof
}

func openGate(ctx context.Context, dir string) (*gate, error) {
	ctx, stop := context.WithCancel(ctx)
	g := &gate{stop: stop}
	keys := seal.New()
	var err error
	if g.log, err = journal.Embedded(ctx, dir); err != nil {
		return nil, err
	}
	first, err := audit.Begin(ctx, g.log, keys, "us-east-1", &commands.CreateAccountInput{})
	if err != nil {
		return nil, err
	}
	g.root = proof(first.AccessKeyID)
	w, head := &projections.World{}, journal.NewHead(journal.Identity)
	if err := projections.Replay(ctx, g.log, w, head, 0, nil); err != nil {
		return nil, err
	}
	live := projections.NewLive(g.log, w, head, nil)
	go live.Follow(ctx)
	if g.pager, err = journal.NewPager(ctx, g.log, "bench", nil); err != nil {
		return nil, err
	}
	g.Gate = audit.NewGate(&audit.Gate{Log: g.log, Pager: g.pager, Live: live, Keys: keys, Region: "us-east-1", Operator: first.AccountID, Errors: slog.Default()})
	return g, nil
}

func (g *gate) close() { g.pager.Close(); g.stop(); g.log.Close() }

func (g *gate) ask(ctx context.Context, who proof, service, name string, in any) (any, error) {
	a := g.Serve(ctx, &audit.Request{
		Service: service, Name: name, Version: "2010-05-08", Proof: who, ID: uuid.NewString(), Region: "us-east-1",
		SourceIP: "203.0.113.7", UserAgent: "bench", Input: func() (any, error) { return in, nil },
	})
	return a.Output, a.Err
}

// mutations: CreateUser through the gate, against compare-and-swap publishes
// of the very same messages.
func mutations(ctx context.Context) error {
	for _, accounts := range []int{1, 64} {
		dir, done, err := temp()
		if err != nil {
			return err
		}
		ours, limit, n, err := mutate(ctx, dir, accounts)
		done()
		if err != nil {
			return err
		}
		row(fmt.Sprintf("mutations, %d account(s)", accounts), n/ours.Seconds(), n/limit.Seconds(), "/s", "≥ 70 %")
	}
	return nil
}

func mutate(ctx context.Context, dir string, accounts int) (ours, limit time.Duration, n float64, err error) {
	g, err := openGate(ctx, filepath.Join(dir, "ours"))
	if err != nil {
		return 0, 0, 0, err
	}
	defer g.close()
	roots := []proof{g.root}
	for len(roots) < accounts {
		out, err := g.ask(ctx, g.root, "keytrail", "CreateAccount", &commands.CreateAccountInput{})
		if err != nil {
			return 0, 0, 0, err
		}
		roots = append(roots, proof(out.(*commands.CreateAccountOutput).AccessKeyID))
	}
	each := 6400 / accounts
	if accounts == 1 {
		each = 4000
	}
	before := g.Live.Seq()
	var failed atomic.Value
	begin := time.Now()
	var wg sync.WaitGroup
	for _, root := range roots {
		wg.Go(func() {
			for i := range each {
				name := fmt.Sprintf("user%06d", i)
				if _, err := g.ask(ctx, root, "iam", "CreateUser", &iam.CreateUserInput{UserName: &name}); err != nil {
					failed.Store(err)
					return
				}
			}
		})
	}
	wg.Wait()
	ours = time.Since(begin)
	if err, ok := failed.Load().(error); ok {
		return 0, 0, 0, err
	}
	byAccount := map[string][]journal.Message{}
	for after := before; ; {
		m, err := g.log.Read(ctx, journal.Identity, after, 1000)
		if err != nil {
			return 0, 0, 0, err
		}
		if len(m) == 0 {
			break
		}
		for _, m := range m {
			byAccount[m.Key] = append(byAccount[m.Key], m)
			n++
		}
		after = m[len(m)-1].Seq
	}
	bare, err := bareLog(ctx, filepath.Join(dir, "bare"), true)
	if err != nil {
		return 0, 0, 0, err
	}
	defer bare.close()
	begin = time.Now()
	for account, messages := range byAccount {
		wg.Go(func() {
			last := uint64(0)
			for _, m := range messages {
				var err error
				if last, err = bare.swap(ctx, "bare."+account, m.ID, last, m.Body); err != nil {
					failed.Store(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err, ok := failed.Load().(error); ok {
		return 0, 0, 0, err
	}
	return ours, time.Since(begin), n, nil
}

// looks: GetUser through the gate in this process, without HTTP: what the gate
// itself costs.
func looks(ctx context.Context) error {
	const callers, each = 64, 500
	dir, done, err := temp()
	if err != nil {
		return err
	}
	defer done()
	g, err := openGate(ctx, dir)
	if err != nil {
		return err
	}
	defer g.close()
	name := "ana"
	if _, err := g.ask(ctx, g.root, "iam", "CreateUser", &iam.CreateUserInput{UserName: &name}); err != nil {
		return err
	}
	var failed atomic.Value
	begin := time.Now()
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range each {
				if _, err := g.ask(ctx, g.root, "iam", "GetUser", &iam.GetUserInput{UserName: &name}); err != nil {
					failed.Store(err)
					return
				}
			}
		})
	}
	wg.Wait()
	if err, ok := failed.Load().(error); ok {
		return err
	}
	alone("requests through the gate, 64 callers", number(callers*each/time.Since(begin).Seconds())+"/s", "")
	return nil
}
