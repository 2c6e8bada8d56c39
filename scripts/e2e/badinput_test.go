package e2e

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"borgfleet/scripts/testenv"
)

// TestBadRequests: what a client sends wrong is told to it, in the documented
// form, and is never the controller's fault.
func TestBadRequests(t *testing.T) {
	t.Parallel()
	env := oneHost(t)
	cases := []struct {
		what, method, path, body string
		status                   int
		says                     string
	}{
		{"malformed JSON", "POST", "/api/backup/start", `{"repository":`, 400, ""},
		{"no body", "POST", "/api/backup/start", ``, 400, ""},
		{"wrong type", "POST", "/api/backup/start", `{"repository": 5}`, 422, "repository"},
		{"missing field", "POST", "/api/backup/start", `{}`, 422, "repository"},
		{"too large", "POST", "/api/backup/start", `{"repository": "` + strings.Repeat("x", 1<<20) + `"}`, 413, ""},
		{"unknown repository", "POST", "/api/backup/start", `{"repository": "/nowhere"}`, 404, "/nowhere"},
		{"unknown job", "GET", "/api/backup/status/999", ``, 404, "999"},
		{"negative id", "GET", "/api/backup/status/-5", ``, 404, ""},
		{"huge id", "GET", "/api/backup/status/99999999999999999999999999", ``, 404, ""},
		{"cancel unknown", "POST", "/api/backup/cancel/12345678901234", ``, 404, ""},
		{"log of unknown", "GET", "/api/backup/logs/-1/stream", ``, 404, ""},
		{"negative offset", "GET", "/api/backup/logs/1/stream?offset=-1", ``, 422, "offset"},
		{"limit 0", "GET", "/api/backup/jobs?limit=0", ``, 422, "limit"},
		{"both filters", "GET", "/api/backup/jobs?scheduled_only=true&manual_only=true", ``, 422, ""},
		{"unknown filter", "GET", "/api/backup/jobs?hostname=x", ``, 422, "hostname"},
		{"unknown field", "POST", "/api/repositories", `{"name":"x","path":"/x","encryption":"none","source_directories":["/x"],"colour":"red"}`, 422, "colour"},
		{"relative path", "POST", "/api/repositories", `{"name":"x","path":"x","encryption":"none","source_directories":["/x"]}`, 422, "path"},
		{"unknown agent", "POST", "/api/repositories", `{"name":"x","path":"/x","encryption":"none","source_directories":["/x"],"agent":"nobody"}`, 404, "nobody"},
		{"unknown path", "GET", "/api/nothing", ``, 404, ""},
		{"wrong method", "DELETE", "/api/backup/start", ``, 405, ""},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			data, resp, err := env.API.Send(newRequest(t, env, c.method, c.path, c.body))
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != c.status || resp.Header.Get("Content-Type") != "application/problem+json" || !strings.Contains(string(data), c.says) {
				t.Errorf("got %d %s, want %d that names %q", resp.StatusCode, data, c.status, c.says)
			}
		})
	}
	for _, token := range []string{"", "nonsense", env.API.Token + "x"} {
		stranger := *env.API
		stranger.Token = token
		wantProblem(t, "bad token", stranger.Get("/api/backup/jobs", nil), http.StatusUnauthorized)
	}
}

// TestBadRepositories: borg's own reason is the answer, and nothing stays
// registered.
func TestBadRepositories(t *testing.T) {
	t.Parallel()
	env := oneHost(t)
	file := filepath.Join(env.Repositories(), "file")
	if err := os.WriteFile(file, []byte("no repository"), 0o600); err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(env.Repositories(), "full")
	if err := os.MkdirAll(filepath.Join(full, "something"), 0o700); err != nil {
		t.Fatal(err)
	}
	borg(t, env, "right", "init", "-e", "repokey", filepath.Join(env.Repositories(), "theirs"))
	src := []string{tree(t, 1)}
	cases := []struct {
		what string
		repo repository
		code string
	}{
		{"a file", repository{Name: "file", Sources: src}, "repo_path_taken"},
		{"a directory with other things", repository{Name: "full", Sources: src}, ""},
		{"outside the policy", repository{Name: "out", Path: "/var/tmp/not-allowed/repo", Sources: src}, "policy_refused"},
		{"adopted with a wrong passphrase", repository{Name: "theirs", Encryption: "repokey", Passphrase: "wrong", Sources: src}, "passphrase_wrong"},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			p := wantProblem(t, c.what, env.API.Post("/api/repositories", c.repo.body(env), nil), http.StatusUnprocessableEntity)
			if c.code != "" && p.Code != c.code {
				t.Errorf("code %q, want %q (%s)", p.Code, c.code, p.Detail)
			}
			t.Log(p.Detail)
		})
	}
	var out struct{ Repositories []any }
	if err := env.API.Get("/api/repositories", &out); err != nil || len(out.Repositories) != 0 {
		t.Errorf("%d repositories stayed registered, %v", len(out.Repositories), err)
	}
	register(t, env, repository{Name: "theirs", Encryption: "repokey", Passphrase: "right", Sources: src})
}

