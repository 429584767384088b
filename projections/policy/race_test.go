//go:build race

package policy

const slow = 20 // the race detector's factor on time limits
