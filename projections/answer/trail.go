package answer

import (
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"

	"github.com/keytrail/keytrail/projections"
)

// AlwaysOn is the name of the trail that every account has. It delivers to the
// audit store, and nothing can change it.
const AlwaysOn = "keytrail"

// TrailARN is the ARN of a trail of an account.
func TrailARN(region, account, name string) string {
	return "arn:aws:cloudtrail:" + region + ":" + account + ":trail/" + name
}

var trailName = regexp.MustCompile(`^[A-Za-z0-9._-]*$`)

// TrailName is the name that a name or an ARN stands for. The messages are
// CloudTrail's.
func TrailName(region, account, given string) (string, error) {
	name := given
	if strings.HasPrefix(given, "arn:") {
		prefix := TrailARN(region, account, "")
		rest, ours := strings.CutPrefix(given, prefix)
		if parts := strings.Split(given, ":"); len(parts) != 6 || parts[2] != "cloudtrail" || !strings.HasPrefix(parts[5], "trail/") {
			return "", &types.CloudTrailARNInvalidException{Message: text("The specified trail ARN is not valid: %s", given)}
		}
		if !ours {
			return "", UnknownTrail(given, account)
		}
		name = rest
	}
	invalid := func(message string) error { return &types.InvalidTrailNameException{Message: &message} }
	switch {
	case len(name) < 3:
		return "", invalid("Trail name cannot be shorter than 3 characters!")
	case len(name) > 128:
		return "", invalid("Trail name cannot be longer than 128 characters!")
	case !trailName.MatchString(name):
		return "", invalid("Trail name or ARN can only contain uppercase letters, lowercase letters, numbers, periods (.), hyphens (-), and underscores (_).")
	case strings.IndexByte("._-", name[0]) >= 0:
		return "", invalid("Trail name must starts with a letter or number.")
	case strings.IndexByte("._-", name[len(name)-1]) >= 0:
		return "", invalid("Trail name must ends with a letter or number.")
	}
	for i := range len(name) - 1 {
		if strings.IndexByte("._-", name[i]) >= 0 && strings.IndexByte("._-", name[i+1]) >= 0 {
			return "", invalid("Trail name cannot have adjacent periods, hyphens or underscores.")
		}
	}
	return name, nil
}

// TrailNamed finds a trail by name or ARN; of the one that is always on it
// gives nil.
func TrailNamed(region string, a *projections.Account, given string) (*projections.Trail, error) {
	name, err := TrailName(region, a.ID, given)
	if err != nil {
		return nil, err
	}
	if name == AlwaysOn {
		return nil, nil
	}
	if t, ok := a.Trail(name); ok {
		return t, nil
	}
	return nil, UnknownTrail(given, a.ID)
}

// UnknownTrail says that there is no such trail.
func UnknownTrail(given, account string) error {
	return &types.TrailNotFoundException{Message: text("Unknown trail: %s for the user: %s", given, account)}
}

// Trail describes t as DescribeTrails does; nil is the one that is always on.
func Trail(region, account string, t *projections.Trail) *types.Trail {
	no := false
	if t == nil {
		yes := true
		return &types.Trail{
			Name: ptr(AlwaysOn), TrailARN: ptr(TrailARN(region, account, AlwaysOn)), HomeRegion: &region, IncludeGlobalServiceEvents: &yes, IsMultiRegionTrail: &yes,
			LogFileValidationEnabled: &no, HasCustomEventSelectors: &no, HasInsightSelectors: &no, IsOrganizationTrail: &no,
		}
	}
	d := &types.Trail{
		Name: &t.Name, TrailARN: ptr(TrailARN(region, account, t.Name)), HomeRegion: &region, S3BucketName: &t.Bucket,
		IncludeGlobalServiceEvents: &t.Global, IsMultiRegionTrail: &t.MultiRegion, LogFileValidationEnabled: &t.Validate,
		HasCustomEventSelectors: ptr(t.Basic != nil || t.Advanced != nil), HasInsightSelectors: &no, IsOrganizationTrail: &no,
	}
	if t.Prefix != "" {
		d.S3KeyPrefix = &t.Prefix
	}
	return d
}
