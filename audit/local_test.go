package audit_test

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/iam"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/events/journal"
	"github.com/keytrail/keytrail/events/seal"
)

// ExampleAsker asks in this process.
func ExampleAsker() {
	ctx := context.Background()
	var l *lab // a log and its keys: journal.Dial, seal.Load
	if l == nil {
		return
	}
	local, err := audit.OpenLocal(ctx, audit.LocalOptions{Log: l.log, Keys: l.keys, Writer: "billing-1", Shared: true})
	if err != nil {
		panic(err)
	}
	defer local.Close()
	asker := local.Gate.As("AKIA…", seal.NewSecret("…"), "")
	d, err := asker.Evaluate(ctx, audit.Question{
		Subject:  audit.Entity{Type: "user", ID: "ana"},
		Action:   audit.Act{Name: "invoice:Read"},
		Resource: audit.Entity{Type: "invoice", ID: "2026-17"},
	})
	fmt.Println(err == nil && d.Allowed())
}

// A program that asks in its own process, beside a server on the same log, hears
// what the server would say, sees what the server changes, and is in the log;
// with a wrong key it hears nothing.
func TestLocal(t *testing.T) {
	log, err := journal.Embedded(t.Context(), filepath.Join(t.TempDir(), "journal"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	l := newLab(t, log)
	g := l.gate("server", log)
	defer g.Pager.Close()
	pep := person(t, g, "pep", inquirer)
	person(t, g, "ana", readOnly)
	local, err := audit.OpenLocal(t.Context(), audit.LocalOptions{Log: log, Keys: l.keys, Writer: "app", Shared: true})
	if err != nil {
		t.Fatal(err)
	}
	asker := local.Gate.As(pep.id, seal.NewSecret(pep.secret), "")
	q := audit.Question{Subject: audit.Entity{Type: "user", ID: "ana"}, Action: audit.Act{Name: "iam:GetUser"}, Resource: audit.Entity{Type: "iam:user", ID: "ana"}}
	d, err := asker.Evaluate(t.Context(), q)
	if err != nil || !d.Allowed() {
		t.Fatal(d, err)
	}
	ask[*iam.DeleteUserPolicyOutput](t, g, root, "iam", "DeleteUserPolicy", &iam.DeleteUserPolicyInput{UserName: new("ana"), PolicyName: new("p")})
	if d, err := asker.Evaluate(t.Context(), q); err != nil || d.Allowed() {
		t.Errorf("after the server took it away: %+v %v", d, err)
	}
	if d, err := asker.Evaluate(t.Context(), audit.Question{Subject: q.Subject}); err != nil || d.Allowed() || d.Fault.Status != 400 {
		t.Errorf("half a question: %+v %v", d, err)
	}
	if _, err := local.Gate.As(pep.id, seal.NewSecret("wrong"), "").Evaluate(t.Context(), q); code(err) != "SignatureDoesNotMatch" {
		t.Errorf("a wrong secret: %v", err)
	}
	if _, err := local.Gate.As("AKIANOBODYNOBODYNOBO", seal.NewSecret("wrong"), "").Evaluate(t.Context(), q); code(err) != "InvalidClientTokenId" {
		t.Errorf("an unknown key: %v", err)
	}
	if out, err := asker.Subjects(t.Context(), audit.Question{Subject: audit.Entity{Type: "user"}, Action: q.Action, Resource: q.Resource}, ""); err != nil || len(out.Results) != 0 {
		t.Errorf("%+v %v", out, err)
	}
	local.Close()
	if _, err := asker.Evaluate(t.Context(), q); code(err) != "ServiceUnavailable" {
		t.Errorf("after Close: %v", err)
	}
	_, found := read(t, log)
	seen := 0
	for _, list := range found.records {
		for _, r := range list {
			if r.EventID == d.ID {
				seen++
				if r.SourceIPAddress != audit.Within || r.UserIdentity.UserName != "pep" || r.Verdict.Effect != "Allow" {
					t.Errorf("the record: %+v", r)
				}
			}
		}
	}
	if seen != 1 {
		t.Errorf("%d records of the decision, want 1", seen)
	}
}

// Batches whose append fails are not answered, and those that are answered are
// in the log as a whole.
func TestNoBatchWithoutRecords(t *testing.T) {
	for seed := range int64(20) {
		log, start := failing(seed)
		l := newLab(t, log)
		g := l.gate("node1", log)
		asker := g.As(root.id, seal.NewSecret(root.secret), "")
		start()
		var mu sync.Mutex
		var answered [][]audit.Decision
		var lost int
		var clients sync.WaitGroup
		for range 4 {
			clients.Go(func() {
				for i := range 10 {
					q := make([]audit.Question, i*7+1)
					for k := range q {
						q[k] = audit.Question{Subject: audit.Entity{Type: "root", ID: home}, Action: audit.Act{Name: "s3:GetObject"}, Resource: audit.Entity{Type: "s3", ID: fmt.Sprint("b/", k)}}
					}
					list, err := asker.EvaluateAll(context.Background(), audit.ExecuteAll, q...)
					mu.Lock()
					if err == nil {
						answered = append(answered, list)
					} else if lost++; code(err) != "ServiceUnavailable" {
						t.Errorf("seed %d: %v", seed, err)
					}
					mu.Unlock()
				}
			})
		}
		clients.Wait()
		g.Pager.Close()
		_, found := read(t, log)
		effect := map[string]string{}
		for _, list := range found.records {
			for _, r := range list {
				effect[r.EventID] = r.Verdict.Effect
			}
		}
		for _, list := range answered {
			for i := range list {
				if effect[list[i].ID] != list[i].Check.Effect {
					t.Fatalf("seed %d: %s was answered %s, the log says %q", seed, list[i].ID, list[i].Check.Effect, effect[list[i].ID])
				}
			}
		}
		if seed == 0 && (lost == 0 || len(answered) == 0) {
			t.Errorf("%d lost, %d answered: this tests nothing", lost, len(answered))
		}
	}
}
