package cli

import (
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/agent/internal/local"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (a *agent) check() *cli.Command {
	return a.maintenance(job.Check, "look for damage in a repository", "It repairs nothing; damage is a failed job.",
		cmdline.CheckFlags(),
		func(c *cli.Context, what *local.Maintenance) error {
			check, err := cmdline.Check(c)
			what.MaxDuration, what.Depth = int64(check.MaxDuration/time.Second), string(check.Depth)
			return err
		})
}

func (a *agent) prune() *cli.Command {
	return a.maintenance(job.Prune, "remove archives of a repository that no rule keeps",
		"Only archives of this registration go. Without any --keep-... the retention of the repository counts; else nothing of it does. The space is freed by borgfleet-agent compact.\n\n  borgfleet-agent prune web --keep-daily 7 --keep-weekly 4 --dry-run\n\n",
		cmdline.PruneFlags(),
		func(c *cli.Context, what *local.Maintenance) error {
			p, err := cmdline.Prune(c)
			if what.DryRun = p.DryRun; p.Keep != (job.Keep{}) {
				keep := local.Keep(p.Keep)
				what.Keep = &keep
			}
			return err
		})
}

func (a *agent) compact() *cli.Command {
	return a.maintenance(job.Compact, "free the space of what was removed from a repository", "What was removed cannot be brought back after it.", nil, nothing)
}

func (a *agent) breakLock() *cli.Command {
	return a.maintenance(job.BreakLock, "take the locks of a repository away",
		"For the lock of a borg that died on a host that is lost; those of the fleet's own hosts go by themselves. Only the controller knows that no other host is at work there: without its word nothing is done.",
		[]cli.Flag{cmdline.YesFlag()}, nothing)
}

func nothing(*cli.Context, *local.Maintenance) error { return nil }

// maintenance is a command that starts a maintenance job. read takes what its
// kind needs from the command line.
func (a *agent) maintenance(kind job.Kind, usage, about string, flags []cli.Flag, read func(*cli.Context, *local.Maintenance) error) *cli.Command {
	flags = append(flags,
		&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "show its progress until it has ended"},
		stateDirFlag(), cmdline.OutputFlag())
	return &cli.Command{
		Name: string(kind), ArgsUsage: "REPOSITORY", Usage: usage,
		Description: about + " REPOSITORY is a path, name or id that borgfleet-agent status lists.\n\n" +
			"With --follow the exit status tells the end: 0 completed, 4 completed with warnings, 1 failed or cancelled.",
		Flags: flags,
		Action: func(c *cli.Context) error {
			args, asJSON, err := cmdline.Given(c, "REPOSITORY")
			if err != nil {
				return err
			}
			what := local.Maintenance{Repository: args[0], Kind: string(kind)}
			if err := read(c, &what); err != nil {
				return cmdline.Usagef("%w", err)
			}
			if kind == job.BreakLock {
				about := fmt.Sprintf("This takes every lock of %s away. If a borg is at work on it that this fleet does not know of, two of them may write at a time and damage it.", term.Clean(args[0]))
				if err := cmdline.Confirm(c, a.in, a.err, about, args[0]); err != nil {
					return err
				}
			}
			return a.ask(c, func(client *local.Client) error { return a.maintain(c, client, what, asJSON) })
		},
	}
}

func (a *agent) maintain(c *cli.Context, client *local.Client, what local.Maintenance, asJSON bool) error {
	j, err := client.Maintain(c.Context, what)
	switch {
	case err != nil:
		return err
	case what.DryRun && !asJSON:
		return a.showDryRun(c, client, j)
	case c.Bool("follow"):
		return a.follow(c.Context, client, j, asJSON)
	case asJSON:
		return a.out.JSON(j)
	}
	kind := strings.ToUpper(what.Kind[:1]) + what.Kind[1:]
	return a.out.Printf("%s job %s of %s is taken. To see it: borgfleet-agent logs -f %s\n", kind, ref(j), term.Clean(j.Repository), ref(j))
}

// showDryRun shows what would go: that is in the log.
func (a *agent) showDryRun(c *cli.Context, client *local.Client, j local.Job) error {
	end, err := client.Log(c.Context, j.Key, local.LogRequest{Follow: true}, func(ev local.Event) error {
		if ev.Line == nil {
			return nil
		}
		return a.out.Printf("%s\n", logLine(*ev.Line))
	})
	if c.Context.Err() != nil {
		return a.goesOn(j)
	}
	if err != nil {
		return err
	}
	return cmdline.Silently(cmdline.JobExit(job.Status(end.Status)))
}
