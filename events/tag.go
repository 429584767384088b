package events

func init() {
	register[Tagged]()
	register[Untagged]()
}

// Tag is one tag; the order in which they were given is kept.
type Tag struct {
	Key   string `json:"k"`
	Value string `json:"v"`
}

// Tagged says that something has these tags, in place of any it had with the
// same keys; keys that differ only in case are one key.
type Tagged struct {
	ID   string `json:"id"` // of a user, role, policy or instance profile: the first four letters say which
	Tags []Tag  `json:"tags"`
}

func (Tagged) Type() string { return "iam.tags.set.v1" }

// Untagged says that something no longer has tags with these keys.
type Untagged struct {
	ID   string   `json:"id"`
	Keys []string `json:"keys"`
}

func (Untagged) Type() string { return "iam.tags.removed.v1" }
