package main

import (
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/smithy-go"

	"github.com/keytrail/keytrail/cmd/keytrail/sigv4"
	"github.com/keytrail/keytrail/query"
)

// Delivered log files are read as from S3, as far as an auditor's tools need
// it: GetObject, HeadObject, ListObjects, ListObjectsV2 and GetBucketLocation,
// with the bucket in the path. Nothing else of S3 is here, and nothing writes.

const (
	s3Service   = "s3"
	s3Version   = "2006-03-01"
	s3Namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
)

// isS3 says whether a request is signed for S3. Whoever is not signs for what
// has other doors.
func isS3(r *http.Request) bool {
	auth := r.Header["Authorization"]
	if len(auth) != 1 {
		return false
	}
	_, scope, _ := strings.Cut(auth[0], "Credential=")
	scope, _, _ = strings.Cut(scope, ",")
	parts := strings.Split(scope, "/")
	return len(parts) == 5 && parts[3] == s3Service
}

// s3Status is the status of S3's errors, and how it spells ours.
var s3Status = map[string]struct {
	code   string
	status int
}{
	"AccessDenied":               {"AccessDenied", 403},
	"MissingAuthenticationToken": {"AccessDenied", 403},
	"InvalidClientTokenId":       {"InvalidAccessKeyId", 403},
	"SignatureDoesNotMatch":      {"SignatureDoesNotMatch", 403},
	"IncompleteSignature":        {"AuthorizationHeaderMalformed", 400},
	"ExpiredToken":               {"ExpiredToken", 400},
	"RequestExpired":             {"RequestTimeTooSkewed", 403},
	"Throttling":                 {"SlowDown", 503},
	"ServiceUnavailable":         {"ServiceUnavailable", 503},
	"NoSuchBucket":               {"NoSuchBucket", 404},
	"NoSuchKey":                  {"NoSuchKey", 404},
	"NotImplemented":             {"NotImplemented", 501},
	"InvalidArgument":            {"InvalidArgument", 400},
	"MethodNotAllowed":           {"MethodNotAllowed", 405},
}

func (s *server) s3(w http.ResponseWriter, r *http.Request, now time.Time, id string) {
	q := s.request(r, id)
	q.Service, q.Version = s3Service, s3Version
	in, name, err := s3Input(r)
	if q.Name = name; err != nil {
		q.Unread = err
	}
	q.Input = func() (any, error) { return in, nil }
	if signature, err := sigv4.Parse(r, nil, now, sigv4.Scope{Service: s3Service}); err != nil {
		q.Unproved = err
	} else {
		q.Proof, q.Region = signature, signature.Region()
	}
	answer := s.gate.Serve(r.Context(), q)
	token(w, answer)
	w.Header()["X-Amz-Request-Id"] = []string{id}
	if answer.Err != nil {
		s3Error(w, r, id, answer.Err)
		return
	}
	switch out := answer.Output.(type) {
	case *query.Object:
		defer out.File.Close()
		h := w.Header()
		h["Etag"] = []string{out.ETag}
		h["Content-Type"] = []string{"application/x-gzip"}
		for name, value := range out.Metadata {
			h["x-amz-meta-"+name] = []string{value} // as S3 writes it: its clients take the name as it comes
		}
		http.ServeContent(w, r, "", out.Modified, out.File) // parts and conditions too
	case *query.GetBucketLocationOutput:
		var body struct {
			XMLName xml.Name `xml:"http://s3.amazonaws.com/doc/2006-03-01/ LocationConstraint"`
			Region  string   `xml:",chardata"`
		}
		if out.Region != "us-east-1" { // which has none
			body.Region = out.Region
		}
		writeXML(w, http.StatusOK, body)
	case *query.ListObjectsOutput:
		writeXML(w, http.StatusOK, listing(in, out))
	}
}

