package audit

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/seal"
	"github.com/keytrail/keytrail/projections"
	"github.com/keytrail/keytrail/projections/policy"
)

// Other services ask whether somebody may do something, in AuthZEN's words
// (OpenID Authorization API 1.0). Asking is an action like all others: it is
// authenticated, judged on the subject that is asked about, and recorded. The
// answer is what the gate would say if the subject itself came with the
// request: the same policies, the same World, the same evaluator.

// Question asks whether a subject may do an action on a resource.
type Question struct {
	Subject  Entity
	Action   Act
	Resource Entity
	Context  []Property
	fault    *Fault // what of it can't be read
}

// Entity is a subject or a resource. A subject's ID is a name or an ARN, its
// Type user, role, session or root. A resource's ID is an ARN, or a name of
// which its Type makes one; see docs/decisions/0015.
type Entity struct {
	Type, ID   string
	Properties []Property
	Token      string // session token of a subject that is a session; never recorded
}

// Act is the action of a question: s3:GetObject, or GetObject of a resource
// whose type is s3.
type Act struct {
	Name       string
	Properties []Property
}

// Property is a condition key and its values. A name without a colon belongs
// to what it is a property of: subject:…, action:…, resource:…, context:…
type Property struct {
	Name   string
	Values []string
	List   bool // a key of many values, however many there are
}

// Semantic says when a batch ends.
type Semantic uint8

const (
	ExecuteAll          Semantic = iota
	DenyOnFirstDeny              // the first no ends it
	PermitOnFirstPermit          // the first yes ends it
)

// EvaluateInput is a batch of questions. Its JSON is AuthZEN's evaluations
// request; without a list of evaluations it is one question.
type EvaluateInput struct {
	Questions []Question
	Semantic  Semantic
	Single    bool // answered without a list
}

// MaxQuestions is how many may be asked at once.
const MaxQuestions = 1000

// EvaluateOutput has one decision for each question, in order, up to the one
// that ended the batch.
type EvaluateOutput struct {
	Decisions []Decision
	Single    bool
	World     uint64 // sequence of IDENTITY they were judged at
}

// Decision is the answer to one question.
type Decision struct {
	ID    string // of the event that records it
	Check events.Check
	Fault *Fault // why it could not be judged, if it could not: then it is a no
	asked int    // which check of the request's verdict allowed to ask; -1: none
	of    *Question
}

// Allowed says whether the subject may.
func (d *Decision) Allowed() bool { return d.Check.Effect == policy.Allow.String() }

// Fault is why a question could not be judged.
type Fault struct {
	Status  int // as HTTP would say
	Message string
}

func fault(status int, message string) *Fault { return &Fault{status, message} }

var (
	faultIncomplete = fault(400, "subject.type, subject.id, action.name, resource.type and resource.id are needed.")
	faultKind       = fault(404, "There is no such type of subject: user, role, session and root are known.")
	faultSubject    = fault(404, "There is no such subject.")
	faultSession    = fault(403, "What a session may is sealed in its token: give it as subject.properties.token, or ask about the role.")
	faultAction     = fault(400, "The action must be service:Operation, without wildcards, or an operation of the resource's type.")
	faultResource   = fault(404, "The resource must be an ARN, or have a type that is a service or service:kind in small letters.")
	faultReserved   = fault(400, "A condition key is given twice, or is one that Keytrail knows better.")
	faultKnown      = fault(400, faultReserved.Message)
	faultValue      = fault(400, "A property must be a string, number, boolean, list of these, or an object of such.")
)

// asking are the actions that ask about others. They alone may be called with
// a bearer token.
var asking = []Action{
	asks((*turn).evaluate, (*ask).about),
}

func asks[I, O any](run func(*turn, *I) (*O, error), targets func(*ask, *I)) Action {
	a := row[I, O]("keytrail", targets, "", "")
	a.ReadOnly, a.asks = true, true
	a.run = func(_ context.Context, t *turn, in any) (any, error) {
		out, err := run(t, in.(*I))
		if err != nil {
			return nil, err
		}
		return out, nil
	}
	return a
}

