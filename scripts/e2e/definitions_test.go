package e2e

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"borgfleet/scripts/testenv"
	"borgfleet/shared/term/cmdline"
)

// secretFiles are what the fleet's secrets are, by the files that an export names for
// them.
func secretFiles() map[string]string {
	return map[string]string{
		"passphrases/web1/data":                          "correct horse battery staple 1",
		"passphrases/web2/data":                          "correct horse battery staple 2",
		"schedules/nightly/ping_url":                     "https://ping.example.org/0123456789/{agent}",
		"channels/chat/url":                              "discord://token@channel",
		"channels/mail/password":                         "a password of the mail",
		"channels/ops_a___b___c-d2fcc651f4f9898e/url":    "https://hooks.example.org/0123456789",
		"channels/ops_a___b___c-d2fcc651f4f9898e/secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
		"channels/phone/url":                             "https://ntfy.example.org/topic",
		"channels/phone/token":                           "tk_0123456789",
		"users/ann/password":                             "a password of ann",
		"users/null/password":                            "a password of null",
	}
}

// written is a fleet whose definitions are exported and applied.
type written struct {
	*testenv.Env
	t    *testing.T
	dir  string // of the definitions
	file string
}

func newWritten(t *testing.T) *written {
	w := &written{t: t, dir: t.TempDir()}
	w.file = filepath.Join(w.dir, "fleet.yaml")
	w.Env = newFleet(t, testenv.Fleet{Agents: []testenv.Agent{{Name: "web1", Allow: []string{"--allow-maintenance"}}, {Name: "web2"}}})
	cmd := exec.Command("borg", "init", "-e", "none", filepath.Join(w.Repositories(), "old"))
	cmd.Env = []string{"HOME=" + filepath.Join(w.Dir, "home"), "PATH=" + os.Getenv("PATH"), "LANG=C.UTF-8"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return w
}

// everything makes a fleet with everything in it that a file can say, by REST.
func (w *written) everything() {
	w.t.Helper()
	fatal(w.t, w.API.Do("PATCH", "/api/agents/web1", map[string]any{"labels": map[string]string{"role": "web"}}, nil))
	secrets := secretFiles()
	post := func(path string, body map[string]any) int64 {
		w.t.Helper()
		var made struct{ ID int64 }
		fatal(w.t, w.API.Post(path, body, &made))
		return made.ID
	}
	ids := map[string]int64{}
	for _, host := range []string{"web1", "web2"} {
		ids[host] = post("/api/repositories", map[string]any{
			"name": "data", "agent": host, "path": filepath.Join(w.Repositories(), host), "encryption": "repokey-blake2", "passphrase": secrets["passphrases/"+host+"/data"],
			"source_directories": []string{"/etc", "/srv/a: b"}, "exclude_patterns": []string{"*.tmp", "yes", "sh:**/{a,b}/'c'", "# d", "null"}, "exclude_if_present": []string{".no backup"},
			"one_file_system": true, "exclude_caches": true, "compression": "zstd,3", "archive_name_format": "{agent}-{now}", "match_archives": "*" + host + "*",
			"upload_ratelimit": 2000, "checkpoint_interval": 900, "lock_wait": 61, "file_log": "changed",
			"retention": map[string]any{"keep_daily": 7, "keep_within": "2d"}, "hooks": map[string]any{"before": []string{"dump"}, "on_failure": []string{"no"}},
		})
	}
	ids["plain"] = post("/api/repositories", map[string]any{"name": "日本: \"yes\" # 'no'", "agent": "web1", "path": filepath.Join(w.Repositories(), "plain"), "encryption": "none", "source_directories": []string{"/etc"}})
	post("/api/repositories", map[string]any{"name": "plain of web1", "agent": "web2", "path": filepath.Join(w.Repositories(), "plain"), "encryption": "none", "source_directories": []string{"/etc"}})
	fatal(w.t, w.API.Do("PUT", "/api/repositories/"+itoa(ids["plain"]), map[string]any{"maintainer": "web2"}, nil))
	post("/api/repositories/import", map[string]any{"name": "old", "agent": "web2", "path": filepath.Join(w.Repositories(), "old")})
	post("/api/schedule", map[string]any{
		"name": "nightly", "cron_expression": "30 2 * * *", "timezone": "Europe/Berlin", "repository_ids": []int64{ids["web1"], ids["web2"], ids["plain"]}, "run_prune_after": true, "prune_keep_daily": 3,
		"run_compact_after": true, "run_check_after": true, "check_depth": "repository", "check_max_duration": 60, "check_every": 86400, "splay": 3600, "catch_up": 0, "overlap": "queue", "retries": 2, "retry_delay": 60,
		"ping_url": secrets["schedules/nightly/ping_url"],
	})
	post("/api/schedule", map[string]any{"name": "1e3", "cron_expression": "@weekly", "repository_ids": []int64{ids["web2"]}, "enabled": false})
	const channels = "/api/notifications/channels"
	ops := post(channels, map[string]any{"name": "ops a: 'b' #c", "type": "webhook", "url": secrets["channels/ops_a___b___c-d2fcc651f4f9898e/url"], "secret": secrets["channels/ops_a___b___c-d2fcc651f4f9898e/secret"]})
	mail := post(channels, map[string]any{"name": "mail", "type": "mail", "host": "mail.example.org", "tls": "tls", "port": 4650, "username": "yes", "password": secrets["channels/mail/password"], "from": "a@b.c", "to": []string{"d@e.f", "g@h.i"}})
	post(channels, map[string]any{"name": "phone", "type": "ntfy", "url": secrets["channels/phone/url"], "token": secrets["channels/phone/token"]})
	post(channels, map[string]any{"name": "chat", "type": "shoutrrr", "url": secrets["channels/chat/url"]})
	const rules = "/api/notifications/rules"
	post(rules, map[string]any{"name": "all", "events": []string{"recovered", "archives_vanished"}, "channels": []int64{mail, ops}})
	post(rules, map[string]any{"name": "no", "events": []string{"failure"}, "kinds": []string{"check"}, "agents": []string{"web2", "web1"}, "labels": []string{"role=yes"}, "repositories": []int64{ids["web2"]}, "channels": []int64{ops}})
	fatal(w.t, w.API.Do("PUT", "/api/notifications/rules/2", map[string]any{"enabled": false}, nil))
	for name, role := range map[string]string{"ann": "operator", "null": "viewer"} {
		fatal(w.t, w.API.Post("/api/users", map[string]any{"name": name, "role": role, "password": secrets["users/"+name+"/password"]}, nil))
	}
}

// cli runs a command, and gives its output and exit status.
func (w *written) cli(args ...string) (string, int) {
	w.t.Helper()
	out, err := w.Controller.CLI(args...)
	if e, ok := errors.AsType[*exec.ExitError](err); ok {
		return out, e.ExitCode()
	}
	fatal(w.t, err)
	return out, 0
}

func (w *written) does(want int, says string, args ...string) {
	w.t.Helper()
	if out, code := w.cli(args...); code != want || !strings.Contains(out, says) {
		w.t.Errorf("%v: exit status %d, want %d, and %q in\n%s", args, code, want, says, out)
	}
}

// fill puts the secrets where the definitions say that they are, and checks that they
// name no others.
func (w *written) fill(definitions string) {
	w.t.Helper()
	secrets := secretFiles()
	secrets["users/admin/password"] = "nobody reads this"
	for _, m := range regexp.MustCompile(`\{file: (\S+)\}`).FindAllStringSubmatch(definitions, -1) {
		if m[1] == "PATH" {
			continue
		}
		secret, known := secrets[m[1]]
		if delete(secrets, m[1]); !known {
			w.t.Errorf("it names %s", m[1])
		}
		path := filepath.Join(w.dir, m[1])
		fatal(w.t, os.MkdirAll(filepath.Dir(path), 0o700))
		fatal(w.t, os.WriteFile(path, []byte(secret+"\n"), 0o600))
	}
	if len(secrets) > 0 {
		w.t.Errorf("it does not name %v", secrets)
	}
}

// TestExportAndApply: what is exported of a fleet with everything in it changes
// nothing there, with its secrets and without; and makes the same fleet of hosts of
// the same names with another controller.
func TestExportAndApply(t *testing.T) {
	t.Parallel()
	w := newWritten(t)
	w.everything()
	w.does(0, "", "export", w.file)
	data, err := os.ReadFile(w.file)
	fatal(t, err)
	definitions := string(data)
	for what, secret := range secretFiles() {
		if strings.Contains(definitions, secret) {
			t.Errorf("%s is in it", what)
		}
	}
	w.does(0, "nothing to do", "apply", w.file, "--dry-run")
	w.fill(definitions)
	w.does(0, "nothing to do", "apply", w.file, "--dry-run")
	w.does(0, "nothing to do", "apply", w.file, "--yes")
	w.changed()

	// Another controller, which has the hosts and nothing else.
	again := newWritten(t)
	there := strings.ReplaceAll(definitions, w.Repositories(), again.Repositories())
	fatal(t, os.WriteFile(again.file, []byte(there), 0o600))
	again.fill(there)
	fatal(t, again.API.Do("PATCH", "/api/agents/web1", map[string]any{"labels": map[string]string{"role": "web"}}, nil))
	again.does(cmdline.ExitDifferent, "channel chat: new", "apply", again.file, "--dry-run")
	again.does(0, "1 unchanged", "apply", again.file, "--yes", "--accept-new-keys")
	out, code := again.cli("export")
	if code != 0 || out != there {
		t.Errorf("%d, it has become\n%s\nand not\n%s", code, out, there)
	}
	again.does(0, "nothing to do", "apply", again.file, "--dry-run")
	// The secrets are those of the files: the repository opens, ann logs in.
	fatal(t, again.API.Do("GET", "/api/archives/list?repository=data&agent=web2&refresh=true", nil, nil))
	again.refused()
	again.byToken()
}

// refused: an operator is told by REST, and what to do besides; and nobody takes the
// last administrator away.
func (w *written) refused() {
	w.t.Helper()
	var login struct {
		Token string `json:"access_token"`
	}
	fatal(w.t, w.API.Post("/api/auth/login", map[string]string{"username": "ann", "password": secretFiles()["users/ann/password"]}, &login))
	token := filepath.Join(w.dir, "ann.token")
	fatal(w.t, os.WriteFile(token, []byte(login.Token), 0o600))
	as := []string{"--server", w.Controller.URL, "--api-token-file", token}
	for _, command := range [][]string{{"apply", w.file, "--yes"}, {"export"}} {
		out, err := w.Controller.CLI(append(command, as...)...)
		if err == nil || !strings.Contains(err.Error(), "only an administrator may see") || !strings.Contains(err.Error(), `needs the role admin, and ann has the role "operator"`) {
			w.t.Errorf("%v by an operator: %v, %s", command, err, out)
		}
	}
	alone := filepath.Join(w.dir, "alone.yaml")
	fatal(w.t, os.WriteFile(alone, []byte("users:\n  - {name: admin, role: viewer}\n"), 0o600))
	if out, err := w.Controller.CLI("apply", alone, "--yes"); err == nil || !strings.Contains(err.Error(), "nobody would be an administrator") {
		w.t.Errorf("%v, %s", err, out)
	}
}

// byToken: an administrator's API token changes no users, and what to do is said.
func (w *written) byToken() {
	w.t.Helper()
	var made struct{ Token string }
	fatal(w.t, w.API.Post("/api/tokens", map[string]string{"name": "program", "role": "admin"}, &made))
	token, file := filepath.Join(w.dir, "program.token"), filepath.Join(w.dir, "people.yaml")
	fatal(w.t, os.WriteFile(token, []byte(made.Token), 0o600))
	fatal(w.t, os.WriteFile(file, []byte("users:\n  - {name: ann, role: viewer}\n"), 0o600))
	out, err := w.Controller.CLI("apply", file, "--yes", "--server", w.Controller.URL, "--api-token-file", token)
	for _, want := range []string{"user ann: failed: an API token cannot make or change users", "Next: apply the file when you have logged in as an administrator"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			w.t.Errorf("%v, %s, without %q", err, out, want)
		}
	}
}

