package policy

import (
	"testing"
)

// Whatever a condition says, it has an answer; and leaving a key away never
// satisfies a positive operator, nor a value both an operator and its negation.
func FuzzCondition(f *testing.F) {
	for _, seed := range [][3]string{
		{"StringLike", "a*${k}", "ab"}, {"ArnLike", "arn:*:*:*:*:${x, 'y'}", "arn:a:b:c:d:y"}, {"NumericLessThan", "1.5", "-0"}, {"DateEquals", "2024-01-01", "1704067200"},
		{"IpAddress", "::ffff:10.0.0.0/104", "10.1.1.1"}, {"Bool", "true", "TRUE"}, {"BinaryEquals", "YQ==", "YQ=="}, {"Null", "true", ""}, {"StringEquals", "${", "${"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, name, want, got string) {
		op, _, _, ok := lookOperator(name)
		if !ok || !validText(want) || len(want) > 300 || len(got) > 300 {
			return
		}
		for _, quantifier := range []string{"", "ForAllValues:", "ForAnyValue:"} {
			if op.family == null && quantifier != "" {
				continue
			}
			for base, o := range operators {
				if o != op {
					continue
				}
				c, _ := newCondition(quantifier+base, "k", []string{want}, true)
				var ctx Context
				q := query{context: &ctx}
				if absent := c.holds(&q); op.family != null && absent != (op.negated && quantifier == "" || quantifier == "ForAllValues:") {
					t.Errorf("%s%s with the key absent: %v", quantifier, base, absent)
				}
				ctx.SetMulti("K", []string{got, got})
				many := c.holds(&q)
				if quantifier == "" && op.family != null && many {
					t.Errorf("%s holds for many values", base)
				}
				ctx.Set("K", got)
				single := c.holds(&q)
				if quantifier != "" && single != many {
					t.Errorf("%s%s: one value %v, the same twice %v", quantifier, base, single, many)
				}
				negation := c
				negation.negated = !c.negated
				if op.family != null && quantifier != "ForAllValues:" && single == negation.holds(&q) {
					t.Errorf("%s and its negation agree on %q", base, got)
				}
			}
		}
	})
}

// Key names fold alike wherever they are folded.
func TestKeysHaveNoCase(t *testing.T) {
	for _, pair := range [][2]string{{"aws:UserName", "AWS:username"}, {"aws:RequestTag/É", "aws:requesttag/é"}, {"aws:RequestTag/\u212a", "aws:RequestTag/k"}, {"t/ſ", "t/S"}, {"t/Σ", "t/ς"}} {
		if hashFold(pair[0]) != hashFold(pair[1]) || fold(pair[0]) != fold(pair[1]) {
			t.Errorf("%q and %q differ", pair[0], pair[1])
		}
		var c Context
		c.Set(pair[0], "v")
		if got, ok := c.Get(pair[1]); !ok || got[0] != "v" {
			t.Errorf("%q is not found as %q", pair[0], pair[1])
		}
		if c.Set(pair[1], "w"); len(c.entries) != 1 {
			t.Errorf("%q came twice", pair[0])
		}
	}
}

func TestSetPrincipal(t *testing.T) {
	var c Context
	c.SetPrincipal(&Principal{Type: AssumedRole, ARN: "arn:aws:sts::1:assumed-role/r/s", RoleARN: "arn:aws:iam::1:role/p/r", Account: "1", ID: "AROA:s"})
	for key, want := range map[string]string{"aws:PrincipalArn": "arn:aws:iam::1:role/p/r", "aws:PrincipalAccount": "1", "aws:PrincipalType": "AssumedRole", "aws:userid": "AROA:s"} {
		if got, _ := c.Get(key); len(got) != 1 || got[0] != want {
			t.Errorf("%s: %v", key, got)
		}
	}
	if _, ok := c.Get("aws:username"); ok {
		t.Error("a role session has no user name")
	}
	c.Reset()
	c.SetPrincipal(&Principal{Type: User, ARN: "arn:aws:iam::1:user/path/ana"})
	if got, _ := c.Get("aws:username"); len(got) != 1 || got[0] != "ana" {
		t.Error(got)
	}
	c.Reset()
	c.SetPrincipal(&Principal{})
	if got, _ := c.Get("aws:userid"); len(got) != 1 || got[0] != "anonymous" {
		t.Error(got)
	}
}
