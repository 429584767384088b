package query

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/smithy-go"

	"github.com/keytrail/keytrail/projections/answer"
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
	// LastUsed says of one long-term key of an account, or with "" of all, when
	// it was last used: by somebody who had its secret, allowed or not. Of a key
	// that never was it says nothing.
	LastUsed(ctx context.Context, account, key string) (map[string]KeyUse, error)
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

// KeyUse is when, where and for what a key was used.
type KeyUse struct {
	Time            time.Time
	Service, Region string
}

// TrailStatus is how the copy of the log into the audit store fares.
type TrailStatus struct {
	Ready   bool
	Behind  uint64 // messages of the log without their rows yet
	Latest  time.Time
	Problem string
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

// Delivery is what brings the events of trails to their buckets. Its methods
// may be called at once.
type Delivery interface {
	// State is how the delivery of one trail fares, from memory.
	State(account, trail string) DeliveryState
	// PublicKeys are those that digest files are signed with.
	PublicKeys() ([]DigestKey, error)
	// Object opens a delivered file, ErrNoBucket or ErrNoObject.
	Object(account, bucket, key string) (*Object, error)
	// Objects lists the delivered files of a bucket whose keys begin with
	// prefix and come after another, in order: most of them at most.
	Objects(account, bucket, prefix, after string, most int) ([]ObjectInfo, error)
}

// DeliveryState is how the delivery of one trail fares.
type DeliveryState struct {
	Delivered, Attempted, Digested time.Time // zero: never
	Problem, DigestProblem         string
}

// DigestKey is a public key of digest files.
type DigestKey struct {
	DER         []byte // PKCS #1
	Fingerprint string
	From, To    time.Time
}

// DescribeTrails describes the trail that is always on, and those that were made.
func (v *View) DescribeTrails(ctx context.Context, in *cloudtrail.DescribeTrailsInput) (*cloudtrail.DescribeTrailsOutput, error) {
	out := &cloudtrail.DescribeTrailsOutput{TrailList: []types.Trail{}}
	wanted := func(name string) bool {
		return len(in.TrailNameList) == 0 || slices.Contains(in.TrailNameList, name) || slices.Contains(in.TrailNameList, v.trailARN(name))
	}
	if wanted(answer.AlwaysOn) {
		out.TrailList = append(out.TrailList, *answer.Trail(v.Region, v.Account.ID, nil))
	}
	for i := range v.Account.Trails {
		if t := &v.Account.Trails[i]; wanted(t.Name) {
			out.TrailList = append(out.TrailList, *answer.Trail(v.Region, v.Account.ID, t))
		}
	}
	return out, nil
}

func (v *View) trailARN(name string) string { return answer.TrailARN(v.Region, v.Account.ID, name) }

// GetTrail describes one trail.
func (v *View) GetTrail(ctx context.Context, in *cloudtrail.GetTrailInput) (*cloudtrail.GetTrailOutput, error) {
	t, err := answer.TrailNamed(v.Region, v.Account, *in.Name)
	if err != nil {
		return nil, err
	}
	return &cloudtrail.GetTrailOutput{Trail: answer.Trail(v.Region, v.Account.ID, t)}, nil
}

// ListTrails names all trails: there are so few that they are one page.
func (v *View) ListTrails(ctx context.Context, in *cloudtrail.ListTrailsInput) (*cloudtrail.ListTrailsOutput, error) {
	if in.NextToken != nil {
		return nil, &types.InvalidNextTokenException{Message: text("The token is not valid: no answer gave it.")}
	}
	info := func(name string) types.TrailInfo {
		return types.TrailInfo{Name: &name, TrailARN: text("%s", v.trailARN(name)), HomeRegion: &v.Region}
	}
	out := &cloudtrail.ListTrailsOutput{Trails: []types.TrailInfo{info(answer.AlwaysOn)}}
	for i := range v.Account.Trails {
		out.Trails = append(out.Trails, info(v.Account.Trails[i].Name))
	}
	return out, nil
}

// GetTrailStatus tells whether a trail is logging, and what stands in the way
// of its delivery. It asks no store, only what is known in memory of it.
func (v *View) GetTrailStatus(ctx context.Context, in *cloudtrail.GetTrailStatusInput) (*cloudtrail.GetTrailStatusOutput, error) {
	t, err := answer.TrailNamed(v.Region, v.Account, *in.Name)
	if err != nil {
		return nil, err
	}
	out := &cloudtrail.GetTrailStatusOutput{}
	when := func(at time.Time) (*time.Time, *string) {
		if at.IsZero() {
			return nil, nil
		}
		return &at, text("%s", at.UTC().Format(time.RFC3339))
	}
	if t == nil {
		yes := true
		out.IsLogging = &yes
		out.StartLoggingTime, out.TimeLoggingStarted = when(v.Account.Created)
		if v.Trail != nil {
			s := v.Trail.Status()
			out.LatestDeliveryTime, _ = when(s.Latest)
			if s.Problem != "" {
				out.LatestDeliveryError = &s.Problem
			}
		}
		return out, nil
	}
	out.IsLogging = &t.Logging
	out.StartLoggingTime, out.TimeLoggingStarted = when(t.Started)
	out.StopLoggingTime, out.TimeLoggingStopped = when(t.Stopped)
	if v.Delivery == nil {
		out.LatestDeliveryError = text("This server delivers no log files (--trails off).")
		return out, nil
	}
	s := v.Delivery.State(v.Account.ID, t.Name)
	out.LatestDeliveryTime, _ = when(s.Delivered)
	_, out.LatestDeliveryAttemptTime = when(s.Attempted)
	out.LatestDigestDeliveryTime, _ = when(s.Digested)
	if s.Problem != "" {
		out.LatestDeliveryError = &s.Problem
	} else if !s.Delivered.IsZero() {
		_, out.LatestDeliveryAttemptSucceeded = when(s.Delivered)
	}
	if s.DigestProblem != "" {
		out.LatestDigestDeliveryError = &s.DigestProblem
	}
	return out, nil
}

// GetEventSelectors says which events a trail delivers.
func (v *View) GetEventSelectors(ctx context.Context, in *cloudtrail.GetEventSelectorsInput) (*cloudtrail.GetEventSelectorsOutput, error) {
	t, err := answer.TrailNamed(v.Region, v.Account, *in.TrailName)
	if err != nil {
		return nil, err
	}
	yes := true
	all := []types.EventSelector{{ReadWriteType: types.ReadWriteTypeAll, IncludeManagementEvents: &yes, DataResources: []types.DataResource{}, ExcludeManagementEventSources: []string{}}}
	if t == nil {
		return &cloudtrail.GetEventSelectorsOutput{TrailARN: text("%s", v.trailARN(answer.AlwaysOn)), EventSelectors: all}, nil
	}
	out := &cloudtrail.GetEventSelectorsOutput{TrailARN: text("%s", v.trailARN(t.Name))}
	switch {
	case t.Advanced != nil:
		for _, s := range t.Advanced {
			a := types.AdvancedEventSelector{FieldSelectors: []types.AdvancedFieldSelector{}}
			if s.Name != "" {
				a.Name = &s.Name
			}
			for _, f := range s.Fields {
				a.FieldSelectors = append(a.FieldSelectors, types.AdvancedFieldSelector{Field: &f.Field, Equals: f.Equals, NotEquals: f.NotEquals})
			}
			out.AdvancedEventSelectors = append(out.AdvancedEventSelectors, a)
		}
	case t.Basic != nil:
		for _, s := range t.Basic {
			exclude := s.Exclude
			if exclude == nil {
				exclude = []string{}
			}
			out.EventSelectors = append(out.EventSelectors, types.EventSelector{ReadWriteType: types.ReadWriteType(s.ReadWrite), IncludeManagementEvents: &s.Management,
				DataResources: []types.DataResource{}, ExcludeManagementEventSources: exclude})
		}
	default:
		out.EventSelectors = all
	}
	return out, nil
}

// ListTags tells the tags of trails.
func (v *View) ListTags(ctx context.Context, in *cloudtrail.ListTagsInput) (*cloudtrail.ListTagsOutput, error) {
	if in.NextToken != nil {
		return nil, &types.InvalidTokenException{Message: text("The token is not valid: no answer gave it.")}
	}
	out := &cloudtrail.ListTagsOutput{ResourceTagList: []types.ResourceTag{}}
	for _, arn := range in.ResourceIdList {
		if !strings.HasPrefix(arn, "arn:") {
			return nil, &types.CloudTrailARNInvalidException{Message: text("The specified trail ARN is not valid: %s", arn)}
		}
		t, err := answer.TrailNamed(v.Region, v.Account, arn)
		if err != nil {
			return nil, err
		}
		r := types.ResourceTag{ResourceId: &arn, TagsList: []types.Tag{}}
		if t != nil {
			for _, tag := range t.Tags {
				r.TagsList = append(r.TagsList, types.Tag{Key: &tag.Key, Value: &tag.Value})
			}
		}
		out.ResourceTagList = append(out.ResourceTagList, r)
	}
	return out, nil
}

// ListPublicKeys gives the public keys that digest files of a time are signed with.
func (v *View) ListPublicKeys(ctx context.Context, in *cloudtrail.ListPublicKeysInput) (*cloudtrail.ListPublicKeysOutput, error) {
	if in.NextToken != nil {
		return nil, &types.InvalidTokenException{Message: text("The token is not valid: no answer gave it.")}
	}
	if in.StartTime != nil && in.EndTime != nil && in.EndTime.Before(*in.StartTime) {
		return nil, &types.InvalidTimeRangeException{Message: text("The specified time range is not valid: the start time must come before the end time.")}
	}
	if v.Delivery == nil {
		return nil, &types.UnsupportedOperationException{Message: text("This server delivers no log files (--trails off).")}
	}
	keys, err := v.Delivery.PublicKeys()
	if err != nil {
		return nil, unavailable(err)
	}
	out := &cloudtrail.ListPublicKeysOutput{PublicKeyList: []types.PublicKey{}}
	for i := range keys {
		k := &keys[i]
		if in.StartTime != nil && k.To.Before(*in.StartTime) || in.EndTime != nil && k.From.After(*in.EndTime) {
			continue
		}
		out.PublicKeyList = append(out.PublicKeyList, types.PublicKey{Value: k.DER, Fingerprint: &k.Fingerprint, ValidityStartTime: &k.From, ValidityEndTime: &k.To})
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
