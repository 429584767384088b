package projections

import (
	"iter"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections/managed"
	"github.com/keytrail/keytrail/projections/policy"
)

// Policy is a managed policy, of an account or of AWS.
type Policy struct {
	Entity
	ARN         string           `json:"-"`
	Description string           `json:"description,omitempty"`
	Versions    []*PolicyVersion `json:"versions"` // by number
	Default     int              `json:"default"`  // number of the version in force
	Last        int              `json:"last"`     // greatest number ever given
	Updated     time.Time        `json:"updated"`  // when the newest version was made
}

// PolicyVersion is one version of a managed policy.
type PolicyVersion struct {
	Number   int       `json:"n"`
	Document *Document `json:"document"`
	Created  time.Time `json:"created"`

	sources [policy.Session + 1]atomic.Pointer[policy.Source] // by kind of use, made when first judged by
}

// ID is the version's id as callers know it: v1.
func (v *PolicyVersion) ID() string { return "v" + strconv.Itoa(v.Number) }

// Version finds a version by its id.
func (p *Policy) Version(id string) (*PolicyVersion, bool) {
	i := slices.IndexFunc(p.Versions, func(v *PolicyVersion) bool { return v.ID() == id })
	if i < 0 {
		return nil, false
	}
	return p.Versions[i], true
}

// InForce is the default version. There always is one.
func (p *Policy) InForce() *PolicyVersion {
	for _, v := range p.Versions {
		if v.Number == p.Default {
			return v
		}
	}
	return p.Versions[len(p.Versions)-1]
}

// Attachable says whether a user, group or role may have the policy: those of
// service-linked roles are for these alone.
func (p *Policy) Attachable() bool { return !strings.HasPrefix(p.Path, "/aws-service-role/") }

// AWSManaged says whether the policy is one that AWS manages.
func (p *Policy) AWSManaged() bool { return strings.HasPrefix(p.ARN, awsARN) }

const awsARN = "arn:aws:iam::aws:policy/"

// AWS holds the policies that AWS manages. They are part of the program and
// not of the journal, so a state's hash does not cover them; attachments name
// them by ids that never change.
var AWS = sync.OnceValue(func() *Account {
	a := &Account{ID: "aws"}
	for _, m := range managed.Policies() {
		p := &Policy{
			Entity:      Entity{ID: m.ID, Name: m.Name, Path: m.Path, Created: m.Versions[0].Created},
			Description: m.Description,
			Default:     len(m.Versions),
			Last:        len(m.Versions),
		}
		for i, v := range m.Versions {
			p.Versions = append(p.Versions, &PolicyVersion{Number: i + 1, Document: document(v.Document), Created: v.Created})
			p.Updated = v.Created
		}
		a.addPolicy(p)
	}
	return a
})

// Policy finds a policy of the account by name.
func (a *Account) Policy(name string) (*Policy, bool) { return a.policies.name(name) }

// PolicyByID finds a policy by its ANPA… id: the account's own, or one that
// AWS manages.
func (a *Account) PolicyByID(id string) (*Policy, bool) {
	if p, ok := a.policies.id(id); ok {
		return p, true
	}
	return AWS().policies.id(id)
}

// PoliciesAfter yields the account's own policies whose folded name is after
// marker, by name.
func (a *Account) PoliciesAfter(marker string) iter.Seq2[string, *Policy] {
	return a.policies.after(marker)
}

// Policies is how many policies the account has.
func (a *Account) Policies() int { return a.policies.len() }

// Managed finds a managed policy by its ARN: of any account, or of AWS.
func (w *World) Managed(arn string) (*Policy, bool) {
	rest, ok := strings.CutPrefix(arn, "arn:aws:iam::")
	id, resource, ok2 := strings.Cut(rest, ":")
	if !ok || !ok2 {
		return nil, false
	}
	a := AWS()
	if id != a.ID {
		if a, ok = w.Account(id); !ok {
			return nil, false
		}
	}
	p, ok := a.Policy(resource[strings.LastIndexByte(resource, '/')+1:])
	// Names are one ignoring case, but an ARN is exact.
	if !ok || p.ARN != arn {
		return nil, false
	}
	return p, true
}

// Use says how often a policy is used in an account.
type Use struct{ Attached, Bounded int }

