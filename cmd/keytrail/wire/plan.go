package wire

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	analyzertypes "github.com/aws/aws-sdk-go-v2/service/accessanalyzer/types"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
)

type kind uint8

const (
	stringKind kind = iota
	boolKind
	intKind
	floatKind
	timeKind
	blobKind
	listKind
	mapKind
	structKind
	unionKind
)

// node is one Go type paired with one type of the facts: all that decoding,
// encoding and checking need to know, found out once.
type node struct {
	kind    kind
	typ     reflect.Type // without its pointer
	pointer bool
	elem    *node // of a list or map
	key     *node
	fields  []field        // of a structure or union, in the order of the facts
	names   map[string]int // their places
	limits  *limits        // nil if anything goes
}

// field is a member of a structure, or a case of a union.
type field struct {
	node     *node
	index    int          // in the struct
	of       reflect.Type // of a union's case: the struct that holds it
	name     string       // on the wire
	camel    string       // in messages
	required bool
	newer    bool   // in the SDK, not yet in the facts
	open     string // <name>
	close    string // </name>
	empty    string // <name></name>
	quoted   string // "name":
}

type pairing struct {
	typ  reflect.Type
	fact string
}

var timeType = reflect.TypeFor[time.Time]()

// unions are the SDK's interface types and the structs that implement them.
// The case's name is what follows "Member" in the struct's name.
var unions = map[reflect.Type][]reflect.Type{
	reflect.TypeFor[iamtypes.PolicyIdentifier](): {
		reflect.TypeFor[iamtypes.PolicyIdentifierMemberPolicyType](),
		reflect.TypeFor[iamtypes.PolicyIdentifierMemberPolicyArn](),
		reflect.TypeFor[iamtypes.PolicyIdentifierMemberInlinePolicyIdentifier](),
	},
	reflect.TypeFor[analyzertypes.PathElement](): {
		reflect.TypeFor[analyzertypes.PathElementMemberIndex](),
		reflect.TypeFor[analyzertypes.PathElementMemberKey](),
		reflect.TypeFor[analyzertypes.PathElementMemberSubstring](),
		reflect.TypeFor[analyzertypes.PathElementMemberValue](),
	},
}

// top pairs an operation's input or output.
func (f *facts) top(t reflect.Type, members []string) *node {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := &node{kind: structKind, typ: t, pointer: true}
	f.pairFields(n, members)
	return n
}

// pair pairs t with the fact of that name; a name the facts do not have (the
// SDK is newer) leaves the Go type to speak for itself.
func (f *facts) pair(t reflect.Type, fact string) *node {
	key := pairing{t, fact}
	if n, ok := f.nodes[key]; ok {
		return n
	}
	n := &node{}
	f.nodes[key] = n // before its members: a type may hold itself
	n.pointer = t.Kind() == reflect.Pointer
	if n.pointer {
		t = t.Elem()
	}
	n.typ = t
	ft := f.types[fact]
	if ft == nil {
		ft = &factType{}
	}
	switch {
	case t == timeType:
		n.kind = timeKind
	case t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8:
		n.kind = blobKind
	case t.Kind() == reflect.Slice:
		n.kind = listKind
		n.elem = f.pair(t.Elem(), ft.Of)
	case t.Kind() == reflect.Map:
		n.kind = mapKind
		n.key, n.elem = f.pair(t.Key(), ft.Key), f.pair(t.Elem(), ft.Value)
	case t.Kind() == reflect.Struct:
		n.kind = structKind
		f.pairFields(n, ft.Members)
	case t.Kind() == reflect.Interface && unions[t] != nil:
		n.kind = unionKind
		n.names = map[string]int{}
		for _, c := range unions[t] {
			_, name, _ := strings.Cut(c.Name(), "Member")
			fact := ""
			for _, m := range ft.Members { // which may spell it otherwise, and knows what it holds
				if said, of, _ := strings.Cut(m, ":"); strings.EqualFold(said, name) {
					name, fact = said, strings.TrimSuffix(of, "!")
				}
			}
			n.add(field{node: f.pair(c.Field(0).Type, fact), of: c, name: name})
		}
	case t.Kind() == reflect.String:
		n.kind = stringKind
	case t.Kind() == reflect.Bool:
		n.kind = boolKind
	case t.Kind() == reflect.Int32 || t.Kind() == reflect.Int64:
		n.kind = intKind
	case t.Kind() == reflect.Float32 || t.Kind() == reflect.Float64:
		n.kind = floatKind
	default:
		panic(fmt.Sprintf("wire: the SDK has a type we do not speak: %v", t)) // every type is walked by a test
	}
	n.limits = newLimits(n, ft)
	return n
}

func (f *facts) pairFields(n *node, members []string) {
	n.names = map[string]int{}
	paired := map[int]bool{}
	for _, m := range members {
		name, fact, _ := strings.Cut(m, ":")
		fact, required := strings.CutSuffix(fact, "!")
		// The SDK exports all its fields; a few wire names start in lower case.
		sf, ok := n.typ.FieldByName(strings.ToUpper(name[:1]) + name[1:])
		if !ok {
			panic(fmt.Sprintf("wire: %v has no %s", n.typ, name))
		}
		paired[sf.Index[0]] = true
		n.add(field{node: f.pair(sf.Type, fact), index: sf.Index[0], name: name, required: required})
	}
	for i := range n.typ.NumField() {
		sf := n.typ.Field(i)
		if paired[i] || !sf.IsExported() || sf.Name == "ResultMetadata" {
			continue
		}
		n.add(field{node: f.pair(sf.Type, ""), index: i, name: sf.Name, newer: true})
	}
}

func (n *node) add(f field) {
	f.camel = camel(f.name)
	f.open, f.close = "<"+f.name+">", "</"+f.name+">"
	f.empty = f.open + f.close
	f.quoted = `"` + f.name + `":`
	n.names[f.name] = len(n.fields)
	n.fields = append(n.fields, f)
}

// camel is a member's name as AWS writes it in messages and audit records:
// only the first letter falls (SAMLAssertion, sAMLAssertion).
func camel(name string) string {
	if name == "" {
		return ""
	}
	return strings.ToLower(name[:1]) + name[1:]
}
