// Package canary holds promise S-25: no secret leaves its sealed field. Every
// secret the product knows is a marker; everything it can be asked is asked;
// then all it wrote, said and showed is searched for them in every dress.
package canary

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"

	"github.com/keytrail/keytrail/audit"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/test/harness"
)

// canary is a secret to look for.
type canary struct {
	name  string
	plain []byte
	forms map[string][]byte
	shown []byte // the one answer that may show it
}

// dress is every way a secret could be written by accident.
func dress(plain []byte) map[string][]byte {
	forms := map[string][]byte{
		"plain": plain, "hex": []byte(hex.EncodeToString(plain)), "HEX": []byte(strings.ToUpper(hex.EncodeToString(plain))),
		"reversed": reverse(plain),
	}
	// Base64 of something that contains it, at each of the three offsets: the
	// characters that depend on neighbours are left out.
	for shift := range 3 {
		padded := append(bytes.Repeat([]byte{0}, shift), plain...)
		for name, enc := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			text := enc.EncodeToString(padded)
			from := (shift*8 + 5) / 6
			to := len(padded) * 8 / 6
			forms[fmt.Sprint(name, " at ", shift)] = []byte(text[from:to])
		}
	}
	var percent, wide, big, escaped []byte
	for _, c := range plain {
		percent = fmt.Appendf(percent, "%%%02X", c)
		wide, big = append(wide, c, 0), append(big, 0, c)
		escaped = fmt.Appendf(escaped, `\u%04x`, c)
	}
	forms["percent"], forms["UTF-16LE"], forms["UTF-16BE"], forms["JSON escapes"] = percent, wide, big, escaped
	if q := []byte(url.QueryEscape(string(plain))); !bytes.Equal(q, plain) {
		forms["URL"] = q
	}
	if j, _ := json.Marshal(string(plain)); !bytes.Contains(j, plain) {
		forms["JSON"] = j[1 : len(j)-1]
	}
	return forms
}

func reverse(b []byte) []byte {
	r := make([]byte, len(b))
	for i, c := range b {
		r[len(b)-1-i] = c
	}
	return r
}

// search looks for every canary in b, and in what b unpacks to.
func (l *lab) search(where string, b []byte) {
	l.searched += len(b)
	for i := range l.canaries {
		c := &l.canaries[i]
		for form, text := range c.forms {
			if at := bytes.Index(b, text); at >= 0 {
				l.Errorf("%s has the %s (%s) at byte %d", where, c.name, form, at)
			}
		}
	}
}

// unpacked searches b, and whatever compressed streams begin anywhere in it.
func (l *lab) unpacked(where string, b []byte) {
	l.search(where, b)
	read := func(what string, r io.Reader, err error) {
		if err != nil {
			return
		}
		plain, _ := io.ReadAll(io.LimitReader(r, 64<<20)) // as far as it goes
		if len(plain) > 16 {
			l.inflated++
			l.search(where+", "+what, plain)
		}
	}
	for _, magic := range []struct {
		name  string
		bytes string
		open  func(io.Reader) (io.Reader, error)
	}{
		{"gzip", "\x1f\x8b\x08", func(r io.Reader) (io.Reader, error) { return gzip.NewReader(r) }},
		{"zlib", "\x78\x9c", func(r io.Reader) (io.Reader, error) { return zlib.NewReader(r) }},
		{"zstd", "\x28\xb5\x2f\xfd", func(r io.Reader) (io.Reader, error) {
			d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
			return d, err
		}},
		{"s2", "\xff\x06\x00\x00S2sTwO", func(r io.Reader) (io.Reader, error) { return s2.NewReader(r), nil }},
	} {
		for at := 0; ; at++ {
			i := bytes.Index(b[at:], []byte(magic.bytes))
			if i < 0 {
				break
			}
			at += i
			r, err := magic.open(bytes.NewReader(b[at:]))
			read(fmt.Sprintf("%s at %d", magic.name, at), r, err)
			if d, ok := r.(*zstd.Decoder); ok && err == nil {
				d.Close()
			}
		}
	}
}

