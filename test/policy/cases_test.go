package policy_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/keytrail/keytrail/projections/policy"
)

// Each case in testdata/*.txt names the rule it shows. Blocks are separated by
// empty lines; a block is
//
//	rule: where it is written, and what it says
//	as ana                       who asks (names below); ana if not given
//	do s3:GetObject              this if not given
//	on arn:aws:s3:::b/x          this if not given
//	of 999988887777              account that owns the resource
//	with key = value             or = {a, b} for a key with many values
//	if {"StringEquals":…}        identity policy that allows all under this condition
//	identity …                   a policy; also boundary, session, resource, key, trust, scp N, rcp N
//	then allow                   or deny (explicit) or implicit; "by Layer" may follow
//	near …                       the near misses, comma between
//	says …                       the access-denied message
//
// A policy is a document, or one statement as JSON, or in short
// "Allow ACTION on RESOURCE for PRINCIPAL if CONDITION", parts left out where
// they do not belong. "none" is a layer without policies.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	total := 0
	for _, file := range files {
		if strings.HasPrefix(filepath.Base(file), "reject") {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		line := 1
		for block := range strings.SplitSeq(string(data), "\n\n") {
			at := line
			line += strings.Count(block, "\n") + 2
			if !strings.Contains(block, "rule:") {
				continue
			}
			total++
			t.Run(fmt.Sprintf("%s:%d", filepath.Base(file), at), func(t *testing.T) { runCase(t, block) })
		}
	}
	t.Logf("%d cases", total)
	if total < 340 {
		t.Errorf("%d cases, want at least the 40 vectors and 300 rules", total)
	}
}

var names = map[string]policy.Principal{
	"ana": people[0], "eva": people[2], "star": people[3], "app": people[4], "far": people[6], "slr": people[7],
	"bob": people[8], "ops": people[9], "root": people[10], "ec2": people[11], "corp": people[12], "nobody": people[13],
}

func runCase(t *testing.T, block string) {
	s := &situation{who: names["ana"], action: "s3:GetObject", resource: "arn:aws:s3:::b/x", kind: policy.Resource}
	var want, layer, nearest, message string
	for line := range strings.SplitSeq(block, "\n") {
		word, rest, _ := strings.Cut(strings.TrimSpace(line), " ")
		switch word {
		case "", "rule:":
		case "as":
			who, ok := names[rest]
			if !ok {
				t.Fatalf("nobody is called %q", rest)
			}
			s.who = who
		case "do":
			s.action = rest
		case "on":
			s.resource = rest
		case "of":
			s.owner = rest
		case "with":
			s.context = append(s.context, readKey(rest))
		case "if":
			s.identity = append(s.identity, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":`+rest+`}}`)
		case "identity":
			s.identity = append(s.identity, readPolicy(t, rest)...)
		case "boundary":
			s.boundary = append(s.boundary, readPolicy(t, rest)...)
		case "session":
			s.hasSession = true
			s.session = append(s.session, readPolicy(t, rest)...)
		case "resource", "key", "trust":
			s.onResource = append(s.onResource, readPolicy(t, rest)...)
			s.trust = word != "resource"
			if word == "trust" {
				s.kind = policy.Trust
			}
		case "bound":
			arn, id, _ := strings.Cut(rest, " ")
			if s.ids == nil {
				s.ids = map[string]string{}
			}
			s.ids[arn] = id
		case "scp", "rcp":
			number, rest, _ := strings.Cut(rest, " ")
			n, err := strconv.Atoi(number)
			if err != nil {
				t.Fatal(err)
			}
			levels := &s.scps
			if word == "rcp" {
				levels = &s.rcps
			}
			for len(*levels) < n {
				*levels = append(*levels, nil)
			}
			(*levels)[n-1] = append((*levels)[n-1], readPolicy(t, rest)...)
		case "then":
			want, layer, _ = strings.Cut(rest, " by ")
		case "near":
			nearest = rest
		case "says":
			message = rest
		default:
			t.Fatalf("what is %q", line)
		}
	}
	v, b := check(t, s)
	got := map[policy.Effect]string{policy.Allow: "allow", policy.ExplicitDeny: "deny", policy.ImplicitDeny: "implicit"}[v.Effect]
	if got != want || layer != "" && v.Reason.String() != layer {
		t.Errorf("got %s by %s, want %s by %s\n%s\nmatched %v", got, v.Reason, want, layer, block, matched(v))
	}
	if r := refer(s); r.effect != v.Effect {
		t.Errorf("the reference says %v\n%s", r.effect, block)
	}
	if n := strings.Join(near(v), ", "); nearest != "" && n != nearest {
		t.Errorf("near: got %s, want %s", n, nearest)
	}
	if m := v.Denied(&b.request); message != "" && m != message {
		t.Errorf("message:\ngot  %s\nwant %s", m, message)
	}
}

func readKey(s string) key {
	name, value, _ := strings.Cut(s, " =")
	value = strings.TrimPrefix(value, " ")
	if !strings.HasPrefix(value, "{") {
		return key{name: name, values: []string{value}}
	}
	k := key{name: name, multi: true}
	if inner := strings.Trim(value, "{}"); inner != "" {
		k.values = strings.Split(inner, ", ")
		if inner == "''" {
			k.values = []string{""}
		}
	}
	return k
}

func readPolicy(t *testing.T, s string) []string {
	switch {
	case s == "none":
		return nil
	case strings.Contains(s, `"Statement"`):
		return []string{s}
	case strings.HasPrefix(s, "{"):
		return []string{`{"Version":"2012-10-17","Statement":` + s + `}`}
	}
	st := object{}
	effect, rest, _ := strings.Cut(s, " ")
	st["Effect"] = effect
	cut := func(word string) string {
		before, after, ok := strings.Cut(rest, word)
		if !ok {
			return ""
		}
		rest = before
		return after
	}
	if condition := cut(" if "); condition != "" {
		st["Condition"] = json.RawMessage(condition)
	}
	if who := cut(" for "); who == "*" {
		st["Principal"] = who
	} else if who != "" {
		st["Principal"] = json.RawMessage(who)
	}
	if on := cut(" on "); on != "" {
		st["Resource"] = on
	}
	st["Action"] = rest
	return []string{text(object{"Version": "2012-10-17", "Statement": st})}
}
