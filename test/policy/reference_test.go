package policy_test

// The reference evaluator: slow, and meant to be obviously the rules. It reads
// documents as plain JSON maps each time, makes a regular expression of every
// pattern, and writes the tables of who needs what as sets. It shares nothing
// with the evaluator under test but the request's types.

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/keytrail/keytrail/projections/policy"
)

type object = map[string]any

type opinion struct {
	effect  policy.Effect
	matched []string
}

type reference struct {
	*situation
	modern  bool
	matched []string
}

// grants, per layer: what kinds of Allow applied, and whether a Deny did.
type said struct {
	allow map[string]bool // "direct", "role", "account"; "direct" for policies without principal
	deny  bool
}

func refer(s *situation) opinion {
	r := &reference{situation: s}
	slr := s.who.Type == policy.AssumedRole && strings.Contains(s.who.RoleARN, ":role/aws-service-role/")
	human := map[policy.PrincipalType]bool{policy.User: true, policy.AssumedRole: true, policy.FederatedUser: true}[s.who.Type]
	root := s.who.Type == policy.Account

	deny := false
	layer := func(name string, documents []string) said {
		var all said
		all.allow = map[string]bool{}
		for i, d := range documents {
			for k, v := range r.document(fmt.Sprintf("%s/%d", name, i), d, name == "resource") {
				if k == "deny" {
					all.deny, deny = true, true
				} else {
					all.allow[k] = all.allow[k] || v
				}
			}
		}
		return all
	}

	scpOK, rcpOK := true, true
	if (human || root) && !slr {
		for i, level := range s.scps {
			if len(layer(fmt.Sprintf("scp%d", i), level).allow) == 0 {
				scpOK = false
			}
		}
	}
	if !slr {
		for i, level := range s.rcps {
			if len(layer(fmt.Sprintf("rcp%d", i), level).allow) == 0 {
				rcpOK = false
			}
		}
	}
	resource := layer("resource", s.onResource).allow
	identity, boundary, session := false, true, true
	if human {
		identity = len(layer("identity", s.identity).allow) > 0
		if !slr && len(s.boundary) > 0 {
			boundary = len(layer("boundary", s.boundary).allow) > 0
		}
	}
	if !slr {
		if s.hasSession || len(s.session) > 0 {
			session = len(layer("session", s.session).allow) > 0
		} else if s.who.Type == policy.FederatedUser {
			session = false
		}
	}
	if root || s.who.Type == policy.FederatedUser && strings.HasSuffix(s.who.UserARN, ":root") {
		identity = true
	}
	o := opinion{matched: r.matched}
	switch {
	case deny:
		o.effect = policy.ExplicitDeny
	case scpOK && rcpOK && r.allows(identity, boundary, session, resource):
		o.effect = policy.Allow
	}
	return o
}

// allows is section 7 of the rules, the two tables.
func (r *reference) allows(identity, boundary, session bool, resource map[string]bool) bool {
	any := len(resource) > 0
	must := r.trust || r.kind == policy.Trust && len(r.onResource) > 0
	owner := r.owner
	if parts := strings.SplitN(r.resource, ":", 6); owner == "" && len(parts) == 6 && expression(`^\d+$`).MatchString(parts[4]) {
		owner = parts[4]
	}
	if owner == "" {
		owner = r.who.Account
	}
	same := owner == r.who.Account && owner != ""
	switch r.who.Type {
	case policy.Anonymous, policy.Service, policy.Federated:
		return resource["direct"]
	case policy.Account:
		if must && (r.kind == policy.Trust || len(r.onResource) == 0) {
			return false
		}
		if !same || must {
			return session && any
		}
		return session
	}
	bounds := boundary && session
	if !same {
		return identity && bounds && any
	}
	if must {
		return resource["direct"] || resource["role"] && bounds || resource["account"] && identity && bounds
	}
	return identity && bounds || resource["direct"] || resource["role"] && bounds
}

