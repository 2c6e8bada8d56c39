package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/agent/internal/enrol"
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	"borgfleet/certs"
	"borgfleet/shared/seal"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (a *agent) enroll() *cli.Command {
	return &cli.Command{
		Name:  "enroll",
		Usage: "make this host part of a fleet",
		Description: "The join token comes from borgfleet-controller join-token create. Give it in a file, on standard input or in BORGFLEET_TOKEN: " +
			"what stands on a command line can be seen by every account of this host while the command runs.\n\n" +
			"The controller may ask for no more than is allowed here. Without any --allow option it may read and back up any source, but has no repository to put it into.\n\n" +
			"  borgfleet-agent enroll --token-file token.txt --allow-repository '/srv/backups/**'\n" +
			"  borgfleet-agent enroll --token-file - --allow-repository 'ssh://bk@backup.example.org/./web' < token.txt\n\n" +
			"A state directory that finds itself on another machine does not run: two machines must not be one agent. " +
			"If it was moved there and the old machine is gone, give it to the new one:\n\n" +
			"  borgfleet-agent enroll --moved",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "token-file", Usage: "`FILE` with the join token; - is standard input"},
			&cli.StringFlag{Name: "token", Usage: "the join `TOKEN` itself; prefer --token-file or the variable"},
			&cli.StringFlag{Name: "name", Usage: "the agent's `NAME` in the fleet, instead of the host's; a token that was made for a name gives that name"},
			stateDirFlag(),
			&cli.StringSliceFlag{Name: "allow-repository", Usage: "let the controller use the repositories at `PATTERN`: a path, ssh:// URL or host:path in which *, ? and [a-z] stand for characters of one name, and /** at the end for everything below"},
			&cli.StringSliceFlag{Name: "allow-source", Usage: "let the controller back up only what lies at or below `PATH`; without it any source"},
			&cli.StringSliceFlag{Name: "allow-destination", Usage: "let the controller restore to new directories at or below `PATH`; without it nowhere"},
			&cli.BoolFlag{Name: "allow-maintenance", Usage: "let the controller prune, compact and break locks too"},
			&cli.StringSliceFlag{Name: "allow-hook", Usage: "let the controller name the hook `NAME` of this host's hooks directory in a repository's definition; * and ? match"},
			&cli.StringFlag{Name: "allow-recovery-key", Usage: "seal what opens this host's backups when it is gone to this recovery key (`RECIPIENT`, age1...); without it to the one that the controller names now; none: to no key at all"},
			&cli.BoolFlag{Name: "allow-recovery-passphrases", Usage: "seal the passphrases that live on this host to the recovery key, too"},
			&cli.BoolFlag{Name: "allow-all", Usage: "let the controller do everything, restores onto this host included: only for those who trust it as they trust root here"},
			&cli.BoolFlag{Name: "moved", Usage: "the state directory was moved to this machine on purpose, and the old machine is gone: go on as the same agent"},
			cmdline.OutputFlag(),
		},
		Action: a.runEnroll,
	}
}

func (a *agent) runEnroll(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	dir, err := stateDir(c)
	if err != nil {
		return err
	}
	if c.Bool("moved") {
		return a.runMoved(c, dir, asJSON)
	}
	token, err := a.token(c)
	if err != nil {
		return err
	}
	cfg, err := configOf(dir.Config())
	if err != nil {
		return err
	}
	if err := extend(&cfg.Allow, c, "allow-"); err != nil {
		return err
	}
	result, err := enrol.Run(c.Context, enrol.Request{Token: token, Name: c.String("name"), State: dir, Config: cfg})
	if err != nil {
		return permission(err, dir)
	}
	if asJSON {
		return a.out.JSON(enrolled(result))
	}
	return a.tellEnrolled(result, dir)
}

// runMoved gives the state directory to this machine.
func (a *agent) runMoved(c *cli.Context, dir state.Dir, asJSON bool) error {
	for _, name := range []string{"token", "token-file", "name", "allow-repository", "allow-source", "allow-destination", "allow-maintenance", "allow-hook", "allow-recovery-key", "allow-recovery-passphrases", "allow-all"} {
		if c.IsSet(name) {
			return cmdline.Usagef("--moved changes nothing but the machine: leave out --%s", name)
		}
	}
	id, err := enrol.Moved(dir, state.HostMachineID)
	if err != nil {
		return permission(err, dir)
	}
	if asJSON {
		return a.out.JSON(movedJSON{
			Name: id.Name, AgentID: id.AgentID, FleetID: id.FleetID, ControllerURL: id.ControllerURL, MachineID: id.MachineID,
		})
	}
	return a.out.Printf("The state directory %s of agent %q belongs to this machine now. It must not run on another one any more.\n"+
		"A repository that a borg on the old machine left locked stays so: borg break-lock frees it.\n"+
		"Next: start the agent with\n  %s\n",
		dir.Path(), id.Name, a.startCommand(dir))
}

// movedJSON is the result for programs.
type movedJSON struct {
	Name          string `json:"name"`
	AgentID       string `json:"agent_id"`
	FleetID       string `json:"fleet_id"`
	ControllerURL string `json:"controller_url"`
	MachineID     string `json:"machine_id"`
}

