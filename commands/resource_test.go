package commands

import (
	"fmt"
	"strings"
	"testing"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
)

func bucketPolicy(principal string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":` + principal + `,"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}]}`
}

func putResource(arn string, policy *string) call {
	return do((*Tx).PutResource, &PutResourceInput{ResourceArn: arn, Policy: policy})
}

func TestResources(t *testing.T) {
	const b = "arn:aws:s3:::b"
	refused := func(arn, why string) string {
		return `ValidationError: ResourceArn "` + arn + `" can't be registered: ` + why + `.`
	}
	all := s(bucketPolicy(`"*"`))
	ana := s(bucketPolicy(`{"AWS":"arn:aws:iam::111122223333:user/ana"}`))
	quote := func(p *string) string { return strings.ReplaceAll(*p, `"`, `\"`) }
	stories := []story{
		{name: "register", when: putResource(b, nil), facts: []string{`keytrail.resource.put.v1 {"arn":"arn:aws:s3:::b"}`}},
		{name: "register with a policy and tags", given: []call{newUser("ana")}, when: do((*Tx).PutResource, &PutResourceInput{ResourceArn: b, Policy: ana, Tags: tags("k", "v")}),
			facts: []string{`keytrail.resource.put.v1 {"arn":"arn:aws:s3:::b","policy":{"document":"` + quote(ana) + `","bound":{"arn:aws:iam::111122223333:user/ana":"AIDA1"}},"tags":[{"k":"k","v":"v"}]}`}},
		{name: "what is not given stays", given: []call{do((*Tx).PutResource, &PutResourceInput{ResourceArn: b, Policy: all, Tags: tags("k", "v")})}, when: putResource(b, nil)},
		{name: "the same again", given: []call{putResource(b, all)}, when: putResource(b, all)},
		{name: "take the policy away", given: []call{putResource(b, all)}, when: putResource(b, s("")), facts: []string{`keytrail.resource.put.v1 {"arn":"arn:aws:s3:::b"}`}},
		{name: "nobody of that name", when: putResource(b, ana), err: `MalformedPolicyDocument: Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/ana"`},
		{name: "a canonical id", when: putResource(b, s(bucketPolicy(`{"CanonicalUser":"abc"}`))), err: `MalformedPolicyDocument: Invalid principal in policy: "CanonicalUser":"abc"`},
		{name: "no principal", when: putResource(b, s(allowList)), err: "MalformedPolicyDocument: Missing required field Principal"},
		{name: "too large a policy", when: putResource(b, s(strings.Replace(*all, `"2012-10-17"`, `"2012-10-17","Id":"`+strings.Repeat("x", 20<<10)+`"`, 1))), err: "LimitExceeded: Cannot exceed quota for ResourcePolicySize: 20480"},
		{name: "a tag without a value", when: do((*Tx).PutResource, &PutResourceInput{ResourceArn: b, Tags: tags("k", "v\n")}), err: "ValidationError: A tag has a key of 1 to 128 and a value of 0 to 256 letters, digits, spaces and _.:/=+-@."},
		{name: "a tag of AWS", when: do((*Tx).PutResource, &PutResourceInput{ResourceArn: b, Tags: tags("aws:k", "v")}), err: "InvalidInput: Tag keys beginning with aws: are reserved for system use."},
		{name: "tag", given: []call{putResource(b, nil)}, when: do((*Tx).TagResource, &TagResourceInput{ResourceArn: b, Tags: tags("k", "v")}), facts: []string{`keytrail.resource.tagged.v1 {"arn":"arn:aws:s3:::b","tags":[{"k":"k","v":"v"}]}`}},
		{name: "untag", given: []call{do((*Tx).PutResource, &PutResourceInput{ResourceArn: b, Tags: tags("k", "v")})}, when: do((*Tx).UntagResource, &UntagResourceInput{ResourceArn: b, TagKeys: []string{"K", "x"}}), facts: []string{`keytrail.resource.untagged.v1 {"arn":"arn:aws:s3:::b","keys":["k"]}`}},
		{name: "tag nothing", when: do((*Tx).TagResource, &TagResourceInput{ResourceArn: b, Tags: tags("k", "v")}), err: "NoSuchEntity: Resource arn:aws:s3:::b is not registered."},
		{name: "delete", given: []call{putResource(b, all)}, when: do((*Tx).DeleteResource, &DeleteResourceInput{ResourceArn: b}), facts: []string{`keytrail.resource.deleted.v1 {"arn":"arn:aws:s3:::b"}`}},
	}
	for arn, why := range map[string]string{
		"b": "it is not an ARN", "": "it is not an ARN", "arn:aws:s3": "it is not an ARN", "arn:aws:s3:::\xff": "it is not an ARN",
		"arn:aws-cn:s3:::b":                         "its partition is not aws",
		"arn:aws:S3:::b":                            "its service or region has other characters than small letters, digits and hyphens",
		"arn:aws:iam::111122223333:role/r":          "it is of a service that Keytrail is itself",
		"arn:aws:sqs:us-east-1:444455556666:q":      "it is of another account",
		"arn:aws:sqs:us-east-1:*:q":                 "it is of another account",
		"arn:aws:s3:::":                             "it names no resource, or begins or ends with a slash",
		"arn:aws:s3:::b/":                           "it names no resource, or begins or ends with a slash",
		"arn:aws:apigateway:us-east-1::/restapis/a": "it names no resource, or begins or ends with a slash",
		"arn:aws:s3:::b*":                           "it has a wildcard or a control character",
		"arn:aws:route53:::hostedzone":              "without an account it must name one thing of a kind",
		"arn:aws:s3:::b" + strings.Repeat("/x", 17): "it has too many slashes",
	} {
		stories = append(stories, story{name: "register " + arn, when: putResource(arn, nil), err: refused(strings.ToValidUTF8(arn, "\xff"), why)})
	}
	tell(t, stories)
}

