package query

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
)

// answers gives queries and holds the JSON of the answers, without what is
// nil, against want. IDs and dates are those of the facts.
func answers[I, O any](t *testing.T, name string, v *View, query func(*View, context.Context, *I) (*O, error), in *I, want string) {
	t.Helper()
	out, err := query(v, context.Background(), in)
	got := ""
	if err != nil {
		got = err.Error()
	} else {
		text, _ := json.Marshal(out)
		var tree any
		_ = json.Unmarshal(text, &tree)
		text, _ = json.Marshal(prune(tree))
		got = string(text)
	}
	if got != want {
		t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
	}
}

func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "ResultMetadata")
		for k, e := range v {
			if v[k] = prune(e); v[k] == nil {
				delete(v, k)
			}
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
	}
	return v
}

func TestDescriptions(t *testing.T) {
	v := view(
		events.PolicyCreated{ID: id("ANPA", 1), Name: "p", Path: "/x/", Description: "d", Document: document, Tags: []events.Tag{{Key: "k", Value: "v"}}},
		events.UserCreated{ID: id("AIDA", 1), Name: "Ana", Path: "/x/", Tags: []events.Tag{{Key: "b", Value: "1"}, {Key: "a", Value: ""}}},
		events.BoundaryPut{On: id("AIDA", 1), Policy: id("ANPA", 1)},
		events.RoleCreated{ID: id("AROA", 1), Name: "r", Path: "/", Description: "d", MaxSession: 7200, Trust: events.Trust{Document: trust}},
		events.PolicyAttached{To: id("AROA", 1), Policy: id("ANPA", 1)},
		events.InlinePolicyPut{In: id("AROA", 1), Name: "own", Document: `{ "é": "~*" }`},
		events.AccessKeyCreated{ID: "AKIAQEAAAAAAAAAAAAAA", User: id("AIDA", 1), Secret: "k1.x"},
		events.AccessKeyCreated{ID: "AKIAQEAAAAAAAAAAAAAB", Secret: "k1.x"},
		events.PolicyVersionCreated{Policy: id("ANPA", 1), Version: 2, Document: document},
	)
	const arn = "arn:aws:iam::111122223333:"
	encoded := "%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Principal%22%3A%7B%22AWS%22%3A%22111122223333%22%7D%2C%22Action%22%3A%22sts%3AAssumeRole%22%7D%5D%7D"
	role := `"Arn":"` + arn + `role/r","AssumeRolePolicyDocument":"` + encoded + `","CreateDate":"2026-11-22T08:00:04Z","Description":"d","MaxSessionDuration":7200,"Path":"/","RoleId":"AROA00000000000000001","RoleName":"r"`
	user := `"Arn":"` + arn + `user/x/Ana","CreateDate":"2026-11-22T08:00:02Z","Path":"/x/"`
	answers(t, "a user, with tags as given and boundary", v, (*View).GetUser, &iam.GetUserInput{UserName: new("ana")},
		`{"User":{`+user+`,"PermissionsBoundary":{"PermissionsBoundaryArn":"`+arn+`policy/x/p","PermissionsBoundaryType":"PermissionsBoundaryPolicy"},"Tags":[{"Key":"b","Value":"1"},{"Key":"a","Value":""}],"UserId":"AIDA00000000000000001","UserName":"Ana"}}`)
	answers(t, "users, without either", v, (*View).ListUsers, &iam.ListUsersInput{}, `{"IsTruncated":false,"Users":[{`+user+`,"UserId":"AIDA00000000000000001","UserName":"Ana"}]}`)
	answers(t, "the root user", v, (*View).GetUser, &iam.GetUserInput{}, `{"User":{"Arn":"`+arn+`root","CreateDate":"2026-11-22T08:00:00Z","UserId":"111122223333"}}`)
	answers(t, "nobody", v, (*View).GetUser, &iam.GetUserInput{UserName: new("x")}, "NoSuchEntity: The user with name x cannot be found.")
	answers(t, "a role", v, (*View).GetRole, &iam.GetRoleInput{RoleName: new("R")}, `{"Role":{`+strings.Replace(role, `"RoleName"`, `"RoleLastUsed":{},"RoleName"`, 1)+`}}`)
	answers(t, "roles", v, (*View).ListRoles, &iam.ListRolesInput{}, `{"IsTruncated":false,"Roles":[{`+role+`}]}`)
	answers(t, "a policy", v, (*View).GetPolicy, &iam.GetPolicyInput{PolicyArn: new(arn + "policy/x/p")},
		`{"Policy":{"Arn":"`+arn+`policy/x/p","AttachmentCount":1,"CreateDate":"2026-11-22T08:00:01Z","DefaultVersionId":"v1","Description":"d","IsAttachable":true,"Path":"/x/","PermissionsBoundaryUsageCount":1,"PolicyId":"ANPA00000000000000001","PolicyName":"p","Tags":[{"Key":"k","Value":"v"}],"UpdateDate":"2026-11-22T08:00:09Z"}}`)
	answers(t, "policies", v, (*View).ListPolicies, &iam.ListPoliciesInput{Scope: types.PolicyScopeTypeLocal, OnlyAttached: true},
		`{"IsTruncated":false,"Policies":[{"Arn":"`+arn+`policy/x/p","AttachmentCount":1,"CreateDate":"2026-11-22T08:00:01Z","DefaultVersionId":"v1","IsAttachable":true,"Path":"/x/","PermissionsBoundaryUsageCount":1,"PolicyId":"ANPA00000000000000001","PolicyName":"p","UpdateDate":"2026-11-22T08:00:09Z"}]}`)
	answers(t, "policies of AWS in use", v, (*View).ListPolicies, &iam.ListPoliciesInput{Scope: types.PolicyScopeTypeAws, OnlyAttached: true}, `{"IsTruncated":false,"Policies":[]}`)
	answers(t, "versions", v, (*View).ListPolicyVersions, &iam.ListPolicyVersionsInput{PolicyArn: new(arn + "policy/x/p")},
		`{"IsTruncated":false,"Versions":[{"CreateDate":"2026-11-22T08:00:09Z","IsDefaultVersion":false,"VersionId":"v2"},{"CreateDate":"2026-11-22T08:00:01Z","IsDefaultVersion":true,"VersionId":"v1"}]}`)
	answers(t, "an inline policy, byte for byte", v, (*View).GetRolePolicy, &iam.GetRolePolicyInput{RoleName: new("r"), PolicyName: new("OWN")},
		`{"PolicyDocument":"%7B%20%22%C3%A9%22%3A%20%22~%2A%22%20%7D","PolicyName":"own","RoleName":"r"}`)
	answers(t, "a key never used", v, (*View).GetAccessKeyLastUsed, &iam.GetAccessKeyLastUsedInput{AccessKeyId: new("AKIAQEAAAAAAAAAAAAAA")},
		`{"AccessKeyLastUsed":{"Region":"N/A","ServiceName":"N/A"},"UserName":"Ana"}`)
	trail := uses{"AKIAQEAAAAAAAAAAAAAA": {v.Now, "iam", "us-east-1"}}
	used := func(v *View, ctx context.Context, in *iam.GetAccessKeyLastUsedInput) (*iam.GetAccessKeyLastUsedOutput, error) {
		out, err := v.GetAccessKeyLastUsed(ctx, in)
		if err != nil {
			return nil, err
		}
		return out, LastUse(ctx, trail, v.Account.ID, *in.AccessKeyId, out)
	}
	answers(t, "a key used", v, used, &iam.GetAccessKeyLastUsedInput{AccessKeyId: new("AKIAQEAAAAAAAAAAAAAA")},
		`{"AccessKeyLastUsed":{"LastUsedDate":"2026-11-22T09:00:00Z","Region":"us-east-1","ServiceName":"iam"},"UserName":"Ana"}`)
	answers(t, "root's keys", v, (*View).ListAccessKeys, &iam.ListAccessKeysInput{},
		`{"AccessKeyMetadata":[{"AccessKeyId":"AKIAQEAAAAAAAAAAAAAB","CreateDate":"2026-11-22T08:00:08Z","Status":"Active"}],"IsTruncated":false}`)
	answers(t, "whose account", v, (*View).GetAccessKeyInfo, &sts.GetAccessKeyInfoInput{AccessKeyId: new("AKIAQEAAAAAAAAAAAAAB")}, `{"Account":"111122223333"}`)
	answers(t, "who asks", v, (*View).GetCallerIdentity, &sts.GetCallerIdentityInput{}, `{"Account":"111122223333","Arn":"`+arn+`root","UserId":"111122223333"}`)
	answers(t, "no alias", v, (*View).ListAccountAliases, &iam.ListAccountAliasesInput{}, `{"AccountAliases":[],"IsTruncated":false}`)

	summary, _ := v.GetAccountSummary(context.Background(), nil)
	for name, want := range map[string]int32{"Users": 1, "Roles": 1, "Policies": 1, "PolicyVersionsInUse": 2, "AccountAccessKeysPresent": 1, "UsersQuota": 5000, "AssumeRolePolicySizeQuota": 2048} {
		if got := summary.SummaryMap[name]; got != want {
			t.Errorf("summary: %s %d, want %d", name, got, want)
		}
	}
	if len(summary.SummaryMap) != 34 {
		t.Errorf("the summary has %d entries, want 34", len(summary.SummaryMap))
	}
	v.Caller = &projections.Caller{Type: projections.AssumedRole, Account: v.Account}
	answers(t, "a session's own user", v, (*View).GetUser, &iam.GetUserInput{}, "api error ValidationError: Must specify userName when calling with non-User credentials")
}

