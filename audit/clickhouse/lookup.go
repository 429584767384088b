package clickhouse

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
)

// Attribute is what LookupEvents can look for.
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

// LookupQuery asks for management events of the last 90 days, newest first.
type LookupQuery struct {
	Account    string    // 12 digits
	Region     string    // empty: every one
	Attribute  Attribute // empty: all events
	Value      string    // exact
	Start, End time.Time // both included; zero: open
	Limit      int       // 1 to 50; 0: 50
	After      Cursor    // zero: from the newest
}

const history = 90 * 24 * time.Hour

// Lookup answers LookupEvents. next goes into the next query's After; it is
// zero when there is no more.
func (w *Warehouse) Lookup(ctx context.Context, q LookupQuery) (rows []Row, next Cursor, err error) {
	if q.Limit == 0 {
		q.Limit = 50
	}
	if q.Limit < 0 || q.Limit > 50 {
		return nil, next, fmt.Errorf("%w: %d results: 1 to 50 can be asked for", ErrInvalid, q.Limit)
	}
	if q.Account == AllAccounts {
		return nil, next, fmt.Errorf("%w: a lookup is of one account", ErrInvalid)
	}
	var c condition
	if err := c.account(q.Account); err != nil {
		return nil, next, err
	}
	if earliest := w.now().Add(-history); q.Start.Before(earliest) {
		q.Start = earliest
	}
	c.between(q.Start, q.End)
	c.and("management")
	if q.Region != "" {
		c.bind("region", q.Region)
		c.and("region = {region:String}")
	}
	if err := c.after(q.After, false); err != nil {
		return nil, next, err
	}
	c.bind("value", q.Value)
	switch q.Attribute {
	case "":
	case EventID:
		if _, err := uuid.Parse(q.Value); err != nil || len(q.Value) != 36 {
			return nil, next, nil // no event has such an id
		}
		c.and("event_id = {value:UUID}")
	case EventName:
		c.and("event_name = {value:String}")
	case ReadOnly:
		if q.Value != "true" && q.Value != "false" {
			return nil, next, nil
		}
		c.and("read_only = {value:Bool}")
	case Username:
		c.and("user_name = {value:String}")
	case ResourceType:
		c.and("has(resource_types, {value:String})")
	case ResourceName:
		if strings.ContainsAny(q.Value, ":/") {
			c.and("has(resource_arns, {value:String})")
		} else { // the last part of an ARN
			c.and("arrayExists(a -> a = {value:String} OR endsWith(a, concat('/', {value:String})) OR endsWith(a, concat(':', {value:String})), resource_arns)")
		}
	case EventSource:
		c.and("event_source = {value:String}")
	case AccessKeyID:
		c.and("access_key_id = {value:String}")
	default:
		return nil, next, fmt.Errorf("%w: no lookup attribute is called %q", ErrInvalid, q.Attribute)
	}
	err = w.selectRows(ctx, q.Account, &c, newestFirst, q.Limit+1, func(r Row) bool {
		rows = append(rows, r)
		return true
	})
	if err != nil {
		return nil, next, err
	}
	if len(rows) > q.Limit {
		rows = rows[:q.Limit]
		next = rows[q.Limit-1].Cursor
	}
	return rows, next, nil
}
