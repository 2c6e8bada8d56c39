package cli

import (
	"net/http"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"borgfleet/agent/internal/daemon"
	"borgfleet/agent/internal/doctor"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/checkup"
	"borgfleet/shared/clock"
	"borgfleet/shared/job"
	"borgfleet/shared/term/cmdline"
)

func (a *agent) doctor() *cli.Command {
	return &cli.Command{
		Name: "doctor", ArgsUsage: "[REPOSITORY]...",
		Usage: "look at everything that a backup needs, and say what to do",
		Description: "It looks at this host, at the way to the controller, and at each repository (or those that are named: path, name or id): whether borg opens it with its passphrase and ssh, and its sources are there. " +
			"It changes nothing, and works without the agent and the controller, too. Run it as the account that the agent runs as.\n\n" +
			"The exit status is 0 if everything works, warnings or not, and 1 if something does not.",
		Flags:  []cli.Flag{stateDirFlag(), configFlag(), cmdline.OutputFlag()},
		Action: a.runDoctor,
	}
}

func (a *agent) runDoctor(c *cli.Context) error {
	asJSON, err := cmdline.WantsJSON(c)
	if err != nil {
		return err
	}
	dir, err := stateDir(c)
	if err != nil {
		return err
	}
	o := doctor.Options{
		State: dir, Now: clock.Now, MachineID: state.HostMachineID, Proxy: http.ProxyFromEnvironment, UID: os.Geteuid(),
	}
	if file := c.String("config"); file != "" {
		if o.ConfigFile, err = filepath.Abs(file); err != nil {
			return err
		}
	}
	o.Repositories, o.Unread = daemon.Definitions(dir.Desired())
	if refs := c.Args().Slice(); len(refs) > 0 {
		if o.Repositories, err = named(dir, refs); err != nil {
			return err
		}
	}
	failed, err := checkup.Show(c.Context, doctor.Checks(c.Context, o), a.out, asJSON)
	if err == nil && failed {
		return cmdline.Silently(cmdline.ExitFailed)
	}
	return err
}

// named are the repositories that a person means.
func named(dir state.Dir, refs []string) (out []job.Repository, err error) {
	for _, ref := range refs {
		r, err := definition(dir, ref)
		if err != nil {
			return nil, cmdline.Usagef("%w", err)
		}
		out = append(out, r)
	}
	return out, nil
}
