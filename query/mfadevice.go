package query

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/answer"
)

// ListMFADevices lists the devices of a user or, without a name, of the
// caller, the first enabled first.
func (v *View) ListMFADevices(ctx context.Context, in *iam.ListMFADevicesInput) (*iam.ListMFADevicesOutput, error) {
	u, err := answer.MFAOwner(v.Account, v.Caller, in.UserName)
	if err != nil {
		return nil, err
	}
	owner := v.Account.ID
	if u != nil {
		owner = u.ID
	}
	devices, more, marker, err := page(v, paged(in.Marker, in.MaxItems, "ListMFADevices", owner),
		listed(v.Account.MFADevicesOf(u), func(d *projections.MFADevice) string {
			return d.Enabled.UTC().Format("20060102150405.000000000") + d.ID
		}),
		all[*projections.MFADevice],
		func(d *projections.MFADevice) types.MFADevice { return answer.MFADevice(v.Account, d) })
	if err != nil {
		return nil, err
	}
	return &iam.ListMFADevicesOutput{MFADevices: devices, IsTruncated: more, Marker: marker}, nil
}

// ListVirtualMFADevices lists the account's devices by name: all, those that
// are somebody's, or those that are nobody's.
func (v *View) ListVirtualMFADevices(ctx context.Context, in *iam.ListVirtualMFADevicesInput) (*iam.ListVirtualMFADevicesOutput, error) {
	keep := func(d *projections.MFADevice) bool {
		switch in.AssignmentStatus {
		case types.AssignmentStatusTypeAssigned:
			return d.User != ""
		case types.AssignmentStatusTypeUnassigned:
			return d.User == ""
		}
		return true
	}
	devices, more, marker, err := page(v, paged(in.Marker, in.MaxItems, "ListVirtualMFADevices", string(in.AssignmentStatus)),
		v.Account.MFADevicesAfter, keep,
		func(d *projections.MFADevice) types.VirtualMFADevice { return answer.VirtualMFADevice(v.Account, d) })
	if err != nil {
		return nil, err
	}
	return &iam.ListVirtualMFADevicesOutput{VirtualMFADevices: devices, IsTruncated: more, Marker: marker}, nil
}

// GetMFADevice says whose a device is, and since when.
func (v *View) GetMFADevice(ctx context.Context, in *iam.GetMFADeviceInput) (*iam.GetMFADeviceOutput, error) {
	d, err := answer.MFADeviceAt(v.Account, *in.SerialNumber)
	if err == nil && in.UserName != nil {
		var u *projections.User
		if u, err = answer.MFAOwner(v.Account, v.Caller, in.UserName); err == nil {
			d, err = answer.MFADeviceOf(v.Account, u, *in.SerialNumber)
		}
	}
	if err == nil && d.User == "" {
		err = answer.NoSuchEntity("MFA Device invalid for user.")
	}
	if err != nil {
		return nil, err
	}
	of := answer.MFADevice(v.Account, d)
	return &iam.GetMFADeviceOutput{SerialNumber: of.SerialNumber, UserName: of.UserName, EnableDate: of.EnableDate}, nil
}

// ListMFADeviceTags lists the tags of a device by key.
func (v *View) ListMFADeviceTags(ctx context.Context, in *iam.ListMFADeviceTagsInput) (*iam.ListMFADeviceTagsOutput, error) {
	d, err := answer.MFADeviceAt(v.Account, *in.SerialNumber)
	if err != nil {
		return nil, err
	}
	tags, more, marker, err := v.tags(&d.Entity, in.Marker, in.MaxItems)
	if err != nil {
		return nil, err
	}
	return &iam.ListMFADeviceTagsOutput{Tags: tags, IsTruncated: more, Marker: marker}, nil
}
