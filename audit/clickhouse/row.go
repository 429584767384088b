package clickhouse

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/keytrail/keytrail/events"
	"github.com/keytrail/keytrail/events/journal"
)

// row is one audit row as the table has it.
type row struct {
	stream                                          journal.Stream
	seq                                             uint64
	idx                                             uint32
	eventID                                         uuid.UUID
	time                                            time.Time
	account, region, eventSource, eventName, action string
	readOnly, management                            bool
	principal, principalType, principalID, userName string
	accessKey, issuer                               string
	mfa                                             bool
	sourceIP                                        netip.Addr // always 16 bytes
	source, userAgent, requestID, sharedID          string
	resource                                        string
	resourceARNs, resourceTypes                     []string
	decision, errorCode                             string
	policies, statements                            []string
	world                                           uint64
	evaluator, raw                                  string
}

var noAddr = netip.IPv6Unspecified()

// read makes the row of a decided request. Its strings are parts of e.Data.
func (r *row) read(s journal.Stream, seq uint64, idx int, e events.Raw) error {
	*r = row{stream: s, seq: seq, idx: uint32(idx), account: e.Account, sourceIP: noAddr, raw: view(e.Data),
		resourceARNs: r.resourceARNs[:0], resourceTypes: r.resourceTypes[:0], policies: r.policies[:0], statements: r.statements[:0]}
	fail := func(err error) error {
		return fmt.Errorf("%s sequence %d event %d (id %s): %w", s, seq, idx, e.ID, err)
	}
	var err error
	if r.eventID, err = uuid.Parse(e.ID); err != nil {
		return fail(fmt.Errorf("its id is no UUID: %w", err))
	}
	if y := e.Time.Year(); y < 1970 || y > 2200 {
		return fail(fmt.Errorf("its time %s is not one a table can hold", e.Time))
	}
	r.time = e.Time.UTC().Truncate(time.Microsecond)

	var host string
	var resources, verdict []byte
	err = members(e.Data, func(key string, v []byte) (err error) {
		switch key {
		case "userIdentity":
			err = r.identity(v)
		case "eventSource":
			r.eventSource, err = text(v)
		case "eventName":
			r.eventName, err = text(v)
		case "awsRegion":
			r.region, err = text(v)
		case "sourceIPAddress":
			host, err = text(v)
		case "userAgent":
			r.userAgent, err = text(v)
		case "errorCode":
			r.errorCode, err = text(v)
		case "requestID":
			r.requestID, err = text(v)
		case "sharedEventID":
			r.sharedID, err = text(v)
		case "readOnly":
			r.readOnly, err = boolean(v)
		case "managementEvent":
			r.management, err = boolean(v)
		case "resources":
			resources = v
		case "verdict":
			verdict = v
		}
		return err
	})
	if err == nil && verdict == nil {
		err = errRecord
	}
	if err == nil {
		err = r.judge(verdict)
	}
	if err == nil && resources != nil {
		err = r.touch(resources)
	}
	if err != nil {
		return fail(err)
	}
	if a, err := netip.ParseAddr(host); err == nil {
		r.sourceIP = netip.AddrFrom16(a.As16())
		if a.Zone() != "" {
			r.source = host
		}
	} else {
		r.source = host
	}
	if len(r.resourceARNs) > 0 {
		r.resource = r.resourceARNs[0]
	}
	if r.action == "" {
		service, _, _ := strings.Cut(r.eventSource, ".")
		r.action = service + ":" + r.eventName
	}
	return nil
}

// identity reads userIdentity.
func (r *row) identity(b []byte) error {
	var name string
	err := members(b, func(key string, v []byte) (err error) {
		switch key {
		case "type":
			r.principalType, err = text(v)
		case "principalId":
			r.principalID, err = text(v)
		case "arn":
			r.principal, err = text(v)
		case "accessKeyId":
			r.accessKey, err = text(v)
		case "userName":
			name, err = text(v)
		case "sessionContext":
			err = members(v, func(key string, v []byte) error {
				switch key {
				case "sessionIssuer":
					return members(v, func(key string, v []byte) (err error) {
						if key == "arn" {
							r.issuer, err = text(v)
						}
						return err
					})
				case "attributes":
					return members(v, func(key string, v []byte) error {
						if key == "mfaAuthenticated" {
							r.mfa = string(v) == `"true"`
						}
						return nil
					})
				}
				return nil
			})
		}
		return err
	})
	// LookupEvents' Username: the user, or the session's name for a role, or root.
	switch r.principalType {
	case "Root":
		r.userName = "root"
	case "AssumedRole", "FederatedUser":
		_, r.userName, _ = strings.Cut(r.principalID, ":") // AROA…:session, 123456789012:name
		if r.userName == "" {
			r.userName = r.principal[strings.LastIndexByte(r.principal, '/')+1:]
		}
	default:
		r.userName = name
	}
	return err
}

