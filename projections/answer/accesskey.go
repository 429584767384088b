package answer

import (
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections"
)

// AccessKey describes k, which belongs to u; nil: to the root user.
func AccessKey(k *projections.AccessKey, u *projections.User) types.AccessKeyMetadata {
	d := types.AccessKeyMetadata{AccessKeyId: &k.ID, CreateDate: &k.Created, Status: types.StatusTypeInactive}
	if k.Active {
		d.Status = types.StatusTypeActive
	}
	if u != nil {
		d.UserName = &u.Name
	}
	return d
}

// AccessKeyOf finds a key of u; nil: of the root user of a.
func AccessKeyOf(w *projections.World, a *projections.Account, u *projections.User, id string) (*projections.AccessKey, error) {
	owner := ""
	if u != nil {
		owner = u.ID
	}
	if k, ok := w.AccessKey(id); ok && k.Account == a.ID && k.UserID == owner {
		return k, nil
	}
	return nil, NoSuchEntity("The Access Key with id %s cannot be found.", id)
}
