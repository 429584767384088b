package projections

import (
	"iter"
	"sync/atomic"
	"time"

	"github.com/keytrail/keytrail/events"
)

// Account is one tenant: a root user and all that it owns.
type Account struct {
	ID           string    `json:"id"`
	Name         string    `json:"name,omitempty"`
	Alias        string    `json:"alias,omitempty"`
	Organization string    `json:"organization,omitempty"` // that it is in
	Created      time.Time `json:"created"`
	Seq          uint64    `json:"seq"`                // last unit of this account: what the next one follows
	RootKeys     []string  `json:"rootKeys,omitempty"` // ids of the root user's access keys
	RootMFA      []string  `json:"rootMFA,omitempty"`  // ids of its MFA devices

	PasswordPolicy *PasswordPolicy `json:"passwordPolicy,omitempty"` // nil: AWS's default
	RootRefused    *Refused        `json:"rootRefused,omitempty"`    // of the root user
	Trails         []Trail         `json:"trails,omitempty"`         // by name

	users    roster[*User]
	groups   roster[*Group]
	roles    roster[*Role]
	policies roster[*Policy]
	profiles roster[*InstanceProfile]
	devices  roster[*MFADevice]

	resources table[*Resource] // of other services, by ARN
	oidcs     roster[*OIDCProvider]
	samls     roster[*SAMLProvider]

	// Indexes, all of them computed from the entities above.
	members  table[struct{}] // group id / folded user name
	holding  table[struct{}] // role id / folded instance profile name
	attached table[struct{}] // policy id / kind / folded name
	bounded  table[struct{}] // likewise, for permissions boundaries
	uses     table[Use]      // policy id to how often it is in the two above

	age    uint64 // the World that may change this value; others copy it first
	grants uint64 // changes when what a group or a policy grants does; 0 only in the zero Account
}

// versions numbers states of this process: never stored, never compared
// except for equality.
var versions atomic.Uint64

func newVersion() uint64 { return versions.Add(1) }

// Account finds an account by its 12 digits.
func (w *World) Account(id string) (*Account, bool) { return w.accounts.get(id) }

func (w *World) AccountsAfter(marker string) iter.Seq2[string, *Account] {
	return w.accounts.after(marker)
}

// AccountByAlias finds an account by its alias.
func (w *World) AccountByAlias(alias string) (*Account, bool) {
	id, ok := w.aliases.get(alias)
	if !ok {
		return nil, false
	}
	return w.Account(id)
}

// ARN is the ARN of something of IAM in this account: kind is "user", path
// begins and ends with a slash. Partition aws until partitions are configured.
func (a *Account) ARN(kind, path, name string) string {
	return "arn:aws:iam::" + a.ID + ":" + kind + path + name
}

// RootARN is the ARN of the account's root user.
func (a *Account) RootARN() string { return "arn:aws:iam::" + a.ID + ":root" }

// change returns the account for a change by this World: a copy, if a frozen
// World still reads the present value.
func (w *World) change(id string) *Account {
	a, ok := w.accounts.get(id)
	if !ok || a.age == w.age {
		return a
	}
	c := *a
	c.users, c.groups, c.roles = a.users.copy(), a.groups.copy(), a.roles.copy()
	c.policies, c.profiles, c.devices, c.resources = a.policies.copy(), a.profiles.copy(), a.devices.copy(), a.resources.copy()
	c.oidcs, c.samls = a.oidcs.copy(), a.samls.copy()
	c.members, c.holding = a.members.copy(), a.holding.copy()
	c.attached, c.bounded, c.uses = a.attached.copy(), a.bounded.copy(), a.uses.copy()
	c.age = w.age
	w.accounts.set(id, &c)
	return &c
}

func (w *World) addAccount(u events.Unit, f events.AccountCreated) {
	if _, taken := w.Account(f.ID); !taken {
		w.accounts.set(f.ID, &Account{ID: f.ID, Name: f.Name, Created: u.Time, Seq: u.Seq, age: w.age, grants: newVersion()})
	}
}

// setAlias gives an account an alias. Aliases are unique over all accounts but
// units are ordered by account: if two ask for one alias at the same moment,
// the first in the journal has it and the other keeps what it had.
func (w *World) setAlias(a *Account, alias string) {
	if owner, taken := w.aliases.get(alias); taken && owner != a.ID {
		return
	}
	w.dropAlias(a)
	a.Alias = alias
	w.aliases.set(alias, a.ID)
}

func (w *World) dropAlias(a *Account) {
	if a.Alias != "" {
		w.aliases.delete(a.Alias)
		a.Alias = ""
	}
}