// judge reads the verdict: what was judged, and which statements settled it.
func (r *row) judge(b []byte) error {
	var checks []byte
	err := members(b, func(key string, v []byte) (err error) {
		switch key {
		case "effect":
			r.decision, err = text(v)
		case "world":
			r.world, err = number(v)
		case "evaluator":
			r.evaluator, err = text(v)
		case "checks":
			checks = v
		}
		return err
	})
	if err != nil {
		return err
	}
	var settles string
	switch r.decision {
	case "Allow":
		settles = "Allow"
	case "ExplicitDeny":
		settles = "Deny"
	case "ImplicitDeny", "Unauthenticated":
	default:
		return fmt.Errorf("its effect %q is none of Allow, ExplicitDeny, ImplicitDeny, Unauthenticated", r.decision)
	}
	if checks == nil {
		return nil
	}
	return items(checks, func(b []byte) error {
		var effect, resource, action string
		var statements []byte
		err := members(b, func(key string, v []byte) (err error) {
			switch key {
			case "action":
				action, err = text(v)
			case "resource":
				resource, err = text(v)
			case "effect":
				effect, err = text(v)
			case "statements":
				statements = v
			}
			return err
		})
		if err != nil {
			return err
		}
		if r.action == "" {
			r.action = action
		}
		if resource != "*" && resource != "" {
			r.addResource(resource, "")
		}
		if statements == nil || settles == "" || effect != r.decision {
			return nil
		}
		return items(statements, func(b []byte) error {
			var policy, sid, index, effect string
			err := members(b, func(key string, v []byte) (err error) {
				switch key {
				case "policy":
					policy, err = text(v)
				case "sid":
					sid, err = text(v)
				case "index":
					index = view(v)
				case "effect":
					effect, err = text(v)
				}
				return err
			})
			if err != nil || effect != settles {
				return err
			}
			if sid == "" {
				sid = "#" + index
			}
			for i := range r.policies {
				if r.policies[i] == policy && r.statements[i] == sid {
					return nil
				}
			}
			r.policies, r.statements = append(r.policies, policy), append(r.statements, sid)
			return nil
		})
	})
}

// touch reads the resources of the record.
func (r *row) touch(b []byte) error {
	return items(b, func(b []byte) error {
		var arn, typ string
		err := members(b, func(key string, v []byte) (err error) {
			switch key {
			case "ARN":
				arn, err = text(v)
			case "type":
				typ, err = text(v)
			}
			return err
		})
		if err == nil {
			r.addResource(arn, typ)
		}
		return err
	})
}

func (r *row) addResource(arn, typ string) {
	if typ == "" {
		typ = typeOf(arn)
	}
	if i := slices.Index(r.resourceARNs, arn); i >= 0 {
		if r.resourceTypes[i] == "" {
			r.resourceTypes[i] = typ
		}
		return
	}
	r.resourceARNs, r.resourceTypes = append(r.resourceARNs, arn), append(r.resourceTypes, typ)
}

// typeOf is CloudTrail's name for the kind of thing an ARN names, "" if we do
// not know it.
func typeOf(arn string) string {
	part := strings.SplitN(arn, ":", 6) // arn:aws:iam::123456789012:user/ana
	if len(part) < 6 {
		return ""
	}
	kind, _, _ := strings.Cut(part[5], "/")
	return types[part[2]+":"+kind]
}

var types = map[string]string{
	"iam:user":                  "AWS::IAM::User",
	"iam:role":                  "AWS::IAM::Role",
	"iam:group":                 "AWS::IAM::Group",
	"iam:policy":                "AWS::IAM::Policy",
	"iam:mfa":                   "AWS::IAM::VirtualMFADevice",
	"iam:instance-profile":      "AWS::IAM::InstanceProfile",
	"iam:saml-provider":         "AWS::IAM::SAMLProvider",
	"iam:oidc-provider":         "AWS::IAM::OIDCProvider",
	"iam:server-certificate":    "AWS::IAM::ServerCertificate",
	"sts:assumed-role":          "AWS::STS::AssumedRole",
	"cloudtrail:trail":          "AWS::CloudTrail::Trail",
	"cloudtrail:eventdatastore": "AWS::CloudTrail::EventDataStore",
}

