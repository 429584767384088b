package projections

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections/policy"
)

// Types of policies of an organization.
const (
	ServiceControl  = "SERVICE_CONTROL_POLICY"
	ResourceControl = "RESOURCE_CONTROL_POLICY"
)

// FullAccess and RCPFullAccess are the policies that AWS manages. The second is
// attached everywhere, always (Organizations User Guide, "Resource control
// policies").
const (
	FullAccess    = "p-FullAWSAccess"
	RCPFullAccess = "p-RCPFullAWSAccess"
)

// Organization is a tree of units with accounts, and the policies that bind
// them. It is never changed in place: a change makes another, so that whoever
// holds one sees it as it was. There are few changes, and some thousand
// accounts at most.
type Organization struct {
	ID         string                         `json:"id"`         // o-…
	Management string                         `json:"management"` // account
	Root       string                         `json:"root"`       // r-…
	Created    time.Time                      `json:"created"`
	Types      []string                       `json:"types,omitempty"` // of policies in use, sorted
	Units      map[string]*OrganizationalUnit `json:"units,omitempty"`
	Members    map[string]*Member             `json:"members,omitempty"` // by account; the management account too
	Policies   map[string]*OrganizationPolicy `json:"policies,omitempty"`
	Attached   map[string][]string            `json:"attached,omitempty"` // policies by target, in the order of attaching

	bonds  *sync.Map // account to *Bonds, made when first judged by
	before *sync.Map // what bonds were until the last change
}

// OrganizationalUnit is a unit below the root or another.
type OrganizationalUnit struct {
	ID     string `json:"id"`
	Parent string `json:"parent"`
	Name   string `json:"name"`
}

// Member is an account of an organization.
type Member struct {
	Account string    `json:"account"`
	Parent  string    `json:"parent"`
	Email   string    `json:"email,omitempty"`
	Request string    `json:"request,omitempty"` // car-…, that it was made by
	Joined  time.Time `json:"joined"`
}

// OrganizationPolicy is a service or resource control policy.
type OrganizationPolicy struct {
	ID          string    `json:"id"`
	PolicyType  string    `json:"policyType"`
	Name        string    `json:"name"`
	Description string    `json:"description,omitempty"`
	Content     *Document `json:"content"`
}

// AWSManaged says whether it is one of AWS's.
func (p *OrganizationPolicy) AWSManaged() bool { return p.ID == FullAccess || p.ID == RCPFullAccess }

// ARN is the ARN of the policy in o.
func (p *OrganizationPolicy) ARN(o *Organization) string {
	kind := strings.ToLower(p.PolicyType)
	if p.AWSManaged() {
		return "arn:aws:organizations::aws:policy/" + kind + "/" + p.ID
	}
	return "arn:aws:organizations::" + o.Management + ":policy/" + o.ID + "/" + kind + "/" + p.ID
}

