package projections

import "time"

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
	User        *User    // IAMUser: as it is now
	Role        *Role    // AssumedRole: the role as it is now
	Session     *Session // temporary credentials, else nil
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
	Tags           map[string]string `json:"g,omitempty"`
	TransitiveTags []string          `json:"gt,omitempty"`
	SourceIdentity string            `json:"s,omitempty"`
	MFA            bool              `json:"m,omitempty"`
	Chained        bool              `json:"c,omitempty"`  // the role was assumed with role credentials
	ParentKeyID    string            `json:"pk,omitempty"` // the key this session was made with
}
