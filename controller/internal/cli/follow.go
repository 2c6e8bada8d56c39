package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

const endHelp = "the exit status tells the end: 0 completed, 4 completed with warnings, 1 failed or cancelled."

func (k *controller) jobsStart() *cli.Command {
	return &cli.Command{
		Name: "start", ArgsUsage: "REPOSITORY",
		Usage:       "back a repository up now",
		Description: "REPOSITORY is a path, name or id. If host or repository are busy or away, the job waits for them.\n\nWith --follow " + endHelp,
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "agent", Usage: "the host's `NAME` or id, if several use a repository of that path or name"},
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "show its progress until it has ended"},
		}, askFlags()...),
		Action: k.startJob,
	}
}

func (k *controller) startJob(c *cli.Context) error {
	args, err := cmdline.Args(c, "REPOSITORY")
	if err != nil {
		return err
	}
	asJSON, err := cmdline.WantsJSON(c)
	if err != nil {
		return err
	}
	// With it net/http may repeat the request on a new connection when the old
	// one turns out to be dead, and it stays one job.
	key, err := job.NewKey()
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		started, err := cl.StartBackup(ctx, rest.Start{Repository: args[0], Agent: c.String("agent")}, key.String())
		switch {
		case err != nil:
			return err
		case c.Bool("follow"):
			return k.followJob(ctx, cl, started.JobID, asJSON)
		case asJSON:
			return k.out.JSON(started)
		}
		return k.out.Printf("Backup job %d is taken. To see it: borgfleet-controller jobs follow %d\n", started.JobID, started.JobID)
	})
}

func (k *controller) jobsFollow() *cli.Command {
	return &cli.Command{
		Name: "follow", ArgsUsage: "ID",
		Usage:       "show a job's progress until it has ended",
		Description: "If the job ends, " + endHelp + " With -o json each change is a line.",
		Flags:       askFlags(),
		Action: func(c *cli.Context) error {
			id, asJSON, err := jobArgs(c)
			if err != nil {
				return err
			}
			return k.ask(c, func(ctx context.Context, cl *client.Client) error { return k.followJob(ctx, cl, id, asJSON) })
		},
	}
}

// jobArgs is what commands about one job are given.
func jobArgs(c *cli.Context) (id int64, asJSON bool, err error) {
	args, err := cmdline.Args(c, "ID")
	if err != nil {
		return 0, false, err
	}
	if id, err = strconv.ParseInt(args[0], 10, 64); err != nil || id < 1 {
		return 0, false, cmdline.Usagef("%q is not the id of a job: it is a number that jobs list shows", args[0])
	}
	asJSON, err = cmdline.WantsJSON(c)
	return id, asJSON, err
}

func (k *controller) followJob(ctx context.Context, cl *client.Client, id int64, asJSON bool) error {
	live := term.NewLive(k.out, k.now)
	var shown string
	j, err := k.watch(ctx, cl, id, func(j rest.JobStatus) error {
		if !asJSON {
			return live.Show(progressOf(j.JobCore))
		}
		// Only what is new: a line for each look would fill a disk.
		if now := fmt.Sprint(j.Status, j.ProgressDetails, stateOf(j.JobCore)); now != shown {
			shown = now
			return k.out.JSONLine(j)
		}
		return nil
	})
	if clearErr := live.Clear(); err == nil {
		err = clearErr
	}
	if err != nil {
		return k.interrupted(ctx, id, err)
	}
	if asJSON {
		err = k.out.JSONLine(j)
	} else {
		err = k.tellEnd(j)
	}
	if err != nil {
		return err
	}
	return cmdline.Silently(cmdline.JobExit(job.Status(j.Status)))
}

// interrupted says that only the looking has ended.
func (k *controller) interrupted(ctx context.Context, id int64, err error) error {
	if ctx.Err() == nil {
		return err
	}
	if err := k.err.Printf("The job goes on. To see it again: borgfleet-controller jobs follow %d\n", id); err != nil {
		return err
	}
	return cmdline.Silently(cmdline.ExitInterrupted)
}

// patience is how long a controller that does not answer is asked on: a restart
// must not end what only looks.
const patience = 2 * time.Minute

// watch looks at a job until it has ended, and calls each for every look before
// that.
func (k *controller) watch(ctx context.Context, cl *client.Client, id int64, each func(rest.JobStatus) error) (rest.JobStatus, error) {
	tick := time.NewTicker(k.every)
	defer tick.Stop()
	seen := false
	answered := k.now()
	for {
		j, err := cl.Job(ctx, id)
		switch {
		case err == nil:
			seen, answered = true, k.now()
			if job.Status(j.Status).Final() {
				return j, nil
			}
			if err := each(j); err != nil {
				return j, err
			}
		case !seen || ctx.Err() != nil || isAnswer(err) || k.now().Sub(answered) > patience:
			return j, err
		}
		select {
		case <-ctx.Done():
			return j, ctx.Err()
		case <-tick.C:
		}
	}
}

// isAnswer tells a controller's no from one that is away.
func isAnswer(err error) bool {
	e, ok := errors.AsType[*client.Error](err)
	return ok && e.Status < 500
}

func (k *controller) tellEnd(j rest.JobStatus) error {
	line := fmt.Sprintf("Job %d %s", j.ID, j.Status)
	if t := took(j.JobCore); t != "" {
		line += " after " + t
	}
	if about := remark(j.JobCore); about != "" {
		line += ": " + about
	}
	return k.out.Printf("%s\n", term.CleanRows(line))
}
