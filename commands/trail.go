package commands

import (
	"context"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

const (
	trailsPerRegion = 5
	trailTags       = 50
	selectorValues  = 500
)

// CreateTrail makes a trail that is not logging yet.
func (tx *Tx) CreateTrail(ctx context.Context, in *cloudtrail.CreateTrailInput) (*cloudtrail.CreateTrailOutput, error) {
	if strings.HasPrefix(*in.Name, "arn:") {
		return nil, &types.InvalidTrailNameException{Message: ptr("Trail name cannot be an ARN.")}
	}
	name, err := answer.TrailName(tx.Region, tx.Account.ID, *in.Name)
	if err != nil {
		return nil, err
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return nil, &types.InvalidTrailNameException{Message: ptr("Trail name cannot be an IP address.")}
	}
	if _, taken := tx.Account.Trail(name); taken || name == answer.AlwaysOn {
		return nil, &types.TrailAlreadyExistsException{Message: ptr("Trail " + name + " already exists for customer: " + tx.Account.ID)}
	}
	if len(tx.Account.Trails) >= trailsPerRegion {
		return nil, &types.MaximumNumberOfTrailsExceededException{Message: ptr("User: " + tx.Account.ID + " already has 5 trails in " + tx.Region + ".")}
	}
	s := trailChange{
		bucket: in.S3BucketName, prefix: in.S3KeyPrefix, global: in.IncludeGlobalServiceEvents, multi: in.IsMultiRegionTrail, validate: in.EnableLogFileValidation,
		topic: in.SnsTopicName, group: in.CloudWatchLogsLogGroupArn, role: in.CloudWatchLogsRoleArn, key: in.KmsKeyId, organization: in.IsOrganizationTrail,
	}
	settings, err := s.apply(events.TrailSettings{Global: true})
	if err != nil {
		return nil, err
	}
	tags, err := readTrailTags(in.TagsList)
	if err != nil {
		return nil, err
	}
	tx.Emit(events.TrailCreated{Name: name, TrailSettings: settings, Tags: tags})
	out := &cloudtrail.CreateTrailOutput{
		Name: &name, TrailARN: ptr(answer.TrailARN(tx.Region, tx.Account.ID, name)), S3BucketName: &settings.Bucket,
		IncludeGlobalServiceEvents: &settings.Global, IsMultiRegionTrail: &settings.MultiRegion, LogFileValidationEnabled: &settings.Validate, IsOrganizationTrail: ptr(false),
	}
	if settings.Prefix != "" {
		out.S3KeyPrefix = &settings.Prefix
	}
	return out, nil
}

// UpdateTrail changes the settings of a trail that the request names.
func (tx *Tx) UpdateTrail(ctx context.Context, in *cloudtrail.UpdateTrailInput) (*cloudtrail.UpdateTrailOutput, error) {
	t, err := tx.trail(*in.Name)
	if err != nil {
		return nil, err
	}
	s := trailChange{
		bucket: in.S3BucketName, prefix: in.S3KeyPrefix, global: in.IncludeGlobalServiceEvents, multi: in.IsMultiRegionTrail, validate: in.EnableLogFileValidation,
		topic: in.SnsTopicName, group: in.CloudWatchLogsLogGroupArn, role: in.CloudWatchLogsRoleArn, key: in.KmsKeyId, organization: in.IsOrganizationTrail,
	}
	settings, err := s.apply(t.Settings())
	if err != nil {
		return nil, err
	}
	if settings != t.Settings() {
		tx.Emit(events.TrailUpdated{Name: t.Name, TrailSettings: settings})
	}
	out := &cloudtrail.UpdateTrailOutput{
		Name: &t.Name, TrailARN: ptr(answer.TrailARN(tx.Region, tx.Account.ID, t.Name)), S3BucketName: &settings.Bucket,
		IncludeGlobalServiceEvents: &settings.Global, IsMultiRegionTrail: &settings.MultiRegion, LogFileValidationEnabled: &settings.Validate, IsOrganizationTrail: ptr(false),
	}
	if settings.Prefix != "" {
		out.S3KeyPrefix = &settings.Prefix
	}
	return out, nil
}

// DeleteTrail deletes a trail. The files it delivered stay.
func (tx *Tx) DeleteTrail(ctx context.Context, in *cloudtrail.DeleteTrailInput) (*cloudtrail.DeleteTrailOutput, error) {
	t, err := tx.trail(*in.Name)
	if err != nil {
		return nil, err
	}
	if t.Logging {
		tx.Emit(events.TrailStopped{Name: t.Name})
	}
	tx.Emit(events.TrailDeleted{Name: t.Name})
	return &cloudtrail.DeleteTrailOutput{}, nil
}

// StartLogging begins to deliver events. One that delivers goes on.
func (tx *Tx) StartLogging(ctx context.Context, in *cloudtrail.StartLoggingInput) (*cloudtrail.StartLoggingOutput, error) {
	t, err := answer.TrailNamed(tx.Region, tx.Account, *in.Name)
	if err != nil {
		return nil, err
	}
	if t != nil && !t.Logging { // nil is always on
		tx.Emit(events.TrailStarted{Name: t.Name})
	}
	return &cloudtrail.StartLoggingOutput{}, nil
}

// StopLogging ends to deliver events. The log goes on.
func (tx *Tx) StopLogging(ctx context.Context, in *cloudtrail.StopLoggingInput) (*cloudtrail.StopLoggingOutput, error) {
	t, err := tx.trail(*in.Name)
	if err != nil {
		return nil, err
	}
	if t.Logging {
		tx.Emit(events.TrailStopped{Name: t.Name})
	}
	return &cloudtrail.StopLoggingOutput{}, nil
}

// trail finds a trail that can be changed.
func (tx *Tx) trail(given string) (*projections.Trail, error) {
	t, err := answer.TrailNamed(tx.Region, tx.Account, given)
	if err == nil && t == nil {
		err = &types.OperationNotPermittedException{Message: ptr("The trail " + answer.AlwaysOn + " is always on: what is recorded cannot be switched off or changed.")}
	}
	return t, err
}

// trailChange is what CreateTrail and UpdateTrail ask for.
type trailChange struct {
	bucket, prefix                        *string
	global, multi, validate, organization *bool
	topic, group, role, key               *string
}

var (
	bucketName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	// Unreserved characters only: in a path, a folder and a signature they are
	// one and the same.
	keyPrefix = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$`)
)

func (c *trailChange) apply(s events.TrailSettings) (events.TrailSettings, error) {
	unsupported := func(what string) error {
		return &types.UnsupportedOperationException{Message: ptr(what + " is not supported.")}
	}
	switch {
	case or(c.topic, "") != "":
		return s, unsupported("Notification by Amazon SNS")
	case or(c.group, "") != "" || or(c.role, "") != "":
		return s, unsupported("Delivery to CloudWatch Logs")
	case or(c.key, "") != "":
		return s, unsupported("Encryption of log files by AWS KMS")
	case or(c.organization, false):
		return s, unsupported("A trail of an organization")
	}
	s.Bucket, s.Prefix = or(c.bucket, s.Bucket), or(c.prefix, s.Prefix)
	s.Global, s.MultiRegion, s.Validate = or(c.global, s.Global), or(c.multi, s.MultiRegion), or(c.validate, s.Validate)
	if _, err := netip.ParseAddr(s.Bucket); err == nil || !bucketName.MatchString(s.Bucket) || strings.Contains(s.Bucket, "..") || strings.Contains(s.Bucket, ".-") || strings.Contains(s.Bucket, "-.") {
		return s, &types.InvalidS3BucketNameException{Message: ptr("The specified S3 bucket name is not valid.")}
	}
	if s.Prefix = strings.TrimSuffix(s.Prefix, "/"); s.Prefix != "" && (len(s.Prefix) > 200 || !keyPrefix.MatchString(s.Prefix)) {
		return s, &types.InvalidS3PrefixException{Message: ptr("The specified S3 prefix is not valid: use at most 200 letters, numbers, periods, hyphens, underscores and slashes.")}
	}
	if s.MultiRegion && !s.Global {
		return s, &types.InvalidParameterCombinationException{Message: ptr("Multi-Region trail must include global service events.")}
	}
	return s, nil
}

// PutEventSelectors says which events a trail delivers.
func (tx *Tx) PutEventSelectors(ctx context.Context, in *cloudtrail.PutEventSelectorsInput) (*cloudtrail.PutEventSelectorsOutput, error) {
	t, err := tx.trail(*in.TrailName)
	if err != nil {
		return nil, err
	}
	f := events.TrailSelected{Name: t.Name}
	switch {
	case len(in.EventSelectors) > 0 && len(in.AdvancedEventSelectors) > 0:
		return nil, invalidSelector("You cannot specify both EventSelectors and AdvancedEventSelectors.")
	case len(in.EventSelectors) > 5:
		return nil, invalidSelector("A trail can have at most 5 event selectors.")
	case len(in.EventSelectors) > 0:
		f.Basic, err = basicSelectors(in.EventSelectors)
	case len(in.AdvancedEventSelectors) > 0:
		f.Advanced, err = advancedSelectors(in.AdvancedEventSelectors)
	default:
		return nil, invalidSelector("You must specify EventSelectors or AdvancedEventSelectors.")
	}
	if err != nil {
		return nil, err
	}
	tx.Emit(f)
	return &cloudtrail.PutEventSelectorsOutput{
		TrailARN: ptr(answer.TrailARN(tx.Region, tx.Account.ID, t.Name)), EventSelectors: in.EventSelectors, AdvancedEventSelectors: in.AdvancedEventSelectors,
	}, nil
}

func invalidSelector(message string) error {
	return &types.InvalidEventSelectorsException{Message: &message}
}

func basicSelectors(in []types.EventSelector) (all []events.BasicSelector, err error) {
	for _, s := range in {
		b := events.BasicSelector{ReadWrite: string(s.ReadWriteType), Management: or(s.IncludeManagementEvents, true), Exclude: s.ExcludeManagementEventSources}
		if b.ReadWrite == "" {
			b.ReadWrite = "All"
		}
		if len(s.DataResources) > 0 {
			return nil, invalidSelector("Data events are not supported.")
		}
		if !b.Management {
			return nil, invalidSelector("An event selector without management events selects nothing.")
		}
		for _, source := range b.Exclude {
			if source != "kms.amazonaws.com" && source != "rdsdata.amazonaws.com" {
				return nil, invalidSelector("ExcludeManagementEventSources can hold kms.amazonaws.com and rdsdata.amazonaws.com only.")
			}
		}
		all = append(all, b)
	}
	return all, nil
}

// advancedSelectors takes those of management events: by readOnly and by
// excluded sources.
func advancedSelectors(in []types.AdvancedEventSelector) (all []events.AdvancedSelector, err error) {
	values := 0
	for _, s := range in {
		a := events.AdvancedSelector{Name: or(s.Name, "")}
		seen := []string{}
		for _, f := range s.FieldSelectors {
			field := or(f.Field, "")
			values += len(f.Equals) + len(f.NotEquals)
			switch {
			case slices.Contains(seen, field):
				return nil, invalidSelector("Field " + field + " is there twice.")
			case len(f.StartsWith)+len(f.EndsWith)+len(f.NotStartsWith)+len(f.NotEndsWith) > 0:
				return nil, invalidSelector("Only Equals and NotEquals are supported for management events.")
			case field == "eventCategory" && slices.Equal(f.Equals, []string{"Management"}) && f.NotEquals == nil:
			case field == "readOnly" && len(f.Equals) == 1 && (f.Equals[0] == "true" || f.Equals[0] == "false") && f.NotEquals == nil:
			case field == "eventSource" && f.Equals == nil && len(f.NotEquals) > 0:
			default:
				return nil, invalidSelector("Supported are eventCategory Equals Management, readOnly Equals true or false, and eventSource NotEquals.")
			}
			seen = append(seen, field)
			a.Fields = append(a.Fields, events.FieldSelector{Field: field, Equals: f.Equals, NotEquals: f.NotEquals})
		}
		if !slices.Contains(seen, "eventCategory") {
			return nil, invalidSelector("An advanced event selector must have the field eventCategory.")
		}
		all = append(all, a)
	}
	if values > selectorValues {
		return nil, invalidSelector("A trail can have at most 500 values in all its advanced event selectors.")
	}
	return all, nil
}

// AddTags adds tags to a trail, or changes those it has.
func (tx *Tx) AddTags(ctx context.Context, in *cloudtrail.AddTagsInput) (*cloudtrail.AddTagsOutput, error) {
	t, err := tx.tagged(*in.ResourceId)
	if err != nil {
		return nil, err
	}
	more, err := readTrailTags(in.TagsList)
	if err != nil {
		return nil, err
	}
	tags := projections.MergeTags(t.Tags, more)
	if len(tags) > trailTags {
		return nil, tooManyTrailTags()
	}
	if !slices.Equal(tags, t.Tags) {
		tx.Emit(events.TrailTagged{Name: t.Name, Tags: more})
	}
	return &cloudtrail.AddTagsOutput{}, nil
}

// RemoveTags removes tags of a trail, as far as it has them.
func (tx *Tx) RemoveTags(ctx context.Context, in *cloudtrail.RemoveTagsInput) (*cloudtrail.RemoveTagsOutput, error) {
	t, err := tx.tagged(*in.ResourceId)
	if err != nil {
		return nil, err
	}
	var gone []string
	for _, tag := range in.TagsList {
		if i := projections.TagIndex(t.Tags, or(tag.Key, "")); i >= 0 {
			gone = append(gone, t.Tags[i].Key)
		}
	}
	if len(gone) > 0 {
		tx.Emit(events.TrailUntagged{Name: t.Name, Keys: gone})
	}
	return &cloudtrail.RemoveTagsOutput{}, nil
}

// tagged finds the trail of an ARN.
func (tx *Tx) tagged(arn string) (*projections.Trail, error) {
	if !strings.HasPrefix(arn, "arn:") {
		return nil, &types.CloudTrailARNInvalidException{Message: ptr("The specified trail ARN is not valid: " + arn)}
	}
	return tx.trail(arn)
}

func readTrailTags(in []types.Tag) ([]events.Tag, error) {
	var tags []events.Tag
	for _, t := range in {
		tag := events.Tag{Key: or(t.Key, ""), Value: or(t.Value, "")}
		if tag.Key == "" || len(tag.Key) > 128 || len(tag.Value) > 256 || reserved(tag.Key) {
			return nil, &types.InvalidTagParameterException{Message: ptr("The specified tag key or value is not valid.")}
		}
		tags = append(tags, tag)
	}
	if repeatsKey(tags) {
		return nil, &types.InvalidTagParameterException{Message: ptr("Duplicate tag keys found.")}
	}
	if len(tags) > trailTags {
		return nil, tooManyTrailTags()
	}
	return tags, nil
}

func tooManyTrailTags() error {
	return &types.TagsLimitExceededException{Message: ptr("The number of tags per trail has exceeded the permitted amount. Currently, the limit is 50.")}
}
