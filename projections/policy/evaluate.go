package policy

import (
	"strings"
	"unsafe"
)

// query is a request made ready: what every statement needs is worked out once.
// It belongs to a verdict and is reused with it.
type query struct {
	principal *Principal
	context   *Context
	action    string // in small letters
	head      string // the resource's first five parts, in small letters
	tail      string // its sixth
	isARN     bool
	bounded   bool // the caller has a permissions boundary
	broken    bool // a policy is missing or of the wrong kind
	hasPairs  bool
	passed    int
	acts      uint64
	heads     uint64
	pairs     pairs
	touched   uint64 // see fetch; means nothing
	account   string // that owns the resource
	same      bool   // it is the caller's
	linked    bool   // the caller is a service-linked role

	allowed [layers]uint64 // a bit per level
	denied  [layers]bool
	grant   grant

	scratch, lower []byte
}

// Evaluate decides the request. It always comes back with an answer, and the
// answer is a denial unless every rule was met. It looks at every statement
// even when the answer is settled, because the record names all that matched.
func Evaluate(r *Request, p *Policies, v *Verdict) { Compile(p).Evaluate(r, v) }

// evaluate takes the principal's side from p and the resource's from on.
func (v *Verdict) evaluate(r *Request, p, on *Policies, s shape) {
	v.reset()
	defer v.denyOnPanic()
	if p == nil || !v.q.begin(r, p) {
		return
	}
	for level, list := range p.SCPs {
		v.scan(list, LayerSCP, level)
	}
	for level, list := range on.RCPs {
		v.scan(list, LayerRCP, level)
	}
	v.scan(on.Resource, LayerResource, 0)
	v.scan(p.Identity, LayerIdentity, 0)
	if p.Boundary != nil {
		v.scanOne(p.Boundary, LayerBoundary, 0)
	}
	v.scan(p.Session, LayerSession, 0)
	v.decide(s)
	v.explain(p, on)
}

func (v *Verdict) reset() {
	v.Effect, v.Reason, v.trust = ImplicitDeny, LayerNone, false
	v.Matched, v.Near = v.Matched[:0], v.Near[:0]
	for i := range v.Layers {
		v.Layers[i] = Absent
	}
}

// denyOnPanic turns a fault of ours into a denial.
func (v *Verdict) denyOnPanic() {
	if recover() != nil {
		v.reset()
	}
}

// begin makes the request ready; false: it is not complete.
func (q *query) begin(r *Request, p *Policies) bool {
	scratch, lower := q.scratch[:0], q.lower[:0]
	*q = query{scratch: scratch, lower: lower}
	if r == nil || r.Principal == nil || r.Action == "" || r.Principal.Type > Federated {
		return false
	}
	q.principal, q.context = r.Principal, r.Context
	q.linked = r.Principal.Type == AssumedRole && strings.Contains(r.Principal.RoleARN, ":role/aws-service-role/")
	q.bounded = p.Boundary != nil && q.applies(LayerBoundary)

	at, capitals := scanHead(r.Resource)
	q.isARN = at >= 0
	at = max(at, 0)
	q.head, q.tail = r.Resource[:at], r.Resource[at:]
	q.lower = appendLower(q.lower, r.Action)
	if capitals {
		q.lower = appendLower(q.lower, q.head)
	}
	low := unsafe.String(unsafe.SliceData(q.lower), len(q.lower)) // lives as long as this decision
	q.action = low[:len(r.Action)]
	if capitals {
		q.head = low[len(r.Action):]
	}
	q.acts = exactBit(q.action) | serviceBit(q.action)
	q.heads = anyHead
	if q.isARN {
		q.heads |= 1 << (mix(q.head) % 63)
	}

	q.account = r.ResourceAccount
	if q.account == "" && q.isARN {
		owner := q.head[:len(q.head)-1]
		if owner = owner[strings.LastIndexByte(owner, ':')+1:]; digits(owner) {
			q.account = owner
		}
	}
	if q.account == "" {
		q.account = r.Principal.Account
	}
	q.same = q.account == r.Principal.Account && q.account != ""
	return true
}

