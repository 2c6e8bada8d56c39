package cli

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/job"
	"borgfleet/shared/nextstep"
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
			&cli.StringFlag{Name: "agent", Usage: "the host (`AGENT`: name or id), if several use a repository of that path or name"},
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "show its progress until it has ended"},
		}, askFlags()...),
		Action: k.startJob,
	}
}

func (k *controller) startJob(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "REPOSITORY")
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
		if err != nil {
			return err
		}
		return k.taken(ctx, c, cl, started, asJSON)
	})
}

// taken says that a job has been, and with --follow how it goes on.
func (k *controller) taken(ctx context.Context, c *cli.Context, cl *client.Client, started rest.Started, asJSON bool) error {
	switch {
	case c.Bool("follow"):
		return k.followJob(ctx, cl, started.JobID, asJSON)
	case asJSON:
		return k.out.JSON(started)
	}
	return k.out.Printf("%s %d is taken. To see it: borgfleet-controller jobs follow %d\n",
		strings.TrimSuffix(started.Message, " started"), started.JobID, started.JobID)
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
	args, asJSON, err := cmdline.Given(c, "ID")
	if err != nil {
		return 0, false, err
	}
	if id, err = strconv.ParseInt(args[0], 10, 64); err != nil || id < 1 {
		return 0, false, cmdline.Usagef("%q is not the id of a job: it is a number that jobs list shows", args[0])
	}
	return id, asJSON, nil
}

func (k *controller) followJob(ctx context.Context, cl *client.Client, id int64, asJSON bool) error {
	show := k.liveJob(asJSON)
	var last rest.Job
	err := cl.Follow(ctx, id, client.NoLines, func(e client.LogEvent) error {
		switch {
		case e.Cut != nil:
			return nil // what is shown stays, and it goes on by itself
		case e.End != nil:
			last = *e.End
		default:
			last = *e.Job
		}
		if job.Status(last.Status).Final() {
			return client.ErrEnough // the end of its log is of no interest here
		}
		return show.job(last)
	})
	if clearErr := show.done(); err == nil {
		err = clearErr
	}
	if err != nil {
		return k.interrupted(ctx, id, err)
	}
	if err := k.tellEnd(last, asJSON); err != nil {
		return err
	}
	return cmdline.Silently(cmdline.JobExit(job.Status(last.Status)))
}

// liveJob shows how one job stands, again and again.
type liveJob struct {
	job  func(rest.Job) error
	done func() error
}

func (k *controller) liveJob(asJSON bool) liveJob {
	if asJSON {
		return liveJob{func(j rest.Job) error { return k.out.JSONLine(j) }, func() error { return nil }}
	}
	live := term.NewLive(k.out, k.now)
	return liveJob{func(j rest.Job) error { return live.Show(progressOf(j.JobCore)) }, live.Clear}
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

func (k *controller) tellEnd(j rest.Job, asJSON bool) error {
	if asJSON {
		return k.out.JSONLine(j)
	}
	line := fmt.Sprintf("Job %d %s", j.ID, j.Status)
	if t := took(j.JobCore); t != "" {
		line += " after " + t
	}
	if about := remark(j.JobCore); about != "" {
		line += ": " + about
	}
	if err := k.out.Printf("%s\n", term.CleanRows(line)); err != nil {
		return err
	}
	if next := todo(j.JobCore); next != "" {
		return k.out.Printf("Next: %s\n", term.CleanRows(next))
	}
	return nil
}

// todo is what to do about a job without a good end.
func todo(j rest.JobCore) string {
	return nextstep.Of(text(j.ErrorCode), nextstep.About{Agent: j.Agent, Repository: j.Repository, Job: fmt.Sprint(j.ID)})
}
