package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/keytrail/keytrail/projections/policy"
	"github.com/keytrail/keytrail/projections/policy/policytest"
)

// question is one request to explain, and the documents that have a say in it.
type question struct {
	who                     policy.Principal
	known                   bool // who is somebody
	action, resource, owner string
	keys                    []policytest.Key
	tags                    map[string]string // of who
	documents               []named
	source                  string // ARN whose policies a server is asked for
}

// named is a policy document, by the file or name it has.
type named struct{ kind, name, text string }

// explanation is what an explained request comes to.
type explanation struct {
	Principal string   `json:"principal,omitempty"`
	Action    string   `json:"action"`
	Resource  string   `json:"resource"`
	Decision  string   `json:"decision"`
	By        string   `json:"by,omitempty"` // layer that decided
	Says      string   `json:"says,omitempty"`
	Layers    []said   `json:"layers,omitempty"`
	Matched   []stated `json:"matched"`
	Nearest   []stated `json:"nearest,omitempty"`
	Missing   []string `json:"missingKeys,omitempty"` // condition keys the policies use and the request does not give
	Note      string   `json:"note,omitempty"`
}

type said struct {
	Layer  string `json:"layer"`
	Effect string `json:"effect"`
}

type stated struct {
	Layer     string `json:"layer,omitempty"`
	Policy    string `json:"policy"`
	Statement string `json:"statement"`       // its Sid, or its number from 1
	Lines     string `json:"lines,omitempty"` // from:to
	Effect    string `json:"effect,omitempty"`
	Failed    string `json:"failed,omitempty"`
}

func policyExplain() *cobra.Command {
	c := &client{}
	var q question
	var principal string
	var context, identity, boundary, session, resource, trust []string
	cmd := &cobra.Command{
		Use: "explain", Short: "Say why a request is allowed or denied: by policy files, or by a principal's policies on a server", Args: cobra.NoArgs,
		Example: `  keytrail policy explain --policy reader.json --action s3:PutObject --resource arn:aws:s3:::b/x
  keytrail policy explain --principal arn:aws:iam::111122223333:user/ana --action iam:CreateUser --context 'aws:SourceIp=10.1.2.3'`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			o, err := output(cmd)
			if err != nil {
				return err
			}
			if q.action == "" {
				return failure{exitUsage, errors.New("--action is missing")}
			}
			for _, k := range context {
				name, value, ok := strings.Cut(k, "=")
				if name = strings.TrimSpace(name); !ok || name == "" {
					return failure{exitUsage, fmt.Errorf("--context %q: want key=value or key={a, b}", k)}
				}
				q.keys = append(q.keys, policytest.ReadKey(name+" ="+" "+strings.TrimPrefix(value, " ")))
			}
			for _, of := range []struct {
				kind  string
				files []string
			}{{"identity", identity}, {"boundary", boundary}, {"session", session}, {"resource", resource}, {"trust", trust}} {
				for _, file := range of.files {
					text, err := os.ReadFile(file)
					if err != nil {
						return failure{exitReach, err}
					}
					q.documents = append(q.documents, named{of.kind, filepath.Base(file), string(text)})
				}
			}
			if q.known = principal != ""; q.known {
				if q.who, err = policytest.Principal(principal, ""); err != nil {
					return failure{exitUsage, err}
				}
			} else {
				q.who = policy.Principal{Type: policy.User, Account: cmp.Or(q.owner, account(q.resource), "000000000000")}
			}
			var e *explanation
			switch {
			case len(q.documents) > 0:
				e, err = q.explain()
			case q.known:
				q.source = principal
				e, err = q.ask(cmd.Context(), c)
			default:
				return failure{exitUsage, errors.New("give policy files (--policy, --boundary, …), or a --principal to ask a server about")}
			}
			if err != nil {
				return err
			}
			if o == asJSON {
				return printJSON(e)
			}
			return e.print()
		},
	}
	c.flags(cmd)
	f := cmd.Flags()
	f.StringVar(&principal, "principal", "", "ARN of who asks: user or role (or role session or root user, with policy files)")
	f.StringVar(&q.action, "action", "", "service:Name")
	f.StringVar(&q.resource, "resource", "*", "ARN")
	f.StringVar(&q.owner, "owner", "", "account of the resource, if its ARN does not say and it is not the principal's")
	f.StringArrayVar(&context, "context", nil, "condition key: key=value, or key={a, b} for one with many values")
	f.StringArrayVar(&identity, "policy", nil, "file of an identity policy")
	f.StringArrayVar(&boundary, "boundary", nil, "file of the permissions boundary")
	f.StringArrayVar(&session, "session", nil, "file of a session policy")
	f.StringArrayVar(&resource, "resource-policy", nil, "file of the resource's policy")
	f.StringArrayVar(&trust, "trust", nil, "file of the trust policy of the role to be assumed")
	outputFlag(cmd)
	return cmd
}

// account is the one an ARN names, or "".
func account(arn string) string {
	if part := strings.SplitN(arn, ":", 6); len(part) == 6 {
		return part[4]
	}
	return ""
}

