package commands

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/projections"
)

const serial = "arn:aws:iam::" + home + ":mfa/phone"

func newDevice(name string) call {
	return do((*Tx).CreateVirtualMFADevice, &iam.CreateVirtualMFADeviceInput{VirtualMFADeviceName: &name})
}

// code is what a device shows, so many steps from now.
func (l *lab) code(name string, steps int) *string {
	d, ok := l.account().MFADeviceNamed(name)
	if !ok {
		l.t.Fatalf("no device %s", name)
	}
	seed, err := l.keys.Open(home, d.ID, seedField, d.Seed)
	if err != nil {
		l.t.Fatal(err)
	}
	c, err := seal.Code(seed, int(l.now.Unix()/seal.CodeStep)+steps)
	if err != nil {
		l.t.Fatal(err)
	}
	return s(c.Reveal())
}

// enable shows the codes of so many steps from now.
func (l *lab) enable(user, name string, first, second int) error {
	l.t.Helper()
	_, _, err := l.run(do((*Tx).EnableMFADevice, &iam.EnableMFADeviceInput{
		UserName: &user, SerialNumber: s("arn:aws:iam::" + home + ":mfa/" + name), AuthenticationCode1: l.code(name, first), AuthenticationCode2: l.code(name, second)}))
	return err
}

func (l *lab) session(user, serial string, code *string) error {
	l.t.Helper()
	l.as = nil
	if user != "" {
		caller := l.user(user)
		l.as = func() *projections.Caller { return caller }
	}
	defer func() { l.as = nil }()
	in := &sts.GetSessionTokenInput{SerialNumber: &serial, TokenCode: code}
	_, _, err := l.run(func(tx *Tx) (any, error) {
		if err := tx.Factor(in.SerialNumber, in.TokenCode); err != nil {
			return nil, err
		}
		return tx.GetSessionToken(l.t.Context(), in)
	})
	return err
}

const (
	wrongCode = "AccessDenied: MultiFactorAuthentication failed with invalid MFA one time pass code. "
	noDevice  = "AccessDenied: MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user."
	notValid  = "InvalidAuthenticationCode: Authentication code for device is not valid."
)

