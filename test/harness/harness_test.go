package harness

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"
)

// What the other tests rest on: a server comes up, keeps port and state over
// Stop and Kill, and verifies; a second one on its folder does not come up.
func TestServer(t *testing.T) {
	ctx := context.Background()
	s := Start(t, Options{NoAudit: true})
	url, pid := s.URL, s.PID()
	ana, err := s.User(ctx, "ana")
	if err != nil {
		t.Fatal(err)
	}
	second := Prepare(t, Options{NoAudit: true, Dir: s.Dir})
	if err := second.Launch(); err == nil || !strings.Contains(err.Error(), "in use") {
		t.Errorf("a second server on the folder: %v, want it refused", err)
	}
	if err := s.Stop(); err != nil {
		t.Fatalf("stop: %v", err)
	}
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	s.Kill()
	if s.Running() || s.PID() != 0 || s.Healthy() == nil {
		t.Error("the server outlived Kill")
	}
	if _, err := os.Stat("/proc/" + strconv.Itoa(pid)); err == nil {
		t.Errorf("process %d is still there", pid)
	}
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if s.URL != url {
		t.Errorf("after Restart at %s, was at %s", s.URL, url)
	}
	if err := s.Healthy(); err != nil {
		t.Error(err)
	}
	if _, err := s.IAM(ana).ListUsers(ctx, &iam.ListUsersInput{}); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
		t.Errorf("ana, who may nothing, gets %v", err)
	}
	a, err := s.Call(ana, "sts", "GetCallerIdentity", nil)
	if err != nil || a.Status != 200 {
		t.Fatal(a, err)
	}
	by, err := s.ByRequest()
	if err != nil || by[a.RequestID].EventName != "GetCallerIdentity" {
		t.Errorf("the answer's request id finds %+v, %v", by[a.RequestID], err)
	}
	if err := s.Verify(); err != nil {
		t.Error(err)
	}
}
