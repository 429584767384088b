// Package policytest reads policies, requests and the answers they must get
// from text, and holds the evaluator to them. It is for the tests of the
// evaluator and for those that people write about their own policies.
//
// Blocks are separated by empty lines; what begins with # is a comment. A block
// is
//
//	rule: what it shows, in words
//	as ana                       who asks: a name of Cast, or an ARN and perhaps a unique id; ana if not given
//	do s3:GetObject              this if not given
//	on arn:aws:s3:::b/x          this if not given
//	of 999988887777              account that owns the resource
//	with key = value             or = {a, b} for a key with many values; only what is given is set
//	if {"StringEquals":…}        identity policy that allows all under this condition
//	identity …                   a policy; also boundary, session, resource, key, trust, scp N, rcp N
//	bound ARN ID                 the ARN in a policy means this unique id
//	then allow                   or deny (explicit) or implicit; "by Layer" may follow
//	near …                       the near misses, comma between
//	says …                       the access-denied message
//
// A policy is a document, or one statement as JSON, or in short
// "Allow ACTION on RESOURCE for PRINCIPAL if CONDITION", parts left out where
// they do not belong, or @FILE, a file beside the text. "none" is a layer
// without policies.
package policytest

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/keytrail/keytrail/projections/policy"
)

// Case is one block: a request, all policies that have a say in it, as
// documents, and the answer it must get.
type Case struct {
	File, Rule, Text string
	Line             int

	Who                     policy.Principal
	Action, Resource, Owner string
	Context                 []Key
	Identity                []string
	Boundary                []string // one or none
	Session                 []string
	HasSession              bool
	OnResource              []string
	Kind                    policy.Kind // of OnResource
	Trust                   bool
	SCPs, RCPs              [][]string
	IDs                     map[string]string // Bind

	Then, By, Near, Says string // By to Says: "" does not matter
}

// Key is a condition key of the request.
type Key struct {
	Name   string
	Values []string
	Multi  bool
}

const home, away = "111122223333", "999988887777"

// Cast are the callers that have names.
var Cast = map[string]policy.Principal{
	"ana":    {Type: policy.User, ARN: "arn:aws:iam::111122223333:user/ana", Account: home, ID: "AIDAANA0000000000001", UniqueID: "AIDAANA0000000000001"},
	"eva":    {Type: policy.User, ARN: "arn:aws:iam::999988887777:user/eva", Account: away, ID: "AIDAEVA0000000000001", UniqueID: "AIDAEVA0000000000001"},
	"star":   {Type: policy.User, ARN: "arn:aws:iam::111122223333:user/*", Account: home, ID: "AIDASTAR000000000001", UniqueID: "AIDASTAR000000000001"},
	"app":    {Type: policy.AssumedRole, ARN: "arn:aws:sts::111122223333:assumed-role/app/s1", RoleARN: "arn:aws:iam::111122223333:role/team/app", Account: home, ID: "AROAAPP0000000000001:s1", UniqueID: "AROAAPP0000000000001"},
	"far":    {Type: policy.AssumedRole, ARN: "arn:aws:sts::999988887777:assumed-role/far/s2", RoleARN: "arn:aws:iam::999988887777:role/far", Account: away, ID: "AROAFAR0000000000001:s2", UniqueID: "AROAFAR0000000000001"},
	"slr":    {Type: policy.AssumedRole, ARN: "arn:aws:sts::111122223333:assumed-role/AWSServiceRoleForX/s3", RoleARN: "arn:aws:iam::111122223333:role/aws-service-role/x.amazonaws.com/AWSServiceRoleForX", Account: home, ID: "AROASLR0000000000001:s3", UniqueID: "AROASLR0000000000001"},
	"bob":    {Type: policy.FederatedUser, ARN: "arn:aws:sts::111122223333:federated-user/bob", UserARN: "arn:aws:iam::111122223333:user/ana", Account: home, ID: "111122223333:bob", UniqueID: "AIDAANA0000000000001"},
	"ops":    {Type: policy.FederatedUser, ARN: "arn:aws:sts::111122223333:federated-user/ops", UserARN: "arn:aws:iam::111122223333:root", Account: home, ID: "111122223333:ops"},
	"root":   {Type: policy.Account, ARN: "arn:aws:iam::111122223333:root", Account: home, ID: home},
	"ec2":    {Type: policy.Service, ARN: "ec2.amazonaws.com"},
	"corp":   {Type: policy.Federated, ARN: "arn:aws:iam::111122223333:saml-provider/corp"},
	"nobody": {Type: policy.Anonymous},
}

