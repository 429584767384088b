package query

import (
	"context"
	"encoding/hex"
	"time"

	"github.com/aws/smithy-go"

	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/projections"
)

// Journal is what the operator's own actions (service keytrail) look at.
type Journal struct {
	Log       journal.Log
	LogID     string
	PublicKey string
	// Checkpoint signs and returns the checkpoint of a stream as it is now.
	Checkpoint func(journal.Stream) (note string, err error)
	Freeze     func() *projections.World
	Snapshots  func() ([]projections.SnapshotHeader, error)
}

// ReadJournalInput asks for messages of a truth after a sequence.
type ReadJournalInput struct {
	Stream string // IDENTITY, DECISIONS
	After  uint64
	Limit  int // 1…1000, 0: 1000
}

// ReadJournalOutput is a part of a truth, byte for byte.
type ReadJournalOutput struct {
	Messages []JournalMessage
	End      uint64 // last sequence of the stream when it was read
}

// JournalMessage is one message of a truth.
type JournalMessage struct {
	Seq     uint64
	Key, ID string
	Link    journal.Hash
	Stored  time.Time
	Body    []byte // base64 in JSON
}

// ReadJournal gives the log itself, for replay and verification elsewhere.
func (v *View) ReadJournal(ctx context.Context, in *ReadJournalInput) (*ReadJournalOutput, error) {
	if err := truth(in.Stream); err != nil {
		return nil, err
	}
	s := journal.Stream(in.Stream)
	if in.Limit <= 0 || in.Limit > 1000 {
		in.Limit = 1000
	}
	end, err := v.Journal.Log.End(ctx, s)
	if err != nil {
		return nil, unavailable(err)
	}
	messages, err := v.Journal.Log.Read(ctx, s, in.After, in.Limit)
	if err != nil {
		return nil, unavailable(err)
	}
	out := &ReadJournalOutput{End: end, Messages: make([]JournalMessage, len(messages))}
	for i, m := range messages {
		out.Messages[i] = JournalMessage{m.Seq, m.Key, m.ID, m.Link, m.Stored, m.Body}
	}
	return out, nil
}

// GetStateInput asks where the server stands.
type GetStateInput struct {
	DigestKeys bool // tell the keys of digests too; if there are none yet, make them
}

// GetStateOutput says where the server stands, to compare a replay with.
type GetStateOutput struct {
	LogID, PublicKey string
	Region           string
	DigestKeys       []DigestKey // if asked for; none if trails are not delivered here
	Seq              uint64      // of IDENTITY
	StateHash        string      // SHA-256 of the World at Seq, hexadecimal
	Snapshots        []SnapshotState
	Checkpoints      map[string]string // by stream: signed notes
}

// SnapshotState is the sequence and hash of a snapshot.
type SnapshotState struct {
	Seq  uint64
	Hash string
}

// GetState hashes the World as it is now and signs fresh checkpoints.
func (v *View) GetState(ctx context.Context, in *GetStateInput) (*GetStateOutput, error) {
	w := v.Journal.Freeze()
	sum := w.Hash()
	out := &GetStateOutput{LogID: v.Journal.LogID, PublicKey: v.Journal.PublicKey, Region: v.Region, Seq: w.Seq, StateHash: hex.EncodeToString(sum[:]), Checkpoints: map[string]string{}}
	for _, s := range []journal.Stream{journal.Identity, journal.Decisions} {
		note, err := v.Journal.Checkpoint(s)
		if err != nil {
			return nil, unavailable(err)
		}
		out.Checkpoints[string(s)] = note
	}
	headers, err := v.Journal.Snapshots()
	if err != nil {
		return nil, unavailable(err)
	}
	if v.Delivery != nil && in.DigestKeys {
		if out.DigestKeys, err = v.Delivery.PublicKeys(); err != nil {
			return nil, unavailable(err)
		}
	}
	for _, h := range headers {
		out.Snapshots = append(out.Snapshots, SnapshotState{h.Seq, h.Hash})
	}
	return out, nil
}

// QueryTrailInput asks for audit rows by filter or by SQL.
type QueryTrailInput struct {
	AllAccounts                                       bool
	Principal, Action, Resource, Decision, Key, Event string
	Source                                            string
	Since, Until                                      time.Time
	Limit                                             int
	Oldest                                            bool
	SQL                                               string // then nothing else but AllAccounts counts
}

// QueryTrailOutput holds rows, or the answer to SQL.
type QueryTrailOutput struct {
	Rows  []TrailRow
	Table *TrailTable
}

// QueryTrail searches the audit rows of the caller's account, or of all.
func (v *View) QueryTrail(ctx context.Context, in *QueryTrailInput) (*QueryTrailOutput, error) {
	trail, err := v.trail()
	if err != nil {
		return nil, err
	}
	account := v.Account.ID
	if in.AllAccounts {
		account = "*"
	}
	if in.SQL != "" {
		t, err := trail.SQL(ctx, account, in.SQL)
		if err != nil {
			return nil, err
		}
		return &QueryTrailOutput{Table: &t}, nil
	}
	rows, err := trail.Search(ctx, TrailFilter{
		Account: account, Principal: in.Principal, Action: in.Action, Resource: in.Resource, Decision: in.Decision, Key: in.Key,
		Event: in.Event, Source: in.Source, Since: in.Since, Until: in.Until, Limit: in.Limit, Oldest: in.Oldest,
	})
	if err != nil {
		return nil, err
	}
	return &QueryTrailOutput{Rows: rows}, nil
}

// ReconcileTrailInput asks to compare the audit rows of a stream with the log.
type ReconcileTrailInput struct {
	Stream string // IDENTITY, DECISIONS
	From   uint64 // first sequence, 0: 1
}

// ReconcileTrail compares a part of the audit rows with the log.
func (v *View) ReconcileTrail(ctx context.Context, in *ReconcileTrailInput) (*TrailComparison, error) {
	return v.reconcile(ctx, in.Stream, in.From, false)
}

// RepairTrailInput asks to compare, and to make the rows what the log says.
type RepairTrailInput struct {
	Stream string
	From   uint64
}

// RepairTrail is ReconcileTrail that mends. What it changes is a copy: the log
// and the World stay what they are.
func (v *View) RepairTrail(ctx context.Context, in *RepairTrailInput) (*TrailComparison, error) {
	return v.reconcile(ctx, in.Stream, in.From, true)
}

func (v *View) reconcile(ctx context.Context, stream string, from uint64, mend bool) (*TrailComparison, error) {
	if err := truth(stream); err != nil {
		return nil, err
	}
	trail, err := v.trail()
	if err != nil {
		return nil, err
	}
	out, err := trail.Reconcile(ctx, stream, from, mend)
	if err != nil {
		return nil, err
	}
	return &out, nil
}

func truth(stream string) error {
	if s := journal.Stream(stream); s != journal.Identity && s != journal.Decisions {
		return &smithy.GenericAPIError{Code: "ValidationError", Message: "Stream must be IDENTITY or DECISIONS."}
	}
	return nil
}
