package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"borgfleet/scripts/browser"
	"borgfleet/scripts/testenv"
)

var (
	desk  = browser.View{Width: 1280, Height: 900}
	phone = browser.View{Width: 390, Height: 844, Dark: true}
)

// docsPage is /api/docs in a browser, with the calls that a test needs.
type docsPage struct {
	t     *testing.T
	ctx   context.Context
	page  *browser.Page
	proxy *browser.Proxy
	host  string
}

// openDocs opens the page at base and waits until it shows the contract. When
// the test ends, the page must have been content and have asked nobody else.
func openDocs(t *testing.T, base, hash string) *docsPage {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	b, err := browser.Start(ctx, t.TempDir())
	if errors.Is(err, browser.ErrMissing) && os.Getenv("BORGFLEET_NEED_BROWSER") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	d := &docsPage{t: t, ctx: ctx, host: strings.TrimPrefix(base, "http://")}
	d.proxy = browser.NewProxy(d.host)
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		d.proxy.Close()
	})
	if d.page, err = b.Open(ctx, d.proxy.Addr(), base+"/api/docs"+hash, desk); err != nil {
		t.Fatal(err)
	}
	d.await(`document.querySelector("main:not([aria-busy]) .operation")`)
	return d
}

func (d *docsPage) eval(expression string, out any) {
	d.t.Helper()
	if err := d.page.Eval(d.ctx, expression, out); err != nil {
		d.t.Fatal(err)
	}
}

func (d *docsPage) text(expression string) (out string) {
	d.t.Helper()
	d.eval("String("+expression+")", &out)
	return out
}

func (d *docsPage) await(expression string) {
	d.t.Helper()
	if err := d.page.Await(d.ctx, expression); err != nil {
		d.t.Fatalf("%v\n%v", err, d.page.Complaints())
	}
}

func (d *docsPage) keys(text string, then ...string) {
	d.t.Helper()
	err := d.page.Type(d.ctx, text)
	for _, key := range then {
		written := map[string]string{"Enter": "\r"}[key]
		err = errors.Join(err, d.page.Press(d.ctx, key, written))
	}
	if err != nil {
		d.t.Fatal(err)
	}
}

// content fails if the page complained, or if another host was asked.
func (d *docsPage) content() {
	d.t.Helper()
	if got := d.page.Complaints(); len(got) > 0 {
		d.t.Errorf("the console says %s", strings.Join(got, "\n"))
	}
	for host, n := range d.proxy.Asked() {
		if host != d.host {
			d.t.Errorf("%s was asked %d times", host, n)
		}
	}
	if d.proxy.Asked()[d.host] == 0 {
		d.t.Error("our own host was not asked: the proxy sees nothing")
	}
}

// shot keeps a picture for people, where BORGFLEET_SCREENSHOTS names a directory.
func (d *docsPage) shot(name string) {
	d.t.Helper()
	if dir := os.Getenv("BORGFLEET_SCREENSHOTS"); dir != "" {
		if err := d.page.Screenshot(d.ctx, filepath.Join(dir, name+".png")); err != nil {
			d.t.Error(err)
		}
	}
}

// contractOperations are the operations of the served contract, as METHOD path.
func contractOperations(t *testing.T, env *testenv.Env) (all []string, doc map[string]any) {
	t.Helper()
	if err := env.API.Get("/api/openapi.json", &doc); err != nil {
		t.Fatal(err)
	}
	for path, item := range doc["paths"].(map[string]any) {
		for method := range item.(map[string]any) {
			all = append(all, strings.ToUpper(method)+" "+path)
		}
	}
	slices.Sort(all)
	return all, doc
}

