package delivery

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/journal/journaltest"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/query"
)

const (
	home  = "111122223333"
	other = "444455556666"
)

var digestKey = sync.OnceValues(func() (seal.DigestKey, error) {
	dir, err := os.MkdirTemp("", "digests")
	if err != nil {
		return seal.DigestKey{}, err
	}
	defer os.RemoveAll(dir)
	return seal.New().DigestKey(filepath.Join(dir, "key"), time.Now())
})

// stored is a log whose messages are stored at the lab's time.
type stored struct {
	*journaltest.Memory
	at map[journal.Stream][]time.Time
}

func (s stored) Read(ctx context.Context, name journal.Stream, after uint64, limit int) ([]journal.Message, error) {
	m, err := s.Memory.Read(ctx, name, after, limit)
	for i := range m {
		m[i].Stored = s.at[name][m[i].Seq-1]
	}
	return m, err
}

// lab is a log, a World with trails, and a folder that is delivered into.
type lab struct {
	t     *testing.T
	log   stored
	world projections.World
	dir   string
	now   time.Time
	last  map[string]uint64
	want  []string // ids of events that the trail delivers
	d     *Deliverer
}

func newLab(t *testing.T) *lab {
	l := &lab{t: t, log: stored{&journaltest.Memory{}, map[journal.Stream][]time.Time{}}, dir: t.TempDir(), now: time.Now().UTC().Truncate(time.Second), last: map[string]uint64{}}
	l.world.Apply(events.Unit{Seq: 1, Account: home, Time: l.now, Facts: []events.Event{events.AccountCreated{ID: home}}})
	l.fact(events.TrailCreated{Name: "mine", TrailSettings: events.TrailSettings{Bucket: "logs", Prefix: "p", Global: true, MultiRegion: true, Validate: true}})
	l.begin()
	return l
}

func (l *lab) begin() {
	l.d = &Deliverer{Log: l.log, World: l.world.Freeze, Dir: l.dir, Key: digestKey, Region: "us-east-1", Digests: time.Minute,
		Errors: slog.New(slog.DiscardHandler), Clock: func() time.Time { return l.now }}
}

func (l *lab) fact(f events.Event) {
	l.now = l.now.Add(time.Second)
	l.world.Apply(events.Unit{Seq: l.world.Seq + 1, Account: home, Time: l.now, Facts: []events.Event{f}})
}

// page writes decisions of two accounts; delivered says that the trail wants them.
func (l *lab) page(r *rand.Rand, delivered bool) {
	s := streams[r.IntN(2)]
	body := []byte{'['}
	for i := range 1 + r.IntN(3) {
		l.now = l.now.Add(time.Millisecond)
		account := []string{home, home, other}[r.IntN(3)]
		id := uuid.Must(uuid.NewV7()).String()
		h := events.Header{ID: id, Partition: "aws", Account: account, Type: events.RecordType, Time: l.now}
		rec := &events.Record{EventVersion: events.EventVersion, EventTime: l.now, EventSource: "iam.amazonaws.com", EventName: "GetUser", AWSRegion: "us-east-1",
			ReadOnly: true, EventID: id, EventType: "AwsApiCall", ManagementEvent: true, RecipientAccountID: account, EventCategory: "Management"}
		if i > 0 {
			body = append(body, ',')
		}
		body = events.AppendRecord(body, &h, rec)
		if account == home && delivered {
			l.want = append(l.want, id)
		}
	}
	seq, err := l.log.Append(context.Background(), s, l.last[string(s)], journal.Message{Key: "k", ID: uuid.NewString(), Body: append(body, ']')})
	if err != nil {
		l.t.Fatal(err)
	}
	l.last[string(s)] = seq
	l.log.at[s] = append(l.log.at[s], l.now)
}

// round delivers, unless it crashes; then another one begins.
func (l *lab) round() {
	defer func() {
		if recover() != nil {
			l.begin()
		}
	}()
	l.d.Round(context.Background())
}

