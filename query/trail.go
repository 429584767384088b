package query

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/smithy-go"
)

// Trail finds audit rows. It is the one store that queries may read beside
// the World, and they do so only after the gate has let go of the World.
type Trail interface {
	// Lookup gives the newest rows first, at most l.Limit of them, and the
	// place to go on from, nil after the last.
	Lookup(ctx context.Context, l Lookup) (rows []TrailRow, next []byte, err error)
	// Search gives the rows of a filter.
	Search(ctx context.Context, f TrailFilter) ([]TrailRow, error)
	// SQL runs one SELECT as a reader who sees the rows of account only; "*"
	// is all accounts.
	SQL(ctx context.Context, account, text string) (TrailTable, error)
	// Status tells when the last row arrived and what stands in the way.
	Status() TrailStatus
	// Reconcile compares the rows of a stream with the log from a sequence on,
	// for some seconds, and makes them what the log says if told to mend.
	Reconcile(ctx context.Context, stream string, from uint64, mend bool) (TrailComparison, error)
}

// TrailComparison says how the rows of a part of a stream differ from the log.
type TrailComparison struct {
	Stream      string
	From, To    uint64
	End         uint64 // of what can be compared: go on after To until there
	Rows        uint64 // that the log makes
	Behind      uint64 // messages that are not copied yet
	Differences []TrailDifference
	More        bool   // than are listed
	Mended      uint64 // messages whose rows were made again
}

// TrailDifference is one row that is not what the log says.
type TrailDifference struct {
	Kind    string // missing, extra, altered, doubled
	Stream  string
	Seq     uint64
	Index   uint32
	EventID string
}

// Lookup is what LookupEvents asks of a Trail.
type Lookup struct {
	Account    string
	Attribute  string // of CloudTrail, "" for none
	Value      string
	Start, End time.Time // both included; zero: open
	Limit      int
	After      []byte // place that an earlier call gave
}

// TrailRow is one audit row.
type TrailRow struct {
	EventID, EventName, EventSource, Username, AccessKeyID string
	Action, Principal, Decision, ErrorCode, SourceIP       string
	Account                                                string
	ReadOnly                                               bool
	Time                                                   time.Time
	Stream                                                 string
	Seq                                                    uint64
	Index                                                  uint32
	Resources                                              []TrailResource
	Record                                                 string // the CloudTrail record, JSON
}

// TrailResource is an object that a request touched.
type TrailResource struct{ ARN, Type string }

// TrailFilter says which rows Search gives; empty members do not filter. In
// Principal, Action and Resource a * stands for anything.
type TrailFilter struct {
	Account                                           string // "*": all of them
	Principal, Action, Resource, Decision, Key, Event string
	Source                                            string // IP address or CIDR
	Since, Until                                      time.Time
	Limit                                             int
	Oldest                                            bool
}

// TrailTable is an answer to SQL.
type TrailTable struct {
	Columns []string
	Types   []string
	Rows    [][]any
	More    bool // cut at the limit
}

// TrailStatus is how the copy of the log into the audit store fares.
type TrailStatus struct {
	Ready   bool
	Behind  uint64 // messages of the log without their rows yet
	Latest  time.Time
	Problem string
}

// trailName is the name of the trail that is always on. It can't be stopped.
const trailName = "keytrail"

// TrailARN is the ARN of an account's always-on trail.
func TrailARN(region, account string) string {
	return "arn:aws:cloudtrail:" + region + ":" + account + ":trail/" + trailName
}

