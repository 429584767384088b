package wire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keytrail/keytrail/cmd/keytrail/sigv4"
	"github.com/keytrail/keytrail/events/seal"
)

// front is the first step of a request as the server makes it, with one key and
// a function for all the rest.
func front(key string, secret seal.Secret, answer func(op *Operation, in any) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		const id = "5d0c5c5a-0000-7000-8000-000000000000"
		c, err := ReadRequest(w, r)
		if err != nil {
			WriteError(w, c.Service, id, err)
			return
		}
		sig, err := c.Authenticate(time.Now(), []string{"us-east-1"})
		if err == nil && sig != nil {
			if sig.KeyID() == key {
				err = sig.Check(secret)
			} else {
				err = sig.CheckUnknown()
			}
		}
		var in, out any
		if err == nil {
			in, err = c.Decode()
		}
		if err == nil {
			out, err = answer(c.Op, in)
		}
		if err == nil {
			err = WriteResponse(w, c.Op, id, out)
		}
		if err != nil {
			WriteError(w, c.Service, id, err)
		}
	}
}

// The SDK's clients over a real connection: answers, modelled errors, refused
// signatures, refused inputs.
func TestRealClients(t *testing.T) {
	srv := httptest.NewServer(front("AKIAEXAMPLE12345678A", seal.NewSecret("secret"), func(op *Operation, in any) (any, error) {
		switch in := in.(type) {
		case *iam.CreateUserInput:
			return &iam.CreateUserOutput{User: &iamtypes.User{UserName: in.UserName, Tags: in.Tags}}, nil
		case *iam.GetUserInput:
			return nil, &iamtypes.NoSuchEntityException{Message: aws.String("The user with name " + *in.UserName + " cannot be found.")}
		case *sts.GetCallerIdentityInput:
			return &sts.GetCallerIdentityOutput{Account: aws.String("123456789012")}, nil
		case *sts.AssumeRoleWithWebIdentityInput:
			return &sts.AssumeRoleWithWebIdentityOutput{Provider: aws.String(*in.WebIdentityToken)}, nil
		case *cloudtrail.LookupEventsInput:
			return &cloudtrail.LookupEventsOutput{Events: []cttypes.Event{{EventName: aws.String("CreateUser"), EventTime: aws.Time(time.Unix(1_700_000_000, 0).UTC())}}}, nil
		}
		return nil, errors.New("no answer for " + op.Name)
	}))
	defer srv.Close()
	ctx := context.Background()
	cfg := aws.Config{Region: "us-east-1", BaseEndpoint: &srv.URL, Credentials: credentials.NewStaticCredentialsProvider("AKIAEXAMPLE12345678A", "secret", ""), RetryMaxAttempts: 1}
	users := iam.NewFromConfig(cfg)

	out, err := users.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("ana+1"), Tags: []iamtypes.Tag{{Key: aws.String("a b"), Value: aws.String("é=+@ ")}}})
	if err != nil || *out.User.UserName != "ana+1" || *out.User.Tags[0].Value != "é=+@ " {
		t.Error(out, err)
	}
	_, err = users.GetUser(ctx, &iam.GetUserInput{UserName: aws.String("bob")})
	var none *iamtypes.NoSuchEntityException
	if !errors.As(err, &none) || *none.Message != "The user with name bob cannot be found." {
		t.Error(err)
	}
	_, err = users.ListGroups(ctx, nil)
	if err == nil || !strings.Contains(err.Error(), "InternalFailure") || strings.Contains(err.Error(), "no answer for") {
		t.Error(err)
	}
	if _, err = sts.NewFromConfig(cfg).GetCallerIdentity(ctx, nil); err != nil {
		t.Error(err)
	}
	events, err := cloudtrail.NewFromConfig(cfg).LookupEvents(ctx, &cloudtrail.LookupEventsInput{MaxResults: aws.Int32(5)})
	if err != nil || !events.Events[0].EventTime.Equal(time.Unix(1_700_000_000, 0)) {
		t.Error(events, err)
	}

	// Unsigned is served only where AWS serves it.
	anonymous := cfg
	anonymous.Credentials = aws.AnonymousCredentials{}
	fed, err := sts.NewFromConfig(anonymous).AssumeRoleWithWebIdentity(ctx, &sts.AssumeRoleWithWebIdentityInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/r"), RoleSessionName: aws.String("ss"), WebIdentityToken: aws.String("token")})
	if err != nil || *fed.Provider != "token" {
		t.Error(err)
	}
	for _, c := range []struct{ key, secret, want string }{
		{"AKIAEXAMPLE12345678A", "other", "SignatureDoesNotMatch"},
		{"AKIAEXAMPLE12345678B", "secret", "InvalidClientTokenId"},
	} {
		bad := cfg
		bad.Credentials = credentials.NewStaticCredentialsProvider(c.key, c.secret, "")
		if _, err := iam.NewFromConfig(bad).GetUser(ctx, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.want, err)
		}
	}
	for _, service := range []string{"iam", "sts", "cloudtrail"} {
		for _, op := range Operations(service) {
			r, _ := http.NewRequest("POST", srv.URL+"/", strings.NewReader("Action="+op.Name+"&Version="+op.Version))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			if op.JSON {
				r.Header.Set("Content-Type", "application/x-amz-json-1.1")
				r.Header.Set("X-Amz-Target", "CloudTrail_20131101."+op.Name)
			}
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			body, _ := io.ReadAll(res.Body)
			res.Body.Close()
			if strings.Contains(string(body), "MissingAuthenticationToken") == op.Unsigned {
				t.Errorf("%s.%s unsigned: %s", service, op.Name, body)
			}
		}
	}
	// A presigned GetCallerIdentity, as Kubernetes sends it.
	r, _ := http.NewRequest("GET", srv.URL+"/?Action=GetCallerIdentity&Version=2011-06-15", nil)
	r.Header.Set("X-K8s-Aws-Id", "cluster")
	sigv4.Presign(r, sigv4.Credentials{KeyID: "AKIAEXAMPLE12345678A", Secret: seal.NewSecret("secret")}, "sts", "eu-west-1", time.Now(), time.Minute, "x-k8s-aws-id")
	res, err := http.DefaultClient.Do(r)
	if err != nil || res.StatusCode != 200 {
		t.Error(res, err)
	}
	res.Body.Close()
}

