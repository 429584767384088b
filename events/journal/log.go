// Package journal is the append-only log that everything else is computed
// from. It is the only package that knows NATS. It promises: what was
// acknowledged is on disk; the messages of one key follow one another without
// a gap in a hash chain; a log that is damaged or older than its own signed
// head is not served.
package journal

import (
	"context"
	"errors"
	"time"
)

// Stream names one of the two truths.
type Stream string

const (
	Identity  Stream = "IDENTITY"  // one message: one accepted mutation; key: account
	Decisions Stream = "DECISIONS" // one message: a page of decisions; key: the writer's name
)

// Message is one message of a truth.
type Message struct {
	Seq    uint64 // from 1, without gaps, given by the stream
	Key    string // consistency boundary: account or writer
	ID     string // id of its first event; the same message sent twice is kept once
	Link   Hash   // hash chain of the key up to and with this message
	Stored time.Time
	Body   []byte // application/cloudevents-batch+json
}

// Log stores messages. Two implementations exist: JetStream (embedded or
// external) and the fake in journaltest, which fails both ways. One suite runs
// against all of them. All methods may be called at once.
type Log interface {
	// Append makes m durable as the next message of its key, directly after
	// the key's message with sequence last (0: it is the first). On return
	// without error it is on disk, and seq is its place in the stream.
	// ErrConflict: the key's last message is another one, nothing was kept.
	// Any other error leaves the outcome unknown: Last tells. Appending the
	// same m again is safe: it is kept once.
	Append(ctx context.Context, s Stream, last uint64, m Message) (seq uint64, err error)

	// Send is Append that does not wait: m is on its way when it returns,
	// behind what was sent before, and the channel gives one Ack. m.Body must
	// stay as it is until then.
	Send(s Stream, last uint64, m Message) <-chan Ack

	// Read returns up to limit messages after sequence after, in order and
	// without gaps. It does not wait. Fewer than limit may be a bound of the
	// log's own (1,000 messages, 4 MiB); none means there are none.
	Read(ctx context.Context, s Stream, after uint64, limit int) ([]Message, error)

	// Follow calls f with every message after sequence after, in order and
	// without gaps, and then with each new one until ctx ends or f fails.
	Follow(ctx context.Context, s Stream, after uint64, f func(Message) error) error

	// Last returns the last message of key, or ErrNone.
	Last(ctx context.Context, s Stream, key string) (Message, error)

	// End returns the last sequence of the stream, 0 if it is empty.
	End(ctx context.Context, s Stream) (uint64, error)

	// Mark keeps a small value under a name, durably, if its revision is
	// still rev (0: it does not exist yet); ErrConflict otherwise. Marks are
	// positions of readers: losing one costs work, never truth.
	Mark(ctx context.Context, name string, value []byte, rev uint64) (newRev uint64, err error)
	Marked(ctx context.Context, name string) (value []byte, rev uint64, err error) // ErrNone
}

// Ack is how an Append ended.
type Ack struct {
	Seq uint64
	Err error
}

// acked is the outcome of what was not even sent.
func acked(seq uint64, err error) <-chan Ack {
	done := make(chan Ack, 1)
	done <- Ack{seq, err}
	return done
}

var (
	// ErrConflict says that somebody else wrote first.
	ErrConflict = errors.New("journal moved on")
	// ErrNone says that there is no such message or mark.
	ErrNone = errors.New("journal: none")
	// ErrDamaged says that the log is not what was written: it must not be served.
	ErrDamaged = errors.New("journal: damaged")
)
