package projections

import (
	"slices"
	"strings"

	"github.com/keytrail/keytrail/events"
)

// TagIndex is where a key is among tags, or -1. Keys that differ only in case
// are one key (IAM User Guide, "Tagging IAM resources").
func TagIndex(tags []events.Tag, key string) int {
	return slices.IndexFunc(tags, func(t events.Tag) bool { return strings.EqualFold(t.Key, key) })
}

// Tag returns the value of a tag.
func (e *Entity) Tag(key string) (string, bool) {
	if i := TagIndex(e.Tags, key); i >= 0 {
		return e.Tags[i].Value, true
	}
	return "", false
}

// MergeTags is old with more, which replace those of the same key.
func MergeTags(old, more []events.Tag) []events.Tag {
	tags := slices.Grow(slices.Clone(old), len(more))
	for _, t := range more {
		if i := TagIndex(tags, t.Key); i >= 0 {
			tags[i] = t
		} else {
			tags = append(tags, t)
		}
	}
	return slices.Clip(tags)
}

// WithoutTags is old without the tags of these keys.
func WithoutTags(old []events.Tag, keys []string) []events.Tag {
	return slices.DeleteFunc(slices.Clone(old), func(t events.Tag) bool {
		return slices.ContainsFunc(keys, func(k string) bool { return strings.EqualFold(k, t.Key) })
	})
}
