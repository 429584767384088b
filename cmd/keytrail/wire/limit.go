package wire

import (
	"reflect"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/smithy-go"
)

// limits are the published constraints of one type.
type limits struct {
	min, max  *int64
	pattern   *pattern
	enum      []string
	sensitive bool // its value must not be repeated
}

func newLimits(n *node, t *factType) *limits {
	l := &limits{min: t.Min, max: t.Max, enum: t.Enum, sensitive: t.Sensitive}
	if t.Pattern != "" {
		l.pattern = newPattern(t.Pattern)
	}
	if l.min == nil && l.max == nil && l.enum == nil && l.pattern == nil && !l.sensitive {
		return nil
	}
	return l
}

// Check holds in, a pointer to the operation's input, against the published
// constraints. The error has code ValidationError and AWS's text, for example
//
//	1 validation error detected: Value 'a b' at 'userName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\w+=,.@-]+
//
// Values published as sensitive are not repeated.
func (op *Operation) Check(in any) error {
	v := reflect.ValueOf(in)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Type().Elem() != op.in {
		return &smithy.GenericAPIError{Code: "InternalFailure", Message: "not an input of " + op.Name, Fault: smithy.FaultServer}
	}
	if err := lookup(in); err != nil {
		return err
	}
	var c check
	c.structure(op.input(), v.Elem())
	return c.err()
}

// lookup gives what LookupEvents has errors of its own for (CloudTrail API
// Reference, LookupEvents).
func lookup(in any) error {
	l, ok := in.(*cloudtrail.LookupEventsInput)
	if !ok {
		return nil
	}
	if n := l.MaxResults; n != nil && (*n < 1 || *n > 50) {
		return &types.InvalidMaxResultsException{Message: aws.String("Max results should be between 1 and 50.")}
	}
	for _, a := range l.LookupAttributes {
		if a.AttributeKey != "" && !slices.Contains(a.AttributeKey.Values(), a.AttributeKey) {
			return &types.InvalidLookupAttributesException{Message: aws.String("The lookup attribute is not valid.")}
		}
	}
	return nil
}

// check collects what is wrong with one input.
type check struct {
	path  []string
	wrong []string
	count int
}

const (
	maxWrong = 20    // findings told, of however many
	maxEcho  = 2_048 // bytes of a value repeated in an answer
)

func (c *check) err() error {
	if c.count == 0 {
		return nil
	}
	return validation(c.count, strings.Join(c.wrong, "; "))
}

func validation(n int, what string) error {
	s := "s"
	if n == 1 {
		s = ""
	}
	return invalid(strconv.Itoa(n) + " validation error" + s + " detected: " + what)
}

func (c *check) add(l *limits, value, constraint string) {
	c.count++
	if len(c.wrong) == maxWrong {
		return
	}
	c.wrong = append(c.wrong, failed(l, value, strings.Join(c.path, "."), constraint))
}

func (c *check) missing(name string) {
	c.count++
	if len(c.wrong) < maxWrong {
		c.wrong = append(c.wrong, "Value null at '"+strings.Join(append(c.path, name), ".")+"' failed to satisfy constraint: Member must not be null")
	}
}

func failed(l *limits, value, path, constraint string) string {
	if l != nil && l.sensitive {
		value = "Value"
	} else {
		value = "Value '" + clip(value, maxEcho) + "'"
	}
	return value + " at '" + path + "' failed to satisfy constraint: " + constraint
}

func (c *check) structure(n *node, v reflect.Value) {
	for i := range n.fields {
		f := &n.fields[i]
		fv := v.Field(f.index)
		if !present(f.node, fv) {
			if f.required {
				c.missing(f.camel)
			}
			continue
		}
		if f.node.simple() && f.node.limits == nil {
			continue
		}
		c.path = append(c.path, f.camel)
		c.value(f.node, fv)
		c.path = c.path[:len(c.path)-1]
	}
}

// present says whether the client gave the member, as far as the struct can
// tell: a bool or number without a pointer always counts as given.
func present(n *node, v reflect.Value) bool {
	switch {
	case n.pointer:
		return !v.IsNil()
	case n.kind == listKind || n.kind == mapKind || n.kind == blobKind || n.kind == unionKind:
		return !v.IsNil()
	case n.kind == stringKind:
		return v.Len() > 0 // an enum; decoding has refused the empty one
	}
	return true
}

func (n *node) simple() bool { return n.kind < listKind }

