package cli

import (
	"context"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
)

func (k *controller) jobsCancel() *cli.Command {
	return &cli.Command{
		Name: "cancel", ArgsUsage: "ID",
		Usage:       "end a job that is running or waiting",
		Description: "It waits up to ten seconds for borg to be gone. If the host is out of contact, the wish is kept for it.",
		Flags:       askFlags(),
		Action:      k.cancelJob,
	}
}

func (k *controller) cancelJob(c *cli.Context) error {
	id, asJSON, err := jobArgs(c)
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		done, err := cl.Cancel(ctx, id)
		switch {
		case err != nil:
			return err
		case asJSON:
			return k.out.JSON(done)
		case done.ProcessTerminated:
			return k.out.Printf("Job %d: %s; its borg is gone\n", id, term.Clean(done.Message))
		}
		return k.out.Printf("Job %d: %s\n", id, term.Clean(done.Message))
	})
}
