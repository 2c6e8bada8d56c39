package apitest

import (
	"encoding/json"
	"strings"
	"testing"
)

// closeAll makes every object in s refuse other fields.
func closeAll(s shape) shape {
	s.closed = true
	fields := map[string]shape{}
	for name, f := range s.fields {
		fields[name] = closeAll(f)
	}
	s.fields = fields
	if s.items != nil {
		items := closeAll(*s.items)
		s.items = &items
	}
	return s
}

func decode(t *testing.T, body []byte) any {
	t.Helper()
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}
