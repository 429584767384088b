package query

import (
	"bytes"
	"context"
	"encoding/csv"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"

	"github.com/keytrail/keytrail/projections"
)

// Reports keeps the last credential report of each account, as long as it may
// be read and there is room. It is this node's own and in memory: a report can
// be had again at any time, which is why no fact is worth it. Safe for
// concurrent use.
type Reports struct {
	mu   sync.Mutex
	of   map[string]*report // guarded by mu
	size int                // guarded by mu: bytes of all
}

// report is one account's; content is nil while it is being made.
type report struct {
	at      time.Time
	content []byte
}

const (
	reportLife  = 4 * time.Hour // IAM User Guide, "Getting credential reports for your AWS account"
	reportsMost = 64 << 20      // bytes
)

// NewReports makes room for reports.
func NewReports() *Reports { return &Reports{of: map[string]*report{}} }

// begin says that an account's report is being made, unless one is there.
func (r *Reports) begin(account string, now time.Time) (types.ReportStateType, *report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if old := r.of[account]; old != nil {
		switch {
		case old.content == nil:
			return types.ReportStateTypeInprogress, nil
		case now.Sub(old.at) < reportLife:
			return types.ReportStateTypeComplete, nil
		}
		r.size -= len(old.content)
	}
	mine := &report{at: now}
	r.of[account] = mine
	return types.ReportStateTypeStarted, mine
}

// end keeps the content; nil: it could not be made.
func (r *Reports) end(account string, mine *report, content []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if content == nil {
		delete(r.of, account)
		return
	}
	mine.content = content
	r.size += len(content)
	for r.size > reportsMost { // the oldest goes, be it this one
		oldest := ""
		for id, one := range r.of {
			if one.content != nil && (oldest == "" || one.at.Before(r.of[oldest].at)) {
				oldest = id
			}
		}
		r.size -= len(r.of[oldest].content)
		delete(r.of, oldest)
	}
}

func (r *Reports) get(account string) (one report, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at := r.of[account]; at != nil {
		return *at, true
	}
	return report{}, false
}

// GenerateCredentialReport makes the account's credential report of now, if
// there is none that can still be read. Whoever asks waits for it; the state
// says what AWS's would, that it was begun.
func (v *View) GenerateCredentialReport(ctx context.Context, in *iam.GenerateCredentialReportInput) (*iam.GenerateCredentialReportOutput, error) {
	id := v.Account.ID
	state, mine := v.Reports.begin(id, v.Now)
	out := &iam.GenerateCredentialReportOutput{State: state}
	if mine == nil {
		return out, nil
	}
	var content []byte
	defer func() { v.Reports.end(id, mine, content) }()
	uses := map[string]KeyUse{}
	if v.Trail != nil {
		var err error
		if uses, err = v.Trail.LastUsed(ctx, id, ""); err != nil {
			return nil, err
		}
	}
	w := v.Freeze()
	a, ok := w.Account(id)
	if !ok {
		panic("query: the caller's account is not there")
	}
	content = credentialReport(w, a, uses)
	text := "No report exists. Starting a new report generation task"
	out.Description = &text
	return out, nil
}

// GetCredentialReport gives the report that was made last.
func (v *View) GetCredentialReport(ctx context.Context, in *iam.GetCredentialReportInput) (*iam.GetCredentialReportOutput, error) {
	r, ok := v.Reports.get(v.Account.ID)
	switch {
	case !ok:
		return nil, &types.CredentialReportNotPresentException{Message: said("The credential report does not exist. To generate a credential report, use GenerateCredentialReport.")}
	case r.content == nil:
		return nil, &types.CredentialReportNotReadyException{Message: said("The credential report is still being generated.")}
	case v.Now.Sub(r.at) >= reportLife:
		return nil, &types.CredentialReportExpiredException{Message: said("The most recent credential report has expired. To generate a new credential report, use GenerateCredentialReport.")}
	}
	return &iam.GetCredentialReportOutput{Content: r.content, GeneratedTime: &r.at, ReportFormat: types.ReportFormatTypeTextCsv}, nil
}

func said(text string) *string { return &text }

// reportColumns are AWS's, in its order.
var reportColumns = []string{
	"user", "arn", "user_creation_time", "password_enabled", "password_last_used", "password_last_changed", "password_next_rotation", "mfa_active",
	"access_key_1_active", "access_key_1_last_rotated", "access_key_1_last_used_date", "access_key_1_last_used_region", "access_key_1_last_used_service",
	"access_key_2_active", "access_key_2_last_rotated", "access_key_2_last_used_date", "access_key_2_last_used_region", "access_key_2_last_used_service",
	"cert_1_active", "cert_1_last_rotated", "cert_2_active", "cert_2_last_rotated",
}

// Words of the report for what there is not.
const (
	notThere      = "N/A"
	noInformation = "no_information"
	notSupported  = "not_supported"
)

// credentialReport is a line for the root user and one for each user, by name.
// Nobody signs in with a password yet, so none was ever used.
func credentialReport(w *projections.World, a *projections.Account, uses map[string]KeyUse) []byte {
	var b bytes.Buffer
	out := csv.NewWriter(&b)
	line := func(name, arn string, created time.Time, password [4]string, mfa bool, keys []string) {
		fields := append([]string{name, arn, moment(created)}, password[:]...)
		fields = append(fields, strconv.FormatBool(mfa))
		for i := range 2 {
			fields = append(fields, keyFields(w, keys, i, uses)...)
		}
		out.Write(append(fields, "false", notThere, "false", notThere)) // of certificates; a bytes.Buffer refuses nothing
	}
	out.Write(reportColumns)
	line("<root_account>", a.RootARN(), a.Created, [4]string{notSupported, noInformation, notSupported, notSupported}, len(a.RootMFA) > 0, a.RootKeys)
	for _, u := range a.UsersAfter("") {
		password := [4]string{"false", notThere, notThere, notThere}
		if l := u.Login; l != nil {
			password = [4]string{"true", noInformation, moment(l.Changed), notThere}
			if at, ok := l.Expires(a.PasswordPolicy); ok {
				password[3] = moment(at)
			}
		}
		line(u.Name, u.ARN(a), u.Created, password, len(u.MFA) > 0, u.Keys)
	}
	out.Flush()
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// keyFields are the five fields of one's i-th access key.
func keyFields(w *projections.World, keys []string, i int, uses map[string]KeyUse) []string {
	fields := []string{"false", notThere, notThere, notThere, notThere}
	if i >= len(keys) {
		return fields
	}
	k, ok := w.AccessKey(keys[i])
	if !ok {
		return fields
	}
	fields[0], fields[1] = strconv.FormatBool(k.Active), moment(k.Created)
	if use, ok := uses[k.ID]; ok {
		fields[2], fields[3], fields[4] = moment(use.Time), use.Region, use.Service
	}
	return fields
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05Z") }
