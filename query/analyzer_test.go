package query

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer"
	"github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"
	"github.com/aws/smithy-go"
)

func fault(err error) string {
	if e, ok := err.(smithy.APIError); ok {
		return e.ErrorCode()
	}
	return fmt.Sprint(err)
}

// Findings come in pages, each once, and a marker is for one document.
func TestValidatePolicyPages(t *testing.T) {
	v := view()
	document := `{"Version":"2012-10-17","Statement":[` + strings.Repeat(`{},`, 29) + `{}]}` // three findings each, and that they are the same
	in := &accessanalyzer.ValidatePolicyInput{PolicyDocument: &document, PolicyType: types.PolicyTypeIdentityPolicy, MaxResults: new(int32(7))}
	seen := map[string]int{}
	for pages := 0; ; pages++ {
		out, err := v.ValidatePolicy(context.Background(), in)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range out.Findings {
			seen[fmt.Sprint(*f.IssueCode, *f.Locations[0].Span.Start.Offset, *f.Locations[len(f.Locations)-1].Span.Start.Offset)]++
		}
		if in.NextToken = out.NextToken; out.NextToken == nil {
			break
		}
		other := *in
		other.PolicyDocument = new(`{}`)
		if _, err := v.ValidatePolicy(context.Background(), &other); fault(err) != "ValidationError" {
			t.Errorf("a token for another document: %v", err)
		}
	}
	if len(seen) != 30*3+29 {
		t.Errorf("%d findings: %v", len(seen), seen)
	}
	for what, n := range seen {
		if n != 1 {
			t.Errorf("%s %d times", what, n)
		}
	}
}

// Lines from 1, columns and characters from 0, in characters.
func TestPositions(t *testing.T) {
	p := newPositions("é{\n\"ä\"\n")
	for byte, want := range map[int][3]int32{0: {1, 0, 0}, 2: {1, 1, 1}, 3: {1, 2, 2}, 4: {2, 0, 3}, 5: {2, 1, 4}, 7: {2, 2, 5}, 9: {3, 0, 7}} {
		if at := p.at(byte); [3]int32{*at.Line, *at.Column, *at.Offset} != want {
			t.Errorf("byte %d: %d %d %d, want %v", byte, *at.Line, *at.Column, *at.Offset, want)
		}
	}
}

func TestAnalyzerRefuses(t *testing.T) {
	v := view()
	const ok, resource = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}`, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}]}`
	identity := types.AccessCheckPolicyTypeIdentityPolicy
	granted := func(document string, access ...types.Access) error {
		_, err := v.CheckAccessNotGranted(context.Background(), &accessanalyzer.CheckAccessNotGrantedInput{PolicyDocument: &document, PolicyType: identity, Access: access})
		return err
	}
	validate := func(in accessanalyzer.ValidatePolicyInput) error {
		in.PolicyDocument = new(ok)
		_, err := v.ValidatePolicy(context.Background(), &in)
		return err
	}
	for what, c := range map[string]struct {
		err  error
		want string
	}{
		"nothing asked":        {granted(ok, types.Access{}), "InvalidParameterException"},
		"no policy":            {granted(`{}`, types.Access{Actions: []string{"s3:*"}}), "InvalidParameterException"},
		"an action of nothing": {granted(ok, types.Access{Actions: []string{"Get"}}), "InvalidParameterException"},
		"a resource":           {granted(ok, types.Access{Resources: []string{"arn:aws:s3:::b"}}), "<nil>"},
		"a language":           {validate(accessanalyzer.ValidatePolicyInput{PolicyType: types.PolicyTypeIdentityPolicy, Locale: types.LocaleDe}), "ValidationError"},
		"a type of policy":     {validate(accessanalyzer.ValidatePolicyInput{PolicyType: "X"}), "ValidationError"},
		"a bucket's identity":  {validate(accessanalyzer.ValidatePolicyInput{PolicyType: types.PolicyTypeIdentityPolicy, ValidatePolicyResourceType: types.ValidatePolicyResourceTypeS3Bucket}), "ValidationError"},
		"an unknown resource":  {validate(accessanalyzer.ValidatePolicyInput{PolicyType: types.PolicyTypeResourcePolicy, ValidatePolicyResourceType: "X"}), "ValidationError"},
	} {
		if got := fault(c.err); got != c.want {
			t.Errorf("%s: %s, want %s", what, got, c.want)
		}
	}
	out, err := v.CheckNoPublicAccess(context.Background(), &accessanalyzer.CheckNoPublicAccessInput{PolicyDocument: new(resource), ResourceType: types.AccessCheckResourceTypeS3Bucket})
	if err != nil || out.Result != types.CheckNoPublicAccessResultFail || *out.Reasons[0].Description != "Public access granted in the following statement with index: 0." {
		t.Errorf("%+v, %v", out, err)
	}
}
