package events

func init() {
	register[TrailCreated]()
	register[TrailUpdated]()
	register[TrailDeleted]()
	register[TrailStarted]()
	register[TrailStopped]()
	register[TrailSelected]()
	register[TrailTagged]()
	register[TrailUntagged]()
}

// TrailSettings say what of an account's events a trail delivers, and where to.
type TrailSettings struct {
	Bucket      string `json:"bucket"`
	Prefix      string `json:"prefix,omitempty"`
	Global      bool   `json:"global"`      // events of services without regions too
	MultiRegion bool   `json:"multiRegion"` // events of every region
	Validate    bool   `json:"validate"`    // with signed digest files
}

// TrailCreated says that a trail came to exist, stopped.
type TrailCreated struct {
	Name string `json:"name"`
	TrailSettings
	Tags []Tag `json:"tags,omitempty"`
}

func (TrailCreated) Type() string { return "cloudtrail.trail.created.v1" }

// TrailUpdated says what all settings of a trail are from now on.
type TrailUpdated struct {
	Name string `json:"name"`
	TrailSettings
}

func (TrailUpdated) Type() string { return "cloudtrail.trail.updated.v1" }

// TrailDeleted says that a trail is no more. What it delivered stays.
type TrailDeleted struct {
	Name string `json:"name"`
}

func (TrailDeleted) Type() string { return "cloudtrail.trail.deleted.v1" }

// TrailStarted says that events from now on are delivered.
type TrailStarted struct {
	Name string `json:"name"`
}

func (TrailStarted) Type() string { return "cloudtrail.trail.started.v1" }

// TrailStopped says that events from now on are not delivered.
type TrailStopped struct {
	Name string `json:"name"`
}

func (TrailStopped) Type() string { return "cloudtrail.trail.stopped.v1" }

// TrailSelected says which events a trail delivers: those that one of the
// selectors selects. Either Basic or Advanced is there.
type TrailSelected struct {
	Name     string             `json:"name"`
	Basic    []BasicSelector    `json:"basic,omitempty"`
	Advanced []AdvancedSelector `json:"advanced,omitempty"`
}

func (TrailSelected) Type() string { return "cloudtrail.trail.selected.v1" }

// BasicSelector selects management events by whether they read or write.
type BasicSelector struct {
	ReadWrite  string   `json:"readWrite"` // All, ReadOnly, WriteOnly
	Management bool     `json:"management"`
	Exclude    []string `json:"exclude,omitempty"` // event sources
}

// AdvancedSelector selects the events of which all fields match.
type AdvancedSelector struct {
	Name   string          `json:"name,omitempty"`
	Fields []FieldSelector `json:"fields"`
}

// FieldSelector matches a field by each of its lists that is not empty.
type FieldSelector struct {
	Field     string   `json:"field"`
	Equals    []string `json:"equals,omitempty"`
	NotEquals []string `json:"notEquals,omitempty"`
}

// TrailTagged says that a trail has these tags, in place of any of the same keys.
type TrailTagged struct {
	Name string `json:"name"`
	Tags []Tag  `json:"tags"`
}

func (TrailTagged) Type() string { return "cloudtrail.trail.tagged.v1" }

// TrailUntagged says that a trail has no tags of these keys.
type TrailUntagged struct {
	Name string   `json:"name"`
	Keys []string `json:"keys"`
}

func (TrailUntagged) Type() string { return "cloudtrail.trail.untagged.v1" }
