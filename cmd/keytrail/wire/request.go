package wire

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/keytrail/keytrail/cmd/keytrail/sigv4"
)

// Bounds of a body in bytes (security.md, section 7).
const (
	maxBody = 256 << 10
	// Only the upload of a SAML provider's metadata may be larger.
	maxMetadata = 12 << 20
)

// Call is a request whose operation is known. Nothing of it is to be believed
// before Authenticate and the check of what it returns.
type Call struct {
	Service string     // never empty: an error's protocol follows it
	Op      *Operation // nil if ReadRequest failed
	Body    []byte     // exactly as received

	request *http.Request
	form    form
	name    string     // of the operation that a path asks for, served or not
	query   url.Values // of REST-JSON
}

// ReadRequest reads a request's bounded body and finds its operation. The Call
// is never nil, so that WriteError knows the protocol. AWS's order of checks
// follows: Authenticate, Decode, then authorization.
//
// It takes POST with a form body (Query), POST with X-Amz-Target (JSON 1.1) and
// GET with the form in the query string, all at path "/" as it stands on the
// wire, and the methods and paths of REST-JSON; parameters in both places, a compressed body, or anything else that two
// readers might read differently is refused.
func ReadRequest(w http.ResponseWriter, r *http.Request) (*Call, error) {
	c := &Call{Service: "iam", request: r}
	target := r.Header["X-Amz-Target"]
	if len(target) > 0 {
		prefix, _ := splitTarget(target[0])
		s, _ := byTarget(prefix)
		c.Service = s.name
	} else if s := scopeService(r); s != "" {
		c.Service = s // until the form says more
	}
	// The path is the same raw text that is signed; no router has cleaned it.
	path, query, _ := strings.Cut(r.RequestURI, "?")
	rest := false
	if path != "/" {
		s, _, _ := byPath(r.Method, path)
		if rest = s != nil || services[c.Service].rest; !rest || len(target) > 0 {
			return c, malformed("The request must be for the path /.")
		}
	}
	if r.Header["Content-Encoding"] != nil {
		return c, malformed("Content-Encoding is not supported.")
	}
	contentType, err := mediaType(r)
	if err != nil {
		return c, err
	}
	switch {
	case rest:
		err = c.readREST(w, path, query, contentType)
	case r.Method == http.MethodPost && len(target) > 0:
		err = c.readJSON(w, target, query, contentType)
	case r.Method == http.MethodPost:
		err = c.readForm(w, query, contentType)
	case r.Method == http.MethodGet && len(target) == 0:
		err = c.readQuery(query)
	default:
		err = &smithy.GenericAPIError{Code: "MethodNotAllowed", Message: "The request method must be POST or GET.", Fault: smithy.FaultClient}
	}
	return c, err
}

// mediaType is the request's content type without parameters; the only charset
// is UTF-8.
func mediaType(r *http.Request) (string, error) {
	switch v := r.Header["Content-Type"]; {
	case len(v) == 0 || len(v) == 1 && v[0] == "":
		return "", nil
	case len(v) > 1:
		return "", malformed("The request must have one Content-Type header.")
	case v[0] == "application/x-www-form-urlencoded; charset=utf-8", v[0] == "application/x-www-form-urlencoded":
		return "application/x-www-form-urlencoded", nil // as the SDKs write it
	case v[0] == "application/x-amz-json-1.1":
		return v[0], nil
	default:
		t, params, err := mime.ParseMediaType(v[0])
		charset := strings.ToLower(params["charset"])
		if err != nil || charset != "" && charset != "utf-8" && charset != "utf8" {
			return "", malformed("The Content-Type is not supported.")
		}
		return t, nil
	}
}

func (c *Call) readJSON(w http.ResponseWriter, target []string, query, contentType string) error {
	if len(target) > 1 {
		return malformed("The request must have one X-Amz-Target header.")
	}
	if query != "" {
		return malformed("Parameters must be in the body only.")
	}
	prefix, action := splitTarget(target[0])
	s, known := byTarget(prefix)
	op, ok := s.table().ops[action]
	if !known || !ok {
		return &smithy.GenericAPIError{Code: "UnknownOperationException", Message: "The operation " + clip(target[0], 128) + " is not known.", Fault: smithy.FaultClient}
	}
	if contentType != "application/x-amz-json-1.1" {
		return serialization("The Content-Type must be application/x-amz-json-1.1.")
	}
	c.Op = op
	var err error
	c.Body, err = readBody(w, c.request, maxBody, nil)
	return err
}

// splitTarget takes the operation from the end of a target.
func splitTarget(target string) (prefix, action string) {
	i := strings.LastIndexByte(target, '.')
	return target[:max(i, 0)], target[i+1:]
}

func (c *Call) readForm(w http.ResponseWriter, query, contentType string) error {
	if contentType != "application/x-www-form-urlencoded" && contentType != "" {
		return malformed("The Content-Type must be application/x-www-form-urlencoded.")
	}
	if query != "" {
		return malformed("Parameters must be in the body or in the query string, not in both.")
	}
	var err error
	if c.Body, err = readBody(w, c.request, maxBody, metadataUpload); err != nil {
		return err
	}
	if c.form, err = parseForm(string(c.Body), false); err != nil {
		return err
	}
	return c.find()
}

func (c *Call) readQuery(query string) error {
	if c.request.ContentLength != 0 || len(c.request.TransferEncoding) > 0 {
		return malformed("A GET request must have no body.")
	}
	var err error
	if c.form, err = parseForm(query, true); err != nil {
		return err
	}
	return c.find()
}

