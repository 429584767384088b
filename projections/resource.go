package projections

import (
	"iter"
	"strings"
	"sync/atomic"
	"time"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections/policy"
)

// Resource is what an account has registered of a resource of another service.
// It is never copied: a change makes another.
type Resource struct {
	ARN     string            `json:"arn"`
	Policy  *Document         `json:"policy,omitempty"`
	Bound   map[string]string `json:"bound,omitempty"` // ARN in Policy to unique id
	Tags    []events.Tag      `json:"tags,omitempty"`
	Created time.Time         `json:"created"`
	Updated time.Time         `json:"updated"`

	judged atomic.Pointer[policy.Policies] // made when first judged by
}

// Resource finds what the account has registered under exactly this ARN.
func (a *Account) Resource(arn string) (*Resource, bool) { return a.resources.get(arn) }

// ResourcesUnder yields what the account has registered whose ARN begins with
// prefix and is after marker, by ARN.
func (a *Account) ResourcesUnder(prefix, marker string) iter.Seq2[string, *Resource] {
	return func(yield func(string, *Resource) bool) {
		a.resources.m.Ascend(max(prefix, marker), func(arn string, r *Resource) bool {
			return strings.HasPrefix(arn, prefix) && (arn == marker || yield(arn, r))
		})
	}
}

// Resources is how many resources the account has registered.
func (a *Account) Resources() int { return a.resources.len() }

// ResourceDepth is how many slashes a registered ARN may have: so many times,
// and no more, is looked for who covers a resource.
const ResourceDepth = 16

// ResourceKey is the ARN that a resource is registered under: its first five
// parts in small letters, as the evaluator compares them. Not ok: no ARN.
func ResourceKey(arn string) (key, account string, ok bool) {
	at := 0
	for range 5 {
		n := strings.IndexByte(arn[at:], ':')
		if n < 0 {
			return "", "", false
		}
		account = arn[at : at+n]
		at += n + 1
	}
	if head := strings.Map(lower, arn[:at]); head != arn[:at] {
		return head + arn[at:], account, true
	}
	return arn, account, true
}

func lower(r rune) rune {
	if r >= 'A' && r <= 'Z' {
		r += 'a' - 'A'
	}
	return r
}

// sixth is where the sixth part of an ARN begins.
func sixth(arn string) int {
	at := 0
	for range 5 {
		at += strings.IndexByte(arn[at:], ':') + 1
	}
	return at
}

// covering yields key and what may cover it, the longest first: the ARN up to
// each slash of its sixth part.
func covering(key string) iter.Seq[string] {
	return func(yield func(string) bool) {
		from := sixth(key)
		depth := strings.Count(key[from:], "/")
		for {
			if depth <= ResourceDepth && !yield(key) {
				return
			}
			cut := strings.LastIndexByte(key[from:], '/')
			if cut < 0 {
				return
			}
			key = key[:from+cut]
			depth--
		}
	}
}

// Registered finds what is registered of a resource: the account that it
// belongs to, and its own registration and those that cover it, the longest
// first. A bucket covers its objects: an ARN covers those that go on behind it
// with a slash. All of them are of one account.
func (w *World) Registered(arn string) (owner *Account, found []*Resource) {
	key, account, ok := ResourceKey(arn)
	switch {
	case !ok:
		return nil, nil
	case account != "":
		if owner, ok = w.Account(account); !ok || owner.Resources() == 0 {
			return nil, nil
		}
	case w.owners.len() == 0:
		return nil, nil
	}
	for arn := range covering(key) {
		if account == "" && owner == nil {
			id, ok := w.owners.get(arn)
			if !ok {
				continue
			}
			if owner, ok = w.Account(id); !ok {
				return nil, nil
			}
		}
		if r, ok := owner.Resource(arn); ok {
			found = append(found, r)
		}
	}
	if len(found) == 0 {
		return nil, nil
	}
	return owner, found
}

// ResourcePolicies are the resource's side of a decision about what was found
// by Registered: the policies of all of them, so that whoever denies something
// below a bucket is heard whatever is registered deeper.
func (w *World) ResourcePolicies(found []*Resource) *policy.Policies {
	if len(found) == 1 {
		return found[0].policies()
	}
	all := &policy.Policies{}
	for _, r := range found {
		all.Resource = append(all.Resource, r.policies().Resource...)
	}
	return all
}

func (r *Resource) policies() *policy.Policies {
	if p := r.judged.Load(); p != nil {
		return p
	}
	p := &policy.Policies{}
	if r.Policy != nil {
		p.Resource = []policy.Attached{{
			Policy: r.Policy.Policy(policy.Resource).Bind(r.Bound),
			Source: &policy.Source{ARN: r.ARN, Type: policy.Resource.String()},
		}}
	}
	r.judged.Store(p)
	return p
}

// ResourceText is the policy of r as it is shown now, "" if it has none.
func (w *World) ResourceText(r *Resource) string {
	if r.Policy == nil {
		return ""
	}
	return w.boundText(r.Policy, r.Bound)
}

// Taken says whether an ARN without an account can't be the account's, since
// another has it, one that covers it or one that it would cover. It looks at
// no more ARNs than the account may register, and one.
func (w *World) Taken(arn string, a *Account) bool {
	for above := range covering(arn) {
		if owner, ok := w.owners.get(above); ok {
			return owner != a.ID // whoever has it has all below
		}
	}
	for _, owner := range w.owners.under(arn+"/", "") {
		if owner != a.ID {
			return true
		}
	}
	return false
}

// putResource registers a resource. ARNs without account are unique over all
// accounts but units are ordered by account: if two register one at the same
// moment, the first in the journal has it and the other has nothing.
func (w *World) putResource(a *Account, u events.Unit, f events.ResourcePut) {
	owned := accountOf(f.ARN) != ""
	if !owned && w.Taken(f.ARN, a) {
		return
	}
	r := &Resource{ARN: f.ARN, Tags: w.shareTags(f.Tags), Created: u.Time, Updated: u.Time}
	if f.Policy != nil {
		r.Policy, r.Bound = document(f.Policy.Document), f.Policy.Bound
	}
	if old, ok := a.resources.get(f.ARN); ok {
		r.Created = old.Created
	}
	a.resources.set(f.ARN, r)
	if !owned {
		w.owners.set(f.ARN, a.ID)
	}
}

func (a *Account) tagResource(u events.Unit, arn string, edit func([]events.Tag) []events.Tag) {
	if old, ok := a.resources.get(arn); ok {
		a.resources.set(arn, &Resource{ARN: arn, Policy: old.Policy, Bound: old.Bound, Tags: edit(old.Tags), Created: old.Created, Updated: u.Time})
	}
}

func (w *World) deleteResource(a *Account, arn string) {
	if _, ok := a.resources.get(arn); !ok {
		return
	}
	a.resources.delete(arn)
	if accountOf(arn) == "" {
		w.owners.delete(arn)
	}
}
