package api_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// The page is looked at in a browser by scripts/e2e; here is what needs none.
func TestDocsFiles(t *testing.T) {
	e := setup(t)
	page := e.get("/api/docs", "Authorization", "").is(200)
	if got := page.header.Get("Content-Type"); got != "text/html; charset=utf-8" {
		t.Errorf("the page is %q", got)
	}
	for _, want := range []string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "img-src 'self' data:",
		"base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
	} {
		if !strings.Contains(page.header.Get("Content-Security-Policy"), want) {
			t.Errorf("the policy lacks %s", want)
		}
	}
	types := map[string]string{"html": "text/html; charset=utf-8", "js": "text/javascript; charset=utf-8", "css": "text/css; charset=utf-8"}
	files, err := os.ReadDir("docs")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		a := e.get("/api/docs/"+f.Name(), "Authorization", "").is(200)
		_, ext, _ := strings.Cut(f.Name(), ".")
		if got := a.header.Get("Content-Type"); got != types[ext] || got == "" {
			t.Errorf("%s is %q", f.Name(), got)
		}
		if a.header.Get("Content-Security-Policy") != page.header.Get("Content-Security-Policy") {
			t.Errorf("%s has another policy", f.Name())
		}
	}
	for _, name := range []string{"nothing.js", ".", "%2e%2e", "..%2Fdocs.go", "docs.go"} {
		if a := e.get("/api/docs/" + name); a.status != 404 || a.problem().Code != "unknown_path" {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}

// Another host, a token in a store, a text read as HTML: the policy refuses
// some of that in browsers that know it. It is not there to be refused.
func TestDocsFilesKeepTheRules(t *testing.T) {
	never := regexp.MustCompile(`innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|createContextualFragment|\beval\(|new Function|` +
		`localStorage|sessionStorage|indexedDB|document\.cookie|\son[a-z]+=|\sstyle=|<style|\.style\b|https?://`)
	allowed := regexp.MustCompile(`http://www\.w3\.org/2000/svg`) // a name, nothing is loaded from there
	files, err := os.ReadDir("docs")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		data, err := os.ReadFile("docs/" + f.Name())
		if err != nil {
			t.Fatal(err)
		}
		if found := never.Find(allowed.ReplaceAll(data, nil)); found != nil {
			t.Errorf("%s has %s", f.Name(), found)
		}
	}
}

func TestWhatIsTheSameForAllIsKeptAndAskedForAgain(t *testing.T) {
	e := setup(t)
	for _, path := range []string{"/api/docs", "/api/docs/app.js", "/api/openapi.json"} {
		first := e.get(path, "Authorization", "").is(200)
		tag := first.header.Get("ETag")
		if tag == "" || first.header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %v", path, first.header)
		}
		again := e.get(path, "If-None-Match", `"other", `+tag).is(304)
		if len(again.body) > 0 || again.header.Get("ETag") != tag {
			t.Errorf("%s again: %v %s", path, again.header, again.body)
		}
		e.get(path, "If-None-Match", `"other"`).is(200)
	}
}
