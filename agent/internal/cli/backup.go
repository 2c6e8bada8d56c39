package cli

import (
	"cmp"
	"context"

	"github.com/urfave/cli/v2"

	"borgfleet/agent/internal/local"
	"borgfleet/shared/job"
	"borgfleet/shared/nextstep"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (a *agent) backup() *cli.Command {
	return &cli.Command{
		Name: "backup", ArgsUsage: "REPOSITORY",
		Usage: "start a backup now",
		Description: "REPOSITORY is a path, name or id that borgfleet-agent status lists. The job takes its place in the controller's queue; when the controller has not been in contact for a while, this host starts it by itself.\n\n" +
			"With --follow the exit status tells the end: 0 completed, 4 completed with warnings, 1 failed or cancelled. Without, it only tells whether the job was taken.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "show its progress until it has ended"},
			stateDirFlag(), cmdline.OutputFlag(),
		},
		Action: a.runBackup,
	}
}

func (a *agent) runBackup(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "REPOSITORY")
	if err != nil {
		return err
	}
	return a.ask(c, func(client *local.Client) error {
		j, err := client.Backup(c.Context, args[0])
		if err != nil {
			return err
		}
		switch {
		case c.Bool("follow"):
			return a.follow(c.Context, client, j, asJSON)
		case asJSON:
			return a.out.JSON(j)
		}
		return a.out.Printf("Backup job %s of %s is taken. To see it: borgfleet-agent logs -f %s\n", ref(j), term.Clean(j.Repository), ref(j))
	})
}

// follow shows a job's progress, and gives the exit status of its end. Its log
// is shown where it says more than that all is well.
func (a *agent) follow(ctx context.Context, client *local.Client, j local.Job, asJSON bool) error {
	live := term.NewLive(a.out, a.now)
	end, err := client.Log(ctx, j.Key, local.LogRequest{Follow: true, Progress: true}, func(ev local.Event) error {
		switch {
		case asJSON:
			return a.out.JSONLine(ev)
		case ev.Line != nil && (ev.Line.Level == "warning" || ev.Line.Level == "error"):
			return live.Print(logLine(*ev.Line))
		case ev.Job != nil && !job.Status(ev.Job.Status).Final():
			return live.Show(progressOf(*ev.Job))
		}
		return nil
	})
	if clearErr := live.Clear(); err == nil {
		err = clearErr
	}
	if err != nil {
		if ctx.Err() != nil {
			return a.goesOn(j)
		}
		return err
	}
	if asJSON {
		if err := a.out.JSONLine(local.Event{Job: &end, End: true}); err != nil {
			return err
		}
	} else if err := a.tellEnd(end); err != nil {
		return err
	}
	return cmdline.Silently(cmdline.JobExit(job.Status(end.Status)))
}

// goesOn says that only the looking has ended.
func (a *agent) goesOn(j local.Job) error {
	a.err.Printf("The job goes on. To see it again: borgfleet-agent logs -f %s\n", ref(j))
	return cmdline.Silently(cmdline.ExitInterrupted)
}

func (a *agent) tellEnd(j local.Job) error {
	text := "Job " + ref(j) + " " + j.Status
	if t := took(j, a.now()); t != "" {
		text += " after " + t
	}
	if about := remark(j); about != "" {
		text += ": " + about
	}
	if err := a.out.Printf("%s\n", term.CleanRows(text)); err != nil {
		return err
	}
	about := nextstep.About{Repository: cmp.Or(j.Name, j.Repository), Logs: "borgfleet-agent logs " + ref(j)}
	if next := nextstep.Of(j.ErrorCode, about); next != "" {
		return a.out.Printf("Next: %s\n", term.CleanRows(next))
	}
	return nil
}
