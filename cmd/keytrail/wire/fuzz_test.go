package wire

import (
	"encoding/json"
	"math/rand"
	"reflect"
	"testing"

	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"
)

func newRand(seed int64) *rand.Rand { return rand.New(rand.NewSource(seed)) }

// Whatever the form, the answer is an input that passes its constraints or a
// client's error, and reading it twice gives the same.
func FuzzQuery(f *testing.F) {
	f.Add("CreateUser", createUser)
	f.Add("SimulatePrincipalPolicy", "PolicySourceArn=arn:aws:iam::123456789012:user/a&ActionNames.member.1=iam:GetUser&ContextEntries.member.1.ContextKeyValues.member.1=a&PolicyExclusionList.member.1.PolicyArn=a&PolicyExclusionList.member.2.InlinePolicyIdentifier.PolicyName=b")
	f.Add("AcquireRole", "TemplateArn=a&ReplacementValues.entry.1.key=a&ReplacementValues.entry.1.value.Values.member.1=b&ReplacementValues.entry.2.key=a")
	f.Add("ListUsers", "MaxItems=1e3&&=&=a&Marker")
	f.Add("UploadServerCertificate", "Tags.member.1000.Key=a&Tags=&PrivateKey=%00%ff")
	f.Fuzz(func(t *testing.T, action, body string) {
		op, ok := Lookup("iam", action)
		if !ok {
			if op, ok = Lookup("sts", action); !ok {
				return
			}
		}
		read := func() (any, error) {
			form, err := parseForm(body, false)
			if err != nil {
				return nil, err
			}
			in := op.NewInput()
			if err := form.fill(op.input(), in); err != nil {
				return nil, err
			}
			return in, op.Check(in)
		}
		in, err := read()
		again, err2 := read()
		if (err == nil) != (err2 == nil) || err == nil && !cmp.Equal(in, again, exportAll) {
			t.Fatalf("%v %v", err, err2)
		}
		if err != nil {
			var api smithy.APIError
			if e, ok := err.(smithy.APIError); !ok || e.ErrorFault() != smithy.FaultClient || len(e.ErrorMessage()) > 64<<10 {
				t.Fatalf("%T %v %v", err, err, api)
			}
		}
	})
}

// The same for JSON 1.1; and nothing is accepted that encoding/json refuses.
func FuzzJSON(f *testing.F) {
	f.Add("LookupEvents", `{"LookupAttributes":[{"AttributeKey":"EventId","AttributeValue":"\ud835\udcb3"}],"StartTime":1.5e9,"MaxResults":5}`)
	f.Add("StartQuery", `{"QueryStatement":"SELECT","QueryParameters":["a"]}`)
	f.Add("CreateTrail", `{"Name":"a","IsMultiRegionTrail":true,"TagsList":[{"Key":"a","Value":null}]}`)
	f.Add("UpdateDashboard", `{"DashboardId":"a","Widgets":[{"ViewProperties":{"a":"b","a":"c"}}]}`)
	f.Fuzz(func(t *testing.T, action, body string) {
		op, ok := Lookup("cloudtrail", action)
		if !ok {
			return
		}
		in := op.NewInput()
		err := fillJSON([]byte(body), op.input(), in)
		if err != nil {
			if e, ok := err.(smithy.APIError); !ok || e.ErrorFault() != smithy.FaultClient {
				t.Fatalf("%T %v", err, err)
			}
			return
		}
		if !json.Valid([]byte(body)) {
			t.Fatalf("accepted, but is not JSON: %q", body)
		}
		op.Check(in)
		// What was read, written and read again, is the same.
		b := op.input().appendJSON(nil, reflect.ValueOf(in).Elem())
		again := op.NewInput()
		if err := fillJSON(b, op.input(), again); err != nil {
			t.Fatalf("%q does not read back: %v", b, err)
		}
		if d := cmp.Diff(in, again, exportAll); d != "" {
			t.Fatalf("%s\n%q", d, b)
		}
	})
}

// Whatever text is in an answer, it parses and gives the text back.
func FuzzText(f *testing.F) {
	op, _ := Lookup("iam", "CreateUser")
	for _, s := range []string{"a<&>\"'\r\n\t", "\x00\x1f\x7f\u0085", "\xff\xfe", "\uFFFE", "]]>"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkText(t, op, s) })
}