// find finds the operation of a form.
func (c *Call) find() error {
	action, version := c.form.get("Action"), c.form.get("Version")
	s := byVersion(version)
	if s != nil {
		c.Service = s.name
		if op, ok := s.table().ops[action]; ok {
			c.Op = op
			return nil
		}
	}
	if action == "" {
		if c.request.Header["Authorization"] == nil && len(c.form) == 0 {
			return &sigv4.Error{Code: "MissingAuthenticationToken", Message: "Request is missing Authentication Token"}
		}
		return &smithy.GenericAPIError{Code: "MissingAction", Message: "The request must contain the parameter Action", Fault: smithy.FaultClient}
	}
	return &smithy.GenericAPIError{Code: "InvalidAction", Message: "Could not find operation " + clip(action, 128) + " for version " + clip(orNone(version), 64), Fault: smithy.FaultClient}
}

// Action names the operation that is asked for as far as the request could be
// read, known or not.
func (c *Call) Action() string {
	name := c.form.get("Action")
	if c.name != "" {
		name = c.name
	}
	if target := c.request.Header["X-Amz-Target"]; len(target) == 1 {
		name = target[0][strings.LastIndexByte(target[0], '.')+1:]
	}
	return Word(name)
}

// Word is name if it is a word of at most 128 letters and digits, and
// Unreadable if not: what strangers call an operation is not repeated in rows.
func Word(name string) string {
	if name == "" || len(name) > 128 {
		return "Unreadable"
	}
	for _, c := range []byte(name) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return "Unreadable"
		}
	}
	return name
}

func orNone(version string) string {
	if version == "" {
		return "NO_VERSION_SPECIFIED"
	}
	return version
}

// scopeService is the service a request says it is signed for, to choose the
// protocol of an early error. It is a hint and nothing else.
func scopeService(r *http.Request) string {
	auth := r.Header["Authorization"]
	if len(auth) != 1 {
		return ""
	}
	_, scope, _ := strings.Cut(auth[0], "Credential=")
	scope, _, _ = strings.Cut(scope, ",")
	parts := strings.SplitN(scope, "/", 5)
	if len(parts) == 5 {
		if _, ok := services[parts[3]]; ok {
			return parts[3]
		}
	}
	return ""
}

// metadataUpload says whether the body that starts like this may go on.
func metadataUpload(start []byte) bool {
	f := string(start)
	for f != "" {
		var p string
		p, f, _ = strings.Cut(f, "&")
		if v, ok := strings.CutPrefix(p, "Action="); ok {
			return v == "CreateSAMLProvider" || v == "UpdateSAMLProvider"
		}
	}
	return false
}

// readBody reads the body up to limit, and beyond it when more allows it from
// what was read so far.
func readBody(w http.ResponseWriter, r *http.Request, limit int64, more func([]byte) bool) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	hard := limit
	if more != nil {
		hard = maxMetadata
	}
	if r.ContentLength > hard {
		return nil, &http.MaxBytesError{Limit: limit}
	}
	body := http.MaxBytesReader(w, r.Body, hard)
	size := int64(512)
	if r.ContentLength >= 0 {
		size = min(r.ContentLength, limit)
	}
	b := make([]byte, 0, size+1) // one more, to see the end without growing
	for {
		n, err := body.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF {
			return b, nil
		}
		if err != nil {
			var tooLarge *http.MaxBytesError
			if errors.As(err, &tooLarge) {
				return nil, err
			}
			return nil, malformed("The body could not be read.")
		}
		if int64(len(b)) > limit {
			if more == nil || !more(b[:limit]) {
				return nil, &http.MaxBytesError{Limit: limit}
			}
			limit, more = hard, nil
		}
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
	}
}

// Authenticate reads the call's signature, which must be for the operation's
// service: IAM and Organizations for us-east-1 or a region served, STS for any,
// CloudTrail for a region served. Empty regions accept any. It gives nil and no error for an
// Unsigned operation that came without a signature. The caller finds the key
// and calls Check, or CheckUnknown when there is none.
func (c *Call) Authenticate(now time.Time, regions []string) (*sigv4.Signature, error) {
	scope := sigv4.Scope{Service: c.Op.Service, Regions: regions}
	switch {
	case len(regions) == 0 || c.Op.Service == "sts":
		scope.Regions = nil
	case c.Op.Service == "iam", c.Op.Service == "organizations":
		scope.Global = "us-east-1"
	}
	s, err := sigv4.Parse(c.request, c.Body, now, scope)
	var e *sigv4.Error
	if c.Op.Unsigned && errors.As(err, &e) && e.Code == "MissingAuthenticationToken" {
		return nil, nil
	}
	return s, err
}

// Decode fills the operation's input (for example *iam.CreateUserInput) and
// holds it against the published constraints. Authenticate first.
func (c *Call) Decode() (any, error) {
	in := c.Op.NewInput()
	var err error
	if c.Op.service.rest {
		err = c.fillREST(in)
	} else if c.Op.JSON {
		err = fillJSON(c.Body, c.Op.input(), in)
	} else {
		err = c.form.fill(c.Op.input(), in)
	}
	if err == nil {
		err = c.Op.Check(in)
	}
	if err != nil {
		return nil, err
	}
	return in, nil
}

// Parameters names the parameters of the call with their lengths in bytes as
// sent, never their values: for the record of a request that was refused
// before it could be understood.
func (c *Call) Parameters() []string {
	var names []string
	for _, p := range c.form {
		names = append(names, clip(p.name, 128)+" ("+strconv.Itoa(len(p.raw))+")")
	}
	return names
}
