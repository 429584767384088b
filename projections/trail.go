package projections

import (
	"slices"
	"time"

	"github.com/keytrail/keytrail/events"
)

// Trail delivers events of its account to a bucket while it is logging. An
// account has a handful, so they are members of it; like entities they are
// never changed in place.
type Trail struct {
	Name        string                    `json:"name"`
	Bucket      string                    `json:"bucket"`
	Prefix      string                    `json:"prefix,omitempty"`
	Global      bool                      `json:"global,omitempty"`
	MultiRegion bool                      `json:"multiRegion,omitempty"`
	Validate    bool                      `json:"validate,omitempty"`
	Logging     bool                      `json:"logging,omitempty"`
	Created     time.Time                 `json:"created"`
	Started     time.Time                 `json:"started,omitzero"` // last
	Stopped     time.Time                 `json:"stopped,omitzero"` // last
	Basic       []events.BasicSelector    `json:"basic,omitempty"`
	Advanced    []events.AdvancedSelector `json:"advanced,omitempty"`
	Tags        []events.Tag              `json:"tags,omitempty"`
}

// Trail finds a trail by name.
func (a *Account) Trail(name string) (*Trail, bool) {
	for i := range a.Trails {
		if a.Trails[i].Name == name {
			return &a.Trails[i], true
		}
	}
	return nil, false
}

func (t *Trail) set(s events.TrailSettings) {
	t.Bucket, t.Prefix, t.Global, t.MultiRegion, t.Validate = s.Bucket, s.Prefix, s.Global, s.MultiRegion, s.Validate
}

// Settings are the settings of t, for a fact that changes some of them.
func (t *Trail) Settings() events.TrailSettings {
	return events.TrailSettings{Bucket: t.Bucket, Prefix: t.Prefix, Global: t.Global, MultiRegion: t.MultiRegion, Validate: t.Validate}
}

func (a *Account) addTrail(u events.Unit, f events.TrailCreated) {
	t := Trail{Name: f.Name, Created: u.Time, Tags: slices.Clone(f.Tags)}
	t.set(f.TrailSettings)
	i, taken := slices.BinarySearchFunc(a.Trails, f.Name, byTrailName)
	if !taken {
		a.Trails = slices.Insert(slices.Clone(a.Trails), i, t)
	}
}

func (a *Account) editTrail(name string, edit func(*Trail)) {
	if i, ok := slices.BinarySearchFunc(a.Trails, name, byTrailName); ok {
		a.Trails = slices.Clone(a.Trails)
		edit(&a.Trails[i])
	}
}

func (a *Account) deleteTrail(name string) {
	if i, ok := slices.BinarySearchFunc(a.Trails, name, byTrailName); ok {
		if a.Trails = slices.Delete(slices.Clone(a.Trails), i, i+1); len(a.Trails) == 0 {
			a.Trails = nil
		}
	}
}

func byTrailName(t Trail, name string) int {
	switch {
	case t.Name < name:
		return -1
	case t.Name > name:
		return 1
	}
	return 0
}

// TrailEvent is what a trail looks at of a record.
type TrailEvent struct {
	Time                     time.Time
	Region, Source, Category string
	ReadOnly                 bool
}

// globalSources are services without regions: their events are of us-east-1
// wherever they are signed for.
var globalSources = []string{"iam.amazonaws.com", "organizations.amazonaws.com"}

// Delivers says whether t, a trail of a region, delivers an event.
func (t *Trail) Delivers(region string, e *TrailEvent) bool {
	if t.Started.IsZero() || e.Time.Before(t.Started) || !t.Logging && e.Time.After(t.Stopped) {
		return false
	}
	if slices.Contains(globalSources, e.Source) {
		if !t.Global {
			return false
		}
	} else if !t.MultiRegion && e.Region != region {
		return false
	}
	if t.Advanced != nil {
		return slices.ContainsFunc(t.Advanced, func(s events.AdvancedSelector) bool { return selects(&s, e) })
	}
	if e.Category != "Management" {
		return false
	}
	if t.Basic == nil {
		return true
	}
	return slices.ContainsFunc(t.Basic, func(s events.BasicSelector) bool {
		return s.Management && (s.ReadWrite == "All" || (s.ReadWrite == "ReadOnly") == e.ReadOnly) && !slices.Contains(s.Exclude, e.Source)
	})
}

func selects(s *events.AdvancedSelector, e *TrailEvent) bool {
	for _, f := range s.Fields {
		value := ""
		switch f.Field {
		case "eventCategory":
			value = e.Category
		case "readOnly":
			value = "false"
			if e.ReadOnly {
				value = "true"
			}
		case "eventSource":
			value = e.Source
		}
		if len(f.Equals) > 0 && !slices.Contains(f.Equals, value) || slices.Contains(f.NotEquals, value) {
			return false
		}
	}
	return true
}
