package projections

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"time"
)

// CallerType is CloudTrail's userIdentity type.
type CallerType string

const (
	Root          CallerType = "Root"
	IAMUser       CallerType = "IAMUser"
	AssumedRole   CallerType = "AssumedRole"
	FederatedUser CallerType = "FederatedUser"
	Anonymous     CallerType = "AWSAccount" // CloudTrail's type for a caller without an identity here
)

// Caller is who asks, as found in the World when the signature had been
// verified. Only the gate makes one.
type Caller struct {
	Type        CallerType
	Account     *Account
	ARN         string // of the user, root user or session
	UserID      string // aws:userid: AIDA…, AROA…:session, the account's id for root
	AccessKeyID string
	User        *User    // IAMUser, and FederatedUser unless root made it: as it is now
	Role        *Role    // AssumedRole: the role as it is now
	Session     *Session // temporary credentials, else nil
}

// KeyCaller is the caller that a long-term key stands for. It is not there if
// the user is no more; whether the key is active is the caller's to check.
func (w *World) KeyCaller(k *AccessKey) (*Caller, bool) {
	a, ok := w.Account(k.Account)
	if !ok {
		return nil, false
	}
	c := &Caller{Account: a, AccessKeyID: k.ID}
	return c, c.longTerm(k.UserID)
}

// SessionCaller is the caller that a session stands for. It is not there if
// its user or role is no more, even if another has the same name now.
func (w *World) SessionCaller(s *Session) (*Caller, bool) {
	a, ok := w.Account(s.Account)
	if !ok {
		return nil, false
	}
	c := &Caller{Account: a, AccessKeyID: s.AccessKeyID, Session: s}
	switch s.Type {
	case Root, IAMUser:
		return c, c.longTerm(s.UserID) && c.Type == s.Type
	case AssumedRole:
		if c.Role, ok = a.RoleByID(s.RoleID); !ok {
			return nil, false
		}
		c.Type = AssumedRole
		c.ARN = "arn:aws:sts::" + a.ID + ":assumed-role/" + c.Role.Name + "/" + s.Name
		c.UserID = c.Role.ID + ":" + s.Name
		return c, true
	case FederatedUser:
		if s.UserID != "" {
			if c.User, ok = a.UserByID(s.UserID); !ok {
				return nil, false
			}
		}
		c.Type = FederatedUser
		c.ARN = "arn:aws:sts::" + a.ID + ":federated-user/" + s.Name
		c.UserID = a.ID + ":" + s.Name
		return c, true
	}
	return nil, false
}

func (c *Caller) longTerm(userID string) (ok bool) {
	if userID == "" {
		c.Type, c.ARN, c.UserID = Root, c.Account.RootARN(), c.Account.ID
		return true
	}
	if c.User, ok = c.Account.UserByID(userID); ok {
		c.Type, c.ARN, c.UserID = IAMUser, c.User.ARN(c.Account), c.User.ID
	}
	return ok
}

// entity is the user or role whose tags the caller has, or nil.
func (c *Caller) entity() *Entity {
	switch {
	case c.User != nil:
		return &c.User.Entity
	case c.Role != nil:
		return &c.Role.Entity
	}
	return nil
}

// Tag is the value of aws:PrincipalTag/key: a session's tags go before those
// of the user or role (IAM User Guide, "Passing session tags in AWS STS").
func (c *Caller) Tag(key string) (string, bool) {
	if c.Session != nil {
		if v, ok := c.Session.tag(key); ok {
			return v, true
		}
	}
	if e := c.entity(); e != nil {
		return e.Tag(key)
	}
	return "", false
}

// Tags yields the caller's tags, each key once.
func (c *Caller) Tags() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		if e := c.entity(); e != nil {
			for _, t := range e.Tags {
				if c.Session != nil {
					if _, over := c.Session.tag(t.Key); over {
						continue
					}
				}
				if !yield(t.Key, t.Value) {
					return
				}
			}
		}
		if c.Session == nil {
			return
		}
		for _, k := range slices.Sorted(maps.Keys(c.Session.Tags)) {
			if !yield(k, c.Session.Tags[k]) {
				return
			}
		}
	}
}

// Session is what a session token claims. It is sealed into the token and kept
// nowhere else, so its JSON names are a format: add, don't rename.
type Session struct {
	AccessKeyID    string            `json:"k"` // ASIA…
	Account        string            `json:"a"`
	Type           CallerType        `json:"t"`
	UserID         string            `json:"u,omitempty"` // AIDA… of IAMUser and FederatedUser, "" for root
	RoleID         string            `json:"r,omitempty"`
	Name           string            `json:"n,omitempty"` // of the role session or federated user
	Issued         time.Time         `json:"i"`
	Expires        time.Time         `json:"e"`
	World          uint64            `json:"w"`           // sequence it was issued at: a node behind it waits
	Policies       []string          `json:"p,omitempty"` // session policy documents
	PolicyARNs     []string          `json:"pa,omitempty"`
	Tags           map[string]string `json:"g,omitempty"`  // passed and inherited
	TransitiveTags []string          `json:"gt,omitempty"` // keys of Tags that the next session of a chain inherits
	SourceIdentity string            `json:"s,omitempty"`
	MFA            bool              `json:"m,omitempty"`
	Chained        bool              `json:"c,omitempty"`  // the role was assumed with role credentials
	ParentKeyID    string            `json:"pk,omitempty"` // the key this session was made with
}

// Limited says that the session was made with session policies, which must
// allow too.
func (s *Session) Limited() bool { return len(s.Policies)+len(s.PolicyARNs) > 0 }

func (s *Session) tag(key string) (string, bool) {
	if v, ok := s.Tags[key]; ok {
		return v, true
	}
	for k, v := range s.Tags {
		if strings.EqualFold(k, key) {
			return v, true
		}
	}
	return "", false
}
