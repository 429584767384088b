package policy

// Compiled is the policies of one principal, made ready for being asked often.
// It has no index of its own: what of a policy can match a request, the policy
// tells by its filters, which all who have it share. An index by principal was
// slower wherever there are many (it is not in the processor's cache) and took
// thirteen times the memory.
type Compiled struct {
	policies *Policies // nil: nothing is allowed
	shape    shape
}

// Compile makes policies ready. They are kept, not copied: they must not change
// afterwards.
func Compile(p *Policies) *Compiled {
	if p == nil {
		return &Compiled{}
	}
	return &Compiled{policies: p, shape: shapeOf(p)}
}

// Evaluate is policy.Evaluate with the same verdict.
func (c *Compiled) Evaluate(r *Request, v *Verdict) { v.evaluate(r, c.policies, c.policies, c.shape) }

// EvaluateOn decides with the principal's side from c and the resource's side
// (Resource, Trust, RCPs) from on, which may be nil.
func (c *Compiled) EvaluateOn(r *Request, on *Policies, v *Verdict) {
	s := c.shape
	if on == nil {
		on = c.policies
	} else {
		there := shapeOf(on)
		s.rcps, s.resource, s.trust, s.trusts = there.rcps, there.resource, there.trust, there.trusts
		s.tooMany = s.tooMany || there.tooMany
	}
	v.evaluate(r, c.policies, on, s)
}
