package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestBadUsersAndTokens(t *testing.T) {
	e := setup(t)
	long := strings.Repeat("x", 1025)
	type bad map[string][]string // by field: JSON values
	for what, c := range map[string]struct {
		method, path string
		good         map[string]string
		bad          bad
	}{
		"new user": {"POST", "/api/users", map[string]string{"name": `"ann"`, "password": `"twelve chars"`, "role": `"viewer"`}, bad{
			"name":     {`""`, `"-a"`, `".a"`, `"a b"`, `"a/b"`, `"ä"`, `"root@localhost"`, `"x@LOCALHOST"`, `"` + long + `"`, `1`, `null`},
			"password": {`""`, `"eleven char"`, `"first line\nsecond"`, `"` + long + `"`, `123456789012`, `null`},
			"role":     {`""`, `"root"`, `"Admin"`, `1`, `null`},
			"nmae":     {`"x"`},
		}},
		"user": {"PATCH", "/api/users/ann", map[string]string{"password": `"twelve chars"`, "role": `"admin"`}, bad{
			"password": {`""`, `"short"`, `["x"]`}, "role": {`"none"`}, "name": {`"other"`},
		}},
		"password": {"POST", "/api/auth/password", map[string]string{"old_password": `"old"`, "new_password": `"twelve chars"`}, bad{
			"old_password": {`null`, `1`}, "new_password": {`null`, `"short"`}, "username": {`"ann"`},
		}},
		"token": {"POST", "/api/tokens", map[string]string{"name": `"x"`, "role": `"viewer"`, "expires_in": `60`, "user": `"ann"`}, bad{
			"name": {`null`, `""`, `"-x"`, `"a\nb"`, `"` + long + `"`}, "role": {`"x"`}, "user": {`"a b"`, `""`},
			"expires_in": {`0`, `-1`, `"soon"`, `315360001`, `"1.5s"`}, "scope": {`"all"`},
		}},
	} {
		if a := e.do(c.method, c.path, body(c.good, "", "")); a.status >= 300 {
			t.Errorf("%s: the good one is %d %s", what, a.status, a.body)
		}
		for field, values := range c.bad {
			for _, value := range values {
				a := e.do(c.method, c.path, body(c.good, field, value)).is(422)
				if got := a.locations(); !slices.Equal(got, []string{"body." + field}) {
					t.Errorf("%s: %s %.40s: errors at %v", what, field, value, got)
				}
				if len(value) > 20 && strings.Contains(string(a.body), long) {
					t.Errorf("%s: %s is told back", what, field)
				}
			}
		}
	}
	for _, empty := range []string{`{}`, `{"role":null}`} {
		if got := e.do("PATCH", "/api/users/ann", empty).is(422).locations(); !slices.Equal(got, []string{"body"}) {
			t.Errorf("%s: errors at %v", empty, got)
		}
	}
	same := `{"old_password":"twelve chars","new_password":"twelve chars"}`
	if got := e.post("/api/auth/password", same).is(422).locations(); !slices.Equal(got, []string{"body.new_password"}) {
		t.Errorf("errors at %v", got)
	}
}

// body writes an object of fields, one of which is changed.
func body(fields map[string]string, name, value string) string {
	var parts []string
	for f, v := range fields {
		if f != name {
			parts = append(parts, fmt.Sprintf("%q:%s", f, v))
		}
	}
	if name != "" {
		parts = append(parts, fmt.Sprintf("%q:%s", name, value))
	}
	return "{" + strings.Join(parts, ",") + "}"
}