// subject is whom a question is about, as the World has it.
type subject struct {
	arn    string
	caller *projections.Caller
	fault  *Fault
	other  bool              // of another account than the asker's
	target int               // of the permission to ask about it; -1: none
	who    *policy.Principal // once it was judged
}

// about demands the permission to ask about each subject. A question about
// nobody in particular needs none of its own: its answer tells nothing.
func (k *ask) about(in *EvaluateInput) {
	known := map[[2]string]int{}
	k.subjects = make([]*subject, len(in.Questions))
	for i := range in.Questions {
		q := &in.Questions[i]
		name := [2]string{q.Subject.Type, q.Subject.ID}
		if at, ok := known[name]; ok && q.Subject.Token == in.Questions[at].Subject.Token {
			if k.subjects[i] = k.subjects[at]; !k.subjects[i].other || k.mine(&q.Resource) {
				continue
			}
		}
		known[name] = i
		k.subjects[i] = k.subject(&q.Subject, &q.Resource)
	}
	if len(k.targets) == 0 {
		k.any()
		for _, s := range k.subjects {
			s.target = 0
		}
	}
}

// subject finds a subject and adds the permission to ask about it. Whether
// somebody of another account may do something on what is registered in the
// asker's account is the asker's account's to permit; what else she may do, is
// not, so it is refused. on is nil where no resource is named.
func (k *ask) subject(e, on *Entity) *subject {
	s := k.find(e)
	if s.target = -1; s.arn != "" {
		s.target = len(k.targets)
		t := k.on(s.arn, "", nil)
		if s.other && (on == nil || !k.mine(on)) {
			t.owner = strings.SplitN(s.arn, ":", 6)[4]
		}
	}
	return s
}

// find looks for a subject by name in the asker's account, by ARN in any.
func (k *ask) find(e *Entity) *subject {
	a, kind, name := k.account, e.Type, e.ID
	if kind == "" || name == "" {
		return &subject{fault: faultIncomplete}
	}
	if strings.HasPrefix(name, "arn:") {
		part := strings.SplitN(name, ":", 6)
		if len(part) != 6 || !isAccount(part[4]) {
			return &subject{fault: faultSubject}
		}
		s := &subject{arn: name, fault: faultSubject, other: part[4] != a.ID}
		in := part[2] + ":" + part[5]
		if s.other {
			a, _ = k.world.Account(part[4])
		}
		switch {
		case part[1] != "aws" || part[3] != "" || a == nil:
		case kind == "root" && in == "iam:root":
			s.is(&projections.Caller{Type: projections.Root, Account: a, ARN: name, UserID: a.ID})
		case kind == "user" && strings.HasPrefix(in, "iam:user/"):
			s.user(a, in[strings.LastIndexByte(in, '/')+1:], true)
		case kind == "role" && strings.HasPrefix(in, "iam:role/"):
			s.role(a, in[strings.LastIndexByte(in, '/')+1:], true)
		case kind == "session" && strings.HasPrefix(in, "sts:assumed-role/"):
			s.session(k, e)
		}
		return s
	}
	s := &subject{fault: faultSubject}
	switch kind {
	case "root":
		s.arn = a.RootARN()
		if name == a.ID {
			s.is(&projections.Caller{Type: projections.Root, Account: a, ARN: s.arn, UserID: a.ID})
		}
	case "user":
		s.arn = a.ARN("user", "/", name)
		s.user(a, name, false)
	case "role":
		s.arn = a.ARN("role", "/", name)
		s.role(a, name, false)
	case "session": // role/session
		s.arn = "arn:aws:sts::" + a.ID + ":assumed-role/" + name
		s.session(k, e)
	default:
		s.fault = faultKind
	}
	return s
}

