package audit

import (
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections/answer"
	"github.com/keytrail/keytrail/query"
)

// trail adds the trail of that name or ARN, or the ARN it would have.
func (k *ask) trail(given *string) {
	name, err := answer.TrailName(k.region, k.account.ID, *given)
	if err != nil { // refused below; judged as a trail of that name
		name = *given
	}
	var tags []events.Tag
	if t, ok := k.account.Trail(name); ok {
		tags = t.Tags
	}
	k.on(answer.TrailARN(k.region, k.account.ID, name), "AWS::CloudTrail::Trail", tags)
}

// trailTags are the tags that a request passes.
func (k *ask) trailTags(tags []types.Tag) {
	for _, t := range tags {
		k.tags = append(k.tags, events.Tag{Key: str(t.Key), Value: str(t.Value)})
	}
}

const (
	trailIn  = "name s3BucketName s3KeyPrefix snsTopicName includeGlobalServiceEvents isMultiRegionTrail enableLogFileValidation cloudWatchLogsLogGroupArn cloudWatchLogsRoleArn kmsKeyId isOrganizationTrail"
	trailOut = "name s3BucketName s3KeyPrefix includeGlobalServiceEvents isMultiRegionTrail trailARN logFileValidationEnabled isOrganizationTrail"
)

var trails = []Action{
	search("cloudtrail", (*query.View).LookupEvents, func(k *ask, _ *cloudtrail.LookupEventsInput) { k.any() }, "lookupAttributes startTime endTime maxResults eventCategory"),
	look("cloudtrail", (*query.View).DescribeTrails, func(k *ask, _ *cloudtrail.DescribeTrailsInput) { k.any() }, "trailNameList includeShadowTrails"),
	look("cloudtrail", (*query.View).GetTrail, func(k *ask, in *cloudtrail.GetTrailInput) { k.trail(in.Name) }, "name"),
	look("cloudtrail", (*query.View).ListTrails, func(k *ask, _ *cloudtrail.ListTrailsInput) { k.any() }, ""),
	look("cloudtrail", (*query.View).GetTrailStatus, func(k *ask, in *cloudtrail.GetTrailStatusInput) { k.trail(in.Name) }, "name"),
	look("cloudtrail", (*query.View).GetEventSelectors, func(k *ask, in *cloudtrail.GetEventSelectorsInput) { k.trail(in.TrailName) }, "trailName"),
	look("cloudtrail", (*query.View).ListTags, func(k *ask, in *cloudtrail.ListTagsInput) {
		for i := range in.ResourceIdList {
			k.trail(&in.ResourceIdList[i])
		}
		if len(in.ResourceIdList) == 0 {
			k.any()
		}
	}, "resourceIdList"),
	search("cloudtrail", (*query.View).ListPublicKeys, func(k *ask, _ *cloudtrail.ListPublicKeysInput) { k.any() }, "startTime endTime"),
	command("cloudtrail", (*commands.Tx).CreateTrail, func(k *ask, in *cloudtrail.CreateTrailInput) {
		k.trail(in.Name)
		if k.trailTags(in.TagsList); len(in.TagsList) > 0 {
			k.also("cloudtrail:AddTags")
		}
	}, trailIn+" tagsList", trailOut),
	command("cloudtrail", (*commands.Tx).UpdateTrail, func(k *ask, in *cloudtrail.UpdateTrailInput) { k.trail(in.Name) }, trailIn, trailOut),
	command("cloudtrail", (*commands.Tx).DeleteTrail, func(k *ask, in *cloudtrail.DeleteTrailInput) { k.trail(in.Name) }, "name", ""),
	command("cloudtrail", (*commands.Tx).StartLogging, func(k *ask, in *cloudtrail.StartLoggingInput) { k.trail(in.Name) }, "name", ""),
	command("cloudtrail", (*commands.Tx).StopLogging, func(k *ask, in *cloudtrail.StopLoggingInput) { k.trail(in.Name) }, "name", ""),
	command("cloudtrail", (*commands.Tx).PutEventSelectors, func(k *ask, in *cloudtrail.PutEventSelectorsInput) { k.trail(in.TrailName) }, "trailName eventSelectors advancedEventSelectors", "trailARN eventSelectors advancedEventSelectors"),
	command("cloudtrail", (*commands.Tx).AddTags, func(k *ask, in *cloudtrail.AddTagsInput) { k.trail(in.ResourceId); k.trailTags(in.TagsList) }, "resourceId tagsList", ""),
	command("cloudtrail", (*commands.Tx).RemoveTags, func(k *ask, in *cloudtrail.RemoveTagsInput) {
		k.trail(in.ResourceId)
		keys := make([]string, len(in.TagsList))
		for i, t := range in.TagsList {
			keys[i] = str(t.Key)
		}
		k.untag(keys)
	}, "resourceId tagsList", ""),
}
