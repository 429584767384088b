package wire

import (
	"context"
	"errors"
	"io"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"github.com/keytrail/keytrail/cmd/keytrail/sigv4"
	"github.com/keytrail/keytrail/events/seal"
)

// Every operation of Access Analyzer, through the SDK's own client: it is known
// by its path; if it is served, input and output arrive as they were sent, the
// signature holds; if not, it is refused by its name.
func TestRESTRoundTrip(t *testing.T) {
	served, refused := 0, 0
	ct := reflect.TypeFor[*accessanalyzer.Client]()
	for i := range ct.NumMethod() {
		m := ct.Method(i)
		if m.Type.NumIn() != 4 || m.Type.NumOut() != 2 {
			continue
		}
		op, ok := Lookup("access-analyzer", m.Name)
		if ok && (op.in != m.Type.In(2).Elem() || op.out != m.Type.Out(0).Elem()) {
			t.Errorf("%s is of another type", m.Name)
		}
		for seed := range int64(6) {
			f := &filler{Rand: rand.New(rand.NewSource(seed)), text: plainText, empty: seed%3 == 2}
			in := reflect.New(m.Type.In(2).Elem())
			if ok {
				f.fill(in.Elem(), 0)
			} else { // the client wants some of it to make a path
				for k := range in.Elem().NumField() {
					if sf := in.Elem().Field(k); sf.CanSet() && sf.Type() == reflect.TypeFor[*string]() {
						sf.Set(reflect.ValueOf(new("a b/c")))
					}
				}
			}
			var out, got any
			if f.omit = seed%2 == 1; ok {
				out = op.NewOutput()
				f.fill(reflect.ValueOf(out).Elem(), 0)
			}
			var inner error
			name, sent := "", false
			options := func(o *accessanalyzer.Options) {
				o.HTTPClient = doer(func(r *http.Request) (*http.Response, error) {
					sent = true
					var body []byte
					if r.Body != nil {
						body, _ = io.ReadAll(r.Body)
					}
					w := httptest.NewRecorder()
					if ok {
						got, inner = serve(w, serverSide(r, body), op, out)
					} else {
						c, err := ReadRequest(w, serverSide(r, body))
						name, inner = c.Action(), err
						signature, err2 := sigv4.Parse(serverSide(r, body), body, time.Now(), sigv4.Scope{Service: c.Service})
						if err2 == nil {
							err2 = signature.Check(seal.NewSecret("secret"))
						}
						if err2 != nil {
							t.Errorf("%s: %s: %v", m.Name, r.URL.RequestURI(), err2)
						}
						WriteError(w, c.Service, "5d0c5c5a-0000-7000-8000-000000000000", err)
					}
					res := w.Result()
					res.Request = r
					return res, nil
				})
			}
			cl := accessanalyzer.NewFromConfig(config(nil), options)
			res := reflect.ValueOf(cl).MethodByName(m.Name).Call([]reflect.Value{reflect.ValueOf(context.Background()), in})
			err, _ := res[1].Interface().(error)
			if !ok {
				var api smithy.APIError
				if !sent {
					continue // the client itself wants more
				}
				if refused++; name != m.Name || inner == nil || !errors.As(err, &api) || api.ErrorCode() != "UnknownOperationException" || !strings.Contains(api.ErrorMessage(), m.Name) {
					t.Errorf("%s: taken for %s, answered %v", m.Name, name, err)
				}
				continue
			}
			served++
			if inner != nil || err != nil {
				t.Fatalf("%s seed %d: %v, client %v", m.Name, seed, inner, err)
			}
			if d := cmp.Diff(in.Interface(), got, exportAll); d != "" {
				t.Fatalf("%s seed %d: input differs (-sent +decoded)\n%s", m.Name, seed, d)
			}
			res[0].Elem().FieldByName("ResultMetadata").SetZero()
			if d := cmp.Diff(out, res[0].Interface(), exportAll); d != "" {
				t.Fatalf("%s seed %d: output differs (-encoded +returned)\n%s", m.Name, seed, d)
			}
		}
	}
	t.Logf("%d requests served, %d refused", served, refused)
	if served != 4*6 || refused < 20 {
		t.Error("this tests nothing")
	}
}

