package policy

import (
	"math/rand"
	"slices"
	"strings"
	"testing"
)

func codes(list []Finding) string {
	var out []string
	for _, f := range list {
		out = append(out, f.Code)
	}
	return strings.Join(out, " ")
}

func TestValidate(t *testing.T) {
	one := func(members string) string { return `{"Version":"2012-10-17","Statement":[{` + members + `}]}` }
	with := func(condition string) string {
		return one(`"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*","Condition":{` + condition + `}`)
	}
	for _, c := range []struct {
		kind           Kind
		document, want string
	}{
		{Identity, one(`"Effect":"Allow","Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"`), ""},
		{Identity, `{"Version":`, "JSON_SYNTAX_ERROR"},
		{Identity, `{"Version":"2012-10-17","Version":"2012-10-17"}`, "JSON_SYNTAX_ERROR"},
		{Identity, `{}`, "MISSING_STATEMENT MISSING_VERSION"},
		{Identity, `{"Version":"2012-10-17","Statement":[]}`, "MISSING_STATEMENT"},
		{Identity, `{"Version":"2013-10-17","Statement":7}`, "INVALID_VERSION DATA_TYPE_MISMATCH"},
		{Identity, `{"Version":"2012-10-17","Statement":[7],"Foo":1}`, "DATA_TYPE_MISMATCH INVALID_POLICY_ELEMENT"},
		{Identity, one(``), "MISSING_EFFECT MISSING_ACTION MISSING_RESOURCE"},
		{Identity, one(`"Effect":"allow","Action":["s3:*",1],"Resource":[]`), "INVALID_EFFECT DATA_TYPE_MISMATCH EMPTY_ARRAY_RESOURCE"},
		{Identity, one(`"Effect":"Deny","Action":[],"NotAction":"*","Resource":"*","Principal":"*"`), "UNSUPPORTED_ELEMENT_COMBINATION EMPTY_ARRAY_ACTION UNSUPPORTED_PRINCIPAL"},
		{ServiceControl, one(`"Effect":"Deny","Action":"s3:*","Resource":"*","Principal":"*"`), "SCP_SYNTAX_ERROR_PRINCIPAL"},
		{Identity, one(`"Sid":"a b","Effect":"Deny","Action":"GetObject","Resource":"b"`), "UNSUPPORTED_SID INVALID_ACTION INVALID_ARN_PREFIX"},
		{Identity, one(`"Sid":"","Effect":"Deny","Action":"*:Get","Resource":"arn:aws:s3"`), "EMPTY_SID_VALUE INVALID_SERVICE_IN_ACTION MISSING_ARN_FIELD"},
		{Identity, one(`"Effect":"Deny","Action":"s3:Get","Resource":["arn:xyz:s3:::b","arn:aws:S3:::c","arn:aws:sqs:e:12:q","arn:aws:s*:::d"]`), "INVALID_PARTITION INVALID_ARN_SERVICE_CASE INVALID_ARN_ACCOUNT WILDCARD_IN_SERVICE_NAME"},
		{Identity, one(`"Effect":"Deny","Action":["iam:Get*","iam:List*","iam:GetUser","iam:Get*","iam:*User"],"Resource":"*"`), "REDUNDANT_ACTION"},
		{Identity, one(`"Effect":"Deny","Action":"s3:Get","Resource":["arn:aws:s3:::a*","arn:aws:s3:::a?","arn:aws:s3:::*b"]`), "REDUNDANT_RESOURCE"},
		{Identity, `{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Deny","Action":"s3:*","Resource":"*"},{"Resource":["*"],"Effect":"Deny","Action":"s3:*","Sid":"A"}]}`, "REDUNDANT_STATEMENT UNIQUE_SIDS_REQUIRED"},
		{Identity, one(`"Effect":"Allow","Action":"iam:PassRole","Resource":"*"`), "PASS_ROLE_WITH_STAR_IN_RESOURCE"},
		{Identity, one(`"Effect":"Allow","Action":"iam:passrole","Resource":"arn:aws:iam::111122223333:role/*","Condition":{"StringEquals":{"iam:PassedToService":"ec2.amazonaws.com"}}`), ""},
		{Identity, one(`"Effect":"Allow","Action":"iam:PassRole","Resource":"arn:aws:iam::111122223333:role/r"`), ""},
		{Identity, one(`"Effect":"Allow","Action":"*","Resource":"*"`), "PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE CREATE_SLR_WITH_STAR_IN_ACTION_AND_RESOURCE"},
		{Identity, one(`"Effect":"Allow","NotAction":"s3:*","Resource":"*"`), "PASS_ROLE_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION CREATE_SLR_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION"},
		{Identity, one(`"Effect":"Allow","NotAction":"iam:*","Resource":"*"`), ""},
		{Identity, one(`"Effect":"Allow","NotAction":"s3:*","NotResource":"arn:aws:s3:::b"`), "PASS_ROLE_WITH_NOT_ACTION_AND_NOT_RESOURCE"},
		{Identity, one(`"Effect":"Allow","Action":"iam:PassRole","NotResource":"arn:aws:s3:::b"`), "PASS_ROLE_WITH_NOT_RESOURCE"},
		{Identity, one(`"Effect":"Allow","Action":"iam:Pass*","NotResource":"arn:aws:s3:::b"`), "PASS_ROLE_WITH_STAR_IN_ACTION_AND_NOT_RESOURCE"},
		{Identity, with(``), "EMPTY_OBJECT_CONDITION"},
		{Identity, with(`"StringIs":{"a:b":"c"},"NullIfExists":{"a:b":"true"},"ForAnyValue:Null":{"a:b":"true"}`), "INVALID_CONDITION_OPERATOR NULL_WITH_IF_EXISTS NULL_WITH_QUALIFIER"},
		{Identity, with(`"StringEquals":{"ab":"c","a:b":"x*","A:B":"${aws:username","d:e":"${*}${ }"}`), "INVALID_CONDITION_KEY_FORMAT WILDCARD_WITHOUT_LIKE_OPERATOR DUPLICATE_KEYS_WITH_DIFFERENT_CASE MISSING_BRACE_IN_VARIABLE EMPTY_VARIABLE"},
		{Identity, with(`"Bool":{"a:b":"yes"},"NumericEquals":{"a:b":"x"},"DateLessThan":{"a:b":["1700000000","x"]},"BinaryEquals":{"a:b":"?"},"IpAddress":{"a:b":"10.0.0.1/8"},"NumericLessThan":{"a:b":"${a:c}"}`),
			"TYPE_MISMATCH_BOOLEAN TYPE_MISMATCH_NUMBER INVALID_DATE_VALUE TYPE_MISMATCH_DATE TYPE_MISMATCH_STRING IMPROVE_IP_RANGE INVALID_VARIABLE_FOR_OPERATOR"},
		{Identity, with(`"ForAllValues:StringEquals":{"aws:SourceVpc":"v","aws:TagKeys":[]},"StringLike":{"a:b":[]}`), "FORALLVALUES_WITH_SINGLE_VALUED_KEY EMPTY_ARRAY_CONDITION_FORALLVALUES EMPTY_ARRAY_CONDITION"},
		{Resource, one(`"Effect":"Allow","Action":"s3:*","Resource":"*"`), "MISSING_PRINCIPAL"},
		{Resource, one(`"Effect":"Allow","Action":"s3:*","Resource":"*","NotPrincipal":{"AWS":"111122223333"}`), "ALLOW_WITH_NOT_PRINCIPAL"},
		{Resource, one(`"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":{"AWS":["arn:aws:iam::111122223333:user/*","AIDAQEAAAAAAAAAAAAAA1","AROAQEAAAAAAAAAAAAAA1"],"Foo":"x","Federated":"y"}`),
			"UNSUPPORTED_WILDCARD_IN_PRINCIPAL INVALID_USER_REFERENCE INVALID_ROLE_REFERENCE INVALID_PRINCIPAL_KEY FEDERATED_PRINCIPAL_NOT_SUPPORTED"},
		{Resource, one(`"Effect":"Allow","Action":"s3:*","Resource":"*","Principal":"me"`), "INVALID_PRINCIPAL_FORMAT"},
		{Trust, one(`"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"111122223333"}`), ""},
		{Trust, one(`"Effect":"Allow","Action":"s3:GetObject","Principal":{"AWS":"111122223333"}`), "JSON_SYNTAX_ERROR"}, // the parser's own words
	} {
		if got := codes(Validate(c.kind, c.document, "", "")); got != c.want {
			t.Errorf("%s: got %s, want %s", c.document, got, c.want)
		}
	}
	if got := codes(Validate(Resource, one(`"Effect":"Allow","Action":["s3:*","sqs:*"],"Resource":"*","Principal":"*"`), "s3", "AWS::S3::Bucket")); got != "UNSUPPORTED_ACTION_IN_POLICY" {
		t.Errorf("a bucket's policy about queues: %s", got)
	}
	const text = "{\n \"Version\":\"2012-10-17\",\n \"Statement\":[{\"Effect\":\"Allow\",\"Action\":[\"iam:PassRole\"],\"Resource\":\"*\"}]}"
	f := Validate(Identity, text, "", "")[0]
	if w := f.Where[0]; text[w.From:w.To] != `"iam:PassRole"` || len(w.Path) != 4 || w.Path[0].Name != "Statement" || w.Path[1].Index != 0 || w.Path[2].Name != "Action" || w.Path[3].Name != "" {
		t.Errorf("found at %+v", f.Where)
	}
}

