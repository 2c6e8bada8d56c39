package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

// maintenance is a command that starts a maintenance job. read takes what its
// kind needs from the command line.
func (k *controller) maintenance(kind job.Kind, usage, about string, flags []cli.Flag, read func(*cli.Context) (map[string]any, error)) *cli.Command {
	flags = append(flags, &cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "show its progress until it has ended"})
	return &cli.Command{
		Name: string(kind), ArgsUsage: "REPOSITORY", Usage: usage,
		Description: about + " REPOSITORY is a path, name or id. If host or repository are busy or away, the job waits for them.\n\nWith --follow " + endHelp,
		Flags:       append(append(flags, ofAgent()...), askFlags()...),
		Action: func(c *cli.Context) error {
			body, err := read(c)
			if err != nil {
				return cmdline.Usagef("%w", err)
			}
			return k.withRepository(c, func(ctx context.Context, cl *client.Client, r rest.Repository, asJSON bool) error {
				return k.maintain(ctx, c, cl, r, kind, body, asJSON)
			})
		},
	}
}

func (k *controller) maintain(ctx context.Context, c *cli.Context, cl *client.Client, r rest.Repository, kind job.Kind, body map[string]any, asJSON bool) error {
	if kind == job.BreakLock {
		about := fmt.Sprintf("This takes every lock of %s away. If a borg is at work on it that this fleet does not know of, two of them may write at a time and damage it.", term.Clean(r.Path))
		if err := cmdline.Confirm(c, k.in, k.err, about, r.Name); err != nil {
			return err
		}
	}
	key, err := job.NewKey()
	if err != nil {
		return err
	}
	started, err := cl.Maintain(ctx, r.ID, string(kind), body, key.String())
	switch {
	case err != nil:
		return err
	case c.Bool("dry-run") && !asJSON:
		return k.followDryRun(ctx, cl, started.JobID)
	}
	return k.taken(ctx, c, cl, started, asJSON)
}

// followDryRun shows what would go: that is in the log.
func (k *controller) followDryRun(ctx context.Context, cl *client.Client, id int64) error {
	end := k.followJob(ctx, cl, id, false)
	if ctx.Err() != nil {
		return end
	}
	j, err := cl.Job(ctx, id)
	if err != nil {
		return err
	}
	if j.Logs != nil {
		for line := range strings.Lines(*j.Logs) {
			if err := k.out.Printf("%s\n", term.Clean(strings.TrimRight(line, "\n"))); err != nil {
				return err
			}
		}
	}
	return end
}

func (k *controller) maintenanceCommands() []*cli.Command {
	nothing := func(*cli.Context) (map[string]any, error) { return map[string]any{}, nil }
	return []*cli.Command{
		k.maintenance(job.Check, "look for damage in a repository",
			"It repairs nothing; damage is a failed job.",
			cmdline.CheckFlags(), readCheck),
		k.maintenance(job.Compact, "free the space of what was removed from a repository", "What was removed cannot be brought back after it.", nil, nothing),
		k.maintenance(job.Prune, "remove archives of a repository that no rule keeps",
			"Only archives of this registration go (archives list --matching shows them). Without any --keep-... the retention of the repository counts; else nothing of it does. The space is freed by a compact. The host's owner may want more to be kept.\n\n"+
				"  borgfleet-controller repositories prune web --keep-daily 7 --keep-weekly 4 --dry-run\n\n", cmdline.PruneFlags(), readPrune),
		k.maintenance(job.BreakLock, "take the locks of a repository away",
			"For the lock of a borg that died on a host that is lost; those of the fleet's own hosts go by themselves. It is refused while any job is in hand there.", []cli.Flag{cmdline.YesFlag()}, nothing),
	}
}

func readCheck(c *cli.Context) (map[string]any, error) {
	check, err := cmdline.Check(c)
	body := map[string]any{}
	if check.MaxDuration > 0 {
		body["max_duration"] = int64(check.MaxDuration / time.Second)
	}
	if check.Depth != job.CheckAll {
		body["depth"] = check.Depth
	}
	return body, err
}

func readPrune(c *cli.Context) (map[string]any, error) {
	p, err := cmdline.Prune(c)
	if err != nil {
		return nil, err
	}
	body := map[string]any{"dry_run": p.DryRun}
	for _, n := range p.Keep.Counts() {
		if *n.N > 0 {
			body[n.Name] = *n.N
		}
	}
	if p.Keep.Within != "" {
		body[job.KeepWithin] = p.Keep.Within
	}
	return body, nil
}
