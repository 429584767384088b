package events

func init() {
	register[OrganizationCreated]()
	register[OrganizationDeleted]()
	register[OrganizationJoined]()
	register[OrganizationLeft]()
	register[AccountMoved]()
	register[AccountRemoved]()
	register[OrganizationalUnitCreated]()
	register[OrganizationalUnitUpdated]()
	register[OrganizationalUnitDeleted]()
	register[PolicyTypeEnabled]()
	register[PolicyTypeDisabled]()
	register[OrganizationPolicyCreated]()
	register[OrganizationPolicyUpdated]()
	register[OrganizationPolicyDeleted]()
	register[OrganizationPolicyAttached]()
	register[OrganizationPolicyDetached]()
}

// OrganizationCreated says that the unit's account manages an organization from
// now on, in which it stands alone below the root. Service control policies are
// in use, and p-FullAWSAccess is attached to the root and to the account.
type OrganizationCreated struct {
	ID    string `json:"id"`   // o-…
	Root  string `json:"root"` // r-…
	Email string `json:"email,omitempty"`
}

func (OrganizationCreated) Type() string { return "organizations.organization.created.v1" }

// OrganizationDeleted says that the unit's account manages none any more.
// Nobody else was in it.
type OrganizationDeleted struct{}

func (OrganizationDeleted) Type() string { return "organizations.organization.deleted.v1" }

// OrganizationJoined says that the unit's account, which is new, stands below
// the root of an organization. If service control policies are in use there,
// p-FullAWSAccess is attached to it.
type OrganizationJoined struct {
	Organization string `json:"organization"`
	Management   string `json:"management"` // account that manages it
	Email        string `json:"email,omitempty"`
	Request      string `json:"request"` // car-…, that asked for the account
}

func (OrganizationJoined) Type() string { return "organizations.organization.joined.v1" }

// OrganizationLeft says that the unit's account stands alone again, by its own will.
type OrganizationLeft struct{}

func (OrganizationLeft) Type() string { return "organizations.organization.left.v1" }

// AccountMoved says below which root or unit an account of the organization stands.
type AccountMoved struct {
	Account string `json:"account"`
	Parent  string `json:"parent"`
}

func (AccountMoved) Type() string { return "organizations.account.moved.v1" }

// AccountRemoved says that the organization has put an account out.
type AccountRemoved struct {
	Account string `json:"account"`
}

func (AccountRemoved) Type() string { return "organizations.account.removed.v1" }

// OrganizationalUnitCreated says that there is a unit below a root or unit. If
// service control policies are in use, p-FullAWSAccess is attached to it.
type OrganizationalUnitCreated struct {
	ID     string `json:"id"` // ou-…
	Parent string `json:"parent"`
	Name   string `json:"name"`
}

func (OrganizationalUnitCreated) Type() string { return "organizations.unit.created.v1" }

// OrganizationalUnitUpdated says what a unit is called now.
type OrganizationalUnitUpdated struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

func (OrganizationalUnitUpdated) Type() string { return "organizations.unit.updated.v1" }

// OrganizationalUnitDeleted says that a unit is no more. It was empty.
type OrganizationalUnitDeleted struct {
	ID string `json:"id"`
}

func (OrganizationalUnitDeleted) Type() string { return "organizations.unit.deleted.v1" }

// PolicyTypeEnabled says that policies of a type bind from now on. With
// service control policies p-FullAWSAccess is attached to the root, every unit
// and every account.
type PolicyTypeEnabled struct {
	PolicyType string `json:"policyType"` // SERVICE_CONTROL_POLICY, RESOURCE_CONTROL_POLICY
}

func (PolicyTypeEnabled) Type() string { return "organizations.policytype.enabled.v1" }

// PolicyTypeDisabled says that policies of a type bind nobody, and that all of
// them are detached.
type PolicyTypeDisabled struct {
	PolicyType string `json:"policyType"`
}

func (PolicyTypeDisabled) Type() string { return "organizations.policytype.disabled.v1" }

// OrganizationPolicyCreated says that the organization has a policy. It is
// attached to nothing.
type OrganizationPolicyCreated struct {
	ID          string `json:"id"` // p-…
	PolicyType  string `json:"policyType"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Content     string `json:"content"`
}

func (OrganizationPolicyCreated) Type() string { return "organizations.policy.created.v1" }

// OrganizationPolicyUpdated says what a policy is now, whole.
type OrganizationPolicyUpdated struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	Content     string `json:"content"`
}

func (OrganizationPolicyUpdated) Type() string { return "organizations.policy.updated.v1" }

// OrganizationPolicyDeleted says that a policy is no more. It was attached to
// nothing.
type OrganizationPolicyDeleted struct {
	ID string `json:"id"`
}

func (OrganizationPolicyDeleted) Type() string { return "organizations.policy.deleted.v1" }

// OrganizationPolicyAttached says that a policy, perhaps AWS's p-FullAWSAccess,
// binds whatever is at or below a target.
type OrganizationPolicyAttached struct {
	Policy string `json:"policy"`
	Target string `json:"target"` // r-…, ou-… or an account
}

func (OrganizationPolicyAttached) Type() string { return "organizations.policy.attached.v1" }

// OrganizationPolicyDetached says that a policy does not bind a target any more.
type OrganizationPolicyDetached struct {
	Policy string `json:"policy"`
	Target string `json:"target"`
}

func (OrganizationPolicyDetached) Type() string { return "organizations.policy.detached.v1" }
