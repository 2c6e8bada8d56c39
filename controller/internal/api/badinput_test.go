package api_test

import (
	"slices"
	"strings"
	"testing"
)

func TestBadBodies(t *testing.T) {
	start, repos, tokens := "/api/backup/start", "/api/repositories", "/api/agents/join-tokens"
	tests := []struct {
		name, path, body string
		status           int
		code             string
		location         string
	}{
		{"empty", start, "", 400, "empty_body", ""},
		{"blank", start, " \n", 400, "empty_body", ""},
		{"not JSON", start, "{repository}", 400, "malformed_json", ""},
		{"cut", start, `{"repository": "/a`, 400, "malformed_json", ""},
		{"form", start, "repository=/a", 400, "malformed_json", ""},
		{"garbage after", start, `{"repository":"/a"} x`, 400, "malformed_json", ""},
		{"two objects", start, `{"repository":"/a"}{}`, 400, "malformed_json", ""},
		{"not UTF-8", start, "{\"repository\":\"/\xff\"}", 400, "malformed_json", ""},
		{"too deep", start, strings.Repeat("[", 100000), 400, "malformed_json", ""},
		{"NaN", start, `{"repository": NaN}`, 400, "malformed_json", ""},
		{"too large", start, `{"repository":"` + strings.Repeat("a", 1<<20) + `"}`, 413, "body_too_large", ""},
		{"array", start, `[]`, 422, "invalid_request", "body"},
		{"null", start, `null`, 422, "invalid_request", "body"},
		{"text", start, `"x"`, 422, "invalid_request", "body"},
		{"missing", start, `{}`, 422, "invalid_request", "body.repository"},
		{"null field", start, `{"repository":null}`, 422, "invalid_request", "body.repository"},
		{"number", start, `{"repository":7}`, 422, "invalid_request", "body.repository"},
		{"object", start, `{"repository":{}}`, 422, "invalid_request", "body.repository"},
		{"empty name", start, `{"repository":""}`, 422, "invalid_request", "body.repository"},
		{"long name", start, `{"repository":"` + strings.Repeat("a", 5000) + `"}`, 422, "invalid_request", "body.repository"},
		{"other case", start, `{"Repository":"/a"}`, 422, "invalid_request", "body.repository"},
		{"twice", start, `{"repository":"/a","repository":"/b"}`, 422, "invalid_request", "body.repository"},
		{"half a surrogate", start, `{"repository":"/\ud800"}`, 422, "invalid_request", "body.repository"},
		{"agent type", start, `{"repository":"/a","agent":1}`, 422, "invalid_request", "body.agent"},
		{"unknown field", tokens, `{"nane":"x"}`, 422, "invalid_request", "body.nane"},
		{"uses zero", tokens, `{"uses":0}`, 422, "invalid_request", "body.uses"},
		{"uses real", tokens, `{"uses":1.5}`, 422, "invalid_request", "body.uses"},
		{"uses huge", tokens, `{"uses":1` + strings.Repeat("0", 300) + `}`, 422, "invalid_request", "body.uses"},
		{"uses exponent", tokens, `{"uses":1e1}`, 422, "invalid_request", "body.uses"},
		{"uses text", tokens, `{"uses":"1"}`, 422, "invalid_request", "body.uses"},
		{"ttl zero", tokens, `{"ttl":0}`, 422, "invalid_request", "body.ttl"},
		{"ttl negative", tokens, `{"ttl":"-1h"}`, 422, "invalid_request", "body.ttl"},
		{"ttl nonsense", tokens, `{"ttl":"soon"}`, 422, "invalid_request", "body.ttl"},
		{"ttl fraction", tokens, `{"ttl":"1500ms"}`, 422, "invalid_request", "body.ttl"},
		{"ttl huge", tokens, `{"ttl":99999999999}`, 422, "invalid_request", "body.ttl"},
		{"ttl null is nothing", tokens, `{"ttl":null}`, 200, "", ""},
		{"name with space", tokens, `{"name":"a b"}`, 422, "invalid_request", "body.name"},
		{"labels array", tokens, `{"labels":[]}`, 422, "invalid_request", "body.labels"},
		{"label number", tokens, `{"labels":{"a":1}}`, 422, "invalid_request", "body.labels.a"},
		{"label twice", tokens, `{"labels":{"a":"1","a":"2"}}`, 422, "invalid_request", "body.labels.a"},
		{"label name", tokens, `{"labels":{"a=b":"1"}}`, 422, "invalid_request", "body.labels.a=b"},
		{"no body is fine", tokens, ``, 200, "", ""},
		{"no repository", repos, `{}`, 422, "invalid_request", "body.source_directories"},
		{"login without", "/api/auth/login", `{"username":"a"}`, 422, "invalid_request", "body.password"},
		{"login more", "/api/auth/login", `{"username":"a","password":"b","otp":"1"}`, 422, "invalid_request", "body.otp"},
		{"login empty", "/api/auth/login", ``, 400, "empty_body", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := setup(t)
			a := e.post(tt.path, tt.body).is(tt.status)
			if tt.status < 300 {
				return
			}
			p := a.problem()
			if p.Code != tt.code || p.Detail == "" || p.Type != "about:blank" {
				t.Errorf("problem is %+v", p)
			}
			if tt.location != "" && !slices.Contains(a.locations(), tt.location) {
				t.Errorf("no error at %s: %s", tt.location, a.body)
			}
			if len(a.body) > 20000 {
				t.Errorf("the answer has %d bytes", len(a.body))
			}
		})
	}
}