// Whatever the parser refuses has a finding, and no document breaks anything.
func TestNothingIsRefusedUnsaid(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	parts := []string{`{`, `}`, `[`, `]`, `,`, `"`, `:`, `"Action"`, `"Effect":"Allow"`, `"s3:*"`, `"*"`, `"arn:aws:s3:::b"`, `7`, `null`, `"Principal":"*"`, `"Sid":"a b"`, `"Condition":{"StringEquals":{"a:b":[]}}`, "${", "é", "*"}
	refused := 0
	for range 5000 {
		g := guess{r}
		kind := Kind(r.Intn(int(ResourceControl) + 1))
		text := g.policy(r.Intn(2) == 0)
		for range r.Intn(3) {
			from := r.Intn(len(text))
			to := min(len(text), from+r.Intn(12))
			text = text[:from] + parts[r.Intn(len(parts))] + text[to:]
		}
		found := Validate(kind, text, "", "")
		if _, err := Parse(kind, text); err != nil {
			refused++
			if len(found) == 0 && err.Error() != oldVersion {
				t.Fatalf("%v: %v, and nothing was found in %s", kind, err, text)
			}
		}
		for _, f := range found {
			for _, w := range f.Where {
				if w.From < 0 || w.To < w.From || w.To > len(text) {
					t.Fatalf("%+v is not in %s", f, text)
				}
			}
		}
		if !slices.IsSortedFunc(found, func(a, b Finding) int { return a.first() - b.first() }) {
			t.Fatalf("not in order: %+v", found)
		}
	}
	t.Logf("%d refused", refused)
}

