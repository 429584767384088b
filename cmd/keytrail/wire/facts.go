// Package wire speaks AWS's Query protocol (IAM, STS), JSON 1.1 (CloudTrail,
// Organizations) and REST-JSON (Access Analyzer) to and from the AWS SDK's own Go types. It reads requests within bounds, says
// which operation they ask for, fills and checks its input, and writes answers
// and errors as the unmodified SDKs and CLI expect them.
//
// What an operation takes and gives is not written by hand: names and order of
// members, lengths, patterns and error statuses are AWS's published facts
// (api/*.json), paired with the SDK's structs by reflection, once per operation.
// An input that is not understood is refused, never ignored.
//
// It does not authenticate, authorize, or know what an operation does.
package wire

import (
	"embed"
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"sync"
)

//go:embed api/*.json
var files embed.FS

// Operation is one action of one service. Safe for use at once.
type Operation struct {
	Service  string // "iam", "sts", "cloudtrail", "organizations", "access-analyzer"
	Name     string // "CreateUser"
	Version  string // "2010-05-08"
	JSON     bool   // JSON 1.1 or REST-JSON; else Query and XML
	Unsigned bool   // served without a signature (AssumeRoleWithSAML, AssumeRoleWithWebIdentity)
	// Errors are the exceptions the operation is published with, by shape name.
	Errors []string

	service   *service
	in, out   reflect.Type // structs
	query     []string     // members that stand in the query string (REST-JSON)
	input     func() *node
	output    func() *node
	newer     bool   // in the SDK, not yet in the facts
	hasResult bool   // the answer has a Result element
	head      string // the answer's first bytes, up to the Result's members
	tail      string // its last ones, up to the request id
}

// Lookup finds an operation by its service and name, letter for letter.
func Lookup(service, action string) (*Operation, bool) {
	s := services[service]
	if s == nil {
		return nil, false
	}
	op, ok := s.table().ops[action]
	return op, ok
}

