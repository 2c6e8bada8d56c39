package cli

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/urfave/cli/v2"

	"borgfleet/agent/internal/access"
	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/daemon"
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (a *agent) borg() *cli.Command {
	return &cli.Command{
		Name: "borg", ArgsUsage: "REPOSITORY -- ARGS...",
		Usage: "run borg on a repository, with its key, passphrase and ssh",
		Description: "REPOSITORY is a path, name or id that borgfleet-agent status lists. BORG_REPO is set to it, so its path need not be written. It works without the agent and the controller too, and the exit status is borg's. What it changes is noticed: the controller's list of archives follows.\n\n" +
			"  borgfleet-agent borg web1 -- list\n  borgfleet-agent borg web1 -- info ::web1-2024-03-01",
		Flags:  []cli.Flag{stateDirFlag(), configFlag()},
		Action: a.runBorg,
	}
}

func (a *agent) runBorg(c *cli.Context) error {
	words := c.Args().Slice()
	if len(words) < 2 {
		return cmdline.Usagef("name the repository, then -- and what borg is to do: borgfleet-agent borg REPOSITORY -- list")
	}
	dir, err := stateDir(c)
	if err != nil {
		return err
	}
	id, err := identity(dir)
	if err != nil {
		return err
	}
	conf, _, err := loadConfig(c, dir)
	if err != nil {
		return err
	}
	repo, err := definition(dir, words[0])
	if err != nil {
		return permission(err, dir)
	}
	return a.attend(c, dir, id, conf, repo, words[1:])
}

// attend runs borg on the person's terminal.
func (a *agent) attend(c *cli.Context, dir state.Dir, id state.Identity, conf policy.Config, repo job.Repository, args []string) error {
	host, err := access.Host(dir, id, conf, repo)
	if err != nil {
		return err
	}
	tool, err := borg.Find(c.Context, conf.Borg)
	if err != nil {
		return cmdline.Unavailable(err)
	}
	pass, said, err := access.Passphrase(c.Context, dir, id, conf, repo)
	for _, line := range said {
		if err := a.err.Printf("The passphrase command says: %s\n", term.Clean(line)); err != nil {
			return err
		}
	}
	if err != nil {
		return permission(err, dir)
	}
	var env []string
	for _, name := range []string{"TERM", "COLUMNS", "LINES", "TZ"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	code, err := tool.Person(c.Context, host, repo, args, pass, borg.Terminal{In: a.in, Out: a.stdout, Err: a.stderr, Env: env})
	if err != nil {
		return err
	}
	return cmdline.Silently(code)
}

// definition finds a repository among those that the controller told this host
// of: by path, then name, then id.
func definition(dir state.Dir, ref string) (job.Repository, error) {
	all, err := daemon.Definitions(dir.Desired())
	if err != nil {
		return job.Repository{}, err
	}
	for _, is := range []func(job.Repository) bool{
		func(r job.Repository) bool { return r.Path == ref },
		func(r job.Repository) bool { return r.Name == ref },
		func(r job.Repository) bool { return strconv.FormatInt(r.ID, 10) == ref },
	} {
		for _, r := range all {
			if is(r) {
				return r, nil
			}
		}
	}
	if len(all) == 0 {
		return job.Repository{}, errors.New("the controller has told this host of no repository yet: register one there with borgfleet-controller repositories create or import")
	}
	text := fmt.Sprintf("no repository of this host has the path, name or id %q; there are:", ref)
	for _, r := range all {
		text += fmt.Sprintf("\n%d  %s  %s", r.ID, r.Name, r.Path)
	}
	return job.Repository{}, errors.New(text)
}
