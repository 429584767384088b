package policy

import (
	"regexp"
	"strings"
	"testing"
)

// An ARN pattern matches part by part: no wildcard and no value crosses one of
// the first five colons.
func TestStarsDoNotCrossColons(t *testing.T) {
	for _, c := range []struct {
		pattern, arn string
		want         bool
	}{
		{"arn:*", "arn:aws:s3:::b", true}, // short: filled with stars
		{"arn:aws:s3:::b", "arn:aws:s3:::b", true},
		{"arn:aws:s3:*:b", "arn:aws:s3:::b", false},
		{"arn:aws:s3*:b", "arn:aws:s3:::b", false},
		{"arn:aws:sqs:*:q", "arn:aws:sqs:eu:1:q", false},
		{"arn:aws:sqs:eu?1:q:q", "arn:aws:sqs:eu:1:q", false},
		{"arn:aws:sqs:*:*:*", "arn:aws:sqs:eu:1:q:r:s", true},
		{"arn:aws:sqs:eu:1:q*s", "arn:aws:sqs:eu:1:q:r:s", true},
		{"arn:aws:sqs:eu:*:s", "arn:aws:sqs:eu:1:q:s", false},
	} {
		r := newResource(c.pattern, Identity, true)
		var q query
		q.begin(&Request{Principal: &Principal{}, Action: "a:b", Resource: c.arn}, &Policies{})
		if got := r.match(&q); got != c.want {
			t.Errorf("%s against %s: %v", c.pattern, c.arn, got)
		}
	}
}

func FuzzARN(f *testing.F) {
	for _, seed := range [][2]string{
		{"arn:aws:x:*:111122223333:finance/*", "arn:aws:x:us-east-2:999999999999:store/abc:111122223333:finance/d"},
		{"arn:aws:iam::*:role/a?*", "arn:aws:iam::1:role/ab/c"}, {"arn:*:*:*:*:*", "::::::"}, {"*:*", "a:b"}, {":::::", ":::::"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, arn string) {
		if len(pattern) > 200 || len(arn) > 300 || !validText(pattern) || !validText(arn) || strings.ContainsRune(arn, '\uFFFD') {
			return
		}
		p := newARNPattern(pattern, false)
		want := regexp.MustCompile(`(?s)^[^:]*:[^:]*:[^:]*:[^:]*:[^:]*:.*$`).MatchString(arn)
		parts, values := strings.SplitN(pattern, ":", 6), strings.SplitN(arn, ":", 6)
		want = want && len(parts) == 6
		for i := range parts {
			want = want && slowMatch(parts[i], values[i])
		}
		if got := p.match(&query{}, arn); got != want {
			t.Errorf("%q against %q: %v", pattern, arn, got)
		}
	})
}
