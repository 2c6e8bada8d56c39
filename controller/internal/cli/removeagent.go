package cli

import (
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) agentsRevoke() *cli.Command {
	return &cli.Command{
		Name: "revoke", ArgsUsage: "AGENT", Usage: "shut a host out for good",
		Description: "Its certificate is refused from the next call on, and its connection ends. Borg that runs there ends by itself, but its result is not taken any more. There is no way back but to enroll the host again.",
		Flags:       append([]cli.Flag{cmdline.YesFlag()}, askFlags()...),
		Action: func(c *cli.Context) error {
			return k.destroy(c, "This shuts the host %s out for good.", func(ctx context.Context, cl *client.Client, a rest.Agent) (any, string, error) {
				revoked, err := cl.RevokeAgent(ctx, a.ID)
				return revoked, "%s is revoked. To forget it: borgfleet-controller agents remove " + term.Shell(a.Name), err
			})
		},
	}
}

func (k *controller) agentsRemove() *cli.Command {
	return &cli.Command{
		Name: "remove", ArgsUsage: "AGENT", Usage: "forget a host that nothing depends on any more",
		Description: "It is shut out as well, and its history stays. Its jobs have to be ended and its repositories removed before.",
		Flags:       append([]cli.Flag{cmdline.YesFlag()}, askFlags()...),
		Action: func(c *cli.Context) error {
			return k.destroy(c, "This makes the controller forget the host %s.", func(ctx context.Context, cl *client.Client, a rest.Agent) (any, string, error) {
				return map[string]string{"removed": a.ID}, "%s is removed; its history stays.", cl.DeleteAgent(ctx, a.ID)
			})
		},
	}
}

// destroy does what cannot be taken back to one agent, after it was confirmed.
// do gives what -o json shows and the sentence for people.
func (k *controller) destroy(c *cli.Context, about string, do func(context.Context, *client.Client, rest.Agent) (any, string, error)) error {
	args, asJSON, err := cmdline.Given(c, "AGENT")
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		a, err := cl.Agent(ctx, args[0])
		if err != nil {
			return err
		}
		if err := cmdline.Confirm(c, k.in, k.err, fmt.Sprintf(about, a.Name), a.Name); err != nil {
			return err
		}
		done, said, err := do(ctx, cl, a)
		switch {
		case err != nil:
			return err
		case asJSON:
			return k.out.JSON(done)
		}
		return k.out.Printf(said+"\n", term.Clean(a.Name))
	})
}
