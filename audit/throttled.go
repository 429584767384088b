package audit

import (
	"context"
	"encoding/json"
	"time"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections/policy"
)

// turnedAway are requests of one key, or of nobody, that were answered
// Throttling and have no record of their own.
type turnedAway struct {
	Count int       `json:"count"`
	From  time.Time `json:"from"`
	To    time.Time `json:"to"`
}

// throttled says whose they were. Of nobody's, and of more keys than are told
// apart, the key is empty.
type throttled struct{ account, key string }

const (
	maxThrottled   = 1000                   // keys told apart at once
	throttledEvery = 200 * time.Millisecond // how much a crash may leave uncounted: security.md, I2
)

// turnAway counts a request that is answered Throttling.
func (l *Limits) turnAway(account, key string, at time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count(throttled{account, key}, turnedAway{1, at, at})
}

// count adds to what is to be written down. Called with mu held.
func (l *Limits) count(of throttled, n turnedAway) {
	if l.away == nil {
		l.away = map[throttled]turnedAway{}
	}
	was, ok := l.away[of]
	if !ok && len(l.away) >= maxThrottled {
		of = throttled{unknownAccount, ""}
		was, ok = l.away[of]
	}
	if ok {
		n = turnedAway{was.Count + n.Count, earlier(was.From, n.From), later(was.To, n.To)}
	}
	l.away[of] = n
}

// NoteThrottled writes down, until ctx ends, how many requests were turned
// away without a record of their own: what the trail does not show, it counts.
func (g *Gate) NoteThrottled(ctx context.Context) error {
	tick := time.NewTicker(throttledEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			g.FlushThrottled(ctx)
		}
	}
}

// FlushThrottled writes down what was counted since the last time. What can't
// be written is kept for the next: where it is unknown whether it was written,
// it may stand twice, but not be missing.
func (g *Gate) FlushThrottled(ctx context.Context) {
	l := g.Limits
	if l == nil {
		return
	}
	l.mu.Lock()
	away := l.away
	l.away = nil
	l.mu.Unlock()
	for of, n := range away {
		rec := g.throttledRecord(of, n)
		h := events.Header{ID: rec.EventID, Partition: partition, Account: of.account, Type: events.RecordType, Time: rec.EventTime}
		if _, _, err := g.Pager.Add(ctx, rec.EventID, events.AppendRecord(nil, &h, rec)); err != nil {
			g.Errors.Error("throttled requests are not counted in the log yet", "account", of.account, "count", n.Count, "cause", err)
			l.mu.Lock()
			l.count(of, n)
			l.mu.Unlock()
		}
	}
}

// throttledRecord is a service event (CloudTrail User Guide, "AWS service
// events") in the trail of the account whose keys were used.
func (g *Gate) throttledRecord(of throttled, n turnedAway) *events.Record {
	who := events.UserIdentity{Type: "AWSService", InvokedBy: "keytrail", AccessKeyID: of.key}
	if of.account != unknownAccount {
		who.AccountID = of.account
	}
	data, _ := json.Marshal(n) // of a number and two times: it can't fail
	code, message := errorCode(errThrottled)
	return &events.Record{
		EventVersion: events.EventVersion, UserIdentity: who, EventTime: g.now(),
		EventSource: "keytrail.amazonaws.com", EventName: "ThrottledRequests", AWSRegion: g.Region, SourceIPAddress: "AWS Internal",
		ErrorCode: code, ErrorMessage: message, AdditionalEventData: data,
		EventID: newID(), EventType: "AwsServiceEvent", ManagementEvent: true, EventCategory: "Management", RecipientAccountID: of.account,
		Verdict: events.Verdict{Effect: policy.ImplicitDeny.String(), World: g.Live.Seq(), Evaluator: policy.Version},
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
