package projections

import (
	"time"

	"github.com/keytrail/keytrail/events"
)

// Login is the password of a user.
type Login struct {
	Created       time.Time `json:"created"`
	Changed       time.Time `json:"changed"`
	ResetRequired bool      `json:"resetRequired,omitempty"`
	Password      string    `json:"password"`          // sealed hash
	Earlier       []string  `json:"earlier,omitempty"` // sealed hashes of those before it, the newest first
}

// PasswordsKept is how many passwords a policy can forbid to use again, the
// present one among them (IAM API Reference, PasswordReusePrevention).
const PasswordsKept = 24

// Expires says when the password can't be used any more, if it ever expires.
func (l *Login) Expires(p *PasswordPolicy) (time.Time, bool) {
	if p == nil || p.MaxAge == 0 {
		return time.Time{}, false
	}
	return l.Changed.AddDate(0, 0, p.MaxAge), true
}

// set is l with another password.
func (l Login) set(password string, at time.Time) *Login {
	l.Earlier = append([]string{l.Password}, l.Earlier[:min(len(l.Earlier), PasswordsKept-2)]...)
	l.Password, l.Changed = password, at
	return &l
}

func (a *Account) setPassword(u events.Unit, f events.PasswordChanged) {
	a.editUser(f.User, func(user *User) {
		if user.Login != nil {
			user.Login = user.Login.set(f.Password, u.Time)
			user.Login.ResetRequired = false
		}
		user.Refused = nil
	})
}

func (a *Account) updateLogin(u events.Unit, f events.LoginProfileUpdated) {
	a.editUser(f.User, func(user *User) {
		if user.Login == nil {
			return
		}
		l := *user.Login
		if f.Password != "" {
			l = *l.set(f.Password, u.Time)
			user.Refused = nil // whoever guessed at the old one has to begin anew
		}
		l.ResetRequired = f.ResetRequired
		user.Login = &l
	})
}

// Refused counts the wrong passwords and MFA codes of one user since the last
// right one.
type Refused struct {
	Count int       `json:"count"`
	Last  time.Time `json:"last"`
}

// After LockAfter wrong ones in a row no further one is looked at for LockTime
// (PCI DSS 4.0, requirement 8.3.4). All factors of a user count together.
const (
	LockAfter = 10
	LockTime  = 30 * time.Minute
)

// Locked says whether nothing that its user gives is looked at.
func (r *Refused) Locked(now time.Time) bool {
	return r != nil && r.Count >= LockAfter && now.Sub(r.Last) < LockTime
}

// more is r with one more refusal; one long after the last is the first again.
func (r *Refused) more(at time.Time) *Refused {
	if r == nil || at.Sub(r.Last) >= LockTime {
		return &Refused{1, at}
	}
	return &Refused{r.Count + 1, at}
}

func (a *Account) refuse(u events.Unit, f events.CredentialRefused) {
	if f.User == "" {
		a.RootRefused = a.RootRefused.more(u.Time)
		return
	}
	a.editUser(f.User, func(user *User) { user.Refused = user.Refused.more(u.Time) })
}

// RefusedOf is what was refused of the user with that id; "": the root user.
func (a *Account) RefusedOf(id string) *Refused {
	if id == "" {
		return a.RootRefused
	}
	if u, ok := a.UserByID(id); ok {
		return u.Refused
	}
	return nil
}