var awsOrganizationPolicies = sync.OnceValue(func() map[string]*OrganizationPolicy {
	return map[string]*OrganizationPolicy{
		FullAccess: {ID: FullAccess, PolicyType: ServiceControl, Name: "FullAWSAccess", Description: "Allows access to every operation",
			Content: document(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)},
		RCPFullAccess: {ID: RCPFullAccess, PolicyType: ResourceControl, Name: "RCPFullAWSAccess", Description: "Allows access to all resources",
			Content: document(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}]}`)},
	}
})

// Policy finds a policy of o or of AWS.
func (o *Organization) Policy(id string) (*OrganizationPolicy, bool) {
	p, ok := o.Policies[id]
	if !ok {
		p, ok = awsOrganizationPolicies()[id]
	}
	return p, ok
}

// PoliciesOf are the policies of a type, AWS's too, by id.
func (o *Organization) PoliciesOf(typ string) (all []*OrganizationPolicy) {
	for _, m := range []map[string]*OrganizationPolicy{awsOrganizationPolicies(), o.Policies} {
		for _, p := range m {
			if p.PolicyType == typ {
				all = append(all, p)
			}
		}
	}
	return all
}

// On are the policies of a type that are attached to a target, in the order of
// attaching.
func (o *Organization) On(target, typ string) (all []*OrganizationPolicy) {
	if typ == ResourceControl && o.Uses(typ) {
		all = append(all, awsOrganizationPolicies()[RCPFullAccess])
	}
	for _, id := range o.Attached[target] {
		if p, ok := o.Policy(id); ok && p.PolicyType == typ {
			all = append(all, p)
		}
	}
	return all
}

// Uses says whether policies of a type bind.
func (o *Organization) Uses(typ string) bool { return slices.Contains(o.Types, typ) }

// Has says whether there is such a root, unit or account.
func (o *Organization) Has(target string) bool {
	_, unit := o.Units[target]
	_, member := o.Members[target]
	return target == o.Root || unit || member
}

// IsParent says whether there is such a root or unit.
func (o *Organization) IsParent(id string) bool {
	_, unit := o.Units[id]
	return id == o.Root || unit
}

// Parent is what a unit or account stands below.
func (o *Organization) Parent(id string) (string, bool) {
	if u, ok := o.Units[id]; ok {
		return u.Parent, true
	}
	if m, ok := o.Members[id]; ok {
		return m.Parent, true
	}
	return "", false
}

// Path is the way from the root to a root, unit or account, both included.
func (o *Organization) Path(id string) []string {
	path := []string{id}
	for at := id; ; {
		parent, ok := o.Parent(at)
		if !ok || len(path) > 64 {
			break
		}
		path, at = append(path, parent), parent
	}
	slices.Reverse(path)
	return path
}

// ARN is the ARN of the organization, a root, unit or account of it.
func (o *Organization) ARN(id string) string {
	kind := "account/"
	switch {
	case id == o.ID:
		return "arn:aws:organizations::" + o.Management + ":organization/" + o.ID
	case strings.HasPrefix(id, "r-"):
		kind = "root/"
	case strings.HasPrefix(id, "ou-"):
		kind = "ou/"
	}
	return "arn:aws:organizations::" + o.Management + ":" + kind + o.ID + "/" + id
}

// Organization finds an organization by its id.
func (w *World) Organization(id string) (*Organization, bool) { return w.organizations.get(id) }

// OrganizationOf finds the organization that an account is in.
func (w *World) OrganizationOf(a *Account) (*Organization, bool) {
	if a == nil || a.Organization == "" {
		return nil, false
	}
	return w.organizations.get(a.Organization)
}

// OrganizationPath is the value of aws:PrincipalOrgPaths for an account (IAM
// User Guide, "AWS global condition context keys"): o-…/r-…/ou-…/.
func (o *Organization) OrganizationPath(account string) string {
	path := o.Path(account)
	return o.ID + "/" + strings.Join(path[:len(path)-1], "/") + "/"
}

// Bonds are what an organization lets the principals and resources of one of
// its accounts do at most: one list for each level, from the root down.
type Bonds struct {
	SCPs, RCPs [][]policy.Attached
	root       *granted // of the root user, who has no other policies
}

var free = &Bonds{root: nothing}

// bonds are what binds an account. The management account is bound by nothing
// (Organizations User Guide, "Service control policies").
func (w *World) bonds(a *Account) *Bonds {
	o, ok := w.OrganizationOf(a)
	if !ok || o.Management == a.ID {
		return free
	}
	if b, ok := o.bonds.Load(a.ID); ok {
		return b.(*Bonds)
	}
	b := &Bonds{}
	for _, id := range o.Path(a.ID) {
		if o.Uses(ServiceControl) {
			b.SCPs = append(b.SCPs, o.attached(id, ServiceControl, policy.ServiceControl))
		}
		if o.Uses(ResourceControl) {
			b.RCPs = append(b.RCPs, o.attached(id, ResourceControl, policy.ResourceControl))
		}
	}
	if was, ok := o.before.Load(a.ID); ok && b.same(was.(*Bonds)) {
		b = was.(*Bonds) // the change was elsewhere: what was compiled with it still holds
	} else {
		b.root = &granted{bonds: b}
		b.root.policies.SCPs = b.SCPs
		b.root.compiled = *policy.Compile(&b.root.policies)
	}
	kept, _ := o.bonds.LoadOrStore(a.ID, b)
	return kept.(*Bonds)
}

func (b *Bonds) same(was *Bonds) bool {
	level := func(x, y []policy.Attached) bool {
		return slices.EqualFunc(x, y, func(x, y policy.Attached) bool { return x.Policy == y.Policy && *x.Source == *y.Source })
	}
	return slices.EqualFunc(b.SCPs, was.SCPs, level) && slices.EqualFunc(b.RCPs, was.RCPs, level)
}

func (o *Organization) attached(target, typ string, kind policy.Kind) []policy.Attached {
	level := []policy.Attached{} // one without policies denies, so it must not be nil
	for _, p := range o.On(target, typ) {
		level = append(level, policy.Attached{Policy: p.Content.Policy(kind), Source: &policy.Source{ARN: p.ARN(o), Type: kind.String()}})
	}
	return level
}

// Bound is the resource's side of a decision with what the owner's organization
// says about all of its resources.
func (w *World) Bound(owner *Account, side *policy.Policies) *policy.Policies {
	b := w.bonds(owner)
	if len(b.RCPs) == 0 {
		return side
	}
	bound := *side
	bound.RCPs = b.RCPs
	return &bound
}

// reorganize puts what edit makes of a copy in the place of an organization.
func (w *World) reorganize(id string, edit func(*Organization)) {
	old, ok := w.organizations.get(id)
	if !ok {
		return
	}
	o := *old
	o.Types = slices.Clone(old.Types)
	o.Units, o.Members, o.Policies, o.Attached = maps.Clone(old.Units), maps.Clone(old.Members), maps.Clone(old.Policies), maps.Clone(old.Attached)
	edit(o.ready())
	o.before = old.bonds
	w.organizations.set(id, &o)
}

// ready makes the maps that are not there.
func (o *Organization) ready() *Organization {
	if o.Units == nil {
		o.Units = map[string]*OrganizationalUnit{}
	}
	if o.Members == nil {
		o.Members = map[string]*Member{}
	}
	if o.Policies == nil {
		o.Policies = map[string]*OrganizationPolicy{}
	}
	if o.Attached == nil {
		o.Attached = map[string][]string{}
	}
	o.bonds, o.before = new(sync.Map), new(sync.Map)
	return o
}

// managing changes the organization that a manages; there may be none.
func (w *World) managing(a *Account, edit func(*Organization)) {
	if o, ok := w.OrganizationOf(a); ok && o.Management == a.ID {
		w.reorganize(o.ID, edit)
	}
}

func (w *World) addOrganization(a *Account, u events.Unit, f events.OrganizationCreated) {
	if _, taken := w.organizations.get(f.ID); taken || a.Organization != "" {
		return
	}
	a.Organization = f.ID
	o := &Organization{
		ID: f.ID, Management: a.ID, Root: f.Root, Created: u.Time, Types: []string{ServiceControl},
		Members:  map[string]*Member{a.ID: {Account: a.ID, Parent: f.Root, Email: f.Email, Joined: u.Time}},
		Attached: map[string][]string{f.Root: {FullAccess}, a.ID: {FullAccess}},
	}
	w.organizations.set(f.ID, o.ready())
}

// deleteOrganization leaves whoever came in meanwhile standing alone.
func (w *World) deleteOrganization(a *Account) {
	o, ok := w.OrganizationOf(a)
	if !ok || o.Management != a.ID {
		return
	}
	for id := range o.Members {
		if m := w.change(id); m != nil {
			m.Organization = ""
		}
	}
	a.Organization = ""
	w.organizations.delete(o.ID)
}

// join puts a new account below the root, unless the organization was deleted
// at the same moment: then it stands alone.
func (w *World) join(a *Account, u events.Unit, f events.OrganizationJoined) {
	o, ok := w.organizations.get(f.Organization)
	if !ok || a.Organization != "" {
		return
	}
	a.Organization = o.ID
	w.reorganize(o.ID, func(o *Organization) {
		o.Members[a.ID] = &Member{Account: a.ID, Parent: o.Root, Email: f.Email, Request: f.Request, Joined: u.Time}
		o.open(a.ID)
	})
}

// leave takes an account out of its organization.
func (w *World) leave(a *Account) {
	o, ok := w.OrganizationOf(a)
	if !ok || o.Management == a.ID {
		return
	}
	a.Organization = ""
	w.reorganize(o.ID, func(o *Organization) {
		delete(o.Members, a.ID)
		delete(o.Attached, a.ID)
	})
}

func (w *World) putOut(a *Account, account string) {
	if o, ok := w.OrganizationOf(a); ok && o.Management == a.ID && o.Members[account] != nil {
		if m := w.change(account); m != nil {
			w.leave(m)
		}
	}
}

// open attaches AWS's policy to a new unit or account.
func (o *Organization) open(target string) {
	if o.Uses(ServiceControl) {
		o.Attached[target] = with(o.Attached[target], FullAccess)
	}
}

func (o *Organization) enable(typ string) {
	if o.Uses(typ) {
		return
	}
	o.Types = append(o.Types, typ)
	slices.Sort(o.Types)
	if typ == ServiceControl {
		for target := range o.targets() {
			o.open(target)
		}
	}
}

func (o *Organization) disable(typ string) {
	o.Types = slices.DeleteFunc(o.Types, func(t string) bool { return t == typ })
	for target := range o.targets() {
		for _, p := range o.On(target, typ) {
			o.detach(p.ID, target)
		}
	}
}

func (o *Organization) detach(id, target string) {
	if left := without(o.Attached[target], id); len(left) > 0 {
		o.Attached[target] = left
	} else {
		delete(o.Attached, target)
	}
}

func (o *Organization) targets() iter.Seq[string] {
	return func(yield func(string) bool) {
		if !yield(o.Root) {
			return
		}
		for id := range o.Units {
			if !yield(id) {
				return
			}
		}
		for id := range o.Members {
			if !yield(id) {
				return
			}
		}
	}
}

// Targets are the root, units and accounts that a policy is attached to.
func (o *Organization) Targets(id string) (all []string) {
	for target := range o.targets() {
		if slices.Contains(o.Attached[target], id) || id == RCPFullAccess && o.Uses(ResourceControl) {
			all = append(all, target)
		}
	}
	return all
}

// reorganized folds the facts about an organization that its management
// account emits.
func (w *World) reorganized(a *Account, f events.Event) {
	w.managing(a, func(o *Organization) {
		switch f := f.(type) {
		case events.AccountMoved:
			if m, ok := o.Members[f.Account]; ok && o.IsParent(f.Parent) {
				moved := *m
				moved.Parent = f.Parent
				o.Members[f.Account] = &moved
			}
		case events.OrganizationalUnitCreated:
			if o.IsParent(f.Parent) {
				o.Units[f.ID] = &OrganizationalUnit{ID: f.ID, Parent: f.Parent, Name: f.Name}
				o.open(f.ID)
			}
		case events.OrganizationalUnitUpdated:
			if u, ok := o.Units[f.ID]; ok {
				o.Units[f.ID] = &OrganizationalUnit{ID: u.ID, Parent: u.Parent, Name: f.Name}
			}
		case events.OrganizationalUnitDeleted:
			delete(o.Units, f.ID)
			delete(o.Attached, f.ID)
		case events.PolicyTypeEnabled:
			o.enable(f.PolicyType)
		case events.PolicyTypeDisabled:
			o.disable(f.PolicyType)
		case events.OrganizationPolicyCreated:
			o.Policies[f.ID] = &OrganizationPolicy{ID: f.ID, PolicyType: f.PolicyType, Name: f.Name, Description: f.Description, Content: document(f.Content)}
		case events.OrganizationPolicyUpdated:
			if p, ok := o.Policies[f.ID]; ok {
				o.Policies[f.ID] = &OrganizationPolicy{ID: p.ID, PolicyType: p.PolicyType, Name: f.Name, Description: f.Description, Content: document(f.Content)}
			}
		case events.OrganizationPolicyDeleted:
			delete(o.Policies, f.ID)
		case events.OrganizationPolicyAttached:
			if o.Has(f.Target) {
				o.Attached[f.Target] = with(o.Attached[f.Target], f.Policy)
			}
		case events.OrganizationPolicyDetached:
			o.detach(f.Policy, f.Target)
		}
	})
}
