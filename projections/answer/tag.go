package answer

import (
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/events"
)

// Tags is nil for no tags: the answer then has no element for them.
func Tags(tags []events.Tag) []types.Tag {
	var out []types.Tag
	for i := range tags {
		out = append(out, Tag(tags[i]))
	}
	return out
}

// Tag describes one tag.
func Tag(t events.Tag) types.Tag { return types.Tag{Key: &t.Key, Value: &t.Value} }