// Principal is the caller of an ARN: a user, the root user, a role (in some
// session) or a session of a role without path. id is its unique id, or empty.
func Principal(arn, id string) (policy.Principal, error) {
	part := strings.SplitN(arn, ":", 6)
	if len(part) == 6 && part[0] == "arn" && len(part[4]) == 12 && strings.Trim(part[4], "0123456789") == "" {
		p := policy.Principal{ARN: arn, Account: part[4], ID: id, UniqueID: id}
		kind, name, _ := strings.Cut(part[5], "/")
		switch {
		case part[2] == "iam" && part[5] == "root":
			p.Type, p.ID = policy.Account, part[4]
			return p, nil
		case part[2] == "iam" && kind == "user" && name != "":
			p.Type = policy.User
			return p, nil
		case part[2] == "iam" && kind == "role" && name != "":
			p.Type, p.RoleARN, p.ID = policy.AssumedRole, arn, ""
			return p, nil
		case part[2] == "sts" && kind == "assumed-role" && strings.Count(name, "/") == 1:
			role, session, _ := strings.Cut(name, "/")
			p.Type, p.RoleARN = policy.AssumedRole, "arn:"+part[1]+":iam::"+part[4]+":role/"+role
			if id != "" {
				p.ID = id + ":" + session
			}
			return p, nil
		}
	}
	return policy.Principal{}, fmt.Errorf("%q is no ARN of a user, role, role session or root user", arn)
}

// Read reads the cases of a text. load reads a file that it names.
func Read(file, text string, load func(name string) ([]byte, error)) (cases []Case, err error) {
	text = strings.ReplaceAll(text, "\r\n", "\n")
	line := 1
	for block := range strings.SplitSeq(text, "\n\n") {
		c := Case{File: file, Line: line, Text: strings.Trim(block, "\n"), Who: Cast["ana"], Action: "s3:GetObject", Resource: "arn:aws:s3:::b/x", Kind: policy.Resource}
		said := false
		for i, l := range strings.Split(block, "\n") {
			if l = strings.TrimSpace(l); l == "" || l[0] == '#' {
				continue
			}
			if !said {
				said, c.Line = true, line+i
			}
			if err := c.line(l, load); err != nil {
				return nil, fmt.Errorf("%s:%d: %w", file, line+i, err)
			}
		}
		if said && c.Then == "" {
			return nil, fmt.Errorf("%s:%d: the case does not say then what", file, line)
		}
		if said {
			cases = append(cases, c)
		}
		line += strings.Count(block, "\n") + 2
	}
	return cases, nil
}

func (c *Case) line(line string, load func(string) ([]byte, error)) error {
	word, rest, _ := strings.Cut(line, " ")
	documents := func() ([]string, error) { return c.policy(rest, load) }
	add := func(list *[]string) error {
		d, err := documents()
		*list = append(*list, d...)
		return err
	}
	switch word {
	case "rule:":
		c.Rule = rest
	case "as":
		who, ok := Cast[rest]
		if !ok {
			arn, id, _ := strings.Cut(rest, " ")
			var err error
			if who, err = Principal(arn, strings.TrimSpace(id)); err != nil {
				return fmt.Errorf("nobody is called %q: %w", rest, err)
			}
		}
		c.Who = who
	case "do":
		c.Action = rest
	case "on":
		c.Resource = rest
	case "of":
		c.Owner = rest
	case "with":
		c.Context = append(c.Context, ReadKey(rest))
	case "if":
		c.Identity = append(c.Identity, `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":`+rest+`}}`)
	case "identity":
		return add(&c.Identity)
	case "boundary":
		if err := add(&c.Boundary); err != nil || len(c.Boundary) < 2 {
			return err
		}
		return fmt.Errorf("there can be one boundary")
	case "session":
		c.HasSession = true
		return add(&c.Session)
	case "resource", "key", "trust":
		c.Trust = word != "resource"
		if word == "trust" {
			c.Kind = policy.Trust
		}
		return add(&c.OnResource)
	case "bound":
		arn, id, _ := strings.Cut(rest, " ")
		if c.IDs == nil {
			c.IDs = map[string]string{}
		}
		c.IDs[arn] = id
	case "scp", "rcp":
		var number string
		number, rest, _ = strings.Cut(rest, " ")
		n, err := strconv.Atoi(number)
		if err != nil || n < 1 || n > 64 {
			return fmt.Errorf("%s needs the number of its level", word)
		}
		levels := &c.SCPs
		if word == "rcp" {
			levels = &c.RCPs
		}
		for len(*levels) < n {
			*levels = append(*levels, nil)
		}
		return add(&(*levels)[n-1])
	case "then":
		c.Then, c.By, _ = strings.Cut(rest, " by ")
		if c.Then != "allow" && c.Then != "deny" && c.Then != "implicit" {
			return fmt.Errorf("then %q: want allow, deny or implicit", c.Then)
		}
	case "near":
		c.Near = rest
	case "says":
		c.Says = rest
	default:
		return fmt.Errorf("what is %q", line)
	}
	return nil
}