// explain decides by the documents and tells everything about it.
func (q *question) explain() (*explanation, error) {
	var p policy.Policies
	texts := map[*policy.Source]string{}
	for _, d := range q.documents {
		kind := map[string]policy.Kind{"identity": policy.Identity, "boundary": policy.Boundary, "session": policy.Session, "resource": policy.Resource, "trust": policy.Trust}[d.kind]
		parsed, err := policy.Parse(kind, d.text)
		if err != nil {
			return nil, failure{exitUsage, fmt.Errorf("%s: %w", d.name, err)}
		}
		at := policy.Attached{Policy: parsed, Source: &policy.Source{Name: d.name, Type: kind.String()}}
		texts[at.Source] = d.text
		switch d.kind {
		case "identity":
			p.Identity = append(p.Identity, at)
		case "boundary":
			if p.Boundary != nil {
				return nil, failure{exitUsage, errors.New("there can be one boundary")}
			}
			p.Boundary = &at
		case "session":
			p.Session, p.HasSession = append(p.Session, at), true
		default:
			p.Resource = append(p.Resource, at)
			p.Trust = p.Trust || d.kind == "trust"
		}
	}
	context := q.context()
	r := policy.Request{Principal: &q.who, Action: q.action, Resource: q.resource, ResourceAccount: q.owner, Context: context}
	var v policy.Verdict
	policy.Evaluate(&r, &p, &v)

	e := &explanation{Principal: q.who.ARN, Action: q.action, Resource: q.resource, Decision: v.Effect.String(), By: v.Reason.String(), Says: v.Denied(&r), Matched: []stated{}}
	for l, effect := range v.Layers {
		if effect != policy.Absent && policy.Layer(l) != policy.LayerNone {
			e.Layers = append(e.Layers, said{policy.Layer(l).String(), effect.String()})
		}
	}
	lines := func(s *policy.Source, statement int) string {
		if spans := policy.Spans(texts[s]); statement < len(spans) {
			return fmt.Sprintf("%d:%d", spans[statement].Start.Line, spans[statement].End.Line)
		}
		return ""
	}
	for _, m := range v.Matched {
		effect := "Allow"
		if m.Effect == policy.ExplicitDeny {
			effect = "Deny"
		}
		e.Matched = append(e.Matched, stated{Layer: m.Layer.String(), Policy: m.Source.Name, Statement: cmp.Or(m.Sid, fmt.Sprint(m.Statement+1)), Lines: lines(m.Source, m.Statement), Effect: effect})
	}
	for _, n := range v.Near {
		failed := n.Failed.String()
		if n.Failed == policy.PartCondition {
			failed = fmt.Sprintf("Condition %s %s: the request has none", n.Operator, n.Key)
			if values, ok := context.Get(n.Key); ok {
				failed = fmt.Sprintf("Condition %s %s: the request has %q", n.Operator, n.Key, values)
			}
		}
		e.Nearest = append(e.Nearest, stated{Layer: n.Layer.String(), Policy: n.Source.Name, Statement: cmp.Or(n.Sid, fmt.Sprint(n.Statement+1)), Lines: lines(n.Source, n.Statement), Effect: "Allow", Failed: failed})
	}
	seen := map[string]bool{}
	for _, d := range q.documents {
		for _, k := range policy.Keys(d.text) {
			if _, ok := context.Get(k.Name); !ok && !seen[strings.ToLower(k.Name)] {
				seen[strings.ToLower(k.Name)] = true
				e.Missing = append(e.Missing, k.Name)
			}
		}
	}
	return e, nil
}

// context is what follows from who asks, as the simulator has it, and then
// what was given.
func (q *question) context() *policy.Context {
	c := &policy.Context{}
	if q.known {
		arn := cmp.Or(q.who.RoleARN, q.who.ARN)
		c.Set("aws:PrincipalArn", arn)
		c.Set("aws:PrincipalAccount", q.who.Account)
		c.Set("aws:PrincipalType", q.who.Type.String())
		c.Set("aws:PrincipalIsAWSService", "false")
		if q.who.Type == policy.User {
			c.Set("aws:username", arn[strings.LastIndexByte(arn, '/')+1:])
		}
		if q.who.ID != "" {
			c.Set("aws:userid", q.who.ID)
		}
		for k, v := range q.tags {
			c.Set("aws:PrincipalTag/"+k, v)
		}
	}
	owner := account(q.resource)
	if len(owner) != 12 {
		owner = cmp.Or(q.owner, q.who.Account)
	}
	c.Set("aws:ResourceAccount", owner)
	for _, k := range q.keys {
		if k.Multi {
			c.SetMulti(k.Name, k.Values)
		} else {
			c.Set(k.Name, k.Values[0])
		}
	}
	return c
}

func (e *explanation) print() error {
	fmt.Printf("%s %s on %s", e.Decision, plain(e.Action), plain(e.Resource))
	if e.By != "" && e.By != policy.LayerNone.String() {
		fmt.Printf(", by %s", e.By)
	}
	fmt.Println()
	if e.Says != "" && e.Principal != "" {
		fmt.Println(plain(e.Says))
	}
	if len(e.Layers) > 0 {
		fmt.Println()
		var rows [][]string
		for _, l := range e.Layers {
			rows = append(rows, []string{l.Layer, l.Effect})
		}
		if err := printTable([]string{"LAYER", "SAYS"}, rows); err != nil {
			return err
		}
	}
	for _, part := range []struct {
		head string
		list []stated
	}{{"MATCHED", e.Matched}, {"NEAREST", e.Nearest}} {
		if len(part.list) == 0 {
			continue
		}
		fmt.Println()
		var rows [][]string
		for _, s := range part.list {
			rows = append(rows, []string{s.Layer, s.Policy, s.Statement, s.Lines, s.Effect, s.Failed})
		}
		if err := printTable([]string{part.head, "POLICY", "STATEMENT", "LINES", "EFFECT", "FAILED"}, rows); err != nil {
			return err
		}
	}
	if len(e.Missing) > 0 {
		fmt.Printf("\nThe policies use keys that the request does not give: %s\n", plain(strings.Join(e.Missing, ", ")))
	}
	if e.Note != "" {
		fmt.Printf("\n%s\n", e.Note)
	}
	return nil
}
