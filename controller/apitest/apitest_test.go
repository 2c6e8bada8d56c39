package apitest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The contract is valid OpenAPI, and its examples fit its schemas.
func TestContractIsValid(t *testing.T) {
	doc, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	for name, s := range doc.Components.Schemas {
		closed := s.Value.AdditionalProperties.Has
		if s.Value.Type.Is("object") && (closed == nil || *closed) && name != "StartRequest" {
			t.Errorf("schema %s is not closed", name)
		}
		if s.Value.Description == "" {
			t.Errorf("schema %s has no description", name)
		}
	}
}

func TestDocumentedExamplesFitTheirTable(t *testing.T) {
	examples := DocumentedExamples(t)
	if len(examples) != 5 {
		t.Fatalf("there are %d examples, not 5", len(examples))
	}
	for _, e := range examples {
		CheckDocumented(t, e.Name, e.Body)
		// Without extra fields: the table has no field that an example lacks,
		// and an example none that the table lacks.
		s := documented()[e.Name]
		s.closed = true
		if wrong := closeAll(s).compare("$", decode(t, e.Body)); len(wrong) > 0 {
			t.Errorf("%s: %v", e.Name, wrong)
		}
	}
}

func TestViolationsOfDocumentedAnswers(t *testing.T) {
	start := `{"job_id": 1, "status": "pending", "message": "m"}`
	for _, body := range []string{
		strings.Replace(start, "1", "1.5", 1),
		strings.Replace(start, "1", `"1"`, 1),
		strings.Replace(start, `"m"`, "null", 1),
		strings.Replace(start, "{", `{"extra": 1, `, 1),
		`{"job_id": 1, "status": "pending"}`,
		`[]`, `null`, ``,
	} {
		if len(Violations("start", []byte(body))) == 0 {
			t.Errorf("not seen: %s", body)
		}
	}
	if wrong := Violations("start", []byte(start)); len(wrong) > 0 {
		t.Error(wrong)
	}
}

func TestCheckerSeesViolations(t *testing.T) {
	good := http.Header{"X-Content-Type-Options": {"nosniff"}, "Cache-Control": {"no-store"}, "Content-Type": {"application/json"}}
	c := NewChecker(t)
	tests := []struct {
		name, method, url, body string
		status                  int
		response                string
		drop                    string
		want                    bool
	}{
		{name: "good", method: "GET", url: "/healthz", status: 200, response: `{"status":"ok"}`},
		{name: "good with slash", method: "GET", url: "/healthz/", status: 200, response: `{"status":"ok"}`},
		{name: "extra field", method: "GET", url: "/healthz", status: 200, response: `{"status":"ok","x":1}`, want: true},
		{name: "extra field deep inside", method: "GET", url: "/api/backup/logs/1/stream", status: 200,
			response: `{"job_id":1,"status":"failed","lines":[{"line_number":1,"content":"","x":1}],"total_lines":1,"has_more":false}`, want: true},
		{name: "wrong value", method: "GET", url: "/healthz", status: 200, response: `{"status":"fine"}`, want: true},
		{name: "undocumented status", method: "GET", url: "/healthz", status: 202, response: `{"status":"ok"}`, want: true},
		{name: "unknown path", method: "GET", url: "/x", status: 200, response: `{}`, want: true},
		{name: "unknown parameter", method: "GET", url: "/healthz?x=1", status: 200, response: `{"status":"ok"}`, want: true},
		{name: "error that is no problem", method: "GET", url: "/healthz", status: 500, response: `{}`, want: true},
		{name: "no nosniff", method: "GET", url: "/healthz", status: 200, response: `{"status":"ok"}`, drop: "X-Content-Type-Options", want: true},
		{name: "time with fraction", method: "POST", url: "/api/agents/join-tokens", body: `{}`, status: 200,
			response: `{"token":"t","expires_at":"2024-01-15T10:00:00.5Z"}`, want: true},
		{name: "time", method: "POST", url: "/api/agents/join-tokens", body: `{}`, status: 200,
			response: `{"token":"t","expires_at":"2024-01-15T10:00:00Z"}`},
		{name: "bad request accepted", method: "POST", url: "/api/agents/join-tokens", body: `{"uses":0}`, status: 200,
			response: `{"token":"t","expires_at":"2024-01-15T10:00:00Z"}`, want: true},
	}
	tests = append(tests, tests...) // what was good makes nothing else good
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			req := httptest.NewRequest(tt.method, tt.url, strings.NewReader(tt.body))
			h := good.Clone()
			h.Del(tt.drop)
			resp := &http.Response{StatusCode: tt.status, Header: h, Body: io.NopCloser(strings.NewReader(tt.response))}
			for range 2 { // the same again is no better
				errs := c.Violations(req, []byte(tt.body), resp, []byte(tt.response))
				if (len(errs) > 0) != tt.want {
					t.Errorf("violations: %v", errs)
				}
			}
		})
	}
}
