package projections

// Quotas are an account's limits. Names and values are those of the IAM User
// Guide, "IAM and AWS STS quotas".
type Quotas struct {
	Users, Groups, Roles, Policies, InstanceProfiles int
	GroupsPerUser                                    int
	PoliciesPerUser, PoliciesPerGroup                int
	PoliciesPerRole                                  int
	VersionsPerPolicy                                int
	OIDCProviders, SAMLProviders                     int
	ClientsPerOIDCProvider                           int
	KeysPerSAMLProvider                              int // that its metadata has
	AccessKeysPerUser                                int // and for the root user
	MFADevices                                       int // virtual ones
	MFADevicesPerUser                                int // and for the root user
	Tags                                             int // per resource
	// Characters without white space.
	PolicySize                                      int
	UserInlineSize, GroupInlineSize, RoleInlineSize int // all inline policies of one identity
	TrustSize                                       int

	// Ours, not AWS's: of resources of other services.
	Resources          int
	ResourcePolicySize int // as of a bucket policy, in bytes
}

var defaults = Quotas{
	Users: 5000, Groups: 300, Roles: 1000, Policies: 1500, InstanceProfiles: 1000,
	GroupsPerUser: 10, PoliciesPerUser: 10, PoliciesPerGroup: 10, PoliciesPerRole: 10,
	OIDCProviders: 100, SAMLProviders: 100, ClientsPerOIDCProvider: 100, KeysPerSAMLProvider: 10,
	VersionsPerPolicy: 5, AccessKeysPerUser: 2, MFADevices: 5000, MFADevicesPerUser: 8, Tags: 50,
	PolicySize: 6144, UserInlineSize: 2048, GroupInlineSize: 5120, RoleInlineSize: 10240, TrustSize: 2048,
	Resources: 10_000, ResourcePolicySize: 20 << 10,
}

// Quotas are the account's limits: the same for all, until they can be raised.
func (a *Account) Quotas() *Quotas { return &defaults }
