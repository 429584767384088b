package query

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/google/go-cmp/cmp"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
)

// uses is a trail that knows only when keys were used.
type uses map[string]KeyUse

func (u uses) LastUsed(_ context.Context, account, key string) (map[string]KeyUse, error) {
	if u == nil {
		return nil, errors.New("the trail is not there")
	}
	return u, nil
}

func (uses) Lookup(context.Context, Lookup) ([]TrailRow, []byte, error) { panic("not asked") }
func (uses) Search(context.Context, TrailFilter) ([]TrailRow, error)    { panic("not asked") }
func (uses) SQL(context.Context, string, string) (TrailTable, error)    { panic("not asked") }
func (uses) Status() TrailStatus                                        { panic("not asked") }
func (uses) Reconcile(context.Context, string, uint64, bool) (TrailComparison, error) {
	panic("not asked")
}

// A report has AWS's columns and words, the root user first, then users by
// name; it is of when it was made, and lives four hours.
func TestCredentialReport(t *testing.T) {
	v := view(
		events.PasswordPolicyUpdated{MinimumLength: 8, MaxAge: 90},
		events.UserCreated{ID: id("AIDA", 1), Name: "bob,b", Path: "/"},
		events.UserCreated{ID: id("AIDA", 2), Name: "Ana", Path: "/x/"},
		events.LoginProfileCreated{User: id("AIDA", 2), Password: "k1.x"},
		events.AccessKeyCreated{ID: "AKIA1", User: id("AIDA", 2), Secret: "k1.x"},
		events.AccessKeyCreated{ID: "AKIA2", User: id("AIDA", 2), Secret: "k1.x"},
		events.AccessKeyUpdated{ID: "AKIA1"},
		events.MFADeviceCreated{ID: id("VMFA", 1), Name: "d", Path: "/", Seed: "k1.x"},
		events.MFADeviceEnabled{ID: id("VMFA", 1), User: id("AIDA", 2)},
	)
	world := v.World
	v.Reports, v.Freeze = NewReports(), func() *projections.World { return world }
	v.Trail = uses{"AKIA2": {v.Now, "sts", "eu-west-1"}}
	ask := func(what, want string) {
		t.Helper()
		v.World = nil // they are asked when the gate has let go of it
		state, err := v.GenerateCredentialReport(t.Context(), &iam.GenerateCredentialReportInput{})
		if err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(map[string]any{"s": state.State, "d": state.Description})
		if string(text) != want {
			t.Errorf("%s: %s, want %s", what, text, want)
		}
	}
	const started = `{"d":"No report exists. Starting a new report generation task","s":"STARTED"}`
	get := func() string {
		t.Helper()
		out, err := v.GetCredentialReport(t.Context(), &iam.GetCredentialReportInput{})
		if err != nil {
			return strings.SplitN(err.Error(), ":", 2)[0]
		}
		if out.ReportFormat != "text/csv" || out.GeneratedTime.After(v.Now) {
			t.Errorf("%s of %v", out.ReportFormat, out.GeneratedTime)
		}
		return string(out.Content)
	}
	want := `user,arn,user_creation_time,password_enabled,password_last_used,password_last_changed,password_next_rotation,mfa_active,` +
		`access_key_1_active,access_key_1_last_rotated,access_key_1_last_used_date,access_key_1_last_used_region,access_key_1_last_used_service,` +
		`access_key_2_active,access_key_2_last_rotated,access_key_2_last_used_date,access_key_2_last_used_region,access_key_2_last_used_service,` +
		`cert_1_active,cert_1_last_rotated,cert_2_active,cert_2_last_rotated
<root_account>,arn:aws:iam::111122223333:root,2026-11-22T08:00:00Z,not_supported,no_information,not_supported,not_supported,false,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A
Ana,arn:aws:iam::111122223333:user/x/Ana,2026-11-22T08:00:03Z,true,no_information,2026-11-22T08:00:04Z,2027-02-20T08:00:04Z,true,false,2026-11-22T08:00:05Z,N/A,N/A,N/A,true,2026-11-22T08:00:06Z,2026-11-22T09:00:00Z,eu-west-1,sts,false,N/A,false,N/A
"bob,b","arn:aws:iam::111122223333:user/bob,b",2026-11-22T08:00:02Z,false,N/A,N/A,N/A,false,false,N/A,N/A,N/A,N/A,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A`
	if got := get(); got != "ReportNotPresent" {
		t.Errorf("before: %s", got)
	}
	ask("the first", started)
	if diff := cmp.Diff(want, get()); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
	world = view().World // all are gone, but the report is of then
	v.Now = v.Now.Add(4*time.Hour - time.Second)
	ask("at once again", `{"d":null,"s":"COMPLETE"}`)
	if got := get(); got != want {
		t.Errorf("almost four hours later: %s", got)
	}
	v.Now = v.Now.Add(time.Second)
	if got := get(); got != "ReportExpired" {
		t.Errorf("four hours later: %s", got)
	}
	ask("after four hours", started)
	if got := get(); strings.Count(got, "\n") != 1 {
		t.Errorf("of nobody: %s", got)
	}

	// One that can't be made leaves nothing, and the next may be.
	v.Now = v.Now.Add(5 * time.Hour)
	v.Trail = uses(nil)
	if _, err := v.GenerateCredentialReport(t.Context(), &iam.GenerateCredentialReportInput{}); err == nil {
		t.Error("made without knowing which keys were used")
	}
	if got := get(); got != "ReportNotPresent" {
		t.Errorf("after a failure: %s", got)
	}
	v.Trail = nil // the audit store is off
	ask("after a failure", started)
}

// While a report is made others learn that it is; and many reports take no more
// room than there is: the oldest go.
func TestReports(t *testing.T) {
	r, now := NewReports(), time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	state, mine := r.begin("1", now)
	if state != "STARTED" || mine == nil {
		t.Fatal(state)
	}
	if state, mine := r.begin("1", now); state != "INPROGRESS" || mine != nil {
		t.Error(state)
	}
	v := &View{Reports: r, Now: now, Account: &projections.Account{ID: "1"}}
	if _, err := v.GetCredentialReport(t.Context(), &iam.GetCredentialReportInput{}); err == nil || !strings.HasPrefix(err.Error(), "ReportInProgress") {
		t.Errorf("while it is made: %v", err)
	}
	r.end("1", mine, make([]byte, reportsMost/2))
	_, mine = r.begin("2", now.Add(1))
	r.end("2", mine, make([]byte, reportsMost/2))
	_, mine = r.begin("3", now.Add(2))
	r.end("3", mine, []byte("x"))
	for id, kept := range map[string]bool{"1": false, "2": true, "3": true} {
		if _, ok := r.get(id); ok != kept {
			t.Errorf("%s is there: %v", id, ok)
		}
	}
	if r.size != reportsMost/2+1 {
		t.Errorf("%d bytes", r.size)
	}
}
