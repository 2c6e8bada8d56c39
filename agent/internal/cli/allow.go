package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"reflect"

	"github.com/urfave/cli/v2"

	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (a *agent) allow() *cli.Command {
	// Their variables are enroll's: BORGFLEET_ALL or BORGFLEET_SOURCE in some
	// environment must not widen what the controller may do by accident.
	return &cli.Command{
		Name:  "allow",
		Usage: "show or widen what the controller may do on this host",
		Description: "Without options it shows what is allowed. With them it edits the section allow of agent.yaml; to take something back, edit that file.\n\n" +
			"  borgfleet-agent allow --repository '/srv/backups/**' --source /etc --source /home",
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "repository", EnvVars: []string{"BORGFLEET_ALLOW_REPOSITORY"}, Usage: "the repositories at `PATTERN` (see enroll --help)"},
			&cli.StringSliceFlag{Name: "source", EnvVars: []string{"BORGFLEET_ALLOW_SOURCE"}, Usage: "back up what lies at or below `PATH`; the first one narrows, since until then any source is allowed"},
			&cli.StringSliceFlag{Name: "destination", EnvVars: []string{"BORGFLEET_ALLOW_DESTINATION"}, Usage: "restore to new directories at or below `PATH`; without one nothing is restored onto this host"},
			&cli.BoolFlag{Name: "maintenance", EnvVars: []string{"BORGFLEET_ALLOW_MAINTENANCE"}, Usage: "prune, compact and break locks"},
			&cli.StringSliceFlag{Name: "hook", EnvVars: []string{"BORGFLEET_ALLOW_HOOK"}, Usage: "run the hook `NAME` of this host's hooks directory before or after backups, if a repository's definition names it; * and ? match"},
			&cli.StringSliceFlag{Name: "ping", EnvVars: []string{"BORGFLEET_ALLOW_PING"}, Usage: "call the ping URLs at `PATTERN` when a schedule names them: https://HOST/PATH, where * in the path is any part of a name, and ** anything"},
			&cli.StringFlag{Name: "recovery-key", EnvVars: []string{"BORGFLEET_ALLOW_RECOVERY_KEY"}, Usage: "seal what opens this host's backups when it is gone to this recovery key (`RECIPIENT`, age1...), and to no other; none: to no key at all"},
			&cli.BoolFlag{Name: "recovery-passphrases", EnvVars: []string{"BORGFLEET_ALLOW_RECOVERY_PASSPHRASES"}, Usage: "seal the passphrases that live on this host (passphrase_file, passphrase_command) to the recovery key, too"},
			&cli.BoolFlag{Name: "own-secrets", EnvVars: []string{"BORGFLEET_ALLOW_OWN_SECRETS"}, Usage: "back up the agent's own keys, the passphrase files that agent.yaml names and borg's key files as well; whoever can order backups can read them then"},
			&cli.BoolFlag{Name: "all", EnvVars: []string{"BORGFLEET_ALLOW_ALL"}, Usage: "everything, restores onto this host included"},
			stateDirFlag(),
			configFlag(),
			cmdline.OutputFlag(),
		},
		Action: a.runAllow,
	}
}

func configFlag() cli.Flag {
	return &cli.StringFlag{Name: "config", Usage: "`FILE` to use instead of agent.yaml in the state directory"}
}

func (a *agent) runAllow(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	dir, err := stateDir(c)
	if err != nil {
		return err
	}
	cfg, file, err := loadConfig(c, dir)
	if err != nil {
		return err
	}
	before := permissions(cfg.Allow)
	if err := extend(&cfg.Allow, c, ""); err != nil {
		return err
	}
	if !reflect.DeepEqual(before, permissions(cfg.Allow)) {
		err := policy.Change(file, func(now *policy.Config) error {
			err := extend(&now.Allow, c, "")
			cfg = *now
			return err
		})
		if err != nil {
			return permission(err, dir)
		}
		if err := a.err.Printf("%s is changed; it counts from the next job on\n", term.Clean(file)); err != nil {
			return err
		}
	}
	if asJSON {
		return a.out.JSON(permissions(cfg.Allow))
	}
	return a.out.Printf("%s", describe(cfg.Allow, dir))
}

// loadConfig reads the file that the agent itself would read. A host that is
// not enrolled has none.
func loadConfig(c *cli.Context, dir state.Dir) (policy.Config, string, error) {
	if file := c.String("config"); file != "" {
		cfg, err := policy.Load(file)
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			err = cmdline.Usagef("%w", err)
		}
		return cfg, file, permission(err, dir)
	}
	if _, err := identity(dir); err != nil {
		return policy.Config{}, "", err
	}
	cfg, err := configOf(dir.Config())
	return cfg, dir.Config(), permission(err, dir)
}

// identity reads who this agent is, and says what to do if it is nobody.
func identity(dir state.Dir) (state.Identity, error) {
	id, err := dir.Identity()
	switch {
	case errors.Is(err, state.ErrNotEnrolled):
		return id, cmdline.Unavailable(fmt.Errorf("this host is not enrolled (state directory %s): run borgfleet-agent enroll%s --token-file FILE, with a token from borgfleet-controller join-token create",
			dir.Path(), dirOption(dir)))
	case err != nil:
		return id, permission(err, dir)
	}
	return id, nil
}

// extend adds what the options allow. prefix is allow- at enrolment.
func extend(allow *policy.Allow, c *cli.Context, prefix string) error {
	for _, p := range c.StringSlice(prefix + "repository") {
		if err := allow.AddRepository(p); err != nil {
			return cmdline.Usagef("--%srepository: %w", prefix, err)
		}
	}
	for _, s := range c.StringSlice(prefix + "source") {
		if err := allow.AddSource(s); err != nil {
			return cmdline.Usagef("--%ssource: %w", prefix, err)
		}
	}
	for _, d := range c.StringSlice(prefix + "destination") {
		if err := allow.AddDestination(d); err != nil {
			return cmdline.Usagef("--%sdestination: %w", prefix, err)
		}
	}
	for _, h := range c.StringSlice(prefix + "hook") {
		if err := allow.AddHook(h); err != nil {
			return cmdline.Usagef("--%shook: %w", prefix, err)
		}
	}
	for _, p := range c.StringSlice(prefix + "ping") {
		if err := allow.AddPing(p); err != nil {
			return cmdline.Usagef("--%sping: %w", prefix, err)
		}
	}
	if key := c.String(prefix + "recovery-key"); key != "" {
		if err := allow.SetRecoveryKey(key); err != nil {
			return cmdline.Usagef("--%srecovery-key: %w", prefix, err)
		}
	}
	allow.RecoveryPassphrases = allow.RecoveryPassphrases || c.Bool(prefix+"recovery-passphrases")
	allow.OwnSecrets = allow.OwnSecrets || c.Bool(prefix+"own-secrets")
	allow.Maintenance = allow.Maintenance || c.Bool(prefix+"maintenance")
	allow.All = allow.All || c.Bool(prefix+"all")
	return nil
}
