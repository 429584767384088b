package projections

import (
	"time"

	"github.com/keytrail/keytrail/events"
)

// Account is one tenant: a root user and all that it owns.
type Account struct {
	ID      string
	Name    string
	Created time.Time
	Seq     uint64 // last unit of this account: what the next one follows

	users   table[*User]  // by folded name
	userIDs table[string] // id to folded name
}

// Account finds an account by its 12 digits.
func (w *World) Account(id string) (*Account, bool) { return w.accounts.get(id) }

func (w *World) addAccount(u events.Unit, f events.AccountCreated) {
	w.accounts.set(f.ID, &Account{ID: f.ID, Name: f.Name, Created: u.Time})
}

// ARN is the ARN of something of IAM in this account: kind is "user", path
// begins and ends with a slash. Partition aws until partitions are configured.
func (a *Account) ARN(kind, path, name string) string {
	return "arn:aws:iam::" + a.ID + ":" + kind + path + name
}
