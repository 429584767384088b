package events

// Tag is one tag; the order in which they were given is kept.
type Tag struct {
	Key   string `json:"k"`
	Value string `json:"v"`
}
