package cli

import (
	"context"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

func (k *controller) jobsLogs() *cli.Command {
	return &cli.Command{
		Name: "logs", ArgsUsage: "ID",
		Usage:       "show a job's log",
		Description: "Which finished jobs show their log is for the controller to say (serve --log-policy). The host itself always shows its own: borgfleet-agent logs.",
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "follow", Aliases: []string{"f"}, Usage: "go on until the job has ended"},
		}, askFlags()...),
		Action: k.jobLogs,
	}
}

func (k *controller) jobLogs(c *cli.Context) error {
	id, asJSON, err := jobArgs(c)
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		l := &logReader{k: k, cl: cl, id: id, asJSON: asJSON}
		if c.Bool("follow") {
			return k.interrupted(ctx, id, l.follow(ctx))
		}
		if err := l.all(ctx); err != nil {
			return err
		}
		return l.explainNone(ctx)
	})
}

// logReader is how far a log has been shown.
type logReader struct {
	k      *controller
	cl     *client.Client
	id     int64
	asJSON bool
	offset uint64 // the last line that was shown
}

// all shows what there is from the offset on.
func (l *logReader) all(ctx context.Context) error {
	for {
		page, err := l.cl.Log(ctx, l.id, l.offset, 0)
		if err != nil {
			return err
		}
		for _, line := range page.Lines {
			if err := l.show(line); err != nil {
				return err
			}
		}
		if !page.HasMore || len(page.Lines) == 0 {
			return nil
		}
	}
}

func (l *logReader) show(line rest.LogLine) error {
	l.offset = line.LineNumber
	if l.asJSON {
		return l.k.out.JSONLine(line)
	}
	return l.k.out.Printf("%s\n", term.CleanRows(line.Content))
}

// explainNone says why nothing was shown: an empty answer looks like a fault.
func (l *logReader) explainNone(ctx context.Context) error {
	if l.offset > 0 || l.asJSON {
		return nil
	}
	j, err := l.cl.Job(ctx, l.id)
	if err != nil {
		return err
	}
	if !job.Status(j.Status).Final() {
		return l.k.err.Printf("Job %d is %s and has said nothing yet. With --follow its lines are shown as they come.\n", l.id, stateOf(j.JobCore))
	}
	return l.tellHidden(j.Status)
}

func (l *logReader) tellHidden(status string) error {
	return l.k.err.Printf("Job %d %s, and there is no log of it to show here: the controller shows logs by its --log-policy, and keeps them for its --log-retention. The host has its own for some days: borgfleet-agent logs %d\n", l.id, status, l.id)
}
