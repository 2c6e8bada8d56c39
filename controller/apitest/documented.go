package apitest

import (
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

//go:embed testdata/*.json
var testdata embed.FS

// Example is an answer as the documented API shows it.
type Example struct {
	Name string // start, jobs, status, cancel, stream
	Body []byte
}

// DocumentedExamples are all of them.
func DocumentedExamples(t testing.TB) []Example {
	t.Helper()
	var out []Example
	for _, name := range slices.Sorted(maps.Keys(documented())) {
		body, err := testdata.ReadFile("testdata/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, Example{Name: name, Body: body})
	}
	return out
}

// CheckDocumented fails t unless body has the keys and the JSON types of the
// documented example name.
func CheckDocumented(t testing.TB, name string, body []byte) {
	t.Helper()
	for _, wrong := range Violations(name, body) {
		t.Errorf("documented answer %q: %s\n%s", name, wrong, clip(body))
	}
}

// Violations says how body differs from the documented example name.
func Violations(name string, body []byte) []string {
	want, ok := documented()[name]
	if !ok {
		return []string{"there is no such example"}
	}
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.UseNumber() // 1.0 is not an integer, and float64 would hide it
	var value any
	if err := dec.Decode(&value); err != nil {
		return []string{err.Error()}
	}
	return want.compare("$", value)
}

// compare lists how v differs from the shape.
func (s shape) compare(at string, v any) []string {
	if !slices.Contains(s.types, typeOf(v)) {
		return []string{fmt.Sprintf("%s is %s, not %s", at, typeOf(v), strings.Join(s.types, " or "))}
	}
	var out []string
	switch v := v.(type) {
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(s.fields)) {
			if inner, ok := v[name]; ok {
				out = append(out, s.fields[name].compare(at+"."+name, inner)...)
			} else {
				out = append(out, at+"."+name+" is missing")
			}
		}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			if _, ok := s.fields[name]; !ok && s.closed {
				out = append(out, at+"."+name+" is not documented")
			}
		}
	case []any:
		for i, item := range v {
			out = append(out, s.items.compare(fmt.Sprintf("%s[%d]", at, i), item)...)
		}
	}
	return out
}

func typeOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "number"
		}
		return "integer"
	case []any:
		return "array"
	}
	return "object"
}

func clip(body []byte) string {
	const most = 2000
	if len(body) > most {
		return string(body[:most]) + "…"
	}
	return string(body)
}
