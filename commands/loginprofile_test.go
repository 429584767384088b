package commands

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/projections"
)

func newLogin(user, password string) call {
	return do((*Tx).CreateLoginProfile, &iam.CreateLoginProfileInput{UserName: &user, Password: &password})
}

func updateLogin(user, password string) call {
	return do((*Tx).UpdateLoginProfile, &iam.UpdateLoginProfileInput{UserName: &user, Password: &password})
}

func change(old, next string) call {
	return do((*Tx).ChangePassword, &iam.ChangePasswordInput{OldPassword: &old, NewPassword: &next})
}

func passwordPolicy(in iam.UpdateAccountPasswordPolicyInput) call {
	return do((*Tx).UpdateAccountPasswordPolicy, &in)
}

func TestPasswordPolicy(t *testing.T) {
	del := do((*Tx).DeleteAccountPasswordPolicy, &iam.DeleteAccountPasswordPolicyInput{})
	set := passwordPolicy(iam.UpdateAccountPasswordPolicyInput{RequireNumbers: true, HardExpiry: new(false)})
	tell(t, []story{
		{name: "defaults", when: passwordPolicy(iam.UpdateAccountPasswordPolicyInput{}), facts: []string{`iam.passwordpolicy.updated.v1 {"minimumLength":6}`}},
		{name: "set", when: set, facts: []string{`iam.passwordpolicy.updated.v1 {"minimumLength":6,"requireNumbers":true,"hardExpiry":false}`}},
		{name: "as it is", given: []call{set}, when: set},
		{name: "delete", given: []call{set}, when: del, facts: []string{`iam.passwordpolicy.deleted.v1 {}`}},
		{name: "delete none", when: del, err: "NoSuchEntity: The account policy with name PasswordPolicy cannot be found."},
	})
}

func TestLoginProfiles(t *testing.T) {
	given := []call{newUser("ana")}
	with := append(given, newLogin("ana", "Passw0rd"))
	tell(t, []story{
		{name: "create", given: given, when: newLogin("ana", "Passw0rd"), facts: []string{`iam.loginprofile.created.v1 {"user":"AIDA1","password":"SEALED"}`}},
		{name: "create a second", given: with, when: newLogin("Ana", "Passw0rd"), err: "EntityAlreadyExists: Login Profile for user ana already exists."},
		{name: "create for nobody", when: newLogin("x", "Passw0rd"), err: "NoSuchEntity: The user with name x cannot be found."},
		{name: "create without a password", given: given, when: do((*Tx).CreateLoginProfile, &iam.CreateLoginProfileInput{UserName: s("ana")}),
			err: "ValidationError: 1 validation error detected: Value null at 'password' failed to satisfy constraint: Member must not be null"},
		{name: "root's own", when: do((*Tx).CreateLoginProfile, &iam.CreateLoginProfileInput{Password: s("Passw0rd")}),
			err: "ValidationError: Must specify userName when calling with non-User credentials"},
		{name: "update none", given: given, when: updateLogin("ana", "Passw0rd"), err: "NoSuchEntity: Login Profile for User ana cannot be found."},
		{name: "update", given: with, when: updateLogin("ana", "Passw0rd2"), facts: []string{`iam.loginprofile.updated.v1 {"user":"AIDA1","password":"SEALED"}`}},
		{name: "update what must be done", given: with, when: do((*Tx).UpdateLoginProfile, &iam.UpdateLoginProfileInput{UserName: s("ana"), PasswordResetRequired: new(true)}),
			facts: []string{`iam.loginprofile.updated.v1 {"user":"AIDA1","resetRequired":true}`}},
		{name: "update nothing", given: with, when: do((*Tx).UpdateLoginProfile, &iam.UpdateLoginProfileInput{UserName: s("ana")})},
		{name: "delete", given: with, when: do((*Tx).DeleteLoginProfile, &iam.DeleteLoginProfileInput{UserName: s("ana")}), facts: []string{`iam.loginprofile.deleted.v1 {"user":"AIDA1"}`}},
		{name: "delete none", given: given, when: do((*Tx).DeleteLoginProfile, &iam.DeleteLoginProfileInput{UserName: s("ana")}), err: "NoSuchEntity: Login Profile for User ana cannot be found."},
		{name: "delete the user", given: with, when: do((*Tx).DeleteUser, &iam.DeleteUserInput{UserName: s("ana")}), err: "DeleteConflict: Cannot delete entity, must delete login profile first."},
		{name: "change", given: with, as: "ana", when: change("Passw0rd", "Passw0rd2"), facts: []string{`iam.password.changed.v1 {"user":"AIDA1","password":"SEALED"}`}},
		{name: "change without the old one", given: with, as: "ana", when: change("passw0rd", "Passw0rd2"),
			facts: []string{`iam.credential.refused.v1 {"user":"AIDA1","factor":"password"}`}, err: "AccessDenied: The old password is not correct."},
		{name: "change none", given: given, as: "ana", when: change("Passw0rd", "Passw0rd2"), err: "NoSuchEntity: Login Profile for User ana cannot be found."},
		{name: "change root's", when: change("Passw0rd", "Passw0rd2"), err: "InvalidUserType: Only IAM Users can change their own password."},
	})
}

