package policy

import (
	"errors"
	"strings"
)

// Parse reads, checks and compiles a document. The error is a *Malformed with
// AWS's text; nothing is ever accepted in part.
func Parse(kind Kind, document string) (*Policy, error) {
	if kind > ResourceControl {
		return nil, refuse("Syntax errors in policy.")
	}
	root, err := decode(document)
	if err != nil {
		return nil, notJSON(kind, err)
	}
	var doc *source
	var message string
	if kind == Trust || kind == Resource {
		doc, message = readGranting(kind, root)
	} else {
		doc, message = readPermission(kind, root)
	}
	if message != "" {
		return nil, refuse(message)
	}
	return doc.compile(kind)
}

const syntaxErrors = "Syntax errors in policy."

func refuse(message string) *Malformed { return &Malformed{Message: message} }

// notJSON words what the decoder refused: trust policies have a parser, and
// words, of their own.
func notJSON(kind Kind, err error) *Malformed {
	if kind != Trust {
		return refuse(syntaxErrors)
	}
	var syntax *syntaxError
	if errors.As(err, &syntax) && syntax.repeated != "" {
		return refuse("Statement/policy already has instance of " + syntax.repeated)
	}
	return refuse("This policy contains invalid Json")
}

// source is a document whose shape is right. Everything is still as written.
type source struct {
	version    string
	statements []sourceStatement
}

type sourceStatement struct {
	sid, effect                string
	hasEffect                  bool
	actions, resources         []string
	notAction, notResource     bool
	hasAction, hasResource     bool // either of the pair
	twoActions, twoResources   bool // both
	principals                 []PrincipalRef
	notPrincipal, hasPrincipal bool
	twoPrincipals              bool
	conditions                 []sourceCondition
}

type sourceCondition struct {
	operator, key string
	values        []string
}

func (d *source) modern() bool { return d.version == "2012-10-17" }

// readShape turns JSON into a source: names, types and limits, no meaning.
func readShape(root node) (*source, bool) {
	doc := &source{version: "2008-10-17"}
	found := false
	for i, key := range root.keys {
		v := root.items[i]
		switch key {
		case "Version":
			if v.kind != jsonString || v.text != "2012-10-17" && v.text != "2008-10-17" {
				return nil, false
			}
			doc.version = v.text
		case "Id":
			if v.kind != jsonString {
				return nil, false
			}
		case "Statement":
			found = true
			list := v.items
			if v.kind == jsonObject {
				list = []node{v}
			} else if v.kind != jsonList {
				return nil, false
			}
			if len(list) > maxStatements {
				return nil, false
			}
			for _, item := range list {
				s, ok := readStatement(item)
				if !ok {
					return nil, false
				}
				doc.statements = append(doc.statements, s)
			}
		default:
			return nil, false
		}
	}
	return doc, found
}

func readStatement(n node) (s sourceStatement, ok bool) {
	if n.kind != jsonObject {
		return s, false
	}
	for i, key := range n.keys {
		v := n.items[i]
		ok = true
		switch key {
		case "Sid":
			s.sid, ok = v.text, v.kind == jsonString
		case "Effect":
			s.effect, s.hasEffect, ok = v.text, true, v.kind == jsonString
		case "Action", "NotAction":
			s.twoActions = s.hasAction
			s.hasAction, s.notAction = true, key == "NotAction"
			s.actions, ok = texts(v)
		case "Resource", "NotResource":
			s.twoResources = s.hasResource
			s.hasResource, s.notResource = true, key == "NotResource"
			s.resources, ok = texts(v)
		case "Principal", "NotPrincipal":
			s.twoPrincipals = s.hasPrincipal
			s.hasPrincipal, s.notPrincipal = true, key == "NotPrincipal"
			s.principals, ok = readPrincipals(v)
		case "Condition":
			s.conditions, ok = readConditions(v)
		default:
			ok = false
		}
		if !ok {
			return s, false
		}
	}
	return s, true
}