func (s *subject) is(c *projections.Caller) { s.caller, s.arn, s.fault = c, c.ARN, nil }

// user and role take the entity of a name; an ARN that was given must be its own.
func (s *subject) user(a *projections.Account, name string, given bool) {
	if u, ok := a.User(name); ok && (!given || s.arn == u.ARN(a)) {
		s.is(&projections.Caller{Type: projections.IAMUser, Account: a, ARN: u.ARN(a), UserID: u.ID, User: u})
	}
}

// A role is asked about as a session of it that was given no policies or tags
// of its own; which one is not known, so there is no aws:userid.
func (s *subject) role(a *projections.Account, name string, given bool) {
	if r, ok := a.Role(name); ok && (!given || s.arn == r.ARN(a)) {
		s.is(&projections.Caller{Type: projections.AssumedRole, Account: a, ARN: r.ARN(a), Role: r})
	}
}

// session takes a session by its token, or the asker's own. From its ARN alone
// nobody knows its session policies, so it is not judged: it would be allowed
// what they deny.
func (s *subject) session(k *ask, e *Entity) {
	s.fault = faultSession
	if e.Token == "" {
		if k.caller.ARN == s.arn && k.caller.Session != nil {
			s.is(k.caller)
		}
		return
	}
	s.fault = faultSubject
	if c := k.turn.holder(k.world, e.Token); c != nil && c.Type == projections.AssumedRole && c.ARN == s.arn {
		s.is(c)
	}
}

// holder is the caller that a session token stands for, or nil.
func (t *turn) holder(w *projections.World, token string) *projections.Caller {
	text, _, err := t.gate.Keys.OpenToken(token)
	var s projections.Session
	if err != nil || json.Unmarshal(text, &s) != nil || !t.now.Before(s.Expires) || s.World > w.Seq {
		return nil
	}
	c, ok := w.SessionCaller(&s)
	if !ok {
		return nil
	}
	return c
}

func isAccount(id string) bool { return len(id) == 12 && strings.Trim(id, "0123456789") == "" }

// evaluate answers the questions. Asking has been judged.
func (t *turn) evaluate(in *EvaluateInput) (*EvaluateOutput, error) {
	if len(in.Questions) == 0 || len(in.Questions) > MaxQuestions {
		return nil, errQuestions
	}
	out := &EvaluateOutput{Decisions: make([]Decision, 0, len(in.Questions)), Single: in.Single, World: t.verdict.World}
	d := desks.Get().(*desk)
	defer desks.Put(d)
	for i := range in.Questions {
		out.Decisions = append(out.Decisions, Decision{ID: newID(), of: &in.Questions[i]})
		answer := &out.Decisions[i]
		t.decide(d, t.ask.subjects[i], answer)
		if in.Semantic == DenyOnFirstDeny && !answer.Allowed() || in.Semantic == PermitOnFirstPermit && answer.Allowed() {
			break
		}
	}
	return out, nil
}

var errQuestions = refusal("ValidationError", "A request must ask at least one question and at most %d.", MaxQuestions)

