package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"borgfleet/controller/apitest"
	"borgfleet/controller/internal/api"
)

// Each operation of the contract has a route, and the reverse; so have the
// query parameters, and roles are said in both.
func TestRoutesAndContractAreTheSame(t *testing.T) {
	doc, err := apitest.Load()
	if err != nil {
		t.Fatal(err)
	}
	routes := map[string]api.RouteInfo{}
	for _, rt := range api.Routes() {
		routes[rt.Method+" "+rt.Path] = rt
	}
	seen := 0
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			rt, ok := routes[method+" "+path]
			if !ok {
				t.Errorf("%s %s is in the contract only", method, path)
				continue
			}
			seen++
			var query []string
			for _, p := range op.Parameters {
				if p.Value.In == "query" {
					query = append(query, p.Value.Name)
				}
			}
			if !slices.Equal(slices.Sorted(slices.Values(query)), slices.Sorted(slices.Values(rt.Query))) {
				t.Errorf("%s %s: query is %v in the contract, %v in the table", method, path, query, rt.Query)
			}
			if rt.Role != api.Public && !strings.Contains(op.Description, "the role "+string(rt.Role)) {
				t.Errorf("%s %s: the contract does not name the role %s", method, path, rt.Role)
			}
			if open := op.Security == nil || len(*op.Security) == 0; open != (rt.Role == api.Public) {
				t.Errorf("%s %s: security differs", method, path)
			}
		}
	}
	if seen != len(routes) {
		t.Errorf("the table has %d routes, the contract %d of them", len(routes), seen)
	}
}

// fill puts an id into a path.
func fill(path string) string {
	return strings.NewReplacer("{job_id}", "123", "{id}", "7", "{name}", "ann", "{file}", "app.js").Replace(path)
}

func TestEveryRouteWithAndWithoutSlashAndHead(t *testing.T) {
	e := setup(t)
	e.fleet.add(documentedJob("failed"), "line")
	for _, rt := range api.Routes() {
		path := fill(rt.Path)
		want := e.do(rt.Method, path, "{}")
		got := e.do(rt.Method, path+"/", "{}")
		if got.status != want.status || string(got.body) != string(want.body) {
			t.Errorf("%s %s/: %d %s, without the slash %d", rt.Method, path, got.status, got.body, want.status)
		}
		if rt.Method != http.MethodGet {
			continue
		}
		head := e.do(http.MethodHead, path, "")
		if head.status != want.status || head.header.Get("Content-Type") != want.header.Get("Content-Type") {
			t.Errorf("HEAD %s: %d %v", path, head.status, head.header)
		}
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	e := setup(t)
	for _, path := range []string{"/", "/api/", "//", "/api/nothing", "/api//backup/jobs", "/api/backup/../backup/jobs", "/healthz//",
		"/api/backup/status", "/api/backup/status/", "/api/backup/status/1/2", "/api/agents//", "/%2e%2e/etc", "/api/backup/jobs%2f"} {
		a := e.get(path)
		if path == "/api/" {
			a.is(200)
			continue
		}
		if a.is(404).problem().Code != "unknown_path" {
			t.Errorf("%s: %s", path, a.body)
		}
	}
	for _, rt := range api.Routes() {
		a := e.do("TRACE", fill(rt.Path), "", "Authorization", "").is(405)
		if !strings.Contains(a.header.Get("Allow"), rt.Method) {
			t.Errorf("%s: Allow is %q", rt.Path, a.header.Get("Allow"))
		}
	}
	if got := e.do("DELETE", "/api/repositories", "").is(405).header.Get("Allow"); got != "GET, HEAD, POST" {
		t.Errorf("Allow is %q", got)
	}
}
