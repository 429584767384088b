package audit

import (
	"strconv"
	"sync"
	"time"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/policy"
)

const unauthenticated = "Unauthenticated"

func (t *turn) allowed() bool { return t.verdict.Effect == policy.Allow.String() }

// desk is what judging needs and reuses.
type desk struct {
	context policy.Context
	verdict policy.Verdict
}

var desks = sync.Pool{New: func() any { return new(desk) }}

// judge finds what the request must be allowed, and whether it is: every
// target must be. It fills in the verdict and readies commands and queries.
func (t *turn) judge(w *projections.World) {
	if t.seen != w.Seq { // the World went on since the caller was looked up
		caller, known := t.resolve(w)
		if !known {
			t.verdict = events.Verdict{World: w.Seq, Evaluator: policy.Version, Effect: unauthenticated}
			t.err = errBadToken
			return
		}
		t.caller, t.seen = caller, w.Seq
	}
	a := t.caller.Account
	t.tx.World, t.tx.Account, t.tx.Caller = w, a, t.caller
	t.view.World, t.view.Account, t.view.Caller = w, a, t.caller
	t.verdict = events.Verdict{World: w.Seq, Evaluator: policy.Version, Effect: policy.Allow.String()}
	t.ask = ask{world: w, account: a, caller: t.caller, region: t.gate.Region, operator: t.gate.Operator, turn: t}
	if t.action.targets != nil {
		t.action.targets(&t.ask, t.in)
	}
	if t.action.code != nil {
		if t.err = t.tx.Factor(t.action.code(t.in)); t.err != nil {
			t.verdict.Effect = policy.ImplicitDeny.String()
			return
		}
	}
	if len(t.ask.targets) == 0 {
		return // GetCallerIdentity and its like: whoever is authenticated may
	}
	d := desks.Get().(*desk)
	defer desks.Put(d)
	who, own := principal(t.caller), w.Compiled(t.caller)
	for i := range t.ask.targets {
		g := &t.ask.targets[i]
		r := policy.Request{Principal: &who, Action: g.action, Resource: g.resource, ResourceAccount: g.owner, Context: &d.context}
		if r.Action == "" {
			r.Action = t.action.FullName()
		}
		if r.ResourceAccount == "" {
			r.ResourceAccount = a.ID
		}
		t.fill(&d.context, &who, &r, g)
		if g.side != nil {
			own.EvaluateOn(&r, g.side, &d.verdict)
		} else {
			own.Evaluate(&r, &d.verdict)
		}
		t.verdict.Checks = append(t.verdict.Checks, check(&r, &d.verdict))
		if d.verdict.Allowed() {
			continue
		}
		if e := d.verdict.Effect.String(); t.allowed() || e == policy.ExplicitDeny.String() {
			t.verdict.Effect = e
		}
		if t.err == nil {
			t.err = refusal("AccessDenied", "%s", d.verdict.Denied(&r))
		}
	}
}

// principal is the caller as the evaluator sees it.
func principal(c *projections.Caller) policy.Principal {
	p := policy.Principal{ARN: c.ARN, Account: c.Account.ID, ID: c.UserID}
	switch c.Type {
	case projections.Root:
		p.Type = policy.Account
	case projections.IAMUser:
		p.Type, p.UniqueID = policy.User, c.User.ID
	case projections.AssumedRole:
		p.Type, p.UniqueID, p.RoleARN = policy.AssumedRole, c.Role.ID, c.Role.ARN(c.Account)
	case projections.FederatedUser:
		p.Type, p.UserARN = policy.FederatedUser, c.Account.RootARN()
		if c.User != nil {
			p.UniqueID, p.UserARN = c.User.ID, c.User.ARN(c.Account)
		}
	}
	return p
}

var (
	keyCurrentTime = policy.NewKey("aws:CurrentTime")
	keyEpochTime   = policy.NewKey("aws:EpochTime")
	keySecure      = policy.NewKey("aws:SecureTransport")
	keySourceIP    = policy.NewKey("aws:SourceIp")
	keyUserAgent   = policy.NewKey("aws:UserAgent")
	keyRegion      = policy.NewKey("aws:RequestedRegion")
	keyViaService  = policy.NewKey("aws:ViaAWSService")
	keyIsService   = policy.NewKey("aws:PrincipalIsAWSService")
	keyOwner       = policy.NewKey("aws:ResourceAccount")
	keyMFA         = policy.NewKey("aws:MultiFactorAuthPresent")
	keyMFAAge      = policy.NewKey("aws:MultiFactorAuthAge")
	keyIssued      = policy.NewKey("aws:TokenIssueTime")
	keyIdentity    = policy.NewKey("aws:SourceIdentity")
)