func TestPublicAccess(t *testing.T) {
	for _, c := range []struct {
		statement string
		public    bool
	}{
		{`"Principal":"*"`, true},
		{`"Principal":{"AWS":"111122223333"}`, false},
		{`"Principal":{"Service":"sns.amazonaws.com"}`, false},
		{`"NotPrincipal":{"AWS":"111122223333"}`, true},
		{`"Principal":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-1"}}`, false},
		{`"Principal":"*","Condition":{"StringLike":{"aws:PrincipalOrgID":"o-*"}}`, true},
		{`"Principal":"*","Condition":{"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-1/r-1/*"}}`, false},
		{`"Principal":"*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":"111122223333"}}`, true},
		{`"Principal":"*","Condition":{"StringEquals":{"aws:PrincipalAccount":"111122223333"}}`, false},
		{`"Principal":"*","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:111122223333:*"}}`, false},
		{`"Principal":"*","Condition":{"ArnLike":{"aws:SourceArn":"arn:aws:sns:*:*:*"}}`, true},
		{`"Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`, false},
		{`"Principal":"*","Condition":{"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}}`, true},
		{`"Principal":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}`, true},
		{`"Principal":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}`, true},
		{`"Principal":"*","Condition":{"StringEquals":{"aws:SourceVpce":"vpce-1"},"Bool":{"aws:SecureTransport":"true"}}`, false},
		{`"Principal":"*","Condition":{"StringEqualsIfExists":{"aws:SourceVpce":"vpce-1"}}`, true},
	} {
		p := parsed(t, Resource, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject","Resource":"*",`+c.statement+`}]}`)
		if found, err := PublicAccess(p); err != nil || (len(found) > 0) != c.public {
			t.Errorf("%s: %v %v, want public %v", c.statement, found, err, c.public)
		}
		q := parsed(t, Resource, `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Principal":"*","Condition":{"StringNotEquals":{"aws:PrincipalAccount":"111122223333"}}},{"Effect":"Allow","Action":"s3:GetObject","Resource":"*",`+c.statement+`}]}`)
		if found, err := PublicAccess(q); err != nil || len(found) > 0 {
			t.Errorf("%s, but nobody else: %v %v", c.statement, found, err)
		}
	}
}