// scanHead is splitARN that also tells whether there are capitals to fold.
func scanHead(s string) (at int, capitals bool) {
	colons := 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == ':':
			if colons++; colons == 5 {
				return i + 1, capitals
			}
		case c >= 'A' && c <= 'Z':
			capitals = true
		}
	}
	return -1, false
}

// applies reports whether a layer has a say about this kind of caller at all.
func (q *query) applies(layer Layer) bool {
	switch layer {
	case LayerSCP:
		return q.isIdentity() && !q.linked || q.principal.Type == Account
	case LayerRCP, LayerSession:
		return !q.linked
	case LayerIdentity:
		return q.isIdentity()
	case LayerBoundary:
		return q.isIdentity() && !q.linked
	}
	return true
}

// isIdentity: the caller has identity policies.
func (q *query) isIdentity() bool {
	t := q.principal.Type
	return t == User || t == AssumedRole || t == FederatedUser
}

// scan looks at every statement of the policies at one level of a layer.
func (v *Verdict) scan(list []Attached, layer Layer, level int) {
	if len(list) > 2 {
		v.q.fetch(list)
	}
	for i := range list {
		v.scanOne(&list[i], layer, level)
	}
}

// fetch touches the policies that may match, so that the processor waits for
// their memory once and not for one after the other. With many principals
// nothing is in its cache, and waiting is most of a decision.
func (q *query) fetch(list []Attached) {
	for i := range list {
		if p := list[i].Policy; p != nil && p.acts&q.acts != 0 {
			q.touched += p.probes[0].heads + p.statements[0].acts
		}
	}
}

func (v *Verdict) scanOne(a *Attached, layer Layer, level int) {
	q := &v.q
	p := a.Policy
	if p == nil || !p.suits(layer) {
		q.broken = true
		return
	}
	acts, heads := q.acts, q.heads
	if p.acts&acts == 0 || !q.applies(layer) {
		return
	}
	for i := range p.probes {
		if probe := &p.probes[i]; probe.acts&acts == 0 || probe.heads&heads == 0 {
			continue
		}
		if !q.missing(&p.pairs[i]) {
			v.apply(&p.statements[i], a.Source, i, layer, level)
		}
	}
}

// suits reports whether the policy is of a kind for the layer. A policy that
// names no principal would speak for everyone in a layer that needs one.
func (p *Policy) suits(layer Layer) bool {
	return (p.kind == Trust || p.kind == Resource) == (layer == LayerResource)
}

func (v *Verdict) apply(s *statement, source *Source, index int, layer Layer, level int) {
	q := &v.q
	if !s.fits(q) {
		return
	}
	as := s.cover(q)
	if as == 0 {
		return
	}
	v.Matched = append(v.Matched, Match{Source: source, Layer: layer, Statement: index, Sid: s.sid, Effect: s.effect})
	if s.effect != Allow {
		q.denied[layer] = true
		return
	}
	q.allowed[layer] |= 1 << level
	if layer == LayerResource {
		q.grant |= as
	}
}

// shape is what a decision needs to know of the policies beside what they said.
type shape struct {
	scps, rcps                int // levels
	boundary, session, trust  bool
	resource, trusts, tooMany bool
}

func shapeOf(p *Policies) shape {
	s := shape{
		scps: len(p.SCPs), rcps: len(p.RCPs),
		boundary: p.Boundary != nil,
		session:  p.HasSession || len(p.Session) > 0,
		trust:    p.Trust,
		resource: len(p.Resource) > 0,
	}
	for i := range p.Resource {
		s.trusts = s.trusts || p.Resource[i].Policy != nil && p.Resource[i].Policy.kind == Trust
	}
	s.trust = s.trust || s.trusts // nobody assumes a role on his own word
	s.tooMany = s.scps > 64 || s.rcps > 64
	return s
}