// TestBadSources: missing and unreadable sources, and none at all.
func TestBadSources(t *testing.T) {
	t.Parallel()
	env := oneHost(t)
	good := tree(t, 5)
	some := register(t, env, repository{Name: "some", Sources: []string{good, "/nowhere/at/all"}})
	if j := backup(t, env, some); j.Status != "completed_with_warnings" || j.ErrorMessage == "" || j.Progress != 100 {
		t.Errorf("one source missing: %s %q", j.Status, j.ErrorMessage)
	}
	none := register(t, env, repository{Name: "none", Sources: []string{"/nowhere/at/all", "/nor/here"}})
	if j := backup(t, env, none); j.Status != "failed" || j.ErrorCode != "sources_missing" || !strings.Contains(j.ErrorMessage, "/nowhere/at/all") {
		t.Errorf("all sources missing: %s %s %q", j.Status, j.ErrorCode, j.ErrorMessage)
	}
	if got := archives(t, env, "", none); len(got) != 0 {
		t.Errorf("an archive of nothing was made: %v", got)
	}
	vanish := tree(t, 5)
	repo := register(t, env, repository{Name: "emptied", Sources: []string{vanish}})
	if j := backup(t, env, repo); j.Status != "completed" {
		t.Fatalf("%+v", j)
	}
	if err := os.RemoveAll(filepath.Join(vanish, "d000")); err != nil {
		t.Fatal(err)
	}
	if j := backup(t, env, repo); j.Status != "failed" || j.ErrorCode != "no_files" {
		t.Errorf("no files where there were some: %s %s %q", j.Status, j.ErrorCode, j.ErrorMessage)
	}
}

// TestStrangeNames: names that are not UTF-8 or hold newlines are backed up,
// and cannot fake a line of the log.
func TestStrangeNames(t *testing.T) {
	t.Parallel()
	env := oneHost(t)
	dir := t.TempDir()
	for _, name := range []string{"bad\xff\xfename", "two\nlines", "esc\x1b[31mred", "quote\"\\", "h\u00f6llo"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	repo := register(t, env, repository{Name: "r", Sources: []string{dir}, FileLog: "all"})
	j := backup(t, env, repo)
	if j.Status != "completed" || j.Details.NFiles != 5 {
		t.Fatalf("%+v", j)
	}
	lines, err := env.API.Lines(j.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		if strings.ContainsAny(l.Content, "\x1b\n") {
			t.Errorf("line %d holds control characters: %q", l.Number, l.Content)
		}
	}
}

// TestLockedRepository: the job waits and says why, and goes on by itself.
func TestLockedRepository(t *testing.T) {
	t.Parallel()
	env := oneHost(t)
	repo := register(t, env, repository{Name: "r", Sources: []string{tree(t, 2)}, More: map[string]any{"lock_wait": 1}})
	release := filepath.Join(env.Dir, "release")
	lock := exec.Command("borg", "with-lock", repo, "sh", "-c", "touch "+release+".held; while [ ! -e "+release+" ]; do sleep 0.05; done")
	lock.Env = append(os.Environ(), "BORG_BASE_DIR="+filepath.Join(env.Dir, "plain-borg"), "BORG_RELOCATED_REPO_ACCESS_IS_OK=yes", "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes")
	if err := lock.Start(); err != nil {
		t.Fatal(err)
	}
	if err := env.Await("the lock is held", func() (bool, error) { return exists(release + ".held"), nil }); err != nil {
		t.Fatal(err)
	}
	id := start(t, env, repo)
	j, err := env.AwaitJob(id, "waits for the lock", func(j testenv.Job) bool { return j.WaitingFor == "repository locked" })
	if err != nil {
		t.Fatal(err)
	}
	if j.Status != "pending" {
		t.Errorf("status %s while it waits", j.Status)
	}
	if err := os.WriteFile(release, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := lock.Wait(); err != nil {
		t.Fatal(err)
	}
	if j, err := env.Finish(id); err != nil || j.Status != "completed" {
		t.Errorf("%+v, %v", j, err)
	}
}

// TestFullDisk: borg's reason, the repository usable afterwards.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("a small file system needs root for its mount")
	}
	dir := t.TempDir()
	env := newFleet(t, testenv.Fleet{Controller: []string{"--log-policy", "all"}, Agents: []testenv.Agent{{
		Name: "host", Allow: []string{"--allow-repository", dir + "/**"},
		// The mount is in a namespace of the agent's own and goes with it.
		Wrap: []string{"unshare", "--mount", "sh", "-c", "mount -t tmpfs -o size=24m none " + dir + ` && exec "$0" "$@"`},
	}}})
	src := bigTree(t, 60<<20)
	repo := register(t, env, repository{Name: "r", Path: dir + "/repo", Sources: []string{src}})
	j := backup(t, env, repo)
	if j.Status != "failed" || j.ErrorCode != "repo_disk_full" {
		t.Errorf("%s %s %q", j.Status, j.ErrorCode, j.ErrorMessage)
	}
	if err := os.WriteFile(filepath.Join(src, "big"), []byte("small now"), 0o600); err != nil {
		t.Fatal(err)
	}
	if j := backup(t, env, repo); j.Status != "completed" {
		t.Errorf("afterwards: %s %q", j.Status, j.ErrorMessage)
	}
}

