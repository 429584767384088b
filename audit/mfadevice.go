package audit

import (
	"context"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/projections/answer"
	"github.com/keytrail/keytrail/query"
)

// mfaDevice adds the device of that serial number: one that there is, or the
// one that is asked for.
func (k *ask) mfaDevice(serial *string) {
	if d, ok := k.account.MFADevice(*serial); ok {
		k.on(d.ARN(k.account), "AWS::IAM::VirtualMFADevice", d.Tags)
		return
	}
	if !strings.HasPrefix(*serial, "arn:") { // the number of a device of hardware, which no policy can name
		k.on(k.account.ARN("mfa", "/", *serial), "", nil)
		return
	}
	k.on(*serial, "AWS::IAM::VirtualMFADevice", nil)
}

// mfaOwner adds the user whose devices a request is about.
func (k *ask) mfaOwner(name *string) {
	if name != nil && answer.RootsOwn(k.account, k.caller, *name) {
		name = nil
	}
	k.user(name)
}

var mfaDevices = []Action{
	finished(command("iam", (*commands.Tx).CreateVirtualMFADevice, func(k *ask, in *iam.CreateVirtualMFADeviceInput) {
		k.on(k.account.ARN("mfa", or(in.Path, "/"), *in.VirtualMFADeviceName), "AWS::IAM::VirtualMFADevice", nil)
		k.created(in.Tags, "iam:TagMFADevice")
	}, "path virtualMFADeviceName tags", "virtualMFADevice.serialNumber virtualMFADevice.tags"), drawn),
	command("iam", (*commands.Tx).EnableMFADevice, func(k *ask, in *iam.EnableMFADeviceInput) { k.mfaOwner(in.UserName) }, "userName serialNumber", ""),
	command("iam", (*commands.Tx).ResyncMFADevice, func(k *ask, in *iam.ResyncMFADeviceInput) { k.mfaOwner(in.UserName) }, "userName serialNumber", ""),
	command("iam", (*commands.Tx).DeactivateMFADevice, func(k *ask, in *iam.DeactivateMFADeviceInput) { k.mfaOwner(in.UserName) }, "userName serialNumber", ""),
	command("iam", (*commands.Tx).DeleteVirtualMFADevice, func(k *ask, in *iam.DeleteVirtualMFADeviceInput) { k.mfaDevice(in.SerialNumber) }, "serialNumber", ""),
	look("iam", (*query.View).ListMFADevices, func(k *ask, in *iam.ListMFADevicesInput) { k.mfaOwner(in.UserName) }, "userName maxItems"),
	look("iam", (*query.View).ListVirtualMFADevices, func(k *ask, _ *iam.ListVirtualMFADevicesInput) { k.list("mfa", nil) }, "assignmentStatus maxItems"),
	look("iam", (*query.View).GetMFADevice, func(k *ask, in *iam.GetMFADeviceInput) {
		if d, ok := k.account.MFADevice(*in.SerialNumber); ok && in.UserName == nil {
			if u, ok := k.account.UserByID(d.User); ok {
				k.user(&u.Name)
				return
			}
		}
		k.mfaOwner(in.UserName)
	}, "serialNumber userName"),
	command("iam", (*commands.Tx).TagMFADevice, func(k *ask, in *iam.TagMFADeviceInput) { k.mfaDevice(in.SerialNumber); k.requestTags(in.Tags) }, "serialNumber tags", ""),
	command("iam", (*commands.Tx).UntagMFADevice, func(k *ask, in *iam.UntagMFADeviceInput) { k.mfaDevice(in.SerialNumber); k.untag(in.TagKeys) }, "serialNumber tagKeys", ""),
	look("iam", (*query.View).ListMFADeviceTags, func(k *ask, in *iam.ListMFADeviceTagsInput) { k.mfaDevice(in.SerialNumber) }, "serialNumber maxItems"),
}

// drawn adds the picture of a new device's seed, which apps read (IAM API
// Reference, VirtualMFADevice, QRCodePNG).
func drawn(_ context.Context, t *turn, out *iam.CreateVirtualMFADeviceOutput) (err error) {
	d := out.VirtualMFADevice
	name := (*d.SerialNumber)[strings.LastIndexByte(*d.SerialNumber, '/')+1:]
	d.QRCodePNG, err = answer.QRCode("otpauth://totp/" + name + "@" + t.recipient + "?secret=" + string(d.Base32StringSeed))
	return err
}

// finished marks the row of an action whose answer is completed when the World
// is not read any more: what is done then takes long, or reads other stores.
func finished[O any](a Action, finish func(context.Context, *turn, *O) error) Action {
	a.finish = func(ctx context.Context, t *turn, out any) error { return finish(ctx, t, out.(*O)) }
	return a
}

// coded marks the row of an action that takes an MFA code.
func coded[I any](a Action, code func(*I) (serial, code *string)) Action {
	a.code = func(in any) (serial, digits *string) { return code(in.(*I)) }
	return a
}
