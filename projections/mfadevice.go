package projections

import (
	"iter"
	"strings"
	"time"

	"github.com/keytrail/keytrail/events"
)

// MFADevice is a virtual MFA device.
type MFADevice struct {
	Entity
	Seed    string    `json:"seed"`             // sealed
	User    string    `json:"user,omitempty"`   // id of the user whose it is, or the account's for the root user; "": nobody's
	Enabled time.Time `json:"enabled,omitzero"` // since when it is somebody's
	Step    int       `json:"step,omitempty"`   // of the last code that was accepted
	Drift   int       `json:"drift,omitempty"`  // steps by which its clock is ahead of ours
}

// ARN is the ARN of d, a device of account a: its serial number.
func (d *MFADevice) ARN(a *Account) string { return a.ARN("mfa", d.Path, d.Name) }

// MFADevice finds a device by its serial number.
func (a *Account) MFADevice(serial string) (*MFADevice, bool) {
	d, ok := a.devices.name(serial[strings.LastIndexByte(serial, '/')+1:])
	if !ok || d.ARN(a) != serial {
		return nil, false
	}
	return d, true
}

// MFADeviceNamed finds a device by name.
func (a *Account) MFADeviceNamed(name string) (*MFADevice, bool) { return a.devices.name(name) }

// MFADeviceByID finds a device by its VMFA… id.
func (a *Account) MFADeviceByID(id string) (*MFADevice, bool) { return a.devices.id(id) }

// MFADevicesAfter yields the devices whose folded name is after marker, by name.
func (a *Account) MFADevicesAfter(marker string) iter.Seq2[string, *MFADevice] {
	return a.devices.after(marker)
}

// MFADevices is how many devices there are.
func (a *Account) MFADevices() int { return a.devices.len() }

// MFADevicesOf are the devices of a user, in the order of enabling; nil: of the
// root user.
func (a *Account) MFADevicesOf(u *User) (of []*MFADevice) {
	ids := a.RootMFA
	if u != nil {
		ids = u.MFA
	}
	for _, id := range ids {
		if d, ok := a.devices.id(id); ok {
			of = append(of, d)
		}
	}
	return of
}

func (a *Account) editMFADevice(id string, edit func(*MFADevice)) {
	if at, ok := a.devices.ids.get(id); ok {
		d := *at.is
		edit(&d)
		a.devices.put(a.age, at, &d)
	}
}

func (a *Account) enableMFADevice(u events.Unit, f events.MFADeviceEnabled) {
	owner := f.User
	if owner == "" {
		owner = a.ID
	}
	a.releaseMFADevice(f.ID)
	a.editMFADevice(f.ID, func(d *MFADevice) { d.User, d.Enabled, d.Step, d.Drift = owner, u.Time, f.Step, f.Drift })
	if f.User == "" {
		a.RootMFA = with(a.RootMFA, f.ID)
	} else {
		a.editUser(f.User, func(user *User) { user.MFA = with(user.MFA, f.ID) })
	}
}

func (a *Account) acceptCode(f events.MFACodeAccepted) {
	a.editMFADevice(f.ID, func(d *MFADevice) { d.Step, d.Drift = f.Step, f.Drift })
	if d, ok := a.devices.id(f.ID); ok && d.User == a.ID {
		a.RootRefused = nil
	} else if ok {
		if user, ok := a.UserByID(d.User); ok && user.Refused != nil {
			a.editUser(d.User, func(user *User) { user.Refused = nil })
		}
	}
}

// releaseMFADevice makes a device nobody's. The last accepted step stays: no
// code is accepted twice, whoever has the device.
func (a *Account) releaseMFADevice(id string) {
	d, ok := a.devices.id(id)
	if !ok || d.User == "" {
		return
	}
	if d.User == a.ID {
		a.RootMFA = without(a.RootMFA, id)
	} else {
		a.editUser(d.User, func(user *User) { user.MFA = without(user.MFA, id) })
	}
	a.editMFADevice(id, func(d *MFADevice) { d.User, d.Enabled = "", time.Time{} })
}

func (a *Account) deleteMFADevice(id string) {
	a.releaseMFADevice(id)
	if d, ok := a.devices.id(id); ok {
		a.devices.remove(d)
	}
}
