package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/projections/policy"
	"github.com/keytrail/keytrail/projections/policy/policytest"
)

// answered is a case of a test file and what came out.
type answered struct {
	File    string   `json:"file"`
	Line    int      `json:"line"`
	Rule    string   `json:"rule"`
	Want    string   `json:"want"`
	Got     string   `json:"got"`
	OK      bool     `json:"ok"`
	Differs string   `json:"differs,omitempty"`
	Matched []string `json:"matched,omitempty"`
	Near    []string `json:"near,omitempty"`
}

func policyTest() *cobra.Command {
	var quiet bool
	cmd := &cobra.Command{
		Use: "test FILE…", Short: "Hold policies to the answers that text files expect; needs no server", Args: cobra.MinimumNArgs(1),
		Long: `Hold policies to the answers that text files expect; needs no server.

Cases stand between empty lines:

  rule: readers read, and write nothing
  as arn:aws:iam::111122223333:user/ana
  do s3:GetObject
  on arn:aws:s3:::reports/q1.csv
  with aws:SourceIp = 10.1.2.3
  identity @reader.json
  boundary Allow s3:* on *
  then allow

Further layers: session, resource, key, trust, scp N, rcp N. A policy is a
document, a statement, "Allow ACTION on RESOURCE for PRINCIPAL if CONDITION",
or @FILE. The answer is allow, deny (explicit) or implicit; "by Identity" (or
Resource, Boundary, Session, SCP, RCP) may follow. Exit code 1: an answer differs.`,
		RunE: func(cmd *cobra.Command, files []string) error {
			o, err := output(cmd)
			if err != nil {
				return err
			}
			var all []answered
			wrong := 0
			for _, file := range files {
				text, err := os.ReadFile(file)
				if err != nil {
					return failure{exitReach, err}
				}
				cases, err := policytest.Read(file, string(text), os.ReadFile)
				if err != nil {
					return failure{exitUsage, err}
				}
				for i := range cases {
					a, err := judged(&cases[i])
					if err != nil {
						return failure{exitUsage, err}
					}
					if !a.OK {
						wrong++
					}
					if !quiet || !a.OK {
						all = append(all, a)
					}
				}
			}
			if o == asJSON {
				if all == nil {
					all = []answered{}
				}
				err = printJSON(all)
			} else {
				err = printAnswered(all)
			}
			if err == nil && wrong > 0 {
				err = no("%d answers differ", wrong)
			}
			return err
		},
	}
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "show only answers that differ")
	outputFlag(cmd)
	return cmd
}

func judged(c *policytest.Case) (answered, error) {
	r, p, err := c.Request()
	if err != nil {
		return answered{}, err
	}
	var v policy.Verdict
	policy.Evaluate(r, p, &v)
	a := answered{File: c.File, Line: c.Line, Rule: c.Rule, Want: c.Then, Got: policytest.Answer(&v) + " by " + v.Reason.String(), Differs: c.Differs(r, &v)}
	if c.By != "" {
		a.Want += " by " + c.By
	}
	if a.OK = a.Differs == ""; !a.OK {
		a.Near = policytest.Near(&v)
		for _, m := range v.Matched {
			a.Matched = append(a.Matched, fmt.Sprintf("%s#%d %s", m.Source.Name, m.Statement, m.Effect))
		}
	}
	return a, nil
}

func printAnswered(all []answered) error {
	var rows [][]string
	for _, a := range all {
		row := []string{"ok", fmt.Sprintf("%s:%d", a.File, a.Line), a.Rule, a.Want, a.Got, ""}
		if !a.OK {
			why := []string{}
			if !strings.HasPrefix(a.Differs, "got ") {
				why = append(why, a.Differs)
			}
			if len(a.Matched) > 0 {
				why = append(why, "matched "+strings.Join(a.Matched, ", "))
			}
			if len(a.Near) > 0 {
				why = append(why, "near "+strings.Join(a.Near, ", "))
			}
			row[0], row[5] = "DIFFERS", strings.Join(why, "; ")
		}
		rows = append(rows, row)
	}
	return printTable([]string{"RESULT", "CASE", "RULE", "WANT", "GOT", "WHY"}, rows)
}