// TestAPIDocs looks at /api/docs as people do: everything is there, it can be
// used with the keyboard, the token stays where it was pasted, it fits a phone.
func TestAPIDocs(t *testing.T) {
	t.Parallel()
	env := newFleet(t, testenv.Fleet{})
	want, _ := contractOperations(t, env)
	d := openDocs(t, env.API.URL, "")
	var got []string
	d.eval(`[...document.querySelectorAll("article.operation")].map((o) => o.dataset.method + " " + o.dataset.path).sort()`, &got)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("the page shows\n%v\nthe contract has\n%v", got, want)
	}
	d.shot("desk")

	d.eval(`document.getElementById("token-field").focus()`, nil)
	d.keys(env.API.Token, "Enter")
	d.await(`document.getElementById("token-state").textContent === "admin, admin"`)
	d.keys("/auth/me", "Enter") // to the search, and on to what it found
	if got := d.text(`document.activeElement.closest("article").id`); got != "me" {
		t.Errorf("the search led to %s", got)
	}
	if got := d.text(`document.getElementById("found").textContent`); got != "1 of "+strconv.Itoa(len(want))+" operations" {
		t.Errorf("the search says %q", got)
	}
	d.keys("", "Enter") // opens it
	d.await(`document.activeElement.closest("details").open && location.hash === "#me"`)
	d.eval(`document.querySelector("#me .send").focus()`, nil)
	d.keys("", "Enter")
	d.await(`document.querySelector("#me .state").textContent.startsWith("200")`)
	if got := d.text(`document.querySelector("#me .answer code").textContent`); !strings.Contains(got, `"username": "admin"`) {
		t.Errorf("the answer is %s", got)
	}
	d.shot("answer")

	secret := strconv.Quote(env.API.Token)
	if got := d.text(`[localStorage.length, sessionStorage.length, document.cookie, location.href.includes(` + secret + `),
		document.documentElement.outerHTML.includes(` + secret + `), [...document.querySelectorAll("input")].some((i) => i.value === ` + secret + `)]`); got != "0,0,,false,false,false" {
		t.Errorf("the token is kept: %s", got)
	}
	if err := d.page.Show(d.ctx, phone); err != nil {
		t.Fatal(err)
	}
	d.eval(`(() => { const s = document.getElementById("search"); s.value = ""; s.dispatchEvent(new Event("input")); document.querySelector(".tools button").click(); })()`, nil)
	if got := d.text(`document.documentElement.scrollWidth`); got != strconv.Itoa(phone.Width) {
		t.Errorf("with everything open the page is %s wide on a phone of %d", got, phone.Width)
	}
	d.shot("phone")
	d.content()
}

// TestAPIDocsTrustsNoText: what is in the contract is shown as the text it is.
func TestAPIDocsTrustsNoText(t *testing.T) {
	t.Parallel()
	env := newFleet(t, testenv.Fleet{})
	_, doc := contractOperations(t, env)
	const evil = `<img src=x onerror="document.title='run'"><script>document.title='run'</script>"'>`
	poisoned, err := json.Marshal(poison(doc, evil))
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(env.API.URL)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(to)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/openapi.json" {
			forward.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(poisoned)
	}))
	t.Cleanup(front.Close)
	d := openDocs(t, front.URL, "")
	d.eval(`document.querySelector(".tools button").click()`, nil)
	if got := d.text(`[document.querySelectorAll("main img, main script, nav img, nav script").length, document.title, document.querySelector("main").textContent.includes("<script>document.title")]`); got != "0,borgfleet API,true" {
		t.Errorf("got %s", got)
	}
	d.content()

	// That the page is content means something: it would complain.
	if err := d.page.Eval(d.ctx, `document.body.innerHTML = "<p>"`, nil); err == nil {
		t.Error("a text was read as HTML")
	}
	d.eval(`fetch("http://elsewhere.example/").catch(() => 0)`, nil)
	if got := strings.Join(d.page.Complaints(), "\n"); !strings.Contains(got, "Content Security Policy") {
		t.Errorf("a request to another host was no complaint: %s", got)
	}
	if d.proxy.Asked()["elsewhere.example"] != 0 {
		t.Error("another host was asked")
	}
}

// poison puts evil behind every text that the page shows.
func poison(v any, evil string) any {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			text, ok := inner.(string)
			if ok && slices.Contains([]string{"description", "summary", "title", "example", "default", "pattern"}, key) {
				v[key] = text + evil
				continue
			}
			v[key] = poison(inner, evil)
		}
	case []any:
		for i := range v {
			v[i] = poison(v[i], evil)
		}
	}
	return v
}
