package wire

import (
	"errors"
	"fmt"
	"math/rand"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	cttypes "github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"pgregory.net/rapid"
)

func mustLookup(t testing.TB, service, name string) *Operation {
	op, ok := Lookup(service, name)
	if !ok {
		t.Fatalf("no %s.%s", service, name)
	}
	return op
}

// AWS's texts, to the letter.
func TestConstraintTexts(t *testing.T) {
	long := strings.Repeat("x", 65)
	for _, c := range []struct {
		service, op string
		in          any
		want        string
	}{
		{"iam", "CreateUser", &iam.CreateUserInput{UserName: aws.String("bob")}, ""},
		{"iam", "CreateRole", &iam.CreateRoleInput{RoleName: &long, AssumeRolePolicyDocument: aws.String("{}")},
			"1 validation error detected: Value '" + long + "' at 'roleName' failed to satisfy constraint: Member must have length less than or equal to 64"},
		{"iam", "CreateRole", &iam.CreateRoleInput{RoleName: aws.String("a b")},
			`2 validation errors detected: Value 'a b' at 'roleName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+; Value null at 'assumeRolePolicyDocument' failed to satisfy constraint: Member must not be null`},
		{"iam", "CreateUser", &iam.CreateUserInput{UserName: aws.String("")},
			`2 validation errors detected: Value '' at 'userName' failed to satisfy constraint: Member must have length greater than or equal to 1; Value '' at 'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+`},
		{"iam", "CreateUser", &iam.CreateUserInput{UserName: aws.String("bob"), Tags: []iamtypes.Tag{{Key: aws.String("a"), Value: aws.String("")}, {Key: aws.String("a\tb")}}},
			`2 validation errors detected: Value 'a	b' at 'tags.2.member.key' failed to satisfy constraint: Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+; Value null at 'tags.2.member.value' failed to satisfy constraint: Member must not be null`},
		{"iam", "CreateUser", &iam.CreateUserInput{UserName: aws.String("bob"), Tags: make([]iamtypes.Tag, 51)[:51:51]}, "102 more"},
		{"iam", "UntagUser", &iam.UntagUserInput{UserName: aws.String("bob"), TagKeys: []string{"a", "#"}},
			`1 validation error detected: Value '[a, #]' at 'tagKeys' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 128, Member must have length greater than or equal to 1, Member must satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+]`},
		{"iam", "UpdateAccessKey", &iam.UpdateAccessKeyInput{AccessKeyId: aws.String("AKIAEXAMPLE12345678A"), Status: "Gone"},
			"1 validation error detected: Value 'Gone' at 'status' failed to satisfy constraint: Member must satisfy enum value set: [Active, Inactive, Expired]"},
		{"iam", "UpdateAccessKey", &iam.UpdateAccessKeyInput{AccessKeyId: aws.String("AKIAEXAMPLE12345678A")},
			"1 validation error detected: Value null at 'status' failed to satisfy constraint: Member must not be null"},
		{"sts", "AssumeRole", &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/r"), RoleSessionName: aws.String("s"), DurationSeconds: aws.Int32(899), TokenCode: aws.String("12x456")},
			`3 validation errors detected: Value 's' at 'roleSessionName' failed to satisfy constraint: Member must have length greater than or equal to 2; Value '899' at 'durationSeconds' failed to satisfy constraint: Member must have value greater than or equal to 900; Value '12x456' at 'tokenCode' failed to satisfy constraint: Member must satisfy regular expression pattern: [\d]*`},
		{"cloudtrail", "LookupEvents", &cloudtrail.LookupEventsInput{LookupAttributes: []cttypes.LookupAttribute{{AttributeKey: "EventId"}}},
			"1 validation error detected: Value null at 'lookupAttributes.1.member.attributeValue' failed to satisfy constraint: Member must not be null"},
	} {
		op := mustLookup(t, c.service, c.op)
		err := op.Check(c.in)
		if c.want == "102 more" {
			if err == nil || !strings.Contains(err.Error(), "103 validation errors detected: Value '[...]' at 'tags' failed to satisfy constraint: Member must have length less than or equal to 50; Value null at 'tags.1.member.key'") || len(err.Error()) > 4000 {
				t.Errorf("51 empty tags: %v", err)
			}
			continue
		}
		got := ""
		if err != nil {
			_, got, _ = Code(c.service, err)
			if code, _, status := Code(c.service, err); status != 400 || !strings.HasPrefix(code, "Validation") {
				t.Errorf("%s: %s %d", c.op, code, status)
			}
		}
		if got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.op, got, c.want)
		}
	}
	// Lengths are characters: 128 of two bytes each fit a tag key, 129 do not.
	for n, ok := range map[int]bool{128: true, 129: false} {
		in := &iam.CreateUserInput{UserName: aws.String("bob"), Tags: []iamtypes.Tag{{Key: aws.String(strings.Repeat("é", n)), Value: aws.String("")}}}
		if err := mustLookup(t, "iam", "CreateUser").Check(in); (err == nil) != ok {
			t.Errorf("%d é: %v", n, err)
		}
	}
	if mustLookup(t, "iam", "CreateUser").Check(&iam.GetUserInput{}) == nil {
		t.Error("another operation's input passes")
	}
}

