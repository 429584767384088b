package commands

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

const seedField = "seed"

// CreateVirtualMFADevice makes a device that is nobody's yet. Its seed is in
// the answer and never shown again; drawing it is left to whoever answers.
func (tx *Tx) CreateVirtualMFADevice(ctx context.Context, in *iam.CreateVirtualMFADeviceInput) (*iam.CreateVirtualMFADeviceOutput, error) {
	if _, ok := tx.Account.MFADeviceNamed(*in.VirtualMFADeviceName); ok {
		return nil, answer.EntityAlreadyExists("MFADevice entity at the same path and name already exists.")
	}
	if err := answer.Quota("MFADevicesPerAccount", tx.Account.MFADevices(), tx.quotas().MFADevices); err != nil {
		return nil, err
	}
	tags, err := tx.newTags(in.Tags)
	if err != nil {
		return nil, err
	}
	seed, err := seal.NewSeed(tx.Rand)
	if err != nil {
		return nil, err
	}
	f := events.MFADeviceCreated{ID: tx.NewID(projections.MFADevicePrefix), Name: *in.VirtualMFADeviceName, Path: or(in.Path, "/"), Tags: tags}
	f.Seed = tx.Keys.Seal(tx.Account.ID, f.ID, seedField, seed)
	tx.Emit(f)
	d := &projections.MFADevice{Entity: tx.entity(f.ID, f.Name, f.Path, f.Tags)}
	return &iam.CreateVirtualMFADeviceOutput{VirtualMFADevice: &types.VirtualMFADevice{
		SerialNumber: ptr(d.ARN(tx.Account)), Base32StringSeed: []byte(seed.Reveal()), Tags: answer.Tags(tags),
	}}, nil
}

// EnableMFADevice makes a device a user's, who shows two codes of it, one after
// the other.
func (tx *Tx) EnableMFADevice(ctx context.Context, in *iam.EnableMFADeviceInput) (*iam.EnableMFADeviceOutput, error) {
	u, err := answer.MFAOwner(tx.Account, tx.Caller, in.UserName)
	if err != nil {
		return nil, err
	}
	d, err := answer.MFADeviceAt(tx.Account, *in.SerialNumber)
	if err != nil {
		return nil, err
	}
	if d.User != "" {
		return nil, answer.EntityAlreadyExists("MFA Device is already in use.")
	}
	if err := answer.Quota("MFADevicesPerUser", len(tx.Account.MFADevicesOf(u)), tx.quotas().MFADevicesPerUser); err != nil {
		return nil, err
	}
	step, drift, err := tx.twoCodes(d, *in.AuthenticationCode1, *in.AuthenticationCode2)
	if err != nil {
		return nil, err
	}
	f := events.MFADeviceEnabled{ID: d.ID, Step: step, Drift: drift}
	if u != nil {
		f.User = u.ID
	}
	tx.Emit(f)
	return &iam.EnableMFADeviceOutput{}, nil
}

// ResyncMFADevice learns from two codes what the clock of a device shows.
func (tx *Tx) ResyncMFADevice(ctx context.Context, in *iam.ResyncMFADeviceInput) (*iam.ResyncMFADeviceOutput, error) {
	u, err := answer.MFAOwner(tx.Account, tx.Caller, in.UserName)
	if err != nil {
		return nil, err
	}
	d, err := answer.MFADeviceOf(tx.Account, u, *in.SerialNumber)
	if err != nil {
		return nil, err
	}
	step, drift, err := tx.twoCodes(d, *in.AuthenticationCode1, *in.AuthenticationCode2)
	if err != nil {
		return nil, err
	}
	tx.Emit(events.MFADeviceResynced{ID: d.ID, Step: step, Drift: drift})
	return &iam.ResyncMFADeviceOutput{}, nil
}

// DeactivateMFADevice makes a device nobody's.
func (tx *Tx) DeactivateMFADevice(ctx context.Context, in *iam.DeactivateMFADeviceInput) (*iam.DeactivateMFADeviceOutput, error) {
	u, err := answer.MFAOwner(tx.Account, tx.Caller, in.UserName)
	if err != nil {
		return nil, err
	}
	d, err := answer.MFADeviceOf(tx.Account, u, *in.SerialNumber)
	if err != nil {
		return nil, err
	}
	tx.Emit(events.MFADeviceDeactivated{ID: d.ID})
	return &iam.DeactivateMFADeviceOutput{}, nil
}

