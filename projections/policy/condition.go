package policy

import (
	"encoding/base64"
	"net/netip"
	"strings"
	"unsafe"
)

// family is how an operator compares.
type family uint8

const (
	stringEquals family = iota
	stringEqualsIgnoreCase
	stringLike
	numeric
	date
	boolean
	binary
	ipAddress
	arnLike
	null
)

// relation is the order a Numeric or Date operator asks for: bits for less,
// equal and greater.
type relation uint8

const (
	less relation = 1 << iota
	equal
	greater
)

type operator struct {
	family  family
	rel     relation
	negated bool
}

// operators by folded name (IAM User Guide, "Condition operators").
var operators = map[string]operator{
	"stringequals":              {family: stringEquals},
	"stringnotequals":           {family: stringEquals, negated: true},
	"stringequalsignorecase":    {family: stringEqualsIgnoreCase},
	"stringnotequalsignorecase": {family: stringEqualsIgnoreCase, negated: true},
	"stringlike":                {family: stringLike},
	"stringnotlike":             {family: stringLike, negated: true},
	"numericequals":             {family: numeric, rel: equal},
	"numericnotequals":          {family: numeric, rel: equal, negated: true},
	"numericlessthan":           {family: numeric, rel: less},
	"numericlessthanequals":     {family: numeric, rel: less | equal},
	"numericgreaterthan":        {family: numeric, rel: greater},
	"numericgreaterthanequals":  {family: numeric, rel: greater | equal},
	"dateequals":                {family: date, rel: equal},
	"datenotequals":             {family: date, rel: equal, negated: true},
	"datelessthan":              {family: date, rel: less},
	"datelessthanequals":        {family: date, rel: less | equal},
	"dategreaterthan":           {family: date, rel: greater},
	"dategreaterthanequals":     {family: date, rel: greater | equal},
	"bool":                      {family: boolean},
	"binaryequals":              {family: binary},
	"ipaddress":                 {family: ipAddress},
	"notipaddress":              {family: ipAddress, negated: true},
	"arnequals":                 {family: arnLike},
	"arnlike":                   {family: arnLike},
	"arnnotequals":              {family: arnLike, negated: true},
	"arnnotlike":                {family: arnLike, negated: true},
	"null":                      {family: null},
}

type quantifier uint8

const (
	plain quantifier = iota
	forAll
	forAny
)

// condition is one key of one operator. All conditions of a statement must hold.
type condition struct {
	operator
	quant    quantifier
	ifExists bool
	yes, no  bool // Bool and Null: the values listed
	name     string
	key      string
	hash     uint64
	text     []template     // String*
	arns     []arnPattern   // Arn*
	numbers  []decimal      // Numeric*
	dates    []instant      // Date*
	nets     []netip.Prefix // IpAddress
	bytes    []string       // Binary, decoded
}

// lookOperator splits an operator into its parts, without regard to case.
// IfExists goes with all operators but Null; the quantifiers too, as a set of
// values has no use there.
func lookOperator(name string) (operator, quantifier, bool, bool) {
	s, quant, ifExists := fold(name), plain, false
	if rest, ok := strings.CutPrefix(s, "forallvalues:"); ok {
		s, quant = rest, forAll
	} else if rest, ok := strings.CutPrefix(s, "foranyvalue:"); ok {
		s, quant = rest, forAny
	}
	if rest, ok := strings.CutSuffix(s, "ifexists"); ok {
		s, ifExists = rest, true
	}
	op, ok := operators[s]
	if op.family == null && (quant != plain || ifExists) {
		ok = false
	}
	return op, quant, ifExists, ok
}

// newCondition compiles the values. One that cannot be read as what the
// operator compares matches nothing, except dates: those are refused, and ok
// is false.
func newCondition(name, key string, values []string, modern bool) (c condition, ok bool) {
	c = condition{name: intern(name), key: intern(key), hash: hashFold(key)}
	c.operator, c.quant, c.ifExists, ok = lookOperator(name)
	for _, value := range values {
		value = intern(value)
		switch c.family {
		case stringEquals, stringEqualsIgnoreCase:
			c.text = append(c.text, newTemplate(value, false, modern))
		case stringLike:
			c.text = append(c.text, newTemplate(value, true, modern))
		case arnLike:
			c.arns = append(c.arns, newARNPattern(value, modern))
		case numeric:
			if d, ok := newDecimal(value); ok {
				c.numbers = append(c.numbers, d)
			}
		case date:
			t, valid := newInstant(value)
			if !valid {
				ok = false
				continue
			}
			c.dates = append(c.dates, t)
		case boolean, null:
			c.yes = c.yes || strings.EqualFold(value, "true")
			c.no = c.no || strings.EqualFold(value, "false")
		case binary:
			if raw, err := base64.StdEncoding.DecodeString(value); err == nil {
				c.bytes = append(c.bytes, string(raw))
			}
		case ipAddress:
			if net, ok := newNet(value); ok {
				c.nets = append(c.nets, net)
			}
		}
	}
	return c, ok
}

