// Package query holds one method per action that only looks. A query cannot
// tell whether its World is today's or last March's: that is how as-of reads
// cost nothing.
package query

import (
	"time"

	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/projections"
)

// View answers questions about one World.
type View struct {
	World    *projections.World
	Account  *projections.Account // the caller's
	Caller   *projections.Caller
	Now      time.Time
	Keys     *seal.Keyring // seals pagination markers
	Region   string        // the server's own
	Trail    Trail         // the audit store; nil if there is none
	Delivery Delivery      // of trails; nil if there is none
	Journal  *Journal      // for the operator's own actions

	Reports *Reports                  // credential reports
	Freeze  func() *projections.World // the World of now, for a query that reads it for long
}
