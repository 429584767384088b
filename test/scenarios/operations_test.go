package scenarios

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/test/harness"
)

// docs/iam-operations.md names every operation of IAM, once, and says of each
// whether it is served as the table of actions has it.
func TestOperationsPage(t *testing.T) {
	var api struct{ Ops map[string]json.RawMessage }
	facts, err := os.ReadFile(filepath.Join(harness.Module(), "cmd", "keytrail", "wire", "api", "iam.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(facts, &api); err != nil {
		t.Fatal(err)
	}
	served := map[string]bool{}
	for _, a := range audit.Actions() {
		if a.Service == "iam" {
			served[a.Name] = true
		}
	}
	page, err := os.ReadFile(filepath.Join(harness.Module(), "docs", "iam-operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	done, refused := 0, 0
	seen := map[string]bool{}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 || strings.HasPrefix(cells[1], "-") || cells[1] == " Operation " {
			continue
		}
		name, how, why := strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2]), strings.TrimSpace(cells[3])
		if _, ok := api.Ops[name]; !ok || seen[name] {
			t.Errorf("%s is no operation of IAM, or stands twice", name)
		}
		seen[name] = true
		switch {
		case served[name] && how == "done" && why == "":
			done++
		case !served[name] && how == "InvalidAction" && why != "":
			refused++
		default:
			t.Errorf("%s: the page says %q %q; served: %v", name, how, why, served[name])
		}
	}
	for name := range api.Ops {
		if !seen[name] {
			t.Errorf("%s is not on the page", name)
		}
	}
	if said := fmt.Sprintf("All %d operations of the IAM API: %d are served, %d are refused", len(api.Ops), done, refused); !strings.Contains(string(page), said) {
		t.Errorf("the page does not say: %s", said)
	}
}
