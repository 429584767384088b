package clickhouse

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
)

// hostile are values that mean something to some language between here and the table.
var hostile = []string{"'", `"`, `\`, `\\`, `\'`, "''", "' OR 1=1 --", "') OR (1=1", "'; DROP TABLE audit.events; --", "%", "_", "%%", `\%`, `\_`, "*x", "\x00", "a\x00b", "\t", "\n", "\r\n",
	"{value:String}", "{account:String}", "?", "$1", "@value", "`", "/*", "--", "#", "\\N", "NULL", "true", "0", "ü", "\u2028", "<script>", "😀", strings.Repeat("x", 2000)}

// oddities gives records values no honest client sends.
func oddities(h *events.Header, r *events.Record) {
	n := int(r.Verdict.World) % len(hostile)
	r.UserIdentity.UserName = hostile[n]
	r.UserAgent = hostile[(n+3)%len(hostile)]
	r.SourceIPAddress = []string{"cloudtrail.amazonaws.com", "2001:db8::1", "fe80::1%eth0", "AWS Internal", "::", ""}[n%6]
	r.Verdict.Checks[0].Resource = "arn:aws:iam::" + r.UserIdentity.AccountID + ":user/" + hostile[(n+5)%len(hostile)]
}

// filled is a warehouse with rows of two accounts, and the records behind them.
func filled(t testing.TB) (*Warehouse, *fakeLog, *writer, *Sink, map[string]*events.Record) {
	w, log := open(t), newFakeLog()
	wr := newWriter(log, 11)
	records := map[string]*events.Record{}
	note := func(h *events.Header, r *events.Record) { records[h.ID] = r }
	for i := range 60 {
		account := []string{accountA, accountB}[i%2]
		wr.put(journal.Decisions, "node-1", wr.body(account, 20, func(h *events.Header, r *events.Record) {
			if i >= 50 {
				r.Verdict.World = uint64(len(records))
				oddities(h, r)
			}
			note(h, r)
		}))
	}
	wr.put(journal.Decisions, "node-1", wr.body(accountA, 20, func(h *events.Header, r *events.Record) {
		r.ManagementEvent = false // an application's decision is no management event
		note(h, r)
	}))
	s, _ := run(t, w, log)
	settled(t, s, log)
	return w, log, wr, s, records
}

func ids(rows []Row) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r.EventID
	}
	return out
}

// all follows a lookup to its end.
func all(t testing.TB, w *Warehouse, q LookupQuery, between func()) []Row {
	t.Helper()
	var out []Row
	for {
		rows, next, err := w.Lookup(context.Background(), q)
		if err != nil {
			t.Fatalf("lookup %+v: %v", q, err)
		}
		out = append(out, rows...)
		if next == (Cursor{}) {
			return out
		}
		q.After = next
		if between != nil {
			between()
		}
	}
}

