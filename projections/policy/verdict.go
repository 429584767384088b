package policy

// Effect is an answer. The zero value denies.
type Effect uint8

const (
	ImplicitDeny Effect = iota
	ExplicitDeny
	Allow
	Absent // said by a layer that has no policy in this request
)

func (e Effect) String() string {
	switch e {
	case ImplicitDeny:
		return "ImplicitDeny"
	case ExplicitDeny:
		return "ExplicitDeny"
	case Allow:
		return "Allow"
	}
	return "Absent"
}

// Layer is one type of policy in a decision, in the order the guide gives them
// ("Determining whether a request is allowed or denied within an account").
type Layer uint8

const (
	LayerNone Layer = iota // nothing decided: the request was incomplete
	LayerSCP
	LayerRCP
	LayerResource
	LayerIdentity
	LayerBoundary
	LayerSession
	layers
)

func (l Layer) String() string {
	switch l {
	case LayerSCP:
		return "SCP"
	case LayerRCP:
		return "RCP"
	case LayerResource:
		return "Resource"
	case LayerIdentity:
		return "Identity"
	case LayerBoundary:
		return "Boundary"
	case LayerSession:
		return "Session"
	}
	return "None"
}

// Match is a statement that applied to the request.
type Match struct {
	Source    *Source
	Layer     Layer
	Statement int // index in the document
	Sid       string
	Effect    Effect
}

// Part is the part of a statement that did not apply.
type Part uint8

const (
	PartAction Part = iota
	PartResource
	PartPrincipal
	PartCondition
)

func (p Part) String() string {
	return [...]string{"Action", "Resource", "Principal", "Condition"}[p&3]
}

// NearMiss is a statement that would have allowed but for one part.
type NearMiss struct {
	Source    *Source
	Layer     Layer
	Statement int
	Sid       string
	Failed    Part
	// Operator and Key name the first condition that failed.
	Operator, Key string
}

// Verdict is a decision and its explanation. It is reused: Evaluate keeps the
// capacity of its slices, so that a decision allocates nothing.
type Verdict struct {
	Effect  Effect
	Reason  Layer          // the layer that decided: that denied, or whose Allow sufficed
	Layers  [layers]Effect // what each layer said, by Layer
	Matched []Match        // every statement that applied, also when the answer was settled
	Near    []NearMiss     // for an implicit deny: the nearest Allow statements of the layer that decided

	trust bool // the resource policy is a trust policy: only the words differ
	q     query
}

// Allowed reports whether the request may go ahead.
func (v *Verdict) Allowed() bool { return v.Effect == Allow }
