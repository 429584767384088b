package wire

import (
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/smithy-go"
)

// path is the method and path by which REST-JSON asks for an operation.
type path struct {
	name, method string
	parts        []string // {member}: anything
}

func (p *path) is(method string, parts []string) bool {
	return p.method == method && slices.EqualFunc(p.parts, parts, func(want, part string) bool {
		return want == part || strings.HasPrefix(want, "{") && part != ""
	})
}

// byPath tells the operation of a REST-JSON request; op is nil if it is not
// served. Paths are compared as they stand on the wire.
func byPath(method, raw string) (s *service, name string, op *Operation) {
	parts := strings.Split(raw, "/")
	for _, s := range services {
		if !s.rest {
			continue
		}
		for _, p := range s.table().paths {
			if p.is(method, parts) {
				return s, p.name, s.table().ops[p.name]
			}
		}
	}
	return nil, "", nil
}

func (c *Call) readREST(w http.ResponseWriter, raw, query, contentType string) error {
	s, name, op := byPath(c.request.Method, raw)
	if s != nil {
		c.Service, c.name = s.name, name
	}
	if op == nil {
		return &smithy.GenericAPIError{Code: "UnknownOperationException", Message: "The operation " + clip(orNone(c.name), 128) + " is not known.", Fault: smithy.FaultClient}
	}
	if contentType != "application/json" {
		return serialization("The Content-Type must be application/json.")
	}
	var err error
	if c.query, err = url.ParseQuery(query); err != nil {
		return malformed("The query string can't be read.")
	}
	for name, values := range c.query {
		if !slices.Contains(op.query, name) || len(values) != 1 {
			return malformed("The query string has a parameter that the operation does not know, or one twice.")
		}
	}
	c.Op = op
	c.Body, err = readBody(w, c.request, maxBody, nil)
	return err
}

// fillREST fills in from the body and the query string. A member stands where
// it belongs, and nowhere else.
func (c *Call) fillREST(in any) error {
	n := c.Op.input()
	if err := fillJSON(c.Body, n, in); err != nil {
		return err
	}
	v := reflect.ValueOf(in).Elem()
	for _, name := range c.Op.query {
		f := n.fields[n.names[name]]
		member := v.Field(f.index)
		if !member.IsZero() {
			return serialization("The member " + name + " belongs into the query string.")
		}
		values, given := c.query[name]
		if !given {
			continue
		}
		one := reflect.New(f.node.typ).Elem()
		switch f.node.kind {
		case stringKind:
			one.SetString(values[0])
		case intKind:
			x, err := strconv.ParseInt(values[0], 10, f.node.typ.Bits())
			if err != nil {
				return serialization("The parameter " + name + " is not a number.")
			}
			one.SetInt(x)
		}
		member.Set(reflect.New(f.node.typ))
		member.Elem().Set(one)
	}
	return nil
}
