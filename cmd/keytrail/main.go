// Keytrail is an identity and access management server that speaks AWS IAM,
// STS and CloudTrail, and in which the log is the truth. This is its one
// binary: the server, and the tools of its operators and auditors.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/audit/clickhouse/engine"
)

// Exit codes: 0 done; 1 the answer is no; 2 usage; 3 cannot reach or read.
const (
	exitNo    = 1
	exitUsage = 2
	exitReach = 3
)

// failure is an error with the exit code it stands for.
type failure struct {
	code int
	error
}

func (f failure) Unwrap() error { return f.error }

// no says that the answer is no: verification failed, drift was found.
func no(format string, args ...any) error { return failure{exitNo, fmt.Errorf(format, args...)} }

func main() {
	engine.MaybeChild() // the ClickHouse engine is this binary, started again
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(300) // requests leave much garbage beside little that lives
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := root().ExecuteContext(ctx)
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, "keytrail:", err)
	var f failure
	if errors.As(err, &f) {
		os.Exit(f.code)
	}
	os.Exit(exitReach)
}

func root() *cobra.Command {
	c := &cobra.Command{
		Use: "keytrail", Short: "IAM, STS and CloudTrail in which the log is the truth",
		SilenceUsage: true, SilenceErrors: true,
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return failure{exitUsage, err} })
	c.AddCommand(serverCommand(), accountCommand(), auditCommand(), replayCommand(), verifyCommand(), policyCommand(), resourceCommand())
	for _, sub := range c.Commands() {
		usage(sub)
	}
	return c
}

// usage makes wrong arguments exit with the code for usage, in c and below it.
func usage(c *cobra.Command) {
	if check := c.Args; check != nil {
		c.Args = func(c *cobra.Command, args []string) error {
			if err := check(c, args); err != nil {
				return failure{exitUsage, err}
			}
			return nil
		}
	}
	for _, sub := range c.Commands() {
		usage(sub)
	}
}