// changed: of a secret that is another one the plan says so, and of what is no secret,
// what it is.
func (w *written) changed() {
	w.t.Helper()
	for file, says := range map[string]string{
		"channels/phone/token":       "channel phone: change\n    token  a secret → another secret\n",
		"channels/mail/password":     "channel mail: change\n    password  a secret → another secret\n",
		"schedules/nightly/ping_url": "schedule nightly: change\n    ping_url  a secret → another secret\n",
	} {
		path := filepath.Join(w.dir, file)
		old, err := os.ReadFile(path)
		fatal(w.t, err)
		fatal(w.t, os.WriteFile(path, append([]byte("https://x.example.org/"), old...), 0o600))
		w.does(cmdline.ExitDifferent, says, "apply", w.file, "--dry-run")
		w.does(0, says, "apply", w.file, "--yes")
		w.does(0, "nothing to do", "apply", w.file, "--dry-run")
		fatal(w.t, os.WriteFile(path, old, 0o600))
		w.does(0, says, "apply", w.file, "--yes")
	}
	// A password that is there is nobody's to change by a file.
	path := filepath.Join(w.dir, "users/ann/password")
	fatal(w.t, os.WriteFile(path, []byte("another password of ann\n"), 0o600))
	w.does(0, "nothing to do", "apply", w.file, "--yes")
	fatal(w.t, os.WriteFile(path, []byte(secretFiles()["users/ann/password"]+"\n"), 0o600))
}
