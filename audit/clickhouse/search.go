package clickhouse

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/ClickHouse/clickhouse-go/v2/lib/proto"
	"github.com/google/uuid"

	"github.com/keytrail/keytrail/events/journal"
)

// Every search runs as the account that can only read audit.events. Values are
// bound, never written into the text; names of columns come from our own text
// alone. And a search of one account sees no other's rows twice over: by its
// own condition and by the row policy.

// ErrInvalid says that a query cannot be asked like that.
var ErrInvalid = errors.New("clickhouse: invalid query")

// ErrNotReady says that there is no table to ask yet.
var ErrNotReady = errors.New("clickhouse: the audit rows are not there yet: the warehouse is being started or filled")

// AllAccounts, in place of an account, means the rows of every account.
const AllAccounts = "*"

// Row is an audit row.
type Row struct {
	Cursor
	EventID       string     `json:"eventId"`
	Account       string     `json:"account"`
	Region        string     `json:"region"`
	EventSource   string     `json:"eventSource"`
	EventName     string     `json:"eventName"`
	Action        string     `json:"action"`
	ReadOnly      bool       `json:"readOnly"`
	Principal     string     `json:"principal"`
	PrincipalType string     `json:"principalType"`
	PrincipalID   string     `json:"principalId"`
	Username      string     `json:"username"`
	AccessKeyID   string     `json:"accessKeyId,omitempty"`
	Issuer        string     `json:"issuer,omitempty"`
	MFA           bool       `json:"mfa"`
	Source        string     `json:"source"` // an address, or the name of a service
	UserAgent     string     `json:"userAgent,omitempty"`
	RequestID     string     `json:"requestId,omitempty"`
	SharedEventID string     `json:"sharedEventId,omitempty"`
	Resources     []Resource `json:"resources,omitempty"` // what was judged comes first
	Decision      string     `json:"decision"`
	ErrorCode     string     `json:"errorCode,omitempty"`
	Policies      []string   `json:"policies,omitempty"`   // of the statements that settled it
	Statements    []string   `json:"statements,omitempty"` // their Sids, or #index
	World         uint64     `json:"world"`
	Evaluator     string     `json:"evaluator"`
	Raw           string     `json:"-"` // the CloudTrail record, as in the log
}

// Resource is an object a request touched.
type Resource struct {
	ARN  string `json:"arn"`
	Type string `json:"type,omitempty"` // AWS::IAM::User
}

// Cursor is the place of a row in every answer, and of its event in the log.
type Cursor struct {
	Time   time.Time      `json:"time"`
	Stream journal.Stream `json:"stream"`
	Seq    uint64         `json:"seq"`
	Idx    uint32         `json:"idx"`
}

const rowColumns = `event_time, toString(stream), seq, idx, toString(event_id), account_id, region, event_source, event_name, action, read_only,
principal_arn, principal_type, principal_id, user_name, access_key_id, issuer_arn, mfa, source_ip, source, user_agent, request_id, shared_event_id,
resource_arns, resource_types, toString(decision), error_code, policies, statements, world, evaluator, raw`

const newestFirst = " ORDER BY event_time DESC, stream DESC, seq DESC, idx DESC"
const oldestFirst = " ORDER BY event_time, stream, seq, idx"

func scanRow(rows driver.Rows) (r Row, err error) {
	var stream string
	var ip netip.Addr
	var source string
	var arns, types []string
	err = rows.Scan(&r.Time, &stream, &r.Seq, &r.Idx, &r.EventID, &r.Account, &r.Region, &r.EventSource, &r.EventName, &r.Action, &r.ReadOnly,
		&r.Principal, &r.PrincipalType, &r.PrincipalID, &r.Username, &r.AccessKeyID, &r.Issuer, &r.MFA, &ip, &source, &r.UserAgent, &r.RequestID, &r.SharedEventID,
		&arns, &types, &r.Decision, &r.ErrorCode, &r.Policies, &r.Statements, &r.World, &r.Evaluator, &r.Raw)
	r.Stream = journal.Stream(stream)
	r.Time = r.Time.UTC()
	if r.Source = source; source == "" && ip != noAddr {
		r.Source = ip.Unmap().String()
	}
	for i := range min(len(arns), len(types)) {
		r.Resources = append(r.Resources, Resource{arns[i], types[i]})
	}
	return r, err
}

