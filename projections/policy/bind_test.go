package policy

import "testing"

// A trust policy means whom it named when it was saved: a user, a role or a
// session of a role that was made again under the same name is somebody else.
func TestBindSession(t *testing.T) {
	const role, session, user = "arn:aws:iam::111122223333:role/r", "arn:aws:sts::111122223333:assumed-role/r/s", "arn:aws:iam::111122223333:user/u"
	caller := func(id string) *Principal {
		return &Principal{Type: AssumedRole, ARN: session, Account: "111122223333", ID: id + ":s", UniqueID: id, RoleARN: role}
	}
	for _, c := range []struct {
		named string
		bound string
		as    *Principal
		want  bool
	}{
		{session, "AROAOLD:s", caller("AROAOLD"), true},
		{session, "AROAOLD:s", caller("AROANEW"), false},
		{role, "AROAOLD", caller("AROAOLD"), true},
		{role, "AROAOLD", caller("AROANEW"), false},
		{user, "AIDAOLD", &Principal{Type: User, ARN: user, Account: "111122223333", ID: "AIDAOLD", UniqueID: "AIDAOLD"}, true},
		{user, "AIDAOLD", &Principal{Type: User, ARN: user, Account: "111122223333", ID: "AIDANEW", UniqueID: "AIDANEW"}, false},
	} {
		p, err := Parse(Trust, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"`+c.named+`"},"Action":"sts:AssumeRole"}}`)
		if err != nil {
			t.Fatal(err)
		}
		allow, err := Parse(Identity, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}`)
		if err != nil {
			t.Fatal(err)
		}
		var v Verdict
		Evaluate(&Request{Principal: c.as, Action: "sts:AssumeRole", Resource: "arn:aws:iam::111122223333:role/target", Context: &Context{}},
			&Policies{Identity: []Attached{{allow, &Source{}}}, Resource: []Attached{{p.Bind(map[string]string{c.named: c.bound}), &Source{}}}, Trust: true}, &v)
		if v.Allowed() != c.want {
			t.Errorf("%s bound to %s, asked as %s: %v, want %v", c.named, c.bound, c.as.ID, v.Allowed(), c.want)
		}
	}
}