// appendText writes every column in the order of schema, as the text of its
// column definition does in SQL.
func (r *row) appendText(b []byte) []byte {
	str := func(s string) {
		b = strconv.AppendInt(b, int64(len(s)), 10)
		b = append(append(append(b, ':'), s...), '|')
	}
	list := func(l []string) {
		b = append(strconv.AppendInt(b, int64(len(l)), 10), '[')
		for _, s := range l {
			b = strconv.AppendInt(b, int64(len(s)), 10)
			b = append(append(b, ':'), s...)
		}
		b = append(b, ']', '|')
	}
	num := func(n uint64) { b = append(strconv.AppendUint(b, n, 10), '|') }
	flag := func(f bool) {
		if f {
			num(1)
		} else {
			num(0)
		}
	}
	b = append(append(b, r.stream...), '|')
	num(r.seq)
	num(uint64(r.idx))
	b = append(append(b, r.eventID.String()...), '|')
	b = append(strconv.AppendInt(b, r.time.UnixMicro(), 10), '|')
	str(r.account)
	str(r.region)
	str(r.eventSource)
	str(r.eventName)
	str(r.action)
	flag(r.readOnly)
	flag(r.management)
	str(r.principal)
	str(r.principalType)
	str(r.principalID)
	str(r.userName)
	str(r.accessKey)
	str(r.issuer)
	flag(r.mfa)
	ip := r.sourceIP.As16()
	b = append(hex.AppendEncode(b, ip[:]), '|')
	str(r.source)
	str(r.userAgent)
	str(r.requestID)
	str(r.sharedID)
	str(r.resource)
	list(r.resourceARNs)
	list(r.resourceTypes)
	b = append(append(b, r.decision...), '|')
	str(r.errorCode)
	list(r.policies)
	list(r.statements)
	num(r.world)
	str(r.evaluator)
	str(r.raw)
	return b[:len(b)-1]
}

// hash is rowHash in Go. It finds accidents and careless hands, not somebody
// who may choose rows freely: the log's own chain is the proof against those.
func (r *row) hash(buf []byte) (uint64, []byte) {
	buf = r.appendText(buf[:0])
	sum := sha256.Sum256(buf)
	return binary.LittleEndian.Uint64(sum[:8]), buf
}

// columns is a batch of rows turned on its side, as ClickHouse takes them.
type columns struct {
	stream                                          []string
	seq                                             []uint64
	idx                                             []uint32
	eventID                                         []uuid.UUID
	time                                            []time.Time
	account, region, eventSource, eventName, action []string
	readOnly, management                            []bool
	principal, principalType, principalID, userName []string
	accessKey, issuer                               []string
	mfa                                             []bool
	sourceIP                                        []netip.Addr
	source, userAgent, requestID, sharedID          []string
	resource                                        []string
	resourceARNs, resourceTypes                     [][]string
	decision, errorCode                             []string
	policies, statements                            [][]string
	world                                           []uint64
	evaluator, raw                                  []string

	strings []string // what the lists are cut from
}

// keep copies a list that the row will use again.
func (c *columns) keep(l []string) []string {
	n := len(c.strings)
	c.strings = append(c.strings, l...) // old lists stay valid in the old array when it moves
	return c.strings[n:len(c.strings):len(c.strings)]
}

func (c *columns) add(r *row) {
	c.stream = append(c.stream, string(r.stream))
	c.seq = append(c.seq, r.seq)
	c.idx = append(c.idx, r.idx)
	c.eventID = append(c.eventID, r.eventID)
	c.time = append(c.time, r.time)
	c.account = append(c.account, r.account)
	c.region = append(c.region, r.region)
	c.eventSource = append(c.eventSource, r.eventSource)
	c.eventName = append(c.eventName, r.eventName)
	c.action = append(c.action, r.action)
	c.readOnly = append(c.readOnly, r.readOnly)
	c.management = append(c.management, r.management)
	c.principal = append(c.principal, r.principal)
	c.principalType = append(c.principalType, r.principalType)
	c.principalID = append(c.principalID, r.principalID)
	c.userName = append(c.userName, r.userName)
	c.accessKey = append(c.accessKey, r.accessKey)
	c.issuer = append(c.issuer, r.issuer)
	c.mfa = append(c.mfa, r.mfa)
	c.sourceIP = append(c.sourceIP, r.sourceIP)
	c.source = append(c.source, r.source)
	c.userAgent = append(c.userAgent, r.userAgent)
	c.requestID = append(c.requestID, r.requestID)
	c.sharedID = append(c.sharedID, r.sharedID)
	c.resource = append(c.resource, r.resource)
	c.resourceARNs = append(c.resourceARNs, c.keep(r.resourceARNs))
	c.resourceTypes = append(c.resourceTypes, c.keep(r.resourceTypes))
	c.decision = append(c.decision, r.decision)
	c.errorCode = append(c.errorCode, r.errorCode)
	c.policies = append(c.policies, c.keep(r.policies))
	c.statements = append(c.statements, c.keep(r.statements))
	c.world = append(c.world, r.world)
	c.evaluator = append(c.evaluator, r.evaluator)
	c.raw = append(c.raw, r.raw)
}