// decide answers one question.
func (t *turn) decide(d *desk, s *subject, out *Decision) {
	q := out.of
	out.asked = s.target
	out.Check = events.Check{Principal: s.arn, Action: q.Action.Name, Resource: q.Resource.ID, Effect: policy.ImplicitDeny.String()}
	if out.Fault = q.fault; out.Fault == nil {
		out.Fault = s.fault
	}
	// Whether there is such a subject in another account is not for the asker:
	// nobody may do anything, and so is answered who may do nothing.
	caller := s.caller
	if s.other && out.Fault == faultSubject {
		caller, out.Fault = &projections.Caller{Account: &projections.Account{ID: strings.SplitN(s.arn, ":", 6)[4]}, ARN: s.arn}, nil
	}
	if out.Fault == nil {
		out.Fault = t.names(q, &out.Check)
	}
	if out.Fault != nil {
		return
	}
	k := ask{world: t.ask.world, account: caller.Account, caller: caller, region: t.ask.region}
	g := k.thing(out.Check.Action, out.Check.Resource)
	if s.who == nil {
		s.who = new(principal(caller))
	}
	r := policy.Request{Principal: s.who, Action: out.Check.Action, Resource: g.resource, ResourceAccount: g.owner, Context: &d.context}
	switch {
	case s.other: // or nobody may ask
		r.ResourceAccount = t.ask.account.ID
	case r.ResourceAccount == "":
		r.ResourceAccount = caller.Account.ID
	}
	out.Fault = t.suppose(&d.context, r.Principal, caller, &r, g, q)
	if out.Fault == faultKnown && r.ResourceAccount != t.ask.account.ID {
		out.Fault = nil // that another account has registered this very resource is not for the asker
		return
	}
	if out.Fault != nil || s.caller == nil {
		return
	}
	own := k.world.Compiled(caller)
	if g.side != nil {
		own.EvaluateOn(&r, g.side, &d.verdict)
	} else {
		own.Evaluate(&r, &d.verdict)
	}
	between := r.ResourceAccount != caller.Account.ID
	if between {
		t.veil(&d.verdict, caller.Account.ID, r.ResourceAccount)
	}
	out.Check = check(&r, &d.verdict)
	if out.Check.Principal = s.arn; between {
		out.Check.Layers = nil
	}
}

// veil leaves of a verdict between two accounts what the asker may know: yes or
// no, and of a yes the statements of the asker's own account. What else matched,
// or came near, would tell of the other account's policies, tags and names.
func (t *turn) veil(v *policy.Verdict, subject, owner string) {
	v.Near = v.Near[:0]
	if !v.Allowed() {
		v.Effect, v.Matched = policy.ImplicitDeny, v.Matched[:0]
		return
	}
	v.Matched = slices.DeleteFunc(v.Matched, func(m policy.Match) bool {
		switch m.Layer {
		case policy.LayerResource:
			return owner != t.ask.account.ID
		case policy.LayerIdentity, policy.LayerBoundary, policy.LayerSession:
			return subject != t.ask.account.ID
		}
		return true
	})
}

// names makes the action and the ARN that a question means.
func (t *turn) names(q *Question, c *events.Check) *Fault {
	resource, service, ok := t.resource(&q.Resource)
	if !ok {
		return faultResource
	}
	action := q.Action.Name
	if !strings.Contains(action, ":") {
		action = service + ":" + action
	}
	vendor, name, _ := strings.Cut(action, ":")
	if vendor == "" || name == "" || len(action) > maxAction || strings.Contains(name, ":") || strings.ContainsFunc(action, unfit) {
		return faultAction
	}
	c.Action, c.Resource = action, resource
	return nil
}

const (
	maxAction   = 256
	maxResource = 2048 // characters of an ARN
)

func unfit(r rune) bool { return r == '*' || r == '?' || r <= ' ' || r == 0x7F }

// resource is the ARN of a resource and its service. A type is a service, with
// a kind of thing in it or without: of record and 7 comes
// arn:aws:record:REGION:ACCOUNT:7, of record:page arn:aws:record:REGION:ACCOUNT:page/7.
// IAM has no regions, S3 neither regions nor accounts in its ARNs.
func (t *turn) resource(e *Entity) (arn, service string, ok bool) {
	if e.ID == "" || len(e.ID) > maxResource || strings.ContainsFunc(e.ID, func(r rune) bool { return r < ' ' || r == 0x7F }) {
		return "", "", false
	}
	service, kind, has := strings.Cut(e.Type, ":")
	if strings.HasPrefix(e.ID, "arn:") {
		part := strings.SplitN(e.ID, ":", 6)
		return e.ID, part[min(2, len(part)-1)], len(part) == 6
	}
	if !isWord(service) || has && !isWord(kind) {
		return "", "", false
	}
	if e.ID == "*" {
		return "*", service, true
	}
	a := t.ask.account
	switch service {
	case "iam":
		return t.ofIAM(kind, e.ID), service, has
	case "s3": // a bucket, or bucket/key
		return "arn:aws:s3:::" + e.ID, service, true
	}
	arn = "arn:aws:" + service + ":" + t.ask.region + ":" + a.ID + ":"
	if has {
		arn += kind + "/"
	}
	return arn + e.ID, service, true
}

