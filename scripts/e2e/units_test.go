package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"borgfleet/scripts/testenv"
	"borgfleet/scripts/treecmp"
)

// The service units, as they are installed.
const (
	controllerUnit = "../../controller/systemd/borgfleet-controller.service"
	agentUnit      = "../../agent/systemd/borgfleet-agent.service"
	accountDropIn  = "../../agent/systemd/account.conf"
	hooksDropIn    = "../../agent/systemd/hooks.conf"
)

// How much they may leave open, in tenths, as systemd-analyze counts: 0 is closed,
// 100 is open.
const (
	controllerExposure = "15"
	agentExposure      = "45"
)

// unit are the settings of a unit, with those of its drop-ins behind them.
type unit map[string][]string

func readUnit(t *testing.T, files ...string) unit {
	t.Helper()
	u := unit{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		fatal(t, err)
		for line := range strings.Lines(string(data)) {
			key, value, ok := strings.Cut(strings.TrimSpace(line), "=")
			switch {
			case !ok || strings.HasPrefix(key, "#"):
			case value == "":
				u[key] = []string{}
			default:
				u[key] = append(u[key], value)
			}
		}
	}
	return u
}

// bounding is the capability set of a unit, as setpriv wants it.
func (u unit) bounding() string {
	out := "-all"
	for _, name := range strings.Fields(strings.Join(u["CapabilityBoundingSet"], " ")) {
		out += ",+" + strings.ToLower(strings.TrimPrefix(name, "CAP_"))
	}
	return out
}

// TestUnits: what the agent's life rests on is in its unit, systemd understands
// the units, and they leave no more open than they need to.
func TestUnits(t *testing.T) {
	t.Parallel()
	agent := readUnit(t, agentUnit)
	for key, want := range map[string]string{
		"KillMode": "process", "OOMPolicy": "continue", "NoNewPrivileges": "yes", "TimeoutStopSec": "90",
	} {
		if !slices.Equal(agent[key], []string{want}) {
			t.Errorf("%s is %q, want %s", key, agent[key], want)
		}
	}
	for _, hides := range []string{"PrivateTmp", "PrivateDevices", "ProtectHome", "ProtectSystem", "ProtectClock", "DeviceAllow"} {
		if len(agent[hides]) > 0 {
			t.Errorf("with %s a backup lacks what it hides, or a restore cannot bring it back", hides)
		}
	}
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	for files, most := range map[string]string{controllerUnit: controllerExposure, agentUnit: agentExposure, agentUnit + " " + accountDropIn: "35", agentUnit + " " + hooksDropIn: "50"} {
		name, dir := filepath.Base(strings.Fields(files)[0]), t.TempDir()
		for i, file := range strings.Fields(files) {
			to := filepath.Join(dir, name)
			if i > 0 {
				to = filepath.Join(dir, name+".d", filepath.Base(file))
				fatal(t, os.Mkdir(filepath.Dir(to), 0o755))
			}
			data, err := os.ReadFile(file)
			fatal(t, err)
			// What it starts is not installed here.
			fatal(t, os.WriteFile(to, []byte(strings.ReplaceAll(string(data), "ExecStart=/usr/bin/borgfleet-", "ExecStart="+programs+"/borgfleet-")), 0o644))
		}
		if out, err := exec.Command("systemd-analyze", "verify", "--man=no", filepath.Join(dir, name)).CombinedOutput(); err != nil || len(out) > 0 {
			t.Errorf("%s: %v: %s", files, err, out)
		}
		out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold="+most, "--no-pager", filepath.Join(dir, name)).CombinedOutput()
		if err != nil {
			t.Errorf("%s: %v: %s", files, err, out[strings.LastIndex(strings.TrimSpace(string(out)), "\n")+1:])
		}
	}
}

// TestCapabilitiesOfTheUnit: with the capabilities that its unit leaves to it, and
// no others, root's agent saves and gives back whatever a file system has.
func TestCapabilitiesOfTheUnit(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Skip("only root has capabilities to give up")
	}
	if _, err := exec.LookPath("setpriv"); err != nil {
		t.Skip(err)
	}
	source := filepath.Join(t.TempDir(), "src")
	fatal(t, os.Mkdir(source, 0o755))
	fatal(t, treecmp.Zoo(source))
	r := &restoring{t: t, source: source, out: filepath.Join(t.TempDir(), "out")}
	fatal(t, os.Mkdir(r.out, 0o755))
	r.Env = newFleet(t, testenv.Fleet{
		Controller: []string{"--log-policy", "all"},
		Agents: []testenv.Agent{{
			Name: "host", Allow: []string{"--allow-destination", r.out},
			Wrap: []string{"setpriv", "--no-new-privs", "--bounding-set", readUnit(t, agentUnit).bounding()},
		}},
	})
	j := backup(t, r.Env, register(t, r.Env, repository{Name: "r", Encryption: "repokey-blake2", Passphrase: "p", Sources: []string{source}}))
	if j.Status != "completed" {
		t.Fatalf("%+v", j)
	}
	r.archive = j.ArchiveName
	to := filepath.Join(r.out, "back")
	if j := r.finish(r.start(to)); j.Status != "completed" {
		t.Errorf("%+v", j)
	}
	r.same(source, to)
}
