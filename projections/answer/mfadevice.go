package answer

import (
	"bytes"
	"image"
	"image/color"
	"image/png"

	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/boombuler/barcode/qr"

	"github.com/keytrail/keytrail/projections"
)

// MFAOwner finds the user whose devices a request is about: by name or,
// without one, the caller. nil is the root user, whom only the root user can
// mean: without a name or, where AWS wants one, by the account's id.
func MFAOwner(a *projections.Account, c *projections.Caller, name *string) (*projections.User, error) {
	if name != nil && RootsOwn(a, c, *name) {
		return nil, nil
	}
	return Whose(a, c, name)
}

// RootsOwn says whether the root user means itself by a name.
func RootsOwn(a *projections.Account, c *projections.Caller, name string) bool {
	_, user := a.User(name)
	return !user && c.Type == projections.Root && name == a.ID
}

// MFADeviceAt finds a device by its serial number.
func MFADeviceAt(a *projections.Account, serial string) (*projections.MFADevice, error) {
	if d, ok := a.MFADevice(serial); ok {
		return d, nil
	}
	return nil, NoSuchEntity("VirtualMFADevice with serial number %s does not exist.", serial)
}

// MFADeviceOf finds a device of a user; nil: of the root user.
func MFADeviceOf(a *projections.Account, u *projections.User, serial string) (*projections.MFADevice, error) {
	d, err := MFADeviceAt(a, serial)
	if err != nil {
		return nil, err
	}
	owner := a.ID
	if u != nil {
		owner = u.ID
	}
	if d.User != owner {
		return nil, NoSuchEntity("MFA Device invalid for user.")
	}
	return d, nil
}

// MFADevice describes d as ListMFADevices does.
func MFADevice(a *projections.Account, d *projections.MFADevice) types.MFADevice {
	out := types.MFADevice{SerialNumber: ptr(d.ARN(a)), EnableDate: &d.Enabled, UserName: &a.ID}
	if u, ok := a.UserByID(d.User); ok {
		out.UserName = &u.Name
	}
	return out
}

// VirtualMFADevice describes d as ListVirtualMFADevices does.
func VirtualMFADevice(a *projections.Account, d *projections.MFADevice) types.VirtualMFADevice {
	out := types.VirtualMFADevice{SerialNumber: ptr(d.ARN(a))}
	if d.User == "" {
		return out
	}
	out.EnableDate, out.User = &d.Enabled, RootUser(a)
	if u, ok := a.UserByID(d.User); ok {
		out.User = User(a, u)
	}
	return out
}

// InvalidAuthenticationCode refuses the codes of a device.
func InvalidAuthenticationCode() error {
	return &types.InvalidAuthenticationCodeException{Message: ptr("Authentication code for device is not valid.")}
}

// QRCode draws a text, four pixels for each module and the margin that the
// standard demands.
func QRCode(text string) ([]byte, error) {
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err != nil {
		return nil, err
	}
	const scale, margin = 4, 4
	modules := code.Bounds().Dx()
	side := (modules + 2*margin) * scale
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range side {
		for x := range side {
			mx, my := x/scale-margin, y/scale-margin
			if mx < 0 || my < 0 || mx >= modules || my >= modules {
				continue
			}
			if r, _, _, _ := code.At(mx, my).RGBA(); r == 0 {
				img.SetColorIndex(x, y, 1)
			}
		}
	}
	var b bytes.Buffer
	err = png.Encode(&b, img)
	return b.Bytes(), err
}
