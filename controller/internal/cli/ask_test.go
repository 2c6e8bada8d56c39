package cli

import (
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/certs"
	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fleet"
)

func TestNotRunning(t *testing.T) {
	dir := t.TempDir()
	for gone, want := range map[string]string{dir: "there is no controller's data in " + dir, dir + "/nope": "there is no directory " + dir + "/nope"} {
		r := command(t.Context(), "", []string{"agents", "list", "--data-dir", gone}, nil)
		if r.code != 3 || !strings.Contains(r.err, want) || !strings.Contains(r.err, "name the controller's own with --data-dir") || strings.Contains(r.err, "serve --data-dir "+dir) {
			t.Errorf("%+v", r)
		}
	}
	must(t, os.Mkdir(filepath.Join(dir, "store"), 0o700))
	r := command(t.Context(), "", []string{"agents", "list", "--data-dir", dir}, nil)
	if r.code != 3 || !strings.Contains(r.err, "the controller is not running") || !strings.Contains(r.err, "borgfleet-controller serve --data-dir "+dir) {
		t.Errorf("%+v", r)
	}
	r = command(t.Context(), "", []string{"agents", "list", "--server", "http://127.0.0.1:1", "--api-token-file", tokenFile(t, "good")}, nil)
	if r.code != 3 || !strings.Contains(r.err, "is http://127.0.0.1:1 the address of its REST API") {
		t.Errorf("%+v", r)
	}
}

func tokenFile(t *testing.T, token string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "token")
	must(t, os.WriteFile(file, []byte(token+"\n"), 0o600))
	return file
}

func TestServer(t *testing.T) {
	f := newFake(t, map[string][]answer{"GET /api/agents": ok(rest.AgentList{Agents: []rest.Agent{}})})
	run := func(args ...string) result {
		return command(t.Context(), "good\n", append([]string{"agents", "list"}, args...), nil)
	}
	none := "No host has enrolled yet. Make a token with borgfleet-controller join-token create.\n"
	run("--server", f.url, "--api-token-file", tokenFile(t, "good")).want(t, 0, "", none)
	run("--server", f.url, "--api-token-file", "-").want(t, 0, "", none)
	run("--server", f.url, "--api-token-file", tokenFile(t, "bad")).want(t, 3, "",
		"borgfleet-controller: the token is not known: get a new token with borgfleet-controller login --server URL\n")
	if r := run("--server", f.url); r.code != 2 || !strings.Contains(r.err, "--server needs a token") {
		t.Errorf("%+v", r)
	}
	if r := run("--server", f.url, "--api-token-file", tokenFile(t, "<html>\n<p>")); r.code != 2 || strings.Contains(r.err, "html") {
		t.Errorf("%+v", r)
	}
	for _, bare := range []string{"backup.example.org", "backup.example.org:5000/x", "127.0.0.1:5000"} {
		host, _, _ := strings.Cut(bare, "/")
		if r := run("--server", bare, "--api-token-file", tokenFile(t, "good")); r.code != 2 || !strings.Contains(r.err, "write http://"+host+",") {
			t.Errorf("%s: %+v", bare, r)
		}
	}
	t.Setenv("BORGFLEET_API_TOKEN", "good")
	run("--server", f.url).want(t, 0, "", none)
}