// token takes the join token from where it was given, and looks whether it is
// one, so that a slip is told before anything is made on disk.
func (a *agent) token(c *cli.Context) (string, error) {
	token, file := c.String("token"), c.String("token-file")
	switch {
	case token != "" && file != "":
		return "", cmdline.Usagef("--token (or BORGFLEET_TOKEN) and --token-file are both given; give one of them")
	case token == "" && file == "":
		return "", cmdline.Usagef("a join token is needed: make one with borgfleet-controller join-token create, and give it with --token-file FILE, on standard input with --token-file -, or in BORGFLEET_TOKEN")
	}
	if file != "" {
		data, _, err := cmdline.ReadSecret(file, a.in)
		if err != nil {
			return "", cmdline.Usagef("read join token: %w", err)
		}
		token = string(data)
	}
	// People put the whole output of join-token create into the file: its last
	// line is the token.
	if lines := strings.Fields(token); len(lines) > 1 && strings.HasPrefix(lines[len(lines)-1], "bf") {
		token = lines[len(lines)-1]
	}
	token = strings.Join(strings.Fields(token), "")
	if _, err := certs.ParseJoinToken(token); err != nil {
		return "", cmdline.Usagef("%w", err)
	}
	return token, nil
}

// configOf keeps what a host's owner has written already.
func configOf(file string) (policy.Config, error) {
	cfg, err := policy.Load(file)
	if errors.Is(err, fs.ErrNotExist) {
		return policy.Default(), nil
	}
	if err != nil && !errors.Is(err, fs.ErrPermission) {
		return cfg, cmdline.Usagef("%w", err)
	}
	return cfg, err
}

// permission adds what helps when the state directory is somebody else's.
func permission(err error, dir state.Dir) error {
	if errors.Is(err, fs.ErrPermission) {
		return cmdline.Unavailable(fmt.Errorf("%w: use sudo, or give a directory of your own with --state-dir (this one is %s)", err, dir.Path()))
	}
	return err
}

// enrolledJSON is the result for programs.
type enrolledJSON struct {
	Name               string       `json:"name"`
	AgentID            string       `json:"agent_id"`
	FleetID            string       `json:"fleet_id"`
	ControllerURL      string       `json:"controller_url"`
	SealingKey         string       `json:"sealing_key_fingerprint"`
	CertificateExpires string       `json:"certificate_expires_at"`
	Authority          string       `json:"authority_fingerprint"`
	RecoveryKeyOfFleet string       `json:"fleet_recovery_key"` // that the controller names
	Allow              permissionOf `json:"allow"`
}

func enrolled(r enrol.Result) enrolledJSON {
	return enrolledJSON{
		Name: r.Identity.Name, AgentID: r.Identity.AgentID, FleetID: r.Identity.FleetID, ControllerURL: r.Identity.ControllerURL,
		SealingKey: r.SealingKey, CertificateExpires: r.ValidUntil.UTC().Format("2006-01-02T15:04:05Z"), Authority: r.Root,
		RecoveryKeyOfFleet: r.RecoveryKey, Allow: permissions(r.Allow),
	}
}

func (a *agent) tellEnrolled(r enrol.Result, dir state.Dir) error {
	var f term.Fields
	f.Add("Name", r.Identity.Name)
	f.Add("Agent id", r.Identity.AgentID)
	f.Add("Fleet", r.Identity.FleetID)
	f.Add("Controller", r.Identity.ControllerURL)
	f.Add("Certificate", "until "+term.Time(r.ValidUntil))
	f.Add("Sealing key", r.SealingKey+" (what passphrases for this host are sealed to)")
	f.Add("Recovery key", recoveryKeyText(r, dir))
	f.Add("State", dir.Path())
	if err := a.out.Printf("This host is enrolled.\n\n"); err != nil {
		return err
	}
	if err := f.Print(a.out); err != nil {
		return err
	}
	return a.out.Printf("\n%s\nNext: start the agent with\n  %s\n", describe(r.Allow, dir), a.startCommand(dir))
}

// startCommand is how this host's agent is started: as a service, where the
// packages have put one.
func (a *agent) startCommand(dir state.Dir) string {
	if dir.Path() == state.DefaultDir && a.hasUnit() {
		return "systemctl enable --now borgfleet-agent"
	}
	return "borgfleet-agent run" + dirOption(dir)
}

// hasUnit looks where packages and people put service units.
func hasUnit() bool {
	for _, dir := range []string{"/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"} {
		if _, err := os.Stat(filepath.Join(dir, "borgfleet-agent.service")); err == nil {
			return true
		}
	}
	return false
}

// recoveryKeyText is for the owner to compare with what the fleet's
// administrator has.
func recoveryKeyText(r enrol.Result, dir state.Dir) string {
	key, sealed := r.Allow.SealTo()
	switch {
	case !sealed:
		return "none: nothing is sealed to one"
	case key == r.RecoveryKey:
		return seal.Fingerprint(key) + " (what opens this host's backups when it is gone is sealed to it, and to no other)"
	}
	return seal.Fingerprint(key) + " is this host's; the controller names another, " + seal.Fingerprint(r.RecoveryKey) + ", which does not count here (borgfleet-agent allow --recovery-key" + dirOption(dir) + ")"
}

// dirOption is what must stand in a command for another state directory than
// the usual one.
func dirOption(dir state.Dir) string {
	if dir.Path() == state.DefaultDir {
		return ""
	}
	return " --state-dir " + term.Shell(dir.Path())
}