// What two readers might read differently is refused.
func TestRefusedREST(t *testing.T) {
	const good = `{"policyDocument":"{}","policyType":"IDENTITY_POLICY"}`
	for what, c := range map[string]struct {
		method, target, contentType, body, code string
	}{
		"as it should be":           {"POST", "/policy/validation?maxResults=5", "application/json", good, ""},
		"another path":              {"POST", "/policy/validations", "application/json", good, "UnknownOperationException"},
		"a slash more":              {"POST", "/policy/validation/", "application/json", good, "UnknownOperationException"},
		"two slashes":               {"POST", "/policy//validation", "application/json", good, "UnknownOperationException"},
		"another method":            {"PUT", "/policy/validation", "application/json", good, "UnknownOperationException"},
		"a path in other letters":   {"POST", "/policy/%76alidation", "application/json", good, "UnknownOperationException"},
		"a form":                    {"POST", "/policy/validation", "application/x-www-form-urlencoded", good, "SerializationException"},
		"an unknown parameter":      {"POST", "/policy/validation?foo=1", "application/json", good, "MalformedInput"},
		"a parameter twice":         {"POST", "/policy/validation?maxResults=5&maxResults=6", "application/json", good, "MalformedInput"},
		"no number":                 {"POST", "/policy/validation?maxResults=x", "application/json", good, "SerializationException"},
		"a query parameter in body": {"POST", "/policy/validation", "application/json", `{"policyDocument":"{}","policyType":"IDENTITY_POLICY","maxResults":5}`, "SerializationException"},
		"a member twice":            {"POST", "/policy/validation", "application/json", `{"policyDocument":"{}","policyDocument":"{}","policyType":"IDENTITY_POLICY"}`, "SerializationException"},
		"a member missing":          {"POST", "/policy/validation", "application/json", `{"policyType":"IDENTITY_POLICY"}`, "ValidationError"},
		"no type of policy":         {"POST", "/policy/validation", "application/json", `{"policyDocument":"{}","policyType":"X"}`, "ValidationError"},
	} {
		u, err := url.Parse("http://localhost" + c.target)
		if err != nil {
			t.Fatal(err)
		}
		r := &http.Request{Method: c.method, URL: u, Host: "localhost", Header: http.Header{"Content-Type": {c.contentType}}}
		sigv4.Sign(r, []byte(c.body), sigv4.Credentials{KeyID: "AKIAEXAMPLE12345678A"}, "access-analyzer", "us-east-1", time.Now())
		call, err := ReadRequest(httptest.NewRecorder(), serverSide(r, []byte(c.body)))
		if err == nil {
			_, err = call.Decode()
		}
		got := ""
		var api smithy.APIError
		if errors.As(err, &api) {
			got = api.ErrorCode()
		} else if err != nil {
			got = err.Error()
		}
		if got != c.code || call.Service != "access-analyzer" {
			t.Errorf("%s: %s %q, want %q", what, call.Service, got, c.code)
		}
	}
}

// Modelled errors keep their own status.
func TestRESTErrors(t *testing.T) {
	for _, c := range []struct {
		err    error
		code   string
		status int
	}{
		{&types.UnprocessableEntityException{Message: new("x")}, "UnprocessableEntityException", 422},
		{&types.InvalidParameterException{Message: new("x")}, "InvalidParameterException", 400},
		{&smithy.GenericAPIError{Code: "AccessDenied"}, "AccessDeniedException", 403},
		{&smithy.GenericAPIError{Code: "Throttling"}, "ThrottlingException", 429},
		{&smithy.GenericAPIError{Code: "ValidationError"}, "ValidationException", 400},
		{&smithy.GenericAPIError{Code: "UnknownOperationException"}, "UnknownOperationException", 404},
		{&smithy.GenericAPIError{Code: "ServiceUnavailable", Fault: smithy.FaultServer}, "ServiceUnavailableException", 503},
	} {
		if code, _, status := Code("access-analyzer", c.err); code != c.code || status != c.status {
			t.Errorf("%v: %s %d, want %s %d", c.err, code, status, c.code, c.status)
		}
	}
}
