package scenarios

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keytrail/keytrail/test/harness"
)

// The lines that a first start prints, pasted into a shell as they are, create
// a user, show her denied, and find both in the trail, with whichever AWS CLI.
func TestPastedLines(t *testing.T) {
	t.Parallel()
	cli := awsCLI(t)
	s := harness.Start(t, harness.Options{Own: true})
	var lines []string
	for line := range strings.Lines(s.Printed()) {
		if pasted, ok := strings.CutPrefix(line, "  "); ok {
			lines = append(lines, pasted)
		}
	}
	if len(lines) != 7 {
		t.Fatalf("%d lines to paste; want 7:\n%s", len(lines), s.Printed())
	}
	bin := t.TempDir()
	if err := os.Symlink(cli, filepath.Join(bin, "aws")); err != nil {
		t.Fatal(err)
	}
	paste := func(text string) string {
		shell := exec.Command("sh")
		shell.Stdin = strings.NewReader(text)
		shell.Env = append(harness.Environment(), "PATH="+bin+":"+os.Getenv("PATH"), "AWS_MAX_ATTEMPTS=1")
		out, err := shell.CombinedOutput()
		if err != nil {
			t.Fatalf("%v\n%s\n%s", err, text, out)
		}
		return string(out)
	}
	setup, last := strings.Join(lines[:4], ""), lines[6]
	if out := paste(setup + lines[4] + lines[5] + "true\n"); !strings.Contains(out, "user/ana\"") || !strings.Contains(out, "(AccessDenied) when calling the ListUsers") {
		t.Errorf("a user and her denial: got\n%s", out)
	}
	out := ""
	for begun := time.Now(); time.Since(begun) < trailWait; {
		if out = paste(setup + last); strings.Contains(out, "CreateUser") && strings.Contains(out, "ListUsers") {
			return
		}
	}
	t.Errorf("the trail shows\n%s", out)
}
