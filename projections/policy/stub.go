package policy

type probe struct{}
type statement struct{}
type query struct{}

func Parse(kind Kind, document string) (*Policy, error) { return nil, &Malformed{"Syntax errors in policy."} }
func (p *Policy) Principals() []PrincipalRef            { return nil }
func (p *Policy) Bind(ids map[string]string) *Policy    { return p }
func Evaluate(r *Request, p *Policies, v *Verdict)      { v.Effect = ImplicitDeny }
func (v *Verdict) Denied(r *Request) string             { return "" }

// Context holds condition keys.
type Context struct{}

func (c *Context) Set(key, value string)                          {}
func (c *Context) SetMulti(key string, values []string)           {}
func (c *Context) SetPrincipal(p *Principal)                      {}
func (c *Context) Reset()                                         {}
func (c *Context) Get(key string) (values []string, present bool) { return nil, false }

type Compiled struct{}

func Compile(p *Policies) *Compiled                                      { return nil }
func (c *Compiled) Evaluate(r *Request, v *Verdict)                      {}
func (c *Compiled) EvaluateOn(r *Request, resource *Policies, v *Verdict) {}
