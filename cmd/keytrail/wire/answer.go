package wire

import (
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"sync"

	"github.com/aws/smithy-go"

	"github.com/keytrail/keytrail/cmd/keytrail/sigv4"
)

// What clients are told about a failure of ours; its cause stays inside.
const internalMessage = "The request processing has failed because of an unknown error, exception or failure."

// statuses are the HTTP statuses of the codes every service shares (security.md
// section 7, the fact sheets' error tables). A modelled error has its own in
// the facts; a client's error without any is 400, a server's 500.
var statuses = map[string]int{
	"AccessDenied":                403,
	"ConcurrentModification":      409,
	"ExpiredToken":                403,
	"IDPRejectedClaim":            403,
	"IncompleteSignature":         400,
	"InternalFailure":             500,
	"InvalidAction":               400,
	"InvalidClientTokenId":        403,
	"MalformedInput":              400,
	"MethodNotAllowed":            405,
	"MissingAuthenticationToken":  403,
	"NotImplemented":              501,
	"OptInRequired":               403,
	"RequestEntityTooLarge":       413,
	"RequestExpired":              400,
	"RequestTimeout":              408,
	"ServiceFailure":              500,
	"ServiceUnavailable":          503,
	"SignatureDoesNotMatch":       403,
	"Throttling":                  400,
	"ValidationError":             400,
	"ExpiredTokenException":       400, // of a federation token given as input
	"RegionDisabledException":     403,
	"ServiceUnavailableException": 503,
	"InternalServiceError":        500,
}

// jsonCodes are the common codes as JSON 1.1 spells them.
var jsonCodes = map[string]string{
	"AccessDenied":               "AccessDeniedException",
	"ExpiredToken":               "ExpiredTokenException",
	"IncompleteSignature":        "IncompleteSignatureException",
	"InvalidAction":              "UnknownOperationException",
	"InvalidClientTokenId":       "UnrecognizedClientException",
	"MissingAuthenticationToken": "MissingAuthenticationTokenException",
	"ServiceFailure":             "InternalFailure",
	"ServiceUnavailable":         "ServiceUnavailableException",
	"SignatureDoesNotMatch":      "InvalidSignatureException",
	"Throttling":                 "ThrottlingException",
	"ValidationError":            "ValidationException",
}

// Code is what WriteError sends for err: the code as the service spells it, the
// message and the HTTP status. An error that is neither a smithy.APIError nor a
// *sigv4.Error is InternalFailure, and its text is not sent.
func Code(serviceName string, err error) (code, message string, status int) {
	s := services[serviceName]
	if s == nil {
		s = services["iam"]
	}
	code, message = "InternalFailure", internalMessage
	fault := smithy.FaultServer
	var api smithy.APIError
	var sig *sigv4.Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &sig):
		code, message, fault = sig.Code, sig.Message, smithy.FaultClient
	case errors.As(err, &api):
		code, message, fault = api.ErrorCode(), api.ErrorMessage(), api.ErrorFault()
	case errors.As(err, &tooLarge):
		code, message, fault = "RequestEntityTooLarge", "The request is too large.", smithy.FaultClient
	}
	if code == "" {
		code = "InternalFailure"
	}
	f := s.table()
	if c, ok := f.codes[code]; ok {
		code = c // given by its exception's name
	}
	status, ok := f.status[code]
	if !ok {
		status, ok = statuses[code]
	}
	if !ok {
		if status = 400; fault == smithy.FaultServer {
			status = 500
		}
	}
	if s.json {
		if c, ok := jsonCodes[code]; ok {
			code = c
		}
		if own, ok := f.status[code]; ok {
			status = own
		} else if s.rest && code == "UnknownOperationException" {
			status = http.StatusNotFound
		}
		// JSON 1.1 knows 400 and 5xx; a body that was not read keeps its own.
		if !s.rest && status < 500 && status != http.StatusRequestEntityTooLarge && status != http.StatusRequestTimeout {
			status = 400
		}
	}
	if status >= 500 && (code == "InternalFailure" || code == "ServiceFailure") {
		message = internalMessage // whatever was put there
	}
	return code, message, status
}

