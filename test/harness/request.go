package harness

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/uuid"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/query"
)

// transport keeps as many connections as a test has clients: the default keeps
// two and closes the rest as they fall idle.
var transport = func() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 64
	return t
}()

// config is for clients that ask once: a test wants to see the first answer.
func (s *Server) config(c Credentials) aws.Config {
	return aws.Config{
		Region: Region, BaseEndpoint: &s.URL, Retryer: func() aws.Retryer { return aws.NopRetryer{} },
		Credentials: credentials.NewStaticCredentialsProvider(c.KeyID, c.Secret, c.Token),
		HTTPClient:  &http.Client{Transport: transport, Timeout: 30 * time.Second},
	}
}

// IAM, STS and CloudTrail are SDK clients as c, without retries.
func (s *Server) IAM(c Credentials) *iam.Client { return iam.NewFromConfig(s.config(c)) }
func (s *Server) STS(c Credentials) *sts.Client { return sts.NewFromConfig(s.config(c)) }
func (s *Server) CloudTrail(c Credentials) *cloudtrail.Client {
	return cloudtrail.NewFromConfig(s.config(c))
}

// User makes a user with an access key, as the root user of the first account.
func (s *Server) User(ctx context.Context, name string) (Credentials, error) {
	if _, err := s.IAM(s.Root).CreateUser(ctx, &iam.CreateUserInput{UserName: &name}); err != nil {
		return Credentials{}, err
	}
	return s.Key(ctx, s.Root, name)
}

// Key makes an access key of a user, as c.
func (s *Server) Key(ctx context.Context, c Credentials, user string) (Credentials, error) {
	out, err := s.IAM(c).CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: &user})
	if err != nil {
		return Credentials{}, err
	}
	return Credentials{KeyID: *out.AccessKey.AccessKeyId, Secret: *out.AccessKey.SecretAccessKey}, nil
}

// Versions of the APIs in a form.
var Versions = map[string]string{"iam": "2010-05-08", "sts": "2011-06-15"}

// Targets of the JSON services.
var Targets = map[string]string{
	"organizations": "AWSOrganizationsV20161128.",
	"cloudtrail":    "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.",
	"keytrail":      "Keytrail_20261101.",
}

// Paths of the services that speak REST-JSON, by operation; each is a POST.
var Paths = map[string]map[string]string{
	"access-analyzer": {
		"ValidatePolicy": "/policy/validation", "CheckNoNewAccess": "/policy/check-no-new-access",
		"CheckAccessNotGranted": "/policy/check-access-not-granted", "CheckNoPublicAccess": "/policy/check-no-public-access",
		"ListAnalyzers": "/analyzer", // which is not one
	},
}

// IsJSON says whether a service speaks JSON, in either of its protocols.
func IsJSON(service string) bool { return Targets[service] != "" || Paths[service] != nil }

// Request makes an unsigned request. in is url.Values for IAM and STS, and
// anything that JSON can write for the others; nil is empty.
func (s *Server) Request(service, action string, in any) *http.Request {
	var body []byte
	header := http.Header{}
	if paths := Paths[service]; paths != nil {
		header.Set("Content-Type", "application/json")
		if in == nil {
			in = struct{}{}
		}
		body, err := json.Marshal(in)
		if err != nil {
			s.t.Error(err)
		}
		return s.Raw(http.MethodPost, paths[action], header, body)
	}
	if target, ok := Targets[service]; ok {
		header.Set("Content-Type", "application/x-amz-json-1.1")
		header.Set("X-Amz-Target", target+action)
		if body = []byte("{}"); in != nil {
			var err error
			if body, err = json.Marshal(in); err != nil {
				s.t.Error(err)
			}
		}
	} else {
		header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
		form := url.Values{"Action": {action}, "Version": {Versions[service]}}
		if in != nil {
			for k, v := range in.(url.Values) {
				form[k] = v
			}
		}
		body = []byte(form.Encode())
	}
	return s.Raw(http.MethodPost, "/", header, body)
}