// held are the ids in all log files, each as often as it is there.
func (l *lab) held() (ids []string) {
	filepath.WalkDir(l.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.Contains(path, "_CloudTrail_") {
			return err
		}
		raw, err := unzip(path)
		if err != nil {
			l.t.Fatal(err)
		}
		var f struct{ Records []struct{ EventID string } }
		if err := json.Unmarshal(raw, &f); err != nil {
			l.t.Fatal(err)
		}
		for _, r := range f.Records {
			ids = append(ids, r.EventID)
		}
		return nil
	})
	slices.Sort(ids)
	return ids
}

func (l *lab) read() *Delivered {
	keys, err := l.d.PublicKeys()
	if err != nil {
		l.t.Fatal(err)
	}
	d, err := ReadDelivered(filepath.Join(l.dir, home, "logs"), home, "logs", keys)
	if err != nil {
		l.t.Fatal(err)
	}
	return d
}

// Whatever crashes where, each event of a trail is in one file, once, and the
// digests cover them all; what came before it was started, after it was
// stopped, or to others is in none.
func TestEachEventOnce(t *testing.T) {
	points := map[string]bool{}
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 1))
		l := newLab(t)
		arm := func() {
			l.d.crash = func(point string) {
				points[point] = true
				if r.IntN(4) == 0 {
					panic(point)
				}
			}
		}
		for range r.IntN(4) {
			l.page(r, false)
		}
		for range 2 { // started and stopped, twice
			l.fact(events.TrailStarted{Name: "mine"})
			for range 10 {
				for range r.IntN(4) {
					l.page(r, true)
				}
				arm()
				l.now = l.now.Add(time.Duration(r.IntN(40)) * time.Second)
				l.round()
			}
			l.fact(events.TrailStopped{Name: "mine"})
			l.now = l.now.Add(time.Second)
			l.page(r, false)
			l.now = l.now.Add(time.Minute)
			l.d.crash = nil
			l.round()
		}
		slices.Sort(l.want)
		if diff := cmp.Diff(l.want, l.held()); diff != "" {
			t.Fatalf("seed %d: events wanted (-) and delivered (+):\n%s", seed, diff)
		}
		d := l.read()
		if len(d.Problems) > 0 || len(d.unnamed) > 0 || len(d.Events) != len(l.want) {
			t.Fatalf("seed %d: %d events of %d, problems %q, under no digest %v", seed, len(d.Events), len(l.want), d.Problems, d.unnamed)
		}
	}
	if len(points) != 5 {
		t.Errorf("crashed at %v: not everywhere", points)
	}
}

