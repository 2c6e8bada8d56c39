package cli

import (
	"context"
	"time"

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
		if !c.Bool("follow") {
			err := l.all(ctx)
			if err != nil {
				return err
			}
			return l.explainNone(ctx)
		}
		if err := l.follow(ctx); err != nil {
			return k.interrupted(ctx, id, err)
		}
		return nil
	})
}

// logReader is how far a log has been shown.
type logReader struct {
	k      *controller
	cl     *client.Client
	id     int64
	asJSON bool
	offset uint64
	total  uint64 // lines that can be read now
}

// all shows what there is from the offset on.
func (l *logReader) all(ctx context.Context) error {
	for {
		page, err := l.cl.Log(ctx, l.id, l.offset, 0)
		if err != nil {
			return err
		}
		l.total = page.TotalLines
		for _, line := range page.Lines {
			if err := l.show(line); err != nil {
				return err
			}
			l.offset = line.LineNumber
		}
		if !page.HasMore || len(page.Lines) == 0 {
			return nil
		}
	}
}

func (l *logReader) show(line rest.LogLine) error {
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
	switch {
	case err != nil:
		return err
	case !job.Status(j.Status).Final():
		return l.k.err.Printf("Job %d is %s and has said nothing yet. With --follow its lines are shown as they come.\n", l.id, stateOf(j.JobCore))
	}
	return l.k.err.Printf("Job %d %s, and there is no log of it to show here: the controller keeps to its --log-policy. The host has its own: borgfleet-agent logs %d\n", l.id, j.Status, l.id)
}

// tail is how long the rest of a log is waited for when the job has ended: the
// verdict does not wait behind the log.
const tail = 15 * time.Second

func (l *logReader) follow(ctx context.Context) error {
	tick := time.NewTicker(l.k.every)
	defer tick.Stop()
	last := l.k.now() // when something was heard
	seen := false
	for {
		// Asked first: what is complete then is shown whole by what follows.
		j, err := l.cl.Job(ctx, l.id)
		before := l.offset
		if err == nil {
			err = l.all(ctx)
		}
		now := l.k.now()
		switch {
		case err != nil && (!seen || ctx.Err() != nil || isAnswer(err) || now.Sub(last) > patience):
			return err
		case err == nil:
			if !seen || l.offset > before || !job.Status(j.Status).Final() {
				last = now
			}
			seen = true
			if ended, err := l.ended(ctx, j, now.Sub(last)); ended || err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

func (l *logReader) ended(ctx context.Context, j rest.JobStatus, quiet time.Duration) (bool, error) {
	switch {
	case !job.Status(j.Status).Final():
		return false, nil
	case l.offset > 0 && l.total < l.offset:
		// The controller stopped showing it in the middle of our reading.
		return true, l.k.err.Printf("Job %d %s, and the controller does not show the end of its log (serve --log-policy). The host has it: borgfleet-agent logs %d\n", l.id, j.Status, l.id)
	case j.LogComplete:
		return true, l.explainNone(ctx)
	case quiet > tail:
		return true, l.k.err.Printf("Job %d %s, but the host has not sent all of its log yet. To see the rest later: borgfleet-controller jobs logs %d\n", l.id, j.Status, l.id)
	}
	return false, nil
}