// Raw makes an unsigned request of exactly these parts.
func (s *Server) Raw(method, target string, header http.Header, body []byte) *http.Request {
	r, err := http.NewRequest(method, s.URL+target, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header = header
	// As the SDKs do: two requests of one second are two, the same one sent
	// again is one.
	r.Header.Set("Amz-Sdk-Invocation-Id", uuid.NewString())
	return r
}

// Sign signs r with the SDK's signer, which shares no code with the server's.
func Sign(r *http.Request, c Credentials, service string) *http.Request {
	return SignAt(r, c, service, time.Now())
}

// SignAt is Sign as of another time.
func SignAt(r *http.Request, c Credentials, service string, at time.Time) *http.Request {
	var body []byte
	if r.GetBody != nil {
		b, err := r.GetBody()
		if err == nil {
			body, err = io.ReadAll(b)
		}
		if err != nil {
			panic(err)
		}
	}
	sum := sha256.Sum256(body)
	err := v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: c.KeyID, SecretAccessKey: c.Secret, SessionToken: c.Token}, r, hex.EncodeToString(sum[:]), service, Region, at)
	if err != nil {
		panic(err)
	}
	return r
}

// Answer is what came back.
type Answer struct {
	Status        int
	Code, Message string // of an error
	RequestID     string
	Header        http.Header
	Body          []byte
	Closed        bool // the server closes the connection
}

func (a *Answer) String() string {
	return fmt.Sprintf("%d %s %q", a.Status, a.Code, a.Message)
}

// Do sends r on a connection of its own and reads the answer.
func Do(r *http.Request) (*Answer, error) {
	c := http.Client{
		Transport: &http.Transport{DisableKeepAlives: false, DisableCompression: true, MaxIdleConnsPerHost: -1},
		Timeout:   30 * time.Second,
	}
	resp, err := c.Do(r)
	if err != nil {
		return nil, err
	}
	return ReadAnswer(resp)
}

// Call signs and sends a request as c.
func (s *Server) Call(c Credentials, service, action string, in any) (*Answer, error) {
	return Do(Sign(s.Request(service, action, in), c, service))
}

// ReadAnswer reads a response and what error it tells, in either protocol.
func ReadAnswer(resp *http.Response) (*Answer, error) {
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	a := &Answer{Status: resp.StatusCode, Header: resp.Header, Body: b, RequestID: resp.Header.Get("X-Amzn-Requestid"), Closed: resp.Close}
	if t := resp.Header.Get("Content-Type"); strings.HasPrefix(t, "application/x-amz-json") || t == "application/json" {
		var e struct {
			Type    string `json:"__type"`
			Message string `json:"message"`
		}
		if err := json.Unmarshal(b, &e); err != nil {
			return a, fmt.Errorf("the answer is not JSON: %w: %s", err, b)
		}
		if a.Status != http.StatusOK {
			a.Code, a.Message = e.Type, e.Message
		}
		return a, nil
	}
	var e struct {
		Code    string `xml:"Error>Code"`
		Message string `xml:"Error>Message"`
	}
	if a.Status != http.StatusOK && xml.Unmarshal(b, &e) == nil {
		a.Code, a.Message = e.Code, e.Message
	}
	return a, nil
}

// Records reads every decision that the log holds, oldest first within each
// stream, through the operator's own API: no audit store is asked.
func (s *Server) Records() ([]events.Record, error) {
	var records []events.Record
	err := s.Journal(func(e events.Raw) error {
		if e.Type != events.RecordType {
			return nil
		}
		var r events.Record
		if err := json.Unmarshal(e.Data, &r); err != nil {
			return err
		}
		records = append(records, r)
		return nil
	})
	return records, err
}

// Journal reads every event of both truths.
func (s *Server) Journal(f func(events.Raw) error) error {
	for _, stream := range []string{"IDENTITY", "DECISIONS"} {
		for after, end := uint64(0), uint64(0); ; {
			a, err := s.Call(s.Root, "keytrail", "ReadJournal", query.ReadJournalInput{Stream: stream, After: after, Limit: 1000})
			if err != nil {
				return err
			}
			if a.Status != http.StatusOK {
				return fmt.Errorf("ReadJournal: %s", a)
			}
			var out query.ReadJournalOutput
			if err := json.Unmarshal(a.Body, &out); err != nil {
				return err
			}
			if end == 0 {
				end = out.End // reading is itself recorded: stop where the log ended at first
			}
			for _, m := range out.Messages {
				after = m.Seq
				if err := events.Each(m.Body, func(_ int, e events.Raw) error { return f(e) }); err != nil {
					return err
				}
			}
			if len(out.Messages) == 0 || after >= end {
				break
			}
		}
	}
	return nil
}

// ByRequest finds records by the request id that the answer named.
func (s *Server) ByRequest() (map[string]events.Record, error) {
	records, err := s.Records()
	by := make(map[string]events.Record, len(records))
	for _, r := range records {
		by[r.RequestID] = r
	}
	return by, err
}
