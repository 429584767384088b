package scenarios

import (
	"compress/gzip"
	"context"
	"encoding/xml"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/test/harness"
)

// S-24: the unmodified aws cloudtrail validate-logs accepts what a trail has
// delivered, through restarts, and tells what was altered or removed. keytrail
// verify --trail tells also the two cuts that it cannot see.
func TestDeliveredFiles(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	cli := awsCLI(t)
	told := readsEndpoint(t, cli)
	s := harness.Start(t, harness.Options{NoAudit: true, Args: []string{"--trail-every", "1s", "--trail-digests", "2s"}})
	name, bucket := aws.String("mine"), aws.String("some-bucket")
	begin := time.Now().Add(-time.Minute).UTC().Format(time.RFC3339)
	if _, err := s.CloudTrail(s.Root).CreateTrail(ctx, &cloudtrail.CreateTrailInput{Name: name, S3BucketName: bucket, EnableLogFileValidation: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.CloudTrail(s.Root).StartLogging(ctx, &cloudtrail.StartLoggingInput{Name: name}); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(s.Dir, "trails", s.Account, *bucket)
	files := func(kind string) (found []string) {
		filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err == nil && strings.Contains(path, kind) && strings.HasSuffix(path, ".json.gz") {
				found = append(found, path)
			}
			return nil
		})
		return found
	}
	await := func(what string, done func() bool) {
		t.Helper()
		for deadline := time.Now().Add(time.Minute); !done(); time.Sleep(50 * time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatalf("after a minute: no %s", what)
			}
		}
	}
	nobody, err := s.User(ctx, "may-nothing")
	if err != nil {
		t.Fatal(err)
	}
	await("two log files under a digest", func() bool { return len(files("_CloudTrail_")) > 0 && len(files("_CloudTrail-Digest_")) > 0 })
	s.Kill()
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.User(ctx, "ana"); err != nil {
		t.Fatal(err)
	}
	logs := len(files("_CloudTrail_"))
	await("log file after a restart", func() bool { return len(files("_CloudTrail_")) > logs })
	digests := len(files("_CloudTrail-Digest_"))
	await("more digests", func() bool { return len(files("_CloudTrail-Digest_")) > digests+1 })
	if _, err := s.CloudTrail(s.Root).StopLogging(ctx, &cloudtrail.StopLoggingInput{Name: name}); err != nil {
		t.Fatal(err)
	}
	verify := func() harness.Result { return s.Keytrail(s.Root, "verify", "--trail", dir, "--within", "0s") }
	await("last digest", func() bool { return verify().Code == 0 })
	await("end of digests", func() bool {
		b, err := os.ReadFile(filepath.Join(s.Dir, "trails", s.Account, ".state", "mine.json"))
		return err == nil && strings.Contains(string(b), `"closed":true`)
	})
	status, err := s.CloudTrail(s.Root).GetTrailStatus(ctx, &cloudtrail.GetTrailStatusInput{Name: name})
	if err != nil || aws.ToBool(status.IsLogging) || status.LatestDeliveryTime == nil || status.LatestDigestDeliveryTime == nil || status.LatestDeliveryError != nil {
		t.Errorf("status %+v, %v", status, err)
	}

	guarded(t, s, nobody, dir, files("_CloudTrail_")[0])

	validate := func() (string, error) {
		c := exec.Command(cli, "cloudtrail", "validate-logs", "--trail-arn", "arn:aws:cloudtrail:us-east-1:"+s.Account+":trail/mine", "--start-time", begin, "--verbose")
		c.Env = append(append(harness.Environment(), s.Root.Env()...), "AWS_ENDPOINT_URL="+s.URL, "AWS_DEFAULT_REGION="+harness.Region, "AWS_MAX_ATTEMPTS=1")
		out, err := c.CombinedOutput()
		return string(out), err
	}
	all, chain := files("_CloudTrail_"), files("_CloudTrail-Digest_")
	slices.Sort(chain)
	edit := func(path string, f func([]byte) []byte) {
		b, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path, f(b), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	other, err := os.ReadFile(all[0])
	if err != nil {
		t.Fatal(err)
	}
	middle := chain[len(chain)/2]
	backup := t.TempDir()
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		what      string
		do        func()
		aws, ours string // what they say; "": they accept it
	}{
		{"nothing", func() {}, "", ""},
		{"a log that is another", func() { edit(all[1], func([]byte) []byte { return other }) }, "hash value doesn't match", "not what its digest says"},
		{"a log and a digest removed", func() { os.Remove(all[0]); os.Remove(middle) }, "INVALID: not found", "missing"},
		{"a digest that is another", func() {
			edit(middle, func([]byte) []byte {
				b, err := os.ReadFile(chain[0])
				if err != nil {
					t.Fatal(err)
				}
				return b
			})
		}, "has been moved from its original location", "it was moved from"},
		{"the newest digests removed with their logs", func() {
			first := unzipped(t, chain[0])
			for _, path := range append(all, chain[1:]...) {
				if !strings.Contains(first, filepath.Base(path)) {
					os.Remove(path)
				}
			}
		}, "", "the newest digest files are missing"},
		{"everything removed", func() { os.RemoveAll(dir); os.MkdirAll(dir, 0o700) }, "", "no digest covers its event"},
	} {
		c.do()
		if told && c.what != "everything removed" { // that it calls no digests found
			out, err := validate()
			if c.aws == "" && (err != nil || strings.Contains(out, "INVALID")) || c.aws != "" && (err == nil || !strings.Contains(out, c.aws)) {
				t.Errorf("%s: validate-logs says %v; want %q\n%s", c.what, err, c.aws, out)
			}
			if c.what == "nothing" && (!strings.Contains(out, " digest files valid") || !strings.Contains(out, " log files valid")) {
				t.Errorf("validate-logs finds nothing to validate:\n%s", out)
			}
		}
		r := verify()
		if c.ours == "" && r.Code != 0 || c.ours != "" && (r.Code != 1 || !strings.Contains(r.Out, c.ours)) {
			t.Errorf("%s: verify --trail says %d; want %q\n%s%s", c.what, r.Code, c.ours, r.Out, r.Err)
		}
		os.RemoveAll(dir)
		if err := os.CopyFS(dir, os.DirFS(backup)); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Verify(); err != nil {
		t.Error(err)
	}
}