// document returns the kinds of grant that applied, and "deny".
func (r *reference) document(name, text string, hasPrincipal bool) map[string]bool {
	var doc object
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		panic(err)
	}
	r.modern = doc["Version"] == "2012-10-17"
	out := map[string]bool{}
	for i, s := range list(doc["Statement"]) {
		st := s.(object)
		as := "direct"
		if hasPrincipal {
			as = r.principal(st)
		}
		if as == "" || !r.action(st) || !r.resourceOf(st, hasPrincipal) || !r.conditions(st) {
			continue
		}
		if st["Effect"] == "Deny" {
			out["deny"] = true
			r.matched = append(r.matched, fmt.Sprintf("%s#%d ExplicitDeny", name, i))
		} else {
			for _, k := range strings.Fields(as) {
				out[k] = true
			}
			r.matched = append(r.matched, fmt.Sprintf("%s#%d Allow", name, i))
		}
	}
	return out
}

func list(v any) []any {
	if l, ok := v.([]any); ok {
		return l
	}
	if v == nil {
		return nil
	}
	return []any{v}
}

// names are all names of the caller and what being called so grants.
func (r *reference) names() map[string]string {
	w := r.who
	n := map[string]string{}
	switch w.Type {
	case policy.Account, policy.User, policy.AssumedRole, policy.FederatedUser:
		n["AWS "+w.Account] = "account"
		n["AWS arn:aws:iam::"+w.Account+":root"] = "account"
	}
	switch w.Type {
	case policy.User:
		n["AWS "+w.ARN] = "direct"
		n["AWS "+w.UniqueID] = "direct"
	case policy.AssumedRole:
		n["AWS "+w.RoleARN] = "role"
		n["AWS "+w.UniqueID] = "role"
		n["AWS "+w.ARN] = "direct"
	case policy.FederatedUser:
		if !strings.HasSuffix(w.UserARN, ":root") { // root is the account
			n["AWS "+w.UserARN] = "role"
			n["AWS "+w.UniqueID] = "role"
		}
		n["AWS "+w.ARN] = "direct"
	case policy.Service:
		n["Service "+w.ARN] = "direct"
	case policy.Federated:
		n["Federated "+w.ARN] = "direct"
	}
	return n
}

func (r *reference) principal(st object) string {
	element, not := st["Principal"], false
	if element == nil {
		element, not = st["NotPrincipal"], true
	}
	hits := map[string]bool{}
	star := element == "*"
	names := r.names()
	if m, ok := element.(object); ok {
		for typ, values := range m {
			for _, v := range list(values) {
				if id := r.ids[v.(string)]; id != "" {
					v = id // a saved policy holds unique ids in place of ARNs
				}
				if v == "*" && typ == "AWS" {
					star = true
				} else if as := names[typ+" "+v.(string)]; as != "" {
					hits[as] = true
				}
			}
		}
	}
	isDeny := st["Effect"] == "Deny"
	if !not {
		if star && (r.who.Type != policy.Federated || isDeny) {
			hits["direct"] = true
		}
		var out []string
		for k := range hits {
			out = append(out, k)
		}
		return strings.Join(out, " ")
	}
	known := r.who.Type != policy.Anonymous && r.who.Type != policy.Federated
	if !isDeny {
		if star || len(hits) > 0 || !known {
			return ""
		}
		return "direct"
	}
	slr := strings.Contains(r.who.RoleARN, ":role/aws-service-role/")
	human := r.who.Type == policy.User || r.who.Type == policy.AssumedRole || r.who.Type == policy.FederatedUser
	if len(r.boundary) > 0 && human && !slr {
		return "direct"
	}
	if star {
		return ""
	}
	for _, layer := range map[policy.PrincipalType][]string{
		policy.Account:       {"account"},
		policy.User:          {"account", "direct"},
		policy.AssumedRole:   {"account", "role", "direct"},
		policy.FederatedUser: {"account", "role", "direct"},
		policy.Service:       {"direct"},
		policy.Federated:     {"direct"},
		policy.Anonymous:     {"direct"},
	}[r.who.Type] {
		if layer == "role" && strings.HasSuffix(r.who.UserARN, ":root") {
			continue // no user between the account and the session
		}
		if !hits[layer] {
			return "direct"
		}
	}
	return ""
}

func (r *reference) action(st object) bool {
	patterns, not := list(st["Action"]), false
	if st["NotAction"] != nil {
		patterns, not = list(st["NotAction"]), true
	}
	for _, p := range patterns {
		if wildcard(strings.ToLower(p.(string)), strings.ToLower(r.situation.action)) {
			return !not
		}
	}
	return not
}

