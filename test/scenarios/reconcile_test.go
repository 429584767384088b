package scenarios

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"

	"github.com/keytrail/keytrail/audit/clickhouse/engine"
	"github.com/keytrail/keytrail/test/harness"
)

func TestMain(m *testing.M) {
	engine.MaybeChild() // this binary is the engine of who alters rows
	os.Exit(m.Run())
}

// rows that somebody altered, removed and added while the server was
// stopped are named by keytrail audit reconcile, and are what the log says
// after --repair.
func TestReconcileNamesAndRepairs(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, harness.Options{})
	for _, name := range []string{"ana", "ben", "cem", "dora"} {
		if _, err := s.User(context.Background(), name); err != nil {
			t.Fatal(err)
		}
	}
	records, err := s.Records()
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	for _, r := range records {
		if r.EventName == "CreateUser" {
			ids[strings.Split(string(r.RequestParameters), `"`)[3]] = r.EventID
		}
	}
	if err := awaitRow(s, ids["dora"]); err != nil {
		t.Fatal(err)
	}
	// Once more: the batch before is finished beyond doubt, and its number of
	// rows, which is all that a sink that starts looks at, stays what it was.
	if _, err := s.User(context.Background(), "eva"); err != nil {
		t.Fatal(err)
	}
	if records, err = s.Records(); err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if r.EventName == "CreateUser" && strings.Contains(string(r.RequestParameters), "eva") {
			if err := awaitRow(s, r.EventID); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	alterRows(t, s.Dir,
		"ALTER TABLE audit.events UPDATE decision = 'ImplicitDeny' WHERE event_id = '"+ids["ana"]+"'",
		"ALTER TABLE audit.events DELETE WHERE event_id = '"+ids["ben"]+"'",
		"INSERT INTO audit.events SELECT * REPLACE (toUInt32(9) AS idx) FROM audit.events WHERE event_id = '"+ids["cem"]+"'")
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	var r harness.Result
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if r = s.Keytrail(s.Root, "audit", "reconcile"); r.Code != 3 && !strings.Contains(r.Out, "1 to 0") {
			break // 3: the engine is being started; 1 to 0: the sink is
		}
	}
	for _, want := range []string{"altered  IDENTITY", "missing  IDENTITY", "extra    IDENTITY", ids["ana"], ids["ben"], ids["cem"], "DIFFERS in 3 places"} {
		if !strings.Contains(r.Out, want) {
			t.Errorf("reconcile does not show %q", want)
		}
	}
	if r.Code != 1 || t.Failed() {
		t.Fatalf("exit %d\n%s%s", r.Code, r.Out, r.Err)
	}
	if r = s.Keytrail(s.Root, "audit", "reconcile", "--repair"); r.Code != 1 || !strings.Contains(r.Out, "made anew: 3") {
		t.Fatalf("repair: exit %d\n%s%s", r.Code, r.Out, r.Err)
	}
	if r = s.Keytrail(s.Root, "audit", "reconcile"); r.Code != 0 {
		t.Fatalf("after the repair: exit %d\n%s%s", r.Code, r.Out, r.Err)
	}
}

// alterRows does to the table what no account of a server could.
func alterRows(t *testing.T, dir string, statements ...string) {
	t.Helper()
	libraries, _ := filepath.Glob(filepath.Join(harness.Module(), ".engine", "*", "libchdb.so"))
	e, err := engine.Start(engine.Config{Library: libraries[len(libraries)-1], Dir: filepath.Join(dir, "clickhouse"),
		Accounts: []engine.Account{{Name: "sink", Grants: []string{"ALL ON audit.*"}}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	defer e.Stop(ctx)
	if err := e.Wait(ctx); err != nil {
		t.Fatal(err)
	}
	c, err := ch.Open(&ch.Options{Addr: []string{"engine"}, Auth: ch.Auth{Username: "sink", Password: e.Password("sink")},
		DialContext: func(ctx context.Context, _ string) (net.Conn, error) { return e.Dial(ctx) }})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx = ch.Context(ctx, ch.WithSettings(ch.Settings{"mutations_sync": 1}))
	for _, q := range statements {
		if err := c.Exec(ctx, q); err != nil {
			t.Fatal(fmt.Errorf("%s: %w", q, err))
		}
	}
}
