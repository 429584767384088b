package events

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write testdata of facts that have none yet")

// samples has each fact once, with every member set.
var samples = []Event{
	AccountCreated{ID: "111122223333", Name: "main", LogID: "0198f0c2-7d0a-7cc1-8f3e-2f6f5a1b9c01"},
	AccountAliasCreated{Alias: "acme"},
	AccountAliasDeleted{Alias: "acme"},
	PasswordPolicyUpdated{
		MinimumLength: 14, RequireSymbols: true, RequireNumbers: true, RequireUppercase: true, RequireLowercase: true,
		ChangeOwn: true, MaxAge: 90, Reuse: 24, HardExpiry: new(true),
	},
	PasswordPolicyDeleted{},
	UserCreated{ID: "AIDAQEAAAAAAAAAAAAAA1", Name: "ana", Path: "/team/", Tags: []Tag{{"dept", "audit <&> \u2028"}}},
	UserRenamed{ID: "AIDAQEAAAAAAAAAAAAAA1", Name: "Ana", Path: "/"},
	UserDeleted{ID: "AIDAQEAAAAAAAAAAAAAA1"},
	GroupCreated{ID: "AGPAQEAAAAAAAAAAAAAA1", Name: "auditors", Path: "/"},
	GroupRenamed{ID: "AGPAQEAAAAAAAAAAAAAA1", Name: "readers", Path: "/team/"},
	GroupDeleted{ID: "AGPAQEAAAAAAAAAAAAAA1"},
	UserAddedToGroup{Group: "AGPAQEAAAAAAAAAAAAAA1", User: "AIDAQEAAAAAAAAAAAAAA1"},
	UserRemovedFromGroup{Group: "AGPAQEAAAAAAAAAAAAAA1", User: "AIDAQEAAAAAAAAAAAAAA1"},
	RoleCreated{
		ID: "AROAQEAAAAAAAAAAAAAA1", Name: "deploy", Path: "/", Description: "ships", MaxSession: 7200, Tags: []Tag{{"k", ""}},
		Trust: Trust{
			Document: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/team/ana"},"Action":"sts:AssumeRole"}}`,
			Bound:    map[string]string{"arn:aws:iam::111122223333:user/team/ana": "AIDAQEAAAAAAAAAAAAAA1"},
		},
	},
	RoleUpdated{ID: "AROAQEAAAAAAAAAAAAAA1", Description: "sails", MaxSession: 3600},
	RoleTrusted{ID: "AROAQEAAAAAAAAAAAAAA1", Trust: Trust{Document: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}}`}},
	RoleDeleted{ID: "AROAQEAAAAAAAAAAAAAA1"},
	PolicyCreated{ID: "ANPAQEAAAAAAAAAAAAAA1", Name: "read", Path: "/", Description: "reads", Document: `{"Version":"2012-10-17","Statement":[]}`, Tags: []Tag{{"k", "v"}}},
	PolicyVersionCreated{Policy: "ANPAQEAAAAAAAAAAAAAA1", Version: 2, Document: "{}", Default: true},
	PolicyVersionDeleted{Policy: "ANPAQEAAAAAAAAAAAAAA1", Version: 1},
	PolicyDefaultSet{Policy: "ANPAQEAAAAAAAAAAAAAA1", Version: 2},
	PolicyDeleted{ID: "ANPAQEAAAAAAAAAAAAAA1"},
	PolicyAttached{To: "AIDAQEAAAAAAAAAAAAAA1", Policy: "ANPAQEAAAAAAAAAAAAAA1", ARN: "arn:aws:iam::111122223333:policy/read"},
	PolicyDetached{From: "AIDAQEAAAAAAAAAAAAAA1", Policy: "ANPAQEAAAAAAAAAAAAAA1", ARN: "arn:aws:iam::111122223333:policy/read"},
	InlinePolicyPut{In: "AGPAQEAAAAAAAAAAAAAA1", Name: "own", Document: "{\n}"},
	InlinePolicyDeleted{In: "AGPAQEAAAAAAAAAAAAAA1", Name: "own"},
	BoundaryPut{On: "AROAQEAAAAAAAAAAAAAA1", Policy: "ANPAQEAAAAAAAAAAAAAA1", ARN: "arn:aws:iam::111122223333:policy/read"},
	BoundaryDeleted{On: "AROAQEAAAAAAAAAAAAAA1"},
	AccessKeyCreated{ID: "AKIAQEAAAAAAAAAAAAAA", User: "AIDAQEAAAAAAAAAAAAAA1", Secret: "k1.c2VhbGVk"},
	AccessKeyUpdated{ID: "AKIAQEAAAAAAAAAAAAAA", Active: true},
	AccessKeyDeleted{ID: "AKIAQEAAAAAAAAAAAAAA"},
	LoginProfileCreated{User: "AIDAQEAAAAAAAAAAAAAA1", Password: "k1.c2VhbGVk", ResetRequired: true},
	LoginProfileUpdated{User: "AIDAQEAAAAAAAAAAAAAA1", Password: "k1.c2VhbGVk", ResetRequired: true},
	LoginProfileDeleted{User: "AIDAQEAAAAAAAAAAAAAA1"},
	PasswordChanged{User: "AIDAQEAAAAAAAAAAAAAA1", Password: "k1.c2VhbGVk"},
	CredentialRefused{User: "AIDAQEAAAAAAAAAAAAAA1", Factor: "password"},
	MFADeviceCreated{ID: "VMFAQEAAAAAAAAAAAAAA1", Name: "phone", Path: "/", Tags: []Tag{{"k", "v"}}, Seed: "k1.c2VhbGVk"},
	MFADeviceEnabled{ID: "VMFAQEAAAAAAAAAAAAAA1", User: "AIDAQEAAAAAAAAAAAAAA1", Step: 59000000, Drift: -1},
	MFADeviceResynced{ID: "VMFAQEAAAAAAAAAAAAAA1", Step: 59000002, Drift: 3},
	MFACodeAccepted{ID: "VMFAQEAAAAAAAAAAAAAA1", Step: 59000003, Drift: 1},
	MFADeviceDeactivated{ID: "VMFAQEAAAAAAAAAAAAAA1"},
	MFADeviceDeleted{ID: "VMFAQEAAAAAAAAAAAAAA1"},
	Tagged{ID: "ANPAQEAAAAAAAAAAAAAA1", Tags: []Tag{{"b", "2"}, {"A", "1"}}},
	Untagged{ID: "AIPAQEAAAAAAAAAAAAAA1", Keys: []string{"b"}},
	InstanceProfileCreated{ID: "AIPAQEAAAAAAAAAAAAAA1", Name: "web", Path: "/", Tags: []Tag{{"k", "v"}}},
	InstanceProfileDeleted{ID: "AIPAQEAAAAAAAAAAAAAA1"},
	RoleAddedToInstanceProfile{Profile: "AIPAQEAAAAAAAAAAAAAA1", Role: "AROAQEAAAAAAAAAAAAAA1"},
	RoleRemovedFromInstanceProfile{Profile: "AIPAQEAAAAAAAAAAAAAA1", Role: "AROAQEAAAAAAAAAAAAAA1"},
	ResourcePut{
		ARN: "arn:aws:s3:::b", Tags: []Tag{{"k", "v"}},
		Policy: &Trust{
			Document: `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:user/ana"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::b/*"}}`,
			Bound:    map[string]string{"arn:aws:iam::111122223333:user/ana": "AIDAQEAAAAAAAAAAAAAA1"},
		},
	},
	ResourceTagged{ARN: "arn:aws:s3:::b", Tags: []Tag{{"b", "2"}, {"A", "1"}}},
	ResourceUntagged{ARN: "arn:aws:s3:::b", Keys: []string{"b"}},
	ResourceDeleted{ARN: "arn:aws:s3:::b"},
	OIDCProviderCreated{ID: "OIDCQEAAAAAAAAAAAAAA1", URL: "id.example.com/a", Clients: []string{"web"}, Thumbprints: []string{"990f4193972f2becf12ddeda5237f9c952f20d9e"}, Tags: []Tag{{"k", "v"}}},
	OIDCClientAdded{Provider: "OIDCQEAAAAAAAAAAAAAA1", Client: "app"},
	OIDCClientRemoved{Provider: "OIDCQEAAAAAAAAAAAAAA1", Client: "app"},
	OIDCThumbprintsSet{ID: "OIDCQEAAAAAAAAAAAAAA1", Thumbprints: []string{"990f4193972f2becf12ddeda5237f9c952f20d9e"}},
	OIDCProviderDeleted{ID: "OIDCQEAAAAAAAAAAAAAA1"},
	SAMLProviderCreated{ID: "SAMLQEAAAAAAAAAAAAAAA1", Name: "corp", Metadata: "s0mtyM1TCE4tKkstUtJTAgA=", ValidUntil: time.Date(2126, 11, 22, 8, 0, 0, 0, time.UTC), Encryption: "Allowed", Tags: []Tag{{"k", "v"}}},
	SAMLProviderUpdated{ID: "SAMLQEAAAAAAAAAAAAAAA1", Metadata: "s0mtyM1TCE4tKkstUtJTAgA=", ValidUntil: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), Encryption: "Required"},
	SAMLKeyAdded{Provider: "SAMLQEAAAAAAAAAAAAAAA1", ID: "KEYQEAAAAAAAAAAAAAAAAA", Key: "k1.c2VhbGVk"},
	SAMLKeyRemoved{Provider: "SAMLQEAAAAAAAAAAAAAAA1", ID: "KEYQEAAAAAAAAAAAAAAAAA"},
	SAMLProviderDeleted{ID: "SAMLQEAAAAAAAAAAAAAAA1"},
	OrganizationCreated{ID: "o-aaaaaaaaaa", Root: "r-aaaa", Email: "root@example.com"},
	OrganizationDeleted{},
	OrganizationJoined{Organization: "o-aaaaaaaaaa", Management: "111122223333", Email: "ana@example.com", Request: "car-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
	OrganizationLeft{},
	AccountMoved{Account: "444455556666", Parent: "ou-aaaa-aaaaaaaa"},
	AccountRemoved{Account: "444455556666"},
	OrganizationalUnitCreated{ID: "ou-aaaa-aaaaaaaa", Parent: "r-aaaa", Name: "Prod"},
	OrganizationalUnitUpdated{ID: "ou-aaaa-aaaaaaaa", Name: "Test"},
	OrganizationalUnitDeleted{ID: "ou-aaaa-aaaaaaaa"},
	PolicyTypeEnabled{PolicyType: "RESOURCE_CONTROL_POLICY"},
	PolicyTypeDisabled{PolicyType: "SERVICE_CONTROL_POLICY"},
	OrganizationPolicyCreated{ID: "p-aaaaaaaa", PolicyType: "SERVICE_CONTROL_POLICY", Name: "no", Description: "d", Content: `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:*","Resource":"*"}}`},
	OrganizationPolicyUpdated{ID: "p-aaaaaaaa", Name: "no", Content: `{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"sqs:*","Resource":"*"}}`},
	OrganizationPolicyDeleted{ID: "p-aaaaaaaa"},
	OrganizationPolicyAttached{Policy: "p-aaaaaaaa", Target: "r-aaaa"},
	OrganizationPolicyDetached{Policy: "p-aaaaaaaa", Target: "444455556666"},
	TrailCreated{Name: "all", TrailSettings: TrailSettings{Bucket: "logs", Prefix: "p/q", Global: true, MultiRegion: true, Validate: true}, Tags: []Tag{{"k", "v"}}},
	TrailUpdated{Name: "all", TrailSettings: TrailSettings{Bucket: "logs-2"}},
	TrailDeleted{Name: "all"},
	TrailStarted{Name: "all"},
	TrailStopped{Name: "all"},
	TrailSelected{Name: "all", Basic: []BasicSelector{{ReadWrite: "WriteOnly", Management: true, Exclude: []string{"kms.amazonaws.com"}}},
		Advanced: []AdvancedSelector{{Name: "n", Fields: []FieldSelector{{Field: "eventCategory", Equals: []string{"Management"}, NotEquals: []string{"x"}}}}}},
	TrailTagged{Name: "all", Tags: []Tag{{"b", "2"}}},
	TrailUntagged{Name: "all", Keys: []string{"b"}},
}

