package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/audit/clickhouse"
	"github.com/keytrail/keytrail/audit/delivery"
	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/query"
	"github.com/spf13/cobra"
)

func serverCommand() *cobra.Command {
	var c serverConfig
	cmd := &cobra.Command{
		Use: "server", Short: "Serve IAM, STS and CloudTrail", Args: cobra.NoArgs,
		PreRunE: func(cmd *cobra.Command, _ []string) error {
			if err := fill(cmd); err != nil {
				return err
			}
			return c.check()
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), &c) },
	}
	c.flags(cmd.Flags())
	return cmd
}

const unknownRate = 200 // requests of nobody that are written down, per second

// server is a running Keytrail.
type server struct {
	config *serverConfig
	node   *node
	pager  *journal.Pager
	gate   *audit.Gate
	store  *clickhouse.Warehouse // nil: --audit off
	sink   *clickhouse.Sink
	trails *delivery.Deliverer           // nil: --trails off
	first  *commands.CreateAccountOutput // what the first start made, shown once
	told   bool                          // who started us chose the secret: it need not be shown
	large  chan struct{}                 // large batches of questions being read

	background sync.WaitGroup
	failed     chan error // something that must run has ended
}

// serve runs a server until ctx ends, then stops within five seconds: no new
// request is taken, those taken are answered or refused, and what is known is
// signed.
func serve(ctx context.Context, c *serverConfig) error {
	s := &server{config: c, failed: make(chan error, 8), large: make(chan struct{}, largeAtOnce), told: os.Getenv(bootstrapSecret) != ""}
	ln, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return failure{exitReach, err}
	}
	defer ln.Close()
	if s.node, err = openNode(ctx, c, s.begin); err != nil {
		return err
	}
	forget(bootstrapSecret)
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	if err := s.start(work); err != nil {
		stop()
		s.background.Wait()
		return errors.Join(err, s.node.close())
	}
	front, err := s.listener(ln)
	if err != nil {
		return errors.Join(err, s.node.close())
	}
	served := make(chan error, 1)
	go func() { served <- front.server.Serve(front.listener) }()
	s.greet(ln.Addr())
	select {
	case <-ctx.Done():
	case err = <-s.failed:
		slog.Error("the server stops", "cause", err)
	case err = <-served:
	}
	// Half of the five seconds is for requests in flight.
	drain, cancel := context.WithTimeout(work, 2500*time.Millisecond)
	defer cancel()
	if front.server.Shutdown(drain) != nil {
		front.server.Close()
	}
	count, cancel := context.WithTimeout(work, 500*time.Millisecond)
	defer cancel()
	s.gate.FlushThrottled(count)
	s.pager.Close()
	stop()
	s.background.Wait()
	err = errors.Join(err, s.node.close())
	if s.store != nil {
		err = errors.Join(err, s.store.Close())
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// begin makes the first account of an empty log.
func (s *server) begin(n *node) error {
	in, err := bootstrap()
	if err == nil {
		s.first, err = audit.Begin(context.Background(), n.log, n.keys, s.config.Region, in)
	}
	return err
}

// start brings up everything behind the listener.
func (s *server) start(ctx context.Context) (err error) {
	n, c := s.node, s.config
	if s.pager, err = journal.NewPager(ctx, n.log, c.Node, n.decisions.Offer); err != nil {
		return err
	}
	floor, err := n.newest(ctx)
	if err != nil {
		return err
	}
	s.gate = audit.NewGate(&audit.Gate{
		Floor: floor, Log: n.log, Pager: s.pager, Live: n.live, Keys: n.keys, Region: c.Region, Operator: n.operator,
		Shared: c.NATS != "embedded", Errors: slog.Default(),
		Limits: audit.NewLimits(c.PerKey, c.PerAccount, unknownRate),
		Journal: &query.Journal{
			Log: n.log, LogID: n.logID, PublicKey: n.vault.PublicKey(), Checkpoint: n.checkpoint,
			Freeze: n.frozen, Snapshots: n.snapshots.Headers,
		},
	})
	if c.Audit != "off" {
		if err := s.openStore(); err != nil {
			return err
		}
	}
	if c.Trails == "on" {
		s.trails = s.deliverer()
		s.gate.Delivery = s.trails
	}
	hear := func(journal.Message) {}
	if c.NATS != "embedded" || c.NATSListen != "" { // else nobody could follow it
		feed := audit.NewFeed(n.log)
		n.onMessage, hear = feed.Offer(journal.Identity), feed.Offer(journal.Decisions)
		s.run(ctx, "the feed", feed.Run)
		s.run(ctx, "answers on the bus", func(ctx context.Context) error { return n.log.Answer(ctx, s.authzenCall) })
	}
	s.run(ctx, "the fold of IDENTITY", n.live.Follow)
	s.run(ctx, "the signer", n.keep)
	s.run(ctx, "the count of throttled requests", s.gate.NoteThrottled)
	s.run(ctx, "the watch over DECISIONS", func(ctx context.Context) error { return n.decisions.Run(ctx, hear) })
	if s.sink != nil {
		s.run(ctx, "the sink", s.sink.Run)
	}
	if s.trails != nil {
		s.run(ctx, "the delivery of trails", s.trails.Run)
	}
	return nil
}

// deliverer makes the delivery of trails. The key of digests is made when it
// is first wanted: that takes longer than a start may.
func (s *server) deliverer() *delivery.Deliverer {
	n, c := s.node, s.config
	var making sync.Mutex
	var key *seal.DigestKey
	return &delivery.Deliverer{
		Log: n.log, World: n.frozen, Dir: filepath.Join(c.Data, "trails"), Region: c.Region, Every: c.Every, Digests: c.Digests,
		Errors: slog.Default(), Clock: time.Now,
		Key: func() (seal.DigestKey, error) {
			making.Lock()
			defer making.Unlock()
			if key == nil {
				k, err := n.keys.DigestKey(filepath.Join(c.Data, "keys", "digests.key"), time.Now())
				if err != nil {
					return k, err
				}
				key = &k
			}
			return *key, nil
		},
	}
}

func (s *server) openStore() (err error) {
	c := s.config
	o := clickhouse.Options{Dir: c.Data, Library: c.Engine, Memory: c.Memory, ReaderDSN: c.Reader}
	if c.Audit != "embedded" {
		o.DSN = c.Audit
	}
	if s.store, err = clickhouse.Open(o); err != nil {
		return failure{exitUsage, fmt.Errorf("%w (or start with --audit off)", err)}
	}
	s.sink = clickhouse.NewSink(s.store, s.node.log)
	s.gate.Trail = audit.NewStore(s.store, s.sink)
	return nil
}

// run keeps f going beside the others; if it fails, the server stops.
func (s *server) run(ctx context.Context, what string, f func(context.Context) error) {
	s.background.Go(func() {
		if err := f(ctx); err != nil && ctx.Err() == nil {
			select {
			case s.failed <- fmt.Errorf("%s: %w", what, err):
			default:
			}
		}
	})
}

// readiness is the answer of /readyz: 200 when decisions can be served.
type readiness struct {
	Ready       bool              `json:"ready"`
	Journal     part              `json:"journal"`
	Projections part              `json:"projections"`
	Audit       part              `json:"audit"`  // never needed for a decision
	Trails      part              `json:"trails"` // nor this
	Seq         uint64            `json:"seq"`
	Streams     []clickhouseState `json:"streams,omitempty"`
}

type part struct {
	Ready  bool   `json:"ready"`
	Reason string `json:"reason,omitempty"`
}

func partOf(err error) part {
	if err != nil {
		return part{Reason: err.Error()}
	}
	return part{Ready: true}
}

type clickhouseState = clickhouse.StreamState

func (s *server) readiness() readiness {
	r := readiness{
		Journal:     partOf(s.pager.Down()),
		Projections: partOf(s.node.live.Servable()),
		Audit:       part{Reason: "off"},
		Trails:      part{Reason: "off"},
		Seq:         s.node.live.Seq(),
	}
	if s.store != nil {
		status := s.gate.Trail.Status()
		r.Audit, r.Streams = part{Ready: status.Ready, Reason: status.Problem}, s.sink.State()
	}
	if s.trails != nil {
		r.Trails = partOf(s.trails.Problem())
	}
	r.Ready = r.Journal.Ready && r.Projections.Ready
	return r
}

func (s *server) readyz(w http.ResponseWriter, _ *http.Request) {
	r := s.readiness()
	w.Header().Set("Content-Type", "application/json")
	if !r.Ready {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	json.NewEncoder(w).Encode(r) // a client that went away needs no answer
}

// greet tells what to do next. The keys of the first account are shown here
// and nowhere else.
func (s *server) greet(addr net.Addr) {
	scheme := "http"
	if s.config.TLSCert != "" {
		scheme = "https"
	}
	url := scheme + "://" + addr.String()
	fmt.Printf("keytrail serves IAM, STS and CloudTrail at %s (data in %s)\n", url, s.config.Data)
	if s.first == nil || s.told {
		return
	}
	fmt.Printf(`
The first account is %s. Its root user's keys are shown this once:

  export AWS_ACCESS_KEY_ID=%s
  export AWS_SECRET_ACCESS_KEY=%s
  export AWS_DEFAULT_REGION=%s AWS_ENDPOINT_URL=%s
  aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; } # a CLI older than 2.13 would ask Amazon

Paste these lines into another terminal, then
create a user, let her try what she may not, and find both in the trail:

  aws iam create-user --user-name ana
  (eval $(aws iam create-access-key --user-name ana --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text | awk '{print "export AWS_ACCESS_KEY_ID="$1" AWS_SECRET_ACCESS_KEY="$2}') && aws iam list-users)
  sleep 1; aws cloudtrail lookup-events --max-results 5 --query 'Events[].[EventTime,EventName,Username]' --output table
`, s.first.AccountID, s.first.AccessKeyID, s.first.SecretAccessKey, s.config.Region, url)
}

// front is the listener with its limits (security.md §7).
type front struct {
	server   *http.Server
	listener net.Listener
}

func (s *server) listener(ln net.Listener) (*front, error) {
	f := &front{listener: ln, server: &http.Server{
		Handler:           s.routes(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16<<10 - 4096, // net/http adds 4096 of its own
		ErrorLog:          slog.NewLogLogger(slog.Default().Handler(), slog.LevelDebug),
	}}
	if s.config.TLSCert != "" {
		certs, err := newCertificates(s.config.TLSCert, s.config.TLSKey)
		if err != nil {
			return nil, failure{exitUsage, err}
		}
		f.listener = tls.NewListener(ln, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certs.get, NextProtos: []string{"h2", "http/1.1"}})
	}
	return f, nil
}
