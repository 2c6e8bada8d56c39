package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"borgfleet/scripts/testenv"
)

// auditEntry is what tests look at of an entry of the audit log.
type auditEntry struct {
	ID                                            int64
	At, Who, Via, From, What, On, Detail, Outcome string
	Code                                          string
	Count                                         int64
}

func (e auditEntry) String() string {
	return fmt.Sprintf("%s|%s|%s|%s|%s|%s|%s", e.Who, e.Via, e.From, e.What, e.On, e.Outcome, e.Code)
}

// auditLog reads the whole audit log with the command line, the oldest first.
func auditLog(t *testing.T, c *testenv.Controller, args ...string) []auditEntry {
	t.Helper()
	out, err := c.CLI(append([]string{"audit", "-o", "json", "--limit", "100000"}, args...)...)
	fatal(t, err)
	var list struct {
		Entries    []auditEntry
		NextCursor *string `json:"next_cursor"`
	}
	fatal(t, json.Unmarshal([]byte(out), &list))
	if list.NextCursor != nil {
		t.Errorf("there are more entries")
	}
	slices.Reverse(list.Entries)
	return list.Entries
}

// TestAuditLog: what was done through REST, command line and admin socket, what
// agents did and what was refused is in the audit log; it outlives kill -9 and
// comes back with a backup; and there is no secret in it.
func TestAuditLog(t *testing.T) {
	t.Parallel()
	env := newFleet(t, testenv.Fleet{Agents: []testenv.Agent{{Name: "web1"}}})
	var seen []auditEntry
	want := func(what string, lines ...string) {
		t.Helper()
		all := auditLog(t, env.Controller)
		var got []string
		for _, e := range all[len(seen):] {
			if e.What != "renewAgent" { // in its own time
				got = append(got, e.String())
			}
		}
		seen = all
		if strings.Join(got, "\n") != strings.Join(lines, "\n") {
			t.Errorf("%s left\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(lines, "\n"))
		}
	}
	var agents struct{ Agents []struct{ ID string } }
	fatal(t, env.API.Get("/api/agents", &agents))
	host := "agent/" + agents.Agents[0].ID
	me := os.Getenv("USER")
	if me == "" {
		me = "root"
	}
	local := me + "@localhost|admin socket|admin socket|"
	admin := "admin|login|127.0.0.1|"
	want("the beginning", "controller|||startController||done|", "admin|password|127.0.0.1|login||done|", local+"createJoinToken||done|", "|join token|127.0.0.1|enrolAgent|"+host+"|done|")

	register(t, env, repository{Name: "r", Sources: []string{tree(t, 3)}, Encryption: "repokey-blake2", Passphrase: "the passphrase of r"})
	want("a repository", admin+"createRepository|repository/1|done|")
	j := backup(t, env, filepath.Join(env.Repositories(), "r"))
	want("a backup", admin+"startBackup|job/2|done|")
	outside := map[string]any{"name": "x", "path": "/srv/not-allowed", "encryption": "none", "source_directories": []string{"/etc"}}
	wantProblem(t, "outside", env.API.Post("/api/repositories", outside, nil), http.StatusUnprocessableEntity)
	want("what the host refuses", admin+"createRepository|repository/2|done|", "web1|certificate||hostRefused|job/3|refused|policy_refused", admin+"createRepository|repository/2|failed|policy_refused")

	_, err := env.Controller.CLI("users", "create", "ann", "--role", "viewer", "--password-file", secretFile(t, "a password of ann"))
	fatal(t, err)
	want("a user", local+"createUser|user/ann|done|")
	ann := *env.API
	ann.Token = ""
	var login struct {
		Token string `json:"access_token"`
	}
	wantProblem(t, "a wrong password", ann.Post("/api/auth/login", map[string]string{"username": "ann", "password": "another password"}, nil), http.StatusUnauthorized)
	fatal(t, ann.Post("/api/auth/login", map[string]string{"username": "ann", "password": "a password of ann"}, &login))
	ann.Token = login.Token
	wantProblem(t, "a viewer", ann.Post("/api/backup/start", map[string]string{"repository": "r"}, nil), http.StatusForbidden)
	wantProblem(t, "a viewer", ann.Get("/api/audit", nil), http.StatusForbidden)
	want("a viewer", "ann|password|127.0.0.1|login||refused|wrong_credentials", "ann|password|127.0.0.1|login||done|",
		"ann|login|127.0.0.1|startBackup||refused|forbidden", "ann|login|127.0.0.1|listAudit||refused|forbidden")
	wantProblem(t, "a repository at work", env.API.Do("DELETE", "/api/agents/web1", nil, nil), http.StatusConflict)
	want("an agent in use", admin+"deleteAgent|agent/web1|refused|agent_in_use")

	file := filepath.Join(t.TempDir(), "controller.backup")
	_, err = env.Controller.CLI("db", "backup", file, "--passphrase-file", secretFile(t, "of the authority"))
	fatal(t, err)
	want("a backup of the controller", local+"backupController||done|")
	_, err = env.Controller.CLI("agents", "revoke", "web1", "--yes")
	fatal(t, err)
	if err := env.Controller.Kill(); err != nil {
		t.Fatal(err)
	}
	fatal(t, env.Controller.Start())
	all := auditLog(t, env.Controller)
	if fmt.Sprint(all[:len(seen)]) != fmt.Sprint(seen) || all[len(seen)].String() != local+"revokeAgent|"+host+"|done|" {
		t.Errorf("after the kill:\n%v", all[len(seen):])
	}
	fatal(t, env.Hosts["web1"].Kill())
	fatal(t, env.Hosts["web1"].Start())
	if err := env.Await("a refused agent is in the audit log", func() (bool, error) {
		return len(auditLog(t, env.Controller, "--what", "connectAgent", "--who", "web1", "--outcome", "refused", "--since", "1h")) > 0, nil
	}); err != nil {
		t.Error(err)
	}

	table, err := env.Controller.CLI("audit", "--on", "job/2")
	if fatal(t, err); !strings.Contains(table, "startBackup") || !strings.Contains(table, "backup of r on web1") || strings.Count(table, "\n") != 2 {
		t.Errorf("the table is\n%s", table)
	}
	text := fmt.Sprint(auditLog(t, env.Controller))
	for _, secret := range []string{"the passphrase of r", "a password of ann", "another password", "of the authority", ann.Token, env.API.Token} {
		if strings.Contains(text, secret) {
			t.Errorf("a secret is in the audit log: %s", secret)
		}
	}
	if j.Status != "completed" {
		t.Errorf("%+v", j)
	}

	// What was there when the backup was taken is there again.
	fatal(t, env.Controller.Stop())
	fatal(t, os.Rename(env.Controller.DataDir, env.Controller.DataDir+".lost"))
	_, err = env.Controller.CLI("db", "restore", file, "--passphrase-file", secretFile(t, "of the authority"), "--nothing-revoked")
	fatal(t, err)
	fatal(t, env.Controller.Start())
	again := auditLog(t, env.Controller)
	n := len(seen)
	if len(again) <= n || fmt.Sprint(again[:n]) != fmt.Sprint(seen) || again[n].What != "startController" || again[n].ID < 1_000_000 || !strings.Contains(again[n].Detail, "restored") {
		t.Errorf("after the restore:\n%v", again)
	}
}

func secretFile(t *testing.T, secret string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	fatal(t, os.WriteFile(file, []byte(secret+"\n"), 0o600))
	return file
}