// fill sets the condition keys of the request for one target (IAM User Guide,
// "AWS global condition context keys").
func (t *turn) fill(c *policy.Context, who *policy.Principal, r *policy.Request, g *target) {
	c.Reset()
	c.SetPrincipal(who)
	c.SetKey(keyCurrentTime, t.now.Format(time.RFC3339))
	c.SetKey(keyEpochTime, strconv.FormatInt(t.now.Unix(), 10))
	c.SetKey(keySecure, strconv.FormatBool(t.r.TLS != nil))
	c.SetKey(keySourceIP, t.r.SourceIP)
	c.SetKey(keyRegion, t.r.Region)
	c.SetKey(keyViaService, "false")
	c.SetKey(keyIsService, "false")
	if t.r.UserAgent != "" {
		c.SetKey(keyUserAgent, t.r.UserAgent)
	}
	c.SetKey(keyOwner, r.ResourceAccount)
	organized(c, t.ask.world, t.caller.Account, r.ResourceAccount)
	for key, value := range t.caller.Tags() {
		c.Set("aws:PrincipalTag/"+key, value)
	}
	if s := t.caller.Session; s != nil {
		c.SetKey(keyIssued, s.Issued.Format(time.RFC3339))
		t.factors(c, s)
		if s.SourceIdentity != "" {
			c.SetKey(keyIdentity, s.SourceIdentity)
		}
	}
	if t.tx.MFA {
		c.SetKey(keyMFA, "true")
		c.SetKey(keyMFAAge, "0")
	}
	for _, tag := range g.tags {
		c.Set("aws:ResourceTag/"+tag.Key, tag.Value)
		if !g.known {
			c.Set("iam:ResourceTag/"+tag.Key, tag.Value)
		}
	}
	if len(t.ask.tags) > 0 {
		keys := make([]string, len(t.ask.tags))
		for i, tag := range t.ask.tags {
			keys[i] = tag.Key
			c.Set("aws:RequestTag/"+tag.Key, tag.Value)
		}
		c.SetMulti("aws:TagKeys", keys)
	}
	for k, v := range t.ask.keys {
		c.Set(k, v)
	}
	for k, v := range g.keys {
		c.Set(k, v)
	}
	for k, v := range t.ask.lists {
		c.SetMulti(k, v)
	}
}

// factors sets what a session tells of MFA. One of a role does not carry it on
// (IAM User Guide, "MFA-protected API access").
func (t *turn) factors(c *policy.Context, s *projections.Session) {
	if !s.MFA || s.Type == projections.AssumedRole {
		c.SetKey(keyMFA, "false")
		return
	}
	c.SetKey(keyMFA, "true")
	c.SetKey(keyMFAAge, strconv.FormatInt(int64(t.now.Sub(s.Issued)/time.Second), 10))
}

// check is the record of a verdict.
func check(r *policy.Request, v *policy.Verdict) events.Check {
	c := events.Check{Action: r.Action, Resource: r.Resource, Effect: v.Effect.String()}
	for l, e := range v.Layers {
		if e != policy.Absent && policy.Layer(l) != policy.LayerNone {
			c.Layers = append(c.Layers, events.Layer{Type: policy.Layer(l).String(), Effect: e.String()})
		}
	}
	for _, m := range v.Matched {
		effect := "Allow"
		if m.Effect == policy.ExplicitDeny {
			effect = "Deny"
		}
		c.Statements = append(c.Statements, events.Statement{Policy: policyName(m.Source), Version: m.Source.Version, Index: m.Statement, Sid: m.Sid, Effect: effect})
	}
	for _, n := range v.Near {
		failed := n.Failed.String()
		if n.Failed == policy.PartCondition {
			failed += " " + n.Operator + " " + n.Key
		}
		c.Near = append(c.Near, events.Near{Policy: policyName(n.Source), Index: n.Statement, Failed: failed})
	}
	return c
}

// policyName is the ARN of a managed policy; for an inline one the ARN of its
// owner, a number sign and its name.
func policyName(s *policy.Source) string {
	if s == nil {
		return ""
	}
	if s.Name != "" {
		return s.ARN + "#" + s.Name
	}
	return s.ARN
}