// ofIAM is the ARN of an entity, with its path if there is one of that name.
func (t *turn) ofIAM(kind, name string) string {
	k := ask{world: t.ask.world, account: t.ask.account, caller: t.caller}
	switch kind {
	case "user":
		k.user(&name)
	case "group":
		k.group(&name)
	case "role":
		k.role(&name)
	case "instance-profile":
		k.instanceProfile(&name)
	default:
		return k.account.ARN(kind, "/", name)
	}
	return k.targets[0].resource
}

func isWord(s string) bool {
	return s != "" && len(s) <= 64 && strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" && s[0] >= 'a'
}

// thing is the resource of a question with what the World knows of it: tags
// and boundary, or whom a role trusts.
func (k *ask) thing(action, arn string) *target {
	part := strings.SplitN(arn, ":", 6)
	switch {
	case len(part) != 6:
		k.on(arn, "", nil)
	case part[2] == "iam" && strings.HasPrefix(part[5], "role/") && isTrusted(action):
		k.assume(arn)
	case part[2] == "iam" && strings.HasPrefix(part[5], "policy/"):
		k.policy(&arn)
	case part[2] == "iam" && strings.HasPrefix(part[5], "instance-profile/"):
		name := arn[strings.LastIndexByte(arn, '/')+1:]
		if k.instanceProfile(&name); k.targets[0].resource != arn {
			k.targets[0] = target{resource: arn}
		}
	case part[2] == "iam":
		k.entity(&arn)
	case strings.HasPrefix(strings.ToLower(action), "keytrail:"):
		return k.register(arn)
	default:
		return k.resource(arn)
	}
	t := &k.targets[0]
	if len(part) == 6 && isAccount(part[4]) {
		t.owner = part[4]
	}
	return t
}

// isTrusted: a role's trust policy must allow it too.
func isTrusted(action string) bool {
	switch strings.ToLower(action) {
	case "sts:assumerole", "sts:tagsession", "sts:setsourceidentity":
		return true
	}
	return false
}

// reserved are keys that follow from who asks and what for; what is said of
// them in a question is not believed, nor passed over.
var reserved = map[string]bool{
	"aws:principalarn": true, "aws:principalaccount": true, "aws:principaltype": true, "aws:userid": true, "aws:username": true,
	"aws:principalisawsservice": true, "aws:resourceaccount": true,
	"aws:principalorgid": true, "aws:principalorgpaths": true, "aws:resourceorgid": true, "aws:resourceorgpaths": true,
}