// texts reads a string or a list of strings.
func texts(n node) ([]string, bool) {
	if n.kind == jsonString {
		return []string{n.text}, true
	}
	list := make([]string, 0, len(n.items))
	for _, item := range n.items {
		if item.kind != jsonString {
			return nil, false
		}
		list = append(list, item.text)
	}
	return list, n.kind == jsonList
}

func readPrincipals(n node) ([]PrincipalRef, bool) {
	if n.kind == jsonString {
		return []PrincipalRef{{"AWS", n.text}}, n.text == "*"
	}
	if n.kind != jsonObject {
		return nil, false
	}
	var refs []PrincipalRef
	for i, key := range n.keys {
		switch key {
		case "AWS", "Service", "Federated", "CanonicalUser":
		default:
			return nil, false
		}
		values, ok := texts(n.items[i])
		if !ok {
			return nil, false
		}
		for _, v := range values {
			refs = append(refs, PrincipalRef{key, v})
		}
	}
	return refs, true
}

func readConditions(n node) ([]sourceCondition, bool) {
	if n.kind != jsonObject {
		return nil, false
	}
	var list []sourceCondition
	for i, name := range n.keys {
		keys := n.items[i]
		if keys.kind != jsonObject {
			return nil, false
		}
		if _, _, _, ok := lookOperator(name); !ok && len(keys.keys) > 0 {
			return nil, false
		}
		for k, key := range keys.keys {
			c := sourceCondition{operator: name, key: key}
			v := keys.items[k]
			items := []node{v}
			if v.kind == jsonList {
				items = v.items
			}
			for _, item := range items {
				if item.kind != jsonString && item.kind != jsonBool && item.kind != jsonNumber {
					return nil, false
				}
				c.values = append(c.values, item.text)
			}
			if len(list) == maxConditions {
				return nil, false
			}
			list = append(list, c)
		}
	}
	return list, true
}

// readPermission checks policies that bound or grant to whoever they hang on,
// in the order AWS reports their faults: each check goes over the whole
// document before the next begins.
func readPermission(kind Kind, root node) (*source, string) {
	doc, ok := readShape(root)
	if !ok || len(doc.statements) == 0 {
		return nil, syntaxErrors
	}
	for i := range doc.statements {
		s := &doc.statements[i]
		if !s.hasEffect || s.twoActions || s.twoResources || s.twoPrincipals ||
			!strings.EqualFold(s.effect, "Allow") && !strings.EqualFold(s.effect, "Deny") {
			return nil, syntaxErrors
		}
	}
	// Session policies are read leniently, as those of old SDKs have no Version.
	if !doc.modern() && kind != Session {
		return nil, "Policy document must be version 2012-10-17 or greater."
	}
	if kind == ResourceControl {
		if message := checkResourceControl(doc); message != "" {
			return nil, message
		}
	} else {
		for i := range doc.statements {
			if doc.statements[i].hasPrincipal {
				return nil, "Policy document should not specify a principal."
			}
		}
	}
	return doc, checkStatements(doc, kind)
}

// checkStatements is what comes after the shape: legacy parsing, Sids, actions,
// resources.
func checkStatements(doc *source, kind Kind) string {
	checkResource := checkARN
	if kind == Resource {
		checkResource = checkLooseARN
	}
	for i := range doc.statements {
		if !legacy(&doc.statements[i], doc.modern()) {
			return "The policy failed legacy parsing"
		}
	}
	if message := checkSids(doc, kind != Resource); message != "" {
		return message
	}
	for i := range doc.statements {
		if len(doc.statements[i].actions) == 0 {
			return "Policy statement must contain actions."
		}
	}
	for i := range doc.statements {
		for _, r := range doc.statements[i].resources {
			if message := checkResource(r); message != "" {
				return message
			}
		}
	}
	for i := range doc.statements {
		for _, a := range doc.statements[i].actions {
			if message := checkAction(a); message != "" {
				return message
			}
		}
	}
	for i := range doc.statements {
		if len(doc.statements[i].resources) == 0 {
			return "Policy statement must contain resources."
		}
	}
	return ""
}

