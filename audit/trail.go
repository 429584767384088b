package audit

import (
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"

	"github.com/keytrail/keytrail/query"
)

var trails = []Action{
	search("cloudtrail", (*query.View).LookupEvents, func(k *ask, _ *cloudtrail.LookupEventsInput) { k.any() }, "lookupAttributes startTime endTime maxResults eventCategory"),
	look("cloudtrail", (*query.View).DescribeTrails, func(k *ask, _ *cloudtrail.DescribeTrailsInput) { k.any() }, "trailNameList includeShadowTrails"),
	search("cloudtrail", (*query.View).GetTrailStatus, func(k *ask, in *cloudtrail.GetTrailStatusInput) {
		k.on(query.TrailARN(k.region, k.account.ID), "AWS::CloudTrail::Trail", nil)
	}, "name"),
}
