package policytest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/keytrail/keytrail/projections/policy"
)

// What a text says is what is judged, and a line that cannot be read is named.
func TestRead(t *testing.T) {
	files := map[string]string{"dir/p.json": "{\n \"Version\": \"2012-10-17\",\n\n \"Statement\": {\"Effect\": \"Allow\", \"Action\": \"s3:*\", \"Resource\": \"*\"}\n}"}
	load := func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, fmt.Errorf("no %s", name)
	}
	judge := func(text string) string {
		cases, err := Read("dir/a.txt", text, load)
		if err != nil {
			return err.Error()
		}
		var out []string
		for _, c := range cases {
			r, p, err := c.Request()
			if err != nil {
				return err.Error()
			}
			var v policy.Verdict
			policy.Evaluate(r, p, &v)
			out = append(out, fmt.Sprintf("%d %s: %s", c.Line, c.Rule, c.Differs(r, &v)))
		}
		return strings.Join(out, "; ")
	}
	for _, c := range []struct{ text, want string }{
		{"# comment\n\nrule: a\nidentity @p.json\nthen allow by Identity\n\n\nrule: b\nas arn:aws:iam::111122223333:user/x AIDAX\nidentity Allow s3:* on *\nresource Deny s3:* on * for {\"AWS\":\"arn:aws:iam::111122223333:user/x\"}\nthen allow", "3 a: ; 8 b: got deny by Resource"},
		{"rule: roles\r\nas arn:aws:iam::111122223333:role/x\r\nidentity Allow s3:* on * if {\"ForAnyValue:StringEquals\":{\"k\":\"b\"}}\r\nwith k = {a, b}\r\nthen allow\r\n", "1 roles: "},
		{"rule: near\nidentity Allow s3:* on * if {\"Bool\":{\"k\":\"true\"}}\nthen implicit\nnear nothing", "1 near: near: got identity/0#0 Condition Bool k, want nothing"},
		{"do s3:GetObject", "dir/a.txt:1: the case does not say then what"},
		{"\n\n# x\nas me\nthen allow", `dir/a.txt:4: nobody is called "me": "me" is no ARN of a user, role, role session or root user`},
		{"then perhaps", `dir/a.txt:1: then "perhaps": want allow, deny or implicit`},
		{"if {}\nwhat ever\nthen allow", `dir/a.txt:2: what is "what ever"`},
		{"identity @q.json\nthen allow", "dir/a.txt:1: no dir/q.json"},
		{"identity {}\nthen allow", "dir/a.txt:1: identity 0: Syntax errors in policy."},
		{"scp 99 none\nthen allow", "dir/a.txt:1: scp needs the number of its level"},
		{"boundary Allow s3:* on *\nboundary Allow s3:* on *\nthen allow", "dir/a.txt:2: there can be one boundary"},
	} {
		if got := judge(c.text); got != c.want {
			t.Errorf("%q:\ngot  %s\nwant %s", c.text, got, c.want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add("rule: a\nas app\nidentity Allow s3:* on * if {\"Null\":{\"k\":\"true\"}}\nwith k = {'', b}\nscp 2 none\nkey Deny * on * for *\nthen deny by SCP\nnear x\nsays y")
	f.Fuzz(func(t *testing.T, text string) {
		cases, err := Read("a.txt", text, func(string) ([]byte, error) { return nil, nil })
		if err != nil {
			return
		}
		for _, c := range cases {
			if r, p, err := c.Request(); err == nil {
				var v policy.Verdict
				policy.Evaluate(r, p, &v)
				c.Differs(r, &v)
			}
		}
	})
}
