package audit

import (
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keytrail/keytrail/commands"
	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections/policy"
	"github.com/keytrail/keytrail/query"
)

// assume adds a role to be assumed, with its trust policy, in whatever account
// it is. Of a role that does not exist nothing can be trusted, so the answer
// is the same as for one that does not trust the caller.
func (k *ask) assume(arn string) {
	t := k.on(arn, "AWS::IAM::Role", nil)
	t.side = &policy.Policies{Trust: true}
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 {
		return
	}
	t.owner = parts[4]
	a, ok := k.world.Account(parts[4])
	if !ok {
		return
	}
	if r, ok := a.Role(arn[strings.LastIndexByte(arn, '/')+1:]); ok && r.ARN(a) == arn {
		t.tags, t.side = r.Tags, k.world.Bound(a, k.world.TrustPolicy(a, r))
		// What a chain of sessions carries on goes before the role's own tags.
		if s := k.caller.Session; s != nil {
			t.tags = slices.Clone(t.tags)
			for _, key := range s.TransitiveTags {
				t.tags = append(t.tags, events.Tag{Key: key, Value: s.Tags[key]})
			}
		}
	}
}

var sessions = []Action{
	coded(issue("sts", (*commands.Tx).AssumeRole, func(k *ask, in *sts.AssumeRoleInput) {
		k.assume(*in.RoleArn)
		k.key("sts:RoleSessionName", in.RoleSessionName)
		k.key("sts:ExternalId", in.ExternalId)
		for _, t := range in.Tags {
			k.tags = append(k.tags, events.Tag{Key: str(t.Key), Value: str(t.Value)})
		}
		transitive := slices.Clone(in.TransitiveTagKeys)
		source := in.SourceIdentity
		if s := k.caller.Session; s != nil {
			transitive = append(transitive, s.TransitiveTags...)
			if source == nil && s.SourceIdentity != "" {
				source = &s.SourceIdentity
			}
		}
		k.key("sts:SourceIdentity", source)
		k.lists = maps.Collect(maps.All(map[string][]string{"sts:TransitiveTagKeys": transitive}))
		if len(in.Tags)+len(transitive) > 0 {
			k.also("sts:TagSession")
		}
		if source != nil {
			k.also("sts:SetSourceIdentity")
		}
	}, "roleArn roleSessionName durationSeconds externalId sourceIdentity policy policyArns tags transitiveTagKeys serialNumber",
		"credentials.accessKeyId credentials.expiration assumedRoleUser sourceIdentity packedPolicySize"),
		func(in *sts.AssumeRoleInput) (serial, code *string) { return in.SerialNumber, in.TokenCode }),
	coded(issue("sts", (*commands.Tx).GetSessionToken, nil, "durationSeconds serialNumber", "credentials.accessKeyId credentials.expiration"),
		func(in *sts.GetSessionTokenInput) (serial, code *string) { return in.SerialNumber, in.TokenCode }),
	look("sts", (*query.View).GetCallerIdentity, nil, ""),
	look("sts", (*query.View).GetAccessKeyInfo, func(k *ask, _ *sts.GetAccessKeyInfoInput) { k.any() }, "accessKeyId"),
}
