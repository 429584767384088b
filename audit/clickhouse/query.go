package clickhouse

import (
	"context"
	"fmt"
	"iter"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Filter says which rows Query gives. What is empty does not filter. In
// Principal, Action and Resource a * stands for any text.
type Filter struct {
	Account      string       // 12 digits, or AllAccounts
	Principal    string       // ARN of a user, a role (its sessions) or a session; or a user name
	Action       string       // iam:CreateUser, or CreateUser
	Resource     string       // ARN of anything the request was judged on or touched
	Decision     string       // Allow, ExplicitDeny, ImplicitDeny, Unauthenticated, or Deny for all but Allow
	Source       netip.Prefix // a caller's address or network
	Key          string       // access key id
	EventID      string
	RequestID    string
	ErrorCode    string
	Region       string
	Since, Until time.Time // both included
	Oldest       bool      // oldest first
	After        Cursor    // go on behind this row
	Limit        int       // 0: 1,000; at most MaxRows
}

// MaxRows is how many rows one answer has at most. What is longer is asked for
// in pieces, with After.
const MaxRows = 1_000_000

// Query gives the rows of the filter as they arrive, newest first. An error is
// the last thing given.
func (w *Warehouse) Query(ctx context.Context, f Filter) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		c, err := f.condition()
		if err != nil {
			yield(Row{}, err)
			return
		}
		order := newestFirst
		if f.Oldest {
			order = oldestFirst
		}
		if f.Limit == 0 {
			f.Limit = 1000
		}
		err = w.selectRows(ctx, f.Account, &c, order, f.Limit, func(r Row) bool { return yield(r, nil) })
		if err != nil {
			yield(Row{}, err)
		}
	}
}

func (f *Filter) condition() (c condition, err error) {
	if f.Limit < 0 || f.Limit > MaxRows {
		return c, fmt.Errorf("%w: %d rows: at most %d are given at once", ErrInvalid, f.Limit, MaxRows)
	}
	if err := c.account(f.Account); err != nil {
		return c, err
	}
	c.between(f.Since, f.Until)
	if err := c.after(f.After, f.Oldest); err != nil {
		return c, err
	}
	if f.Principal != "" {
		c.match("principal", f.Principal, "principal_arn", "user_name", "issuer_arn")
	}
	if f.Action != "" {
		if strings.Contains(f.Action, ":") {
			c.match("action", f.Action, "action")
		} else {
			c.match("action", f.Action, "event_name")
		}
	}
	if f.Resource != "" {
		op, pattern := glob(f.Resource)
		c.bind("resource", pattern)
		c.and("arrayExists(a -> a " + op + " {resource:String}, resource_arns)")
	}
	switch f.Decision {
	case "":
	case "Deny":
		c.and("decision != 'Allow'")
	case "Allow", "ExplicitDeny", "ImplicitDeny", "Unauthenticated":
		c.bind("decision", f.Decision)
		c.and("decision = {decision:String}")
	default:
		return c, fmt.Errorf("%w: decision %q: there are Allow, Deny, ExplicitDeny, ImplicitDeny and Unauthenticated", ErrInvalid, f.Decision)
	}
	if f.Source != (netip.Prefix{}) {
		first, last, err := bounds(f.Source)
		if err != nil {
			return c, err
		}
		c.bind("low", first.String())
		c.bind("high", last.String())
		c.and("source_ip BETWEEN {low:IPv6} AND {high:IPv6}")
	}
	if f.EventID != "" {
		if _, err := uuid.Parse(f.EventID); err != nil || len(f.EventID) != 36 {
			return c, fmt.Errorf("%w: event id %q is no UUID", ErrInvalid, f.EventID)
		}
		c.bind("event", f.EventID)
		c.and("event_id = {event:UUID}")
	}
	for _, e := range []struct{ name, value, text string }{
		{"key", f.Key, "access_key_id = {key:String}"},
		{"request", f.RequestID, "request_id = {request:String}"},
		{"error", f.ErrorCode, "error_code = {error:String}"},
		{"region", f.Region, "region = {region:String}"},
	} {
		if e.value != "" {
			c.bind(e.name, e.value)
			c.and(e.text)
		}
	}
	return c, nil
}

// match demands that one of the columns, named in our own text, is the pattern.
func (c *condition) match(name, pattern string, columns ...string) {
	op, pattern := glob(pattern)
	c.bind(name, pattern)
	any := make([]string, len(columns))
	for i, col := range columns {
		any[i] = col + " " + op + " {" + name + ":String}"
	}
	c.and("(" + strings.Join(any, " OR ") + ")")
}

// glob turns a pattern with * into one for LIKE, in which % and _ are letters.
func glob(p string) (op, pattern string) {
	if !strings.Contains(p, "*") {
		return "=", p
	}
	return "LIKE", likeLetters.Replace(p)
}

var likeLetters = strings.NewReplacer(`\`, `\\`, `%`, `\%`, `_`, `\_`, `*`, `%`)

// bounds are the first and last address of a network, as the column has them.
func bounds(p netip.Prefix) (first, last netip.Addr, err error) {
	if !p.IsValid() {
		return first, last, fmt.Errorf("%w: %v is no network", ErrInvalid, p)
	}
	bits := p.Bits()
	if p.Addr().Is4() {
		bits += 96
	}
	low := p.Masked().Addr().As16()
	high := low
	for i := bits; i < 128; i++ {
		high[i/8] |= 1 << (7 - i%8)
	}
	return netip.AddrFrom16(low), netip.AddrFrom16(high), nil
}
