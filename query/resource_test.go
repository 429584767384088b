package query

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/keytrail/keytrail/events"
)

// A list has each resource under a prefix once, the prefix itself too, and no
// other; its pages are one list.
func TestListResources(t *testing.T) {
	facts := []events.Event{events.ResourcePut{ARN: "arn:aws:s3:::b"}, events.ResourcePut{ARN: "arn:aws:s3:::a"}, events.ResourcePut{ARN: "arn:aws:sqs:e:" + home + ":b"}}
	want := []string{"arn:aws:s3:::b"}
	for i := range 250 {
		arn := fmt.Sprintf("arn:aws:s3:::b/%03d", i)
		facts, want = append(facts, events.ResourcePut{ARN: arn, Tags: []events.Tag{{Key: "k", Value: "v"}}}), append(want, arn)
	}
	v := view(facts...)
	for _, size := range []int32{0, 1, 7, 251, 1000} {
		in := &ListResourcesInput{Prefix: "arn:aws:s3:::b"}
		if size > 0 {
			in.MaxItems = &size
		}
		var got []string
		for {
			out, err := v.ListResources(context.Background(), in)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range out.Resources {
				got = append(got, r.ResourceArn)
			}
			if in.Marker = out.Marker; !out.IsTruncated {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("in pages of %d: %d resources, want %d", size, len(got), len(want))
		}
	}
	if out, err := v.ListResources(context.Background(), &ListResourcesInput{}); err != nil || len(out.Resources) != 100 || !out.IsTruncated {
		t.Errorf("all: %v", err)
	}
	if _, err := v.ListResources(context.Background(), &ListResourcesInput{MaxItems: new(int32(1001))}); fault(err) != "ValidationError" {
		t.Errorf("a page of 1001: %v", err)
	}
	if _, err := v.GetResource(context.Background(), &GetResourceInput{ResourceArn: "arn:aws:s3:::x"}); fault(err) != "NoSuchEntity" && fault(err) != "NoSuchEntityException" {
		t.Errorf("nothing: %v", err)
	}
}