// Every lookup gives the rows a plain filter over the records gives, whatever
// the value is, and no row of another account.
func TestLookup(t *testing.T) {
	w, _, _, _, records := filled(t)
	last := func(arn string) string { return arn[strings.LastIndexAny(arn, ":/")+1:] }
	reads := map[Attribute]func(r *events.Record) []string{
		EventID:     func(r *events.Record) []string { return []string{r.EventID} },
		EventName:   func(r *events.Record) []string { return []string{r.EventName} },
		ReadOnly:    func(r *events.Record) []string { return []string{fmt.Sprint(r.ReadOnly)} },
		Username:    func(r *events.Record) []string { return []string{r.UserIdentity.UserName} },
		EventSource: func(r *events.Record) []string { return []string{r.EventSource} },
		AccessKeyID: func(r *events.Record) []string { return []string{r.UserIdentity.AccessKeyID} },
		ResourceType: func(r *events.Record) []string {
			return []string{"AWS::IAM::User"}
		},
		ResourceName: func(r *events.Record) []string {
			var all []string
			for _, c := range r.Verdict.Checks {
				all = append(all, c.Resource, last(c.Resource))
			}
			for _, o := range r.Resources {
				all = append(all, o.ARN, last(o.ARN))
			}
			return all
		},
	}
	values := append([]string{"ana", "GetUser", "false", "iam.amazonaws.com", "AKIAben", "AWS::IAM::User", "arn:aws:iam::" + accountA + ":user/staff/ana", "staff/ana", "AKIA%", "an_"}, hostile...)
	for id := range records {
		values = append(values, id, strings.ToUpper(id))
		break
	}
	for attr, read := range reads {
		for _, v := range values {
			got := all(t, w, LookupQuery{Account: accountA, Attribute: attr, Value: v}, nil)
			var want []string
			for id, r := range records {
				if r.RecipientAccountID == accountA && r.ManagementEvent && slices.Contains(read(r), v) {
					want = append(want, id)
				}
			}
			if attr == EventID && strings.ToLower(v) != v {
				continue // an id is the same in either case
			}
			have := ids(got)
			slices.Sort(have)
			slices.Sort(want)
			if !slices.Equal(have, want) {
				t.Errorf("%s = %q: %d rows, want %d", attr, v, len(have), len(want))
			}
			for _, r := range got {
				if r.Account != accountA {
					t.Fatalf("%s = %q gave a row of account %s", attr, v, r.Account)
				}
			}
		}
	}
	rows := all(t, w, LookupQuery{Account: accountA}, nil)
	for i := 1; i < len(rows); i++ {
		if rows[i].Time.After(rows[i-1].Time) {
			t.Fatalf("row %d is newer than the one before it", i)
		}
	}
	var back events.Record
	if err := json.Unmarshal([]byte(rows[0].Raw), &back); err != nil || back.EventID != rows[0].EventID {
		t.Errorf("the raw record: %v, id %s, want %s", err, back.EventID, rows[0].EventID)
	}
	for _, q := range []LookupQuery{{}, {Account: "*"}, {Account: "11112222333'"}, {Account: accountA, Limit: 51}, {Account: accountA, Limit: -1}, {Account: accountA, Attribute: "raw"},
		{Account: accountA, After: Cursor{Seq: 1, Stream: "x"}}} {
		if _, _, err := w.Lookup(context.Background(), q); !errors.Is(err, ErrInvalid) {
			t.Errorf("%+v: %v, want ErrInvalid", q, err)
		}
	}
	start, end := rows[100].Time, rows[50].Time
	if got := all(t, w, LookupQuery{Account: accountA, Start: start, End: end}, nil); len(got) != 51 {
		t.Errorf("rows 50 to 100 by time: %d, want 51", len(got))
	}
	if got := all(t, w, LookupQuery{Account: accountA, Region: "eu-west-1"}, nil); len(got) != 0 {
		t.Errorf("another region: %d rows", len(got))
	}
	w.now = func() time.Time { return time.Now().Add(history + 10*time.Minute) }
	if got := all(t, w, LookupQuery{Account: accountA}, nil); len(got) != 0 {
		t.Errorf("after 90 days: %d rows", len(got))
	}
}

// Following the pages gives every row that was there at the beginning, once,
// newest first, while rows old and new arrive; also for many at the same time.
func TestPages(t *testing.T) {
	w, log := open(t), newFakeLog()
	wr := newWriter(log, 12)
	same := time.Now().UTC().Add(-time.Minute).Truncate(time.Microsecond)
	for range 10 {
		wr.put(journal.Decisions, "n", wr.body(accountA, 25, func(h *events.Header, _ *events.Record) { h.Time = same }))
		wr.unit(accountA)
	}
	s, _ := run(t, w, log)
	settled(t, s, log)
	want := slices.Clone(wr.ids)
	got := all(t, w, LookupQuery{Account: accountA, Limit: 7}, func() {
		wr.put(journal.Decisions, "n", wr.body(accountA, 1, func(h *events.Header, _ *events.Record) { h.Time = same }))
		wr.put(journal.Decisions, "n", wr.body(accountA, 1, func(h *events.Header, _ *events.Record) { h.Time = time.Now() }))
		time.Sleep(15 * time.Millisecond)
	})
	seen := map[string]int{}
	for _, r := range got {
		seen[r.EventID]++
	}
	for id, n := range seen {
		if n > 1 {
			t.Fatalf("%s was given %d times", id, n)
		}
	}
	for _, id := range want {
		if seen[id] == 0 {
			t.Fatalf("%s was never given (%d of %d rows)", id, len(got), len(want))
		}
	}
}

