package projections

import (
	"sync"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections/policy"
)

// PasswordPolicy says which passwords the users of an account may have.
type PasswordPolicy struct {
	MinimumLength    int   `json:"minimumLength"`
	RequireSymbols   bool  `json:"requireSymbols,omitempty"`
	RequireNumbers   bool  `json:"requireNumbers,omitempty"`
	RequireUppercase bool  `json:"requireUppercase,omitempty"`
	RequireLowercase bool  `json:"requireLowercase,omitempty"`
	ChangeOwn        bool  `json:"changeOwn,omitempty"`
	MaxAge           int   `json:"maxAge,omitempty"` // days; 0: they do not expire
	Reuse            int   `json:"reuse,omitempty"`  // of the last ones
	HardExpiry       *bool `json:"hardExpiry,omitempty"`
}

// ShortestPassword is the least length that a password policy can demand.
const ShortestPassword = 6

func (a *Account) setPasswordPolicy(f events.PasswordPolicyUpdated) {
	p := PasswordPolicy(f)
	a.PasswordPolicy = &p
}

// changesOwn says whether the password policy lets users change their own
// password.
func (a *Account) changesOwn() bool { return a.PasswordPolicy != nil && a.PasswordPolicy.ChangeOwn }

// SelfService is what a password policy grants to every user of the account
// that it lets change its own password. AWS attaches no policy for it (IAM API
// Reference, PasswordPolicy, AllowUsersToChangePassword), but it is judged like
// one: an explicit deny, a boundary or a session policy still bounds it.
const SelfService = `{"Version":"2012-10-17","Statement":[` +
	`{"Effect":"Allow","Action":"iam:ChangePassword","Resource":["arn:aws:iam::*:user/${aws:username}","arn:aws:iam::*:user/*/${aws:username}"]},` +
	`{"Effect":"Allow","Action":"iam:GetAccountPasswordPolicy","Resource":"*"}]}`

// SelfServiceName is the name of SelfService in records, beside the account.
const SelfServiceName = "AllowUsersToChangePassword"

var selfService = sync.OnceValue(func() *Document { return document(SelfService) })

func (a *Account) selfService() policy.Attached {
	return policy.Attached{
		Policy: selfService().Policy(policy.Identity),
		Source: &policy.Source{ARN: a.RootARN(), Name: SelfServiceName, Type: policy.Identity.String()},
	}
}
