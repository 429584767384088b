package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/query"
)

// auditReconcile compares the audit rows with the log. Each part is an action
// of its own, judged and recorded.
func auditReconcile(c *client) *cobra.Command {
	var repair bool
	cmd := &cobra.Command{
		Use: "reconcile", Short: "Compare the audit rows with the log (the operator's account only); exit 1 if they differ", Args: cobra.NoArgs,
		Long: "Compare the audit rows with the log: by number and hash for every 1,000 messages, and where these differ row by row.\nEach missing, extra, altered or doubled row is named. With --repair the rows are made what the log says; run it again to see that they are.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := output(cmd)
			if err != nil {
				return err
			}
			action := "ReconcileTrail"
			if repair {
				action = "RepairTrail"
			}
			parts := []query.TrailComparison{}
			differ, more := 0, false
			for _, s := range []journal.Stream{journal.Identity, journal.Decisions} {
				all := query.TrailComparison{Stream: string(s), From: 1, Differences: []query.TrailDifference{}}
				for {
					var part query.TrailComparison
					// A repair's input has the same members.
					if err := c.call(cmd.Context(), action, query.ReconcileTrailInput{Stream: string(s), From: all.To + 1}, &part); err != nil {
						return err
					}
					all.To, all.End, all.Behind = part.To, part.End, part.Behind
					all.Rows, all.Mended = all.Rows+part.Rows, all.Mended+part.Mended
					all.Differences = append(all.Differences, part.Differences...)
					all.More = all.More || part.More
					if part.To >= part.End || part.More && !repair {
						break
					}
				}
				differ, more = differ+len(all.Differences), more || all.More
				parts = append(parts, all)
			}
			if err := showComparison(parts, o); err != nil {
				return err
			}
			if differ > 0 {
				what := ""
				if more {
					what = " at least"
				}
				if repair {
					return no("the audit rows differed from the log in%s %d places, and were made what it says", what, differ)
				}
				return no("the audit rows differ from the log in%s %d places (--repair makes them what it says)", what, differ)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&repair, "repair", false, "write missing rows again, remove extra ones, replace altered ones")
	outputFlag(cmd)
	return cmd
}

func showComparison(parts []query.TrailComparison, o string) error {
	if o == asJSON {
		return printJSON(parts)
	}
	var rows [][]string
	for _, p := range parts {
		for _, d := range p.Differences {
			rows = append(rows, []string{d.Kind, d.Stream, fmt.Sprint(d.Seq), fmt.Sprint(d.Index), d.EventID})
		}
	}
	if len(rows) > 0 {
		if err := printTable([]string{"ROW", "STREAM", "SEQUENCE", "INDEX", "EVENT"}, rows); err != nil {
			return err
		}
	}
	for _, p := range parts {
		word := "equal"
		switch {
		case p.More:
			word = "DIFFERS in more places than are listed"
		case len(p.Differences) > 0:
			word = fmt.Sprintf("DIFFERS in %d places", len(p.Differences))
		}
		if p.Mended > 0 {
			word += fmt.Sprintf("; made anew: %d", p.Mended)
		}
		if p.Behind > 0 {
			word += fmt.Sprintf("; not copied yet: %d", p.Behind)
		}
		fmt.Printf("%-9s  messages %d to %d, %d rows  %s\n", p.Stream, p.From, p.To, p.Rows, word)
	}
	return nil
}