func (l *lab) wants(what string, err error, want string) {
	l.t.Helper()
	if got := said(err); got != want {
		l.t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// still is a lab whose clock stands in the middle of a step.
func still(t *testing.T) *lab {
	l := newLab(t)
	l.now = time.Date(2026, 11, 22, 8, 0, 5, 0, time.UTC)
	return l
}

func TestMFADevices(t *testing.T) {
	get := func(serial string) *string { return &serial }
	del := do((*Tx).DeleteVirtualMFADevice, &iam.DeleteVirtualMFADeviceInput{SerialNumber: get(serial)})
	tell(t, []story{
		{name: "create", when: newDevice("phone"), facts: []string{`iam.mfadevice.created.v1 {"id":"VMFA1","name":"phone","path":"/","seed":"SEALED"}`}},
		{name: "create a second", given: []call{newDevice("phone")}, when: newDevice("Phone"), err: "EntityAlreadyExists: MFADevice entity at the same path and name already exists."},
		{name: "delete", given: []call{newDevice("phone")}, when: del, facts: []string{`iam.mfadevice.deleted.v1 {"id":"VMFA1"}`}},
		{name: "delete none", when: del, err: "NoSuchEntity: VirtualMFADevice with serial number " + serial + " does not exist."},
		{name: "enable none", given: []call{newUser("ana")}, when: do((*Tx).EnableMFADevice, &iam.EnableMFADeviceInput{
			UserName: s("ana"), SerialNumber: s("GAHT12345678"), AuthenticationCode1: s("000000"), AuthenticationCode2: s("000000")}),
			err: "NoSuchEntity: VirtualMFADevice with serial number GAHT12345678 does not exist."},
		{name: "deactivate one that is nobody's", given: []call{newUser("ana"), newDevice("phone")},
			when: do((*Tx).DeactivateMFADevice, &iam.DeactivateMFADeviceInput{UserName: s("ana"), SerialNumber: s(serial)}), err: "NoSuchEntity: MFA Device invalid for user."},
		{name: "tag", given: []call{newDevice("phone")}, when: do((*Tx).TagMFADevice, &iam.TagMFADeviceInput{SerialNumber: s(serial), Tags: tags("k", "v")}),
			facts: []string{`iam.tags.set.v1 {"id":"VMFA1","tags":[{"k":"k","v":"v"}]}`}},
	})
}

func TestWhoseDevice(t *testing.T) {
	l := still(t)
	l.must(newUser("ana"), newUser("bob"), newDevice("phone"), newDevice("key"))
	deactivate := func(user string) error {
		_, _, err := l.run(do((*Tx).DeactivateMFADevice, &iam.DeactivateMFADeviceInput{UserName: &user, SerialNumber: s(serial)}))
		return err
	}
	l.wants("codes that do not follow one another", l.enable("ana", "phone", -1, -1), notValid)
	l.wants("the second before the first", l.enable("ana", "phone", 0, -1), notValid)
	l.wants("codes of another device", func() error {
		_, _, err := l.run(do((*Tx).EnableMFADevice, &iam.EnableMFADeviceInput{UserName: s("ana"), SerialNumber: s(serial), AuthenticationCode1: l.code("key", -1), AuthenticationCode2: l.code("key", 0)}))
		return err
	}(), notValid)
	l.wants("codes of long ago", l.enable("ana", "phone", -30, -29), notValid)
	l.wants("two codes", l.enable("ana", "phone", -3, -2), "")
	l.wants("again", l.enable("ana", "phone", -1, 0), "EntityAlreadyExists: MFA Device is already in use.")
	l.wants("another's", deactivate("bob"), "NoSuchEntity: MFA Device invalid for user.")
	_, _, err := l.run(do((*Tx).DeleteUser, &iam.DeleteUserInput{UserName: s("ana")}))
	l.wants("delete who has one", err, "DeleteConflict: Cannot delete entity, must delete MFA device first.")
	_, _, err = l.run(do((*Tx).DeleteVirtualMFADevice, &iam.DeleteVirtualMFADeviceInput{SerialNumber: s(serial)}))
	l.wants("delete one that is somebody's", err, "DeleteConflict: MFA VirtualDevice in use. Must deactivate first.")
	l.wants("deactivate", deactivate("ana"), "")
	l.wants("codes that were shown before", l.enable("bob", "phone", -3, -2), notValid)
	l.wants("another's now", l.enable("bob", "phone", -1, 0), "")
	l.wants("the root user's, who names itself", l.enable(home, "key", -1, 0), "")
	if u, _ := l.account().User("ana"); len(u.MFA) != 0 || len(l.account().RootMFA) != 1 {
		t.Errorf("ana has %v, the root user %v", u.MFA, l.account().RootMFA)
	}
	l.wants("the root user with its own", l.session("", "arn:aws:iam::"+home+":mfa/key", l.code("key", 1)), "")
	l.as = func() *projections.Caller { return l.user("ana") }
	l.wants("the root user, as anybody", l.enable(home, "phone", 1, 2), "NoSuchEntity: The user with name "+home+" cannot be found.")
	l.as = nil
	for i := range 8 {
		name := string(rune('a' + i))
		l.must(newDevice(name))
		want := ""
		if i == 7 { // bob has the phone
			want = "LimitExceeded: Cannot exceed quota for MFADevicesPerUser: 8"
		}
		l.wants(name, l.enable("bob", name, -1, 0), want)
	}
}

// S-10: a code is accepted once, and none of before; neighbours of now are,
// as the device's clock has it.
func TestCodesAreAcceptedOnce(t *testing.T) {
	l := still(t)
	l.must(newUser("ana"), newUser("bob"), newDevice("phone"))
	l.wants("a device of nobody", l.session("ana", serial, l.code("phone", 0)), noDevice)
	l.wants("enable", l.enable("ana", "phone", -3, -2), "")
	l.wants("a code that enabled it", l.session("ana", serial, l.code("phone", -2)), wrongCode)
	l.wants("another's device", l.session("bob", serial, l.code("phone", -1)), noDevice)
	l.wants("the root user with it", l.session("", serial, l.code("phone", -1)), noDevice)
	l.wants("the next code", l.session("ana", serial, l.code("phone", -1)), "")
	l.wants("again", l.session("ana", serial, l.code("phone", -1)), wrongCode)
	l.wants("with a space", l.session("ana", serial, s(" "+*l.code("phone", 0))), wrongCode)
	l.wants("the one after it", l.session("ana", serial, l.code("phone", 0)), "")
	l.wants("one before", l.session("ana", serial, l.code("phone", -1)), wrongCode)
	l.wants("one of soon", l.session("ana", serial, l.code("phone", 1)), "")
	l.wants("one of later", l.session("ana", serial, l.code("phone", 3)), wrongCode)
	l.wants("half of it", l.session("ana", serial, nil), "ValidationError: SerialNumber and TokenCode must be given together.")

	// A device whose clock is far off is found again by two codes.
	l.wants("a clock that is far ahead", l.session("ana", serial, l.code("phone", 10)), wrongCode)
	l.must(do((*Tx).ResyncMFADevice, &iam.ResyncMFADeviceInput{UserName: s("ana"), SerialNumber: s(serial), AuthenticationCode1: l.code("phone", 9), AuthenticationCode2: l.code("phone", 10)}))
	l.wants("which is known now", l.session("ana", serial, l.code("phone", 11)), "")
	_, _, err := l.run(do((*Tx).ResyncMFADevice, &iam.ResyncMFADeviceInput{UserName: s("ana"), SerialNumber: s(serial), AuthenticationCode1: l.code("phone", 0), AuthenticationCode2: l.code("phone", 1)}))
	l.wants("resync by codes of before", err, notValid)
}

// Ten wrong codes, and not the right one either; the password is not looked at
// any more, for both count together. Half an hour later all is well.
func TestGuessingCodes(t *testing.T) {
	l := still(t)
	l.must(newUser("ana"), newLogin("ana", "Passw0rd"), newDevice("phone"))
	l.wants("enable", l.enable("ana", "phone", -3, -2), "")
	change := func() error {
		l.as = func() *projections.Caller { return l.user("ana") }
		defer func() { l.as = nil }()
		_, _, err := l.run(change("passw0rd", "Passw0rd2"))
		return err
	}
	for range 5 {
		l.wants("a wrong code", l.session("ana", serial, l.code("phone", 100)), wrongCode)
	}
	for range 4 {
		l.wants("a wrong password", change(), "AccessDenied: The old password is not correct.")
	}
	l.wants("a right code in time", l.session("ana", serial, l.code("phone", -1)), "")
	for range 10 {
		l.wants("a wrong code", l.session("ana", serial, l.code("phone", 100)), wrongCode)
	}
	l.wants("the right one", l.session("ana", serial, l.code("phone", 0)), wrongCode)
	l.wants("the password", change(), "EntityTemporarilyUnmodifiable: Login Profile for User ana cannot be modified after too many failed attempts. Try again later.")
	l.now = l.now.Add(30 * time.Minute)
	l.wants("later", l.session("ana", serial, l.code("phone", 0)), "")
}
