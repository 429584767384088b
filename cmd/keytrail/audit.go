package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/query"
)

func auditCommand() *cobra.Command {
	c := &client{}
	cmd := &cobra.Command{Use: "audit", Short: "Ask the trail", Args: cobra.NoArgs}
	c.flags(cmd)
	cmd.AddCommand(auditQuery(c), auditTail(c), auditReconcile(c))
	return cmd
}

func auditQuery(c *client) *cobra.Command {
	var in query.QueryTrailInput
	var since, until string
	cmd := &cobra.Command{
		Use: "query", Short: "Find requests by who, what, when, from where, or by SQL", Args: cobra.NoArgs,
		Example: "  keytrail audit query --principal ana --decision Deny --since 24h\n  keytrail audit query --sql 'SELECT event_name, count() FROM audit.events GROUP BY 1 ORDER BY 2 DESC'",
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			o, err := output(cmd)
			if err != nil {
				return err
			}
			if in.Since, err = moment(since); err != nil {
				return err
			}
			if in.Until, err = moment(until); err != nil {
				return err
			}
			var out query.QueryTrailOutput
			if err := c.call(cmd.Context(), "QueryTrail", in, &out); err != nil {
				return err
			}
			if out.Table != nil {
				return showTable(out.Table, o)
			}
			return showRows(out.Rows, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&in.Principal, "principal", "", "ARN (with * for anything) or user name")
	f.StringVar(&in.Action, "action", "", "iam:CreateUser, with * for anything")
	f.StringVar(&in.Resource, "resource", "", "ARN, with * for anything")
	f.StringVar(&in.Decision, "decision", "", "Allow, Deny, ExplicitDeny, ImplicitDeny, Unauthenticated")
	f.StringVar(&in.Key, "key", "", "access key id")
	f.StringVar(&in.Event, "event-id", "", "event id")
	f.StringVar(&in.Source, "source", "", "IP address or network of the caller")
	f.StringVar(&since, "since", "", "time (2006-01-02T15:04:05Z) or age (90m, 24h)")
	f.StringVar(&until, "until", "", "time or age")
	f.IntVar(&in.Limit, "limit", 100, "rows at most")
	f.BoolVar(&in.Oldest, "oldest", false, "oldest first")
	f.BoolVar(&in.AllAccounts, "all-accounts", false, "every account (the operator's only)")
	f.StringVar(&in.SQL, "sql", "", "a SELECT over audit.events")
	outputFlag(cmd)
	return cmd
}

// moment reads a time or an age.
func moment(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if age, err := time.ParseDuration(s); err == nil {
		return time.Now().UTC().Add(-age), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return t, failure{exitUsage, fmt.Errorf("%q is neither a time (2006-01-02T15:04:05Z) nor an age (24h)", s)}
	}
	return t, nil
}

func showRows(rows []query.TrailRow, o string) error {
	if o == asJSON {
		records := make([]json.RawMessage, len(rows))
		for i := range rows {
			records[i] = json.RawMessage(rows[i].Record)
		}
		return printJSON(records)
	}
	table := make([][]string, len(rows))
	for i, r := range rows {
		resource := ""
		if len(r.Resources) > 0 {
			resource = r.Resources[0].ARN
		}
		table[i] = []string{r.Time.UTC().Format(time.RFC3339), r.Principal, r.Action, resource, r.Decision, r.ErrorCode, r.SourceIP, r.EventID}
	}
	return printTable([]string{"TIME", "PRINCIPAL", "ACTION", "RESOURCE", "DECISION", "ERROR", "SOURCE", "EVENT"}, table)
}

func showTable(t *query.TrailTable, o string) error {
	if o == asJSON {
		rows := make([]map[string]any, len(t.Rows))
		for i, r := range t.Rows {
			rows[i] = map[string]any{}
			for j, v := range r {
				rows[i][t.Columns[j]] = v
			}
		}
		return printJSON(rows)
	}
	table := make([][]string, len(t.Rows))
	for i, r := range t.Rows {
		for _, v := range r {
			s, ok := v.(string)
			if !ok {
				b, err := json.Marshal(v)
				if err != nil {
					return err
				}
				s = string(b)
			}
			table[i] = append(table[i], s)
		}
	}
	if err := printTable(t.Columns, table); err != nil {
		return err
	}
	if t.More {
		fmt.Fprintf(os.Stderr, "there is more: the answer was cut at %d rows\n", len(t.Rows))
	}
	return nil
}

// auditTail shows decisions as they are written. It reads the log itself, so
// it shows them whether or not the audit store is there.
func auditTail(c *client) *cobra.Command {
	var follow bool
	var last uint64
	cmd := &cobra.Command{
		Use: "tail", Short: "Show requests as they are recorded (the operator's account only)", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := output(cmd)
			if err != nil {
				return err
			}
			return tail(cmd.Context(), &remote{c}, last, follow, o)
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", true, "wait for more until interrupted")
	cmd.Flags().Uint64Var(&last, "last", 10, "messages of each stream to begin with")
	outputFlag(cmd)
	return cmd
}

func tail(ctx context.Context, log *remote, last uint64, follow bool, o string) error {
	streams := []journal.Stream{journal.Identity, journal.Decisions}
	at := map[journal.Stream]uint64{}
	for _, s := range streams {
		end, err := log.End(ctx, s)
		if err != nil {
			return err
		}
		at[s] = end - min(end, last)
	}
	for {
		for _, s := range streams {
			messages, err := log.Read(ctx, s, at[s], 1000)
			if ctx.Err() != nil {
				return nil
			}
			if err != nil {
				return err
			}
			for _, m := range messages {
				at[s] = m.Seq
				if err := events.Each(m.Body, func(i int, e events.Raw) error { return showEvent(s, m.Seq, i, e, o) }); err != nil {
					return err
				}
			}
		}
		if !follow {
			return nil
		}
		select {
		case <-time.After(500 * time.Millisecond): // each look is itself recorded: not oftener than a person reads
		case <-ctx.Done():
			return nil
		}
	}
}

func showEvent(s journal.Stream, seq uint64, i int, e events.Raw, o string) error {
	if o == asJSON {
		_, err := fmt.Printf("%s\n", e.Bytes)
		return err
	}
	place := fmt.Sprintf("%s/%d/%d", s, seq, i)
	if e.Type != events.RecordType {
		_, err := fmt.Printf("%s  %-22s  fact  %s\n", e.Time.UTC().Format(time.RFC3339), place, e.Type)
		return err
	}
	var r events.Record
	if err := json.Unmarshal(e.Data, &r); err != nil {
		return err
	}
	who := r.UserIdentity.ARN
	if who == "" {
		who = r.UserIdentity.Type
	}
	_, err := fmt.Printf("%s  %-22s  %-12s  %s  %s:%s  %s\n", e.Time.UTC().Format(time.RFC3339), place, r.Verdict.Effect, plain(who), r.EventSource, plain(r.EventName), plain(r.ErrorCode))
	return err
}
