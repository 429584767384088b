package main

import (
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"go.yaml.in/yaml/v3"
)

// serverConfig is what the server is told. Each member is a flag, a variable
// KEYTRAIL_… and a line of the config file; flags win, then variables.
type serverConfig struct {
	Data       string // folder of everything that is kept
	Listen     string // HOST:PORT
	NATS       string // embedded, or nats://…
	NATSListen string // HOST:PORT of the embedded NATS, for who follows the feed; "" for none
	Synced     bool   // the operator's word for sync_interval: always on an external NATS
	Audit      string // embedded, off, or clickhouse://…
	Reader     string // account for searches on an external ClickHouse
	Engine     string // library of the embedded ClickHouse engine
	Memory     int64  // bound of the embedded engine, bytes
	Region     string
	TLSCert    string
	TLSKey     string
	Plain      bool // plain HTTP beyond loopback
	RootKey    string
	PerKey     float64       // requests per second and access key; 0: unlimited
	PerAccount float64       // requests per second and account; 0: unlimited
	Trails     string        // on, off
	Every      time.Duration // between log files of a trail
	Digests    time.Duration // between digest files of a trail
	Node       string        // name of this node as a writer of decisions
}

func (c *serverConfig) flags(f *pflag.FlagSet) {
	f.StringVar(&c.Data, "data", ".keytrail", "folder of everything that is kept")
	f.StringVar(&c.Listen, "listen", "127.0.0.1:4566", "address of the API")
	f.StringVar(&c.NATS, "nats", "embedded", "the log: embedded, or nats://… with JetStream")
	f.StringVar(&c.NATSListen, "nats-listen", "", "address at which the embedded NATS serves the feed of decisions and facts (default: no port)")
	f.BoolVar(&c.Synced, "nats-sync-always", false, "your word that the external NATS runs with sync_interval: always")
	f.StringVar(&c.Audit, "audit", "embedded", "the audit store: embedded, off, or clickhouse://…")
	f.StringVar(&c.Reader, "audit-reader", "", "clickhouse://… of the read-only account for searches (with an external store)")
	f.StringVar(&c.Engine, "engine", "", "library of the embedded ClickHouse engine (default: where make engine puts it)")
	f.Int64Var(&c.Memory, "engine-memory", 0, "memory bound of the embedded ClickHouse engine in bytes (0: its default)")
	f.StringVar(&c.Region, "region", "us-east-1", "region of this server")
	f.StringVar(&c.TLSCert, "tls-cert", "", "certificate file; HTTPS needs it and --tls-key; both are read again when they change")
	f.StringVar(&c.TLSKey, "tls-key", "", "key file of the certificate")
	f.BoolVar(&c.Plain, "plain-http-beyond-loopback", false, "allow plain HTTP on an address that others can reach")
	f.StringVar(&c.RootKey, "root-key", "", "file of the root key (default: keys/root.key in the data folder)")
	f.Float64Var(&c.PerKey, "rate", 0, "requests per second allowed to one access key (0: no limit)")
	f.Float64Var(&c.PerAccount, "account-rate", 0, "requests per second allowed to all keys of one account together (0: no limit)")
	f.StringVar(&c.Trails, "trails", "on", "deliver the log files of trails into trails/ of the data folder: on or off (of several nodes one should)")
	f.DurationVar(&c.Every, "trail-every", 30*time.Second, "time between log files of a trail, a minute at most")
	f.DurationVar(&c.Digests, "trail-digests", time.Hour, "time between digest files of a trail, an hour at most")
	f.StringVar(&c.Node, "node", "node1", "name of this node as a writer of the log")
	f.String("config", "", "file of these settings, one 'name: value' a line")
}

// fill sets the flags that were not given from the environment and the file.
func fill(c *cobra.Command) error {
	file, err := configFile(c)
	if err != nil {
		return err
	}
	var bad error
	c.Flags().VisitAll(func(f *pflag.Flag) {
		value, ok := os.LookupEnv("KEYTRAIL_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_")))
		if !ok {
			value, ok = file[f.Name]
		}
		delete(file, f.Name)
		if ok && !f.Changed && bad == nil {
			if err := c.Flags().Set(f.Name, value); err != nil {
				bad = failure{exitUsage, fmt.Errorf("setting %s: %w", f.Name, err)}
			}
		}
	})
	for name := range file {
		return failure{exitUsage, fmt.Errorf("config file: there is no setting %q", name)}
	}
	return bad
}

func configFile(c *cobra.Command) (map[string]string, error) {
	name, err := c.Flags().GetString("config")
	if err != nil || name == "" {
		name = os.Getenv("KEYTRAIL_CONFIG")
	}
	if name == "" {
		return nil, nil
	}
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, failure{exitReach, fmt.Errorf("config file: %w", err)}
	}
	settings := map[string]string{}
	if err := yaml.Unmarshal(b, &settings); err != nil {
		return nil, failure{exitUsage, fmt.Errorf("config file %s: %w", name, err)}
	}
	return settings, nil
}

// check refuses what would be unsafe, in one line with the cure.
func (c *serverConfig) check() error {
	for _, addr := range []string{c.Listen, c.NATSListen} {
		if addr == "" && addr != c.Listen {
			continue
		}
		host, _, err := net.SplitHostPort(addr)
		if err != nil {
			return failure{exitUsage, fmt.Errorf("%q is no address to listen on: write HOST:PORT", addr)}
		}
		if ip := net.ParseIP(host); c.TLSCert == "" && host != "localhost" && (ip == nil || !ip.IsLoopback()) && !c.Plain {
			return failure{exitUsage, fmt.Errorf("without TLS, %s would show credentials to the network: give --tls-cert and --tls-key, listen on 127.0.0.1, or say --plain-http-beyond-loopback", addr)}
		}
	}
	switch {
	case c.Trails != "on" && c.Trails != "off":
		return failure{exitUsage, fmt.Errorf("--trails %s: on or off", c.Trails)}
	case c.Every < time.Second || c.Every > time.Minute || c.Digests < time.Second || c.Digests > time.Hour:
		return failure{exitUsage, fmt.Errorf("--trail-every is 1s to 1m, --trail-digests 1s to 1h")}
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return failure{exitUsage, fmt.Errorf("--tls-cert and --tls-key go together")}
	case c.NATSListen != "" && c.NATS != "embedded":
		return failure{exitUsage, fmt.Errorf("--nats-listen is for the embedded NATS; with --nats %s services connect there", redactURL(c.NATS))}
	case c.NATS != "embedded" && !c.Synced:
		return failure{exitUsage, fmt.Errorf("an answer needs a synced log, and what --nats %s does can't be seen from here: run it with sync_interval: always and say --nats-sync-always", redactURL(c.NATS))}
	}
	return nil
}

// redactURL leaves out what a URL holds before the host.
func redactURL(u string) string {
	scheme, rest, ok := strings.Cut(u, "://")
	if at := strings.LastIndexByte(rest, '@'); ok && at >= 0 {
		return scheme + "://…@" + rest[at+1:]
	}
	return u
}
