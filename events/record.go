package events

import (
	"encoding/json"
	"strconv"
	"time"
)

// Record says who asked for what, from where, how it was judged and what was
// answered. It is the data of a decision's CloudEvent, the raw column of its
// audit row and the CloudTrailEvent that LookupEvents returns: one shape from
// the log to the auditor. The members and their order are those of CloudTrail
// (User Guide, "CloudTrail record contents"); verdict is ours.
type Record struct {
	EventVersion        string          `json:"eventVersion"`
	UserIdentity        UserIdentity    `json:"userIdentity"`
	EventTime           time.Time       `json:"eventTime"` // whole seconds, as CloudTrail; the envelope's time is exact
	EventSource         string          `json:"eventSource"`
	EventName           string          `json:"eventName"`
	AWSRegion           string          `json:"awsRegion"`
	SourceIPAddress     string          `json:"sourceIPAddress"`
	UserAgent           string          `json:"userAgent,omitempty"`
	ErrorCode           string          `json:"errorCode,omitempty"`
	ErrorMessage        string          `json:"errorMessage,omitempty"`
	RequestParameters   json.RawMessage `json:"requestParameters"` // an object or null, from an allow-list
	ResponseElements    json.RawMessage `json:"responseElements"`
	AdditionalEventData json.RawMessage `json:"additionalEventData,omitempty"`
	RequestID           string          `json:"requestID,omitempty"`
	EventID             string          `json:"eventID"` // UUIDv7, also the CloudEvent's id
	ReadOnly            bool            `json:"readOnly"`
	Resources           []Resource      `json:"resources,omitempty"`
	EventType           string          `json:"eventType"` // AwsApiCall
	APIVersion          string          `json:"apiVersion,omitempty"`
	ManagementEvent     bool            `json:"managementEvent"`
	RecipientAccountID  string          `json:"recipientAccountId"`
	SharedEventID       string          `json:"sharedEventID,omitempty"`
	EventCategory       string          `json:"eventCategory"` // Management
	TLSDetails          *TLSDetails     `json:"tlsDetails,omitempty"`
	Verdict             Verdict         `json:"verdict"`
}

// UserIdentity is CloudTrail's userIdentity element.
type UserIdentity struct {
	Type           string          `json:"type"` // Root, IAMUser, AssumedRole, FederatedUser, AWSAccount, AWSService, Unknown
	PrincipalID    string          `json:"principalId,omitempty"`
	ARN            string          `json:"arn,omitempty"`
	AccountID      string          `json:"accountId,omitempty"`
	AccessKeyID    string          `json:"accessKeyId,omitempty"`
	UserName       string          `json:"userName,omitempty"`
	InvokedBy      string          `json:"invokedBy,omitempty"` // AWSService: who
	SessionContext *SessionContext `json:"sessionContext,omitempty"`
}

// SessionContext is there when temporary credentials were used.
type SessionContext struct {
	SessionIssuer  *SessionIssuer    `json:"sessionIssuer,omitempty"`
	Attributes     SessionAttributes `json:"attributes"`
	SourceIdentity string            `json:"sourceIdentity,omitempty"`
}

// SessionIssuer is the role or user a session was made from.
type SessionIssuer struct {
	Type        string `json:"type"` // Role, IAMUser, Root
	PrincipalID string `json:"principalId"`
	ARN         string `json:"arn"`
	AccountID   string `json:"accountId"`
	UserName    string `json:"userName"`
}

// SessionAttributes holds strings where one would expect a time and a bool,
// because CloudTrail does.
type SessionAttributes struct {
	CreationDate     string `json:"creationDate"`     // 2006-01-02T15:04:05Z
	MFAAuthenticated string `json:"mfaAuthenticated"` // "true", "false"
}

// Resource is one object a request touched.
type Resource struct {
	ARN       string `json:"ARN"`
	AccountID string `json:"accountId,omitempty"`
	Type      string `json:"type"` // AWS::IAM::User
}

// TLSDetails describes the connection a request came in by.
type TLSDetails struct {
	TLSVersion               string `json:"tlsVersion,omitempty"`
	CipherSuite              string `json:"cipherSuite,omitempty"`
	ClientProvidedHostHeader string `json:"clientProvidedHostHeader,omitempty"`
}