func unzipped(t *testing.T, path string) string {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// guarded: delivered files are read as from S3, signed and with permission
// only, and each try is recorded.
func guarded(t *testing.T, s *harness.Server, nobody harness.Credentials, dir, file string) {
	key, err := filepath.Rel(dir, file)
	if err != nil {
		t.Fatal(err)
	}
	wrong := harness.Credentials{KeyID: s.Root.KeyID, Secret: strings.Repeat("w", 40)}
	unknown := harness.Credentials{KeyID: "AKIAIOSFODNN7EXAMPLE", Secret: wrong.Secret}
	tried := 0
	for _, target := range []string{"/some-bucket/" + filepath.ToSlash(key), "/some-bucket?prefix=AWSLogs", "/some-bucket?list-type=2&prefix=AWSLogs", "/some-bucket?location"} {
		for _, c := range []struct {
			how    string
			as     harness.Credentials
			code   string
			status int
		}{
			{"by root", s.Root, "", 200},
			{"without permission", nobody, "AccessDenied", 403},
			{"with a wrong secret", wrong, "SignatureDoesNotMatch", 403},
			{"by nobody", unknown, "InvalidAccessKeyId", 403},
		} {
			a, err := harness.Do(harness.Sign(s.Raw(http.MethodGet, target, http.Header{}, nil), c.as, "s3"))
			if err != nil {
				t.Fatal(err)
			}
			var e struct{ Code string }
			if c.code != "" {
				xml.Unmarshal(a.Body, &e)
			}
			if a.Status != c.status || e.Code != c.code || len(a.Body) == 0 {
				t.Errorf("%s %s: %d %s; want %d %s", target, c.how, a.Status, e.Code, c.status, c.code)
			}
			tried++
		}
		a, err := harness.Do(s.Raw(http.MethodGet, target, http.Header{}, nil))
		if err != nil || a.Status < 400 {
			t.Errorf("%s unsigned: %v, %v", target, a, err)
		}
		a, err = harness.Do(harness.Sign(s.Raw(http.MethodPut, target, http.Header{}, nil), s.Root, "s3"))
		if err != nil || a.Status != 405 {
			t.Errorf("PUT %s: %v, %v", target, a, err)
		}
	}
	for target, want := range map[string]int{"/some-bucket/none": 404, "/other-bucket/none": 404, "/some-bucket?acl": 501, "/": 501} {
		a, err := harness.Do(harness.Sign(s.Raw(http.MethodGet, target, http.Header{}, nil), s.Root, "s3"))
		if err != nil || a.Status != want {
			t.Errorf("%s: %v, %v; want %d", target, a, err, want)
		}
	}
	records, err := s.Records()
	if err != nil {
		t.Fatal(err)
	}
	schema, err := recordSchema()
	if err != nil {
		t.Fatal(err)
	}
	seen := 0
	if err := s.Journal(func(e events.Raw) error {
		if strings.Contains(string(e.Data), `"eventSource":"s3.amazonaws.com"`) {
			return valid(schema, e.Data)
		}
		return nil
	}); err != nil {
		t.Error(err)
	}
	for _, r := range records {
		if r.EventSource == "s3.amazonaws.com" && slices.Contains([]string{"GetObject", "ListObjects", "ListObjectsV2", "GetBucketLocation"}, r.EventName) {
			seen++
		}
	}
	if seen < tried {
		t.Errorf("%d of %d requests are recorded", seen, tried)
	}
}
