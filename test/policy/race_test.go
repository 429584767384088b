//go:build race

package policy_test

import "time"

// limit stretches a time limit for the race detector.
func limit(d time.Duration) time.Duration { return 20 * d }