// Verdict says how a request was judged, in enough detail to judge it again.
type Verdict struct {
	Effect    string  `json:"effect"`           // Allow, ExplicitDeny, ImplicitDeny; Unauthenticated if it never came to judging
	World     uint64  `json:"world"`            // sequence of IDENTITY it was judged at
	Evaluator string  `json:"evaluator"`        // version of the evaluator
	Checks    []Check `json:"checks,omitempty"` // every (action, resource) that had to be allowed
}

// Check is the judgement of one action on one resource.
type Check struct {
	Principal  string      `json:"principal,omitempty"` // whose permission was asked about, if it is not the caller's own
	Action     string      `json:"action"`              // iam:CreateUser
	Resource   string      `json:"resource"`
	Effect     string      `json:"effect"`
	Layers     []Layer     `json:"layers,omitempty"`
	Statements []Statement `json:"statements,omitempty"` // every statement that matched
	Near       []Near      `json:"near,omitempty"`       // for an implicit deny, what came closest
}

// Layer is what one kind of policy said.
type Layer struct {
	Type   string `json:"type"` // identity-based policy, session policy, …: the words of AWS's messages
	Effect string `json:"effect"`
}

// Statement names a statement that matched.
type Statement struct {
	Policy  string `json:"policy"` // ARN, or owner ARN and name of an inline policy
	Version string `json:"version,omitempty"`
	Index   int    `json:"index"` // from 0
	Sid     string `json:"sid,omitempty"`
	Effect  string `json:"effect"` // Allow, Deny
}

// Near is a statement that would have allowed the request but for one thing.
type Near struct {
	Policy string `json:"policy"`
	Index  int    `json:"index"`
	Failed string `json:"failed"` // the part that did not match
}

// EventVersion is the version of CloudTrail's record format that we write.
const EventVersion = "1.11"

const seconds = "2006-01-02T15:04:05Z"

// AppendJSON appends r as JSON. It writes what encoding/json would, some ten
// times faster: one is written for every request served.
func (r *Record) AppendJSON(b []byte) []byte {
	o := object{buf: append(b, '{')}
	o.str("eventVersion", r.EventVersion)
	o.key("userIdentity")
	o.buf = r.UserIdentity.append(o.buf)
	o.str("eventTime", r.EventTime.UTC().Format(seconds))
	o.str("eventSource", r.EventSource)
	o.str("eventName", r.EventName)
	o.str("awsRegion", r.AWSRegion)
	o.str("sourceIPAddress", r.SourceIPAddress)
	o.opt("userAgent", r.UserAgent)
	o.opt("errorCode", r.ErrorCode)
	o.opt("errorMessage", r.ErrorMessage)
	o.raw("requestParameters", r.RequestParameters)
	o.raw("responseElements", r.ResponseElements)
	if r.AdditionalEventData != nil {
		o.raw("additionalEventData", r.AdditionalEventData)
	}
	o.opt("requestID", r.RequestID)
	o.str("eventID", r.EventID)
	o.bool("readOnly", r.ReadOnly)
	if len(r.Resources) > 0 {
		o.list("resources", len(r.Resources), func(i int, o *object) {
			o.str("ARN", r.Resources[i].ARN)
			o.opt("accountId", r.Resources[i].AccountID)
			o.str("type", r.Resources[i].Type)
		})
	}
	o.str("eventType", r.EventType)
	o.opt("apiVersion", r.APIVersion)
	o.bool("managementEvent", r.ManagementEvent)
	o.str("recipientAccountId", r.RecipientAccountID)
	o.opt("sharedEventID", r.SharedEventID)
	o.str("eventCategory", r.EventCategory)
	if t := r.TLSDetails; t != nil {
		o.key("tlsDetails")
		i := object{buf: append(o.buf, '{')}
		i.opt("tlsVersion", t.TLSVersion)
		i.opt("cipherSuite", t.CipherSuite)
		i.opt("clientProvidedHostHeader", t.ClientProvidedHostHeader)
		o.buf = append(i.buf, '}')
	}
	o.key("verdict")
	o.buf = r.Verdict.append(o.buf)
	return append(o.buf, '}')
}

