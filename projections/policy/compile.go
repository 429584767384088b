package policy

import "math/bits"

// Compiled is the policies of one principal with an index: statements that
// cannot be about the service of a request are not looked at. Statements are
// shared with the policies they come from. It is immutable.
type Compiled struct {
	policies Policies
	shape    shape
	broken   bool
	// buckets by service bit, each in the order Evaluate scans.
	buckets [32][]candidate
}

// candidate is a statement with all a scan needs beside it, in one place, so
// that a scan reads memory in order.
type candidate struct {
	probe     probe
	pairs     pairs
	statement *statement
	source    *Source
	index     int32
	layer     Layer
	level     uint8
}

// Compile indexes policies. The lists are kept, not copied: they must not
// change afterwards.
func Compile(p *Policies) *Compiled {
	if p == nil {
		return &Compiled{broken: true}
	}
	c := &Compiled{policies: *p, shape: shapeOf(p)}
	var list []candidate
	add := func(attached []Attached, layer Layer, level int) {
		for i := range attached {
			a := &attached[i]
			if a.Policy == nil || !a.Policy.suits(layer) || level > 63 {
				c.broken = true
				continue
			}
			for k := range a.Policy.statements {
				list = append(list, candidate{
					probe: a.Policy.probes[k], pairs: a.Policy.pairs[k], statement: &a.Policy.statements[k], source: a.Source,
					index: int32(k), layer: layer, level: uint8(level),
				})
			}
		}
	}
	for level, l := range p.SCPs {
		add(l, LayerSCP, level)
	}
	for level, l := range p.RCPs {
		add(l, LayerRCP, level)
	}
	add(p.Resource, LayerResource, 0)
	add(p.Identity, LayerIdentity, 0)
	if p.Boundary != nil {
		add([]Attached{*p.Boundary}, LayerBoundary, 0)
	}
	add(p.Session, LayerSession, 0)

	// A service that no statement names has the statements for all services.
	var named uint64
	services := make([]uint64, len(list))
	var general []candidate
	for i := range list {
		if services[i] = list[i].services(); services[i] == all {
			general = append(general, list[i])
		} else {
			named |= services[i]
		}
	}
	for b := range c.buckets {
		if named>>b&1 == 0 {
			c.buckets[b] = general
			continue
		}
		for i := range list {
			if services[i]>>b&1 != 0 {
				c.buckets[b] = append(c.buckets[b], list[i])
			}
		}
	}
	return c
}

// services is the set of buckets a statement belongs into.
func (c *candidate) services() (set uint64) {
	if c.probe.acts == all {
		return all
	}
	for _, action := range c.statement.exact {
		set |= serviceBit(action) >> 32
	}
	for i := range c.statement.globs {
		set |= serviceBit(c.statement.globs[i].text) >> 32
	}
	return set
}

// bucket is the service bit of an action as a number.
func bucket(action string) int {
	return bits.TrailingZeros64(serviceBit(action) >> 32)
}

// Evaluate is policy.Evaluate over the index, with the same verdict.
func (c *Compiled) Evaluate(r *Request, v *Verdict) {
	v.reset()
	defer v.denyOnPanic()
	if !v.q.begin(r, &c.policies) || c.broken {
		return
	}
	list := c.buckets[bucket(v.q.action)]
	v.tryAll(list)
	v.decide(c.shape)
	v.explain(&c.policies, &c.policies)
}

// EvaluateOn decides with the principal's side from the index and the
// resource's side (Resource, Trust, RCPs) from on, which may be nil.
func (c *Compiled) EvaluateOn(r *Request, on *Policies, v *Verdict) {
	if on == nil {
		c.Evaluate(r, v)
		return
	}
	v.reset()
	defer v.denyOnPanic()
	if !v.q.begin(r, &c.policies) || c.broken {
		return
	}
	list := c.buckets[bucket(v.q.action)]
	scps := 0
	for scps < len(list) && list[scps].layer == LayerSCP {
		scps++
	}
	v.tryAll(list[:scps])
	for level, l := range on.RCPs {
		v.scan(l, LayerRCP, level)
	}
	v.scan(on.Resource, LayerResource, 0)
	for list = list[scps:]; len(list) > 0 && list[0].layer <= LayerResource; {
		list = list[1:]
	}
	v.tryAll(list)
	s, there := c.shape, shapeOf(on)
	s.rcps, s.resource, s.trust, s.trusts = there.rcps, there.resource, there.trust, there.trusts
	s.tooMany = s.tooMany || there.tooMany
	v.decide(s)
	v.explain(&c.policies, on)
}

func (v *Verdict) tryAll(list []candidate) {
	q := &v.q
	acts, heads := q.acts, q.heads
	for i := range list {
		c := &list[i]
		if c.probe.acts&acts == 0 || c.probe.heads&heads == 0 || q.missing(&c.pairs) || !q.applies(c.layer) {
			continue
		}
		v.apply(c.statement, c.source, int(c.index), c.layer, int(c.level))
	}
}