// Operations lists a service's operations by name.
func Operations(service string) []*Operation {
	s := services[service]
	if s == nil {
		return nil
	}
	var all []*Operation
	for _, op := range s.table().ops {
		all = append(all, op)
	}
	slices.SortFunc(all, func(a, b *Operation) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// NewInput makes an empty input, for example *iam.CreateUserInput.
func (op *Operation) NewInput() any { return reflect.New(op.in).Interface() }

// NewOutput makes an empty output, for example *iam.CreateUserOutput.
func (op *Operation) NewOutput() any { return reflect.New(op.out).Interface() }

// service is one published API. Its facts are read when first asked for.
type service struct {
	name, version string
	json          bool
	rest          bool // JSON too, but operations are told by method and path
	types         []sdkType
	table         func() *facts
}

var services = map[string]*service{
	"iam":           newService("iam", "2010-05-08", false, iamTypes),
	"sts":           newService("sts", "2011-06-15", false, stsTypes),
	"cloudtrail":    newService("cloudtrail", "2013-11-01", true, cloudtrailTypes),
	"organizations": newService("organizations", "2016-11-28", true, organizationsTypes),

	"access-analyzer": restful(newService("access-analyzer", "2019-11-01", true, accessAnalyzerTypes)),
}

func restful(s *service) *service { s.rest = true; return s }

// byVersion tells the service of a Query request, whose Version parameter is
// the only thing that names it.
func byVersion(version string) *service {
	for _, s := range services {
		if !s.json && s.version == version {
			return s
		}
	}
	return nil
}

// byTarget tells the service of a JSON request by what stands before the
// operation in its target. Some SDKs send the whole prefix, others its last
// part. CloudTrail stands for all that is not known: one protocol, one error.
func byTarget(prefix string) (s *service, known bool) {
	for _, s := range services {
		if s.json && !s.rest {
			if full := s.table().target; prefix == full || prefix != "" && strings.HasSuffix(full, "."+prefix) {
				return s, true
			}
		}
	}
	return services["cloudtrail"], false
}

func newService(name, version string, json bool, types []sdkType) *service {
	s := &service{name: name, version: version, json: json, types: types}
	s.table = sync.OnceValue(s.read)
	return s
}

// facts are one API's published facts, paired with the SDK's types.
type facts struct {
	ns, target string
	ops        map[string]*Operation
	paths      []path // of REST-JSON: those too that are not served
	types      map[string]*factType
	status     map[string]int    // HTTP status by error code
	codes      map[string]string // error code by exception name
	mu         sync.Mutex
	nodes      map[pairing]*node
}

// factType is one type of the facts, as api/compact.py writes it.
type factType struct {
	Kind      string   `json:"t"`
	Members   []string `json:"m"` // "Name:type", with ! for a required one
	Of        string   `json:"of"`
	Key       string   `json:"key"`
	Value     string   `json:"value"`
	Min       *int64   `json:"min"` // length of strings, lists and maps; value of numbers
	Max       *int64   `json:"max"`
	Pattern   string   `json:"pattern"`
	Enum      []string `json:"enum"`
	Sensitive bool     `json:"sensitive"`
}

func (s *service) read() *facts {
	b, err := files.ReadFile("api/" + s.name + ".json")
	if err != nil {
		panic(err) // embedded: the build is broken
	}
	var raw struct {
		Version string               `json:"version"`
		NS      string               `json:"ns"`
		Target  string               `json:"target"`
		Types   map[string]*factType `json:"types"`
		Ops     map[string]*struct {
			In       []string  `json:"in"`
			Out      *[]string `json:"out"`
			Unsigned bool      `json:"unsigned"`
			HTTP     string    `json:"http"`
			Query    []string  `json:"query"`
			Errors   []string  `json:"errors"`
		} `json:"ops"`
		Errors map[string]struct {
			Code string `json:"code"`
			HTTP int    `json:"http"`
		} `json:"errors"`
	}
	if err := json.Unmarshal(b, &raw); err != nil {
		panic("wire: api/" + s.name + ".json: " + err.Error())
	}
	if raw.Version != s.version {
		panic("wire: api/" + s.name + ".json is for version " + raw.Version)
	}
	f := &facts{ns: raw.NS, target: raw.Target, types: raw.Types, ops: make(map[string]*Operation, len(s.types)),
		status: map[string]int{}, codes: map[string]string{}, nodes: map[pairing]*node{}}
	for name, e := range raw.Errors {
		f.codes[name] = e.Code
		if e.HTTP != 0 {
			f.status[e.Code] = e.HTTP
		}
	}
	for name, r := range raw.Ops {
		if method, template, ok := strings.Cut(r.HTTP, " "); ok {
			f.paths = append(f.paths, path{name, method, strings.Split(template, "/")})
		}
	}
	for _, t := range s.types {
		op := &Operation{Service: s.name, Name: t.name, Version: s.version, JSON: s.json, service: s, in: t.in, out: t.out}
		var in, out []string
		if r := raw.Ops[t.name]; r != nil {
			op.Unsigned, op.Errors, op.query, in = r.Unsigned, r.Errors, r.Query, r.In
			if r.Out != nil {
				op.hasResult, out = true, *r.Out
			}
		} else {
			// Newer than the facts: the SDK's names and no constraints. A client
			// that wants no Result element does not look for it.
			op.newer, op.hasResult = true, true
		}
		op.input = sync.OnceValue(func() *node { return f.top(t.in, in) })
		op.output = sync.OnceValue(func() *node { return f.top(t.out, out) })
		op.head = "<" + t.name + `Response xmlns="` + raw.NS + `">`
		if op.hasResult {
			op.head += "<" + t.name + "Result>"
			op.tail = "</" + t.name + "Result>"
		}
		op.tail += "<ResponseMetadata><RequestId>"
		f.ops[t.name] = op
	}
	return f
}
