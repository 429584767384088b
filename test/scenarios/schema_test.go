package scenarios

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/test/harness"
)

// recordSchema is the published form of a record.
var recordSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	return jsonschema.NewCompiler().Compile(filepath.Join(harness.Module(), "audit", "record", "schema.json"))
})

func valid(schema *jsonschema.Schema, record []byte) error {
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(record))
	if err == nil {
		err = schema.Validate(v)
	}
	if err != nil {
		return fmt.Errorf("a record has not the form of record/schema.json: %w\n%s", err, record)
	}
	return nil
}

// exported calls f with every event of a folder that keytrail verify --to wrote.
func exported(dir string, f func(events.Raw) error) error {
	n := 0
	for _, name := range []string{"identity.log", "decisions.log"} {
		file, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		defer file.Close()
		lines := bufio.NewScanner(file)
		lines.Buffer(nil, 64<<20)
		for lines.Scan() {
			var m struct{ Body []byte }
			if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
				return err
			}
			if err := events.Each(m.Body, func(_ int, e events.Raw) error { n++; return f(e) }); err != nil {
				return err
			}
		}
		if err := lines.Err(); err != nil {
			return err
		}
	}
	if n == 0 {
		return fmt.Errorf("%s holds no event", dir)
	}
	return nil
}

// The schema tells a record from what is almost one.
func TestSchemaRefuses(t *testing.T) {
	schema, err := recordSchema()
	if err != nil {
		t.Fatal(err)
	}
	const good = `{"eventVersion":"1.11","userIdentity":{"type":"Root","principalId":"111122223333","arn":"arn:aws:iam::111122223333:root","accountId":"111122223333"},"eventTime":"2026-12-01T12:27:37Z","eventSource":"iam.amazonaws.com","eventName":"CreateUser","awsRegion":"us-east-1","sourceIPAddress":"127.0.0.1","requestParameters":{"userName":"ana"},"responseElements":null,"requestID":"bec3a4d2-79cf-42d5-96c5-79ff845dfe29","eventID":"01a23193-2968-75a0-885b-019e886a5099","readOnly":false,"eventType":"AwsApiCall","managementEvent":true,"recipientAccountId":"111122223333","eventCategory":"Management","verdict":{"effect":"Allow","world":4,"evaluator":"1","checks":[{"action":"iam:CreateUser","resource":"*","effect":"Allow"}]}}`
	if err := valid(schema, []byte(good)); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{`"eventVersion":"1.11",`, ``}, {`"1.11"`, `"1.12"`}, {`"readOnly":false`, `"readOnly":"false"`}, {`12:27:37Z`, `12:27:37.5Z`},
		{`"type":"Root"`, `"type":"Somebody"`}, {`,"accountId":"111122223333"}`, `}`}, {`"recipientAccountId":"111122223333"`, `"recipientAccountId":"1111"`},
		{`"effect":"Allow","world"`, `"effect":"Maybe","world"`}, {`"verdict":{"effect":"Allow"`, `"errorCode":"AccessDenied","verdict":{"effect":"ImplicitDeny"`},
		{`"world":4`, `"world":-4`}, {`"eventCategory"`, `"shoe":43,"eventCategory"`}, {`"resource":"*",`, ``},
		{`"responseElements":null`, `"errorCode":"NoSuchEntityException","responseElements":{}`},
	} {
		bad := strings.Replace(good, change[0], change[1], 1)
		if bad == good || valid(schema, []byte(bad)) == nil {
			t.Errorf("%q for %q passes", change[1], change[0])
		}
	}
}