// suppose sets the condition keys of a question: what the World knows, then
// what the question gives. What only the subject's own connection could tell
// (aws:SourceIp, aws:SecureTransport …) is there if it is given.
func (t *turn) suppose(c *policy.Context, who *policy.Principal, caller *projections.Caller, r *policy.Request, g *target, q *Question) *Fault {
	c.Reset()
	c.SetPrincipal(who)
	if who.ID == "" { // a role: which session is not known
		c.Reset()
		c.Set("aws:PrincipalArn", who.RoleARN)
		c.Set("aws:PrincipalAccount", who.Account)
		c.Set("aws:PrincipalType", who.Type.String())
	}
	c.SetKey(keyIsService, "false")
	c.SetKey(keyOwner, r.ResourceAccount)
	organized(c, t.ask.world, caller.Account, r.ResourceAccount)
	for key, value := range caller.Tags() {
		c.Set("aws:PrincipalTag/"+key, value)
	}
	if s := caller.Session; s != nil {
		c.SetKey(keyIssued, s.Issued.Format(time.RFC3339))
		t.factors(c, s)
		if s.SourceIdentity != "" {
			c.SetKey(keyIdentity, s.SourceIdentity)
		}
	}
	for _, tag := range g.tags {
		c.Set("aws:ResourceTag/"+tag.Key, tag.Value)
		if !g.known {
			c.Set("iam:ResourceTag/"+tag.Key, tag.Value)
		}
	}
	for k, v := range g.keys {
		c.Set(k, v)
	}
	ours := g.known || strings.HasPrefix(r.Resource, "arn:aws:iam:") // whose tags are known
	for _, part := range [...]struct {
		of   string
		list []Property
	}{{"subject:", q.Subject.Properties}, {"action:", q.Action.Properties}, {"resource:", q.Resource.Properties}, {"context:", q.Context}} {
		for i := range part.list {
			p := &part.list[i]
			name := p.Name
			if !strings.Contains(name, ":") {
				name = part.of + name
			}
			low := strings.ToLower(name)
			if reserved[low] || strings.HasPrefix(low, "aws:principaltag/") {
				return faultReserved
			}
			if ours && strings.Contains(low, ":resourcetag/") {
				return faultKnown
			}
			if _, twice := c.Get(name); twice {
				return faultReserved
			}
			if p.List || len(p.Values) != 1 {
				c.SetMulti(name, p.Values)
			} else {
				c.Set(name, p.Values[0])
			}
		}
	}
	if _, given := c.Get("aws:CurrentTime"); !given {
		c.SetKey(keyCurrentTime, t.now.Format(time.RFC3339))
	}
	if _, given := c.Get("aws:EpochTime"); !given {
		c.SetKey(keyEpochTime, strconv.FormatInt(t.now.Unix(), 10))
	}
	return nil
}

// bearer makes the proof of who only shows a session token. That the token is
// ours says its seal; it proves nothing for actions other than asking, since
// it travels with every request of its session.
func (g *Gate) bearer(r *Request) (Proof, error) {
	text, _, err := g.Keys.OpenToken(r.Bearer)
	var s projections.Session
	if a := g.actions[r.Service+":"+r.Name]; a == nil || !a.asks || err != nil || json.Unmarshal(text, &s) != nil {
		return nil, errBadToken
	}
	return held{s.AccessKeyID, r.Bearer}, nil
}

// held is a session token that was shown.
type held struct{ key, token string }

func (h held) KeyID() string           { return h.key }
func (h held) Token() string           { return h.token }
func (h held) Check(seal.Secret) error { return nil } // the seal was checked when it was opened
func (h held) ID() string              { return "" }  // only what changes something asks for it
func (h held) CheckUnknown() error     { return errBadToken }

// ReadQuestion reads the body of an endpoint of AuthZEN.
func ReadQuestion(path string, body []byte) (any, error) {
	var in interface{ UnmarshalJSON([]byte) error }
	switch path {
	case "/access/v1/evaluation", "/access/v1/evaluations":
		in = new(EvaluateInput)
	case "/access/v1/search/subject":
		in = new(SearchSubjectInput)
	case "/access/v1/search/resource":
		in = new(SearchResourceInput)
	case "/access/v1/search/action":
		in = new(SearchActionInput)
	default:
		return nil, malformed("There is no such endpoint.")
	}
	if err := in.UnmarshalJSON(body); err != nil {
		return nil, err
	}
	if e, ok := in.(*EvaluateInput); ok && path == "/access/v1/evaluation" && !e.Single {
		return nil, malformed("A list of evaluations is for /access/v1/evaluations.")
	}
	return in, nil
}

// Fault says what of a question that was read can't be judged, or nil.
func (q *Question) Fault() *Fault { return q.fault }