// Whatever is done to the files is told, but for what a folder alone cannot
// tell: that its newest digest was removed. That shows in what is covered.
func TestTamperedFiles(t *testing.T) {
	l := newLab(t)
	r := rand.New(rand.NewPCG(7, 7))
	l.fact(events.TrailStarted{Name: "mine"})
	for range 6 {
		l.page(r, true)
		l.now = l.now.Add(61 * time.Second)
		l.round()
	}
	dir := filepath.Join(l.dir, home, "logs")
	var logs, digests []string
	filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case e.IsDir() || strings.HasSuffix(path, metadataSuffix):
		case strings.Contains(path, "Digest"):
			digests = append(digests, path)
		default:
			logs = append(logs, path)
		}
		return err
	})
	if len(digests) < 5 || len(logs) < 4 {
		t.Fatalf("%d digests, %d logs", len(digests), len(logs))
	}
	intact := l.read()
	if len(intact.Problems) > 0 {
		t.Fatal(intact.Problems)
	}
	end := intact.Trails["mine"].To
	rewrite := func(path string, f func([]byte) []byte) {
		raw, err := unzip(path)
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		z.Write(f(raw))
		z.Close()
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	swap := func(a, b string) func([]byte) []byte {
		return func(raw []byte) []byte { return bytes.Replace(raw, []byte(a), []byte(b), 1) }
	}
	move := func(from, to string) {
		b, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	cut := func(name string) { os.Remove(name); os.Remove(name + metadataSuffix) }
	newest := len(digests) - 1
	told := map[string]func(){
		"a log altered":                  func() { rewrite(logs[1], swap("GetUser", "GetRole")) },
		"a log without a record":         func() { rewrite(logs[1], func([]byte) []byte { return []byte(`{"Records":[]}`) }) },
		"a log removed":                  func() { os.Remove(logs[2]) },
		"a log cut":                      func() { os.Truncate(logs[0], 30) },
		"a log that is another":          func() { move(logs[0], logs[1]) },
		"a file of nobody":               func() { move(logs[0], filepath.Join(dir, "x")) },
		"a digest altered":               func() { rewrite(digests[2], swap(`"logFiles":[`, `"logFiles": [`)) },
		"a digest with another end":      func() { rewrite(digests[2], swap(`"digestEndTime":"2`, `"digestEndTime":"1`)) },
		"the newest digest altered":      func() { rewrite(digests[newest], swap("SHA-256", "SHA-512")) },
		"the first digest altered":       func() { rewrite(digests[0], swap("mine", "ours")) },
		"a digest removed":               func() { cut(digests[2]) },
		"the first digest removed":       func() { cut(digests[0]) },
		"a digest removed, with its log": func() { cut(digests[2]); os.Remove(logs[2]) },
		"a digest that is another":       func() { move(digests[1], digests[2]); move(digests[1]+metadataSuffix, digests[2]+metadataSuffix) },
		"a digest under a second name": func() {
			move(digests[1], digests[1][:len(digests[1])-9]+"9.json.gz")
			move(digests[1]+metadataSuffix, digests[1][:len(digests[1])-9]+"9.json.gz"+metadataSuffix)
		},
		"a digest without its signature":    func() { os.Remove(digests[1] + metadataSuffix) },
		"a digest with another's signature": func() { move(digests[1]+metadataSuffix, digests[2]+metadataSuffix) },
		"all digests but the newest removed": func() {
			for _, d := range digests[:newest] {
				cut(d)
			}
		},
	}
	backup := t.TempDir()
	if err := os.CopyFS(backup, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	again := func(name string, do func()) *Delivered {
		do()
		d := l.read()
		if err := errors.Join(os.RemoveAll(dir), os.CopyFS(dir, os.DirFS(backup))); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return d
	}
	for name, do := range told {
		if d := again(name, do); len(d.Problems) == 0 {
			t.Errorf("%s: not told", name)
		}
	}
	d := again("cut", func() { cut(digests[newest]); os.Remove(logs[len(logs)-1]) })
	if len(d.Problems) > 0 || d.Trails["mine"].Covered(journal.Identity, end[journal.Identity]) && d.Trails["mine"].Covered(journal.Decisions, end[journal.Decisions]) {
		t.Errorf("without the newest digest: problems %q, covered to %v of %v", d.Problems, d.Trails["mine"].To, end)
	}
	if d := again("all", func() { os.RemoveAll(dir) }); len(d.Trails) != 0 || len(d.Events) != 0 {
		t.Errorf("of nothing %+v was read", d)
	}
	if d := l.read(); len(d.Problems) > 0 {
		t.Fatalf("put back: %q", d.Problems)
	}
}

// Trouble shows in the status of the trail, goes when it is over, and loses nothing.
func TestTroubleIsTold(t *testing.T) {
	l := newLab(t)
	r := rand.New(rand.NewPCG(1, 1))
	l.fact(events.TrailStarted{Name: "mine"})
	if err := os.WriteFile(filepath.Join(l.dir, home), nil, 0o600); err != nil { // in the way
		t.Fatal(err)
	}
	l.page(r, true)
	l.round()
	if s := l.d.State(home, "mine"); s.Problem == "" || l.d.Problem() == nil || !s.Delivered.IsZero() {
		t.Errorf("a trail that cannot be delivered: %+v", s)
	}
	os.Remove(filepath.Join(l.dir, home))
	l.d.Key = func() (seal.DigestKey, error) { return seal.DigestKey{}, seal.ErrSealed }
	l.now = l.now.Add(2 * time.Minute)
	l.round()
	if s := l.d.State(home, "mine"); s.Problem != "" || s.DigestProblem == "" {
		t.Errorf("digests that cannot be signed: %+v", s)
	}
	l.d.Key = digestKey
	l.round()
	if s := l.d.State(home, "mine"); s.Problem+s.DigestProblem != "" || s.Digested.IsZero() || l.d.Problem() != nil {
		t.Errorf("mended: %+v", s)
	}
	// A digest that was begun is forgotten with the digests; later ones begin anew.
	l.page(r, true)
	l.now = l.now.Add(2 * time.Minute)
	l.d.crash = func(point string) {
		if point == "digest pending" {
			panic(point)
		}
	}
	l.d.safely(context.Background())
	if l.d.Problem() == nil {
		t.Error("a panic is not told")
	}
	l.d.crash = nil
	settings := events.TrailSettings{Bucket: "logs", Global: true, MultiRegion: true}
	for _, settings.Validate = range []bool{false, true} {
		l.fact(events.TrailUpdated{Name: "mine", TrailSettings: settings})
		l.page(r, true)
		l.now = l.now.Add(2 * time.Minute)
		l.d.safely(context.Background())
	}
	if err := l.d.Problem(); err != nil {
		t.Error(err)
	}
	slices.Sort(l.want)
	if diff := cmp.Diff(l.want, l.held()); diff != "" {
		t.Error(diff)
	}
}

// A deleted trail delivers what it owes, under a last digest, and is forgotten.
func TestDeletedTrail(t *testing.T) {
	l := newLab(t)
	r := rand.New(rand.NewPCG(2, 2))
	l.fact(events.TrailStarted{Name: "mine"})
	l.page(r, true)
	l.round()
	l.page(r, true)
	l.fact(events.TrailDeleted{Name: "mine"})
	for range 2 { // it is stopped when its end is noticed
		l.round()
		l.now = l.now.Add(time.Minute)
	}
	slices.Sort(l.want)
	if diff := cmp.Diff(l.want, l.held()); diff != "" {
		t.Error(diff)
	}
	if d := l.read(); len(d.Problems)+len(d.unnamed) > 0 || len(d.Events) != len(l.want) {
		t.Errorf("problems %q, under no digest %v", d.Problems, d.unnamed)
	}
	if left := l.d.known(); len(left)+len(l.d.states)+len(l.d.kept) > 0 {
		t.Errorf("left: %v, %v, %v", left, l.d.states, l.d.kept)
	}
}

// A trail delivers what its selectors select.
func TestSelected(t *testing.T) {
	started := time.Now()
	e := projections.TrailEvent{Time: started.Add(time.Second), Region: "us-east-1", Source: "sts.amazonaws.com", Category: "Management"}
	all := projections.Trail{Started: started, Logging: true}
	for what, c := range map[string]struct {
		change func(*projections.Trail, *projections.TrailEvent)
		want   bool
	}{
		"everything":         {func(*projections.Trail, *projections.TrailEvent) {}, true},
		"before its start":   {func(_ *projections.Trail, e *projections.TrailEvent) { e.Time = started.Add(-1) }, false},
		"after its stop":     {func(t *projections.Trail, e *projections.TrailEvent) { t.Logging, t.Stopped = false, started }, false},
		"before its stop":    {func(t *projections.Trail, e *projections.TrailEvent) { t.Logging, t.Stopped = false, e.Time }, true},
		"another region":     {func(_ *projections.Trail, e *projections.TrailEvent) { e.Region = "eu-west-1" }, false},
		"any region":         {func(t *projections.Trail, e *projections.TrailEvent) { e.Region, t.MultiRegion = "eu-west-1", true }, true},
		"global, not wanted": {func(_ *projections.Trail, e *projections.TrailEvent) { e.Source = "iam.amazonaws.com" }, false},
		"global":             {func(t *projections.Trail, e *projections.TrailEvent) { e.Source, t.Global = "iam.amazonaws.com", true }, true},
		"data":               {func(_ *projections.Trail, e *projections.TrailEvent) { e.Category = "Data" }, false},
		"a write among reads": {func(t *projections.Trail, e *projections.TrailEvent) {
			t.Basic = []events.BasicSelector{{ReadWrite: "ReadOnly", Management: true}}
		}, false},
		"a write among writes": {func(t *projections.Trail, e *projections.TrailEvent) {
			t.Basic = []events.BasicSelector{{ReadWrite: "WriteOnly", Management: true}}
		}, true},
		"advanced, excluded": {func(t *projections.Trail, e *projections.TrailEvent) {
			t.Advanced = []events.AdvancedSelector{{Fields: []events.FieldSelector{{Field: "eventCategory", Equals: []string{"Management"}}, {Field: "eventSource", NotEquals: []string{e.Source}}}}}
		}, false},
		"advanced": {func(t *projections.Trail, e *projections.TrailEvent) {
			t.Advanced = []events.AdvancedSelector{{Fields: []events.FieldSelector{{Field: "eventCategory", Equals: []string{"Management"}}, {Field: "readOnly", Equals: []string{"false"}}}}}
		}, true},
	} {
		trail, event := all, e
		c.change(&trail, &event)
		if got := trail.Delivers("us-east-1", &event); got != c.want {
			t.Errorf("%s: delivered %v, want %v", what, got, c.want)
		}
	}
}

// Keys come in the order of their bytes, a page at a time, whatever folders
// they lie in; and no name leads out of the bucket or to a file of our own.
func TestObjects(t *testing.T) {
	l := newLab(t)
	dir := filepath.Join(l.dir, home, "logs")
	want := []string{"a-b/1", "a/0", "a/b-c/1", "a/b/1", "a/b/2", "b"}
	for _, k := range append([]string{"a/b/1" + metadataSuffix, "a/.new-1", ".state/x"}, want...) {
		if err := writeFile(filepath.Join(dir, k), []byte(k)); err != nil {
			t.Fatal(err)
		}
	}
	for most := 1; most <= 7; most++ {
		var got []string
		for after := ""; ; after = got[len(got)-1] {
			page, err := l.d.Objects(home, "logs", "", after, most)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			for _, o := range page {
				got = append(got, o.Key)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("pages of %d:\n%s", most, diff)
		}
	}
	if page, err := l.d.Objects(home, "logs", "a/b", "", 10); err != nil || len(page) != 3 {
		t.Errorf("prefix a/b: %v, %v", page, err)
	}
	for _, key := range []string{"../logs/b", "/etc/passwd", "a", "a/b/1" + metadataSuffix, "a/.new-1", ".state/x", "", "none", "b/../b"} {
		if o, err := l.d.Object(home, "logs", key); !errors.Is(err, query.ErrNoObject) {
			t.Errorf("%q: %v, %v", key, o, err)
		}
	}
	for _, bucket := range []string{"..", ".", ".state", "none", "logs/a", "../" + home} {
		if _, err := l.d.Objects(home, bucket, "", "", 1); !errors.Is(err, query.ErrNoBucket) {
			t.Errorf("bucket %q: %v", bucket, err)
		}
	}
	if _, err := l.d.Object(other, "logs", "b"); !errors.Is(err, query.ErrNoBucket) {
		t.Errorf("another account's bucket: %v", err)
	}
	o, err := l.d.Object(home, "logs", "a/b/1")
	if err != nil {
		t.Fatal(err)
	}
	o.File.Close()
	if fmt.Sprint(o.Size) != "5" {
		t.Errorf("%+v", o.ObjectInfo)
	}
}
