package cli

import (
	"github.com/urfave/cli/v2"

	"borgfleet/agent/internal/local"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (a *agent) cancel() *cli.Command {
	return &cli.Command{
		Name: "cancel", ArgsUsage: "JOB",
		Usage:       "ask for the end of a job that is running or waiting",
		Description: "Borg is ended in good order, and its repository stays sound.",
		Flags:       []cli.Flag{stateDirFlag(), cmdline.OutputFlag()},
		Action:      a.runCancel,
	}
}

func (a *agent) runCancel(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "JOB")
	if err != nil {
		return err
	}
	return a.ask(c, func(client *local.Client) error {
		j, err := client.Cancel(c.Context, args[0])
		switch {
		case err != nil:
			return err
		case asJSON:
			return a.out.JSON(j)
		case job.Status(j.Status).Final():
			return a.out.Printf("Job %s has ended: %s\n", ref(j), j.Status)
		}
		return a.out.Printf("Job %s (%s of %s) is being cancelled. To see its end: borgfleet-agent logs -f %s\n", ref(j), j.Kind, term.Clean(j.Repository), ref(j))
	})
}
