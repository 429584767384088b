package policy

import (
	"fmt"
	"strings"
	"testing"
)

// Recorded answers of AWS's simulator put a statement where Spans does: the
// policy AdministratorAccess at 3:17 to 8:6, another at 3:19 to 9:10, one on a
// single line at 41, and later statements from the comma before them on.
func TestSpans(t *testing.T) {
	admin := "{\n  \"Version\": \"2012-10-17\",\n  \"Statement\": [\n    {\n      \"Effect\": \"Allow\",\n      \"Action\": \"*\",\n      \"Resource\": \"*\"\n    }\n  ]\n}"
	wide := "{\n    \"Version\": \"2012-10-17\",\n    \"Statement\": [\n        {\n\n            \"Effect\": \"Allow\",\n            \"Action\": \"*\",\n            \"Resource\": \"*\"\n        }\n    ]\n}"
	for _, c := range []struct{ document, want string }{
		{admin, "3:17-8:6"},
		{strings.ReplaceAll(admin, "\n", "\r\n"), "3:17-8:6"},
		{strings.ReplaceAll(admin, "\n", "\r"), "3:17-8:6"},
		{wide, "3:19-9:10"},
		{`{"Version": "2012-10-17", "Statement": [{"Effect":"Allow"},{"a":"é"} , {}]}`, "1:41-1:59 1:59-1:69 1:69-1:74"},
		{`{"Statement":{"a":["}]"]},"Id":"x"}`, "1:14-1:26"},
		{`{"Id":"x","Statement":[]}`, ""},
		{`{"Statement":[{}`, ""},
		{`{}`, ""},
	} {
		var got []string
		for _, s := range Spans(c.document) {
			got = append(got, fmt.Sprintf("%d:%d-%d:%d", s.Start.Line, s.Start.Column, s.End.Line, s.End.Column))
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("got %q, want %q of\n%s", g, c.want, c.document)
		}
	}
}

func TestKeys(t *testing.T) {
	for _, c := range []struct{ document, want string }{
		{`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"dynamodb:*","Resource":"arn:aws:dynamodb:us-west-2:123456789012:table/${aws:username}","Condition":{"DateGreaterThan":{"aws:CurrentTime":"2015-08-16T12:00:00Z"}}}}`, "aws:username=1 aws:CurrentTime=1"},
		{`{"Statement":[{"Resource":"arn:aws:s3:::b/${aws:username}","Condition":{"StringLike":{"a":"${b}"}}}]}`, "a=1"},
		{`{"Statement":[{"Condition":{"StringLike":{"K:a":["${x:b, 'd'}","${*}${?}","${$}{n}","${","y}"]},"Null":{"k:A":"true"},"NumericEquals":{"n:c":"${no}"},"ArnLike":{"x:arn":"arn:aws:${z:1}:::${z:2}"}}},{"NotResource":["arn:aws:${no}:::x","*"]}],"Version":"2012-10-17"}`, "K:a=6 x:b=1 n:c=1 x:arn=1 z:1=1 z:2=1"},
		{`{"Version":"2012-10-17","Statement":[{"Action":"${no}","Resource":"${no}","Sid":"${no}"}]}`, ""},
		{`{`, ""},
	} {
		var got []string
		for _, k := range Keys(c.document) {
			got = append(got, fmt.Sprintf("%s=%d", k.Name, k.Uses))
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("got %q, want %q of\n%s", g, c.want, c.document)
		}
	}
}

// What Parse accepts has a span for every statement, and neither look panics.
func FuzzLooks(f *testing.F) {
	f.Add(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringLike":{"k":"${a}"}}},{"Effect":"Deny","Action":"*","Resource":"arn:aws:s3:::${a, 'b'}"}]}`)
	f.Add("{\"Statement\" :\r[ { } , {} ] }")
	f.Fuzz(func(t *testing.T, document string) {
		spans := Spans(document)
		Keys(document)
		if p, err := Parse(Identity, document); err == nil && p.Len() != len(spans) {
			t.Errorf("%d spans of %d statements in %q", len(spans), p.Len(), document)
		}
	})
}
