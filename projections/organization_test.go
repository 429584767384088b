package projections

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections/policy"
)

// After any change to an organization, what binds each principal and resource
// is what the tree says then, level by level; the management account and who
// stands alone are bound by nothing; asking again costs no allocation; and a
// snapshot has it all.
func TestBondsAreNeverOld(t *testing.T) {
	const management = "100000000000"
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		w, seq := &World{}, uint64(0)
		apply := func(account string, facts ...events.Event) {
			seq++
			w.Apply(events.Unit{Seq: seq, Account: account, Time: time.Unix(int64(seq), 0).UTC(), Facts: facts})
		}
		apply(management, events.AccountCreated{ID: management})
		members := []string{management}
		pick := func(of ...string) string { return of[r.IntN(len(of))] }
		units, policies := []string{"r-aaaa"}, []string{FullAccess}
		content := func(typ string, n int) string {
			principal := ""
			if typ == ResourceControl {
				principal = `"Principal":"*",`
			}
			return `{"Version":"2012-10-17","Statement":{"Effect":"Deny",` + principal + `"Action":"s3:Get` + fmt.Sprint(n) + `","Resource":"*"}}`
		}
		var frozen *World
		var before [32]byte
		for step := range 120 {
			typ := pick(ServiceControl, ServiceControl, ResourceControl)
			switch target := pick(append(slices.Clone(units), members...)...); r.IntN(12) {
			case 0:
				apply(management, events.OrganizationCreated{ID: "o-aaaaaaaaaa", Root: "r-aaaa"})
			case 1:
				if len(members) < 6 {
					id := fmt.Sprint("20000000000", len(members))
					members = append(members, id)
					apply(id, events.AccountCreated{ID: id}, events.OrganizationJoined{Organization: "o-aaaaaaaaaa", Management: management, Request: "car-" + id},
						events.UserCreated{ID: "AIDA" + id, Name: "ana", Path: "/"}, events.RoleCreated{ID: "AROA" + id, Name: "r", Path: "/"})
				}
			case 2:
				id := fmt.Sprint("ou-", len(units))
				apply(management, events.OrganizationalUnitCreated{ID: id, Parent: pick(units...), Name: id})
				units = append(units, id)
			case 3:
				apply(management, events.AccountMoved{Account: pick(members...), Parent: pick(units...)})
			case 4, 5:
				id := fmt.Sprint("p-", len(policies))
				apply(management, events.OrganizationPolicyCreated{ID: id, PolicyType: typ, Name: id, Content: content(typ, step)})
				policies = append(policies, id)
			case 6, 7:
				apply(management, events.OrganizationPolicyAttached{Policy: pick(policies...), Target: target})
			case 8:
				apply(management, events.OrganizationPolicyDetached{Policy: pick(policies...), Target: target})
			case 9:
				if o, ok := w.Organization("o-aaaaaaaaaa"); ok {
					if p, ok := o.Policies[pick(policies...)]; ok {
						apply(management, events.OrganizationPolicyUpdated{ID: p.ID, Name: p.Name, Content: content(p.PolicyType, step)})
					}
				}
			case 10:
				if r.IntN(2) == 0 {
					apply(management, events.PolicyTypeEnabled{PolicyType: typ})
				} else {
					apply(management, events.PolicyTypeDisabled{PolicyType: typ})
				}
			case 11:
				if account := pick(members...); r.IntN(3) == 0 {
					apply(management, events.AccountRemoved{Account: account})
				}
			}
			if step == 60 {
				frozen, before = w.Freeze(), w.Hash()
			}
			for _, id := range members {
				a, _ := w.Account(id)
				scps, rcps := w.tree(a)
				callers := []*Caller{{Type: Root, Account: a}}
				if u, ok := a.User("ana"); ok {
					callers = append(callers, &Caller{Type: IAMUser, Account: a, User: u})
				}
				if role, ok := a.Role("r"); ok {
					callers = append(callers, &Caller{Type: AssumedRole, Account: a, Role: role})
				}
				for _, c := range callers {
					if got := said(w.Policies(c).SCPs); got != scps {
						t.Fatalf("seed %d, step %d: %s %s is bound by\n%s\nwant\n%s", seed, step, c.Type, id, got, scps)
					}
				}
				if got := said(w.Bound(a, &policy.Policies{}).RCPs); got != rcps {
					t.Fatalf("seed %d, step %d: resources of %s are bound by\n%s\nwant\n%s", seed, step, id, got, rcps)
				}
			}
		}
		if frozen.Hash() != before {
			t.Errorf("seed %d: what was frozen has changed", seed)
		}
		var pack bytes.Buffer
		if err := w.Pack(&pack); err != nil {
			t.Fatal(err)
		}
		back, err := Unpack(pack.Bytes())
		if err != nil || back.Hash() != w.Hash() {
			t.Errorf("seed %d: packed and unpacked it is another (%v)", seed, err)
		}
		for _, id := range members {
			a, _ := w.Account(id)
			c := &Caller{Type: Root, Account: a}
			if n := testing.AllocsPerRun(10, func() { w.Compiled(c) }); n > 0 {
				t.Errorf("asking again makes %v allocations", n)
			}
		}
	}
}

// tree reads from an organization, the long way, what binds an account.
func (w *World) tree(a *Account) (scps, rcps string) {
	o, ok := w.OrganizationOf(a)
	if !ok || o.Management == a.ID {
		return "", ""
	}
	way := []string{a.ID}
	for at := a.ID; at != o.Root; {
		if m, ok := o.Members[at]; ok {
			at = m.Parent
		} else {
			at = o.Units[at].Parent
		}
		way = append([]string{at}, way...)
	}
	for _, target := range way {
		s, r := "", RCPFullAccess+" {\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"*\",\"Resource\":\"*\"}]} "
		for _, id := range o.Attached[target] {
			p, ok := o.Policies[id]
			if id == FullAccess {
				p, ok = awsOrganizationPolicies()[id], true
			}
			switch {
			case ok && p.PolicyType == ServiceControl:
				s += id + " " + p.Content.Text + " "
			case ok:
				r += id + " " + p.Content.Text + " "
			}
		}
		if slices.Contains(o.Types, ServiceControl) {
			scps += s + "\n"
		}
		if slices.Contains(o.Types, ResourceControl) {
			rcps += r + "\n"
		}
	}
	return scps, rcps
}

// said names the policies of each level with their text.
func said(levels [][]policy.Attached) (s string) {
	for _, level := range levels {
		for _, at := range level {
			id := at.Source.ARN[strings.LastIndexByte(at.Source.ARN, '/')+1:]
			s += id + " " + compiledFrom(at.Policy) + " "
		}
		s += "\n"
	}
	return s
}

// compiledFrom finds the text that a policy was compiled from, among all
// documents that anybody holds.
func compiledFrom(p *policy.Policy) string {
	for i := range documents {
		shard := &documents[i]
		shard.Lock()
		for text, d := range shard.byText {
			if d := d.Value(); d != nil && d.compiled[p.Kind()].Load() == p {
				shard.Unlock()
				return text
			}
		}
		shard.Unlock()
	}
	return "?"
}