// buffers hold answers while they are put together.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4096); return &b }}

const keepBuffer = 1 << 20

func release(p *[]byte, b []byte) {
	if cap(b) <= keepBuffer {
		*p = b[:0]
		buffers.Put(p)
	}
}

// reason is the Reason of an error that is modelled with one, as most of
// Organizations' are.
func reason(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		return ""
	}
	v := reflect.Indirect(reflect.ValueOf(api))
	if v.Kind() != reflect.Struct {
		return ""
	}
	if f := v.FieldByName("Reason"); f.IsValid() && f.Kind() == reflect.String {
		return f.String()
	}
	return ""
}

// WriteError answers with err in the service's protocol: for IAM and STS
//
//	<ErrorResponse xmlns="…"><Error><Type>Sender</Type><Code>…</Code><Message>…</Message></Error><RequestId>…</RequestId></ErrorResponse>
//
// and in JSON 1.1 {"__type":"…","message":"…"} with x-amzn-ErrorType.
func WriteError(w http.ResponseWriter, serviceName, requestID string, err error) {
	code, message, status := Code(serviceName, err)
	s := services[serviceName]
	if s == nil {
		s = services["iam"]
	}
	p := buffers.Get().(*[]byte)
	b := *p
	if s.json {
		w.Header()["X-Amzn-Errortype"] = []string{code}
		b = append(b, `{"__type":`...)
		b = appendJSONString(b, code)
		b = append(b, `,"message":`...)
		b = appendJSONString(b, message)
		why, member := reason(err), `,"Reason":`
		if s.rest {
			if member = `,"reason":`; why == "" && code == "ValidationException" {
				why = "fieldValidationFailed"
			}
		}
		if why != "" {
			b = append(b, member...)
			b = appendJSONString(b, why)
		}
		b = append(b, '}')
	} else {
		b = append(b, `<ErrorResponse xmlns="`...)
		b = append(b, s.table().ns...)
		if status >= 500 {
			b = append(b, `"><Error><Type>Receiver</Type><Code>`...)
		} else {
			b = append(b, `"><Error><Type>Sender</Type><Code>`...)
		}
		b = escapeXML(b, code)
		b = append(b, "</Code><Message>"...)
		b = escapeXML(b, message)
		b = append(b, "</Message></Error><RequestId>"...)
		b = escapeXML(b, requestID)
		b = append(b, "</RequestId></ErrorResponse>"...)
	}
	if status == http.StatusRequestEntityTooLarge || status == http.StatusRequestTimeout {
		w.Header()["Connection"] = []string{"close"} // the rest of the body is still coming
	}
	send(w, s, requestID, status, b)
	release(p, b)
}

// WriteResponse answers 200 with out, a pointer to the operation's output. An
// error means nothing was written yet: out is not of the operation, or the
// client is gone.
func WriteResponse(w http.ResponseWriter, op *Operation, requestID string, out any) error {
	p := buffers.Get().(*[]byte)
	b, err := op.AppendResponse(*p, requestID, out)
	if err == nil {
		err = send(w, op.service, requestID, http.StatusOK, b)
	}
	release(p, b)
	return err
}

var (
	xmlType  = []string{"text/xml"}
	jsonType = []string{"application/x-amz-json-1.1"}
	restType = []string{"application/json"}
)

func send(w http.ResponseWriter, s *service, requestID string, status int, b []byte) error {
	h := w.Header()
	if s.rest {
		h["Content-Type"] = restType
	} else if s.json {
		h["Content-Type"] = jsonType
	} else {
		h["Content-Type"] = xmlType
	}
	h["X-Amzn-Requestid"] = []string{requestID}
	h["Content-Length"] = []string{strconv.Itoa(len(b))}
	w.WriteHeader(status)
	_, err := w.Write(b)
	return err
}
