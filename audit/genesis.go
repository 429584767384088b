package audit

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/google/uuid"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/policy"
)

// Begin writes the first unit of an empty log: the first account with its root
// user, and the log's identity. Nobody could ask for it, so the server itself
// stands in the record; it is the one unit that no verdict allowed.
func Begin(ctx context.Context, log journal.Log, keys *seal.Keyring, region string, in *commands.CreateAccountInput) (*commands.CreateAccountOutput, error) {
	tx := &commands.Tx{World: &projections.World{}, Now: time.Now().UTC().Truncate(time.Microsecond), Rand: rand.Reader, Keys: keys, LogID: uuid.NewString()}
	out, err := tx.CreateAccount(ctx, in)
	if err != nil {
		return nil, err
	}
	rec := &events.Record{
		EventVersion: events.EventVersion, UserIdentity: events.UserIdentity{Type: "AWSService", InvokedBy: "keytrail"}, EventTime: tx.Now,
		EventSource: "keytrail.amazonaws.com", EventName: "CreateAccount", AWSRegion: region, SourceIPAddress: "AWS Internal",
		EventID: newID(), EventType: "AwsServiceEvent", ManagementEvent: true, EventCategory: "Management", RecipientAccountID: out.AccountID,
		Verdict: events.Verdict{Effect: policy.Allow.String(), Evaluator: policy.Version},
	}
	h := &events.Header{ID: rec.EventID, Partition: partition, Account: out.AccountID, Type: events.RecordType, Time: tx.Now}
	body, err := unit(h, rec, tx.Facts)
	if err != nil {
		return nil, err
	}
	_, err = log.Append(ctx, journal.Identity, 0, journal.Message{
		Key: out.AccountID, ID: rec.EventID, Body: body,
		Link: journal.Next(journal.Genesis(journal.Identity, out.AccountID), journal.Leaf(body)),
	})
	return out, err
}
