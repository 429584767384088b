package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/keytrail/keytrail/events/journal"
)

// An export is a folder: for each stream one file of messages, a JSON object a
// line, and the signed checkpoint.

// exported is one line. It holds what the chain proves and nothing else: there
// is one text for one message, and no byte of it may differ.
type exported struct {
	Seq  uint64
	Key  string
	Link journal.Hash
	Body []byte // base64 in JSON
}

type exporter struct {
	files map[journal.Stream]*os.File
	out   map[journal.Stream]*bufio.Writer
}

func newExporter(dir string, checkpoints map[string]string) (*exporter, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	x := &exporter{map[journal.Stream]*os.File{}, map[journal.Stream]*bufio.Writer{}}
	for _, s := range []journal.Stream{journal.Identity, journal.Decisions} {
		f, err := os.OpenFile(logFile(dir, s), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, err
		}
		x.files[s], x.out[s] = f, bufio.NewWriterSize(f, 1<<20)
		if err := os.WriteFile(checkpointFile(dir, s), []byte(checkpoints[string(s)]), 0o600); err != nil {
			return nil, err
		}
	}
	return x, nil
}

func (x *exporter) add(s journal.Stream, m *journal.Message) error {
	line, err := json.Marshal(exported{m.Seq, m.Key, m.Link, m.Body})
	if err == nil {
		_, err = x.out[s].Write(append(line, '\n'))
	}
	return err
}

func (x *exporter) close() error {
	var errs []error
	for s, f := range x.files {
		errs = append(errs, x.out[s].Flush(), f.Sync(), f.Close())
	}
	return errors.Join(errs...)
}

// verifyExport proves a folder with nothing but the public key.
func verifyExport(dir, key, o string) error {
	text, err := keyText(key)
	if err != nil {
		return err
	}
	var found []proved
	for _, s := range []journal.Stream{journal.Identity, journal.Decisions} {
		signed, err := os.ReadFile(checkpointFile(dir, s))
		if err != nil {
			return failure{exitReach, err}
		}
		f, err := os.Open(logFile(dir, s))
		if err != nil {
			return failure{exitReach, err}
		}
		p, err := proveExport(s, signed, text, f)
		f.Close()
		if err != nil {
			return damage(err)
		}
		found = append(found, p)
	}
	return report(found, text, o)
}

// proveExport proves one stream of an export: all of it must be signed.
func proveExport(s journal.Stream, signed []byte, key string, in io.Reader) (proved, error) {
	p, err := prove(s, signed, key, lines(in, s), nil)
	switch {
	case err != nil:
		return p, err
	case len(signed) == 0:
		return p, no("%s has no signed checkpoint: nothing says what it held", s)
	case p.Messages != p.Signed:
		return p, no("%s holds %d messages, its checkpoint %d: nothing signed says what the rest is", s, p.Messages, p.Signed)
	}
	return p, nil
}

// lines reads the messages of an export, a thousand at a time. A line that
// does not read is damage.
func lines(f io.Reader, s journal.Stream) func() ([]journal.Message, error) {
	in := bufio.NewReaderSize(f, 64<<10)
	n := 0
	return func() (messages []journal.Message, err error) {
		for len(messages) < 1000 {
			line, err := in.ReadBytes('\n')
			if errors.Is(err, io.EOF) && len(line) == 0 {
				return messages, nil
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return nil, failure{exitReach, err}
			}
			n++
			m, err := parseLine(line)
			if err != nil {
				return nil, fmt.Errorf("%w: %s: line %d %w", journal.ErrDamaged, s, n, err)
			}
			messages = append(messages, m)
		}
		return messages, nil
	}
}

func parseLine(line []byte) (journal.Message, error) {
	var m exported
	if !bytes.HasSuffix(line, []byte("\n")) {
		return journal.Message{}, errors.New("is cut")
	}
	if err := json.Unmarshal(line, &m); err != nil {
		return journal.Message{}, fmt.Errorf("does not read: %w", err)
	}
	if again, err := json.Marshal(m); err != nil || !bytes.Equal(append(again, '\n'), line) {
		return journal.Message{}, errors.New("is not as it was written")
	}
	return journal.Message{Seq: m.Seq, Key: m.Key, Link: m.Link, Body: m.Body}, nil
}