func (c *check) value(n *node, v reflect.Value) {
	if n.pointer {
		v = v.Elem()
	}
	switch n.kind {
	case structKind:
		c.structure(n, v)
	case unionKind:
		for i := range n.fields {
			if f := &n.fields[i]; !v.IsNil() && v.Elem().Type().Elem() == f.of {
				c.path = append(c.path, f.camel)
				c.value(f.node, v.Elem().Elem().Field(0))
				c.path = c.path[:len(c.path)-1]
			}
		}
	case listKind:
		if l := n.limits; l != nil {
			c.length(l, int64(v.Len()), func() string { return show(n, v) })
		}
		if n.elem.simple() {
			if n.elem.limits == nil {
				return
			}
			for i := range v.Len() {
				if broken := n.elem.limits.broken(n.elem, v.Index(i)); broken != nil {
					// AWS names the list, with all its elements' constraints.
					l := &limits{sensitive: n.elem.limits.sensitive}
					c.add(l, show(n, v), "Member must satisfy constraint: ["+strings.Join(n.elem.limits.all(n.elem), ", ")+"]")
					return
				}
			}
			return
		}
		for i := range v.Len() {
			c.path = append(c.path, strconv.Itoa(i+1), "member")
			c.value(n.elem, v.Index(i))
			c.path = c.path[:len(c.path)-2]
		}
	case mapKind:
		if l := n.limits; l != nil {
			c.length(l, int64(v.Len()), func() string { return "{...}" })
		}
		for it := v.MapRange(); it.Next(); {
			for _, p := range [...]struct {
				what string
				n    *node
				v    reflect.Value
			}{{"Map keys must satisfy constraint: [", n.key, it.Key()}, {"Map value must satisfy constraint: [", n.elem, it.Value()}} {
				if l := p.n.limits; l != nil && p.n.simple() && l.broken(p.n, p.v) != nil {
					c.add(l, text(p.n, p.v), p.what+strings.Join(l.all(p.n), ", ")+"]")
					return
				}
			}
		}
	default:
		for _, constraint := range n.limits.broken(n, v) {
			c.add(n.limits, text(n, v), constraint)
		}
	}
}

func (c *check) length(l *limits, n int64, value func() string) {
	if l.max != nil && n > *l.max {
		c.add(l, value(), lengthAtMost(*l.max))
	}
	if l.min != nil && n < *l.min {
		c.add(l, value(), lengthAtLeast(*l.min))
	}
}

func lengthAtMost(n int64) string {
	return "Member must have length less than or equal to " + strconv.FormatInt(n, 10)
}
func lengthAtLeast(n int64) string {
	return "Member must have length greater than or equal to " + strconv.FormatInt(n, 10)
}
func valueAtMost(n int64) string {
	return "Member must have value less than or equal to " + strconv.FormatInt(n, 10)
}
func valueAtLeast(n int64) string {
	return "Member must have value greater than or equal to " + strconv.FormatInt(n, 10)
}

// broken lists the constraints a simple value does not satisfy.
func (l *limits) broken(n *node, v reflect.Value) (wrong []string) {
	if l == nil {
		return nil
	}
	if n.pointer && v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch n.kind {
	case stringKind:
		s := v.String()
		if l.max != nil || l.min != nil {
			// Only a string near its bound needs its characters counted.
			length := int64(len(s))
			if l.max != nil && length > *l.max || l.min != nil && length < 4**l.min {
				length = int64(utf8.RuneCountInString(s))
			}
			if l.max != nil && length > *l.max {
				wrong = append(wrong, lengthAtMost(*l.max))
			}
			if l.min != nil && length < *l.min {
				wrong = append(wrong, lengthAtLeast(*l.min))
			}
		}
		if l.pattern != nil && !l.pattern.match(s) {
			wrong = append(wrong, "Member must satisfy regular expression pattern: "+l.pattern.source)
		}
		if l.enum != nil && !contains(l.enum, s) {
			wrong = append(wrong, "Member must satisfy enum value set: ["+strings.Join(l.enum, ", ")+"]")
		}
	case intKind:
		if x := v.Int(); l.max != nil && x > *l.max {
			wrong = append(wrong, valueAtMost(*l.max))
		} else if l.min != nil && x < *l.min {
			wrong = append(wrong, valueAtLeast(*l.min))
		}
	case blobKind:
		if x := int64(v.Len()); l.max != nil && x > *l.max {
			wrong = append(wrong, lengthAtMost(*l.max))
		} else if l.min != nil && x < *l.min {
			wrong = append(wrong, lengthAtLeast(*l.min))
		}
	}
	return wrong
}

func contains(set []string, s string) bool {
	for _, e := range set {
		if e == s {
			return true
		}
	}
	return false
}

// all lists every constraint of a list's element, in AWS's order.
func (l *limits) all(n *node) (all []string) {
	if l.max != nil && n.kind != intKind {
		all = append(all, lengthAtMost(*l.max))
	}
	if l.min != nil && n.kind != intKind {
		all = append(all, lengthAtLeast(*l.min))
	}
	if l.max != nil && n.kind == intKind {
		all = append(all, valueAtMost(*l.max))
	}
	if l.min != nil && n.kind == intKind {
		all = append(all, valueAtLeast(*l.min))
	}
	if l.pattern != nil {
		all = append(all, "Member must satisfy regular expression pattern: "+l.pattern.source)
	}
	if l.enum != nil {
		all = append(all, "Member must satisfy enum value set: ["+strings.Join(l.enum, ", ")+"]")
	}
	return all
}

