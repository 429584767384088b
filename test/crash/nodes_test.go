package crash

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keytrail/keytrail/test/harness"
)

// twoNodes starts two nodes on one NATS.
func twoNodes(t *testing.T) (a, b *harness.Server) {
	t.Helper()
	flags := harness.NATS(t)
	a = harness.Start(t, harness.Options{NoAudit: true, Args: append(flags, "--node", "a")})
	b, err := a.Node("b", flags...)
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

// F-13 on two nodes: what one node has answered is so on the other one, before
// anybody can ask it: a user's key opens, a right is there, and both are gone
// again with the answer that says so.
func TestOtherNodeKnowsAtOnce(t *testing.T) {
	a, b := twoNodes(t)
	const policy = `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*"}}`
	rounds := often(t, 25, 500)
	var clients sync.WaitGroup
	for c := range 4 {
		clients.Go(func() {
			for i := range rounds {
				here, there := a, b
				if (c+i)%2 == 1 {
					here, there = b, a
				}
				name := fmt.Sprintf("u%d-%d", c, i)
				change := func(action string, pairs ...string) (a *harness.Answer) {
					in := url.Values{"UserName": {name}}
					for k := 0; k < len(pairs); k += 2 {
						in.Set(pairs[k], pairs[k+1])
					}
					for range 10 { // the other node may be faster five times
						var err error
						if a, err = here.Call(here.Root, "iam", action, in); err != nil {
							t.Error(err)
							return &harness.Answer{}
						}
						if a.Code != "ConcurrentModification" {
							break
						}
					}
					if a.Status != 200 {
						t.Errorf("%s of %s: %s", action, name, a)
					}
					return a
				}
				change("CreateUser")
				made := string(change("CreateAccessKey").Body)
				user := harness.Credentials{KeyID: between(made, "<AccessKeyId>"), Secret: between(made, "<SecretAccessKey>")}
				try := func(when string, status int, code string) {
					if r, err := there.Call(user, "iam", "ListUsers", nil); err != nil || r.Status != status || r.Code != code {
						t.Errorf("round %d, %s, on the other node: %v %v; want %d %s", i, when, r, err, status, code)
					}
				}
				try("after her key was made", 403, "AccessDenied")
				change("PutUserPolicy", "PolicyName", "p", "PolicyDocument", policy)
				try("after she was allowed", 200, "")
				change("DeleteUserPolicy", "PolicyName", "p")
				try("after the policy went", 403, "AccessDenied")
				change("UpdateAccessKey", "AccessKeyId", user.KeyID, "Status", "Inactive")
				try("after her key was stopped", 403, "InvalidClientTokenId")
			}
		})
	}
	clients.Wait()
	for _, s := range []*harness.Server{a, b} {
		if err := s.Verify(); err != nil {
			t.Error(err)
		}
	}
}

// between is the text behind an XML tag.
func between(text, tag string) string {
	_, rest, _ := strings.Cut(text, tag)
	value, _, _ := strings.Cut(rest, "<")
	return value
}

// F-01 on two nodes: one is killed again and again while clients work on both.
// Nothing that either has answered is missing from the log that they share, no
// name is given twice, and the other node goes on meanwhile.
func TestKillOneOfTwoNodes(t *testing.T) {
	rounds := often(t, 8, 100)
	a, b := twoNodes(t)
	onA, onB := begin(t, a, 8), begin(t, b, 8)
	var gap time.Duration
	for range rounds {
		onA.answers(1, 30*time.Second)
		time.Sleep(time.Duration(200+rand.N(600)) * time.Millisecond)
		a.Kill()
		began := time.Now()
		onB.answers(20, 10*time.Second) // alone
		gap = max(gap, time.Since(began))
		if err := a.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	onA.answers(20, 30*time.Second)
	all := slices.Concat(onA.stop(), onB.stop())
	lost := 0
	for i := range all {
		if all[i].Code == "ConcurrentModification" {
			lost++
		}
	}
	t.Logf("%d kills; 20 answers of the other node took %v at most; %d of %d requests lost five races", rounds, gap.Round(time.Millisecond), lost, len(all))
	judge(t, b, all)
	if err := a.Verify(); err != nil {
		t.Error(err)
	}
	for _, s := range []*harness.Server{a, b} {
		if err := s.Stop(); err != nil {
			t.Errorf("stop: %v", err)
		}
	}
}