func (r *reference) resourceOf(st object, hasPrincipal bool) bool {
	patterns, not := list(st["Resource"]), false
	if st["NotResource"] != nil {
		patterns, not = list(st["NotResource"]), true
	} else if st["Resource"] == nil {
		return true
	}
	for _, p := range patterns {
		if r.oneResource(p.(string), hasPrincipal) {
			return !not
		}
	}
	return not
}

func (r *reference) oneResource(p string, hasPrincipal bool) bool {
	if p == "*" {
		return true
	}
	want, got := strings.SplitN(p, ":", 6), strings.SplitN(r.resource, ":", 6)
	if len(got) < 6 {
		return false
	}
	if len(want) < 6 && hasPrincipal && !strings.ContainsAny(p, "*?") {
		return false
	}
	for len(want) < 6 {
		want = append(want, "*")
	}
	for i := range 5 {
		if !wildcard(strings.ToLower(want[i]), strings.ToLower(got[i])) {
			return false
		}
	}
	return r.pattern(want[5], true, got[5])
}

var patterns sync.Map // compiled expressions, only to be fast enough

func expression(s string) *regexp.Regexp {
	if re, ok := patterns.Load(s); ok {
		return re.(*regexp.Regexp)
	}
	re := regexp.MustCompile(s)
	patterns.Store(s, re)
	return re
}

var stars = strings.NewReplacer(`\*`, `.*`, `\?`, `.`)

func quoteWild(p string) string {
	return stars.Replace(regexp.QuoteMeta(p))
}

func wildcard(p, s string) bool {
	return expression(`(?s)^(?:` + quoteWild(p) + `)$`).MatchString(s)
}

var variables = regexp.MustCompile(`\$\{([^,}']*), '([^']*)'\}|\$\{([^}]*)\}`)

// pattern matches a text with variables.
func (r *reference) pattern(p string, wild bool, s string) bool {
	re, ok := r.expressionOf(p, wild)
	return ok && expression(`(?s)^(?:`+re+`)$`).MatchString(s)
}

func (r *reference) expressionOf(p string, wild bool) (string, bool) {
	quote := regexp.QuoteMeta
	if wild {
		quote = quoteWild
	}
	if !r.modern {
		return quote(p), true
	}
	out, at := "", 0
	for _, m := range variables.FindAllStringSubmatchIndex(p, -1) {
		out += quote(p[at:m[0]])
		at = m[1]
		name, fallback, hasFallback := "", "", m[2] >= 0
		if hasFallback {
			name, fallback = p[m[2]:m[3]], p[m[4]:m[5]]
		} else {
			name = p[m[6]:m[7]]
			if name == "*" || name == "?" || name == "$" {
				out += regexp.QuoteMeta(name)
				continue
			}
		}
		k := r.key(name)
		switch {
		case k != nil && !k.multi:
			out += regexp.QuoteMeta(k.values[0])
		case hasFallback:
			out += regexp.QuoteMeta(fallback)
		default:
			return "", false
		}
	}
	return out + quote(p[at:]), true
}

func (r *reference) key(name string) *key {
	for i := range r.context {
		if strings.EqualFold(r.context[i].name, name) {
			return &r.context[i]
		}
	}
	return nil
}

func (r *reference) conditions(st object) bool {
	for op, keys := range asObject(st["Condition"]) {
		for name, values := range asObject(keys) {
			if !r.condition(strings.ToLower(op), name, list(values)) {
				return false
			}
		}
	}
	return true
}

func asObject(v any) object {
	o, _ := v.(object)
	return o
}