// newNet reads a range or an address, which is a range of one. An IPv4 address
// written as IPv6 is the IPv4 address.
func newNet(s string) (netip.Prefix, bool) {
	if !strings.Contains(s, "/") {
		addr, ok := newAddr(s)
		return netip.PrefixFrom(addr, addr.BitLen()), ok
	}
	net, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	if net.Addr().Is4In6() && net.Bits() >= 96 {
		net = netip.PrefixFrom(net.Addr().Unmap(), net.Bits()-96)
	}
	return net, true
}

func newAddr(s string) (netip.Addr, bool) {
	if strings.IndexByte(s, '%') >= 0 {
		return netip.Addr{}, false
	}
	addr, err := netip.ParseAddr(s)
	return addr.Unmap(), err == nil
}

// holds follows the guide's tables "Condition operators" and "Set operators".
func (c *condition) holds(q *query) bool {
	e := q.context.find(c.hash, c.key)
	if c.family == null {
		return e.empty() && c.yes || !e.empty() && c.no
	}
	absent := e == nil || e.multi && len(e.values) == 0
	switch c.quant {
	case plain:
		if absent {
			return c.negated || c.ifExists
		}
		if e.multi { // a set under an operator for one value: never
			return false
		}
		return c.test(q, e.value)
	case forAll:
		if absent || e.empty() {
			return true
		}
		if !e.multi {
			return c.test(q, e.value)
		}
		for _, value := range e.values {
			if !c.test(q, value) {
				return false
			}
		}
		return true
	case forAny:
		if absent {
			return false
		}
		if !e.multi {
			return c.test(q, e.value)
		}
		for _, value := range e.values {
			if c.test(q, value) {
				return true
			}
		}
	}
	return false
}

// empty reports whether a key is absent or has nothing but empty values, which
// AWS calls a null data set.
func (e *entry) empty() bool {
	if e == nil {
		return true
	}
	for _, value := range e.values {
		if value != "" {
			return false
		}
	}
	return e.value == ""
}

// test compares one value of the request with the list: any of them, or for a
// negated operator none.
func (c *condition) test(q *query, value string) bool {
	return c.listed(q, value) != c.negated
}

func (c *condition) listed(q *query, value string) bool {
	switch c.family {
	case stringEquals, stringLike:
		for i := range c.text {
			if c.text[i].match(q, value) {
				return true
			}
		}
	case stringEqualsIgnoreCase:
		for i := range c.text {
			t := &c.text[i]
			text, ok := t.text, true
			if t.vars != nil {
				text, ok = t.expand(q)
			}
			if ok && strings.EqualFold(text, value) {
				return true
			}
		}
	case arnLike:
		for i := range c.arns {
			if c.arns[i].match(q, value) {
				return true
			}
		}
	case numeric:
		d, ok := newDecimal(value)
		for i := range c.numbers {
			if ok && c.rel.has(d.compare(c.numbers[i])) {
				return true
			}
		}
	case date:
		t, ok := newInstant(value)
		for i := range c.dates {
			if ok && c.rel.has(t.compare(c.dates[i])) {
				return true
			}
		}
	case boolean:
		switch value { // as it is nearly always written
		case "true":
			return c.yes
		case "false":
			return c.no
		}
		return c.yes && strings.EqualFold(value, "true") || c.no && strings.EqualFold(value, "false")
	case binary:
		raw, err := base64.StdEncoding.AppendDecode(q.scratch[:0], unsafe.Slice(unsafe.StringData(value), len(value))) // reads only
		q.scratch = raw[:0]
		for _, b := range c.bytes {
			if err == nil && b == string(raw) {
				return true
			}
		}
	case ipAddress:
		addr, ok := newAddr(value)
		for _, net := range c.nets {
			if ok && net.Contains(addr) {
				return true
			}
		}
	}
	return false
}

func (r relation) has(order int) bool {
	switch {
	case order < 0:
		return r&less != 0
	case order > 0:
		return r&greater != 0
	}
	return r&equal != 0
}