// ReadKey reads "key = value" or "key = {a, b}".
func ReadKey(s string) Key {
	name, value, _ := strings.Cut(s, " =")
	value = strings.TrimPrefix(value, " ")
	if !strings.HasPrefix(value, "{") {
		return Key{Name: name, Values: []string{value}}
	}
	k := Key{Name: name, Multi: true}
	if inner := strings.Trim(value, "{}"); inner != "" {
		k.Values = strings.Split(inner, ", ")
		if inner == "''" {
			k.Values = []string{""}
		}
	}
	return k
}

func (c *Case) policy(s string, load func(string) ([]byte, error)) ([]string, error) {
	switch {
	case s == "none":
		return nil, nil
	case strings.HasPrefix(s, "@"):
		text, err := load(filepath.Join(filepath.Dir(c.File), s[1:]))
		return []string{string(text)}, err
	case strings.Contains(s, `"Statement"`):
		return []string{s}, nil
	case strings.HasPrefix(s, "{"):
		return []string{`{"Version":"2012-10-17","Statement":` + s + `}`}, nil
	}
	st := map[string]any{}
	effect, rest, _ := strings.Cut(s, " ")
	st["Effect"] = effect
	cut := func(word string) string {
		before, after, ok := strings.Cut(rest, word)
		if !ok {
			return ""
		}
		rest = before
		return after
	}
	if condition := cut(" if "); condition != "" {
		st["Condition"] = json.RawMessage(condition)
	}
	if who := cut(" for "); who == "*" {
		st["Principal"] = who
	} else if who != "" {
		st["Principal"] = json.RawMessage(who)
	}
	if on := cut(" on "); on != "" {
		st["Resource"] = on
	}
	st["Action"] = rest
	b, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": st})
	return []string{string(b)}, err
}

// Request and Policies of the case for the evaluator. The error is that a
// document was refused.
func (c *Case) Request() (*policy.Request, *policy.Policies, error) {
	var err error
	attach := func(kind policy.Kind, layer string, documents []string) []policy.Attached {
		var list []policy.Attached
		for i, d := range documents {
			p, bad := policy.Parse(kind, d)
			if bad != nil {
				err = fmt.Errorf("%s:%d: %s %d: %w", c.File, c.Line, layer, i, bad)
				return nil
			}
			if c.IDs != nil {
				p = p.Bind(c.IDs)
			}
			list = append(list, policy.Attached{Policy: p, Source: &policy.Source{Name: fmt.Sprintf("%s/%d", layer, i), Type: kind.String()}})
		}
		return list
	}
	p := &policy.Policies{HasSession: c.HasSession, Trust: c.Trust}
	for i, level := range c.SCPs {
		p.SCPs = append(p.SCPs, attach(policy.ServiceControl, fmt.Sprintf("scp%d", i), level))
	}
	for i, level := range c.RCPs {
		p.RCPs = append(p.RCPs, attach(policy.ResourceControl, fmt.Sprintf("rcp%d", i), level))
	}
	p.Identity = attach(policy.Identity, "identity", c.Identity)
	if list := attach(policy.Boundary, "boundary", c.Boundary); len(list) > 0 {
		p.Boundary = &list[0]
	}
	p.Session = attach(policy.Session, "session", c.Session)
	p.Resource = attach(c.Kind, "resource", c.OnResource)
	r := &policy.Request{Principal: &c.Who, Action: c.Action, Resource: c.Resource, ResourceAccount: c.Owner, Context: &policy.Context{}}
	for _, k := range c.Context {
		if k.Multi {
			r.Context.SetMulti(k.Name, k.Values)
		} else {
			r.Context.Set(k.Name, k.Values[0])
		}
	}
	return r, p, err
}

// Differs tells how a verdict is not the answer of the case; "": it is.
func (c *Case) Differs(r *policy.Request, v *policy.Verdict) string {
	switch near, said := strings.Join(Near(v), ", "), v.Denied(r); {
	case Answer(v) != c.Then || c.By != "" && v.Reason.String() != c.By:
		return fmt.Sprintf("got %s by %s", Answer(v), v.Reason)
	case c.Near != "" && near != c.Near:
		return fmt.Sprintf("near: got %s, want %s", near, c.Near)
	case c.Says != "" && said != c.Says:
		return fmt.Sprintf("says: got %s, want %s", said, c.Says)
	}
	return ""
}

// Answer is the word for a verdict's effect.
func Answer(v *policy.Verdict) string {
	switch v.Effect {
	case policy.Allow:
		return "allow"
	case policy.ExplicitDeny:
		return "deny"
	}
	return "implicit"
}

// Near lists the near misses, one "policy#statement part operator key" each.
func Near(v *policy.Verdict) []string {
	var list []string
	for _, n := range v.Near {
		list = append(list, strings.TrimSpace(fmt.Sprintf("%s#%d %s %s %s", n.Source.Name, n.Statement, n.Failed, n.Operator, n.Key)))
	}
	return list
}