// Plans, patterns and tables are made once by whoever comes first.
func TestAtOnce(t *testing.T) {
	s := newService("iam", "2010-05-08", false, iamTypes)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for _, op := range s.table().ops {
				f := &filler{Rand: newRand(1), text: "abc"}
				in := op.NewInput()
				form, _ := parseForm("Action="+op.Name+"&UserName=a&Tags.member.1.Key=a", false)
				form.fill(op.input(), in)
				op.Check(in)
				out := op.NewOutput()
				_ = f
				if _, err := op.AppendResponse(nil, "r", out); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// benchServer drives h over loopback connections with one signed request.
func benchServer(b *testing.B, h http.Handler) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: h}
	go srv.Serve(l)
	defer srv.Close()
	r := post(createUser)
	r.Host = l.Addr().String()
	sigv4.Sign(r, []byte(createUser), sigv4.Credentials{KeyID: "AKIAEXAMPLE12345678A", Secret: seal.NewSecret("secret")}, "iam", "us-east-1", time.Now())
	var raw bytes.Buffer
	raw.WriteString("POST / HTTP/1.1\r\nHost: " + r.Host + "\r\nContent-Length: " + itoa(len(createUser)) + "\r\nUser-Agent: aws-sdk-go-v2/1.47.7\r\nAmz-Sdk-Invocation-Id: 5f0b4f5c-6d5b-4f4c-9a51-02d76c4c2d11\r\nAmz-Sdk-Request: attempt=1; max=3\r\n")
	for name, values := range r.Header {
		raw.WriteString(name + ": " + values[0] + "\r\n")
	}
	raw.WriteString("\r\n" + createUser)
	b.RunParallel(func(pb *testing.PB) {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			b.Error(err)
			return
		}
		defer c.Close()
		buf := make([]byte, 4096)
		for pb.Next() {
			c.Write(raw.Bytes())
			n, err := c.Read(buf) // the answer comes in one piece
			if err != nil || !bytes.HasPrefix(buf[:n], []byte("HTTP/1.1 200")) {
				b.Errorf("%s %v", buf[:n], err)
				return
			}
		}
	})
}

func itoa(n int) string {
	var b [20]byte
	i := len(b)
	for {
		i--
		b[i] = byte('0' + n%10)
		if n /= 10; n == 0 {
			return string(b[i:])
		}
	}
}

// BenchmarkServerBare is the yardstick: net/http and the signature, no more.
func BenchmarkServerBare(b *testing.B) {
	secret := seal.NewSecret("secret")
	benchServer(b, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			var s *sigv4.Signature
			if s, err = sigv4.Parse(r, body, time.Now(), sigv4.Scope{Service: "iam"}); err == nil {
				err = s.Check(secret)
			}
		}
		if err != nil {
			w.WriteHeader(403)
		}
		w.Write([]byte("ok"))
	}))
}

// BenchmarkServerWire is the same with all that wire does.
func BenchmarkServerWire(b *testing.B) {
	out := createUserOutput()
	benchServer(b, front("AKIAEXAMPLE12345678A", seal.NewSecret("secret"), func(*Operation, any) (any, error) { return out, nil }))
}
