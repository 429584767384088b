package policy

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Validate looks for what AWS's policy validation finds (IAM User Guide, "IAM
// Access Analyzer policy check reference"), as far as the document alone tells:
// it has no list of services, actions and keys. Codes and texts are AWS's.

// FindingType is how bad a finding is.
type FindingType string

const (
	FindingError      FindingType = "ERROR"
	FindingSecurity   FindingType = "SECURITY_WARNING"
	FindingWarning    FindingType = "WARNING"
	FindingSuggestion FindingType = "SUGGESTION"
)

// Finding is one thing found.
type Finding struct {
	Type    FindingType
	Code    string // REDUNDANT_ACTION
	Details string
	Where   []Location
}

// Location is a part of the document: a path to it, and its bytes.
type Location struct {
	Path     []Step
	From, To int
}

// Step is one step of a path: the value of a member, the member's name itself,
// or an item of a list.
type Step struct {
	Name  string // "": an item
	IsKey bool
	Index int
}

// Validate lists findings in the order of the document. service, if it is not
// empty, is the one whose resources a resource-based policy is for, resourceType
// their name.
func Validate(kind Kind, document, service, resourceType string) []Finding {
	v := &validator{kind: kind, text: document, service: service, resourceType: resourceType, work: sampler{1 << 15}}
	d := &decoder{text: document}
	root, err := d.document()
	if err != nil {
		v.broken(min(d.at, len(document)))
	} else {
		v.document(root)
		v.parser()
	}
	slices.SortStableFunc(v.found, func(a, b Finding) int { return cmp.Compare(a.first(), b.first()) })
	return v.found
}

func (f *Finding) first() int {
	if len(f.Where) == 0 {
		return 0
	}
	return f.Where[0].From
}

type validator struct {
	kind                  Kind
	text                  string
	service, resourceType string
	modern                bool
	found                 []Finding
	work                  sampler
	pairs                 int // held against each other
}

const maxPairs = 4 << 20

// place is a node and how to come there.
type place struct {
	node
	path []Step
}

func (p *place) location() Location { return Location{p.path, p.from, p.to} }

func (p *place) member(i int) place {
	return place{p.items[i], append(slices.Clip(p.path), Step{Name: p.keys[i]})}
}

func (p *place) key(i int) Location {
	return Location{append(slices.Clip(p.path), Step{Name: p.keys[i], IsKey: true}), p.spots[i].from, p.spots[i].to}
}

func (p *place) item(i int) place {
	return place{p.items[i], append(slices.Clip(p.path), Step{Index: i})}
}

// values are the items of a list, or the one that stands in its place.
func (p *place) values() (all []place) {
	if p.kind != jsonList {
		return []place{*p}
	}
	for i := range p.items {
		all = append(all, p.item(i))
	}
	return all
}

func (v *validator) say(t FindingType, code, details string, where ...Location) {
	v.found = append(v.found, Finding{t, code, details, where})
}

func (v *validator) error(code string, where Location, format string, args ...any) {
	v.say(FindingError, code, fmt.Sprintf(format, args...), where)
}

func (v *validator) suggest(code string, where Location, format string, args ...any) {
	v.say(FindingSuggestion, code, fmt.Sprintf(format, args...), where)
}

func (v *validator) warn(code string, where Location, format string, args ...any) {
	v.say(FindingWarning, code, fmt.Sprintf(format, args...), where)
}

func (v *validator) broken(at int) {
	before := v.text[:at]
	line := 1 + strings.Count(before, "\n")
	column := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:])
	v.error("JSON_SYNTAX_ERROR", Location{nil, at, at}, "Fix the JSON syntax error at index %d line %d column %d.", utf8.RuneCountInString(before), line, column)
}

// parser adds what the parser refuses and no check has found: nothing that
// could not be saved is without a finding.
func (v *validator) parser() {
	if slices.ContainsFunc(v.found, func(f Finding) bool {
		return f.Type == FindingError || f.Code == "MISSING_VERSION" || strings.HasPrefix(f.Code, "EMPTY_")
	}) {
		return
	}
	if _, err := Parse(v.kind, v.text); err != nil && err.Error() != oldVersion {
		v.error("JSON_SYNTAX_ERROR", Location{nil, 0, len(v.text)}, "%s", err.Error())
	}
}

