package e2e

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"borgfleet/scripts/testenv"
)

// account is an ordinary one, that of nobody.
const account = 65534

// ofAccount gives an agent to an ordinary account, and starts it through wrap.
func ofAccount(t *testing.T, env *testenv.Env, wrap ...string) {
	t.Helper()
	h := env.Hosts["host"]
	fatal(t, h.Stop())
	for _, way := range []string{programs, filepath.Dir(env.Dir), env.Dir} {
		fatal(t, os.Chmod(way, 0o755))
	}
	for _, dir := range []string{h.StateDir, env.Repositories(), filepath.Join(env.Dir, "home")} {
		fatal(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			return os.Lchown(path, account, account)
		}))
	}
	h.Agent.Wrap = append([]string{"setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"}, wrap...)
	fatal(t, h.Start())
	fatal(t, env.AwaitOnline("host"))
}

// TestCapabilityToRead: an agent of an ordinary account, with the one capability
// to read everything, backs up what that account may not read. Without it, it
// says so. What it restores is its own: to give files back to their owners takes
// root.
func TestCapabilityToRead(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can give capabilities")
	}
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip(err)
	}
	source, restores := t.TempDir(), t.TempDir()
	fatal(t, os.Chmod(source, 0o700))
	fatal(t, os.WriteFile(filepath.Join(source, "secret"), []byte("only root reads this"), 0o600))
	fatal(t, os.Chown(restores, account, account))
	env := newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"}, Agents: []testenv.Agent{{Name: "host"}},
	})
	_, err := env.Hosts["host"].CLI("allow", "--destination", restores)
	fatal(t, err)

	ofAccount(t, env)
	registerSlowly(t, env, repository{Name: "r", Sources: []string{source}})
	repo := env.Repositories() + "/r"
	if j := backup(t, env, repo); j.Status != "failed" || j.ErrorCode != "sources_unreadable" {
		t.Errorf("without the capability: %s %s: %s", j.Status, j.ErrorCode, j.ErrorMessage)
	}

	ofAccount(t, env, "--inh-caps", "-all,+dac_read_search", "--ambient-caps", "-all,+dac_read_search", "--bounding-set", "-all,+dac_read_search")
	j := backup(t, env, repo)
	if j.Status != "completed" {
		t.Fatalf("with the capability: %s %s: %s", j.Status, j.ErrorCode, j.ErrorMessage)
	}
	path := strings.TrimPrefix(source, "/") + "/secret"
	if got := borg(t, env, "", "extract", "--stdout", repo+"::"+j.ArchiveName, path); got != "only root reads this" {
		t.Errorf("the archive has %q", got)
	}

	to := filepath.Join(restores, "back")
	var started struct {
		ID int64 `json:"job_id"`
	}
	fatal(t, env.API.Post("/api/restore/start", map[string]any{"repository": repo, "archive": j.ArchiveName, "paths": []string{path}, "destination": to}, &started))
	r, err := env.Finish(started.ID)
	fatal(t, err)
	if r.Status != "completed_with_warnings" || !strings.Contains(r.ErrorMessage, "owners are not restored, since this agent does not run as root") {
		t.Errorf("%s %s: %s", r.Status, r.ErrorCode, r.ErrorMessage)
	}
	info, err := os.Stat(filepath.Join(to, path))
	fatal(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("restored with %v", info.Mode())
	}
}

// TestHostLimits: what agent.yaml says of borg's share of the host holds for
// whatever is ordered.
func TestHostLimits(t *testing.T) {
	t.Parallel()
	seen, script := newExecutions(t)
	script = append(script, borgScript(t, `
case " $* " in *" create "*)
	until [ "$(ionice -p $$)" = idle ]; do sleep 0.02; done
esac
exec `+strings.TrimPrefix(strings.Split(script[0], ":")[0], "PATH=")+`/borg "$@"
`)...)
	env := newFleet(t, testenv.Fleet{Agents: []testenv.Agent{{Name: "host", Env: script, Config: "limits:\n  ionice: idle\n  upload_ratelimit: 100\n"}}})
	for name, want := range map[string]string{"more": "--upload-ratelimit=100", "less": "--upload-ratelimit=50"} {
		rate := map[string]int{"more": 5000, "less": 50}[name]
		registerSlowly(t, env, repository{Name: name, Sources: []string{tree(t, 1)}, More: map[string]any{"upload_ratelimit": rate}})
		if j := backup(t, env, env.Repositories()+"/"+name); j.Status != "completed" {
			t.Errorf("%+v", j)
		}
		all := seen.creates(t)
		if !slices.ContainsFunc(all, func(e execution) bool { return slices.Contains(e.args, want) }) {
			t.Errorf("ordered %d KiB/s: %q", rate, all)
		}
	}
}

// TestOrdinaryAccountsReachNothing: what agent and controller keep, and the sockets
// through which they take orders without a password, are for their accounts alone.
func TestOrdinaryAccountsReachNothing(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root can become another account")
	}
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip(err)
	}
	env := newFleet(t, testenv.Fleet{Agents: []testenv.Agent{{Name: "host"}}})
	register(t, env, repository{Name: "r", Encryption: "repokey", Passphrase: "p", Sources: []string{tree(t, 1)}})
	for _, way := range []string{programs, filepath.Dir(env.Dir), env.Dir} {
		fatal(t, os.Chmod(way, 0o755))
	}
	as := func(args ...string) (string, error) {
		cmd := exec.Command("setpriv", append([]string{"--reuid", "65534", "--regid", "65534", "--clear-groups"}, args...)...)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	if out, err := as(programs+"/borgfleet-agent", "--version"); err != nil {
		t.Fatalf("the account can run nothing: %v: %s", err, out)
	}
	state, data := env.Hosts["host"].StateDir, env.Controller.DataDir
	for _, args := range [][]string{
		{programs + "/borgfleet-agent", "status", "--state-dir", state},
		{programs + "/borgfleet-agent", "backup", "r", "--state-dir", state},
		{programs + "/borgfleet-agent", "allow", "--all", "--state-dir", state},
		{programs + "/borgfleet-controller", "agents", "list", "--data-dir", data},
		{programs + "/borgfleet-controller", "users", "set", "admin", "--role", "viewer", "--data-dir", data},
		{programs + "/borgfleet-controller", "db", "backup", filepath.Join(t.TempDir(), "b"), "--data-dir", data},
	} {
		if out, err := as(args...); err == nil {
			t.Errorf("%q: %s", args[1:], out)
		}
	}
	for _, dir := range []string{state, data} {
		fatal(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
			fatal(t, err)
			if _, err := as("test", "-r", path, "-o", "-w", path); err == nil {
				t.Errorf("%s can be read or written", path)
			}
			return nil
		}))
	}
	if j := backup(t, env, env.Repositories()+"/r"); j.Status != "completed" {
		t.Errorf("afterwards: %+v", j)
	}
}
