package apitest

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"borgfleet/controller/internal/api"
	"borgfleet/controller/internal/api/rest"
)

// Checker holds answers against openapi.json. It may be used concurrently.
type Checker struct {
	t    testing.TB
	doc  *openapi3.T
	good sync.Map // by operation: the hash of the last exchange that broke nothing
}

// contract is read once: that takes longer than what most tests do with it, and
// nobody changes it.
var contract = sync.OnceValues(Load)

// NewChecker reads the contract. That it is valid is for a test of its own.
func NewChecker(t testing.TB) *Checker {
	t.Helper()
	doc, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	return &Checker{t: t, doc: doc}
}

// Load reads the contract.
func Load() (*openapi3.T, error) {
	doc, err := openapi3.NewLoader().LoadFromData(api.OpenAPI())
	if err != nil {
		return nil, fmt.Errorf("read openapi.json: %w", err)
	}
	return doc, nil
}

// RoundTripper lets every exchange through base pass by the checker.
func (c *Checker) RoundTripper(base http.RoundTripper) http.RoundTripper {
	return &roundTripper{checker: c, base: base}
}

type roundTripper struct {
	checker *Checker
	base    http.RoundTripper
}

func (rt *roundTripper) RoundTrip(req *http.Request) (*http.Response, error) {
	sent := req.Clone(req.Context())
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(req.Body)
		req.Body.Close()
		if err != nil {
			return nil, err
		}
		sent.Body = io.NopCloser(bytes.NewReader(body))
	}
	resp, err := rt.base.RoundTrip(sent)
	if err != nil {
		return nil, err
	}
	if isJSON(resp.Header) {
		data, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			return nil, err
		}
		resp.Body = io.NopCloser(bytes.NewReader(data))
		rt.checker.Check(req, body, resp, data)
		return resp, nil
	}
	// A log can be long, and events have no end: the head is looked at here, and
	// each event when it comes.
	rt.checker.Check(req, body, resp, nil)
	rt.checker.watchEvents(req, resp)
	return resp, nil
}

func (rt *roundTripper) CloseIdleConnections() {
	if inner, ok := rt.base.(interface{ CloseIdleConnections() }); ok {
		inner.CloseIdleConnections()
	}
}

func isJSON(h http.Header) bool {
	mediaType, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return mediaType == "application/json" || strings.HasSuffix(mediaType, "+json")
}

// Check fails the test if the exchange breaks the contract.
func (c *Checker) Check(req *http.Request, reqBody []byte, resp *http.Response, respBody []byte) {
	c.t.Helper()
	for _, err := range c.Violations(req, reqBody, resp, respBody) {
		c.t.Errorf("contract: %s %s: %d: %v\n%s", req.Method, req.URL.Path, resp.StatusCode, err, clip(respBody))
	}
}

// Violations says how the exchange breaks the contract. A request that was
// accepted must be one that the contract allows; one that was refused need not.
func (c *Checker) Violations(req *http.Request, reqBody []byte, resp *http.Response, respBody []byte) []error {
	errs := generalViolations(req, resp, respBody)
	route, params := c.find(req)
	if route == nil {
		if resp.StatusCode != http.StatusNotFound && resp.StatusCode != http.StatusMethodNotAllowed {
			errs = append(errs, fmt.Errorf("the contract has no such operation"))
		}
		return append(errs, c.problemViolations(req, respBody)...)
	}
	// Who waits hears the same a hundred times.
	same := exchange(req, reqBody, resp, respBody)
	if last, _ := c.good.Load(route.Operation); last == same {
		return errs
	}
	broken := c.operationViolations(route, params, req, reqBody, resp, respBody)
	if len(broken) == 0 {
		c.good.Store(route.Operation, same)
	}
	return append(errs, broken...)
}

// exchange is a hash of all that an operation's contract speaks of.
func exchange(req *http.Request, reqBody []byte, resp *http.Response, respBody []byte) [sha256.Size]byte {
	answered := resp.Header.Clone()
	answered.Del("Date")
	return sha256.Sum256(fmt.Appendf(nil, "%s %q %q %q %d %q %q", req.Method, req.URL, req.Header, reqBody, resp.StatusCode, answered, respBody))
}

// operationViolations are what its operation's contract says of an exchange.
func (c *Checker) operationViolations(route *routers.Route, params map[string]string, req *http.Request, reqBody []byte, resp *http.Response, respBody []byte) []error {
	var errs []error
	in := &openapi3filter.RequestValidationInput{
		Request: contractRequest(req, reqBody), PathParams: params, Route: route,
		Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, SkipSettingDefaults: true},
	}
	if resp.StatusCode < 300 {
		errs = append(errs, unknownParameters(req, route)...)
		if err := openapi3filter.ValidateRequest(req.Context(), in); err != nil {
			errs = append(errs, fmt.Errorf("the request was accepted, but: %w", err))
		}
	}
	out := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: resp.StatusCode, Header: resp.Header,
		Body:    io.NopCloser(bytes.NewReader(respBody)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, ExcludeResponseBody: req.Method == http.MethodHead || !isJSON(resp.Header)},
	}
	if err := openapi3filter.ValidateResponse(req.Context(), out); err != nil {
		errs = append(errs, err)
	}
	return errs
}

// generalViolations are about what every answer has.
func generalViolations(req *http.Request, resp *http.Response, body []byte) []error {
	var errs []error
	if resp.Header.Get("X-Content-Type-Options") != "nosniff" {
		errs = append(errs, fmt.Errorf("there is no X-Content-Type-Options: nosniff"))
	}
	if want := caching(req, resp); resp.Header.Get("Cache-Control") != want {
		errs = append(errs, fmt.Errorf("there is no Cache-Control: %s", want))
	}
	if resp.StatusCode == http.StatusMethodNotAllowed && resp.Header.Get("Allow") == "" {
		errs = append(errs, fmt.Errorf("there is no Allow"))
	}
	if resp.StatusCode < 400 {
		return errs
	}
	if got := resp.Header.Get("Content-Type"); got != rest.ProblemType {
		errs = append(errs, fmt.Errorf("the error is %q, not %s", got, rest.ProblemType))
	}
	var p rest.Problem
	if req.Method == http.MethodHead {
		return errs
	}
	if err := json.Unmarshal(body, &p); err != nil || p.Status != resp.StatusCode {
		errs = append(errs, fmt.Errorf("the problem says status %d", p.Status))
	}
	return errs
}

// caching is what every answer says of keeping it: only what is the same for
// everybody may be kept.
func caching(req *http.Request, resp *http.Response) string {
	p := strings.TrimSuffix(req.URL.Path, "/")
	if resp.StatusCode < 400 && (p == "/api/openapi.json" || p == "/api/docs" || strings.HasPrefix(p, "/api/docs/")) {
		return "no-cache"
	}
	return "no-store"
}

// problemViolations is for answers that belong to no operation.
func (c *Checker) problemViolations(req *http.Request, body []byte) []error {
	var value any
	if req.Method == http.MethodHead {
		return nil
	}
	if err := json.Unmarshal(body, &value); err != nil {
		return []error{err}
	}
	schema := c.doc.Components.Schemas["Problem"].Value
	if err := schema.VisitJSON(value, openapi3.EnableJSONSchema2020()); err != nil {
		return []error{err}
	}
	return nil
}