// The bytes of every fact ever written are read for ever, and mean what they
// meant: read and written again, they are the same. A file here is never
// changed; a changed meaning is a new type.
func TestFactsAreReadForEver(t *testing.T) {
	const dir = "testdata/facts"
	if *update {
		for _, f := range samples {
			name := filepath.Join(dir, f.Type()+".json")
			data, err := json.Marshal(f)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(name); err == nil {
				continue
			}
			if err := os.WriteFile(name, append(data, '\n'), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, typ := range Types() {
		if _, err := os.Stat(filepath.Join(dir, typ+".json")); err != nil {
			t.Errorf("%s has no bytes in %s: add it to samples and run with -update", typ, dir)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		f, err := fact([]byte(strings.TrimSuffix(file.Name(), ".json")), data)
		if err != nil {
			t.Errorf("%s: %v", file.Name(), err)
			continue
		}
		again, err := json.Marshal(f)
		if want := strings.TrimSpace(string(data)); err != nil || string(again) != want {
			t.Errorf("%s is read as something else:\ngot  %s\nwant %s", file.Name(), again, want)
		}
	}
}

// What the second reader of a fact reads is what encoding/json reads. It reads
// what Append wrote, or it were of no use.
func FuzzFast(f *testing.F) {
	read := func(typ string, data []byte) (Event, bool) {
		s := scan{left: data}
		e := fast[typ](&s)
		return e, !s.failed && string(s.left) == "}"
	}
	all := []Event{UserCreated{ID: "AIDA1", Name: "ana", Path: "/"}, AccessKeyCreated{ID: "AKIA1", Secret: "k1.x"}, Untagged{ID: "AIDA1", Keys: []string{"a", "b"}}}
	for _, e := range append(all, samples...) {
		typ := e.Type()
		data, err := json.Marshal(e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(typ, data)
		if fast[typ] == nil || bytes.IndexByte(data, '\\') >= 0 {
			continue
		}
		if got, ok := read(typ, data); !ok || !reflect.DeepEqual(got, e) {
			f.Errorf("%s: %s is read as %+v, %v", typ, data, got, ok)
		}
	}
	for _, s := range []string{"", "{", `{"group":"a","user":"b"}}`, `{"user":"b","group":"a"}`, `{"group":"a","user":"\u0000"}`, `{"group":"a","user":"`} {
		f.Add("iam.group.useradded.v1", []byte(s))
	}
	f.Fuzz(func(t *testing.T, typ string, data []byte) {
		if fast[typ] == nil {
			return
		}
		got, ok := read(typ, data)
		if !ok {
			return
		}
		if want, err := known[typ](data); err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s: %s\ngot  %+v\nwant %+v, %v", typ, data, got, want, err)
		}
	})
}
