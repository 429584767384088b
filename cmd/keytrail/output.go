package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/spf13/cobra"
)

const (
	asTable = "table"
	asJSON  = "json"
)

func outputFlag(c *cobra.Command) { c.Flags().StringP("output", "o", asTable, "table or json") }

func output(c *cobra.Command) (string, error) {
	o, err := c.Flags().GetString("output")
	if err == nil && o != asTable && o != asJSON {
		err = failure{exitUsage, fmt.Errorf("--output %s: table or json", o)}
	}
	return o, err
}

func printJSON(v any) error {
	e := json.NewEncoder(os.Stdout)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// printTable aligns rows under their heads.
func printTable(heads []string, rows [][]string) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(w, strings.Join(heads, "\t"))
	for _, r := range rows {
		for i := range r {
			r[i] = plain(r[i])
		}
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	return w.Flush()
}

// plain shows what a terminal would obey instead of showing: user names,
// session names and user agents are whatever somebody sent.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '\uFFFD'
		}
		return r
	}, s)
}
