package commands

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/organizations/types"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
)

// What Organizations refuses. Ids are drawn by chance, so a story finds them in
// the facts of the commands before.
func TestOrganizationRefusals(t *testing.T) {
	l := newLab(t)
	run := func(c call) []events.Event {
		t.Helper()
		_, facts, err := l.run(c)
		if err != nil {
			t.Fatal(err)
		}
		return facts
	}
	refused := func(what string, c call, want string) {
		t.Helper()
		if _, facts, err := l.run(c); len(facts) > 0 || !strings.HasPrefix(said(err), want) {
			t.Errorf("%s: %v %s, want %s", what, facts, said(err), want)
		}
	}
	const allow = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`
	policy := func(name, content string) call {
		return do((*Tx).CreateOrganizationPolicy, &organizations.CreatePolicyInput{Name: &name, Description: s(""), Content: &content, Type: types.PolicyTypeServiceControlPolicy})
	}
	unit := func(parent, name string) call {
		return do((*Tx).CreateOrganizationalUnit, &organizations.CreateOrganizationalUnitInput{ParentId: &parent, Name: &name})
	}
	attach := func(id, target string) call {
		return do((*Tx).AttachPolicy, &organizations.AttachPolicyInput{PolicyId: &id, TargetId: &target})
	}
	refused("a unit of no organization", unit("r-aaaa", "n"), "AWSOrganizationsNotInUse: ")
	o := run(do((*Tx).CreateOrganization, &organizations.CreateOrganizationInput{}))[0].(events.OrganizationCreated)
	refused("another organization", do((*Tx).CreateOrganization, &organizations.CreateOrganizationInput{}), "AlreadyInOrganization: ")
	refused("a unit of nothing", unit("ou-aaaa-aaaaaaaa", "n"), "ParentNotFound: ")
	parent := o.Root
	for depth := range unitDepth {
		parent = run(unit(parent, fmt.Sprint("level", depth)))[0].(events.OrganizationalUnitCreated).ID
	}
	refused("a unit too deep", unit(parent, "n"), "ConstraintViolation: You have exceeded the allowed depth")
	refused("a unit by a name that is there", unit(o.Root, "level0"), "DuplicateOrganizationalUnit: ")

	refused("no policy", policy("bad", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}`), "MalformedPolicyDocument: ")
	refused("a policy too long", policy("long", allow+strings.Repeat(" ", controlPolicySize)), "ConstraintViolation: You have exceeded the allowed size")
	refused("AWS's name", policy("FullAWSAccess", allow), "DuplicatePolicy: ")
	refused("another type", do((*Tx).CreateOrganizationPolicy, &organizations.CreatePolicyInput{Name: s("tags"), Description: s(""), Content: s("{}"), Type: types.PolicyTypeTagPolicy}), "PolicyTypeNotAvailableForOrganization: ")
	refused("AWS's policy changed", do((*Tx).UpdateOrganizationPolicy, &organizations.UpdatePolicyInput{PolicyId: s(projections.FullAccess), Name: s("mine")}), "InvalidInput: ")
	refused("AWS's policy deleted", do((*Tx).DeleteOrganizationPolicy, &organizations.DeletePolicyInput{PolicyId: s(projections.FullAccess)}), "InvalidInput: ")
	refused("AWS's policy again", attach(projections.FullAccess, o.Root), "DuplicatePolicyAttachment: ")
	refused("the last policy", do((*Tx).DetachPolicy, &organizations.DetachPolicyInput{PolicyId: s(projections.FullAccess), TargetId: &o.Root}), "ConstraintViolation: You cannot remove the last policy")
	last := ""
	for n := range policiesPerTarget {
		last = run(policy(fmt.Sprint("p", n), allow))[0].(events.OrganizationPolicyCreated).ID
		if n < policiesPerTarget-1 {
			run(attach(last, o.Root))
		}
	}
	refused("one policy more than a target has", attach(last, o.Root), "ConstraintViolation: You have attached the maximum number")
	refused("a policy on nothing", attach(last, "444455556666"), "TargetNotFound: ")
	refused("no such policy", attach("p-nothere0", o.Root), "PolicyNotFound: ")
	run(do((*Tx).DisablePolicyType, &organizations.DisablePolicyTypeInput{RootId: &o.Root, PolicyType: types.PolicyTypeServiceControlPolicy}))
	refused("a type out of use", attach(last, o.Root), "PolicyTypeNotEnabled: ")
	refused("an account without an address", do((*Tx).CreateMember, &organizations.CreateAccountInput{AccountName: s("a"), Email: s("nobody")}), "InvalidInput: ")
	refused("away with the management account", do((*Tx).RemoveAccountFromOrganization, &organizations.RemoveAccountFromOrganizationInput{AccountId: &o.Root}), "AccountNotFound: ")
	refused("an organization that is not empty", do((*Tx).DeleteOrganization, &organizations.DeleteOrganizationInput{}), "OrganizationNotEmpty: ")
}
