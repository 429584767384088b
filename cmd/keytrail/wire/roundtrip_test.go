package wire

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/organizations"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/keytrail/keytrail/events/seal"
)

type doer func(*http.Request) (*http.Response, error)

func (f doer) Do(r *http.Request) (*http.Response, error) { return f(r) }

var clients = map[string]func(aws.Config) any{
	"iam":           func(c aws.Config) any { return iam.NewFromConfig(c) },
	"sts":           func(c aws.Config) any { return sts.NewFromConfig(c) },
	"cloudtrail":    func(c aws.Config) any { return cloudtrail.NewFromConfig(c) },
	"organizations": func(c aws.Config) any { return organizations.NewFromConfig(c) },
}

func config(do doer) aws.Config {
	return aws.Config{Region: "us-east-1", Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE12345678A", "secret", ""), RetryMaxAttempts: 1, HTTPClient: do}
}

// serverSide is what a server would get of a client's request.
func serverSide(r *http.Request, body []byte) *http.Request {
	s := &http.Request{Method: r.Method, RequestURI: r.URL.RequestURI(), Host: r.Host, Header: r.Header, ContentLength: int64(len(body)), Body: io.NopCloser(bytes.NewReader(body))}
	if s.Host == "" {
		s.Host = r.URL.Host
	}
	return s
}

// filler makes random inputs and outputs.
type filler struct {
	*rand.Rand
	omit  bool   // leave out members now and then
	empty bool   // make lists and maps empty now and then
	text  string // what strings are made of
}

const plainText = "aZ09 <&é>\"'+/=%\u2028𝒳\n\t_.-"

func (f *filler) fill(v reflect.Value, depth int) {
	t := v.Type()
	switch {
	case t.Kind() == reflect.Pointer:
		if f.omit && depth > 0 && f.Intn(4) == 0 {
			return
		}
		v.Set(reflect.New(t.Elem()))
		f.fill(v.Elem(), depth)
		return
	case t == timeType:
		v.Set(reflect.ValueOf(time.Unix(f.Int63n(2e9), 0).UTC()))
		return
	case unions[t] != nil:
		c := reflect.New(unions[t][f.Intn(len(unions[t]))])
		f.fill(c.Elem().Field(0), depth+1)
		v.Set(c)
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			if sf := t.Field(i); sf.IsExported() && sf.Name != "ResultMetadata" {
				f.fill(v.Field(i), depth+1)
			}
		}
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			b := make([]byte, 1+f.Intn(9))
			f.Read(b)
			v.SetBytes(b)
			return
		}
		if depth > 12 {
			return
		}
		n := 1 + f.Intn(3)
		if f.empty && f.Intn(3) == 0 {
			n = 0
		}
		v.Set(reflect.MakeSlice(t, n, n))
		for i := range n {
			f.fill(v.Index(i), depth+1)
		}
	case reflect.Map:
		m := reflect.MakeMap(t)
		for range 1 + f.Intn(3) {
			k, e := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			f.fill(k, depth+1)
			f.fill(e, depth+1)
			m.SetMapIndex(k, e)
		}
		v.Set(m)
	case reflect.String:
		chars := []rune(f.text)
		var b strings.Builder
		for range 1 + f.Intn(12) {
			b.WriteRune(chars[f.Intn(len(chars))])
		}
		v.SetString(b.String())
	case reflect.Bool:
		v.SetBool(f.Intn(2) == 0)
	case reflect.Int32, reflect.Int64:
		v.SetInt(f.Int63n(1e6) - 1000)
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(f.Intn(1000)) / 8)
	default:
		panic("no filling for " + t.String())
	}
}

var exportAll = cmp.Options{
	cmp.Exporter(func(reflect.Type) bool { return true }),
}

// Every operation of the four services, through the SDK's own client: the
// input the client was given is the input decoded, the output encoded is the
// output the client returns. Signatures are checked on the way.
func TestRoundTrip(t *testing.T) {
	seeds := int64(24)
	if testing.Short() {
		seeds = 4
	}
	n := 0
	for name, client := range clients {
		for _, op := range Operations(name) {
			n++
			for seed := range seeds {
				f := &filler{Rand: rand.New(rand.NewSource(seed)), text: plainText}
				in, out := op.NewInput(), op.NewOutput()
				f.empty = seed%3 == 2
				f.fill(reflect.ValueOf(in).Elem(), 0)
				f.omit = seed%2 == 1
				f.fill(reflect.ValueOf(out).Elem(), 0)
				var got any
				var inner error
				cl := client(config(func(r *http.Request) (*http.Response, error) {
					body, _ := io.ReadAll(r.Body)
					w := httptest.NewRecorder()
					got, inner = serve(w, serverSide(r, body), op, out)
					res := w.Result()
					res.Request = r
					return res, nil
				}))
				res := reflect.ValueOf(cl).MethodByName(op.Name).Call([]reflect.Value{reflect.ValueOf(context.Background()), reflect.ValueOf(in)})
				if inner != nil {
					t.Fatalf("%s.%s seed %d: %v", name, op.Name, seed, inner)
				}
				if err, _ := res[1].Interface().(error); err != nil {
					t.Fatalf("%s.%s seed %d: client: %v", name, op.Name, seed, err)
				}
				if d := cmp.Diff(in, got, exportAll); d != "" {
					t.Fatalf("%s.%s seed %d: input differs (-sent +decoded)\n%s", name, op.Name, seed, d)
				}
				res[0].Elem().FieldByName("ResultMetadata").SetZero()
				if d := cmp.Diff(out, res[0].Interface(), exportAll); d != "" {
					t.Fatalf("%s.%s seed %d: output differs (-encoded +returned)\n%s", name, op.Name, seed, d)
				}
			}
		}
	}
	t.Logf("%d operations round-trip", n)
}