// Query's filters agree with the same filters over the records.
func TestQuery(t *testing.T) {
	w, _, _, _, records := filled(t)
	query := func(f Filter) (out []Row) {
		t.Helper()
		if f.Limit == 0 {
			f.Limit = 10000
		}
		for r, err := range w.Query(context.Background(), f) {
			if err != nil {
				t.Fatalf("%+v: %v", f, err)
			}
			out = append(out, r)
		}
		return out
	}
	check := func(f Filter, keep func(r *events.Record) bool) {
		t.Helper()
		var want []string
		for id, r := range records {
			if (f.Account == AllAccounts || r.RecipientAccountID == f.Account) && keep(r) {
				want = append(want, id)
			}
		}
		have := ids(query(f))
		slices.Sort(have)
		slices.Sort(want)
		if !slices.Equal(have, want) {
			t.Errorf("%+v: %d rows, want %d", f, len(have), len(want))
		}
	}
	ana := "arn:aws:iam::" + accountA + ":user/ana"
	check(Filter{Account: AllAccounts}, func(*events.Record) bool { return true })
	check(Filter{Account: accountA, Principal: ana}, func(r *events.Record) bool { return r.UserIdentity.ARN == ana })
	check(Filter{Account: accountA, Principal: "*user/a*"}, func(r *events.Record) bool { return r.UserIdentity.ARN == ana })
	check(Filter{Account: accountA, Principal: "100%_x"}, func(r *events.Record) bool { return r.UserIdentity.UserName == "100%_x" })
	check(Filter{Account: accountA, Principal: "*100%_*"}, func(r *events.Record) bool { return strings.Contains(r.UserIdentity.ARN, "100%_") })
	check(Filter{Account: accountA, Principal: `*back\s*`}, func(r *events.Record) bool { return strings.Contains(r.UserIdentity.ARN, `back\s`) })
	check(Filter{Account: accountA, Action: "iam:*User"}, func(r *events.Record) bool { return strings.HasSuffix(r.EventName, "User") })
	check(Filter{Account: accountB, Action: "GetUser"}, func(r *events.Record) bool { return r.EventName == "GetUser" })
	check(Filter{Account: AllAccounts, Decision: "Deny"}, func(r *events.Record) bool { return r.Verdict.Effect != "Allow" })
	check(Filter{Account: AllAccounts, Decision: "Allow"}, func(r *events.Record) bool { return r.Verdict.Effect == "Allow" })
	check(Filter{Account: AllAccounts, ErrorCode: "AccessDenied"}, func(r *events.Record) bool { return r.ErrorCode == "AccessDenied" })
	net := netip.MustParsePrefix("10.0.2.0/25")
	check(Filter{Account: AllAccounts, Source: net}, func(r *events.Record) bool {
		a, err := netip.ParseAddr(r.SourceIPAddress)
		return err == nil && net.Contains(a)
	})
	check(Filter{Account: AllAccounts, Source: netip.MustParsePrefix("2001:db8::/32")}, func(r *events.Record) bool { return r.SourceIPAddress == "2001:db8::1" })
	check(Filter{Account: AllAccounts, Key: "AKIAcem"}, func(r *events.Record) bool { return r.UserIdentity.AccessKeyID == "AKIAcem" })
	staff := "arn:aws:iam::" + accountA + ":user/staff/*"
	check(Filter{Account: accountA, Resource: staff}, func(r *events.Record) bool {
		return strings.HasPrefix(r.Verdict.Checks[0].Resource, staff[:len(staff)-1]) || len(r.Resources) > 0
	})
	for _, v := range hostile {
		if strings.Contains(v, "*") {
			continue
		}
		check(Filter{Account: accountA, Principal: v}, func(r *events.Record) bool { return r.UserIdentity.UserName == v })
		check(Filter{Account: accountA, Resource: "*user/" + v}, func(r *events.Record) bool { return strings.HasSuffix(r.Verdict.Checks[0].Resource, ":user/"+v) })
	}
	newest, oldest := query(Filter{Account: accountA}), query(Filter{Account: accountA, Oldest: true})
	slices.Reverse(oldest)
	if d := cmp.Diff(newest, oldest); d != "" {
		t.Errorf("oldest first is not newest first reversed:\n%s", d)
	}
	if got := query(Filter{Account: accountA, Oldest: true, Limit: 5, After: newest[20].Cursor}); got[0].EventID != newest[19].EventID {
		t.Errorf("going on from a row, oldest first, gives %s, want %s", got[0].EventID, newest[19].EventID)
	}
	n := 0
	for range w.Query(context.Background(), Filter{Account: accountA}) {
		if n++; n == 3 {
			break // giving up must not harm the next
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for _, err := range w.Query(ctx, Filter{Account: accountA}) {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("a query given up: %v", err)
		}
	}
	for _, f := range []Filter{{}, {Account: "1"}, {Account: accountA, Decision: "allow"}, {Account: accountA, EventID: "1"}, {Account: accountA, Limit: MaxRows + 1}} {
		for _, err := range w.Query(context.Background(), f) {
			if !errors.Is(err, ErrInvalid) {
				t.Errorf("%+v: %v, want ErrInvalid", f, err)
			}
		}
	}
}

type table struct {
	cols []Column
	rows [][]any
}

func runSQL(w *Warehouse, account, text string) (t table, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err = w.SQL(ctx, account, text, func(c []Column) error { t.cols = c; return nil }, func(r []any) error { t.rows = append(t.rows, r); return nil })
	return t, err
}

// An auditor's own SQL sees the account's rows, whatever it says, and can do
// nothing but look at audit.events.
func TestSQLIsConfined(t *testing.T) {
	w, _, _, _, records := filled(t)
	count := map[string]uint64{}
	for _, r := range records {
		count[r.RecipientAccountID]++
		count[AllAccounts]++
	}
	for range 3 { // in turn, so that nothing remembered from one serves another
		for account, want := range map[string]uint64{accountA: count[accountA], accountB: count[accountB], AllAccounts: count[AllAccounts], "999999999999": 0} {
			for _, q := range []string{
				"SELECT count() FROM audit.events",
				"SELECT count() FROM audit.events WHERE account_id != ''",
				"SELECT count() FROM (SELECT *, '" + accountB + "' AS account_id FROM audit.events)",
				"SELECT count() FROM audit.events PREWHERE 1 WHERE raw != ''",
				"WITH 'all-' AS initialQueryID SELECT count() FROM audit.events",
				"SELECT (SELECT count() FROM audit.events)",
				"SELECT count() FROM merge('audit', 'events')",
				"SELECT sum(n) FROM (SELECT count() AS n FROM audit.events GROUP BY account_id)",
				"SELECT count() FROM audit.events AS a WHERE event_id IN (SELECT event_id FROM audit.events)",
			} {
				got, err := runSQL(w, account, q)
				if err != nil {
					if !strings.Contains(q, "merge(") { // may be refused as a whole
						t.Errorf("%s: %s: %v", account, q, err)
					}
					continue
				}
				if n := got.rows[0][0]; n != want {
					t.Errorf("%s: %s: %v rows, want %d", account, q, n, want)
				}
			}
		}
	}
	if got, err := runSQL(w, accountA, "SELECT total_rows FROM system.tables WHERE name = 'events'"); err != nil || len(got.rows) > 0 {
		t.Errorf("how many rows all accounts have: %v, %v", got.rows, err)
	}
	for _, q := range []string{
		"INSERT INTO audit.events (raw) VALUES ('x')", "DROP TABLE audit.events", "TRUNCATE TABLE audit.events", "ALTER TABLE audit.events DELETE WHERE 1", "CREATE TABLE audit.x (x UInt8) ENGINE = Memory",
		"CREATE TEMPORARY TABLE x (x UInt8)", "SELECT * FROM file('/etc/passwd', 'LineAsString')", "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')", "SELECT * FROM remote('127.0.0.1:9', 'audit', 'events')",
		"SELECT * FROM system.users", "SELECT * FROM system.processes", "SELECT * FROM system.query_log", "SELECT * FROM system.parts", "SELECT * FROM audit.migrations", "SELECT * FROM executable('id', 'TSV', 'x String')",
		"SELECT count() FROM audit.events SETTINGS max_execution_time = 1000", "SET readonly = 0", "SET max_memory_usage = 0", "SELECT 1 SETTINGS readonly = 0", "SYSTEM SHUTDOWN", "SYSTEM FLUSH LOGS", "KILL QUERY WHERE 1",
		"SELECT * FROM mysql('127.0.0.1:1', 'a', 'b', 'c', 'd')", "SELECT * FROM s3('http://127.0.0.1:1/x')", "BACKUP TABLE audit.events TO File('/tmp/x')", "GRANT ALL ON *.* TO auditor", "CREATE USER x",
		"SELECT 1; SELECT 2", "CREATE FUNCTION initialQueryID AS () -> 'all-'", "SELECT dictGet('x', 'y', 1)", "SELECT * FROM cluster('default', 'audit', 'events')", "EXECUTE AS sink SELECT 1", "",
		"SELECT number, sleepEachRow(1) FROM numbers(30) SETTINGS function_sleep_max_microseconds_per_block = 0",
	} {
		if got, err := runSQL(w, AllAccounts, q); err == nil && len(got.rows) > 0 {
			t.Errorf("%s: %d rows: %v", q, len(got.rows), got.rows[0])
		}
	}
	if got, err := runSQL(w, AllAccounts, "SELECT count() FROM audit.events"); err != nil || got.rows[0][0] != count[AllAccounts] {
		t.Errorf("after all that: %v, %v, want %d", got.rows, err, count[AllAccounts])
	}
	if _, err := runSQL(w, "x", "SELECT 1"); !errors.Is(err, ErrInvalid) {
		t.Errorf("no account: %v", err)
	}
}

// Queries that cost too much end by themselves, and the engine lives on.
func TestSQLLimits(t *testing.T) {
	w, _, _, _, _ := filled(t)
	for _, q := range []string{
		"SELECT count() FROM numbers(1000000000000) WHERE NOT ignore(sipHash64(number))",
		"SELECT groupArray(number) FROM numbers(1000000000)",
		"SELECT number FROM numbers(2000000)",
		"SELECT materialize(repeat('x', 1000)), number FROM numbers(900000)",
		"SELECT repeat('x', 1000000) FROM numbers(1000)", // a constant: the server does not count it
	} {
		one := time.Now()
		_, err := runSQL(w, AllAccounts, q)
		if err == nil {
			t.Errorf("%s: no error", q)
		}
		if d := time.Since(one); d > 25*time.Second { // 10 s of work, and runSQL gives up after 20
			t.Errorf("%s: took %s", q, d)
		}
		t.Logf("%.1f s: %.80v", time.Since(one).Seconds(), err)
	}
	if _, err := runSQL(w, accountA, "SELECT 1"); err != nil {
		t.Error(err)
	}
}

// Every type a SELECT can make comes out as something JSON has.
func TestSQLValues(t *testing.T) {
	w := open(t)
	for q, want := range map[string]string{
		"1":                    `1`,
		"-1.5":                 `-1.5`,
		"18446744073709551615": `18446744073709551615`,
		"NULL":                 `null`,
		"toNullable('x')":      `"x"`,
		"true":                 `true`,
		"nan":                  `"NaN"`,
		"1/0":                  `"+Inf"`,
		"'a?b$1 @x {y}'":       `"a?b$1 @x {y}"`,
		"toDateTime64('2026-11-22 01:02:03.456789', 6, 'UTC')": `"2026-11-22T01:02:03.456789Z"`,
		"toDate('2026-11-22')":                                 `"2026-11-22T00:00:00Z"`,
		"toUUID('018f2b1c-7c4e-7000-8000-000000000001')":       `"018f2b1c-7c4e-7000-8000-000000000001"`,
		"toIPv6('::ffff:1.2.3.4')":                             `"1.2.3.4"`,
		"toIPv4('1.2.3.4')":                                    `"1.2.3.4"`,
		"['a', 'b']":                                           `["a","b"]`,
		"[[1], []]":                                            `[[1],[]]`,
		"[NULL, 1]":                                            `[null,1]`,
		"(1, 'x')":                                             `[1,"x"]`,
		"map('a', 1, 'b', 2)":                                  `{"a":1,"b":2}`,
		"map(1, [true])":                                       `{"1":[true]}`,
		"toDecimal64(1.25, 2)":                                 `"1.25"`,
		"toInt256('123456789012345678901234567890')":           `123456789012345678901234567890`,
		"CAST('a', 'Enum8(''a'' = 1)')":                        `"a"`,
		"toLowCardinality('x')":                                `"x"`,
		"toFixedString('ab', 2)":                               `"ab"`,
		"unhex('FF00')":                                        `"base64:/wA="`,
		"INTERVAL 2 DAY":                                       `"2 Days"`,
		`CAST('{"a":{"b":[1,"x"]}}', 'JSON')`:                  `{"a":{"b":[1,"x"]}}`,
		"materialize(1)::Dynamic":                              `1`,
		"[(1, 'a')]::Array(Tuple(n UInt8, s String))":          `[{"n":1,"s":"a"}]`,
	} {
		got, err := runSQL(w, AllAccounts, "SELECT "+q)
		if err != nil {
			t.Errorf("%s: %v", q, err)
			continue
		}
		b, err := json.Marshal(got.rows[0][0])
		if err != nil || string(b) != want {
			t.Errorf("%s: %s, %v; want %s (%T, %s)", q, b, err, want, got.rows[0][0], got.cols[0].Type)
		}
	}
	got, err := runSQL(w, AllAccounts, "SELECT [number] AS n, toString(number) AS s FROM numbers(3)")
	if b, _ := json.Marshal(got.rows); err != nil || string(b) != `[[[0],"0"],[[1],"1"],[[2],"2"]]` {
		t.Errorf("rows share memory: %s, %v", b, err)
	}
}