// DeleteVirtualMFADevice deletes a device that is nobody's.
func (tx *Tx) DeleteVirtualMFADevice(ctx context.Context, in *iam.DeleteVirtualMFADeviceInput) (*iam.DeleteVirtualMFADeviceOutput, error) {
	d, err := answer.MFADeviceAt(tx.Account, *in.SerialNumber)
	if err != nil {
		return nil, err
	}
	if d.User != "" {
		return nil, answer.DeleteConflict("MFA VirtualDevice in use. Must deactivate first.")
	}
	tx.Emit(events.MFADeviceDeleted{ID: d.ID})
	return &iam.DeleteVirtualMFADeviceOutput{}, nil
}

// TagMFADevice adds tags to a device, or changes those it has.
func (tx *Tx) TagMFADevice(ctx context.Context, in *iam.TagMFADeviceInput) (*iam.TagMFADeviceOutput, error) {
	d, err := answer.MFADeviceAt(tx.Account, *in.SerialNumber)
	if err != nil {
		return nil, err
	}
	return done(&iam.TagMFADeviceOutput{}, tx.tag(&d.Entity, in.Tags))
}

// UntagMFADevice removes tags of a device, as far as it has them.
func (tx *Tx) UntagMFADevice(ctx context.Context, in *iam.UntagMFADeviceInput) (*iam.UntagMFADeviceOutput, error) {
	d, err := answer.MFADeviceAt(tx.Account, *in.SerialNumber)
	if err != nil {
		return nil, err
	}
	tx.untag(&d.Entity, in.TagKeys)
	return &iam.UntagMFADeviceOutput{}, nil
}

// A code is looked for among those around now, as the device's clock has it;
// two codes, which nobody guesses, among those of ten minutes either way.
const (
	codesAround    = 1
	twoCodesAround = 20
)

// twoCodes finds the step of the second of two codes that follow one another,
// and by how much the device's clock is ahead. Neither may have been used.
func (tx *Tx) twoCodes(d *projections.MFADevice, first, second string) (step, drift int, err error) {
	now := int(tx.Now.Unix() / seal.CodeStep)
	for step := now - twoCodesAround; step <= now+twoCodesAround; step++ {
		if step <= d.Step {
			continue
		}
		one, err := tx.isCode(d, step, first)
		if err != nil {
			return 0, 0, err
		}
		two, err := tx.isCode(d, step+1, second)
		if err != nil {
			return 0, 0, err
		}
		if one && two {
			return step + 1, step + 1 - now, nil
		}
	}
	return 0, 0, answer.InvalidAuthenticationCode()
}

func (tx *Tx) isCode(d *projections.MFADevice, step int, code string) (bool, error) {
	seed, err := tx.Keys.Open(tx.Account.ID, d.ID, seedField, d.Seed)
	if err != nil {
		return false, err
	}
	shown, err := seal.Code(seed, step)
	return err == nil && shown.Equal(seal.NewSecret(code)), err
}

// Factor looks at the MFA code that comes with a request, before the request is
// judged: policies ask whether there was one. What it finds is a fact whatever
// becomes of the request, or a code could be tried without being counted.
func (tx *Tx) Factor(serial, code *string) error {
	switch {
	case serial == nil && code == nil:
		return nil
	case serial == nil || code == nil:
		return answer.Validation("SerialNumber and TokenCode must be given together.")
	}
	user, owner := "", tx.Account.ID
	switch tx.Caller.Type {
	case projections.Root:
	case projections.IAMUser:
		user = tx.Caller.User.ID
		owner = user
	default: // roles have no devices
		return errNoDevice
	}
	d, ok := tx.Account.MFADevice(*serial)
	if !ok || d.User != owner {
		return errNoDevice
	}
	if tx.Account.RefusedOf(user).Locked(tx.Now) {
		return errWrongCode
	}
	now := int(tx.Now.Unix() / seal.CodeStep)
	for step := now + d.Drift - codesAround; step <= now+d.Drift+codesAround; step++ {
		if step <= d.Step {
			continue // it was accepted before, or one after it was
		}
		ok, err := tx.isCode(d, step, *code)
		if err != nil {
			return err
		}
		if ok {
			tx.MFA = true
			tx.EmitAnyway(events.MFACodeAccepted{ID: d.ID, Step: step, Drift: step - now})
			return nil
		}
	}
	tx.EmitAnyway(events.CredentialRefused{User: user, Factor: "mfa"})
	return errWrongCode
}

var (
	errNoDevice  = answer.AccessDenied("MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.")
	errWrongCode = answer.AccessDenied("MultiFactorAuthentication failed with invalid MFA one time pass code. ")
)

// factored refuses a request whose code nobody looked at.
func (tx *Tx) factored(serial, code *string) error {
	if (serial != nil || code != nil) && !tx.MFA {
		return errNoDevice
	}
	return nil
}