// An ARN without account belongs to who registered it first, with all that
// shares it, for as long as it is registered; and there is an end to how many.
func TestResourcesOfNoAccount(t *testing.T) {
	l := newLab(t)
	their := func(f events.Event) {
		l.world.Apply(events.Unit{Seq: l.world.Seq + 1, Account: other, Time: l.now, Facts: []events.Event{f}})
	}
	owner := func(arn string) string {
		a, _ := l.world.Registered(arn)
		if a == nil {
			return ""
		}
		return a.ID
	}
	l.must(putResource("arn:aws:s3:::b/x", nil))
	their(events.ResourcePut{ARN: "arn:aws:s3:::c/x"})
	their(events.ResourcePut{ARN: "arn:aws:s3:::d"})
	their(events.ResourcePut{ARN: "arn:aws:s3:::b"})     // would cover ours: they were too late
	their(events.ResourcePut{ARN: "arn:aws:s3:::b/x/y"}) // ours covers it
	for arn, want := range map[string]string{"b/x": home, "b/x/y/z": home, "b": "", "c/x": other, "c": "", "d": other, "d/e": other} {
		if got := owner("arn:aws:s3:::" + arn); got != want {
			t.Errorf("%s is of %q, want %q", arn, got, want)
		}
	}
	for _, arn := range []string{"c", "c/x", "c/x/y", "d", "d/e"} {
		if _, _, err := l.run(putResource("arn:aws:s3:::"+arn, nil)); !strings.HasPrefix(said(err), "EntityAlreadyExists: ") {
			t.Errorf("%s: %v", arn, err)
		}
	}
	l.must(putResource("arn:aws:s3:::c/y", nil), putResource("arn:aws:s3:::b", nil))
	their(events.ResourceDeleted{ARN: "arn:aws:s3:::b"}) // not theirs
	their(events.ResourceDeleted{ARN: "arn:aws:s3:::d"})
	if owner("arn:aws:s3:::b") != home || owner("arn:aws:s3:::d") != "" {
		t.Error("who deletes decides over others'")
	}
	l.must(putResource("arn:aws:s3:::d/e", nil))
	for i := l.account().Resources(); i < l.account().Quotas().Resources; i++ {
		l.world.Apply(events.Unit{Seq: l.world.Seq + 1, Account: home, Time: l.now, Facts: []events.Event{events.ResourcePut{ARN: fmt.Sprint("arn:aws:s3:::q", i)}}})
	}
	if _, _, err := l.run(putResource("arn:aws:s3:::one-more", nil)); said(err) != "LimitExceeded: Cannot exceed quota for ResourcesPerAccount: 10000" {
		t.Error(err)
	}
	l.must(putResource("arn:aws:s3:::b", s("")))
	if _, found := l.world.Registered("arn:aws:s3:::b/x" + strings.Repeat("/", 2000)); len(found) != 2 {
		t.Errorf("of something very deep %d are found", len(found))
	}
	if n := projections.ResourceDepth; n != 16 {
		t.Errorf("ARNs of %d slashes", n)
	}
}
