package query

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/events"
)

const (
	getAny   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}]}`
	ownFiles = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/*"},{"Effect":"Deny","Action":"s3:Put*","Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}}]}`
	bucket   = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/ana"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}}`
	// Written so that line and column are not those of one line.
	onLines = "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Effect\": \"Allow\",\n      \"Action\": \"*\",\n      \"Resource\": \"*\"\n    }\n  ]\n}"
)

func at(line, from, toLine, to int) string {
	return fmt.Sprintf(`"EndPosition":{"Column":%d,"Line":%d},`, to, toLine) + `"SourcePolicyId":"PolicyInputList.1","SourcePolicyType":"IAM Policy",` + fmt.Sprintf(`"StartPosition":{"Column":%d,"Line":%d}`, from, line)
}

func TestSimulateCustomPolicy(t *testing.T) {
	v := view()
	ask := func(in iam.SimulateCustomPolicyInput) *iam.SimulateCustomPolicyInput {
		if in.ActionNames == nil {
			in.ActionNames = []string{"s3:GetObject"}
		}
		if in.PolicyInputList == nil {
			in.PolicyInputList = []string{getAny}
		}
		return &in
	}
	custom := (*View).SimulateCustomPolicy
	one := func(result string) string { return `{"EvaluationResults":[` + result + `],"IsTruncated":false}` }
	const ana = "arn:aws:iam::111122223333:user/ana"

	answers(t, "on everything", v, custom, ask(iam.SimulateCustomPolicyInput{PolicyInputList: []string{onLines}}),
		one(`{"EvalActionName":"s3:GetObject","EvalDecision":"allowed","EvalResourceName":"*","MatchedStatements":[{`+at(3, 17, 8, 6)+`}],"MissingContextValues":[]}`))
	answers(t, "on one thing", v, custom, ask(iam.SimulateCustomPolicyInput{ResourceArns: []string{"arn:aws:s3:::b/x"}}),
		one(`{"EvalActionName":"s3:GetObject","EvalDecision":"allowed","EvalDecisionDetails":{},"EvalResourceName":"arn:aws:s3:::b/x","MatchedStatements":[{`+at(1, 38, 1, 90)+`}],"MissingContextValues":[],`+
			`"ResourceSpecificResults":[{"EvalResourceDecision":"allowed","EvalResourceName":"arn:aws:s3:::b/x","MatchedStatements":[{`+at(1, 38, 1, 90)+`}],"MissingContextValues":[]}]}`))
	answers(t, "what is not known is told", v, custom, ask(iam.SimulateCustomPolicyInput{PolicyInputList: []string{ownFiles}, ActionNames: []string{"s3:PutObject"}}),
		one(`{"EvalActionName":"s3:PutObject","EvalDecision":"explicitDeny","EvalResourceName":"*","MatchedStatements":[{`+at(1, 118, 1, 238)+`}],"MissingContextValues":["aws:username","aws:MultiFactorAuthPresent"]}`))

	decisions := func(name string, in iam.SimulateCustomPolicyInput, want string) {
		t.Helper()
		out, err := v.SimulateCustomPolicy(context.Background(), ask(in))
		var got []string
		if err != nil {
			got = []string{err.Error()}
		} else {
			for _, r := range out.EvaluationResults {
				line := string(r.EvalDecision)
				for _, m := range r.MatchedStatements {
					line += " " + *m.SourcePolicyId
				}
				if d := r.PermissionsBoundaryDecisionDetail; d != nil {
					line += fmt.Sprintf(" bound=%v", d.AllowedByPermissionsBoundary)
				}
				if d := r.OrganizationsDecisionDetail; d != nil {
					line += fmt.Sprintf(" org=%v", d.AllowedByOrganizations)
				}
				if len(r.EvalDecisionDetails) > 0 {
					line += fmt.Sprint(" ", r.EvalDecisionDetails)
				}
				if len(r.MissingContextValues) > 0 {
					line += fmt.Sprint(" missing=", r.MissingContextValues)
				}
				got = append(got, line)
			}
		}
		if g := strings.Join(got, "; "); g != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, g, want)
		}
	}
	entry := func(name string, typ types.ContextKeyTypeEnum, values ...string) types.ContextEntry {
		return types.ContextEntry{ContextKeyName: &name, ContextKeyType: typ, ContextKeyValues: values}
	}
	when := func(condition string) []string {
		return []string{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":` + condition + `}}`}
	}
	type in = iam.SimulateCustomPolicyInput
	decisions("actions times resources", in{ActionNames: []string{"s3:GetObject", "S3:PUTOBJECT"}, ResourceArns: []string{"arn:aws:s3:::b/x", "*"}}, "allowed PolicyInputList.1; allowed PolicyInputList.1; implicitDeny; implicitDeny")
	decisions("the caller's name", in{PolicyInputList: []string{ownFiles}, CallerArn: new(ana), ResourceArns: []string{"arn:aws:s3:::b/ana/x", "arn:aws:s3:::b/eva/x"}},
		"allowed PolicyInputList.1 missing=[aws:MultiFactorAuthPresent]; implicitDeny missing=[aws:MultiFactorAuthPresent]")
	decisions("the name given", in{PolicyInputList: []string{ownFiles}, CallerArn: new(ana), ResourceArns: []string{"arn:aws:s3:::b/eva/x"}, ContextEntries: []types.ContextEntry{entry("AWS:UserName", "string", "eva"), entry("aws:MultiFactorAuthPresent", "boolean", "true")}}, "allowed PolicyInputList.1")
	decisions("a boundary", in{PermissionsBoundaryPolicyInputList: []string{ownFiles}, ActionNames: []string{"s3:GetObject"}, ResourceArns: []string{"arn:aws:s3:::c/x"}}, "implicitDeny PolicyInputList.1 bound=false missing=[aws:username aws:MultiFactorAuthPresent]")
	decisions("a boundary that allows", in{PermissionsBoundaryPolicyInputList: []string{getAny}}, "allowed PolicyInputList.1 PermissionsBoundaryPolicyInputList.1 bound=true")
	decisions("a resource policy alone", in{PolicyInputList: []string{document}, CallerArn: new(ana), ResourcePolicy: new(bucket), ResourceArns: []string{"arn:aws:s3:::b/x"}}, "allowed ResourcePolicy")
	decisions("another's bucket", in{CallerArn: new(ana), ResourcePolicy: new(bucket), ResourceOwner: new("arn:aws:iam::999988887777:root"), ResourceArns: []string{"arn:aws:s3:::b/x", "arn:aws:s3:::c/x"}},
		"allowed ResourcePolicy PolicyInputList.1 map[IAM Policy:allowed Resource Policy:allowed]; implicitDeny PolicyInputList.1 map[IAM Policy:allowed Resource Policy:implicitDeny]")
	decisions("a role's trust", in{CallerArn: new(ana), ActionNames: []string{"sts:AssumeRole"}, ResourceArns: []string{"arn:aws:iam::111122223333:role/r"}, PolicyInputList: []string{onLines},
		ResourcePolicy: new(`{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}}`)}, "explicitDeny ResourcePolicy PolicyInputList.1")
	decisions("an organization", in{OrderedOrganizationPolicyInputList: []types.OrderedOrganizationPolicyType{{ServiceControlPolicyInputList: []string{onLines}}, {ServiceControlPolicyInputList: []string{document}}}}, "implicitDeny PolicyInputList.1 org=false")

	for typ, c := range map[types.ContextKeyTypeEnum][2]string{ // condition, value
		"string": {`{"StringEquals":{"k:key":"a"}}`, "a"}, "numeric": {`{"NumericLessThan":{"k:key":"10"}}`, "9.5"}, "boolean": {`{"Bool":{"k:key":"true"}}`, "true"},
		"ip": {`{"IpAddress":{"k:key":"10.0.0.0/8"}}`, "10.1.2.3"}, "binary": {`{"BinaryEquals":{"k:key":"YQ=="}}`, "YQ=="}, "date": {`{"DateLessThan":{"k:key":"2030-01-01T00:00:00Z"}}`, "2026-11-22T08:00:00Z"},
	} {
		decisions(string(typ), in{PolicyInputList: when(c[0]), ContextEntries: []types.ContextEntry{entry("k:key", typ, c[1])}}, "allowed PolicyInputList.1")
		decisions(string(typ)+"List", in{PolicyInputList: when(c[0]), ContextEntries: []types.ContextEntry{entry("k:key", typ+"List", c[1])}}, "implicitDeny") // many values under an operator for one
		any := strings.Replace(c[0], `{"`, `{"ForAnyValue:`, 1)
		decisions(string(typ)+"List in a set", in{PolicyInputList: when(any), ContextEntries: []types.ContextEntry{entry("k:key", typ+"List", c[1], c[1])}}, "allowed PolicyInputList.1")
		decisions(string(typ)+" of two", in{ContextEntries: []types.ContextEntry{entry("k:key", typ, c[1], c[1])}}, "InvalidInput: Invalid context entry: k:key has several values, but "+string(typ)+" is for one.")
		if typ != "string" {
			decisions("no "+string(typ), in{ContextEntries: []types.ContextEntry{entry("k:key", typ, "?")}}, "InvalidInput: Invalid context entry: a value of k:key is not of type "+string(typ)+".")
		}
	}
	decisions("given as having no value", in{PolicyInputList: when(`{"Null":{"k:key":"true"}}`), ContextEntries: []types.ContextEntry{entry("k:key", "stringList")}}, "allowed PolicyInputList.1")
	decisions("given twice", in{ContextEntries: []types.ContextEntry{entry("k:key", "string", "a"), entry("K:key", "string", "b")}}, `InvalidInput: Invalid context entry: the key "K:key" must be given once, with a name.`)

	decisions("no JSON", in{PolicyInputList: []string{getAny, "{"}}, "InvalidInput: Syntax errors in policy.")
	decisions("a principal in it", in{PolicyInputList: []string{bucket}}, "InvalidInput: Policy document should not specify a principal.")
	decisions("no resource policy", in{CallerArn: new(ana), ResourcePolicy: new(getAny)}, "InvalidInput: Missing required field Principal")
	decisions("two boundaries", in{PermissionsBoundaryPolicyInputList: []string{getAny, getAny}}, "InvalidInput: The list of Permissions Boundary policies cannot exceed 1 items.")
	decisions("a resource policy and nobody", in{ResourcePolicy: new(bucket)}, "InvalidInput: Invalid caller - Caller must be an IAM user in this context.")
	decisions("a resource policy and a role", in{CallerArn: new("arn:aws:iam::111122223333:role/r"), ResourcePolicy: new(bucket)}, "InvalidInput: Invalid caller - Caller must be an IAM user in this context.")
	decisions("a session", in{CallerArn: new("arn:aws:sts::111122223333:assumed-role/r/s")}, "InvalidInput: Invalid Entity Arn: arn:aws:sts::111122223333:assumed-role/r/s does not clearly define entity type and name.")
	decisions("a bare owner", in{ResourceOwner: new("123456789012")}, "InvalidInput: '123456789012' is not a valid as a Resource Owner.")
	decisions("a wildcard action", in{ActionNames: []string{"s3:*"}}, "InvalidInput: Invalid Input Actions: [s3:*] must be service:operation, without wildcards.")
	decisions("no action", in{ActionNames: []string{}}, "InvalidInput: Invalid Input Actions: there must be at least one.")
	decisions("no ARN", in{ResourceArns: []string{"b/x"}}, "InvalidInput: Invalid Input Resources: b/x must be an ARN or *.")
	decisions("a scenario of nothing", in{ResourceHandlingOption: new("EC2-VPC-EBS")}, "InvalidInput: The scenario EC2-VPC-EBS needs a resource of type instance.")
	decisions("no scenario", in{ResourceHandlingOption: new("x")}, "InvalidInput: Invalid ResourceHandlingOption: x.")
	decisions("an empty organization", in{OrderedOrganizationPolicyInputList: []types.OrderedOrganizationPolicyType{{}}}, "InvalidInput: Invalid level 1 of OrderedOrganizationPolicyInputList.")
}