type lab struct {
	*testing.T
	s        *harness.Server
	canaries []canary
	answers  []*harness.Answer
	searched int // bytes
	inflated int // streams
}

func (l *lab) hide(name string, plain string, shown []byte) {
	l.canaries = append(l.canaries, canary{name: name, plain: []byte(plain), forms: dress([]byte(plain)), shown: shown})
}

func marker(name string) string {
	text := "Canary" + name + rand.Text() + rand.Text()
	return text[:40]
}

func (l *lab) call(c harness.Credentials, service, action string, in any) *harness.Answer {
	l.Helper()
	a, err := l.s.Call(c, service, action, in)
	if err != nil {
		l.Fatalf("%s: %v", action, err)
	}
	l.answers = append(l.answers, a)
	return a
}

func between(b []byte, from, to string) string {
	_, rest, _ := strings.Cut(string(b), from)
	text, _, _ := strings.Cut(rest, to)
	return text
}

func TestNoSecretGetsOut(t *testing.T) {
	l := &lab{T: t}
	rootSecret := marker("Root")
	var rootKey [32]byte
	rand.Read(rootKey[:])
	dir := t.TempDir()
	keyFile := filepath.Join(dir, "root.key")
	if err := os.WriteFile(keyFile, []byte(base64.StdEncoding.EncodeToString(rootKey[:])+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.s = harness.Start(t, harness.Options{Secret: rootSecret, Args: []string{"--root-key", keyFile}})
	l.hide("root user's secret", rootSecret, nil)
	l.hide("root key", string(rootKey[:]), nil)
	root := l.s.Root

	// Credentials of every kind, each shown by one answer.
	l.call(root, "iam", "CreateUser", url.Values{"UserName": {"ana"}})
	l.call(root, "iam", "PutUserPolicy", url.Values{"UserName": {"ana"}, "PolicyName": {"p"}, "PolicyDocument": {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:*","iam:Get*"],"Resource":"*"}]}`}})
	l.call(root, "iam", "CreateRole", url.Values{"RoleName": {"r"}, "AssumeRolePolicyDocument": {`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"sts:AssumeRole"}]}`}})
	key := l.call(root, "iam", "CreateAccessKey", url.Values{"UserName": {"ana"}})
	ana := harness.Credentials{KeyID: between(key.Body, "<AccessKeyId>", "<"), Secret: between(key.Body, "<SecretAccessKey>", "<")}
	l.hide("ana's secret", ana.Secret, key.Body)
	session := func(name string, a *harness.Answer) harness.Credentials {
		c := harness.Credentials{KeyID: between(a.Body, "<AccessKeyId>", "<"), Secret: between(a.Body, "<SecretAccessKey>", "<"), Token: between(a.Body, "<SessionToken>", "<")}
		if len(c.Secret) < 30 || len(c.Token) < 100 {
			t.Fatalf("%s: no credentials in %s", name, a.Body)
		}
		l.hide(name+"'s secret", c.Secret, a.Body)
		l.hide(name+"'s token", c.Token, a.Body)
		return c
	}
	temp := session("ana's session", l.call(ana, "sts", "GetSessionToken", nil))
	work := session("the role session", l.call(ana, "sts", "AssumeRole", url.Values{"RoleArn": {"arn:aws:iam::111122223333:role/r"}, "RoleSessionName": {"work"}}))
	account := l.call(root, "keytrail", "CreateAccount", map[string]any{"AccountName": "other"})
	var other struct{ AccessKeyID, SecretAccessKey string }
	if err := json.Unmarshal(account.Body, &other); err != nil || len(other.SecretAccessKey) < 30 {
		t.Fatal(err, string(account.Body))
	}
	l.hide("the other account's secret", other.SecretAccessKey, account.Body)
	far := harness.Credentials{KeyID: other.AccessKeyID, Secret: other.SecretAccessKey}

	// Passwords: a first one, one that somebody else gives, one of her own, and
	// wrong ones. What is kept is a hash, and that is sealed too.
	first, second, third := marker("First"), marker("Second"), marker("Third")
	l.hide("first password", first, nil)
	l.hide("second password", second, nil)
	l.hide("third password", third, nil)
	l.hide("hash of a password", "$argon2id$v=", nil)
	l.call(root, "iam", "UpdateAccountPasswordPolicy", url.Values{"AllowUsersToChangePassword": {"true"}})
	for _, password := range []struct {
		by     harness.Credentials
		action string
		in     url.Values
		code   string
	}{
		{root, "CreateLoginProfile", url.Values{"UserName": {"ana"}, "Password": {first}}, ""},
		{root, "UpdateLoginProfile", url.Values{"UserName": {"ana"}, "Password": {second}}, ""},
		{ana, "ChangePassword", url.Values{"OldPassword": {second}, "NewPassword": {third}}, ""},
		{ana, "ChangePassword", url.Values{"OldPassword": {second}, "NewPassword": {first}}, "AccessDenied"},
		{ana, "ChangePassword", url.Values{"OldPassword": {third}, "NewPassword": {second + strings.Repeat("x", 128)}}, "ValidationError"},
	} {
		if a := l.call(password.by, "iam", password.action, password.in); a.Code != password.code {
			t.Fatalf("%s: %s", password.action, a)
		}
	}

	// The seed of an MFA device. (Codes are too short to be looked for.)
	device := l.call(root, "iam", "CreateVirtualMFADevice", url.Values{"VirtualMFADeviceName": {"phone"}})
	seed, err := base64.StdEncoding.DecodeString(between(device.Body, "<Base32StringSeed>", "<"))
	if err != nil || len(seed) != 64 {
		t.Fatalf("no seed: %v in %s", err, device.Body)
	}
	l.hide("seed of an MFA device", string(seed), device.Body)
	code := func(steps int) string {
		c, err := seal.Code(seal.NewSecret(string(seed)), int(time.Now().Unix()/seal.CodeStep)+steps)
		if err != nil {
			t.Fatal(err)
		}
		return c.Reveal()
	}
	phone := "arn:aws:iam::111122223333:mfa/phone"
	if a := l.call(root, "iam", "EnableMFADevice", url.Values{"UserName": {"ana"}, "SerialNumber": {phone}, "AuthenticationCode1": {code(-3)}, "AuthenticationCode2": {code(-2)}}); a.Code != "" {
		t.Fatal(a)
	}
	strong := session("the session with MFA", l.call(ana, "sts", "GetSessionToken", url.Values{"SerialNumber": {phone}, "TokenCode": {code(-1)}}))
	l.call(ana, "sts", "GetSessionToken", url.Values{"SerialNumber": {phone}, "TokenCode": {code(100)}})

	// The private key that a SAML provider's assertions are encrypted for.
	private, metadata := provider(t)
	l.hide("private key of a SAML provider", private[64:128], nil) // a line of it
	if a := l.call(root, "iam", "CreateSAMLProvider", url.Values{"Name": {"corp"}, "SAMLMetadataDocument": {metadata}, "AddPrivateKey": {private}}); a.Code != "" {
		t.Fatal(a)
	}
	l.call(root, "iam", "UpdateSAMLProvider", url.Values{"SAMLProviderArn": {"arn:aws:iam::111122223333:saml-provider/corp"}, "AddPrivateKey": {private[:300]}})

	// Every action, by everybody, without and with parameters that hold secrets
	// where AWS has such; ours refuses them, and must not repeat them either.
	given := url.Values{}
	for _, p := range []string{"Password", "OldPassword", "NewPassword", "PrivateKey", "WebIdentityToken", "SAMLAssertion", "AuthenticationCode1", "SecretAccessKey", "SessionToken", "AddPrivateKey", "Shoe"} {
		m := marker(p)
		l.hide("parameter "+p, m, nil)
		given.Set(p, m)
	}
	names := url.Values{
		"UserName": {"ana"}, "GroupName": {"g"}, "RoleName": {"r"}, "PolicyName": {"p"}, "InstanceProfileName": {"i"}, "PolicyArn": {"arn:aws:iam::111122223333:policy/p"}, "VersionId": {"v1"},
		"AccessKeyId": {ana.KeyID}, "SerialNumber": {phone}, "PolicyDocument": {`{}`}, "AssumeRolePolicyDocument": {`{}`}, "RoleArn": {"arn:aws:iam::111122223333:role/r"}, "RoleSessionName": {"work"}, "AccountAlias": {"alias"},
	}
	everybody := []harness.Credentials{root, ana, temp, strong, work, far}
	for _, a := range audit.Actions() {
		if a.Name == "DeleteAccessKey" || a.Name == "CreateAccessKey" || a.Name == "GetSessionToken" || a.Name == "AssumeRole" || a.Name == "CreateAccount" || a.Name == "CreateVirtualMFADevice" || a.Name == "ReadJournal" {
			continue // made above, with their answers known; the journal is read below
		}
		for _, c := range everybody {
			if harness.IsJSON(a.Service) {
				l.call(c, a.Service, a.Name, nil)
				l.call(c, a.Service, a.Name, map[string]any{"Password": given.Get("Password"), "SecretAccessKey": given.Get("SecretAccessKey")})
				continue
			}
			l.call(c, a.Service, a.Name, nil)
			l.call(c, a.Service, a.Name, names) // refused, for some name it does not take
			own := url.Values{}
			for _, name := range members(&a) {
				if v, ok := names[name]; ok {
					own[name] = v
				}
			}
			l.call(c, a.Service, a.Name, own)
			l.call(c, a.Service, a.Name, given)
		}
	}
	for _, action := range []string{"UploadServerCertificate", "CreateServiceSpecificCredential", "MakeSecret"} {
		l.call(root, "iam", action, given)
	}
	for _, action := range []string{"AssumeRoleWithWebIdentity", "AssumeRoleWithSAML", "GetFederationToken", "DecodeAuthorizationMessage"} {
		l.call(root, "sts", action, given)
		a, err := harness.Do(l.s.Request("sts", action, given))
		if err != nil {
			t.Fatal(err)
		}
		l.answers = append(l.answers, a)
	}
	// Secrets put where they do not belong.
	for _, put := range []func(*http.Request){
		func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+given.Get("Password")) },
		func(r *http.Request) { r.SetBasicAuth("ana", given.Get("Password")) },
		func(r *http.Request) { r.Header.Set("Authorization", "AWS4-HMAC-SHA256 "+ana.Secret) },
		func(r *http.Request) { r.Header.Set("Cookie", "session="+temp.Token) },
		func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", temp.Token) },
		func(r *http.Request) {
			harness.Sign(r, harness.Credentials{KeyID: temp.KeyID, Secret: temp.Secret, Token: temp.Token[:len(temp.Token)-8] + "AAAAAAAA"}, "sts")
		},
		func(r *http.Request) { r.URL.RawQuery = "X-Amz-Security-Token=" + url.QueryEscape(temp.Token) },
		func(r *http.Request) { r.Method = "PUT"; harness.Sign(r, temp, "sts") },
	} {
		r := l.s.Request("sts", "GetCallerIdentity", nil)
		put(r)
		a, err := harness.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		l.answers = append(l.answers, a)
	}
	// Session tokens as bearer tokens and as what a question says of a subject:
	// they are read, and written nowhere.
	for _, body := range []string{
		`{"subject":{"type":"session","id":"r/work","properties":{"token":"` + work.Token + `"}},"action":{"name":"s3:GetObject"},"resource":{"type":"s3","id":"b"}}`,
		`{"subject":{"type":"user","id":"ana","properties":{"token":"` + work.Token + `"}},"action":{"name":"s3:GetObject"},"resource":{"type":"s3","id":"b"}}`,
		`{"subject":{"type":"user","id":"ana","properties":{"token":{"deep":"` + work.Token + `"}}},"action":{"name":"s3:GetObject"},"resource":{"type":"s3","id":"b"}}`,
	} {
		for _, path := range []string{"/access/v1/evaluation", "/access/v1/evaluations", "/access/v1/search/action", "/access/v1/search/everything"} {
			for _, put := range []func(*http.Request){
				func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+temp.Token) },
				func(r *http.Request) {
					r.Header.Set("Authorization", "Bearer "+temp.Token[:len(temp.Token)-8]+"AAAAAAAA")
				},
				func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", temp.Token) },
				func(r *http.Request) { harness.Sign(r, root, "keytrail") },
			} {
				r := l.s.Raw(http.MethodPost, path, http.Header{"Content-Type": {"application/json"}}, []byte(body))
				put(r)
				a, err := harness.Do(r)
				if a == nil {
					t.Fatal(err)
				}
				l.answers = append(l.answers, a)
			}
		}
	}
	for _, args := range [][]string{{"audit", "query", "--limit", "1000"}, {"verify"}, {"replay", "--verify"}, {"audit", "query", "--sql", "SELECT nothing"}, {"audit", "tail", "--follow=false"}} {
		r := l.s.Keytrail(root, args...)
		l.search("keytrail "+args[0], []byte(r.Out+r.Err))
	}

	// What the running processes show of themselves.
	pids := append(children(t, l.s.PID()), l.s.PID())
	if len(pids) < 2 {
		t.Error("the server has no engine: nothing was searched in it")
	}
	for _, pid := range pids {
		for _, file := range []string{"cmdline", "environ", "comm"} {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
			if err != nil {
				t.Fatal(err)
			}
			l.search(fmt.Sprintf("/proc/%d/%s", pid, file), b)
		}
	}

	// The log, message by message, as it is exported.
	export := filepath.Join(dir, "export")
	if r := l.s.Keytrail(root, "verify", "--to", export); r.Code != 0 {
		t.Fatalf("verify --to: %s%s", r.Out, r.Err)
	}
	messages := 0
	for _, stream := range []string{"identity.log", "decisions.log"} {
		b, err := os.ReadFile(filepath.Join(export, stream))
		if err != nil {
			t.Fatal(err)
		}
		for line := range bytes.Lines(b) {
			var m struct{ Body []byte }
			if err := json.Unmarshal(line, &m); err != nil {
				t.Fatal(err)
			}
			messages++
			l.unpacked("a message of "+stream, m.Body)
		}
	}
	// The audit rows, every column.
	rows := 0
	for _, sql := range []string{"SELECT * FROM audit.events", "SELECT raw FROM audit.events"} {
		var n int
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
			r := l.s.Keytrail(root, "audit", "query", "--output", "json", "--sql", sql)
			l.search(sql, []byte(r.Out+r.Err))
			var got []map[string]any
			if err := json.Unmarshal([]byte(r.Out), &got); err == nil {
				n = len(got)
			}
			if n > len(audit.Actions()) {
				break
			}
		}
		rows += n
	}

	// Every answer but the one that shows it.
	for _, a := range l.answers {
		var b bytes.Buffer
		a.Header.Write(&b)
		b.Write(a.Body)
		kept := l.canaries
		l.canaries = nil
		for _, c := range kept {
			if !bytes.Equal(c.shown, a.Body) {
				l.canaries = append(l.canaries, c)
			}
		}
		l.search("the answer "+a.String(), b.Bytes())
		l.canaries = kept
	}

	// All it wrote: while it ran, and after it was stopped and started again.
	l.files(dir, keyFile)
	l.files(l.s.Dir, keyFile)
	if err := l.s.Stop(); err != nil {
		t.Error(err)
	}
	if err := l.s.Restart(); err != nil {
		t.Fatal(err)
	}
	l.call(ana, "sts", "GetCallerIdentity", nil)
	if err := l.s.Stop(); err != nil {
		t.Error(err)
	}
	files := l.files(l.s.Dir, keyFile)
	l.search("stdout", []byte(l.s.Printed()))
	l.search("stderr", []byte(l.s.Log()))
	t.Logf("searched for %d secrets in %d MB: %d messages, %d rows, %d answers, %d files, %d streams unpacked", len(l.canaries), l.searched>>20, messages, rows, len(l.answers), files, l.inflated)
	if messages < 100 || rows < 100 || files < 20 || len(l.answers) < 400 {
		t.Error("too little was searched to prove anything")
	}
}

