package sigv4

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/keytrail/keytrail/events/seal"
)

func BenchmarkVerify(b *testing.B) {
	body := "Action=CreateUser&Version=2010-05-08&UserName=bob"
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Host = "iam.amazonaws.com"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.Header.Set("User-Agent", "aws-sdk-go-v2/1.47.7 os/linux lang/go#1.26")
	r.Header.Set("Amz-Sdk-Invocation-Id", "5f0b4f5c-6d5b-4f4c-9a51-02d76c4c2d11")
	r.Header.Set("Amz-Sdk-Request", "attempt=1; max=3")
	now := time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)
	c := Credentials{KeyID: "AKIAEXAMPLE12345678A", Secret: seal.NewSecret("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")}
	Sign(r, []byte(body), c, "iam", "us-east-1", now)
	data := []byte(body)
	scope := Scope{Service: "iam", Regions: []string{"us-east-1"}}
	b.ReportAllocs()
	for b.Loop() {
		s, err := Parse(r, data, now, scope)
		if err == nil {
			err = s.Check(c.Secret)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