// A principal of a trust policy is shown by the ARN it has now and, once it is
// gone, by its unique id, whoever has its name then; every other byte stays.
func TestTrustIsShownByWhoIsMeant(t *testing.T) {
	text := func(arn string) string {
		return `{ "Version":"2012-10-17","Statement":[{"Sid":"` + "arn" + `","Effect":"Allow","Principal":{"AWS":["` + arn + `","111122223333"]},
			"Action":"sts:AssumeRole","Condition":{"StringEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:user/ana"}}}]}`
	}
	const ana = "arn:aws:iam::111122223333:user/ana"
	facts := []events.Event{
		events.UserCreated{ID: id("AIDA", 1), Name: "ana", Path: "/"},
		events.RoleCreated{ID: id("AROA", 1), Name: "r", Path: "/", Trust: events.Trust{Document: text(ana), Bound: map[string]string{ana: id("AIDA", 1)}}},
	}
	for _, c := range []struct {
		then []events.Event
		want string
	}{
		{nil, ana},
		{[]events.Event{events.UserRenamed{ID: id("AIDA", 1), Name: "bea", Path: "/x/"}}, "arn:aws:iam::111122223333:user/x/bea"},
		{[]events.Event{events.UserDeleted{ID: id("AIDA", 1)}}, id("AIDA", 1)},
		{[]events.Event{events.UserDeleted{ID: id("AIDA", 1)}, events.UserCreated{ID: id("AIDA", 2), Name: "ana", Path: "/"}}, id("AIDA", 1)},
	} {
		out, err := view(append(facts, c.then...)...).GetRole(context.Background(), &iam.GetRoleInput{RoleName: new("r")})
		if err != nil {
			t.Fatal(err)
		}
		got, err := url.PathUnescape(*out.Role.AssumeRolePolicyDocument)
		if want := text(c.want); err != nil || got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}