// What is published as sensitive is never repeated, by no path of refusal.
func TestSensitiveNotEchoed(t *testing.T) {
	const secret = "canary-Jx0\x01"
	for _, in := range []any{
		&iam.CreateLoginProfileInput{UserName: aws.String("bob"), Password: aws.String(secret)},
		&iam.CreateLoginProfileInput{UserName: aws.String("bob"), Password: aws.String(strings.Repeat(secret, 30))},
		&iam.ChangePasswordInput{OldPassword: aws.String(secret), NewPassword: aws.String("")},
		&iam.UploadServerCertificateInput{PrivateKey: aws.String(secret), CertificateBody: aws.String("x"), ServerCertificateName: aws.String("c")},
		&sts.AssumeRoleWithWebIdentityInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/r"), RoleSessionName: aws.String("ss"), WebIdentityToken: aws.String(strings.Repeat(secret, 3000))},
		&sts.AssumeRoleWithSAMLInput{RoleArn: aws.String("arn:aws:iam::123456789012:role/r"), PrincipalArn: aws.String("arn:aws:iam::123456789012:saml-provider/p"), SAMLAssertion: aws.String("can")},
	} {
		name := strings.TrimSuffix(reflect.TypeOf(in).Elem().Name(), "Input")
		service := strings.Split(reflect.TypeOf(in).Elem().String(), ".")[0]
		err := mustLookup(t, service, name).Check(in)
		if err == nil || strings.Contains(err.Error(), "can") || !strings.Contains(err.Error(), "Value at '") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every published pattern compiles, accepts what is made from it, refuses it
// with a foreign end, and means the same as its plain reading.
func TestPatterns(t *testing.T) {
	n := 0
	seen := map[string]bool{}
	for _, s := range services {
		for name, ft := range s.table().types {
			if ft.Pattern == "" || seen[ft.Pattern] {
				continue
			}
			seen[ft.Pattern] = true
			n++
			p := newPattern(ft.Pattern)
			m, err := compile(ft.Pattern)
			if err != nil {
				t.Errorf("%s %s: %v", name, ft.Pattern, err)
				continue
			}
			if m.re != nil {
				continue // Go's own
			}
			// A set: compare with the regular expression it came from.
			expr := strings.NewReplacer(`\uD800\uDC00-\uDBFF\uDFFF`, `\x{10000}-\x{10FFFF}`, `\u10000-\u10FFFF`, `\x{10000}-\x{10FFFF}`).Replace(ft.Pattern)
			expr = regexp.MustCompile(`\\u([0-9A-F]{4})`).ReplaceAllString(expr, `\x{$1}`)
			re := regexp.MustCompile(`\A(?:` + expr + `)\z`)
			r := rand.New(rand.NewSource(1))
			for range 2_000 {
				var b strings.Builder
				for range r.Intn(4) {
					switch r.Intn(3) {
					case 0:
						b.WriteByte(byte(r.Intn(128)))
					case 1:
						b.WriteRune(rune(r.Intn(0x3000)))
					default:
						b.WriteRune(rune(r.Intn(0x20000)))
					}
				}
				if got, want := p.match(b.String()), re.MatchString(b.String()); got != want {
					t.Fatalf("%s: %q gives %v, want %v", ft.Pattern, b.String(), got, want)
				}
			}
		}
	}
	if n != 65 {
		t.Logf("%d different patterns", n)
	}
	for _, c := range []struct {
		pattern string
		yes, no []string
	}{
		{`^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$`, []string{"abc", "a-b", "a-b-c", "0b0", strings.Repeat("a", 63)}, []string{"ab", "-ab", "ab-", "a--b", "Abc", "a_b", strings.Repeat("a", 64), "abc\n"}},
		{`[\w+=,.@-]+`, []string{"bob", "a+b=c,d.e@f-g_h"}, []string{"", "a b", "é", "a\n", "a/b"}},
		{`(\u002F)|(\u002F[\u0021-\u007E]+\u002F)`, []string{"/", "/a/", "/a/b/", "//a//"}, []string{"", "a", "/a", "a/", "/a b/", "/é/"}},
		{`[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+`, []string{"a\t\n\r é€𝒳"}, []string{"", "\x00", "\x0b", "\x7f", "\ufffe"}},
		{`[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\t]*`, []string{"", "a\té𝒳"}, []string{"\n", "\ufffe"}},
		{`[\p{L}\p{Z}\p{N}_.:/=+\-@]+`, []string{"Zoë 1\u00a0²:/=+-@_."}, []string{"", "#", "a\tb", "a*"}},
		{`s3://[a-z0-9][\.\-a-z0-9]{1,61}[a-z0-9](/.*)?`, []string{"s3://abc", "s3://a.b/c d"}, []string{"s3://ab", "http://abc", "s3://abc\n"}},
		{`v[1-9][0-9]*(\.[A-Za-z0-9-]*)?`, []string{"v1", "v10.a-b"}, []string{"v0", "1", "v1 ", "v1.é"}},
	} {
		p := newPattern(c.pattern)
		for _, s := range c.yes {
			if !p.match(s) {
				t.Errorf("%s refuses %q", c.pattern, s)
			}
		}
		for _, s := range c.no {
			if p.match(s) {
				t.Errorf("%s accepts %q", c.pattern, s)
			}
		}
	}
}

// Whatever satisfies the published constraints is accepted, and one thing made
// wrong is refused at its own path: for every operation and member.
func TestGeneratedInputs(t *testing.T) {
	var skipped []string
	defer func() {
		if len(skipped) > 0 {
			t.Errorf("no input found for %v", skipped)
		}
	}()
	for name := range clients {
		for _, op := range Operations(name) {
			g := &generator{rand: rand.New(rand.NewSource(7))}
			in := op.NewInput()
			if !g.structure(op.input(), reflect.ValueOf(in).Elem(), 0) {
				skipped = append(skipped, op.Name)
				continue
			}
			if err := op.Check(in); err != nil {
				t.Errorf("%s.%s: %v", name, op.Name, err)
				continue
			}
			// Each required or bounded member, made wrong by itself.
			n := op.input()
			for i := range n.fields {
				f := &n.fields[i]
				in := op.NewInput()
				v := reflect.ValueOf(in).Elem()
				(&generator{rand: rand.New(rand.NewSource(7))}).structure(n, v, 0)
				fv := v.Field(f.index)
				switch {
				case f.required && (f.node.pointer || f.node.kind == listKind || f.node.kind == stringKind):
					fv.SetZero()
				case f.node.kind == stringKind && f.node.limits != nil && f.node.limits.enum != nil:
					fv.SetString("no such thing")
				case f.node.kind == stringKind && f.node.limits != nil && f.node.limits.max != nil && f.node.pointer:
					fv.Elem().SetString(strings.Repeat("x", int(*f.node.limits.max)+1))
				case f.node.kind == intKind && f.node.pointer && f.node.limits != nil && f.node.limits.min != nil:
					fv.Elem().SetInt(*f.node.limits.min - 1)
				default:
					continue
				}
				err := op.Check(in)
				if op.Name == "LookupEvents" && f.name == "MaxResults" { // has an error of its own
					var own *cttypes.InvalidMaxResultsException
					if !errors.As(err, &own) {
						t.Errorf("LookupEvents with a wrong MaxResults: %v", err)
					}
					continue
				}
				if err == nil || !strings.Contains(err.Error(), "at '"+f.camel+"' failed") {
					t.Errorf("%s.%s with a wrong %s: %v", name, op.Name, f.name, err)
				}
			}
		}
	}
}

// generator makes inputs that satisfy their constraints.
type generator struct{ rand *rand.Rand }

func (g *generator) structure(n *node, v reflect.Value, depth int) bool {
	for i := range n.fields {
		if depth < 8 && !g.value(n.fields[i].node, v.Field(n.fields[i].index), depth+1) {
			return false
		}
	}
	return true
}

func (g *generator) value(n *node, v reflect.Value, depth int) bool {
	if n.pointer {
		v.Set(reflect.New(n.typ))
		v = v.Elem()
	}
	least, most := int64(0), int64(5)
	if l := n.limits; l != nil && l.min != nil {
		least = *l.min
	}
	if most < least {
		most = least
	}
	if l := n.limits; l != nil && l.max != nil {
		most = min(most, *l.max)
	}
	switch n.kind {
	case stringKind:
		s := strings.Repeat("x", int(max(least, 1)))
		if l := n.limits; l != nil {
			if l.enum != nil {
				s = l.enum[g.rand.Intn(len(l.enum))]
			} else if l.pattern != nil && !l.pattern.match(s) {
				for seed := range 400 {
					s = rapid.StringMatching(goPattern(l.pattern.source)).Example(seed)
					if k := int64(len([]rune(s))); k >= least && (l.max == nil || k <= *l.max) && l.pattern.match(s) {
						break
					}
					if digits := strings.Repeat("1", int(max(least, 1))); l.pattern.match(digits) {
						s = digits
						break
					}
					if seed == 399 {
						return false
					}
				}
			}
		}
		v.SetString(s)
	case boolKind:
		v.SetBool(true)
	case intKind:
		v.SetInt(most)
	case floatKind:
		v.SetFloat(1)
	case blobKind:
		v.SetBytes(make([]byte, max(least, 1)))
	case listKind:
		k := int(max(least, min(1, most)))
		v.Set(reflect.MakeSlice(n.typ, k, k))
		for i := range k {
			if !g.value(n.elem, v.Index(i), depth+1) {
				return false
			}
		}
	case mapKind:
		m := reflect.MakeMap(n.typ)
		k, e := reflect.New(n.typ.Key()).Elem(), reflect.New(n.typ.Elem()).Elem()
		if !g.value(n.key, k, depth+1) || !g.value(n.elem, e, depth+1) {
			return false
		}
		m.SetMapIndex(k, e)
		v.Set(m)
	case structKind:
		return g.structure(n, v, depth)
	case unionKind:
		c := reflect.New(n.fields[0].of)
		v.Set(c)
		return g.value(n.fields[0].node, c.Elem().Field(0), depth)
	}
	return true
}

func goPattern(source string) string {
	s := strings.NewReplacer(`\uD800\uDC00-\uDBFF\uDFFF`, "", `\u10000-\u10FFFF`, "", `|-(?!-)`, "").Replace(source)
	return regexp.MustCompile(`\\u([0-9A-F]{4})`).ReplaceAllString(s, `\x{$1}`)
}

// A required member that the SDK's struct cannot leave out cannot be missed.
// The list is pinned so that a new one is seen.
func TestRequiredWithoutPointer(t *testing.T) {
	var found []string
	for name := range clients {
		for _, op := range Operations(name) {
			for _, f := range op.input().fields {
				if f.required && !f.node.pointer && (f.node.kind == boolKind || f.node.kind == intKind) {
					found = append(found, op.Name+"."+f.name)
				}
			}
		}
	}
	if got := fmt.Sprint(found); got != "[]" {
		t.Errorf("required but not to be told from absent: %s", got)
	}
}