// Use is how often a policy, perhaps one of AWS's, is used in this account.
func (a *Account) Use(policy string) Use {
	u, _ := a.uses.get(policy)
	return u
}

// UsedAfter yields the users, groups or roles (kind: a prefix of unique ids)
// that a policy is attached to, or is the boundary of, and whose folded name
// is after marker, by name.
func (a *Account) UsedAfter(policy, kind string, boundary bool, marker string) iter.Seq2[string, *Identity] {
	index := &a.attached
	if boundary {
		index = &a.bounded
	}
	return func(yield func(string, *Identity) bool) {
		for name := range index.under(policy+"/"+kind+"/", marker) {
			if i, ok := a.identityNamed(kind, name); ok && !yield(name, i) {
				return
			}
		}
	}
}

func (a *Account) identityNamed(kind, folded string) (*Identity, bool) {
	switch kind {
	case UserPrefix:
		if u, ok := a.users.name(folded); ok {
			return &u.Identity, true
		}
	case GroupPrefix:
		if g, ok := a.groups.name(folded); ok {
			return &g.Identity, true
		}
	case RolePrefix:
		if r, ok := a.roles.name(folded); ok {
			return &r.Identity, true
		}
	}
	return nil, false
}

func (a *Account) use(index *table[struct{}], policy string, by *Identity) {
	index.set(usage(policy, by), struct{}{})
	a.count(index, policy, 1)
}

func (a *Account) unuse(index *table[struct{}], policy string, by *Identity) {
	index.delete(usage(policy, by))
	a.count(index, policy, -1)
}

func usage(policy string, by *Identity) string {
	return policy + "/" + prefix(by.ID) + "/" + fold(by.Name)
}

func (a *Account) count(index *table[struct{}], policy string, n int) {
	u := a.Use(policy)
	if index == &a.bounded {
		u.Bounded += n
	} else {
		u.Attached += n
	}
	if u == (Use{}) {
		a.uses.delete(policy)
	} else {
		a.uses.set(policy, u)
	}
}

func (a *Account) addPolicy(p *Policy) {
	p.ARN = a.ARN("policy", p.Path, p.Name)
	a.policies.add(a.age, p)
}

func (a *Account) editPolicy(id string, edit func(*Policy)) {
	at, ok := a.policies.ids.get(id)
	if !ok {
		return
	}
	old := at.is
	p := *old
	edit(&p)
	a.policies.put(a.age, at, &p)
	if p.InForce() != old.InForce() {
		a.grants = newVersion()
	}
}

func (a *Account) deletePolicy(id string) {
	if p, ok := a.policies.id(id); ok {
		a.policies.remove(p)
		a.grants = newVersion()
	}
}

func (a *Account) addVersion(u events.Unit, f events.PolicyVersionCreated) {
	a.editPolicy(f.Policy, func(p *Policy) {
		v := &PolicyVersion{Number: f.Version, Document: document(f.Document), Created: u.Time}
		p.Versions = append(slices.Clip(p.Versions), v)
		p.Last, p.Updated = f.Version, u.Time
		if f.Default {
			p.Default = f.Version
		}
	})
}

func (a *Account) deleteVersion(f events.PolicyVersionDeleted) {
	a.editPolicy(f.Policy, func(p *Policy) {
		if f.Version != p.Default { // the default cannot be deleted
			p.Versions = slices.DeleteFunc(slices.Clone(p.Versions), func(v *PolicyVersion) bool { return v.Number == f.Version })
		}
	})
}

func (a *Account) setDefault(f events.PolicyDefaultSet) {
	a.editPolicy(f.Policy, func(p *Policy) {
		if slices.ContainsFunc(p.Versions, func(v *PolicyVersion) bool { return v.Number == f.Version }) {
			p.Default = f.Version
		}
	})
}

func (w *World) addPolicy(a *Account, u events.Unit, f events.PolicyCreated) {
	a.addPolicy(&Policy{
		Entity:      w.entity(u, f.ID, f.Name, f.Path, f.Tags),
		Description: f.Description,
		Versions:    []*PolicyVersion{{Number: 1, Document: document(f.Document), Created: u.Time}},
		Default:     1,
		Last:        1,
		Updated:     u.Time,
	})
	a.grants = newVersion() // a session may name the ARN that another policy had
}
