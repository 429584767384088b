// Package events is the vocabulary of the product: every fact that can be
// written down, the record of every request, and the CloudEvents envelope in
// which both lie in the journal. It imports nothing of ours, knows no store
// and no wire, and forgets nothing: a type name, once written, is read for ever.
package events

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Event is one fact, in the past tense. Type is for ever: a changed meaning is
// a new name beside the old one.
type Event interface{ Type() string }

// Unit is one message of IDENTITY as the fold sees it: facts that became true
// together, because of one request.
type Unit struct {
	Seq     uint64 // place in IDENTITY: from 1, without gaps
	Account string // 12 digits; the only account the facts may speak of
	Time    time.Time
	Facts   []Event
}

// TypePrefix stands before every type of ours in a CloudEvent.
const TypePrefix = "io.keytrail."

// known maps a type to the reader of its data.
var known = map[string]func(data []byte) (Event, error){}

// register makes E readable from a journal; each subject's file calls it once
// for each of its facts.
func register[E Event]() {
	var e E
	if _, twice := known[e.Type()]; twice {
		panic("events: type registered twice: " + e.Type())
	}
	known[e.Type()] = func(data []byte) (Event, error) {
		var e E
		err := json.Unmarshal(data, &e)
		return e, err
	}
}

// Types lists every fact this program knows, for tests that must miss none.
func Types() []string { return slices.Sorted(maps.Keys(known)) }

// fact reads the data of a CloudEvent of the given type. A type this program
// does not know is an error, never skipped: history would have two meanings.
func fact(typ, data []byte) (Event, error) {
	read, ok := known[string(typ)]
	if !ok {
		return nil, fmt.Errorf("events: unknown type %q: this journal was written by a newer Keytrail", typ)
	}
	if fast := fast[string(typ)]; fast != nil {
		s := scan{left: data}
		if e := fast(&s); !s.failed && string(s.left) == "}" {
			return e, nil
		}
	}
	e, err := read(data)
	if err != nil {
		return nil, fmt.Errorf("events: %s: %w", typ, err)
	}
	return e, nil
}
