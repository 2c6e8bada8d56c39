package e2e

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/scripts/testenv"
)

// TestPassphraseIsRotated: a passphrase that was changed with borg on the host is
// told to the fleet, which tries it before it believes it; and what the recovery
// key opens is the new one then.
func TestPassphraseIsRotated(t *testing.T) {
	t.Parallel()
	env := newFleet(t, testenv.Fleet{Agents: []testenv.Agent{{Name: "host"}}})
	identity := filepath.Join(t.TempDir(), "key")
	fatal(t, os.Rename(filepath.Join(env.Controller.DataDir, "initial-recovery-key"), identity))
	repo := register(t, env, repository{Name: "r", Encryption: "repokey-blake2", Passphrase: "the old one", Sources: []string{tree(t, 2)}})
	put := func(passphrase string) error {
		return env.API.Do(http.MethodPut, "/api/repositories/1", map[string]string{"passphrase": passphrase}, nil)
	}
	recovered := func() string {
		dir := filepath.Join(t.TempDir(), "x")
		_, err := env.Controller.CLI("repositories", "recover", "r", "--identity-file", identity, "--to", dir)
		fatal(t, err)
		data, err := os.ReadFile(filepath.Join(dir, "passphrase"))
		fatal(t, err)
		return string(data)
	}

	p := wantProblem(t, "a wrong one", put("a wrong one"), http.StatusUnprocessableEntity)
	if p.Code != "passphrase_wrong" || !strings.Contains(p.Detail, "nothing was changed") {
		t.Errorf("%+v", p)
	}
	if j := backup(t, env, repo); j.Status != "completed" {
		t.Errorf("after a wrong one: %+v", j)
	}
	cmd := exec.Command("borg", "key", "change-passphrase", repo)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir(), "BORG_PASSPHRASE=the old one", "BORG_NEW_PASSPHRASE=the new one", "LANG=C.UTF-8"}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if j := backup(t, env, repo); j.Status != "failed" || j.ErrorCode != "passphrase_wrong" {
		t.Errorf("with the old one: %+v", j)
	}
	if got := recovered(); got != "the old one" {
		t.Errorf("recovered %q before the fleet knows of the change", got)
	}
	if err := put("the new one"); err != nil {
		t.Fatal(err)
	}
	fatal(t, env.Await("the new passphrase counts", func() (bool, error) {
		var r struct {
			Trial *int64 `json:"passphrase_job_id"`
		}
		err := env.API.Get("/api/repositories/1", &r)
		return r.Trial == nil, err
	}))
	if j := backup(t, env, repo); j.Status != "completed" {
		t.Errorf("with the new one: %+v", j)
	}
	if got := recovered(); got != "the new one" {
		t.Errorf("recovered %q", got)
	}
}
