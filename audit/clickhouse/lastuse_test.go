package clickhouse

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
)

// The last use of a key is the newest record of its account that its holder
// made; a signature that did not hold is none, however often it is tried, and
// keys of sessions are nobody's for long.
func TestLastUses(t *testing.T) {
	w, log := open(t), newFakeLog()
	wr := newWriter(log, 5)
	want := map[string]map[string]Use{accountA: {}, accountB: {}}
	n := 0
	for i := range 20 {
		account := []string{accountA, accountB}[i%2]
		wr.put(journal.Decisions, "node-1", wr.body(account, 10, func(h *events.Header, r *events.Record) {
			n++
			key := []string{"AKIAONE", "AKIATWO", "ASIATEMP", "AKIABAD"}[n%4] + account[:1]
			r.UserIdentity.AccessKeyID, r.AWSRegion = key, []string{"us-east-1", "eu-west-1"}[n%2]
			if key[:7] == "AKIABAD" {
				r.Verdict.Effect, r.Verdict.Checks = "Unauthenticated", nil
				return
			}
			if key[:4] == "AKIA" && !r.EventTime.Before(want[account][key].Time) {
				want[account][key] = Use{key, r.EventSource, r.AWSRegion, r.EventTime.Truncate(time.Microsecond)}
			}
		}))
	}
	s, _ := run(t, w, log)
	settled(t, s, log)
	for account, want := range want {
		uses, err := w.LastUses(t.Context(), account, "")
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]Use{}
		for _, u := range uses {
			got[u.Key] = u
		}
		if diff := cmp.Diff(want, got); diff != "" || len(got) != 2 {
			t.Errorf("%s, want (-), got (+):\n%s", account, diff)
		}
		for key, use := range want {
			one, err := w.LastUses(t.Context(), account, key)
			if err != nil || len(one) != 1 || one[0] != use {
				t.Errorf("%s: %v, %v, want %v", key, one, err, use)
			}
		}
		if none, err := w.LastUses(t.Context(), account, "AKIABAD"+account[:1]); err != nil || len(none) != 0 {
			t.Errorf("a key that nobody had the secret of: %v, %v", none, err)
		}
	}
	if other, err := w.LastUses(t.Context(), accountA, "AKIAONE"+accountB[:1]); err != nil || len(other) != 0 {
		t.Errorf("another account's key: %v, %v", other, err)
	}
	if _, err := w.LastUses(t.Context(), "1", ""); err == nil {
		t.Error("of no account")
	}
}
