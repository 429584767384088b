package projections

import "time"

// AccessKey is a long-term access key of a user or of an account's root user.
type AccessKey struct {
	ID      string
	Account string
	UserID  string // "" for the root user
	Secret  string // sealed
	Active  bool
	Created time.Time
}