// decide follows the flow chart: denials first, then what may bound the
// answer, then what must grant it.
func (v *Verdict) decide(s shape) {
	q := &v.q
	v.trust = s.trusts || s.trust && !s.resource
	scp, rcp := s.scps > 0 && q.applies(LayerSCP), s.rcps > 0 && q.applies(LayerRCP)
	boundary, session := s.boundary && q.applies(LayerBoundary), s.session && q.applies(LayerSession)
	v.say(LayerSCP, scp, q.allowed[LayerSCP] == levels(s.scps))
	v.say(LayerRCP, rcp, q.allowed[LayerRCP] == levels(s.rcps))
	v.say(LayerResource, s.resource || s.trust, q.allowed[LayerResource] != 0)
	v.say(LayerIdentity, q.applies(LayerIdentity), q.allowed[LayerIdentity] != 0)
	v.say(LayerBoundary, boundary, q.allowed[LayerBoundary] != 0)
	v.say(LayerSession, session, q.allowed[LayerSession] != 0)

	if q.broken || s.tooMany {
		return
	}
	for layer := LayerSCP; layer < layers; layer++ {
		if q.denied[layer] {
			v.Effect, v.Reason = ExplicitDeny, layer
			return
		}
	}
	if v.Layers[LayerRCP] == ImplicitDeny {
		v.Reason = LayerRCP
		return
	}
	if v.Layers[LayerSCP] == ImplicitDeny {
		v.Reason = LayerSCP
		return
	}
	v.Effect, v.Reason = q.grantOrDeny(v, s)
}

func (v *Verdict) say(layer Layer, present, allows bool) {
	switch {
	case !present:
		v.Layers[layer] = Absent
	case v.q.denied[layer]:
		v.Layers[layer] = ExplicitDeny
	case allows:
		v.Layers[layer] = Allow
	default:
		v.Layers[layer] = ImplicitDeny
	}
}

// levels is the set of n levels.
func levels(n int) uint64 {
	if n >= 64 {
		return all
	}
	return 1<<n - 1
}

// grantOrDeny is the part of the chart that differs by who asks and how the
// resource policy named them (IAM User Guide, "Evaluating identity-based
// policies with resource-based policies" and "Cross-account policy evaluation
// logic").
func (q *query) grantOrDeny(v *Verdict, s shape) (Effect, Layer) {
	p := q.principal
	switch p.Type {
	case Anonymous, Service, Federated:
		// No policies of their own: only the resource's policy can allow.
		if q.grant&grantDirect != 0 {
			return Allow, LayerResource
		}
		return ImplicitDeny, LayerResource
	case Account:
		if v.trust {
			return ImplicitDeny, LayerResource // root cannot assume roles
		}
	}

	identity := v.Layers[LayerIdentity] == Allow || p.Type == Account || p.ofRoot()
	boundary := v.Layers[LayerBoundary] == Allow || v.Layers[LayerBoundary] == Absent
	session := v.Layers[LayerSession] == Allow ||
		// A federated user without session policy may do nothing; a role may.
		v.Layers[LayerSession] == Absent && p.Type != FederatedUser

	if q.same {
		if q.grant&grantDirect != 0 && p.Type != Account { // an AssumeRoot session never does more than its task
			return Allow, LayerResource
		}
		if q.grant&grantRole != 0 {
			identity = true
		}
	}
	switch {
	case !identity:
		return ImplicitDeny, LayerIdentity
	case !boundary:
		return ImplicitDeny, LayerBoundary
	case !session:
		return ImplicitDeny, LayerSession
	case (!q.same || s.trust) && q.grant == 0:
		return ImplicitDeny, LayerResource
	case !q.same || s.trust || v.Layers[LayerIdentity] != Allow && q.grant != 0:
		return Allow, LayerResource
	}
	return Allow, LayerIdentity
}