// A principal is judged by what hangs on it, and what is left out is left out.
func TestSimulatePrincipalPolicy(t *testing.T) {
	v := view(
		events.PolicyCreated{ID: id("ANPA", 1), Name: "lists", Path: "/x/", Document: document},
		events.PolicyCreated{ID: id("ANPA", 2), Name: "bound", Path: "/", Document: onLines},
		events.GroupCreated{ID: id("AGPA", 1), Name: "g", Path: "/"},
		events.InlinePolicyPut{In: id("AGPA", 1), Name: "of-group", Document: getAny},
		events.PolicyAttached{To: id("AGPA", 1), Policy: id("ANPA", 1)},
		events.UserCreated{ID: id("AIDA", 1), Name: "ana", Path: "/p/", Tags: []events.Tag{{Key: "Team", Value: "red"}}},
		events.UserAddedToGroup{Group: id("AGPA", 1), User: id("AIDA", 1)},
		events.InlinePolicyPut{In: id("AIDA", 1), Name: "own", Document: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sqs:*","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"red","aws:userid":"` + id("AIDA", 1) + `"}}}}`},
		events.RoleCreated{ID: id("AROA", 1), Name: "r", Path: "/", Trust: events.Trust{Document: trust}},
		events.PolicyAttached{To: id("AROA", 1), Policy: id("ANPA", 1)},
		events.BoundaryPut{On: id("AROA", 1), Policy: id("ANPA", 2)},
	)
	const home = "arn:aws:iam::111122223333:"
	actions := []string{"s3:GetObject", "iam:ListUsers", "sqs:SendMessage"}
	excluded := func(x ...types.PolicyIdentifier) iam.SimulatePrincipalPolicyInput {
		return iam.SimulatePrincipalPolicyInput{PolicySourceArn: new(home + "user/p/ana"), PolicyExclusionList: x}
	}
	inline := func(kind types.AttachmentType, of, name string) types.PolicyIdentifier {
		return &types.PolicyIdentifierMemberInlinePolicyIdentifier{Value: types.InlinePolicyIdentifierType{AttachmentName: &of, AttachmentType: kind, PolicyName: &name}}
	}
	arn := func(s string) types.PolicyIdentifier { return &types.PolicyIdentifierMemberPolicyArn{Value: s} }
	for _, c := range []struct {
		name string
		in   iam.SimulatePrincipalPolicyInput
		want string
	}{
		{"a user", iam.SimulatePrincipalPolicyInput{PolicySourceArn: new(home + "user/p/ana")}, "allowed of-group; allowed lists; allowed own"},
		{"as somebody else", iam.SimulatePrincipalPolicyInput{PolicySourceArn: new(home + "user/p/ana"), CallerArn: new(home + "user/bob")}, "allowed of-group; allowed lists; implicitDeny"},
		{"a group", iam.SimulatePrincipalPolicyInput{PolicySourceArn: new(home + "group/g")}, "allowed of-group; allowed lists; implicitDeny"},
		{"a role", iam.SimulatePrincipalPolicyInput{PolicySourceArn: new(home + "role/r"), PolicyInputList: []string{getAny}}, "allowed PolicyInputList.1 bound true; allowed lists bound true; implicitDeny bound true"},
		{"a role bound otherwise", iam.SimulatePrincipalPolicyInput{PolicySourceArn: new(home + "role/r"), PermissionsBoundaryPolicyInputList: []string{getAny}}, "implicitDeny PermissionsBoundaryPolicyInputList.1 true; implicitDeny lists false; implicitDeny false"},
		{"without inline", excluded(&types.PolicyIdentifierMemberPolicyType{Value: "inline"}), "implicitDeny; allowed lists; implicitDeny"},
		{"without managed", excluded(&types.PolicyIdentifierMemberPolicyType{Value: "user-managed"}), "allowed of-group; implicitDeny; allowed own"},
		{"without one", excluded(arn(home + "policy/x/l?s*")), "allowed of-group; implicitDeny; allowed own"},
		{"without another", excluded(arn(home+"policy/l*"), arn("arn:aws:iam::aws:policy/l*"), &types.PolicyIdentifierMemberPolicyType{Value: "scp"}), "allowed of-group; allowed lists; allowed own"},
		{"without the group's", excluded(inline("group", "?", "of-group"), inline("user", "g", "own")), "implicitDeny; allowed lists; allowed own"},
		{"without nonsense", excluded(arn("arn:aws:iam::*:policy/x")), "InvalidInput: ARN arn:aws:iam::*:policy/x is not valid."},
		{"nobody", iam.SimulatePrincipalPolicyInput{PolicySourceArn: new(home + "user/ana")}, "NoSuchEntity: The user with name ana cannot be found."},
		{"root", iam.SimulatePrincipalPolicyInput{PolicySourceArn: new(home + "root")}, "InvalidInput: Invalid Entity Arn: " + home + "root does not clearly define entity type and name."},
	} {
		c.in.ActionNames = actions
		out, err := v.SimulatePrincipalPolicy(context.Background(), &c.in)
		var got []string
		if err != nil {
			got = append(got, err.Error())
		} else {
			for _, r := range out.EvaluationResults {
				line := string(r.EvalDecision)
				for _, m := range r.MatchedStatements {
					line += " " + *m.SourcePolicyId
				}
				if r.PermissionsBoundaryDecisionDetail != nil {
					line += fmt.Sprint(" ", r.PermissionsBoundaryDecisionDetail.AllowedByPermissionsBoundary)
				}
				got = append(got, line)
			}
		}
		if g := strings.Join(got, "; "); g != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, g, c.want)
		}
	}
	answers(t, "keys", v, (*View).GetContextKeysForPrincipalPolicy, &iam.GetContextKeysForPrincipalPolicyInput{PolicySourceArn: new(home + "user/p/ana"), PolicyInputList: []string{ownFiles}},
		`{"ContextKeyNames":["aws:PrincipalTag/team","aws:userid","aws:username","aws:MultiFactorAuthPresent"]}`)
	answers(t, "keys of documents", v, (*View).GetContextKeysForCustomPolicy, &iam.GetContextKeysForCustomPolicyInput{PolicyInputList: []string{getAny, ownFiles}}, `{"ContextKeyNames":["aws:username","aws:MultiFactorAuthPresent"]}`)
	answers(t, "keys of nonsense", v, (*View).GetContextKeysForCustomPolicy, &iam.GetContextKeysForCustomPolicyInput{PolicyInputList: []string{"{"}}, `InvalidInput: Syntax errors in policy.`)
}

// All pages together are the whole, each pair once and in order; a marker is
// good for the simulation it came from and for no other.
func TestSimulationPages(t *testing.T) {
	v := view()
	in := iam.SimulateCustomPolicyInput{PolicyInputList: []string{getAny}}
	var want []string
	for i := range 23 {
		in.ActionNames = append(in.ActionNames, fmt.Sprint("s3:Get", i))
	}
	for i := range 61 {
		in.ResourceArns = append(in.ResourceArns, fmt.Sprint("arn:aws:s3:::b/", i))
	}
	for _, a := range in.ActionNames {
		for _, r := range in.ResourceArns {
			want = append(want, a+" "+r)
		}
	}
	for _, size := range []int32{0, 1, 7, 1000} {
		in.MaxItems, in.Marker = nil, nil
		bound := pageSize
		if size > 0 {
			in.MaxItems, bound = &size, int(size)
		}
		var got []string
		for {
			out, err := v.SimulateCustomPolicy(context.Background(), &in)
			if err != nil {
				t.Fatal(err)
			}
			if len(out.EvaluationResults) > bound {
				t.Fatalf("a page of %d, want at most %d", len(out.EvaluationResults), bound)
			}
			for _, r := range out.EvaluationResults {
				got = append(got, *r.EvalActionName+" "+*r.EvalResourceName)
			}
			if in.Marker = out.Marker; out.Marker == nil || size == 1 && len(got) > 100 {
				break
			}
		}
		if size == 1 {
			got = append(got, want[len(got):]...)
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("pages of %d: %d results, want %d in order", size, len(got), len(want))
		}
	}
	in.MaxItems = new(int32(2))
	out, err := v.SimulateCustomPolicy(context.Background(), &in)
	if err != nil {
		t.Fatal(err)
	}
	in.Marker, in.PolicyInputList = out.Marker, []string{onLines}
	if _, err := v.SimulateCustomPolicy(context.Background(), &in); err == nil || !strings.Contains(err.Error(), "Invalid Marker") {
		t.Errorf("a marker of another simulation: %v", err)
	}
}

// The most expensive simulations that fit into a request cost a fraction of a
// second and some megabytes, however many pairs are asked for.
func TestSimulationIsBounded(t *testing.T) {
	v := view()
	globs := func(n int) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":["arn:aws:s3:::*` + strings.Join(slicesRepeat("?a?a?b*", n), `","arn:aws:s3:::*`) + `"]}}`
	}
	values := func(n int) string {
		return `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"ForAnyValue:StringLike":{"k:key":["` + strings.Join(slicesRepeat("*?a?b*", n), `","`) + `"]}}}}`
	}
	matching := func(n int) []string { return slicesRepeat(getAny, n) }
	actions, resources := slicesRepeat("s3:GetObject", 1000), slicesRepeat("arn:aws:s3:::"+strings.Repeat("a", 2000), 20)
	for name, in := range map[string]*iam.SimulateCustomPolicyInput{
		"many patterns": {PolicyInputList: slicesRepeat(globs(900), 5), ResourceArns: resources},
		"many values": {PolicyInputList: slicesRepeat(values(900), 5), ContextEntries: []types.ContextEntry{{ContextKeyName: new("k:key"), ContextKeyType: "stringList",
			ContextKeyValues: slicesRepeat("a", 150)}}},
		"a long value":    {PolicyInputList: slicesRepeat(values(900), 2), ContextEntries: []types.ContextEntry{{ContextKeyName: new("k:key"), ContextKeyType: "string", ContextKeyValues: []string{strings.Repeat("a", 100_000)}}}},
		"many statements": {PolicyInputList: matching(1500)},
		"too much":        {PolicyInputList: slicesRepeat(values(900), 10), ContextEntries: []types.ContextEntry{{ContextKeyName: new("k:key"), ContextKeyType: "string", ContextKeyValues: []string{strings.Repeat("a", 100_000)}}}},
	} {
		in.ActionNames, in.MaxItems = actions, new(int32(1000))
		began := time.Now()
		out, err := v.SimulateCustomPolicy(context.Background(), in)
		took, told := time.Since(began), 0
		if err == nil {
			for _, r := range out.EvaluationResults {
				told += len(r.MatchedStatements) + len(r.MissingContextValues)
			}
		}
		n := 0
		if out != nil {
			n = len(out.EvaluationResults)
		}
		t.Logf("%s: %d results, %d told, in %v (%v)", name, n, told, took, err)
		if (err != nil) != (name == "too much") || took > 3*time.Second || told > 2*pageTold || err == nil && n == 0 {
			t.Errorf("%s: %d results with %d things told in %v: %v", name, n, told, took, err)
		}
	}
}

func slicesRepeat(s string, n int) []string {
	list := make([]string, n)
	for i := range list {
		list[i] = s
	}
	return list
}
