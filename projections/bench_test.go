package projections_test

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
)

// population is an account of n users, as a company has them: each is in a
// group, has an attached policy, two tags and an access key, one in ten an
// inline policy. One unit is one request, as the commands make them.
func population(n int) (units []events.Unit) {
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	unit := func(facts ...events.Event) {
		units = append(units, events.Unit{Seq: uint64(len(units) + 1), Account: home, Time: at.Add(time.Duration(len(units)) * time.Millisecond), Facts: facts})
	}
	id := func(prefix string, i int) string { return fmt.Sprintf("%s%017X", prefix, uint32(i)*2654435761) }
	unit(events.AccountCreated{ID: home})
	for i := range 100 {
		unit(events.GroupCreated{ID: id("AGPA", i), Name: fmt.Sprint("group-", i), Path: "/"})
		unit(events.PolicyCreated{ID: id("ANPA", i), Name: fmt.Sprint("policy-", i), Path: "/", Document: allow1})
	}
	for i := range n {
		user := id("AIDA", i)
		unit(events.UserCreated{ID: user, Name: fmt.Sprintf("user-%x", uint32(i)*2246822519), Path: "/people/", Tags: []events.Tag{{Key: "dept", Value: fmt.Sprint("d", i%50)}, {Key: "cost", Value: fmt.Sprint(i % 1000)}}})
		unit(events.UserAddedToGroup{Group: id("AGPA", i%100), User: user})
		unit(events.PolicyAttached{To: user, Policy: id("ANPA", i%100), ARN: *policyARN(fmt.Sprint("policy-", i%100))})
		unit(events.AccessKeyCreated{ID: id("AKIA", i)[:20], User: user, Secret: fmt.Sprintf("k1.%091d", i)})
		if i%10 == 0 {
			unit(events.InlinePolicyPut{In: user, Name: "own", Document: fmt.Sprintf(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::home/%d/*"}]}`, i)})
		}
	}
	return units
}

func folded(units []events.Unit) *projections.World {
	w := &projections.World{}
	for _, u := range units {
		w.Apply(u)
	}
	return w
}

const many = 200_000

// cpu is the processor time this process has used, on all cores: on a machine
// that others use too, the clock says little.
func cpu() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// spent reports the processor time since start for each of n things a round.
func spent(b *testing.B, start time.Duration, n int, unit string) {
	b.ReportMetric(float64((cpu()-start).Nanoseconds())/float64(b.N)/float64(n), "cpu-ns/"+unit)
}

var crowd = sync.OnceValue(func() *projections.World { return folded(population(many)) })

func BenchmarkApply(b *testing.B) {
	units := population(many)
	start := cpu()
	for b.Loop() {
		folded(units)
	}
	spent(b, start, len(units), "unit")
}

// What a World of 200,000 users and their keys takes, by user.
func BenchmarkMemory(b *testing.B) {
	var w *projections.World
	for b.Loop() {
		w = nil
		before := heap()
		// As replay has them: every string of its own, from the log.
		w = &projections.World{}
		for _, u := range population(many) {
			batch := written(u)
			u, err := events.DecodeUnit(u.Seq, home, batch)
			if err != nil {
				b.Fatal(err)
			}
			w.Apply(u)
		}
		b.ReportMetric(float64(heap()-before)/many, "B/user")
	}
	runtime.KeepAlive(w)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func written(u events.Unit) []byte {
	batch := []byte{'['}
	for i, f := range u.Facts {
		data, err := json.Marshal(f)
		if err != nil {
			panic(err)
		}
		if i > 0 {
			batch = append(batch, ',')
		}
		batch = events.Append(batch, &events.Header{ID: "0198f0c2-7d0a-7cc1-8f3e-2f6f5a1b9c01", Partition: "aws", Account: home, Type: f.Type(), Time: u.Time,
			Actor: "arn:aws:iam::" + home + ":root", RequestID: "0198f0c2-7d0a-7cc1-8f3e-2f6f5a1b9c02"}, data)
	}
	return append(batch, ']')
}

// Decoding facts (without the record of the request beside them) and folding.
func BenchmarkDecodeAndApply(b *testing.B) {
	units := population(20_000)
	var log [][]byte
	for _, u := range units {
		log = append(log, written(u))
	}
	start := cpu()
	for b.Loop() {
		w := &projections.World{}
		for i, batch := range log {
			u, err := events.DecodeUnit(uint64(i+1), home, batch)
			if err != nil {
				b.Fatal(err)
			}
			w.Apply(u)
		}
	}
	spent(b, start, len(units), "unit")
}

func BenchmarkDump(b *testing.B) {
	w := crowd()
	start := cpu()
	for b.Loop() {
		if err := w.Dump(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	spent(b, start, 2*many, "entity")
}

func BenchmarkUnpack(b *testing.B) {
	pack := packed(b, crowd())
	b.SetBytes(int64(len(pack)))
	start := cpu()
	for b.Loop() {
		if _, err := projections.Unpack(pack); err != nil {
			b.Fatal(err)
		}
	}
	spent(b, start, 2*many, "entity")
}

func BenchmarkFreezeThenApply(b *testing.B) {
	w := folded(population(many))
	i := 0
	for b.Loop() {
		w.Freeze()
		w.Apply(events.Unit{Seq: w.Seq + 1, Account: home, Facts: []events.Event{events.Tagged{ID: fmt.Sprintf("AIDA%017X", uint32(i%many)*2654435761), Tags: []events.Tag{{Key: "k", Value: "v"}}}}})
		i++
	}
}

func BenchmarkPolicies(b *testing.B) {
	w := crowd()
	var all []*projections.Caller
	a, _ := w.Account(home)
	for _, u := range a.UsersAfter("") {
		if all = append(all, &projections.Caller{Type: projections.IAMUser, Account: a, User: u}); len(all) == 1000 {
			break
		}
	}
	for _, c := range all {
		w.Policies(c)
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		w.Compiled(all[i%len(all)])
		i++
	}
}
