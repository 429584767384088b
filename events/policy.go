package events

func init() {
	register[PolicyCreated]()
	register[PolicyVersionCreated]()
	register[PolicyVersionDeleted]()
	register[PolicyDefaultSet]()
	register[PolicyDeleted]()
	register[PolicyAttached]()
	register[PolicyDetached]()
	register[InlinePolicyPut]()
	register[InlinePolicyDeleted]()
	register[BoundaryPut]()
	register[BoundaryDeleted]()
}

// PolicyCreated says that a managed policy came to exist, with its version 1.
type PolicyCreated struct {
	ID          string `json:"id"` // ANPA…
	Name        string `json:"name"`
	Path        string `json:"path"`
	Description string `json:"description,omitempty"`
	Document    string `json:"document"`
	Tags        []Tag  `json:"tags,omitempty"`
}

func (PolicyCreated) Type() string { return "iam.policy.created.v1" }

// PolicyVersionCreated says that a policy has one more version. Its number was
// never used before.
type PolicyVersionCreated struct {
	Policy   string `json:"policy"`
	Version  int    `json:"version"`
	Document string `json:"document"`
	Default  bool   `json:"default,omitempty"`
}

func (PolicyVersionCreated) Type() string { return "iam.policy.versioncreated.v1" }

// PolicyVersionDeleted says that a version, not the default one, is no more.
type PolicyVersionDeleted struct {
	Policy  string `json:"policy"`
	Version int    `json:"version"`
}

func (PolicyVersionDeleted) Type() string { return "iam.policy.versiondeleted.v1" }

// PolicyDefaultSet says which version of a policy is in force.
type PolicyDefaultSet struct {
	Policy  string `json:"policy"`
	Version int    `json:"version"`
}

func (PolicyDefaultSet) Type() string { return "iam.policy.defaultset.v1" }

// PolicyDeleted says that a policy is no more. Nothing used it.
type PolicyDeleted struct {
	ID string `json:"id"`
}

func (PolicyDeleted) Type() string { return "iam.policy.deleted.v1" }

// PolicyAttached says that a managed policy gives permissions to a user, group
// or role; which of them, the first four letters of its id say.
type PolicyAttached struct {
	To     string `json:"to"`     // AIDA…, AGPA… or AROA…
	Policy string `json:"policy"` // ANPA…: of the account, or one that AWS manages
	ARN    string `json:"arn"`    // of the policy, for readers: policies keep theirs for life
}

func (PolicyAttached) Type() string { return "iam.policy.attached.v1" }

// PolicyDetached says that a managed policy no longer gives permissions to a
// user, group or role.
type PolicyDetached struct {
	From   string `json:"from"`
	Policy string `json:"policy"`
	ARN    string `json:"arn"`
}

func (PolicyDetached) Type() string { return "iam.policy.detached.v1" }

// InlinePolicyPut says that a user, group or role holds a policy of its own by
// this name, in place of any it had.
type InlinePolicyPut struct {
	In       string `json:"in"` // AIDA…, AGPA… or AROA…
	Name     string `json:"name"`
	Document string `json:"document"`
}

func (InlinePolicyPut) Type() string { return "iam.inlinepolicy.put.v1" }

// InlinePolicyDeleted says that a user, group or role no longer holds the
// policy of that name.
type InlinePolicyDeleted struct {
	In   string `json:"in"`
	Name string `json:"name"`
}

func (InlinePolicyDeleted) Type() string { return "iam.inlinepolicy.deleted.v1" }

// BoundaryPut says that a user or role may do at most what a policy allows.
type BoundaryPut struct {
	On     string `json:"on"` // AIDA… or AROA…
	Policy string `json:"policy"`
	ARN    string `json:"arn"`
}

func (BoundaryPut) Type() string { return "iam.boundary.put.v1" }

// BoundaryDeleted says that a user or role has no permissions boundary.
type BoundaryDeleted struct {
	On string `json:"on"`
}

func (BoundaryDeleted) Type() string { return "iam.boundary.deleted.v1" }
