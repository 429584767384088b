package audit_test

import (
	"encoding/json"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/journal/journaltest"
)

// What is turned away has no record of its own, and is counted: by account and
// key, once, even if the log can't be written for a while.
func TestThrottledIsCounted(t *testing.T) {
	full := true
	log := &journaltest.Memory{}
	l := newLab(t, log)
	g := l.gate("node1", log, func(g *audit.Gate) { g.Limits = audit.NewLimits(5, 0, 5) })
	log.Fail = func(s journal.Stream, _ journal.Message) (bool, error) {
		if full {
			return false, journaltest.ErrDisk
		}
		return true, nil
	}
	g.FlushThrottled(t.Context()) // nothing to say
	thief := key{id: rootKey, secret: "another"}
	want := map[string]int{}
	full = false
	for _, k := range []key{root, thief, {id: "AKIANOBODYSKEY000000", secret: "x"}, {}} {
		for range 200 {
			if a := g.Serve(t.Context(), request(k, "sts", "GetCallerIdentity", &sts.GetCallerIdentityInput{})); code(a.Err) == "Throttling" {
				switch k.id {
				case rootKey:
					want[home+" "+rootKey]++
				default:
					want["anonymous "]++
				}
			}
		}
	}
	if len(want) != 2 {
		t.Fatalf("turned away: %v; want some of the root user's and some of nobody's", want)
	}
	full = true
	g.FlushThrottled(t.Context()) // is not kept, and must not be forgotten
	full = false
	g.FlushThrottled(t.Context())
	g.FlushThrottled(t.Context()) // nothing to say again
	got := map[string]int{}
	_, found := read(t, log)
	for _, r := range found.records[""] { // of no request
		if r.EventName != "ThrottledRequests" {
			continue
		}
		var n struct{ Count int }
		if err := json.Unmarshal(r.AdditionalEventData, &n); err != nil {
			t.Fatal(err)
		}
		who := r.RecipientAccountID + " " + r.UserIdentity.AccessKeyID
		if got[who] != 0 {
			t.Errorf("%s is counted twice", who)
		}
		got[who] += n.Count
	}
	for who, n := range want {
		if got[who] != n {
			t.Errorf("%s: %d were turned away, the log counts %d", who, n, got[who])
		}
	}
	if len(got) != len(want) {
		t.Errorf("the log counts %v, want %v", got, want)
	}
}
