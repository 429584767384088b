package clickhouse

import (
	"context"
	"errors"
	"iter"
	"net/netip"
	"time"

	"github.com/keytrail/keytrail/events/journal"
)

var errNotYet = errors.New("clickhouse: not yet")

// Span is a part of a stream, both ends included. To 0: what the sink has finished.
type Span struct {
	Stream   journal.Stream
	From, To uint64
}

// Difference is one row that is not what the log says.
type Difference struct {
	Kind    string // missing, extra, altered, doubled
	Stream  journal.Stream
	Seq     uint64
	Idx     uint32
	EventID string
}

// Reconciliation is what Reconcile found.
type Reconciliation struct {
	Span
	Rows        uint64 // the log has in the span
	Differences []Difference
	More        bool // there were more differences than are listed
}

// Reconcile compares rows and log by count and hash of each 1,000 sequences and names the differences.
func (w *Warehouse) Reconcile(ctx context.Context, log journal.Log, span Span) (Reconciliation, error) {
	return Reconciliation{}, errNotYet
}

// Attribute is one of CloudTrail's lookup attributes.
type Attribute string

const (
	EventID      Attribute = "EventId"
	EventName    Attribute = "EventName"
	ReadOnly     Attribute = "ReadOnly"
	Username     Attribute = "Username"
	ResourceType Attribute = "ResourceType"
	ResourceName Attribute = "ResourceName"
	EventSource  Attribute = "EventSource"
	AccessKeyID  Attribute = "AccessKeyId"
)

// LookupQuery asks for management events of an account, newest first.
type LookupQuery struct {
	Account    string // 12 digits
	Region     string // "": every one
	Attribute  Attribute
	Value      string
	Start, End time.Time // both included, zero: open
	Limit      int       // 1…50, 0: 50
	After      Cursor    // zero: from the newest
}

// Cursor is a place in an answer: the last row that was given.
type Cursor struct {
	Time   time.Time
	Stream journal.Stream
	Seq    uint64
	Idx    uint32
}

// Resource is an object a request touched.
type Resource struct{ ARN, Type string }

// Row is an audit row.
type Row struct {
	Cursor
	EventID, Account, Region, EventSource, EventName, Action string
	ReadOnly                                                 bool
	Principal, PrincipalType, PrincipalID, Username          string
	AccessKeyID, Issuer                                      string
	MFA                                                      bool
	Source, UserAgent, RequestID                             string
	Decision, ErrorCode                                      string
	Resources                                                []Resource
	Policies, Statements                                     []string
	World                                                    uint64
	Raw                                                      string // the CloudTrail record
}

// Lookup answers LookupEvents. next is the zero Cursor after the last page.
func (w *Warehouse) Lookup(ctx context.Context, q LookupQuery) (rows []Row, next Cursor, err error) {
	return nil, Cursor{}, errNotYet
}

// Filter says which rows Query gives; empty members do not filter. In Principal, Action and Resource a * stands for anything.
type Filter struct {
	Account      string // "": all of them
	Principal    string // ARN or user name
	Action       string // iam:CreateUser
	Resource     string // ARN
	Decision     string // Allow, Deny (both kinds), ExplicitDeny, ImplicitDeny, Unauthenticated
	Key          string // access key id
	Source       netip.Prefix
	EventName    string
	RequestID    string
	EventID      string
	ErrorCode    string
	Since, Until time.Time
	Limit        int // 0: 1000
	Oldest       bool
	After        Cursor
}

// Query gives the rows of the filter as they arrive.
func (w *Warehouse) Query(ctx context.Context, f Filter) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) { yield(Row{}, errNotYet) }
}

// Column is a column of an answer.
type Column struct{ Name, Type string }

// Table is an answer to SQL. Values are nil, bool, string, float64, int64, uint64, []any or map[string]any.
type Table struct {
	Columns []Column
	Rows    [][]any
	More    bool // cut at the limit of rows
}

// AllAccounts lets SQL see the rows of every account.
const AllAccounts = "*"

// SQL runs a SELECT as the read-only auditor, who sees the rows of the account only.
func (w *Warehouse) SQL(ctx context.Context, account, text string) (Table, error) {
	return Table{}, errNotYet
}