// LookupEvents finds management events of the last 90 days, newest first
// (CloudTrail API Reference, LookupEvents).
func (v *View) LookupEvents(ctx context.Context, in *cloudtrail.LookupEventsInput) (*cloudtrail.LookupEventsOutput, error) {
	l := Lookup{Account: v.Account.ID, Limit: 50, Start: v.Now.Add(-90 * 24 * time.Hour)}
	if in.EventCategory != "" {
		return &cloudtrail.LookupEventsOutput{Events: []types.Event{}}, nil // there are no insight events
	}
	if in.MaxResults != nil {
		if l.Limit = int(*in.MaxResults); l.Limit < 1 || l.Limit > 50 {
			return nil, &types.InvalidMaxResultsException{Message: text("Max results should be between 1 and 50.")}
		}
	}
	if in.StartTime != nil && in.StartTime.After(l.Start) {
		l.Start = *in.StartTime
	}
	if in.EndTime != nil {
		l.End = *in.EndTime
		if in.StartTime != nil && l.End.Before(*in.StartTime) {
			return nil, &types.InvalidTimeRangeException{Message: text("The specified time range is not valid: the start time must come before the end time.")}
		}
	}
	switch len(in.LookupAttributes) {
	case 0:
	case 1:
		a := in.LookupAttributes[0]
		if !slices.Contains(a.AttributeKey.Values(), a.AttributeKey) || a.AttributeValue == nil {
			return nil, &types.InvalidLookupAttributesException{Message: text("The lookup attribute is not valid.")}
		}
		l.Attribute, l.Value = string(a.AttributeKey), *a.AttributeValue
	default:
		return nil, &types.InvalidLookupAttributesException{Message: text("You can specify only one lookup attribute.")}
	}
	fingerprint, err := json.Marshal([]any{in.LookupAttributes, in.StartTime, in.EndTime})
	if err != nil {
		return nil, err
	}
	if in.NextToken != nil {
		if l.After, err = v.Keys.OpenMarker(v.Account.ID, string(fingerprint), *in.NextToken); err != nil {
			return nil, &types.InvalidNextTokenException{Message: text("The token is not valid: it belongs to another request or has been changed.")}
		}
	}
	trail, err := v.trail()
	if err != nil {
		return nil, err
	}
	rows, next, err := trail.Lookup(ctx, l)
	if err != nil {
		return nil, unavailable(err)
	}
	out := &cloudtrail.LookupEventsOutput{Events: []types.Event{}}
	for i := range rows {
		out.Events = append(out.Events, event(&rows[i]))
	}
	if next != nil {
		out.NextToken = text("%s", v.Keys.SealMarker(v.Account.ID, string(fingerprint), next))
	}
	return out, nil
}

func event(r *TrailRow) types.Event {
	e := types.Event{
		EventId: &r.EventID, EventName: &r.EventName, EventSource: &r.EventSource, EventTime: &r.Time,
		ReadOnly: text("%t", r.ReadOnly), CloudTrailEvent: &r.Record,
	}
	if r.Username != "" {
		e.Username = &r.Username
	}
	if r.AccessKeyID != "" {
		e.AccessKeyId = &r.AccessKeyID
	}
	for i := range r.Resources {
		e.Resources = append(e.Resources, types.Resource{ResourceName: &r.Resources[i].ARN, ResourceType: &r.Resources[i].Type})
	}
	return e
}

// DescribeTrails describes the trail that is always on.
func (v *View) DescribeTrails(ctx context.Context, in *cloudtrail.DescribeTrailsInput) (*cloudtrail.DescribeTrailsOutput, error) {
	out := &cloudtrail.DescribeTrailsOutput{TrailList: []types.Trail{}}
	arn := TrailARN(v.Region, v.Account.ID)
	if len(in.TrailNameList) == 0 || slices.Contains(in.TrailNameList, trailName) || slices.Contains(in.TrailNameList, arn) {
		yes, no, name := true, false, trailName
		out.TrailList = append(out.TrailList, types.Trail{
			Name: &name, TrailARN: &arn, HomeRegion: &v.Region, IncludeGlobalServiceEvents: &yes, IsMultiRegionTrail: &yes,
			LogFileValidationEnabled: &no, HasCustomEventSelectors: &no, HasInsightSelectors: &no, IsOrganizationTrail: &no,
		})
	}
	return out, nil
}

// GetTrailStatus tells that the trail is logging: it has no other state.
func (v *View) GetTrailStatus(ctx context.Context, in *cloudtrail.GetTrailStatusInput) (*cloudtrail.GetTrailStatusOutput, error) {
	if arn := TrailARN(v.Region, v.Account.ID); *in.Name != trailName && *in.Name != arn {
		return nil, &types.TrailNotFoundException{Message: text("Unknown trail: %s for the user: %s", *in.Name, v.Account.ID)}
	}
	yes := true
	out := &cloudtrail.GetTrailStatusOutput{IsLogging: &yes, StartLoggingTime: &v.Account.Created, TimeLoggingStarted: text("%s", v.Account.Created.Format(time.RFC3339))}
	if v.Trail != nil {
		s := v.Trail.Status()
		if !s.Latest.IsZero() {
			out.LatestDeliveryTime = &s.Latest
		}
		if s.Problem != "" {
			out.LatestDeliveryError = &s.Problem
		}
	}
	return out, nil
}

func (v *View) trail() (Trail, error) {
	if v.Trail == nil {
		return nil, &types.UnsupportedOperationException{Message: text("This server keeps no audit store (--audit off): the log holds every event, but it can't be searched here.")}
	}
	return v.Trail, nil
}

// unavailable is what a client hears when the audit store fails: to try again.
func unavailable(err error) error {
	return fmt.Errorf("%w: %w", &smithy.GenericAPIError{Code: "ServiceUnavailable", Message: "The audit store does not answer now. Nothing is lost; try again.", Fault: smithy.FaultServer}, err)
}

func text(format string, args ...any) *string {
	s := fmt.Sprintf(format, args...)
	return &s
}