func TestMalformedJSONSaysWhere(t *testing.T) {
	e := setup(t)
	for body, want := range map[string]string{
		"{\n  \"repository\": oops}":    "line 2, column 17",
		"{\"repository\": \"/ä\",}":     "line 1, column 21",
		"{}\n\n}":                       "line 3, column 1",
		"{\"repository\":\n\"\xff\"}":   "line 2, column 2",
		"{\"repository\":\"tab\there\"": "line 1, column 19",
	} {
		if got := e.post("/api/backup/start", body).is(400).problem().Detail; !strings.Contains(got, want) {
			t.Errorf("%q: %s, not %s", body, got, want)
		}
	}
}

func TestManyMistakesAreToldAtOnceButNotAll(t *testing.T) {
	e := setup(t)
	if got := e.post("/api/repositories", `{}`).is(422).locations(); len(got) != 4 {
		t.Errorf("errors at %v", got)
	}
	body := `{"source_directories":[` + strings.Repeat("1,", 900) + `1]}`
	if got := e.post("/api/repositories", body).is(422).locations(); len(got) != 50 {
		t.Errorf("%d errors", len(got))
	}
}

func TestBadQueries(t *testing.T) {
	e := setup(t)
	for query, location := range map[string]string{
		"limit=0": "query.limit", "limit=-1": "query.limit", "limit=x": "query.limit", "limit=": "query.limit",
		"limit=1.0": "query.limit", "limit=%201": "query.limit", "limit=1&limit=2": "query.limit", "limit=-99999999999999999999": "query.limit",
		"scheduled_only=yes":                   "query.scheduled_only",
		"manual_only=":                         "query.manual_only",
		"scheduled_only=true&manual_only=1":    "query.manual_only",
		"status=done":                          "query.status",
		"status=":                              "query.status",
		"kind=everything":                      "query.kind",
		"schedule_id=0":                        "query.schedule_id",
		"label=site":                           "query.label",
		"label=%3Dx":                           "query.label",
		"since=yesterday":                      "query.since",
		"since=2024-01-15":                     "query.since",
		"since=2024-01-15T10:00:00+01:00":      "query.since",
		"since=2024-01-15T1:00:00Z":            "query.since",
		"until=2024-13-15T10:00:00Z":           "query.until",
		"repository=":                          "query.repository",
		"agent=%FF":                            "query.agent",
		"statuss=failed":                       "query.statuss",
		"Limit=1":                              "query.Limit",
		"%00=1":                                "query.\x00",
		"limit=%zz":                            "query",
		"limit=1;status=failed":                "query",
		"=1":                                   "query.",
		"cursor=":                              "query.cursor",
		strings.Repeat("a=1&", 500) + "limit=": "query.a",
	} {
		a := e.get("/api/backup/jobs?" + query).is(422)
		if got := a.locations(); !slices.Contains(got, location) {
			t.Errorf("%.80s: errors at %q", query, got)
		}
	}
	a := e.get("/api/backup/jobs?state=failed").is(422)
	if !strings.Contains(a.problem().Detail, "status") || !strings.Contains(a.problem().Detail, "query.state") {
		t.Errorf("the answer does not list what is known: %s", a.body)
	}
	e.get("/healthz?x=1").is(422)
	e.post("/api/backup/start?x=1", `{"repository":"/local/backups/my-repo"}`).is(422)
	e.get("/api/backup/jobs?").is(200)
}

func TestBadIdempotencyKeys(t *testing.T) {
	e := setup(t)
	body := `{"repository":"/local/backups/my-repo"}`
	e.post("/api/backup/start", body, "Idempotency-Key", strings.Repeat("k", 255)).is(200)
	for _, key := range []string{strings.Repeat("k", 256), "a b", "ü", "a\tb", " "} {
		a := e.post("/api/backup/start", body, "Idempotency-Key", key).is(422)
		if got := a.locations(); !slices.Equal(got, []string{"header.Idempotency-Key"}) {
			t.Errorf("%q: %v", key, got)
		}
	}
}