func TestJoinToken(t *testing.T) {
	const there = "Run there as root:\n\n  borgfleet-agent enroll --token-file -\n\n" +
		"paste the token, which is the last line here, and press Enter and Ctrl-D. With --allow-repository PATTERN behind it, the host's owner says into which repositories " +
		"the controller may back up, such as 'ssh://backup@store.example.org/srv/borg/**'; without it enroll says how to allow that afterwards.\n\n"
	token, _, err := certs.NewJoinToken("https://backup.example.org:5443", strings.Repeat("0a", 32), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	many := newFake(t, map[string][]answer{"POST /api/agents/join-tokens": ok(rest.JoinToken{Token: token, ExpiresAt: rest.At(now())})})
	many.command("", "join-token", "create", "--uses", "3").want(t, 0,
		"For 3 hosts, until 2026-03-01 12:00:00, which will connect to https://backup.example.org:5443. "+there+token+"\n", "")
	f := newFake(t, map[string][]answer{"POST /api/agents/join-tokens": ok(rest.JoinToken{Token: "bf1.abc.def", ExpiresAt: rest.At(now())})})
	f.command("", "join-token", "create", "--name", "web1", "--ttl", "7d", "--label", "site=b", "--label", "rack=1,2").want(t, 0,
		"For one host, until 2026-03-01 12:00:00. "+there+"bf1.abc.def\n", "")
	if got, want := f.heard()[0], `POST /api/agents/join-tokens {"name":"web1","labels":{"rack":"1,2","site":"b"},"ttl":604800,"uses":1}`; got != want {
		t.Errorf("asked %s\nwant  %s", got, want)
	}
	if leastTokenLife != fleet.JoinTokenMinLife || mostTokenLife != fleet.JoinTokenMaxLife {
		t.Error("the limits of --ttl are not the controller's")
	}
	for _, bad := range [][]string{{"--ttl", "soon"}, {"--ttl", "59s"}, {"--ttl", "31d"}, {"--uses", "0"}, {"--label", "x"}, {"extra"}} {
		if r := f.command("", append([]string{"join-token", "create"}, bad...)...); r.code != 2 || r.out != "" {
			t.Errorf("%v: %+v", bad, r)
		}
	}
}

func TestAgents(t *testing.T) {
	f := newFake(t, map[string][]answer{"GET /api/agents": ok(rest.AgentList{Agents: []rest.Agent{
		{ID: "a1", Name: "web1", Online: true, LastContactAt: rest.At(now()), Version: ptr("1.0.0"), Running: 1, Waiting: 2,
			Borg: []rest.Borg{{Path: "/usr/bin/borg", Version: ptr("1.4.0")}, {Path: "/x", Problem: ptr("too old")}}, Labels: map[string]string{"b": "2", "a": "1"}},
		{ID: "a2", Name: "mail\x1b", LastContactAt: rest.At(now().Add(-26 * 3600e9)), Borg: []rest.Borg{{Path: "borg", Problem: ptr("not found")}}},
	}})})
	f.command("", "agents", "list").want(t, 0, `NAME      STATE    LAST CONTACT  RUNNING  WAITING  BORG   VERSION  CERTIFICATE UNTIL  LABELS   ID  ABOUT
web1      online   now                 1        2  1.4.0  1.0.0    -                  a=1 b=2  a1  its borg /x cannot be used: too old
mail\x1b  offline  1d 02h ago          0        0  -      -        -                  -        a2  its borg borg cannot be used: not found; it was last heard of 1d 02h ago
`, "")
}

// TestOtherPrograms: an address that is nearly right says what is wrong with it.
func TestOtherPrograms(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") }))
	defer other.Close()
	listing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `["a"]`) }))
	defer listing.Close()
	f := newFake(t, map[string][]answer{"GET /foo/api/agents": {{404, rest.Problem{Status: 404, Detail: "no such path", Code: "unknown_path"}}}})
	for server, c := range map[string]struct {
		code int
		want string
	}{
		other.URL:          {3, "what answers at " + other.URL + " is no borgfleet controller"},
		listing.URL:        {3, "is no borgfleet controller"},
		other.URL + "/foo": {2, "leave out the path /foo"},
		f.url + "/foo/":    {2, "leave out the path /foo"},
	} {
		if r := command(t.Context(), "", []string{"agents", "list", "--server", server, "--api-token-file", tokenFile(t, "good")}, nil); r.code != c.code || !strings.Contains(r.err, c.want) || strings.Contains(r.err, "invalid character") {
			t.Errorf("%s: %+v", server, r)
		}
	}
}