const oldVersion = "Policy document must be version 2012-10-17 or greater."

// expect says whether a value has one of the types an element may have.
func (v *validator) expect(p *place, want string, kinds ...jsonKind) bool {
	if slices.Contains(kinds, p.kind) {
		return true
	}
	v.error("DATA_TYPE_MISMATCH", p.location(), "The text does not match the expected JSON data type %s.", want)
	return false
}

func (v *validator) document(n node) {
	root := &place{node: n}
	for i, key := range root.keys {
		v.modern = v.modern || key == "Version" && root.items[i].text == "2012-10-17"
	}
	var statements []place
	hasVersion, hasStatement := false, false
	for i, key := range root.keys {
		p := root.member(i)
		switch key {
		case "Version":
			hasVersion = true
			if v.expect(&p, "String", jsonString) && p.text != "2012-10-17" && p.text != "2008-10-17" {
				v.error("INVALID_VERSION", p.location(), "The version %s is not valid. Use one of the following versions: 2012-10-17, 2008-10-17", p.text)
			}
		case "Id":
			v.expect(&p, "String", jsonString)
		case "Statement":
			hasStatement = true
			if v.expect(&p, "Array", jsonList, jsonObject) {
				statements = p.values()
			}
			if p.kind == jsonList && len(p.items) == 0 {
				v.error("MISSING_STATEMENT", p.location(), "Add a statement to the policy")
			}
		default:
			v.error("INVALID_POLICY_ELEMENT", root.key(i), "The policy element %s is not valid.", key)
		}
	}
	if !hasStatement {
		v.error("MISSING_STATEMENT", root.location(), "Add a statement to the policy")
	}
	if !hasVersion {
		v.warn("MISSING_VERSION", root.location(), "We recommend that you specify the Version element to help you with debugging permission issues.")
	}
	if size := Size(v.text); v.kind == Identity && size > 6144 {
		v.warn("POLICY_SIZE_EXCEEDS_IDENTITY_POLICY_QUOTA", root.location(), "The %d characters in the identity policy, excluding whitespace, exceed the 6144 character maximum for inline and managed policies. We recommend that you use multiple granular policies.", size)
	}
	sids, same := map[string]bool{}, map[string]Location{}
	for i := range statements {
		s := &statements[i]
		if !v.expect(s, "Object", jsonObject) {
			continue
		}
		v.statement(s, sids)
		key := s.canonical()
		if first, twice := same[key]; twice {
			v.say(FindingSuggestion, "REDUNDANT_STATEMENT", "The statements are redundant because they provide identical permissions. Update the policy to remove the redundant statement.", first, s.location())
		} else {
			same[key] = s.location()
		}
	}
}