func TestAcceptablePasswords(t *testing.T) {
	strict := passwordPolicy(iam.UpdateAccountPasswordPolicyInput{
		MinimumPasswordLength: new(int32(7)), RequireSymbols: true, RequireNumbers: true, RequireUppercaseCharacters: true, RequireLowercaseCharacters: true,
	})
	lax := passwordPolicy(iam.UpdateAccountPasswordPolicyInput{})
	for _, c := range []struct {
		policy         call // nil: AWS's default
		password, want string
	}{
		{nil, "Passw0r", "Password should have a minimum length of 8"},
		{nil, "Password", "Password does not conform to the account password policy."},
		{nil, "passw0rd", "Password does not conform to the account password policy."},
		{nil, "passw0r~", ""},
		{nil, "Password~", ""},
		{nil, "ÄÖÜäöüß1", "Password does not conform to the account password policy."}, // letters of ASCII count
		{nil, "Pässwör1", ""},
		{lax, "aaaaaa", ""},
		{lax, "aaaaa", "Password should have a minimum length of 6"},
		{lax, "äöüäö", "Password should have a minimum length of 6"}, // characters, not bytes
		{strict, "aB3!aB", "Password should have a minimum length of 7"},
		{strict, "ab3!ab3!", "Password should have at least one uppercase letter"},
		{strict, "AB3!AB3!", "Password should have at least one lowercase letter"},
		{strict, "aBc!aBc!", "Password should have at least one number"},
		{strict, "aBc3aBc3~", "Password should have at least one symbol"},
		{strict, "aBc3aBc3'", ""},
	} {
		l := newLab(t)
		l.must(newUser("ana"))
		if c.policy != nil {
			l.must(c.policy)
		}
		want := c.want
		if want != "" {
			want = "PasswordPolicyViolation: " + want
		}
		_, _, err := l.run(newLogin("ana", c.password))
		if got := said(err); got != want {
			t.Errorf("%q: got %q, want %q", c.password, got, want)
		}
	}
}

// A password is not used again as long as the policy says, by nobody's wish;
// to see that costs no further hash.
func TestPasswordsAreNotUsedAgain(t *testing.T) {
	l := newLab(t)
	l.must(newUser("ana"), passwordPolicy(iam.UpdateAccountPasswordPolicyInput{PasswordReusePrevention: new(int32(24))}), newLogin("ana", "secret0"))
	for i := range 30 {
		before := l.hashed
		l.must(updateLogin("ana", fmt.Sprint("secret", i+1)))
		if n := l.hashed - before; n != 1 {
			t.Fatalf("%d hashes for one new password among %d, want 1", n, i+1)
		}
		for back := range i + 2 {
			_, _, err := l.run(updateLogin("ana", fmt.Sprint("secret", i+1-back)))
			if again := said(err) == "PasswordPolicyViolation: Password does not conform to the account password policy."; again != (back < 24) {
				t.Fatalf("the one %d before: %v", back, err)
			}
			if back >= 24 {
				return // it was taken: a longer history is not kept
			}
		}
	}
	t.Error("nothing was ever used again")
}

// Hashes of another cost, of the past, still verify, and the next password is
// hashed at the cost of now.
func TestAnotherCost(t *testing.T) {
	l := newLab(t)
	l.must(newUser("ana"), passwordPolicy(iam.UpdateAccountPasswordPolicyInput{PasswordReusePrevention: new(int32(5))}), newLogin("ana", "secret0"))
	l.cost.Time++
	l.as = func() *projections.Caller { return l.user("ana") }
	if _, _, err := l.run(change("secret0", "secret0")); said(err) != "PasswordPolicyViolation: Password does not conform to the account password policy." {
		t.Errorf("the same again: %v", err)
	}
	l.must(change("secret0", "secret1"))
	before := l.hashed
	l.must(change("secret1", "secret2"))
	if n := l.hashed - before; n != 3 {
		t.Errorf("%d hashes, want 3: the old one, the new one, and the new one as the first was hashed", n)
	}
}