// text is a simple value as a message shows it.
func text(n *node, v reflect.Value) string {
	if v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	switch n.kind {
	case stringKind:
		return v.String()
	case intKind:
		return strconv.FormatInt(v.Int(), 10)
	case boolKind:
		return strconv.FormatBool(v.Bool())
	}
	return "..."
}

// show is a list as a message shows it. Structures stay out of it: what of
// them may be repeated is not said by the list.
func show(n *node, v reflect.Value) string {
	if n.elem.kind != stringKind || n.elem.limits != nil && n.elem.limits.sensitive {
		return "[...]"
	}
	var b strings.Builder
	b.WriteByte('[')
	for i := range v.Len() {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(v.Index(i).String())
		if b.Len() > maxEcho {
			break // the message is clipped anyway
		}
	}
	b.WriteByte(']')
	return b.String()
}

// clip cuts s to about most bytes of valid UTF-8.
func clip(s string, most int) string {
	if len(s) > most {
		s = s[:most]
		for len(s) > 0 && !utf8.RuneStart(s[len(s)-1]) {
			s = s[:len(s)-1]
		}
		if r, n := utf8.DecodeLastRuneInString(s); r == utf8.RuneError {
			s = s[:len(s)-n]
		}
		s += "..."
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// pattern is a published regular expression, compiled when first needed. It
// must match the whole value.
type pattern struct {
	source  string // as published, for messages
	compile func() matcher
}

// matcher is either a set of characters that all must be in (most patterns say
// no more than that), or a regular expression.
type matcher struct {
	ascii  [128]bool
	ranges []rune // pairs, of the set
	some   bool   // the set's +
	re     *regexp.Regexp
	never  string // a text that must not be in it
}

var patterns sync.Map // source → *pattern: many types share theirs

func newPattern(source string) *pattern {
	if p, ok := patterns.Load(source); ok {
		return p.(*pattern)
	}
	p := &pattern{source: source}
	p.compile = sync.OnceValue(func() matcher {
		m, err := compile(source)
		if err != nil {
			panic("wire: pattern " + source + ": " + err.Error()) // a test compiles them all
		}
		return m
	})
	got, _ := patterns.LoadOrStore(source, p)
	return got.(*pattern)
}

func (p *pattern) match(s string) bool {
	m := p.compile()
	if m.never != "" && strings.Contains(s, m.never) {
		return false
	}
	if m.re != nil {
		return m.re.MatchString(s)
	}
	if s == "" {
		return !m.some
	}
	for _, r := range s {
		if r < 128 {
			if !m.ascii[r] {
				return false
			}
		} else if !inRanges(m.ranges, r) {
			return false
		}
	}
	return true
}

func inRanges(ranges []rune, r rune) bool {
	lo, hi := 0, len(ranges)/2
	for lo < hi {
		switch mid := (lo + hi) / 2; {
		case r < ranges[2*mid]:
			hi = mid
		case r > ranges[2*mid+1]:
			lo = mid + 1
		default:
			return true
		}
	}
	return false
}

// compile turns a Java regular expression into ours. The facts use of Java's
// own: \uXXXX escapes, characters above U+FFFF (as a pair of surrogates, or
// with five and six digits, which Java would read otherwise than was meant),
// and one look-ahead.
func compile(source string) (matcher, error) {
	var m matcher
	s := source
	s = strings.ReplaceAll(s, `\uD800\uDC00-\uDBFF\uDFFF`, `\x{10000}-\x{10FFFF}`)
	s = strings.ReplaceAll(s, `\u10000-\u10FFFF`, `\x{10000}-\x{10FFFF}`)
	if strings.Contains(s, `|-(?!-))`) { // a hyphen that no hyphen follows: the account alias
		s = strings.ReplaceAll(s, `|-(?!-))`, `|-)`)
		m.never = "--"
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			if s[i+1] == 'u' && i+6 <= len(s) {
				b.WriteString(`\x{` + s[i+2:i+6] + `}`)
				i += 5
				continue
			}
			b.WriteString(s[i : i+2])
			i++
			continue
		}
		b.WriteByte(s[i])
	}
	re, err := syntax.Parse(b.String(), syntax.Perl)
	if err != nil {
		return m, err
	}
	re = re.Simplify()
	if m.never == "" && (re.Op == syntax.OpPlus || re.Op == syntax.OpStar) && re.Sub[0].Op == syntax.OpCharClass {
		m.some, m.ranges = re.Op == syntax.OpPlus, re.Sub[0].Rune
		for c := range rune(128) {
			m.ascii[c] = inRanges(m.ranges, c)
		}
		return m, nil
	}
	m.re, err = regexp.Compile(`\A(?:` + b.String() + `)\z`)
	return m, err
}