// legacy is what AWS's older parser cannot read.
func legacy(s *sourceStatement, modern bool) bool {
	if s.effect != "Allow" && s.effect != "Deny" {
		return false
	}
	for _, c := range s.conditions {
		if _, ok := newCondition(c.operator, c.key, c.values, modern); !ok {
			return false
		}
	}
	for _, r := range s.resources {
		if strings.Contains(r, "::") && strings.Count(r, ":") < 5 {
			return false
		}
	}
	return true
}

func checkSids(doc *source, strict bool) string {
	seen := make(map[string]bool)
	for i := range doc.statements {
		sid := doc.statements[i].sid
		if sid == "" {
			continue
		}
		if seen[sid] {
			return "Statement IDs (SID) in a single policy must be unique."
		}
		seen[sid] = true
	}
	for sid := range seen {
		if strict && !only(sid, "") {
			return "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
		}
	}
	return ""
}

// checkAction wants vendor:name. Names are not checked to exist.
func checkAction(action string) string {
	vendor, _, colon := strings.Cut(action, ":")
	switch {
	case action == "*":
		return ""
	case !colon:
		return "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	case strings.Count(action, ":") > 1:
		return "Actions/Condition can contain only one colon."
	case !only(vendor, "-."):
		return "Vendor " + vendor + " is not valid"
	}
	return ""
}

// checkARN is the format of Resource in policies that IAM keeps.
func checkARN(r string) string {
	if r == "*" {
		return ""
	}
	part := strings.SplitN(r, ":", 6)
	if len(part) == 1 {
		return "Resource " + r + ` must be in ARN format or "*".`
	}
	if !isPartition(part[1]) {
		shown := []string{"*", "*", "*", "*"}
		copy(shown, part[2:])
		if len(part) == 3 && part[2] == "" {
			shown[0] = "*"
		}
		return `Partition "` + part[1] + `" is not valid for resource "arn:` + part[1] + ":" + strings.Join(shown, ":") + `".`
	}
	if len(part) == 2 || part[2] == "" || strings.ContainsAny(part[2], "*?") {
		return "Resource vendor must be fully qualified and cannot contain regexes."
	}
	switch part[2] {
	case "iam":
		switch {
		case len(part) < 4 || part[3] != "": // a missing region would be filled with *
			return "IAM resource " + r + " cannot contain region information."
		case len(part) == 6 && part[5] != "*" && !hasAnyPrefix(part[5], iamTypes):
			return `IAM resource path must either be "*" or start with ` + strings.Join(iamTypes, ", ") + "."
		}
	case "s3":
		if len(part) < 4 || part[3] != "" {
			return "Resource " + r + " can not contain region information."
		}
	}
	return ""
}

// isPartition knows AWS's partitions. A wildcard stands for any of them.
func isPartition(s string) bool {
	switch s {
	case "aws", "aws-cn", "aws-us-gov", "aws-eusc", "aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f":
		return true
	}
	return s == "*" || strings.HasPrefix(s, "aws") && strings.ContainsAny(s, "*?")
}

var iamTypes = []string{
	"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/", "policy/",
	"sms-mfa/", "saml-provider/", "oidc-provider/", "report/", "access-report/",
}

func hasAnyPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// checkResourceControl is the RCP syntax: everybody is meant, and only
// RCPFullAWSAccess, which says nothing but yes, may allow. Short ARNs are
// refused (AWS Organizations User Guide, "RCP syntax").
func checkResourceControl(doc *source) string {
	for i := range doc.statements {
		s := &doc.statements[i]
		if s.notPrincipal || len(s.principals) != 1 || s.principals[0] != (PrincipalRef{"AWS", "*"}) {
			return syntaxErrors
		}
		all := !s.notAction && !s.notResource && len(s.actions) == 1 && s.actions[0] == "*" &&
			len(s.resources) == 1 && s.resources[0] == "*" && len(s.conditions) == 0
		if strings.EqualFold(s.effect, "Allow") && !all {
			return syntaxErrors
		}
		if strings.EqualFold(s.effect, "Deny") && !s.notAction && contains(s.actions, "*") {
			return syntaxErrors
		}
		for _, r := range s.resources {
			if r != "*" && splitARN(r) < 0 {
				return syntaxErrors
			}
		}
	}
	return ""
}
