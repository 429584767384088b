package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/query"
)

// source is where a tool reads the log: a running server, or the folder of one
// that is stopped.
type source struct {
	client client
	data   string
}

func (s *source) flags(cmd *cobra.Command) {
	s.client.flags(cmd)
	cmd.Flags().StringVar(&s.data, "data", "", "folder of a stopped server, instead of asking a running one")
}

// open gives the log and the state to compare with.
func (s *source) open(ctx context.Context) (journal.Log, *query.GetStateOutput, func() error, error) {
	if s.data == "" {
		var state query.GetStateOutput
		err := s.client.call(ctx, "GetState", query.GetStateInput{}, &state)
		return &remote{&s.client}, &state, func() error { return nil }, err
	}
	if _, err := os.Stat(s.data); err != nil {
		return nil, nil, nil, failure{exitReach, err}
	}
	n, err := openNode(ctx, &serverConfig{Data: s.data, NATS: "embedded"}, nil)
	if err != nil {
		return nil, nil, nil, failure{exitReach, err}
	}
	view := query.View{Journal: &query.Journal{LogID: n.logID, PublicKey: n.vault.PublicKey(), Checkpoint: n.checkpoint, Freeze: n.frozen, Snapshots: n.snapshots.Headers}}
	state, err := view.GetState(ctx, &query.GetStateInput{})
	return n.log, state, n.close, err
}

func replayCommand() *cobra.Command {
	var s source
	var verify bool
	cmd := &cobra.Command{
		Use: "replay", Short: "Fold IDENTITY from zero and show the state's hash", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := output(cmd)
			if err != nil {
				return err
			}
			log, state, done, err := s.open(cmd.Context())
			if err != nil {
				return damage(err)
			}
			defer done()
			return replay(cmd.Context(), log, state, verify, o)
		},
	}
	s.flags(cmd)
	cmd.Flags().BoolVar(&verify, "verify", false, "compare with the running state and with each snapshot; exit 1 if they differ")
	outputFlag(cmd)
	return cmd
}

// replay folds the log from zero. On the way it stops where there is something
// to compare with.
func replay(ctx context.Context, log journal.Log, state *query.GetStateOutput, verify bool, o string) error {
	type stop struct {
		What, Want, Got string
		Seq             uint64
		Equal           bool
	}
	var stops []stop
	if verify {
		for _, h := range state.Snapshots {
			stops = append(stops, stop{What: "snapshot", Seq: h.Seq, Want: h.Hash})
		}
	}
	stops = append(stops, stop{What: "running state", Seq: state.Seq, Want: state.StateHash})
	w, head := &projections.World{}, journal.NewHead(journal.Identity)
	differ := 0
	for i := range stops {
		p := &stops[i]
		if p.Seq > w.Seq {
			if err := projections.Replay(ctx, log, w, head, p.Seq, progress(p.Seq)); err != nil {
				return damage(err)
			}
		}
		sum := w.Hash()
		p.Got = hex.EncodeToString(sum[:])
		if p.Equal = p.Got == p.Want; !p.Equal {
			differ++
		}
	}
	if o == asJSON {
		if err := printJSON(stops); err != nil {
			return err
		}
	} else {
		for _, p := range stops {
			word := "equal"
			if !p.Equal {
				word = "DIFFERS: recorded " + p.Want
			}
			fmt.Printf("%-14s  sequence %d  %s  %s\n", p.What, p.Seq, p.Got, word)
		}
	}
	if verify && differ > 0 {
		return no("replay differs from what is served or stored, in %d of %d places", differ, len(stops))
	}
	return nil
}

// progress shows on a terminal how far a long reading is.
func progress(end uint64) func(uint64) {
	info, err := os.Stderr.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 || end < 50_000 {
		return nil
	}
	return func(seq uint64) {
		fmt.Fprintf(os.Stderr, "\r%d of %d", seq, end)
		if seq == end {
			fmt.Fprintln(os.Stderr)
		}
	}
}
