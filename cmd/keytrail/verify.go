package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/query"
)

func verifyCommand() *cobra.Command {
	var s source
	var key, from, to string
	var files delivered
	cmd := &cobra.Command{
		Use: "verify", Short: "Walk the log's hash chains and hold it against its signed checkpoints", Args: cobra.NoArgs,
		Long: "Walk the log's hash chains and hold it against its signed checkpoints. Of a running server it reads the log through the API;\nwith --data it reads the folder of a stopped one; with --from a folder that --to wrote, where the public key alone is needed.\nWith --trail it also holds the files that trails delivered into a bucket's folder against the log: what is altered, added or removed is named.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := output(cmd)
			if err != nil {
				return err
			}
			if from != "" {
				if key == "" {
					return failure{exitUsage, errors.New("--from needs --key: a key that lies beside what it should prove proves nothing")}
				}
				return verifyExport(from, key, o)
			}
			if files.dir != "" && s.data != "" {
				return failure{exitUsage, errors.New("--trail asks a running server: it does not go with --data")}
			}
			log, state, done, err := s.open(cmd.Context())
			if err != nil {
				return damage(err)
			}
			defer done()
			if key == "" {
				key = state.PublicKey
			}
			text, err := keyText(key)
			if err != nil {
				return err
			}
			if files.dir != "" {
				if err := s.client.call(cmd.Context(), "GetState", query.GetStateInput{DigestKeys: true}, state); err != nil {
					return err
				}
				return verifyDelivered(cmd.Context(), log, state, text, &files, o)
			}
			var export *exporter
			if to != "" {
				if export, err = newExporter(to, state.Checkpoints); err != nil {
					return failure{exitReach, err}
				}
			}
			var found []proved
			for _, stream := range []journal.Stream{journal.Identity, journal.Decisions} {
				p, err := prove(stream, []byte(state.Checkpoints[string(stream)]), text, readAll(cmd.Context(), log, stream), export)
				if err != nil {
					return damage(err)
				}
				found = append(found, p)
			}
			if export != nil {
				if err := export.close(); err != nil {
					return failure{exitReach, err}
				}
			}
			return report(found, text, o)
		},
	}
	s.flags(cmd)
	cmd.Flags().StringVar(&key, "key", "", "public key, or a file with it (default: what the server names)")
	cmd.Flags().StringVar(&to, "to", "", "write log and checkpoints into this folder, to be verified elsewhere")
	cmd.Flags().StringVar(&from, "from", "", "verify a folder that --to wrote: offline, with --key alone")
	cmd.Flags().StringVar(&files.dir, "trail", "", "verify the files that trails delivered into this folder, a bucket's")
	cmd.Flags().StringVar(&files.account, "account", "", "account of the trails (default: the name of the folder above)")
	cmd.Flags().StringVar(&files.bucket, "bucket", "", "name of the bucket (default: the name of the folder)")
	cmd.Flags().DurationVar(&files.within, "within", 2*time.Hour, "age from which an event must be under a digest")
	outputFlag(cmd)
	return cmd
}

// damage makes an error that says that the log is not what was written a "no".
func damage(err error) error {
	if errors.Is(err, journal.ErrDamaged) {
		return failure{exitNo, err}
	}
	return err
}

func keyText(key string) (string, error) {
	if strings.Contains(key, "+") && !strings.ContainsRune(key, os.PathSeparator) || strings.HasPrefix(key, "keytrail/") {
		return strings.TrimSpace(key), nil
	}
	b, err := os.ReadFile(key)
	if err != nil {
		return "", failure{exitReach, fmt.Errorf("public key: %w", err)}
	}
	return strings.TrimSpace(string(b)), nil
}

// proved is what was found good of one stream.
type proved struct {
	Stream   journal.Stream
	Messages uint64
	Events   uint64
	Root     string
	Signed   uint64 // size of the checkpoint
}

// prove reads a stream from its beginning and checks every byte: sequence,
// chain of each key, form of each event, and the root at the checkpoint's
// size. next gives nil at the end.
func prove(s journal.Stream, signed []byte, key string, next func() ([]journal.Message, error), export *exporter) (p proved, err error) {
	p.Stream = s
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return p, failure{exitUsage, fmt.Errorf("public key: %w", err)}
	}
	head := journal.NewHead(s)
	var c journal.Checkpoint
	if len(signed) > 0 {
		if c, err = journal.OpenCheckpoint(signed, verifier); err != nil {
			return p, err
		}
		if want := verifier.Name() + "/" + string(s); c.Origin != want {
			return p, fmt.Errorf("%w: the checkpoint is of %s, not of %s", journal.ErrDamaged, c.Origin, want)
		}
	}
	for {
		messages, err := next()
		if err != nil {
			return p, err
		}
		if len(messages) == 0 {
			break
		}
		for i := range messages {
			m := &messages[i]
			if err := head.Add(m); err != nil {
				return p, err
			}
			if err := events.Each(m.Body, func(int, events.Raw) error { p.Events++; return nil }); err != nil {
				return p, fmt.Errorf("%w: %s: sequence %d: %w", journal.ErrDamaged, s, m.Seq, err)
			}
			if head.Tree.Size == c.Size && head.Tree.Root() != c.Root {
				return p, fmt.Errorf("%w: %s is not what was signed at sequence %d", journal.ErrDamaged, s, c.Size)
			}
			if export != nil && m.Seq <= c.Size { // what came since is not signed
				if err := export.add(s, m); err != nil {
					return p, failure{exitReach, err}
				}
			}
		}
	}
	if head.Tree.Size < c.Size {
		return p, fmt.Errorf("%w: %s ends at %d, below its signed checkpoint at %d", journal.ErrDamaged, s, head.Tree.Size, c.Size)
	}
	p.Messages, p.Root, p.Signed = head.Tree.Size, head.Tree.Root().String(), c.Size
	return p, nil
}

// readAll reads a stream up to where it ends now: reading a running server's
// log is itself recorded in it.
func readAll(ctx context.Context, log journal.Log, s journal.Stream) func() ([]journal.Message, error) {
	var after uint64
	end, err := log.End(ctx, s)
	return func() ([]journal.Message, error) {
		if err != nil || after >= end {
			return nil, err
		}
		messages, err := log.Read(ctx, s, after, int(min(1000, end-after)))
		if len(messages) > 0 {
			after = messages[len(messages)-1].Seq
		}
		return messages, err
	}
}

func report(found []proved, key, o string) error {
	if o == asJSON {
		return printJSON(found)
	}
	for _, p := range found {
		fmt.Printf("%-9s  %d messages, %d events  root %s  signed up to %d  verified\n", p.Stream, p.Messages, p.Events, p.Root, p.Signed)
	}
	fmt.Printf("key        %s\n", key)
	return nil
}

// checkpointFile names a stream's checkpoint in an export.
func checkpointFile(dir string, s journal.Stream) string {
	return filepath.Join(dir, strings.ToLower(string(s))+".checkpoint")
}

// logFile names a stream's messages in an export.
func logFile(dir string, s journal.Stream) string {
	return filepath.Join(dir, strings.ToLower(string(s))+".log")
}