// members are the parameter names an action takes.
func members(a *audit.Action) (names []string) {
	for i := range a.Input.NumField() {
		names = append(names, a.Input.Field(i).Name)
	}
	return names
}

// files searches every file under dir but the root key's own.
func (l *lab) files(dir, but string) (n int) {
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || path == but {
			return nil // merged away by the engine meanwhile
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		n++
		l.unpacked(strings.TrimPrefix(path, dir), b)
		l.search("a file's name", []byte(path))
		return nil
	})
	if err != nil {
		l.Error(err)
	}
	return n
}

// children are the processes that pid started.
func children(t *testing.T, pid int) (pids []int) {
	all, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // it ended
		}
		rest := string(b[bytes.LastIndexByte(b, ')')+1:])
		if f := strings.Fields(rest); len(f) > 1 && f[1] == strconv.Itoa(pid) {
			child, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(file, "/proc/"), "/stat"))
			if err != nil {
				t.Fatal(err)
			}
			pids = append(append(pids, child), children(t, child)...)
		}
	}
	return pids
}

// The search finds what it must: each form of a secret, also when packed.
func TestTheSearchSees(t *testing.T) {
	secret := []byte(marker("Self"))
	pack := map[string]func([]byte) []byte{
		"as it is": func(b []byte) []byte { return b },
		"gzip": func(b []byte) []byte {
			var out bytes.Buffer
			w := gzip.NewWriter(&out)
			w.Write(b)
			w.Close()
			return out.Bytes()
		},
		"zstd": func(b []byte) []byte {
			w, err := zstd.NewWriter(nil)
			if err != nil {
				t.Fatal(err)
			}
			return w.EncodeAll(b, nil)
		},
		"s2": func(b []byte) []byte {
			var out bytes.Buffer
			w := s2.NewWriter(&out)
			w.Write(b)
			w.Close()
			return out.Bytes()
		},
	}
	for form, text := range dress(secret) {
		for how, f := range pack {
			inner := &testing.T{}
			l := &lab{T: inner, canaries: []canary{{name: "secret", plain: secret, forms: dress(secret)}}}
			around := append(append(bytes.Repeat([]byte("around "), 50), text...), bytes.Repeat([]byte(" it"), 50)...)
			l.unpacked("here", append([]byte("before"), f(around)...))
			if !inner.Failed() {
				t.Errorf("%s, %s: not seen", form, how)
			}
		}
	}
	for before := range 4 { // base64 of more than the secret
		inner := &testing.T{}
		l := &lab{T: inner, canaries: []canary{{name: "secret", plain: secret, forms: dress(secret)}}}
		l.search("here", []byte(base64.StdEncoding.EncodeToString(append(append([]byte("wxyz")[:before], secret...), "tail"...))))
		if !inner.Failed() {
			t.Errorf("base64 with %d bytes before it: not seen", before)
		}
	}
}

// provider makes a private key, and the metadata of a SAML provider.
func provider(t *testing.T) (private, metadata string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	who := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	certificate, err := x509.CreateCertificate(rand.Reader, who, who, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private = string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	return private, `<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://id.example.com">
<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#">
<X509Data><X509Certificate>` + base64.StdEncoding.EncodeToString(certificate) + `</X509Certificate></X509Data></KeyInfo></KeyDescriptor>
<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="https://id.example.com/sso"/></IDPSSODescriptor></EntityDescriptor>` + strings.Repeat(" ", 400)
}