// cut leaves the first n rows.
func (c *columns) cut(n int) {
	c.stream = c.stream[:n]
	c.seq = c.seq[:n]
	c.idx = c.idx[:n]
	c.eventID = c.eventID[:n]
	c.time = c.time[:n]
	c.account = c.account[:n]
	c.region = c.region[:n]
	c.eventSource = c.eventSource[:n]
	c.eventName = c.eventName[:n]
	c.action = c.action[:n]
	c.readOnly = c.readOnly[:n]
	c.management = c.management[:n]
	c.principal = c.principal[:n]
	c.principalType = c.principalType[:n]
	c.principalID = c.principalID[:n]
	c.userName = c.userName[:n]
	c.accessKey = c.accessKey[:n]
	c.issuer = c.issuer[:n]
	c.mfa = c.mfa[:n]
	c.sourceIP = c.sourceIP[:n]
	c.source = c.source[:n]
	c.userAgent = c.userAgent[:n]
	c.requestID = c.requestID[:n]
	c.sharedID = c.sharedID[:n]
	c.resource = c.resource[:n]
	c.resourceARNs = c.resourceARNs[:n]
	c.resourceTypes = c.resourceTypes[:n]
	c.decision = c.decision[:n]
	c.errorCode = c.errorCode[:n]
	c.policies = c.policies[:n]
	c.statements = c.statements[:n]
	c.world = c.world[:n]
	c.evaluator = c.evaluator[:n]
	c.raw = c.raw[:n]
}

// grow makes room for n rows: copying columns that grow costs a tenth of a row.
func (c *columns) grow(n int) {
	c.stream = slices.Grow(c.stream, n)
	c.seq = slices.Grow(c.seq, n)
	c.idx = slices.Grow(c.idx, n)
	c.eventID = slices.Grow(c.eventID, n)
	c.time = slices.Grow(c.time, n)
	c.account = slices.Grow(c.account, n)
	c.region = slices.Grow(c.region, n)
	c.eventSource = slices.Grow(c.eventSource, n)
	c.eventName = slices.Grow(c.eventName, n)
	c.action = slices.Grow(c.action, n)
	c.readOnly = slices.Grow(c.readOnly, n)
	c.management = slices.Grow(c.management, n)
	c.principal = slices.Grow(c.principal, n)
	c.principalType = slices.Grow(c.principalType, n)
	c.principalID = slices.Grow(c.principalID, n)
	c.userName = slices.Grow(c.userName, n)
	c.accessKey = slices.Grow(c.accessKey, n)
	c.issuer = slices.Grow(c.issuer, n)
	c.mfa = slices.Grow(c.mfa, n)
	c.sourceIP = slices.Grow(c.sourceIP, n)
	c.source = slices.Grow(c.source, n)
	c.userAgent = slices.Grow(c.userAgent, n)
	c.requestID = slices.Grow(c.requestID, n)
	c.sharedID = slices.Grow(c.sharedID, n)
	c.resource = slices.Grow(c.resource, n)
	c.resourceARNs = slices.Grow(c.resourceARNs, n)
	c.resourceTypes = slices.Grow(c.resourceTypes, n)
	c.decision = slices.Grow(c.decision, n)
	c.errorCode = slices.Grow(c.errorCode, n)
	c.policies = slices.Grow(c.policies, n)
	c.statements = slices.Grow(c.statements, n)
	c.world = slices.Grow(c.world, n)
	c.evaluator = slices.Grow(c.evaluator, n)
	c.raw = slices.Grow(c.raw, n)
}
