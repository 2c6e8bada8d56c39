package apitest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"

	"borgfleet/controller/internal/api/rest"
)

func isEventStream(h http.Header) bool {
	mediaType, _, _ := mime.ParseMediaType(h.Get("Content-Type"))
	return mediaType == rest.EventStreamType
}

// watchEvents holds every event of an answer against the contract while the
// client reads it.
func (c *Checker) watchEvents(req *http.Request, resp *http.Response) {
	if !isEventStream(resp.Header) || req.Method == http.MethodHead {
		return
	}
	check, err := c.eventCheck(req)
	if err != nil {
		c.t.Errorf("contract: %s %s: %v", req.Method, req.URL.Path, err)
		return
	}
	resp.Body = &eventBody{ReadCloser: resp.Body, check: func(event string) {
		if err := check(event); err != nil {
			c.t.Errorf("contract: %s %s: %v\n%s", req.Method, req.URL.Path, err, clip([]byte(event)))
		}
	}}
}

// eventCheck makes the check for the events of one operation. The contract
// names, for each event, the schema of its data.
func (c *Checker) eventCheck(req *http.Request) (func(event string) error, error) {
	route, _ := c.find(req)
	if route == nil {
		return nil, errors.New("the contract has no such operation")
	}
	content := route.Operation.Responses.Value("200").Value.Content.Get(rest.EventStreamType)
	if content == nil {
		return nil, errors.New("the contract has no events here")
	}
	names, ok := content.Extensions["x-events"].(map[string]any)
	if !ok {
		return nil, errors.New("the contract does not name the events")
	}
	return func(event string) error {
		name, data, err := splitEvent(event)
		if err != nil || name == "" && data == "" {
			return err
		}
		schema, ok := names[name].(string)
		if !ok {
			return fmt.Errorf("the event %q is not in the contract", name)
		}
		var value any
		if err := json.Unmarshal([]byte(data), &value); err != nil {
			return err
		}
		return c.doc.Components.Schemas[schema].Value.VisitJSON(value, openapi3.EnableJSONSchema2020())
	}, nil
}

// splitEvent reads one event as this API writes it.
func splitEvent(event string) (name, data string, err error) {
	for line := range strings.SplitSeq(event, "\n") {
		field, value, ok := strings.Cut(line, ": ")
		switch {
		case field == "event" && ok && name == "":
			name = value
		case field == "data" && ok && data == "":
			data = value
		case field == "id" && ok, strings.HasPrefix(line, ":"):
		default:
			return "", "", fmt.Errorf("a line is none of an event: %q", line)
		}
	}
	return name, data, nil
}

// eventBody cuts what passes into events.
type eventBody struct {
	io.ReadCloser
	check func(event string)

	mu   sync.Mutex
	rest []byte // of an event that is not whole; guarded by mu
}

func (b *eventBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rest = append(b.rest, p[:n]...)
	for {
		event, after, ok := bytes.Cut(b.rest, []byte("\n\n"))
		if !ok {
			return n, err
		}
		b.check(string(event))
		b.rest = bytes.Clone(after)
	}
}
