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

func (k *controller) repositoriesAcceptSize() *cli.Command {
	return &cli.Command{
		Name: "accept-size", ArgsUsage: "REPOSITORY", Usage: "say that a backup that shrank may be as small as it is",
		Description: whatShrank + " From then on sizes are compared with that backup.",
		Flags:       append(append(ofAgent(), cmdline.YesFlag()), askFlags()...),
		Action:      k.acceptSize,
	}
}

func (k *controller) acceptSize(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "REPOSITORY")
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		h, err := findShrunk(ctx, cl, args[0], c.String("agent"))
		if err != nil {
			return err
		}
		about := fmt.Sprintf("The backup of %s on %s, job %d, read %s; normal was %s, as of %s. This says that nothing is missing in it.",
			term.Clean(h.Name), term.Clean(h.Agent), *h.LastGoodJobID, term.Size(h.Shrunk.Size), term.Size(h.Shrunk.NormalSize), moment(h.Shrunk.NormalAt))
		if err := cmdline.Confirm(c, k.in, k.err, about, h.Name); err != nil {
			return err
		}
		done, err := cl.AcceptSize(ctx, h.RepositoryID, *h.LastGoodJobID)
		switch {
		case err != nil:
			return err
		case asJSON:
			return k.out.JSON(done)
		}
		return k.out.Printf("%s is normal for %s from now on.\n", term.Size(done.Size), term.Clean(h.Name))
	})
}

// findShrunk tells from what to what a repository shrank.
func findShrunk(ctx context.Context, cl *client.Client, ref, agent string) (rest.Host, error) {
	r, err := findRepository(ctx, cl, ref, agent)
	if err != nil {
		return rest.Host{}, err
	}
	all, err := cl.Hosts(ctx, client.HostFilter{Agent: r.AgentID, Shrunk: true})
	if err != nil {
		return rest.Host{}, err
	}
	for _, h := range all {
		if h.RepositoryID == r.ID {
			return h, nil
		}
	}
	return rest.Host{}, fmt.Errorf("the newest good backup of %s did not shrink: there is nothing to accept", term.Clean(r.Name))
}
