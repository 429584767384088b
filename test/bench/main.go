// Bench measures Keytrail beside its limits: each figure of ours stands next
// to the bare thing it is made of, measured in the same run on the same
// machine, and what counts is the ratio.
//
//	make bench              all of them
//	make bench BENCH=http   one of: decisions mutations gate http authorize replay sink start policy
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"slices"
	"sort"
	"strings"
	"syscall"
	"time"

	"github.com/keytrail/keytrail/audit/clickhouse/engine"
)

var benches = []struct {
	name string
	run  func(context.Context) error
}{
	{"decisions", decisions},
	{"mutations", mutations},
	{"gate", looks},
	{"http", overHTTP},
	{"authorize", authorize},
	{"replay", replay},
	{"sink", sink},
	{"start", start},
	{"policy", policies},
}

func main() {
	engine.MaybeChild()
	maybeBare()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if name := os.Getenv("KEYTRAIL_BENCH_PROFILE"); name != "" { // a CPU profile of this process
		f, err := os.Create(name)
		die(err)
		die(pprof.StartCPUProfile(f))
		defer pprof.StopCPUProfile()
	}
	fmt.Printf("%-44s %14s %14s %7s  %s\n", "figure", "ours", "limit", "ratio", "goal")
	for _, b := range benches {
		if len(os.Args) > 1 && !slices.Contains(os.Args[1:], b.name) {
			continue
		}
		if err := b.run(ctx); err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", b.name, err)
			os.Exit(1)
		}
	}
}

// row prints a figure beside its limit.
func row(figure string, ours, limit float64, unit, goal string) {
	fmt.Printf("%-44s %14s %14s %6.0f%%  %s\n", figure, number(ours)+unit, number(limit)+unit, 100*ours/limit, goal)
}

// alone prints a figure that is held against its goal only.
func alone(figure, ours, goal string) {
	fmt.Printf("%-44s %14s %14s %7s  %s\n", figure, ours, "", "", goal)
}

func number(f float64) string {
	s := fmt.Sprintf("%.0f", f)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return s
}

// percentile is the p-th of durations, which it sorts.
func percentile(d []time.Duration, p float64) time.Duration {
	sort.Slice(d, func(i, j int) bool { return d[i] < d[j] })
	return d[min(len(d)-1, int(p/100*float64(len(d))))].Round(10 * time.Microsecond)
}

// median runs f an odd number of times and gives the middle of its results.
func median(times int, f func() (float64, error)) (float64, error) {
	var all []float64
	for range times {
		v, err := f()
		if err != nil {
			return 0, err
		}
		all = append(all, v)
	}
	sort.Float64s(all)
	return all[len(all)/2], nil
}

// temp makes a folder on the disk that tests use, gone when done is called.
func temp() (dir string, done func(), err error) {
	dir, err = os.MkdirTemp("", "keytrail-bench-*")
	return dir, func() { os.RemoveAll(dir) }, err
}

func die(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, strings.TrimSpace(err.Error()))
		os.Exit(1)
	}
}
