package answer

import "github.com/keytrail/keytrail/projections"

// ResourceAt finds what the account has registered under an ARN. What another
// has registered is answered like what nobody has.
func ResourceAt(a *projections.Account, arn string) (*projections.Resource, error) {
	if r, ok := a.Resource(arn); ok {
		return r, nil
	}
	if len(arn) > 2048 {
		arn = arn[:2048]
	}
	return nil, NoSuchEntity("Resource %s is not registered.", arn)
}