// condition is a WHERE clause in the making. Only what and's caller writes in
// the source becomes text; values go to bind.
type condition struct {
	text []string
	p    map[string]string
}

func (c *condition) and(text string) { c.text = append(c.text, text) }

func (c *condition) bind(name, value string) {
	if c.p == nil {
		c.p = map[string]string{}
	}
	c.p[name] = value
}

func (c *condition) where() string {
	if len(c.text) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.text, " AND ")
}

// between bounds the time, both ends included; a zero time bounds nothing.
func (c *condition) between(since, until time.Time) {
	if !since.IsZero() {
		c.bind("since", strconv.FormatInt(since.UnixMicro(), 10))
		c.and("event_time >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')")
	}
	if !until.IsZero() {
		c.bind("until", strconv.FormatInt(until.UnixMicro(), 10))
		c.and("event_time <= fromUnixTimestamp64Micro({until:Int64}, 'UTC')")
	}
}

// after goes on behind a row that was given. No row is given twice and none is
// left out, whatever is inserted meanwhile: the place of a row never changes.
func (c *condition) after(at Cursor, oldest bool) error {
	if at == (Cursor{}) {
		return nil
	}
	stream := map[journal.Stream]string{journal.Identity: "1", journal.Decisions: "2"}[at.Stream]
	if stream == "" {
		return fmt.Errorf("%w: the place to go on from is in no stream", ErrInvalid)
	}
	c.bind("at", strconv.FormatInt(at.Time.UnixMicro(), 10))
	c.bind("stream", stream)
	c.bind("seq", strconv.FormatUint(at.Seq, 10))
	c.bind("idx", strconv.FormatUint(uint64(at.Idx), 10))
	cmp := "<"
	if oldest {
		cmp = ">"
	}
	c.and("event_time " + cmp + "= fromUnixTimestamp64Micro({at:Int64}, 'UTC')") // for the index
	c.and("(event_time, toInt8(stream), seq, idx) " + cmp + " (fromUnixTimestamp64Micro({at:Int64}, 'UTC'), {stream:Int8}, {seq:UInt64}, {idx:UInt32})")
	return nil
}

// account confines the condition to one account.
func (c *condition) account(account string) error {
	if account == AllAccounts {
		return nil
	}
	if !isAccount(account) {
		return fmt.Errorf("%w: account %q: an account has 12 digits", ErrInvalid, account)
	}
	c.bind("account", account)
	c.and("account_id = {account:String}")
	return nil
}

func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	for _, r := range s {
		if r < '0' || r > '9' {
			return false
		}
	}
	return true
}

// reading is the context of a search: its id says whose rows it may see. The
// deadline of ctx ends it, but is not told to the server: the client would send
// it as a setting, and the auditor may set nothing.
func reading(ctx context.Context, account string, p map[string]string) (context.Context, func()) {
	inner, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	who := account
	if account == AllAccounts {
		who = "all"
	}
	return parameters(inner, p, ch.WithQueryID(who+"-"+uuid.NewString())), func() { stop(); cancel() }
}

// answer turns an error of the driver into one for the asker.
func (w *Warehouse) answer(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, errAnswer) {
		return errAnswer
	}
	var refused *proto.Exception
	if errors.As(err, &refused) && (refused.Code == 60 || refused.Code == 81 || refused.Code == 497) && !w.ready.Load() {
		return ErrNotReady
	}
	return fmt.Errorf("clickhouse: %w", err)
}

// selectRows calls f with each row until it says no more.
func (w *Warehouse) selectRows(ctx context.Context, account string, c *condition, order string, limit int, f func(Row) bool) error {
	c.bind("limit", strconv.Itoa(limit))
	asked, end := reading(ctx, account, c.p)
	defer end()
	rows, err := w.reader.Query(asked, "SELECT "+rowColumns+" FROM audit.events"+c.where()+order+" LIMIT {limit:UInt64}")
	if err != nil {
		return w.answer(ctx, err)
	}
	for rows.Next() {
		r, err := scanRow(rows)
		if err != nil {
			return errors.Join(fmt.Errorf("clickhouse: read a row: %w", err), rows.Close())
		}
		if !f(r) {
			end() // the server stops working on it
			_ = rows.Close()
			return nil
		}
	}
	return w.answer(ctx, cmp.Or(rows.Err(), rows.Close()))
}
