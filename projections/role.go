package projections

// Role is an IAM role.
type Role struct{ ID, Name, Path string }
