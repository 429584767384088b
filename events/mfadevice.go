package events

func init() {
	register[MFADeviceCreated]()
	register[MFADeviceEnabled]()
	register[MFADeviceResynced]()
	register[MFACodeAccepted]()
	register[MFADeviceDeactivated]()
	register[MFADeviceDeleted]()
}

// MFADeviceCreated says that a virtual MFA device came to exist. It is
// nobody's yet.
type MFADeviceCreated struct {
	ID   string `json:"id"` // VMFA…, for us alone: AWS knows devices by their ARN
	Name string `json:"name"`
	Path string `json:"path"`
	Tags []Tag  `json:"tags,omitempty"`
	Seed string `json:"seed"` // base32, sealed: subject the device's id, field "seed"
}

func (MFADeviceCreated) Type() string { return "iam.mfadevice.created.v1" }

// MFADeviceEnabled says that a device is a user's, who showed two codes of it.
type MFADeviceEnabled struct {
	ID    string `json:"id"`
	User  string `json:"user,omitempty"`  // AIDA…; none: the account's root user
	Step  int    `json:"step"`            // of the second code, in 30 s since 1970: no code of it or before is accepted again
	Drift int    `json:"drift,omitempty"` // steps by which the device's clock is ahead of ours
}

func (MFADeviceEnabled) Type() string { return "iam.mfadevice.enabled.v1" }

// MFADeviceResynced says what a device's clock shows, as two codes of it told.
type MFADeviceResynced struct {
	ID    string `json:"id"`
	Step  int    `json:"step"`
	Drift int    `json:"drift,omitempty"`
}

func (MFADeviceResynced) Type() string { return "iam.mfadevice.resynced.v1" }

// MFACodeAccepted says that a code of a device was right, and so is used up,
// whatever became of the request that it came with.
type MFACodeAccepted struct {
	ID    string `json:"id"`
	Step  int    `json:"step"`
	Drift int    `json:"drift,omitempty"`
}

func (MFACodeAccepted) Type() string { return "iam.mfadevice.codeaccepted.v1" }

// MFADeviceDeactivated says that a device is nobody's any more.
type MFADeviceDeactivated struct {
	ID string `json:"id"`
}

func (MFADeviceDeactivated) Type() string { return "iam.mfadevice.deactivated.v1" }

// MFADeviceDeleted says that a virtual MFA device is no more.
type MFADeviceDeleted struct {
	ID string `json:"id"`
}

func (MFADeviceDeleted) Type() string { return "iam.mfadevice.deleted.v1" }
