package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"unicode/utf8"

	"borgfleet/controller/internal/fault"
)

// readBody reads a body whole, whatever its Content-Type says: curl sends JSON
// as a form unless it is told otherwise.
func (s *server) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	return s.readUpTo(w, r, s.MaxBody)
}

func (s *server) readUpTo(w http.ResponseWriter, r *http.Request, most int64) ([]byte, error) {
	// Nothing is unpacked here, so that what is little cannot become much.
	if packed := r.Header.Get("Content-Encoding"); packed != "" && !strings.EqualFold(packed, "identity") {
		return nil, fault.New(fault.Malformed, "packed_body", "the body is packed (%s): send it as it is, without Content-Encoding", shorten(packed))
	}
	data, err := io.ReadAll(http.MaxBytesReader(innermost(w), r.Body, most))
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, fault.New(fault.TooLarge, "body_too_large", "the body has more than %d bytes", large.Limit)
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Malformed, "body_incomplete", "the body ended before it was complete")
	}
	return data, nil
}

// readObject reads a body that must be one JSON object.
func (s *server) readObject(w http.ResponseWriter, r *http.Request) (*object, error) {
	data, err := s.readBody(w, r)
	if err != nil {
		return nil, err
	}
	return parseObject(data)
}

// innermost is net/http's own writer: only that one knows how to answer without
// waiting for the rest of a body that is too large.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = outer.Unwrap()
	}
}

// parseObject reads a body that must be one JSON object and nothing else.
func parseObject(data []byte) (*object, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, fault.New(fault.Malformed, "empty_body", "the body is empty; a JSON object is expected")
	}
	if at, ok := invalidUTF8(data); ok {
		return nil, malformed(data, at, "this is not UTF-8")
	}
	var raw json.RawMessage
	if err := json.Unmarshal(data, &raw); err != nil {
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, malformed(data, int(syntax.Offset)-1, syntax.Error())
		}
		return nil, fault.Wrap(err, fault.Malformed, "malformed_json", "the body is not JSON")
	}
	if raw = bytes.TrimSpace(raw); raw[0] != '{' {
		return nil, fault.InvalidField("body", "it must be a JSON object, not %s", nameOf(raw))
	}
	return newObject("body", raw, &problems{}), nil
}

func invalidUTF8(data []byte) (int, bool) {
	for i := 0; i < len(data); {
		r, size := utf8.DecodeRune(data[i:])
		if r == utf8.RuneError && size == 1 {
			return i, true
		}
		i += size
	}
	return 0, false
}

// malformed says where in data the JSON ends to be JSON.
func malformed(data []byte, at int, what string) error {
	at = min(max(at, 0), len(data))
	before := data[:at]
	line := bytes.Count(before, []byte("\n")) + 1
	column := utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:]) + 1
	return fault.New(fault.Malformed, "malformed_json", "the body is not JSON: line %d, column %d: %s", line, column, what)
}
