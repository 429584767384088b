package attacks

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/keytrail/keytrail/test/harness"
)

var (
	folder = regexp.MustCompile("`([a-z0-9/]+)` ([^;|]+)")
	number = regexp.MustCompile(`^\| (T[0-9]{2}) \|`)
)

// docs/attacks.md has every attack from T01 to T15, and each test or scenario
// that it names is where it says.
func TestAttacksPage(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(harness.Module(), "docs", "attacks.md"))
	if err != nil {
		t.Fatal(err)
	}
	attacks, named := 0, 0
	for line := range strings.Lines(string(page)) {
		if !number.MatchString(line) {
			continue
		}
		attacks++
		cells := strings.Split(line, "|")
		found := 0
		for _, m := range folder.FindAllStringSubmatch(cells[len(cells)-2], -1) {
			for _, name := range strings.Split(strings.TrimSpace(m[2]), ", ") {
				found++
				if !there(t, filepath.Join(harness.Module(), m[1]), name) {
					t.Errorf("%s: there is no %s in %s", number.FindString(line), name, m[1])
				}
			}
		}
		if named += found; found == 0 {
			t.Errorf("nothing shows this one fail: %s", line)
		}
	}
	if attacks != 15 || named < 20 {
		t.Errorf("%d attacks and %d tests on the page, want all 15", attacks, named)
	}
}

func there(t *testing.T, dir, name string) bool {
	if strings.HasSuffix(name, ".txtar") {
		_, err := os.Stat(filepath.Join(dir, "testdata", name))
		return err == nil
	}
	files, _ := filepath.Glob(filepath.Join(dir, "*_test.go"))
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "func "+name+"(t *testing.T)") {
			return true
		}
	}
	return false
}
