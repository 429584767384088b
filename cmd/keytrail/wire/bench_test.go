package wire

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

const createUser = "Action=CreateUser&Version=2010-05-08&UserName=alice&Path=%2Fdev%2F&Tags.member.1.Key=a&Tags.member.1.Value=b&Tags.member.2.Key=c&Tags.member.2.Value=d"

func BenchmarkDecodeCreateUser(b *testing.B) {
	op, _ := Lookup("iam", "CreateUser")
	b.ReportAllocs()
	for b.Loop() {
		f, err := parseForm(createUser, false)
		if err == nil {
			var in iam.CreateUserInput
			err = f.fill(op.input(), &in)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckCreateUser(b *testing.B) {
	op, _ := Lookup("iam", "CreateUser")
	f, _ := parseForm(createUser, false)
	in := &iam.CreateUserInput{}
	if err := f.fill(op.input(), in); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := op.Check(in); err != nil {
			b.Fatal(err)
		}
	}
}

func createUserOutput() *iam.CreateUserOutput {
	return &iam.CreateUserOutput{User: &iamtypes.User{
		Arn: aws.String("arn:aws:iam::123456789012:user/dev/alice"), UserName: aws.String("alice"), UserId: aws.String("AIDAEXAMPLE0000000000"),
		Path: aws.String("/dev/"), CreateDate: aws.Time(time.Unix(1_700_000_000, 0).UTC()),
		Tags: []iamtypes.Tag{{Key: aws.String("a"), Value: aws.String("b")}, {Key: aws.String("c"), Value: aws.String("d")}},
	}}
}

func BenchmarkEncodeCreateUser(b *testing.B) {
	op, _ := Lookup("iam", "CreateUser")
	out := createUserOutput()
	buf := make([]byte, 0, 4096)
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = op.AppendResponse(buf[:0], "5d0c5c5a-0000-7000-8000-000000000000", out); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkListUsers1000(b *testing.B) {
	op, _ := Lookup("iam", "ListUsers")
	out := &iam.ListUsersOutput{}
	for range 1000 {
		out.Users = append(out.Users, *createUserOutput().User)
	}
	buf := make([]byte, 0, 1<<20)
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = op.AppendResponse(buf[:0], "5d0c5c5a-0000-7000-8000-000000000000", out)
	}
	b.SetBytes(int64(len(buf)))
}

// BenchmarkFacts is the whole cost of starting: reading the three tables.
func BenchmarkFacts(b *testing.B) {
	for b.Loop() {
		for _, s := range services {
			s.read()
		}
	}
}

type nowhere struct{ h http.Header }

func (n nowhere) Header() http.Header         { return n.h }
func (n nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (n nowhere) WriteHeader(int)             {}

// BenchmarkCall is everything between net/http and the gate, without the signature.
func BenchmarkCall(b *testing.B) {
	out := createUserOutput()
	w := nowhere{http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		r := post(createUser)
		c, err := ReadRequest(w, r)
		if err == nil {
			_, err = c.Decode()
		}
		if err == nil {
			err = WriteResponse(w, c.Op, "5d0c5c5a-0000-7000-8000-000000000000", out)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	_ = httptest.DefaultRemoteAddr
}