// canonical is a statement without its Sid, in an order of its own.
func (p *place) canonical() string {
	var parts []string
	for i, key := range p.keys {
		if key != "Sid" {
			parts = append(parts, strconv.Quote(key)+":"+p.items[i].canonical())
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

func (n *node) canonical() string {
	switch n.kind {
	case jsonList:
		if len(n.items) == 1 {
			return n.items[0].canonical()
		}
		var parts []string
		for i := range n.items {
			parts = append(parts, n.items[i].canonical())
		}
		slices.Sort(parts)
		return "[" + strings.Join(parts, ",") + "]"
	case jsonObject:
		var parts []string
		for i, key := range n.keys {
			parts = append(parts, strconv.Quote(key)+":"+n.items[i].canonical())
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ",") + "}"
	case jsonString:
		return strconv.Quote(n.text)
	}
	return n.text
}

func (v *validator) statement(s *place, sids map[string]bool) {
	has := map[string]*place{}
	for i, key := range s.keys {
		p := s.member(i)
		switch key {
		case "Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal", "Condition":
			has[key] = &p
		default:
			v.error("INVALID_POLICY_ELEMENT", s.key(i), "The policy element %s is not valid.", key)
		}
	}
	for _, pair := range [][2]string{{"Action", "NotAction"}, {"Resource", "NotResource"}, {"Principal", "NotPrincipal"}} {
		if has[pair[0]] != nil && has[pair[1]] != nil {
			v.say(FindingError, "UNSUPPORTED_ELEMENT_COMBINATION", fmt.Sprintf("The policy elements %s and %s can not be used in the same statement. Remove one of these elements.", pair[0], pair[1]), has[pair[0]].location(), has[pair[1]].location())
		}
	}
	either := func(a, b string) *place {
		if has[a] != nil {
			return has[a]
		}
		return has[b]
	}
	v.sid(has["Sid"], sids)
	effect := ""
	switch p := has["Effect"]; {
	case p == nil:
		v.error("MISSING_EFFECT", s.location(), "Add an Effect element to the policy statement with a value of Allow or Deny.")
	case v.expect(p, "String", jsonString):
		if effect = p.text; effect != "Allow" && effect != "Deny" {
			v.error("INVALID_EFFECT", p.location(), "The effect %s is not valid. Use Allow or Deny.", effect)
		}
	}
	granting := v.kind == Resource || v.kind == Trust || v.kind == ResourceControl
	principal := either("Principal", "NotPrincipal")
	switch {
	case principal == nil && granting:
		v.error("MISSING_PRINCIPAL", s.location(), "Add a Principal element to the policy statement.")
	case principal != nil && v.kind == ServiceControl:
		v.error("SCP_SYNTAX_ERROR_PRINCIPAL", principal.location(), "SCPs do not support specifying principals. Remove the Principal or NotPrincipal element.")
	case principal != nil && !granting:
		v.error("UNSUPPORTED_PRINCIPAL", principal.location(), "The policy type IDENTITY_POLICY does not support the Principal element. Remove the Principal element.")
	case principal != nil:
		v.principal(principal)
	}
	if p := has["NotPrincipal"]; p != nil && effect == "Allow" && granting {
		v.say(FindingSecurity, "ALLOW_WITH_NOT_PRINCIPAL", "Using Allow with NotPrincipal can be overly permissive. We recommend that you use Principal instead.", p.location())
	}
	actions := either("Action", "NotAction")
	var acts, things []place
	if actions == nil {
		v.error("MISSING_ACTION", s.location(), "Add an Action or NotAction element to the policy statement.")
	} else if acts = v.strings(actions, "EMPTY_ARRAY_ACTION", "This statement includes no actions and does not affect the policy. Specify actions."); len(acts) > 0 {
		v.actions(acts)
	}
	resources := either("Resource", "NotResource")
	if resources == nil && v.kind != Trust {
		v.error("MISSING_RESOURCE", s.location(), "Add a Resource or NotResource element to the policy statement.")
	} else if resources != nil {
		if things = v.strings(resources, "EMPTY_ARRAY_RESOURCE", "This statement includes no resources and does not affect the policy. Specify resources."); len(things) > 0 {
			v.resources(things)
		}
	}
	passed := false
	if p := has["Condition"]; p != nil && v.expect(p, "Object", jsonObject) {
		passed = v.conditions(p)
	}
	if effect == "Allow" && len(acts) > 0 && len(things) > 0 && !granting {
		v.powerful(has["NotAction"] != nil, has["NotResource"] != nil, acts, things, passed)
	}
}

func (v *validator) sid(p *place, sids map[string]bool) {
	if p == nil || !v.expect(p, "String", jsonString) {
		return
	}
	strict := v.kind != Resource && v.kind != Trust
	switch {
	case p.text == "":
		v.suggest("EMPTY_SID_VALUE", p.location(), "Add a value to the empty string in the Sid element.")
	case sids[p.text] && strict:
		v.error("UNIQUE_SIDS_REQUIRED", p.location(), "Duplicate statement IDs are not supported for this policy type. Update the Sid value.")
	case sids[p.text]:
		v.warn("UNIQUE_SIDS_RECOMMENDED", p.location(), "We recommend that you use statement IDs that are unique to your policy. Update the Sid value.")
	case strict && !only(p.text, ""):
		v.error("UNSUPPORTED_SID", p.location(), "Update the characters in the Sid element to use one of the following character types: [a-z, A-Z, 0-9]")
	}
	sids[p.text] = true
}

// strings are the texts of an element that is one or a list of them.
func (v *validator) strings(p *place, empty, details string) (out []place) {
	if !v.expect(p, "Array", jsonString, jsonList) {
		return nil
	}
	if p.kind == jsonList && len(p.items) == 0 {
		v.suggest(empty, p.location(), "%s", details)
	}
	for _, one := range p.values() {
		if v.expect(&one, "String", jsonString) {
			out = append(out, one)
		}
	}
	return out
}

func (v *validator) principal(p *place) {
	switch {
	case p.kind == jsonString && p.text == "*":
		return
	case p.kind != jsonObject:
		v.error("INVALID_PRINCIPAL_FORMAT", p.location(), "The Principal element contents are not valid. Specify a key-value pair in the Principal element.")
		return
	case len(p.items) == 0:
		v.suggest("EMPTY_OBJECT_PRINCIPAL", p.location(), "This statement includes no principals and does not affect the policy. Specify principals.")
	}
	for i, key := range p.keys {
		switch key {
		case "AWS", "Service", "Federated", "CanonicalUser":
		default:
			v.error("INVALID_PRINCIPAL_KEY", p.key(i), "The principal key %s is not valid.", key)
			continue
		}
		m := p.member(i)
		if key == "Federated" && v.kind != Trust {
			v.error("FEDERATED_PRINCIPAL_NOT_SUPPORTED", m.location(), "The policy type does not support a federated identity provider in the principal element. Use a supported principal.")
			continue
		}
		for _, one := range v.strings(&m, "EMPTY_ARRAY_PRINCIPAL", "This statement includes no principals and does not affect the policy. Specify principals.") {
			switch {
			case strings.ContainsAny(one.text, "*?") && (key != "AWS" || one.text != "*"):
				v.error("UNSUPPORTED_WILDCARD_IN_PRINCIPAL", one.location(), "Wildcards (*, ?) are not supported with the principal key %s. Replace the wildcard with a valid principal value.", key)
			case key == "AWS" && strings.HasPrefix(one.text, "AROA"):
				v.warn("INVALID_ROLE_REFERENCE", one.location(), "The Principal element includes the IAM role ID %s. We recommend that you use a role ARN instead.", one.text)
			case key == "AWS" && strings.HasPrefix(one.text, "AIDA"):
				v.warn("INVALID_USER_REFERENCE", one.location(), "The Principal element includes the IAM user ID %s. We recommend that you use a user ARN instead.", one.text)
			}
		}
	}
}

func (v *validator) actions(list []place) {
	var patterns [][]token
	for _, a := range list {
		vendor, _, colon := strings.Cut(a.text, ":")
		switch {
		case a.text == "*":
		case !colon || strings.Count(a.text, ":") > 1:
			v.error("INVALID_ACTION", a.location(), "The action %s does not exist.", a.text)
		case !only(vendor, "-."):
			v.error("INVALID_SERVICE_IN_ACTION", a.location(), "The service %s specified in the action does not exist.", vendor)
		case v.service != "" && !strings.EqualFold(vendor, v.service):
			v.error("UNSUPPORTED_ACTION_IN_POLICY", a.location(), "The action %s is not supported for the resource-based policy attached to the resource type %s.", a.text, v.resourceType)
		}
		text, _ := encode(lowerASCII(a.text), true, false)
		patterns = append(patterns, tokens(nil, text, true, false))
	}
	if where := v.redundant(anyAction, patterns, list); len(where) > 0 {
		v.say(FindingSuggestion, "REDUNDANT_ACTION", fmt.Sprintf("The %d action(s) are redundant because they provide similar permissions. Update the policy to remove the redundant action such as: %s.", len(where), v.at(where[0])), where...)
	}
}

// at is the text of a string that stands there.
func (v *validator) at(l Location) string {
	d := &decoder{text: v.text[:l.To], at: l.From}
	s, _ := d.string()
	return s
}

// redundant lists those of which everything is in another; of two that are the
// same, the later.
// What would take too long to find is not found.
func (v *validator) redundant(in alphabet, patterns [][]token, list []place) (out []Location) {
	wild := make([]bool, len(patterns))
	for i, p := range patterns {
		wild[i] = slices.ContainsFunc(p, func(t token) bool { return t.kind == anyRunes || t.kind == oneRune })
	}
	for i := range list {
		if v.pairs += len(list); v.pairs > maxPairs {
			return out
		}
		for j := range list {
			if i == j || patterns[i] == nil || patterns[j] == nil {
				continue
			}
			same := slices.Equal(patterns[i], patterns[j])
			if same && j < i || !same && wild[j] && v.inside(in, patterns[i], patterns[j]) && (j < i || !v.inside(in, patterns[j], patterns[i])) {
				out = append(out, list[i].location())
				break
			}
		}
	}
	return out
}

// inside says whether whatever fits a fits b. If that takes too long, it says no.
func (v *validator) inside(in alphabet, a, b []token) bool {
	if v.work.left -= 4; v.work.left < 0 {
		return false
	}
	if len(b) > 0 && len(a) > 0 && b[0].kind == literalRune && a[0].kind == literalRune && a[0].r != b[0].r {
		return false // most are of different services
	}
	list, ok := v.work.samples(in, [][]token{a, b})
	if !ok {
		return false
	}
	for _, s := range list {
		if fitsTokens(a, s) && !fitsTokens(b, s) {
			return false
		}
	}
	return true
}

func (v *validator) resources(list []place) {
	var patterns [][]token
	for _, r := range list {
		patterns = append(patterns, nil)
		v.variables(&r)
		if r.text == "*" {
			continue
		}
		part := strings.SplitN(r.text, ":", 6)
		switch {
		case part[0] != "arn" && !strings.ContainsAny(part[0], "*?"):
			v.error("INVALID_ARN_PREFIX", r.location(), "Add the required prefix (arn) to the resource ARN.")
			continue
		case len(part) < 6 && !strings.ContainsAny(r.text, "*?"):
			v.error("MISSING_ARN_FIELD", r.location(), "Resource ARNs must include at least 6 fields in the following structure: arn:partition:service:region:account:resource")
			continue
		}
		if len(part) == 6 {
			if !isPartition(part[1]) {
				v.error("INVALID_PARTITION", r.location(), "The resource ARN for the service %s does not support the partition %s. Use the supported values: [aws, aws-cn, aws-us-gov, aws-eusc, aws-iso, aws-iso-b, aws-iso-e, aws-iso-f]", part[2], part[1])
			}
			if part[2] != lowerASCII(part[2]) {
				v.error("INVALID_ARN_SERVICE_CASE", r.location(), "Update the service name %s in the resource ARN to use all lowercase letters.", part[2])
			}
			if strings.ContainsAny(part[2], "*?") {
				v.suggest("WILDCARD_IN_SERVICE_NAME", r.location(), "Avoid using wildcards (*, ?) in the service name because it might grant unintended access to other AWS services with similar names.")
			}
			if a := part[4]; a != "" && a != "aws" && !isAccount(a) && !strings.ContainsAny(a, "*?$") {
				v.error("INVALID_ARN_ACCOUNT", r.location(), "The resource ARN account ID %s is not valid. Provide a 12-digit account ID.", a)
			}
		}
		if compiled := newResource(r.text, v.kind, v.modern); compiled.tail.vars == nil {
			patterns[len(patterns)-1] = compiled.tokens()
		}
	}
	if where := v.redundantResources(patterns, list); len(where) > 0 {
		v.say(FindingSuggestion, "REDUNDANT_RESOURCE", fmt.Sprintf("The %d resource ARN(s) are redundant because they reference the same resource. Review the use of wildcards (*)", len(where)), where...)
	}
}

func (v *validator) redundantResources(patterns [][]token, list []place) (out []Location) {
	every := slices.IndexFunc(list, func(p place) bool { return p.text == "*" })
	if every < 0 {
		return v.redundant(anyARN, patterns, list)
	}
	for i := range list {
		if i != every {
			out = append(out, list[i].location())
		}
	}
	return out
}

// variables looks at the ${…} of a text that may have them.
func (v *validator) variables(p *place) {
	for rest := p.text; ; {
		at := strings.Index(rest, "${")
		if at < 0 {
			return
		}
		rest = rest[at:]
		end := strings.IndexByte(rest, '}')
		name := ""
		if end > 0 {
			name = rest[2:end]
		}
		key, _, _ := strings.Cut(name, ",")
		switch {
		case !v.modern:
			v.error("VARIABLE_UNSUPPORTED_IN_VERSION", p.location(), "To include variables in your policy, use the policy version 2012-10-17 or later.")
			return
		case end < 0:
			v.error("MISSING_BRACE_IN_VARIABLE", p.location(), "The policy variable is missing a closing curly brace. Add } after the variable text.")
			return
		case strings.TrimSpace(name) == "":
			v.error("EMPTY_VARIABLE", p.location(), "Empty policy variable. Remove the ${ } variable structure or provide a variable within the structure.")
		case strings.Contains(key, " "):
			v.error("UNSUPPORTED_SPACE_IN_VARIABLE", p.location(), "A space is not supported within the policy variable text. Remove the space.")
		}
		rest = rest[end+1:]
	}
}

// conditions says also whether the statement is about passing roles to a known
// service.
func (v *validator) conditions(block *place) (passed bool) {
	if len(block.items) == 0 {
		v.suggest("EMPTY_OBJECT_CONDITION", block.location(), "This condition block is empty and it does not affect the policy. Specify conditions.")
	}
	for i, name := range block.keys {
		keys := block.member(i)
		if !v.expect(&keys, "Object", jsonObject) {
			continue
		}
		op, quant, ifExists, ok := lookOperator(name)
		switch low := fold(name); {
		case ok:
		case low == "nullifexists":
			v.error("NULL_WITH_IF_EXISTS", block.key(i), "The Null condition operator cannot be used with the IfExists suffix. Update the operator or the suffix.")
			continue
		case low == "forallvalues:null", low == "foranyvalue:null":
			v.suggest("NULL_WITH_QUALIFIER", block.key(i), "Avoid using the Null condition operator with the ForAllValues or ForAnyValue qualifiers because they always return a true or false respectively.")
			continue
		default:
			v.error("INVALID_CONDITION_OPERATOR", block.key(i), "The condition operator %s is not valid. Use a valid condition operator.", name)
			continue
		}
		seen := map[string]bool{}
		for k, key := range keys.keys {
			low := fold(key)
			passed = passed || low == "iam:passedtoservice"
			switch {
			case seen[low]:
				v.error("DUPLICATE_KEYS_WITH_DIFFERENT_CASE", keys.key(k), "The condition key %s appears more than once with different capitalization in the same condition block. Remove the duplicate condition keys.", key)
			case !strings.Contains(key, ":"):
				v.error("INVALID_CONDITION_KEY_FORMAT", keys.key(k), "The condition key format is not valid. Use the format service:keyname.")
			case quant == forAll && singleValued[low]:
				m := keys.member(k)
				v.say(FindingSecurity, "FORALLVALUES_WITH_SINGLE_VALUED_KEY", fmt.Sprintf("Using ForAllValues qualifier with the single-valued condition key %s can be overly permissive. We recommend that you remove ForAllValues:.", key), m.location())
			}
			seen[low] = true
			m := keys.member(k)
			v.values(&m, name, key, op, quant, ifExists)
		}
	}
	return passed
}

// singleValued are global keys that AWS documents with one value.
var singleValued = map[string]bool{
	"aws:currenttime": true, "aws:epochtime": true, "aws:multifactorauthage": true, "aws:multifactorauthpresent": true, "aws:principalaccount": true,
	"aws:principalarn": true, "aws:principalisawsservice": true, "aws:principalorgid": true, "aws:principaltype": true, "aws:referer": true,
	"aws:requestedregion": true, "aws:resourceaccount": true, "aws:resourceorgid": true, "aws:securetransport": true, "aws:sourceaccount": true,
	"aws:sourcearn": true, "aws:sourceidentity": true, "aws:sourceip": true, "aws:sourcevpc": true, "aws:sourcevpce": true,
	"aws:tokenissuetime": true, "aws:useragent": true, "aws:userid": true, "aws:username": true, "aws:viaawsservice": true, "aws:vpcsourceip": true,
}

func (v *validator) values(m *place, name, key string, op operator, quant quantifier, ifExists bool) {
	if m.kind == jsonList && len(m.items) == 0 {
		switch {
		case quant == forAll:
			v.suggest("EMPTY_ARRAY_CONDITION_FORALLVALUES", m.location(), "The ForAllValues prefix with an empty condition key matches only if the key %s is missing from the request context. To determine if the request context is empty, we recommend that you use the Null condition operator with the value of true instead.", key)
		case quant == forAny:
			v.suggest("EMPTY_ARRAY_CONDITION_FORANYVALUE", m.location(), "The ForAnyValue prefix with an empty condition key %s never matches the request context and it does not affect the policy. Specify conditions.", key)
		case ifExists:
			v.suggest("EMPTY_ARRAY_CONDITION_IFEXISTS", m.location(), "The IfExists suffix with an empty condition key matches only if the key %s is missing from the request context. To determine if the request context is empty, we recommend that you use the Null condition operator with the value of true instead.", key)
		default:
			v.suggest("EMPTY_ARRAY_CONDITION", m.location(), "There are no values for the condition key %s and it does not affect the policy. Specify conditions.", key)
		}
	}
	for _, one := range m.values() {
		if v.expect(&one, "String", jsonString, jsonBool, jsonNumber) {
			v.value(&one, name, op)
		}
	}
}

func (v *validator) value(p *place, name string, op operator) {
	text := p.text
	switch op.family {
	case stringEquals, stringEqualsIgnoreCase, stringLike, arnLike:
		v.variables(p)
		plain := text
		for _, escaped := range []string{"${*}", "${?}", "${$}"} {
			plain = strings.ReplaceAll(plain, escaped, "")
		}
		if (op.family == stringEquals || op.family == stringEqualsIgnoreCase) && strings.ContainsAny(plain, "*?") {
			v.warn("WILDCARD_WITHOUT_LIKE_OPERATOR", p.location(), "Your condition value includes a * or ? character. If you meant to use a wildcard (*, ?), update the condition operator to include Like.")
		}
		return
	}
	if strings.Contains(text, "${") {
		v.error("INVALID_VARIABLE_FOR_OPERATOR", p.location(), "Policy variables can only be used with String and ARN operators.")
		return
	}
	switch op.family {
	case boolean, null:
		if !strings.EqualFold(text, "true") && !strings.EqualFold(text, "false") {
			v.warn("TYPE_MISMATCH_BOOLEAN", p.location(), "Add a valid Boolean value (true or false) for the condition operator %s.", name)
		}
	case numeric:
		if _, ok := newDecimal(text); !ok {
			v.warn("TYPE_MISMATCH_NUMBER", p.location(), "Add a valid numeric value for the condition operator %s.", name)
		}
	case date:
		if _, ok := newInstant(text); !ok {
			v.warn("TYPE_MISMATCH_DATE", p.location(), "The date condition operator is used with an invalid value. Specify a valid date using YYYY-MM-DD or other ISO 8601 date/time format.")
		} else if digits(text) && len(text) != 4 {
			v.warn("INVALID_DATE_VALUE", p.location(), "The date %s might not resolve as expected. We recommend that you use the YYYY-MM-DD format.", text)
		}
	case binary:
		if _, err := base64.StdEncoding.DecodeString(text); err != nil {
			v.warn("TYPE_MISMATCH_STRING", p.location(), "Add a valid base64-encoded string value for the condition operator %s.", name)
		}
	case ipAddress:
		if net, err := netip.ParsePrefix(text); err == nil && net.Masked() != net {
			v.suggest("IMPROVE_IP_RANGE", p.location(), "The non-zero bits in the IP address after the masked bits are ignored. Replace address with %s.", net.Masked())
		}
	}
}

// powerful looks for what lets its holder become somebody else: passing any
// role to a service, and making roles for services.
func (v *validator) powerful(notAction, notResource bool, acts, things []place, passed bool) {
	how := func(action string) (named, starred *place) {
		for i := range acts {
			text, _ := encode(lowerASCII(acts[i].text), true, false)
			g := globOf(text)
			switch {
			case !g.match(action):
			case g.text == action:
				named = &acts[i]
			default:
				starred = &acts[i]
			}
		}
		return named, starred
	}
	var star *place // a resource that may be many roles
	for i := range things {
		part := strings.SplitN(things[i].text, ":", 6)
		if things[i].text == "*" || len(part) == 6 && (part[2] == "iam" || strings.ContainsAny(part[2], "*?")) && strings.ContainsAny(part[5], "*?") {
			star = &things[i]
			break
		}
	}
	named, starred := how("iam:passrole")
	say := func(code, details string, at ...*place) {
		var where []Location
		for _, p := range at {
			where = append(where, p.location())
		}
		v.say(FindingSecurity, code, details, where...)
	}
	const arns = "We recommend that you specify resource ARNs instead."
	const orCondition = "We recommend that you specify resource ARNs or add the iam:PassedToService condition key to your statement."
	excluded := named != nil || starred != nil
	switch {
	case notAction && !excluded && notResource:
		say("PASS_ROLE_WITH_NOT_ACTION_AND_NOT_RESOURCE", "Using NotAction with NotResource can be overly permissive because it can allow iam:PassRole permissions on multiple resources.. "+arns, &acts[0], &things[0])
	case notAction && !excluded && star != nil && !passed:
		say("PASS_ROLE_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION", "Using a resource with wildcards (*) and NotAction can be overly permissive because it allows iam:PassRole permissions on all resources. "+orCondition, &acts[0], star)
	case notAction:
	case named != nil && notResource:
		say("PASS_ROLE_WITH_NOT_RESOURCE", "Using the iam:PassRole action with NotResource can be overly permissive because it can allow iam:PassRole permissions on multiple resources. "+arns, named, &things[0])
	case starred != nil && notResource:
		say("PASS_ROLE_WITH_STAR_IN_ACTION_AND_NOT_RESOURCE", "Using an action with a wildcard (*) and NotResource can be overly permissive because it can allow iam:PassRole permissions on multiple resources. "+arns, starred, &things[0])
	case star == nil || notResource || passed:
	case named != nil:
		say("PASS_ROLE_WITH_STAR_IN_RESOURCE", "Using the iam:PassRole action with wildcards (*) in the resource can be overly permissive because it allows iam:PassRole permissions on multiple resources. "+orCondition, named, star)
	case starred != nil:
		say("PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE", "Using wildcards (*) in the action and the resource can be overly permissive because it allows iam:PassRole permissions on all resources. "+orCondition, starred, star)
	}
	named, starred = how("iam:createservicelinkedrole")
	switch {
	case star == nil || notResource:
	case notAction && named == nil && starred == nil:
		v.say(FindingWarning, "CREATE_SLR_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION", "Using a resource with wildcards (*) and NotAction can allow creation of unintended service-linked roles because it allows iam:CreateServiceLinkedRole permissions on all resources. "+arns, acts[0].location(), star.location())
	case !notAction && starred != nil:
		v.say(FindingWarning, "CREATE_SLR_WITH_STAR_IN_ACTION_AND_RESOURCE", "Using wildcards (*) in the action and the resource can allow creation of unintended service-linked roles because it allows iam:CreateServiceLinkedRole permissions on all resources. "+arns, starred.location(), star.location())
	}
}
