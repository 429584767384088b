package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/keytrail/keytrail/audit/clickhouse"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/query"
)

// Store is the warehouse as queries see it.
type Store struct {
	warehouse *clickhouse.Warehouse
	sink      *clickhouse.Sink
}

// NewStore joins a warehouse and the sink that fills it.
func NewStore(w *clickhouse.Warehouse, s *clickhouse.Sink) *Store { return &Store{w, s} }

const (
	searchLimit = 1000   // rows of one Search, unless asked for less
	searchMost  = 10_000 // rows of one answer, whatever is asked for
	searchTime  = 15 * time.Second
)

// Lookup implements query.Trail.
func (s *Store) Lookup(ctx context.Context, l query.Lookup) ([]query.TrailRow, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	q := clickhouse.LookupQuery{Account: l.Account, Attribute: clickhouse.Attribute(l.Attribute), Value: l.Value, Start: l.Start, End: l.End, Limit: l.Limit}
	if l.After != nil {
		if err := json.Unmarshal(l.After, &q.After); err != nil {
			return nil, nil, fmt.Errorf("audit: a place of our own does not read: %w", err)
		}
	}
	rows, next, err := s.warehouse.Lookup(ctx, q)
	if err != nil {
		return nil, nil, err
	}
	out := make([]query.TrailRow, len(rows))
	for i := range rows {
		out[i] = trailRow(&rows[i])
	}
	if next == (clickhouse.Cursor{}) {
		return out, nil, nil
	}
	after, err := json.Marshal(next)
	return out, after, err
}

// Search implements query.Trail.
func (s *Store) Search(ctx context.Context, f query.TrailFilter) (out []query.TrailRow, err error) {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	q := clickhouse.Filter{
		Account: f.Account, Principal: f.Principal, Action: f.Action, Resource: f.Resource, Decision: f.Decision, Key: f.Key,
		EventID: f.Event, Since: f.Since, Until: f.Until, Oldest: f.Oldest, Limit: min(max(f.Limit, 0), searchMost),
	}
	if q.Limit == 0 {
		q.Limit = searchLimit
	}
	if f.Source != "" {
		if q.Source, err = prefix(f.Source); err != nil {
			return nil, invalid(err)
		}
	}
	out = []query.TrailRow{}
	for r, err := range s.warehouse.Query(ctx, q) {
		if err != nil {
			return nil, told(err)
		}
		out = append(out, trailRow(&r))
	}
	return out, nil
}

// SQL implements query.Trail. What is wrong with the text is told to who wrote
// it: only readers of the trail get here, and the reader sees only the trail.
func (s *Store) SQL(ctx context.Context, account, text string) (t query.TrailTable, err error) {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	enough := errors.New("enough")
	t.Rows = [][]any{}
	err = s.warehouse.SQL(ctx, account, text, func(columns []clickhouse.Column) error {
		for _, c := range columns {
			t.Columns, t.Types = append(t.Columns, c.Name), append(t.Types, c.Type)
		}
		return nil
	}, func(row []any) error {
		if len(t.Rows) == searchMost {
			t.More = true
			return enough
		}
		t.Rows = append(t.Rows, row)
		return nil
	})
	if errors.Is(err, enough) {
		err = nil
	}
	return t, told(err)
}

// LastUsed implements query.Trail.
func (s *Store) LastUsed(ctx context.Context, account, key string) (map[string]query.KeyUse, error) {
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	uses, err := s.warehouse.LastUses(ctx, account, key)
	if errors.Is(err, clickhouse.ErrNotReady) {
		return nil, told(err)
	}
	out := make(map[string]query.KeyUse, len(uses))
	for _, u := range uses {
		out[u.Key] = query.KeyUse{Time: u.Time, Service: strings.TrimSuffix(u.Source, ".amazonaws.com"), Region: u.Region}
	}
	return out, err
}

// Status implements query.Trail.
func (s *Store) Status() query.TrailStatus {
	out := query.TrailStatus{Ready: true}
	for _, st := range s.sink.State() {
		out.Behind += st.Behind()
		if at := time.Now().Add(-st.Lag); st.Done > 0 && at.After(out.Latest) {
			out.Latest = at.UTC()
		}
		if st.Err != nil {
			out.Problem = fmt.Sprintf("%s: %v", st.Stream, st.Err)
		}
		out.Ready = out.Ready && st.Err == nil && (st.Phase == clickhouse.Copying || st.Phase == clickhouse.Rebuilding)
	}
	return out
}

const reconcileTime = 10 * time.Second // then the caller asks for the rest

// Reconcile implements query.Trail.
func (s *Store) Reconcile(ctx context.Context, stream string, from uint64, mend bool) (out query.TrailComparison, err error) {
	ctx, cancel := context.WithTimeout(ctx, 50*time.Second) // below the server's time for an answer
	defer cancel()
	r, err := s.sink.Reconcile(ctx, clickhouse.Span{Stream: journal.Stream(stream), From: from}, reconcileTime, mend)
	if errors.Is(err, clickhouse.ErrNotReady) {
		return out, told(err)
	}
	if err != nil {
		return out, fmt.Errorf("%w: %w", &smithy.GenericAPIError{Code: "ServiceUnavailable", Message: "The audit rows could not be compared with the log now. The server's log says why.", Fault: smithy.FaultServer}, err)
	}
	out = query.TrailComparison{Stream: stream, From: r.From, To: r.To, End: r.End, Rows: r.Rows, More: r.More, Mended: r.Mended, Differences: []query.TrailDifference{}}
	for _, st := range s.sink.State() {
		if string(st.Stream) == stream {
			out.Behind = max(st.End, r.End) - r.End
		}
	}
	for _, d := range r.Differences {
		out.Differences = append(out.Differences, query.TrailDifference{Kind: d.Kind, Stream: stream, Seq: d.Seq, Index: d.Idx, EventID: d.EventID})
	}
	return out, nil
}

func prefix(s string) (netip.Prefix, error) {
	if strings.Contains(s, "/") {
		return netip.ParsePrefix(s)
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	return a.Prefix(a.BitLen())
}

// told is err as the reader of the trail may see it.
func told(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, clickhouse.ErrNotReady):
		return fmt.Errorf("%w: %w", &smithy.GenericAPIError{Code: "ServiceUnavailable", Message: "The audit store is being started or filled. Nothing is lost; try again.", Fault: smithy.FaultServer}, err)
	}
	return invalid(err)
}

func invalid(err error) error {
	message := strings.ToValidUTF8(err.Error(), "?")
	return &smithy.GenericAPIError{Code: "ValidationException", Message: message, Fault: smithy.FaultClient}
}

func trailRow(r *clickhouse.Row) query.TrailRow {
	out := query.TrailRow{
		EventID: r.EventID, EventName: r.EventName, EventSource: r.EventSource, Username: r.Username, AccessKeyID: r.AccessKeyID,
		Action: r.Action, Principal: r.Principal, Decision: r.Decision, ErrorCode: r.ErrorCode, SourceIP: r.Source,
		Account: r.Account, ReadOnly: r.ReadOnly, Time: r.Time, Stream: string(r.Stream), Seq: r.Seq, Index: r.Idx, Record: r.Raw,
	}
	for _, x := range r.Resources {
		out.Resources = append(out.Resources, query.TrailResource{ARN: x.ARN, Type: x.Type})
	}
	return out
}
