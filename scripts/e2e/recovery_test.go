package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"borgfleet/scripts/testenv"
	"borgfleet/scripts/treecmp"
)

// drill is a fleet whose host is about to be lost, and what is left then: the
// recovery key, and a copy of the repository's storage where it always was.
type drill struct {
	*testenv.Env
	t      *testing.T
	key    string // file with the private half
	source string
	repo   string
}

func newDrill(t *testing.T, mode string, borg []string) *drill {
	t.Helper()
	d := &drill{t: t, source: t.TempDir(), key: filepath.Join(t.TempDir(), "recovery-key.txt")}
	fatal(t, treecmp.Zoo(d.source))
	d.Env = newFleet(t, testenv.Fleet{Agents: []testenv.Agent{{Name: "host", Env: borg}}})
	// As the person who installs is told to: away from the machine.
	fatal(t, os.Rename(filepath.Join(d.Controller.DataDir, "initial-recovery-key"), d.key))
	pass := filepath.Join(t.TempDir(), "pass")
	fatal(t, os.WriteFile(pass, []byte("correct horse battery\n"), 0o600))
	d.repo = filepath.Join(d.Repositories(), "r")
	_, err := d.Controller.CLI("repositories", "create", "r", d.repo, "--agent", "host", "--encryption", mode, "--passphrase-file", pass, "--source", d.source)
	fatal(t, err)
	fatal(t, os.Remove(pass))
	fatal(t, d.Await("the repository is ready", func() (bool, error) {
		var r struct{ Status string }
		err := d.API.Get("/api/repositories/1", &r)
		return r.Status == "ready", err
	}))
	if j := backup(t, d.Env, d.repo); j.Status != "completed" {
		t.Fatalf("%+v", j)
	}
	return d
}

// lose takes the host away, with its state, its home and all that is in it.
func (d *drill) lose() {
	d.t.Helper()
	host := d.Hosts["host"]
	fatal(d.t, host.Close())
	fatal(d.t, os.RemoveAll(host.StateDir))
	fatal(d.t, os.RemoveAll(filepath.Join(d.Dir, "home")))
}

// bare types what recover has printed on a host that has borg and nothing else,
// and compares what comes out with what was there.
func (d *drill) bare(out string, borg []string) {
	d.t.Helper()
	var script []string
	for _, line := range strings.Split(out, "\n") {
		if command, ok := strings.CutPrefix(line, "  "); ok && (strings.HasPrefix(command, "borg ") || strings.HasPrefix(command, "export ")) {
			script = append(script, command)
		}
	}
	text := strings.Join(script, "\n")
	if !strings.Contains(text, "::ARCHIVE") {
		d.t.Fatalf("there is nothing to type in\n%s", out)
	}
	text = strings.ReplaceAll(text, "::ARCHIVE", "::$(borg list --short '"+d.repo+"')")
	place := d.t.TempDir()
	cmd := exec.Command("sh", "-euc", text)
	cmd.Dir = place
	cmd.Env = append([]string{"HOME=" + d.t.TempDir(), "LANG=C.UTF-8", "PATH=" + os.Getenv("PATH")}, borg...)
	if said, err := cmd.CombinedOutput(); err != nil {
		d.t.Fatalf("%v\n%s\n%s", err, text, said)
	}
	seen, differences := treecmp.Compare(d.source, filepath.Join(place, d.source), treecmp.Options{Owners: os.Geteuid() == 0})
	for _, difference := range differences {
		d.t.Error(difference)
	}
	if seen == 0 {
		d.t.Error("nothing was compared")
	}
}

// TestRecoveryDrill: the host and all that was on it are gone, and a bare one
// restores with the recovery key alone: asked of the controller, and from a
// backup of it with no controller left either.
func TestRecoveryDrill(t *testing.T) {
	t.Parallel()
	for i, b := range borgs(t) {
		modes := []string{"repokey-blake2"}
		if i == 0 { // where the key lies is no borg's own way
			modes = append(modes, "keyfile")
		}
		for _, mode := range modes {
			t.Run(b.version+" "+mode, func(t *testing.T) {
				t.Parallel()
				d := newDrill(t, mode, b.env)
				saved := filepath.Join(t.TempDir(), "controller.backup")
				_, err := d.Controller.CLI("db", "backup", saved)
				fatal(t, err)
				d.lose()
				to := filepath.Join(t.TempDir(), "it's here")
				out, err := d.Controller.CLI("repositories", "recover", "r", "--identity-file", d.key, "--to", to)
				fatal(t, err)
				if strings.Contains(out, "correct horse") || strings.Contains(out, "BORG_KEY") {
					t.Errorf("it prints a secret:\n%s", out)
				}
				for _, name := range []string{"passphrase", "borg-key"} {
					if info, err := os.Stat(filepath.Join(to, name)); err != nil || info.Mode().Perm() != 0o600 {
						t.Errorf("%s: %v", name, err)
					}
				}
				d.bare(out, b.env)

				fatal(t, d.Controller.Stop())
				fatal(t, os.RemoveAll(d.Controller.DataDir))
				out, err = d.Controller.CLI("repositories", "recover", "r", "--identity-file", d.key, "--backup", saved, "--to", filepath.Join(t.TempDir(), "x"))
				fatal(t, err)
				d.bare(out, b.env)
			})
		}
	}
}
