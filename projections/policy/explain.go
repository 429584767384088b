package policy

// mostNear bounds the near misses: a person reads a few, and a denial should
// not cost more than the rest of the decision.
const mostNear = 4

// explain looks, after an implicit deny, for the statements of the layer that
// decided which would have allowed but for one part. Those that failed latest
// come first: a condition is nearer than a principal, that nearer than a
// resource. The second pass is paid only by those who are denied.
func (v *Verdict) explain(p, resource *Policies) {
	if v.Effect != ImplicitDeny {
		return
	}
	switch v.Reason {
	case LayerSCP:
		for _, list := range p.SCPs {
			v.nearest(list, v.Reason)
		}
	case LayerRCP:
		for _, list := range resource.RCPs {
			v.nearest(list, v.Reason)
		}
	case LayerResource:
		v.nearest(resource.Resource, v.Reason)
	case LayerIdentity:
		v.nearest(p.Identity, v.Reason)
	case LayerBoundary:
		v.near(p.Boundary, v.Reason)
	case LayerSession:
		v.nearest(p.Session, v.Reason)
	}
}

func (v *Verdict) nearest(list []Attached, layer Layer) {
	for i := range list {
		v.near(&list[i], layer)
	}
}

func (v *Verdict) near(a *Attached, layer Layer) {
	q := &v.q
	if a.Policy == nil || a.Policy.acts&q.acts == 0 {
		return
	}
	for i := range a.Policy.probes {
		if a.Policy.probes[i].acts&q.acts == 0 { // the statement itself may not be in the processor's cache
			continue
		}
		s := &a.Policy.statements[i]
		if s.effect != Allow || !s.action(q) {
			continue
		}
		miss := NearMiss{Source: a.Source, Layer: layer, Statement: i, Sid: s.sid}
		if !s.resource(q) {
			miss.Failed = PartResource
		} else if s.cover(q) == 0 {
			miss.Failed = PartPrincipal
		} else if c := s.failed(q); c != nil {
			miss.Failed, miss.Operator, miss.Key = PartCondition, c.name, c.key
		} else {
			continue // it allowed; another level or layer did not
		}
		v.keep(miss)
	}
}

// keep puts a miss behind those that are as near.
func (v *Verdict) keep(miss NearMiss) {
	at := len(v.Near)
	for at > 0 && v.Near[at-1].Failed < miss.Failed {
		at--
	}
	if at == mostNear {
		return
	}
	if len(v.Near) < mostNear {
		v.Near = append(v.Near, NearMiss{})
	}
	copy(v.Near[at+1:], v.Near[at:])
	v.Near[at] = miss
}

// Denied is AWS's access-denied message for the decision, "" if it allowed.
// Only one policy type is named, even if several denied (IAM User Guide,
// "Troubleshoot access denied error messages").
func (v *Verdict) Denied(r *Request) string {
	if v.Allowed() {
		return ""
	}
	who := "anonymous"
	if r.Principal != nil && r.Principal.ARN != "" {
		who = r.Principal.ARN
	}
	text := "User: " + who + " is not authorized to perform: " + r.Action
	if r.Resource != "" {
		text += " on resource: " + r.Resource
	}
	policy := v.policyWords()
	if policy == "" {
		return text
	}
	if v.Effect == ExplicitDeny {
		article := "a "
		switch {
		case v.Reason == LayerIdentity:
			article = "an "
		case v.Reason == LayerResource && v.trust:
			article = "the "
		}
		return text + " with an explicit deny in " + article + policy
	}
	return text + " because no " + policy + " allows the " + r.Action + " action"
}

func (v *Verdict) policyWords() string {
	switch v.Reason {
	case LayerSCP:
		return ServiceControl.String()
	case LayerRCP:
		return ResourceControl.String()
	case LayerResource:
		if v.trust {
			return Trust.String()
		}
		return Resource.String()
	case LayerIdentity:
		return Identity.String()
	case LayerBoundary:
		return Boundary.String()
	case LayerSession:
		return Session.String()
	}
	return ""
}