// s3Input reads what is asked for: the path is /BUCKET or /BUCKET/KEY. Nobody
// is sent to another bucket or key by a second way to write it.
func s3Input(r *http.Request) (any, string, error) {
	refuse := func(code, message string) error {
		return &smithy.GenericAPIError{Code: code, Message: message, Fault: smithy.FaultClient}
	}
	raw, rawQuery, _ := strings.Cut(r.RequestURI, "?")
	path, err := url.PathUnescape(raw)
	if err != nil || !strings.HasPrefix(path, "/") {
		return nil, "Unreadable", refuse("InvalidArgument", "The path does not read.")
	}
	values, err := url.ParseQuery(rawQuery)
	if err != nil {
		return nil, "Unreadable", refuse("InvalidArgument", "The query does not read.")
	}
	for name, v := range values {
		if len(v) > 1 {
			return nil, "Unreadable", refuse("InvalidArgument", "The parameter "+strconv.Quote(name)+" is there twice.")
		}
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return nil, "Unreadable", refuse("MethodNotAllowed", "The specified method is not allowed against this resource.")
	}
	if n, err := io.Copy(io.Discard, io.LimitReader(r.Body, 1)); n > 0 || err != nil {
		return nil, "Unreadable", refuse("InvalidArgument", "The request must have no body.")
	}
	bucket, key, _ := strings.Cut(path[1:], "/")
	only := func(names ...string) error {
		for name := range values {
			known := name == "x-id"
			for _, n := range names {
				known = known || n == name
			}
			if !known {
				return refuse("NotImplemented", "A header or query you provided implies functionality that is not implemented.")
			}
		}
		return nil
	}
	_, location := values["location"]
	switch {
	case bucket == "":
		return nil, "ListBuckets", refuse("NotImplemented", "A header or query you provided implies functionality that is not implemented.")
	case key != "" && r.Method == http.MethodHead:
		return &query.HeadObjectInput{Bucket: bucket, Key: key}, "HeadObject", only()
	case key != "":
		return &query.GetObjectInput{Bucket: bucket, Key: key}, "GetObject", only()
	case r.Method == http.MethodHead:
		return nil, "HeadBucket", refuse("NotImplemented", "A header or query you provided implies functionality that is not implemented.")
	case location:
		return &query.GetBucketLocationInput{Bucket: bucket}, "GetBucketLocation", only("location")
	}
	most := 1000
	if v := values.Get("max-keys"); v != "" {
		if most, err = strconv.Atoi(v); err != nil || most < 0 {
			return nil, "ListObjects", refuse("InvalidArgument", "Provided max-keys not an integer or within integer range")
		}
	}
	if e := values.Get("encoding-type"); e != "" && e != "url" {
		return nil, "ListObjects", refuse("InvalidArgument", "Invalid Encoding Method specified in Request")
	}
	if values.Get("delimiter") != "" {
		return nil, "ListObjects", refuse("NotImplemented", "A delimiter is not implemented.")
	}
	if values.Get("list-type") == "2" {
		return &query.ListObjectsV2Input{Bucket: bucket, Prefix: values.Get("prefix"), StartAfter: values.Get("start-after"), ContinuationToken: values.Get("continuation-token"), MaxKeys: most},
			"ListObjectsV2", only("list-type", "prefix", "start-after", "continuation-token", "max-keys", "encoding-type", "delimiter", "fetch-owner")
	}
	return &query.ListObjectsInput{Bucket: bucket, Prefix: values.Get("prefix"), Marker: values.Get("marker"), MaxKeys: most},
		"ListObjects", only("prefix", "marker", "max-keys", "encoding-type", "delimiter")
}

// s3Listing is ListBucketResult of both versions: what is empty is left out.
type s3Listing struct {
	XMLName      xml.Name   `xml:"http://s3.amazonaws.com/doc/2006-03-01/ ListBucketResult"`
	Name         string     `xml:"Name"`
	Prefix       string     `xml:"Prefix"`
	Marker       *string    `xml:"Marker"`
	NextMarker   string     `xml:"NextMarker,omitempty"`
	StartAfter   string     `xml:"StartAfter,omitempty"`
	Token        string     `xml:"ContinuationToken,omitempty"`
	NextToken    string     `xml:"NextContinuationToken,omitempty"`
	KeyCount     *int       `xml:"KeyCount"`
	MaxKeys      int        `xml:"MaxKeys"`
	EncodingType string     `xml:"EncodingType,omitempty"`
	IsTruncated  bool       `xml:"IsTruncated"`
	Contents     []s3Object `xml:"Contents"`
}

type s3Object struct {
	Key          string
	LastModified string
	ETag         string
	Size         int64
	StorageClass string
}

func listing(in any, out *query.ListObjectsOutput) *s3Listing {
	l := &s3Listing{IsTruncated: out.Next != ""}
	switch in := in.(type) {
	case *query.ListObjectsInput:
		l.Name, l.Prefix, l.Marker, l.NextMarker, l.MaxKeys = in.Bucket, in.Prefix, &in.Marker, out.Next, in.MaxKeys
	case *query.ListObjectsV2Input:
		n := len(out.Objects)
		l.Name, l.Prefix, l.StartAfter, l.Token, l.NextToken, l.KeyCount, l.MaxKeys = in.Bucket, in.Prefix, in.StartAfter, in.ContinuationToken, out.Next, &n, in.MaxKeys
	}
	// Keys are of characters that need no encoding, so EncodingType, which
	// would make a client decode them, may be left out.
	for _, o := range out.Objects {
		l.Contents = append(l.Contents, s3Object{o.Key, o.Modified.Format("2006-01-02T15:04:05.000Z"), o.ETag, o.Size, "STANDARD"})
	}
	return l
}

func s3Error(w http.ResponseWriter, r *http.Request, id string, err error) {
	body := struct {
		XMLName   xml.Name `xml:"Error"`
		Code      string
		Message   string
		RequestID string `xml:"RequestId"`
	}{Code: "InternalError", Message: "We encountered an internal error. Please try again.", RequestID: id}
	status := http.StatusInternalServerError
	code, message := "", ""
	var api smithy.APIError
	var sig *sigv4.Error
	switch {
	case errors.As(err, &sig):
		code, message = sig.Code, sig.Message
	case errors.As(err, &api):
		code, message = api.ErrorCode(), api.ErrorMessage()
	}
	if as, ok := s3Status[code]; ok {
		body.Code, body.Message, status = as.code, message, as.status
	}
	if r.Method == http.MethodHead {
		w.WriteHeader(status) // a head has no body to tell it in
		return
	}
	writeXML(w, status, body)
}

func writeXML(w http.ResponseWriter, status int, v any) {
	b, err := xml.Marshal(v)
	if err != nil {
		panic(err) // a struct of strings and numbers
	}
	b = append([]byte(xml.Header), b...)
	w.Header()["Content-Type"] = []string{"application/xml"}
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(b))}
	w.WriteHeader(status)
	w.Write(b)
}
