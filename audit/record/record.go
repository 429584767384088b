// Package record turns the SDK's input and output structs into the JSON that
// CloudTrail records hold as requestParameters and responseElements. Stub: signatures only, bodies follow.
package record

// Projection is an allow-list compiled for one struct type.
type Projection struct{}

// Compile makes the projection of v's type (e.g. (*iam.CreateUserInput)(nil)) to the members named in allow ("userName", "tags", "accessKey.accessKeyId").
func Compile(service string, v any, allow ...string) (*Projection, error) { return &Projection{}, nil }

// Append appends v's JSON, or null when none of the allowed members is set.
func (p *Projection) Append(dst []byte, v any) []byte { return append(dst, "null"...) }

// Members compiles (once per type and list) and appends.
func Members(service string, v any, allow []string) ([]byte, error) { return []byte("null"), nil }