// TestBadBorgs: missing, too old, and a beta that this agent does not run.
func TestBadBorgs(t *testing.T) {
	t.Parallel()
	cases := []struct{ what, script, code, says string }{
		{"missing", "", "borg_missing", "install"},
		{"too old", "echo borg 1.1.15", "borg_unsupported", "1.2"},
		{"a beta of 2.0", "echo borg2 2.0.0b5", "borg_unsupported", "2.0"},
	}
	for _, c := range cases {
		t.Run(c.what, func(t *testing.T) {
			path := "PATH=/nowhere"
			if c.script != "" {
				path = borgScript(t, c.script)[0]
			}
			env := newFleet(t, testenv.Fleet{Agents: []testenv.Agent{{Name: "host", Env: []string{path}}}})
			p := wantProblem(t, c.what, env.API.Post("/api/repositories", repository{Name: "r", Sources: []string{"/etc"}}.body(env), nil), 422)
			if p.Code != c.code || !strings.Contains(p.Detail, c.says) {
				t.Errorf("%s: %q, want %s that names %q", p.Code, p.Detail, c.code, c.says)
			}
		})
	}
}

// TestServeRefuses: a port in use, a data directory in use, one of a newer
// version.
func TestServeRefuses(t *testing.T) {
	t.Parallel()
	env := newFleet(t, testenv.Fleet{})
	serve := func(args ...string) string {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		out, err := exec.CommandContext(ctx, filepath.Join(programs, "borgfleet-controller"), append([]string{"serve"}, args...)...).CombinedOutput()
		if err == nil || ctx.Err() != nil {
			t.Errorf("serve %v went on: %s", args, out)
		}
		return string(out)
	}
	port := strings.TrimPrefix(env.Controller.URL, "http://")
	if out := serve("--data-dir", t.TempDir(), "--api-listen", port, "--agent-listen", "127.0.0.1:0"); !strings.Contains(out, "in use") || !strings.Contains(out, "--api-listen") {
		t.Errorf("port in use: %s", out)
	}
	if out := serve("--data-dir", env.Controller.DataDir, "--api-listen", "127.0.0.1:0", "--agent-listen", "127.0.0.1:0"); !strings.Contains(out, env.Controller.DataDir) {
		t.Errorf("data directory in use: %s", out)
	}
	if out := serve("--data-dir", t.TempDir(), "--api-listen", "0.0.0.0:0", "--agent-listen", "127.0.0.1:0"); !strings.Contains(out, "--insecure-http") {
		t.Errorf("plain HTTP for everybody: %s", out)
	}
	if err := env.Controller.Stop(); err != nil {
		t.Fatal(err)
	}
	version := filepath.Join(env.Controller.DataDir, "store", "version")
	if err := os.WriteFile(version, []byte("99\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := serve("--data-dir", env.Controller.DataDir, "--api-listen", "127.0.0.1:0", "--agent-listen", "127.0.0.1:0"); !strings.Contains(out, "newer") {
		t.Errorf("newer data directory: %s", out)
	}
}

// TestBadTokens: wrong, used and forged join tokens.
func TestBadTokens(t *testing.T) {
	t.Parallel()
	env := newFleet(t, testenv.Fleet{})
	used, err := env.Controller.JoinToken()
	if err != nil {
		t.Fatal(err)
	}
	enrol := func(token, name string) string {
		cmd := exec.Command(filepath.Join(programs, "borgfleet-agent"), "enroll", "--state-dir", filepath.Join(t.TempDir(), name), "--name", name)
		cmd.Env = append(os.Environ(), "BORGFLEET_TOKEN="+token)
		out, err := cmd.CombinedOutput()
		if err == nil {
			return ""
		}
		return string(out)
	}
	if out := enrol(used, "one"); out != "" {
		t.Fatalf("a good token: %s", out)
	}
	for what, c := range map[string]struct{ token, says string }{
		"used":      {used, "already been used"},
		"mistyped":  {used[:len(used)-2] + "xx", "join token"},
		"cut":       {used[:len(used)/2], "join token"},
		"something": {"hello", "join token"},
	} {
		if out := enrol(c.token, "two"); !strings.Contains(out, c.says) || !strings.Contains(out, "join-token create") {
			t.Errorf("%s token: %q, want something about %q and how to make a new one", what, out, c.says)
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