// serve reads a request as the server does, but for the constraints, which
// random values do not satisfy.
func serve(w http.ResponseWriter, r *http.Request, op *Operation, out any) (any, error) {
	c, err := ReadRequest(w, r)
	if err != nil {
		return nil, err
	}
	if c.Op != op || c.Service != op.Service {
		return nil, fmt.Errorf("taken for %s.%s", c.Service, c.Op.Name)
	}
	sig, err := c.Authenticate(time.Now(), []string{"us-east-1"})
	if err != nil {
		return nil, err
	}
	if sig == nil != op.Unsigned {
		return nil, fmt.Errorf("signed: %v", sig != nil)
	}
	if sig != nil {
		if err := sig.Check(seal.NewSecret("secret")); err != nil {
			return nil, err
		}
	}
	in := op.NewInput()
	if op.service.rest {
		err = c.fillREST(in)
	} else if op.JSON {
		err = fillJSON(c.Body, op.input(), in)
	} else {
		err = c.form.fill(op.input(), in)
	}
	if err != nil {
		return nil, err
	}
	return in, WriteResponse(w, op, "5d0c5c5a-0000-7000-8000-000000000000", out)
}

// The operations are the SDK's, and everything of the SDK's is either in the
// published facts or in the list below. A newer SDK turns this red until
// somebody decides.
func TestTypes(t *testing.T) {
	var newer []string
	for name, client := range clients {
		ct := reflect.TypeOf(client(config(nil)))
		n := 0
		for i := range ct.NumMethod() {
			m := ct.Method(i)
			if m.Type.NumIn() != 4 || m.Type.NumOut() != 2 {
				continue
			}
			n++
			op, ok := Lookup(name, m.Name)
			if !ok || op.in != m.Type.In(2).Elem() || op.out != m.Type.Out(0).Elem() {
				t.Errorf("%s.%s is in the SDK and not in sdktypes.go", name, m.Name)
				continue
			}
			if op.newer {
				newer = append(newer, name+"."+op.Name)
				continue
			}
			seen := map[*node]bool{}
			var walk func(n *node)
			walk = func(n *node) {
				if n == nil || seen[n] {
					return
				}
				seen[n] = true
				for _, f := range n.fields {
					if f.newer {
						newer = append(newer, n.typ.String()+"."+f.name)
					} else {
						walk(f.node)
					}
				}
				walk(n.elem)
				walk(n.key)
			}
			walk(op.input())
			walk(op.output())
		}
		if got := len(Operations(name)); got != n {
			t.Errorf("%s has %d operations, the SDK %d", name, got, n)
		}
	}
	want := strings.Fields(`
		iam.AcquireRole iam.GetAccountProperties iam.GetRoleTemplateVersion iam.PutAccountProperties
		iam.SimulateCustomPolicyInput.OrderedOrganizationPolicyInputList iam.SimulatePrincipalPolicyInput.PolicyExclusionList
		types.Role.SourceRoleTemplate
		sts.AssumeRoleInput.MinimumSessionTokenSize sts.AssumeRoleOutput.SessionTokenSize sts.AssumeRoleOutput.SessionTokenUtilization
		sts.AssumeRoleWithSAMLInput.MinimumSessionTokenSize sts.AssumeRoleWithSAMLOutput.SessionTokenSize sts.AssumeRoleWithSAMLOutput.SessionTokenUtilization
		sts.AssumeRoleWithWebIdentityInput.MinimumSessionTokenSize sts.AssumeRoleWithWebIdentityOutput.SessionTokenSize sts.AssumeRoleWithWebIdentityOutput.SessionTokenUtilization
		sts.AssumeRootInput.MinimumSessionTokenSize sts.AssumeRootOutput.SessionTokenSize sts.AssumeRootOutput.SessionTokenUtilization
		sts.GetFederationTokenInput.MinimumSessionTokenSize sts.GetFederationTokenOutput.SessionTokenSize sts.GetFederationTokenOutput.SessionTokenUtilization
		sts.GetSessionTokenInput.MinimumSessionTokenSize sts.GetSessionTokenOutput.SessionTokenSize sts.GetSessionTokenOutput.SessionTokenUtilization`)
	slices.Sort(want)
	slices.Sort(newer)
	newer = slices.Compact(newer)
	if d := cmp.Diff(want, newer); d != "" {
		t.Errorf("what the SDK has more than the facts (-known +found):\n%s", d)
	}
}
