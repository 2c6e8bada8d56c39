package apitest

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/getkin/kin-openapi/routers"
)

// find is the operation that req is for, and the values in its path. A path
// without parameters wins over one with.
func (c *Checker) find(req *http.Request) (*routers.Route, map[string]string) {
	method := req.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	var best *routers.Route
	var values map[string]string
	for path, item := range c.doc.Paths.Map() {
		params, ok := match(path, req.URL)
		op := item.GetOperation(method)
		if !ok || op == nil || (best != nil && len(params) >= len(values)) {
			continue
		}
		best = &routers.Route{Spec: c.doc, Path: path, PathItem: item, Method: method, Operation: op}
		values = params
	}
	return best, values
}

func match(template string, u *url.URL) (map[string]string, bool) {
	want := strings.Split(template, "/")
	have := strings.Split(strings.TrimSuffix(u.EscapedPath(), "/"), "/")
	if len(want) != len(have) {
		return nil, false
	}
	params := map[string]string{}
	for i, w := range want {
		got, err := url.PathUnescape(have[i])
		if name, ok := strings.CutPrefix(w, "{"); ok && err == nil && got != "" {
			params[strings.TrimSuffix(name, "}")] = got
		} else if w != have[i] {
			return nil, false
		}
	}
	return params, true
}

// contractRequest is req as the contract describes it: the API takes JSON
// whatever it is called.
func contractRequest(req *http.Request, body []byte) *http.Request {
	out := req.Clone(req.Context())
	out.Method = strings.Replace(req.Method, http.MethodHead, http.MethodGet, 1)
	body = bytes.TrimSpace(body)
	out.Body = io.NopCloser(bytes.NewReader(body))
	out.URL.RawQuery = smallNumbers(req.URL.Query()).Encode()
	switch {
	case len(body) == 0:
		out.Body, out.ContentLength = http.NoBody, 0
	case body[0] == '{':
		out.Header.Set("Content-Type", "application/json")
	}
	return out
}

// smallNumbers replaces numbers that no int64 holds: the contract allows them,
// but the library that checks it does not.
func smallNumbers(q url.Values) url.Values {
	for _, values := range q {
		for i, v := range values {
			if len(v) > 18 && strings.Trim(v, "0123456789") == "" {
				values[i] = v[:18]
			}
		}
	}
	return q
}

func unknownParameters(req *http.Request, route *routers.Route) []error {
	var errs []error
	for name := range req.URL.Query() {
		if route.Operation.Parameters.GetByInAndName("query", name) == nil {
			errs = append(errs, fmt.Errorf("the query parameter %q is not in the contract, but was accepted", name))
		}
	}
	return errs
}