func (r *reference) condition(op, name string, values []any) bool {
	k := r.key(name)
	if k != nil && k.multi && len(k.values) == 0 {
		k = nil
	}
	var words []string
	for _, v := range values {
		words = append(words, fmt.Sprint(v))
	}
	if op == "null" {
		absent := k == nil || strings.Join(k.values, "") == ""
		for _, w := range words {
			if strings.EqualFold(w, strconv.FormatBool(absent)) {
				return true
			}
		}
		return false
	}
	quantifier := ""
	for _, q := range []string{"forallvalues:", "foranyvalue:"} {
		if strings.HasPrefix(op, q) {
			quantifier, op = q, op[len(q):]
		}
	}
	ifExists := strings.HasSuffix(op, "ifexists")
	op = strings.TrimSuffix(op, "ifexists")
	negated := strings.Contains(op, "not")
	op = strings.Replace(op, "not", "", 1)
	one := func(value string) bool {
		for _, w := range words {
			if r.compare(op, w, value) {
				return !negated
			}
		}
		return negated
	}
	switch quantifier {
	case "forallvalues:":
		if k == nil || strings.Join(k.values, "") == "" {
			return true
		}
		for _, v := range k.values {
			if !one(v) {
				return false
			}
		}
		return true
	case "foranyvalue:":
		if k == nil {
			return false
		}
		for _, v := range k.values {
			if one(v) {
				return true
			}
		}
		return false
	}
	if k == nil {
		return negated || ifExists
	}
	return !k.multi && one(k.values[0])
}

// compare is one operator on one value of the policy and one of the request.
func (r *reference) compare(op, want, got string) bool {
	switch op {
	case "stringequals":
		return r.pattern(want, false, got)
	case "stringequalsignorecase":
		re, ok := r.expressionOf(want, false)
		return ok && expression(`(?is)^(?:`+re+`)$`).MatchString(got)
	case "stringlike":
		return r.pattern(want, true, got)
	case "arnequals", "arnlike":
		return r.arn(want, got)
	case "bool":
		w, g := strings.ToLower(want), strings.ToLower(got)
		return w == g && (w == "true" || w == "false")
	case "binaryequals":
		w, err1 := base64.StdEncoding.DecodeString(want)
		g, err2 := base64.StdEncoding.DecodeString(got)
		return err1 == nil && err2 == nil && bytes.Equal(w, g)
	case "ipaddress":
		return inNet(want, got)
	}
	var c int
	if rest, ok := strings.CutPrefix(op, "numeric"); ok {
		w, ok1 := number(want)
		g, ok2 := number(got)
		if !ok1 || !ok2 {
			return false
		}
		op, c = rest, g.Cmp(w)
	} else if rest, ok := strings.CutPrefix(op, "date"); ok {
		w, ok1 := moment(want)
		g, ok2 := moment(got)
		if !ok1 || !ok2 {
			return false
		}
		op, c = rest, g.Compare(w)
	} else {
		panic("operator " + op)
	}
	return map[string]bool{
		"equals": c == 0, "lessthan": c < 0, "lessthanequals": c <= 0, "greaterthan": c > 0, "greaterthanequals": c >= 0,
	}[op]
}

// arn matches part by part; colons of variables do not count as borders.
func (r *reference) arn(want, got string) bool {
	parts := strings.SplitN(got, ":", 6)
	if len(parts) < 6 {
		return false
	}
	if r.modern {
		if m := variables.FindString(want); m == want && m != "" && m != "${*}" && m != "${?}" && m != "${$}" {
			return r.pattern(want, false, got)
		}
		// Hide the colons inside variables while the pattern is cut.
		want = variables.ReplaceAllStringFunc(want, func(v string) string { return strings.ReplaceAll(v, ":", "\x00") })
	}
	cut := strings.SplitN(want, ":", 6)
	if len(cut) < 6 {
		return false
	}
	for i := range cut {
		if !r.pattern(strings.ReplaceAll(cut[i], "\x00", ":"), true, parts[i]) {
			return false
		}
	}
	return true
}

func number(s string) (*big.Rat, bool) {
	if !expression(`^[+-]?\d+(\.\d+)?$`).MatchString(s) {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

func moment(s string) (time.Time, bool) {
	if expression(`^\d+$`).MatchString(s) && len(s) != 4 {
		n, err := strconv.ParseInt(s, 10, 64)
		return time.Unix(n, 0), err == nil
	}
	for _, layout := range []string{"2006", "2006-01", "2006-01-02", time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

func inNet(want, got string) bool {
	ip := net.ParseIP(got)
	if ip == nil {
		return false
	}
	if !strings.Contains(want, "/") {
		return ip.Equal(net.ParseIP(want))
	}
	_, n, err := net.ParseCIDR(want)
	return err == nil && (ip.To4() != nil) == (n.IP.To4() != nil) && n.Contains(ip)
}
