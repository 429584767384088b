package events

func init() {
	register[ResourcePut]()
	register[ResourceTagged]()
	register[ResourceUntagged]()
	register[ResourceDeleted]()
}

// ResourcePut says that an account has registered a resource of another
// service, and all that is known of it, in place of what was.
type ResourcePut struct {
	ARN    string `json:"arn"`
	Policy *Trust `json:"policy,omitempty"` // nil: it has none. Its ARNs are bound as those of a trust policy
	Tags   []Tag  `json:"tags,omitempty"`
}

func (ResourcePut) Type() string { return "keytrail.resource.put.v1" }

// ResourceTagged says that a registered resource has these tags, in place of any
// it had with the same keys.
type ResourceTagged struct {
	ARN  string `json:"arn"`
	Tags []Tag  `json:"tags"`
}

func (ResourceTagged) Type() string { return "keytrail.resource.tagged.v1" }

// ResourceUntagged says that a registered resource no longer has tags with these
// keys.
type ResourceUntagged struct {
	ARN  string   `json:"arn"`
	Keys []string `json:"keys"`
}

func (ResourceUntagged) Type() string { return "keytrail.resource.untagged.v1" }

// ResourceDeleted says that nothing is known of a resource any more.
type ResourceDeleted struct {
	ARN string `json:"arn"`
}

func (ResourceDeleted) Type() string { return "keytrail.resource.deleted.v1" }
