package main

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/keytrail/keytrail/events/journal"
)

// onTheBus is the source of requests that came over NATS, and the host that
// they are signed for unless they name another.
const onTheBus = "nats"

// authzenCall answers a call of the bus as if it were a POST: proof, limits and
// answers are the same. The status goes into the header Keytrail-Status.
func (s *server) authzenCall(ctx context.Context, c *journal.Call) (map[string][]string, []byte) {
	r := &http.Request{
		Method: http.MethodPost, URL: &url.URL{Path: c.Path}, RequestURI: c.Path, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Host: onTheBus, RemoteAddr: onTheBus, Body: io.NopCloser(bytes.NewReader(c.Body)), ContentLength: int64(len(c.Body)),
	}
	n := 0
	for name, values := range c.Header {
		for _, v := range values {
			if n++; n <= maxHeaders {
				r.Header.Add(name, v)
			}
		}
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
		r.Header.Del("Host")
	}
	if r.Header.Get("Content-Type") == "" { // there is nothing else that it could be
		r.Header.Set("Content-Type", "application/json")
	}
	w := &recorded{header: http.Header{}, status: http.StatusOK}
	if n > maxHeaders {
		authzenError(w, refused("ValidationError", "There are too many headers."))
	} else {
		s.authzen(w, r.WithContext(ctx))
	}
	w.header["Keytrail-Status"] = []string{strconv.Itoa(w.status)}
	delete(w.header, "Content-Length")
	delete(w.header, "Connection")
	return w.header, w.body.Bytes()
}

// recorded is an answer that goes elsewhere than to a connection.
type recorded struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorded) Header() http.Header         { return w.header }
func (w *recorded) WriteHeader(status int)      { w.status = status }
func (w *recorded) Write(b []byte) (int, error) { return w.body.Write(b) }
