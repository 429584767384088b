package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
)

// sink: rows copied from a log into ClickHouse by the sink, against the same
// rows, decoded beforehand, inserted in the same batches by clickhouse-go
// alone. Both are benchmarks of audit/clickhouse, which knows the rows; this
// runs them in one go.
func sink(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", "^(BenchmarkSink|BenchmarkBareInsert)$", "-benchtime", "3x", "./audit/clickhouse")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "KEYTRAIL_NEED_ENGINE=1")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	rate := func(name string) (float64, error) {
		m := regexp.MustCompile(`(?m)^Benchmark` + name + `\S*\s.*?([0-9.e+]+) rows/s`).FindSubmatch(out)
		if m == nil {
			return 0, fmt.Errorf("no figure of %s in\n%s", name, out)
		}
		return strconv.ParseFloat(string(m[1]), 64)
	}
	ours, err := rate("Sink")
	if err != nil {
		return err
	}
	limit, err := rate("BareInsert")
	if err != nil {
		return err
	}
	row("rows copied into ClickHouse", ours, limit, "/s", "≥ 70 %")
	return nil
}
