package wire

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func post(body string) *http.Request {
	return &http.Request{Method: "POST", RequestURI: "/", Host: "iam.amazonaws.com", ContentLength: int64(len(body)), Body: io.NopCloser(strings.NewReader(body)),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}}
}

func postJSON(action, body string) *http.Request {
	r := post(body)
	r.Header = http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"CloudTrail_20131101." + action}}
	return r
}

// decode is what a server does with r, without the signature.
func decode(r *http.Request) (any, error) {
	c, err := ReadRequest(httptest.NewRecorder(), r)
	if err != nil {
		return nil, err
	}
	return c.Decode()
}

// wantError checks the code and a part of the message as a client of that service would see them.
func wantError(t *testing.T, what, service string, err error, code, message string) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: accepted, want %s", what, code)
		return
	}
	gotCode, gotMessage, _ := Code(service, err)
	if gotCode != code || !strings.Contains(gotMessage, message) {
		t.Errorf("%s:\n got %s: %s\nwant %s: …%s…", what, gotCode, gotMessage, code, message)
	}
}

// I-05, I-10…I-12 and I-06: what no input may be.
func TestRefusedForms(t *testing.T) {
	user := "Action=CreateUser&Version=2010-05-08&UserName=bob"
	list := "Action=ListUsers&Version=2010-05-08"
	role := "Action=AssumeRole&Version=2011-06-15&RoleArn=arn:aws:iam::123456789012:role/r&RoleSessionName=bob"
	many := strings.Builder{}
	many.WriteString(user)
	for i := range 2_000 {
		fmt.Fprintf(&many, "&P%d=", i)
	}
	for _, c := range []struct{ name, body, code, message string }{
		{"2,003 parameters", many.String(), "ValidationError", "more than 2000 parameters"},
		{"100,000 parameters", user + strings.Repeat("&", 200_000), "", ""}, // none of them named
		{"unknown parameter", user + "&Colour=red", "ValidationError", "The parameter Colour is not recognized"},
		{"unknown nested", user + "&Tags.member.1.Colour=red", "ValidationError", "The parameter Tags.member.1.Colour is not recognized"},
		{"other case", user + "&path=/", "ValidationError", "The parameter path is not recognized"},
		{"SDK's own field", user + "&ResultMetadata=x", "ValidationError", "not recognized"},
		{"repeated", user + "&UserName=eve", "ValidationError", "The parameter UserName is given more than once"},
		{"repeated, escaped", user + "&User%4eame=eve", "ValidationError", "The parameter UserName is given more than once"},
		{"repeated action", user + "&Action=DeleteUser", "ValidationError", "Action is given more than once"},
		{"many repeated", user + strings.Repeat("&A=1&B=2&C=3&D=4&E=5", 9), "ValidationError", "more than once"},
		{"index 0", user + "&Tags.member.0.Key=a", "MalformedInput", "between 1 and 1000"},
		{"index 1001", user + "&Tags.member.1001.Key=a", "MalformedInput", "between 1 and 1000"},
		{"index 2^32-1", user + "&Tags.member.4294967295.Key=a", "MalformedInput", "between 1 and 1000"},
		{"index -1", user + "&Tags.member.-1.Key=a", "MalformedInput", "between 1 and 1000"},
		{"index 01", user + "&Tags.member.01.Key=a", "MalformedInput", "between 1 and 1000"},
		{"index 1e1", user + "&Tags.member.1e1.Key=a", "MalformedInput", "between 1 and 1000"},
		{"index missing", user + "&Tags.member.=a", "MalformedInput", "between 1 and 1000"},
		{"gap", user + "&Tags.member.1.Key=a&Tags.member.1.Value=b&Tags.member.3.Key=a&Tags.member.3.Value=b", "MalformedInput", "without gaps: Tags.member.3"},
		{"gap at the start", user + "&Tags.member.2.Key=a&Tags.member.2.Value=b", "MalformedInput", "without gaps"},
		{"no member", user + "&Tags.1.Key=a", "ValidationError", "not recognized"},
		{"entry for member", user + "&Tags.entry.1.Key=a", "ValidationError", "not recognized"},
		{"value for a list", user + "&Tags=a", "MalformedInput", "Unexpected value"},
		{"value for a structure", user + "&Tags.member.1=a", "MalformedInput", "Unexpected value"},
		{"structure for a value", user + "&Path.member.1=a", "MalformedInput", "not expected: Path.member.1"},
		{"empty list twice over", user + "&Tags=&Tags.member.1=", "MalformedInput", "Unexpected value"},
		{"bad escape", user + "&Path=%2", "MalformedInput", "percent-encoding"},
		{"bad escape in a name", user + "&P%zz=1", "MalformedInput", "percent-encoding"},
		{"not UTF-8", user + "&Path=%ff", "MalformedInput", "UTF-8"},
		{"no such action", "Action=Foo&Version=2010-05-08", "InvalidAction", "Could not find operation Foo for version 2010-05-08"},
		{"no such version", "Action=CreateUser&Version=2009-01-01", "InvalidAction", "Could not find operation CreateUser for version 2009-01-01"},
		{"no version", "Action=CreateUser", "InvalidAction", "Could not find operation CreateUser for version NO_VERSION_SPECIFIED"},
		{"other service's version", "Action=CreateUser&Version=2011-06-15", "InvalidAction", "Could not find"},
		{"JSON service's version", "Action=LookupEvents&Version=2013-11-01", "InvalidAction", "Could not find"},
		{"no action", "Version=2010-05-08", "MissingAction", ""},
		{"nothing", "", "MissingAuthenticationToken", ""},

		{"MaxItems 0", list + "&MaxItems=0", "ValidationError", "1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"MaxItems 1001", list + "&MaxItems=1001", "ValidationError", "Value '1001' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000"},
		{"MaxItems 2^63", list + "&MaxItems=9223372036854775808", "ValidationError", "Value '9223372036854775808' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000"},
		{"MaxItems -2^63-1", list + "&MaxItems=-9223372036854775809", "ValidationError", "greater than or equal to 1"},
		{"MaxItems 1e3", list + "&MaxItems=1e3", "ValidationError", "Value '1e3' at 'maxItems' failed to satisfy constraint: Member must be an integer"},
		{"MaxItems +1", list + "&MaxItems=%2B1", "ValidationError", "an integer"},
		{"MaxItems empty", list + "&MaxItems=", "ValidationError", "an integer"},
		{"DurationSeconds 899", role + "&DurationSeconds=899", "ValidationError", "Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900"},
		{"DurationSeconds 43201", role + "&DurationSeconds=43201", "ValidationError", "Member must have value less than or equal to 43200"},
		{"bool yes", "Action=CreatePolicyVersion&Version=2010-05-08&PolicyArn=arn:aws:iam::1:policy/p12345&PolicyDocument=x&SetAsDefault=yes", "ValidationError", "Value 'yes' at 'setAsDefault' failed to satisfy constraint: Member must satisfy enum value set: [true, false]"},
		{"time", "Action=ListUsers&Version=2010-05-08&Marker=", "ValidationError", "Value '' at 'marker' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"empty enum", "Action=UpdateAccessKey&Version=2010-05-08&AccessKeyId=AKIAEXAMPLE12345678A&Status=", "ValidationError", "Value '' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive"},
	} {
		_, err := decode(post(c.body))
		if c.code == "" {
			if err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		wantError(t, c.name, "iam", err, c.code, c.message)
	}

	for name, change := range map[string]func(r *http.Request){
		"path":                  func(r *http.Request) { r.RequestURI = "/x" },
		"double slash":          func(r *http.Request) { r.RequestURI = "//" },
		"dot":                   func(r *http.Request) { r.RequestURI = "/." },
		"escaped slash":         func(r *http.Request) { r.RequestURI = "/%2f" },
		"gzip":                  func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") },
		"aws-chunked":           func(r *http.Request) { r.Header.Set("Content-Encoding", "aws-chunked") },
		"parameters in both":    func(r *http.Request) { r.RequestURI = "/?UserName=eve" },
		"text":                  func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
		"JSON without a target": func(r *http.Request) { r.Header.Set("Content-Type", "application/x-amz-json-1.1") },
		"multipart":             func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary=x") },
		"other charset": func(r *http.Request) {
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-7")
		},
		"two types":        func(r *http.Request) { r.Header.Add("Content-Type", "application/x-www-form-urlencoded") },
		"body that breaks": func(r *http.Request) { r.Body = io.NopCloser(io.MultiReader(strings.NewReader("Act"), broken{})) },
	} {
		r := post(user)
		change(r)
		_, err := decode(r)
		wantError(t, name, "iam", err, "MalformedInput", "")
	}
	for _, method := range []string{"PUT", "DELETE", "HEAD", "post", "OPTIONS"} {
		r := post(user)
		r.Method = method
		_, err := decode(r)
		wantError(t, method, "iam", err, "MethodNotAllowed", "")
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// GET carries the form in its query string; the parameters of a presigned
// signature are not the operation's, and nothing hides among them.
func TestQueryString(t *testing.T) {
	get := func(q string) *http.Request {
		return &http.Request{Method: "GET", RequestURI: "/?" + q, Host: "sts.amazonaws.com", Header: http.Header{}}
	}
	in, err := decode(get("Action=GetAccessKeyInfo&Version=2011-06-15&AccessKeyId=AKIAEXAMPLE12345678A&X-Amz-Algorithm=a&X-Amz-Credential=b&X-Amz-Date=c&X-Amz-Expires=1&X-Amz-SignedHeaders=host&X-Amz-Security-Token=d&X-Amz-Signature=e"))
	if err != nil || *in.(*sts.GetAccessKeyInfoInput).AccessKeyId != "AKIAEXAMPLE12345678A" {
		t.Error(in, err)
	}
	for _, q := range []string{"&x-amz-date=c", "&X-Amz-Foo=1"} {
		_, err := decode(get("Action=GetCallerIdentity&Version=2011-06-15" + q))
		wantError(t, q, "sts", err, "ValidationError", "not recognized")
	}
	r := get("Action=GetCallerIdentity&Version=2011-06-15")
	r.ContentLength = 1
	_, err = decode(r)
	wantError(t, "GET with a body", "sts", err, "MalformedInput", "no body")
}

// The bounds of a body, and who may pass them.
func TestBodyBounds(t *testing.T) {
	big := func(action string, n int) string {
		s := "Action=" + action + "&Version=2010-05-08&Name=p&SAMLMetadataDocument="
		return s + strings.Repeat("x", n-len(s))
	}
	for _, c := range []struct {
		name    string
		r       *http.Request
		refused bool
	}{
		{"256 KiB", post(big("CreateSAMLProvider", maxBody)), false},
		{"256 KiB and one", post(big("CreateUser", maxBody+1)), true},
		{"1 MiB of metadata", post(big("CreateSAMLProvider", 1<<20)), false},
		{"12 MiB and one of metadata", post(big("CreateSAMLProvider", maxMetadata+1)), true},
		{"action late", post("UserName=" + strings.Repeat("x", maxBody) + "&Action=CreateSAMLProvider"), true},
		{"JSON", postJSON("LookupEvents", strings.Repeat(" ", maxBody+1)), true},
	} {
		for _, length := range []int64{c.r.ContentLength, -1} { // as said, and chunked
			r := *c.r
			body, _ := io.ReadAll(c.r.Body)
			c.r.Body = io.NopCloser(bytes.NewReader(body))
			r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), length
			w := httptest.NewRecorder()
			call, err := ReadRequest(w, &r)
			if !c.refused {
				if err != nil || len(call.Body) != len(body) {
					t.Errorf("%s: %v, %d bytes", c.name, err, len(call.Body))
				}
				continue
			}
			wantError(t, c.name, call.Service, err, "RequestEntityTooLarge", "")
			WriteError(w, call.Service, "id", err)
			if w.Code != 413 || w.Header().Get("Connection") != "close" {
				t.Errorf("%s: status %d, Connection %q", c.name, w.Code, w.Header().Get("Connection"))
			}
		}
	}
}

// An input keeps no part of the body alive but its own strings, and lists may
// come in any order as long as they are whole.
func TestListOrder(t *testing.T) {
	in, err := decode(post("Tags.member.2.Value=d&Tags.member.10.Key=j&Tags.member.10.Value=&Tags.member.2.Key=c&Tags.member.1.Key=a&Tags.member.1.Value=b+%2B&Action=CreateUser&UserName=bob&Version=2010-05-08" +
		"&Tags.member.3.Key=3&Tags.member.3.Value=&Tags.member.4.Key=4&Tags.member.4.Value=&Tags.member.5.Key=5&Tags.member.5.Value=&Tags.member.6.Key=6&Tags.member.6.Value=&Tags.member.7.Key=7&Tags.member.7.Value=&Tags.member.8.Key=8&Tags.member.8.Value=&Tags.member.9.Key=9&Tags.member.9.Value="))
	if err != nil {
		t.Fatal(err)
	}
	tags := in.(*iam.CreateUserInput).Tags
	if len(tags) != 10 || *tags[0].Value != "b +" || *tags[1].Key != "c" || *tags[9].Key != "j" || *tags[8].Key != "9" {
		t.Errorf("%d tags: %q %q", len(tags), *tags[0].Value, *tags[1].Key)
	}
	in, err = decode(post("Action=CreateUser&UserName=bob&Version=2010-05-08&Tags="))
	if err != nil || in.(*iam.CreateUserInput).Tags == nil || len(in.(*iam.CreateUserInput).Tags) != 0 {
		t.Errorf("an empty list: %v %v", in, err)
	}
}

// I-03, I-04, I-11 for JSON 1.1.
func TestRefusedJSON(t *testing.T) {
	for _, c := range []struct{ name, body, code, message string }{
		{"plain", `{"MaxResults":5}`, "", ""},
		{"null is absent", ` { "MaxResults" : null , "LookupAttributes":[{"AttributeKey":"EventId","AttributeValue":"\u00e9\ud835\udcb3\n\"\/"}]} `, "", ""},
		{"empty", ``, "SerializationException", "Unexpected end"},
		{"list", `[]`, "SerializationException", "Unexpected character"},
		{"null", `null`, "SerializationException", ""},
		{"trailing", `{} x`, "SerializationException", "after the end"},
		{"two documents", `{}{}`, "SerializationException", "after the end"},
		{"NUL after", "{}\x00", "SerializationException", "after the end"},
		{"BOM", "\ufeff{}", "SerializationException", ""},
		{"unknown", `{"Colour":1}`, "SerializationException", "Unknown member 'Colour'"},
		{"other case", `{"maxResults":1}`, "SerializationException", "Unknown member 'maxResults'"},
		{"twice", `{"MaxResults":1,"MaxResults":2}`, "SerializationException", "Member 'MaxResults' is given more than once"},
		{"twice, escaped", `{"MaxResults":1,"MaxR\u0065sults":2}`, "SerializationException", "more than once"},
		{"twice, null first", `{"MaxResults":null,"MaxResults":2}`, "SerializationException", "more than once"},
		{"string for a number", `{"MaxResults":"1"}`, "SerializationException", "STRING_VALUE can not be converted to an Integer at 'maxResults'"},
		{"fraction for an integer", `{"MaxResults":1.5}`, "SerializationException", "NUMBER_VALUE can not be converted to an Integer"},
		{"exponent", `{"MaxResults":1e1}`, "SerializationException", "NUMBER_VALUE can not"},
		{"overflow", `{"MaxResults":4294967297}`, "SerializationException", "NUMBER_VALUE can not"},
		{"leading zero", `{"MaxResults":01}`, "SerializationException", "Unexpected character"},
		{"plus", `{"MaxResults":+1}`, "SerializationException", "Unexpected character"},
		{"NaN", `{"MaxResults":NaN}`, "SerializationException", ""},
		{"1e400 time", `{"StartTime":1e400}`, "SerializationException", "NUMBER_VALUE can not be converted to a Date"},
		{"year 10000", `{"StartTime":253402300800}`, "SerializationException", "Date"},
		{"time as text", `{"StartTime":"2024-01-02T03:04:05Z"}`, "SerializationException", "STRING_VALUE can not be converted to a Date"},
		{"number for a string", `{"NextToken":5}`, "SerializationException", "NUMBER_VALUE can not be converted to a String"},
		{"bool for a string", `{"NextToken":true}`, "SerializationException", "TRUE_VALUE can not be converted to a String"},
		{"object for a string", `{"NextToken":{}}`, "SerializationException", "Start of structure or map found where not expected"},
		{"list for a string", `{"NextToken":[]}`, "SerializationException", "Start of list found where not expected"},
		{"null in a list", `{"LookupAttributes":[null]}`, "SerializationException", "null"},
		{"raw control", "{\"NextToken\":\"a\nb\"}", "SerializationException", "control"},
		{"half a pair", `{"NextToken":"\ud835"}`, "SerializationException", "surrogate"},
		{"half a pair then text", `{"NextToken":"\ud835\u0041"}`, "SerializationException", "surrogate"},
		{"bad escape", `{"NextToken":"\x41"}`, "SerializationException", "escape"},
		{"cut escape", `{"NextToken":"\u00`, "SerializationException", ""},
		{"not UTF-8", "{\"NextToken\":\"\xff\"}", "SerializationException", "UTF-8"},
		{"unclosed", `{"NextToken":"a`, "SerializationException", "Unexpected end"},
		{"comma", `{"MaxResults":1,}`, "SerializationException", "Unexpected character"},
		{"enum", `{"LookupAttributes":[{"AttributeKey":"Colour","AttributeValue":"x"}]}`, "InvalidLookupAttributesException", "The lookup attribute is not valid."},
		{"too many results", `{"MaxResults":51}`, "InvalidMaxResultsException", "Max results should be between 1 and 50."},
		{"two wrong", `{"LookupAttributes":[{"AttributeValue":""}]}`, "ValidationException", "2 validation errors detected: Value null at 'lookupAttributes.1.member.attributeKey' failed to satisfy constraint: Member must not be null; Value '' at 'lookupAttributes.1.member.attributeValue' failed to satisfy constraint: Member must have length greater than or equal to 1"},
	} {
		in, err := decode(postJSON("LookupEvents", c.body))
		if c.code != "" {
			wantError(t, c.name, "cloudtrail", err, c.code, c.message)
		} else if _, ok := in.(*cloudtrail.LookupEventsInput); err != nil || !ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	// Depth: refused at the first level no type has, however deep it goes on.
	for _, body := range []string{strings.Repeat(`{"LookupAttributes":[`, 10_000), `{"LookupAttributes":` + strings.Repeat("[", 100_000), `{"NextToken":` + strings.Repeat(`{"a":`, 30_000)} {
		if allocs := testing.AllocsPerRun(1, func() {
			_, err := decode(postJSON("LookupEvents", body))
			wantError(t, body[:30], "cloudtrail", err, "SerializationException", "")
		}); allocs > 200 {
			t.Errorf("%s…: %v allocations", body[:30], allocs)
		}
	}

	for name, change := range map[string]func(r *http.Request){
		"unknown operation": func(r *http.Request) { r.Header.Set("X-Amz-Target", "CloudTrail_20131101.Foo") },
		"no prefix":         func(r *http.Request) { r.Header.Set("X-Amz-Target", "LookupEvents") },
		"other prefix":      func(r *http.Request) { r.Header.Set("X-Amz-Target", "DynamoDB_20120810.LookupEvents") },
		"part of a prefix":  func(r *http.Request) { r.Header.Set("X-Amz-Target", "20131101.LookupEvents") },
		"empty":             func(r *http.Request) { r.Header.Set("X-Amz-Target", "") },
	} {
		r := postJSON("LookupEvents", "{}")
		change(r)
		_, err := decode(r)
		wantError(t, name, "cloudtrail", err, "UnknownOperationException", "")
	}
	r := postJSON("LookupEvents", "{}")
	r.Header.Set("X-Amz-Target", "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.LookupEvents")
	if _, err := decode(r); err != nil {
		t.Error("the whole prefix:", err)
	}
}

// A form's escapes are read as the SDKs write them: both of a blank's.
func TestUnescape(t *testing.T) {
	for raw, want := range map[string]string{"a+b%20c%2B": "a b c+", "%e2%82%AC": "€", "": "", "%00": "\x00", "a%26b%3D": "a&b="} {
		got, err := unescape(raw)
		if std, _ := url.QueryUnescape(raw); err != nil || got != want || got != std {
			t.Errorf("%q: got %q, want %q (net/url %q) %v", raw, got, want, std, err)
		}
	}
}

// No input type holds itself, so that what a decoder follows is finite.
func TestInputsAreFinite(t *testing.T) {
	deepest := 0
	for name := range clients {
		for _, op := range Operations(name) {
			var walk func(n *node, on []*node)
			walk = func(n *node, on []*node) {
				if n == nil {
					return
				}
				deepest = max(deepest, len(on))
				for _, o := range on {
					if o == n {
						t.Fatalf("%s.%s: %v holds itself", name, op.Name, n.typ)
					}
				}
				on = append(on, n)
				walk(n.elem, on)
				walk(n.key, on)
				for _, f := range n.fields {
					walk(f.node, on)
				}
			}
			walk(op.input(), nil)
		}
	}
	if deepest > 12 {
		t.Errorf("an input is %d types deep", deepest)
	}
}
