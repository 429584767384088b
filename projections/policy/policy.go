// Package policy is the AWS policy language: it reads a document, refuses it
// in AWS's words when it is malformed, compiles it once, and decides requests.
//
// It is pure and total. It has no clock, no chance, no I/O and imports nothing
// of ours; every request gets an answer, and whatever is in doubt is denied.
// It does not know which principals, resources or providers exist, does not
// enforce size quotas (see Size), and does not fill the request context: the
// caller does all three.
//
// The rules are those of the IAM User Guide, chapters "Policy evaluation logic"
// and "IAM JSON policy reference"; comments name the section they follow.
package policy

// Version is the version of the evaluator. It is recorded with each decision;
// it changes when the same request and policies could get another verdict.
const Version = "1"

// Kind says where a document is used, and so what it may contain.
type Kind uint8

const (
	Identity        Kind = iota // managed or inline policy of a user, group or role
	Boundary                    // permissions boundary
	Session                     // passed with AssumeRole* or GetFederationToken
	Trust                       // who may assume a role
	Resource                    // resource-based policy
	ServiceControl              // SCP
	ResourceControl             // RCP
)

// String is AWS's word for the kind of policy.
func (k Kind) String() string {
	switch k {
	case Identity:
		return "identity-based policy"
	case Boundary:
		return "permissions boundary"
	case Session:
		return "session policy"
	case Trust:
		return "role trust policy"
	case Resource:
		return "resource-based policy"
	case ServiceControl:
		return "service control policy"
	case ResourceControl:
		return "resource control policy"
	}
	return "unknown policy"
}

// Policy is a compiled document. It is immutable and may be shared freely.
type Policy struct {
	acts       uint64 // union of the statements' probes: a policy that cannot match costs one cache line
	probes     []probe
	pairs      []pairs
	statements []statement
	kind       Kind
	modern     bool // Version 2012-10-17: variables work
}

// Kind is the kind the document was parsed as.
func (p *Policy) Kind() Kind { return p.kind }

// Len is the number of statements.
func (p *Policy) Len() int { return len(p.statements) }

// Malformed says why a document was refused, in AWS's words. The caller makes
// it a MalformedPolicyDocument.
type Malformed struct{ Message string }

func (m *Malformed) Error() string { return m.Message }

// InvalidPrincipal is the refusal of a principal that does not exist, or that
// has no form a principal may have (IAM User Guide, "Principal").
func InvalidPrincipal(ref PrincipalRef) *Malformed {
	typ := ref.Type
	switch typ {
	case "Service":
		typ = "SERVICE"
	case "Federated":
		typ = "FEDERATED"
	}
	return &Malformed{Message: `Invalid principal in policy: "` + typ + `":"` + ref.Value + `"`}
}

// Size counts the characters of a document as the quotas do: without white
// space (IAM User Guide, "IAM and AWS STS quotas").
func Size(document string) int {
	n := 0
	for _, r := range document {
		if r != ' ' && r != '\t' && r != '\n' && r != '\r' {
			n++
		}
	}
	return n
}

// PrincipalRef is a principal as a document names it.
type PrincipalRef struct {
	Type  string // AWS, Service, Federated, CanonicalUser
	Value string
}

// Source names a policy in a verdict.
type Source struct {
	ARN     string // of the managed policy, or of the owner of an inline one
	Version string // v1, v2 …; empty for inline policies
	Name    string // of an inline policy
	Type    string // AWS's words, see Kind.String
}

// Attached is a policy and where it comes from.
type Attached struct {
	Policy *Policy
	Source *Source
}

// Policies are all policies that have a say in one request. The zero value
// says nothing, and so denies everybody but the root user.
type Policies struct {
	Identity []Attached // of the user and all its groups, or of the role
	Boundary *Attached
	Session  []Attached // inline and managed session policies
	// HasSession says that the session was made with session policies, so that
	// they must allow too, even if none of them is left.
	HasSession bool
	Resource   []Attached // resource-based policy, or the role's trust policy
	// Trust says that Resource must allow too: a role's trust policy or a KMS
	// key policy, where an identity policy alone does not suffice.
	Trust bool
	// SCPs bound the principal's account, RCPs the resource's: one list per
	// level, from the root over the units to the account. Nil: not in an
	// organization, or exempt. A level with an empty list denies.
	SCPs, RCPs [][]Attached
}

// PrincipalType is the kind of caller.
type PrincipalType uint8

const (
	Anonymous PrincipalType = iota // unsigned request; the zero value, as it may do least
	Account                        // root user
	User                           // IAM user, also in its GetSessionToken session
	AssumedRole
	FederatedUser // session of GetFederationToken
	Service       // AWS service calling with its own identity
	Federated     // holder of a SAML assertion or web identity token, before it has a session
)

// String is the value of aws:PrincipalType, where AWS has one.
func (t PrincipalType) String() string {
	switch t {
	case Account:
		return "Account"
	case User:
		return "User"
	case AssumedRole:
		return "AssumedRole"
	case FederatedUser:
		return "FederatedUser"
	case Service:
		return "Service"
	case Federated:
		return "Federated"
	}
	return "Anonymous"
}

// Principal is who asks.
type Principal struct {
	Type PrincipalType
	// ARN of the root, user, role session or federated session. For Service
	// the service's name (ec2.amazonaws.com); for Federated the provider as a
	// trust policy names it (provider ARN or accounts.google.com).
	ARN         string
	Account     string
	ID          string // aws:userid: AIDA…, AROA…:session, account:name, account
	UniqueID    string // AIDA… or AROA…; for FederatedUser that of the user who asked for the session
	RoleARN     string // AssumedRole: ARN of the role, with its path
	UserARN     string // FederatedUser: ARN of the user (or root) who asked for the session
	CanonicalID string // canonical id of the account, if it has one
}

// Request is what is asked.
type Request struct {
	Principal *Principal
	Action    string // service:Name
	Resource  string // ARN, or * for an action without resource type
	// ResourceAccount owns the resource. Empty: the account in the ARN, or
	// else the caller's own.
	ResourceAccount string
	Context         *Context
}