func (u *UserIdentity) append(b []byte) []byte {
	o := object{buf: append(b, '{')}
	o.str("type", u.Type)
	o.opt("principalId", u.PrincipalID)
	o.opt("arn", u.ARN)
	o.opt("accountId", u.AccountID)
	o.opt("accessKeyId", u.AccessKeyID)
	o.opt("userName", u.UserName)
	o.opt("invokedBy", u.InvokedBy)
	if c := u.SessionContext; c != nil {
		o.key("sessionContext")
		s := object{buf: append(o.buf, '{')}
		if c.SessionIssuer != nil {
			s.key("sessionIssuer")
			i := object{buf: append(s.buf, '{')}
			i.str("type", c.SessionIssuer.Type)
			i.str("principalId", c.SessionIssuer.PrincipalID)
			i.str("arn", c.SessionIssuer.ARN)
			i.str("accountId", c.SessionIssuer.AccountID)
			i.str("userName", c.SessionIssuer.UserName)
			s.buf = append(i.buf, '}')
		}
		s.key("attributes")
		a := object{buf: append(s.buf, '{')}
		a.str("creationDate", c.Attributes.CreationDate)
		a.str("mfaAuthenticated", c.Attributes.MFAAuthenticated)
		s.buf = append(a.buf, '}')
		s.opt("sourceIdentity", c.SourceIdentity)
		o.buf = append(s.buf, '}')
	}
	return append(o.buf, '}')
}

func (v *Verdict) append(b []byte) []byte {
	o := object{buf: append(b, '{')}
	o.str("effect", v.Effect)
	o.uint("world", v.World)
	o.str("evaluator", v.Evaluator)
	if len(v.Checks) > 0 {
		o.list("checks", len(v.Checks), func(i int, o *object) { v.Checks[i].append(o) })
	}
	return append(o.buf, '}')
}

// AppendJSON appends c as JSON.
func (c *Check) AppendJSON(b []byte) []byte {
	o := object{buf: append(b, '{')}
	c.append(&o)
	return append(o.buf, '}')
}

func (c *Check) append(o *object) {
	o.opt("principal", c.Principal)
	o.str("action", c.Action)
	o.str("resource", c.Resource)
	o.str("effect", c.Effect)
	if len(c.Layers) > 0 {
		o.list("layers", len(c.Layers), func(i int, o *object) {
			o.str("type", c.Layers[i].Type)
			o.str("effect", c.Layers[i].Effect)
		})
	}
	if len(c.Statements) > 0 {
		o.list("statements", len(c.Statements), func(i int, o *object) {
			s := &c.Statements[i]
			o.str("policy", s.Policy)
			o.opt("version", s.Version)
			o.uint("index", uint64(s.Index))
			o.opt("sid", s.Sid)
			o.str("effect", s.Effect)
		})
	}
	if len(c.Near) > 0 {
		o.list("near", len(c.Near), func(i int, o *object) {
			o.str("policy", c.Near[i].Policy)
			o.uint("index", uint64(c.Near[i].Index))
			o.str("failed", c.Near[i].Failed)
		})
	}
}

// AppendString appends s as a JSON string.
func AppendString(b []byte, s string) []byte { return appendString(b, s) }

// object appends the members of one JSON object.
type object struct {
	buf []byte
}

func (o *object) key(k string) {
	if o.buf[len(o.buf)-1] != '{' {
		o.buf = append(o.buf, ',')
	}
	o.buf = append(o.buf, '"')
	o.buf = append(o.buf, k...)
	o.buf = append(o.buf, '"', ':')
}

func (o *object) str(k, v string) { o.key(k); o.buf = appendString(o.buf, v) }

func (o *object) opt(k, v string) {
	if v != "" {
		o.str(k, v)
	}
}

func (o *object) raw(k string, v json.RawMessage) {
	o.key(k)
	if len(v) == 0 {
		v = json.RawMessage("null")
	}
	o.buf = append(o.buf, v...)
}

func (o *object) bool(k string, v bool)   { o.key(k); o.buf = strconv.AppendBool(o.buf, v) }
func (o *object) uint(k string, v uint64) { o.key(k); o.buf = strconv.AppendUint(o.buf, v, 10) }

func (o *object) list(k string, n int, item func(i int, o *object)) {
	o.key(k)
	o.buf = append(o.buf, '[')
	for i := range n {
		if i > 0 {
			o.buf = append(o.buf, ',')
		}
		in := object{buf: append(o.buf, '{')}
		item(i, &in)
		o.buf = append(in.buf, '}')
	}
	o.buf = append(o.buf, ']')
}
