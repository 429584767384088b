package commands

import (
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
)

func TestAccessKeys(t *testing.T) {
	own := do((*Tx).CreateAccessKey, &iam.CreateAccessKeyInput{})
	given := []call{newUser("ana"), newUser("bea")}
	unknown := "AKIAQEAAAAAAAAAAAAAA"
	tell(t, []story{
		{name: "create", given: given, when: newKey("ana"), facts: []string{`iam.accesskey.created.v1 {"id":"AKIA1","user":"AIDA1","secret":"SEALED"}`}},
		{name: "create one's own", given: given, as: "bea", when: own, facts: []string{`iam.accesskey.created.v1 {"id":"AKIA1","user":"AIDA2","secret":"SEALED"}`}},
		{name: "create root's own", when: own, facts: []string{`iam.accesskey.created.v1 {"id":"AKIA1","secret":"SEALED"}`}},
		{name: "create a third", given: append(given, newKey("ana"), newKey("ana")), when: newKey("ana"), err: "LimitExceeded: Cannot exceed quota for AccessKeysPerUser: 2"},
		{name: "create root's third", given: []call{own, own}, when: own, err: "LimitExceeded: Cannot exceed quota for AccessKeysPerUser: 2"},
		{name: "create for nobody", when: newKey("x"), err: "NoSuchEntity: The user with name x cannot be found."},
		{name: "delete an unknown one", given: given, when: do((*Tx).DeleteAccessKey, &iam.DeleteAccessKeyInput{UserName: s("ana"), AccessKeyId: &unknown}),
			err: "NoSuchEntity: The Access Key with id " + unknown + " cannot be found."},
		{name: "switch an unknown one", given: given, when: do((*Tx).UpdateAccessKey, &iam.UpdateAccessKeyInput{AccessKeyId: &unknown, Status: types.StatusTypeInactive}),
			err: "NoSuchEntity: The Access Key with id " + unknown + " cannot be found."},
	})
}

// The secret is in the answer, opens from the fact under the right names only,
// and is nowhere in the clear. Keys are switched and deleted by their owner.
func TestAccessKeyLife(t *testing.T) {
	l := newLab(t)
	l.must(newUser("ana"), newUser("bea"))
	out, facts, err := l.run(newKey("ana"))
	if err != nil {
		t.Fatal(err)
	}
	k := out.(*iam.CreateAccessKeyOutput).AccessKey
	if !regexp.MustCompile(`^AKIA[A-Z2-7]{16}$`).MatchString(*k.AccessKeyId) || !regexp.MustCompile(`^[A-Za-z0-9+/]{40}$`).MatchString(*k.SecretAccessKey) {
		t.Fatalf("key %s, secret of %d characters", *k.AccessKeyId, len(*k.SecretAccessKey))
	}
	f := facts[0].(events.AccessKeyCreated)
	if strings.Contains(written(f), *k.SecretAccessKey) {
		t.Error("the fact has the secret in the clear")
	}
	if plain, err := l.keys.Open(home, f.ID, "secret", f.Secret); err != nil || plain.Reveal() != *k.SecretAccessKey {
		t.Errorf("the secret does not open: %v", err)
	}
	if _, err := l.keys.Open(other, f.ID, "secret", f.Secret); err == nil {
		t.Error("the secret opens in another account")
	}
	switchKey := func(user string, status types.StatusType) call {
		return do((*Tx).UpdateAccessKey, &iam.UpdateAccessKeyInput{UserName: &user, AccessKeyId: k.AccessKeyId, Status: status})
	}
	if _, _, err := l.run(switchKey("bea", types.StatusTypeInactive)); err == nil {
		t.Error("a key was switched as somebody else's")
	}
	l.must(switchKey("ana", types.StatusTypeInactive))
	if key, _ := l.world.AccessKey(f.ID); key.Active {
		t.Error("the key is still active")
	}
	if _, facts, _ := l.run(switchKey("ana", types.StatusTypeInactive)); len(facts) > 0 {
		t.Errorf("switching again emitted %v", facts)
	}
	l.as = func() *projections.Caller { return l.user("ana") }
	l.must(do((*Tx).DeleteAccessKey, &iam.DeleteAccessKeyInput{AccessKeyId: k.AccessKeyId}))
	if _, there := l.world.AccessKey(f.ID); there {
		t.Error("the key is still there")
	}
	// Who has no name of his own must say whose key he means.
	l.as = func() *projections.Caller {
		return &projections.Caller{Type: projections.AssumedRole, Account: l.account()}
	}
	_, _, err = l.run(do((*Tx).CreateAccessKey, &iam.CreateAccessKeyInput{}))
	if want := "ValidationError: Must specify userName when calling with non-User credentials"; said(err) != want {
		t.Errorf("got %s, want %s", said(err), want)
	}
}
