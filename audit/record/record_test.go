package record

import (
	"encoding/json"
	"math/rand"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// Records look as CloudTrail's do: names, times, order, what is left out.
func TestMembers(t *testing.T) {
	at := aws.Time(time.Date(2024, 7, 30, 21, 53, 13, 0, time.UTC))
	tags := []iamtypes.Tag{{Key: aws.String("team"), Value: aws.String("a")}, {Key: aws.String("x"), Value: aws.String("")}}
	for _, c := range []struct {
		name, service string
		v             any
		allow         []string
		want          string
	}{
		{"request", "iam", &iam.CreateUserInput{UserName: aws.String("ana"), Path: aws.String("/a/"), Tags: tags}, []string{"userName", "tags", "path", "permissionsBoundary"},
			`{"path":"/a/","tags":[{"key":"team","value":"a"},{"key":"x","value":""}],"userName":"ana"}`},
		{"response", "iam", &iam.CreateUserOutput{User: &iamtypes.User{UserName: aws.String("ana"), CreateDate: at, Arn: aws.String("arn")}}, []string{"user"},
			`{"user":{"arn":"arn","createDate":"Jul 30, 2024 9:53:13 PM","userName":"ana"}}`},
		{"a part of it", "iam", &iam.CreateAccessKeyOutput{AccessKey: &iamtypes.AccessKey{AccessKeyId: aws.String("AKIA"), SecretAccessKey: aws.String("canary"), Status: "Active", UserName: aws.String("ana"), CreateDate: at}},
			[]string{"accessKey.accessKeyId", "accessKey.createDate", "accessKey.status", "accessKey.userName"},
			`{"accessKey":{"accessKeyId":"AKIA","createDate":"Jul 30, 2024 9:53:13 PM","status":"Active","userName":"ana"}}`},
		{"sts time", "sts", &sts.AssumeRoleOutput{Credentials: &ststypes.Credentials{AccessKeyId: aws.String("ASIA"), SecretAccessKey: aws.String("canary"), SessionToken: aws.String("t"), Expiration: aws.Time(time.Date(2024, 7, 30, 21, 46, 15, 0, time.UTC))}, PackedPolicySize: aws.Int32(0)},
			[]string{"credentials.accessKeyId", "credentials.expiration", "credentials.sessionToken", "packedPolicySize"},
			`{"credentials":{"accessKeyId":"ASIA","expiration":"Jul 30, 2024, 9:46:15 PM","sessionToken":"t"},"packedPolicySize":0}`},
		{"midnight and noon", "iam", &iam.CreateUserOutput{User: &iamtypes.User{CreateDate: aws.Time(time.Date(2024, 1, 2, 0, 3, 4, 0, time.UTC)), PasswordLastUsed: aws.Time(time.Date(2024, 12, 31, 12, 0, 0, 0, time.UTC))}}, []string{"user"},
			`{"user":{"createDate":"Jan 2, 2024 12:03:04 AM","passwordLastUsed":"Dec 31, 2024 12:00:00 PM"}}`},
		{"acronym", "sts", &sts.AssumeRoleWithSAMLInput{RoleArn: aws.String("r"), SAMLAssertion: aws.String("s")}, []string{"roleArn", "sAMLAssertion"}, `{"roleArn":"r","sAMLAssertion":"s"}`},
		{"nothing allowed", "iam", &iam.ChangePasswordInput{OldPassword: aws.String("canary"), NewPassword: aws.String("canary")}, nil, `null`},
		{"nothing set", "iam", &iam.CreateUserInput{}, []string{"userName"}, `null`},
		{"nothing in it", "iam", &iam.CreateUserOutput{User: &iamtypes.User{}}, []string{"user"}, `null`},
		{"nil", "iam", (*iam.CreateUserInput)(nil), []string{"userName"}, `null`},
		{"empty list", "iam", &iam.CreateUserInput{Tags: []iamtypes.Tag{}}, []string{"tags"}, `{"tags":[]}`},
		{"one member of a list's elements", "iam", &iam.CreateUserInput{Tags: append(tags, iamtypes.Tag{})}, []string{"tags.key"}, `{"tags":[{"key":"team"},{"key":"x"},{}]}`},
		{"false by pointer", "cloudtrail", &cloudtrail.CreateTrailInput{Name: aws.String("t"), IsMultiRegionTrail: aws.Bool(false)}, []string{"name", "isMultiRegionTrail"}, `{"isMultiRegionTrail":false,"name":"t"}`},
		{"false by value", "iam", &iam.CreateLoginProfileInput{UserName: aws.String("ana"), Password: aws.String("canary")}, []string{"userName", "passwordResetRequired"}, `{"userName":"ana"}`},
		{"false by value, answered", "iam", &iam.CreateLoginProfileOutput{LoginProfile: &iamtypes.LoginProfile{UserName: aws.String("ana")}}, []string{"loginProfile"}, `{"loginProfile":{"passwordResetRequired":false,"userName":"ana"}}`},
		{"empty text, answered", "iam", &iam.CreateRoleOutput{Role: &iamtypes.Role{Description: aws.String("")}}, []string{"role"}, `{"role":{"description":""}}`},
		{"empty text", "iam", &iam.UpdateRoleInput{RoleName: aws.String("r"), Description: aws.String("")}, []string{"roleName", "description"}, `{"description":"","roleName":"r"}`},
		{"hostile text", "iam", &iam.CreateUserInput{UserName: aws.String("a\r\n\x1b[2J\u202e\u2028\xff\"\\</é𝒳")}, []string{"userName"}, "{\"userName\":\"a\\u000d\\u000a\\u001b[2J\\u202e\\u2028\uFFFD\\\"\\\\</é𝒳\"}"},
	} {
		b, err := Members(c.service, c.v, c.allow)
		if err != nil || string(b) != c.want {
			t.Errorf("%s:\n got %s (%v)\nwant %s", c.name, b, err, c.want)
		}
		if strings.Contains(string(b), "canary") {
			t.Errorf("%s: a secret got out", c.name)
		}
	}
}

// A list with a slip in it does not compile.
func TestCompileRefuses(t *testing.T) {
	for _, allow := range []string{"username", "UserName", "tags.colour", "userName.x", "", "resultMetadata"} {
		if _, err := Compile("iam", (*iam.CreateUserInput)(nil), allow); err == nil {
			t.Errorf("%q compiles", allow)
		}
	}
	if _, err := Compile("iam", iam.CreateUserInput{}, "userName"); err == nil {
		t.Error("a struct compiles, a pointer is wanted")
	}
	p, err := Compile("iam", (*iam.CreateUserInput)(nil), "userName")
	if err != nil {
		t.Fatal(err)
	}
	if got := string(p.Append(nil, &iam.GetUserInput{UserName: aws.String("x")})); got != "null" {
		t.Errorf("another type: %s", got)
	}
}

// Whatever is in the struct: the JSON is valid, one line, and holds no member
// that is not allowed.
func TestOnlyAllowed(t *testing.T) {
	p, err := Compile("iam", (*iam.CreateAccessKeyOutput)(nil), "accessKey.accessKeyId", "accessKey.status")
	if err != nil {
		t.Fatal(err)
	}
	for seed := range int64(500) {
		r := rand.New(rand.NewSource(seed))
		out := &iam.CreateAccessKeyOutput{AccessKey: &iamtypes.AccessKey{}}
		v := reflect.ValueOf(out.AccessKey).Elem()
		for i := range v.NumField() {
			if f := v.Field(i); f.Type() == reflect.TypeFor[*string]() && r.Intn(5) > 0 {
				b := make([]byte, r.Intn(20))
				r.Read(b)
				f.Set(reflect.ValueOf(aws.String("canary" + string(b))))
			}
		}
		b := p.Append([]byte("x"), out)
		var got map[string]map[string]string
		if err := json.Unmarshal(b[1:], &got); err != nil || strings.ContainsAny(string(b), "\n\r\x1b") {
			t.Fatalf("seed %d: %q %v", seed, b, err)
		}
		for name := range got["accessKey"] {
			if name != "accessKeyId" && name != "status" {
				t.Fatalf("seed %d: %s got out", seed, name)
			}
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	p, _ := Compile("iam", (*iam.CreateUserInput)(nil), "userName", "path", "tags")
	in := &iam.CreateUserInput{UserName: aws.String("ana"), Path: aws.String("/a/"), Tags: []iamtypes.Tag{{Key: aws.String("team"), Value: aws.String("a")}}}
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = p.Append(buf[:0], in)
	}
}
