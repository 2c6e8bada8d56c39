package cli

import (
	"context"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) fleet() *cli.Command {
	return group("fleet", "all hosts at once", k.fleetSummary(), k.fleetHosts(), k.fleetStale(), k.fleetShrunk(), k.fleetTrends(), k.fleetWatch(), k.recoveryKey())
}

func (k *controller) fleetWatch() *cli.Command {
	return &cli.Command{
		Name:  "watch",
		Usage: "show what goes on, as it changes, until Ctrl-C",
		Description: "On a terminal it is a picture: hosts that need a look, jobs that run or wait, jobs that ended meanwhile. Elsewhere it is a line for each host or job whose state changes. " +
			"With -o json each is a line with event (agent, job, removed, reset) and data, first all that is there, then what changes, progress too.",
		Flags: append([]cli.Flag{
			&cli.StringFlag{Name: "agent", Usage: "only this host (`AGENT`: name or id)"},
			&cli.StringFlag{Name: "repository", Usage: "only the jobs of this `REPOSITORY` (path, name or id)"},
		}, askFlags()...),
		Action: k.watchFleet,
	}
}

func (k *controller) watchFleet(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	filter := client.EventFilter{Types: []string{rest.EventAgent, rest.EventJob}, Agent: c.String("agent"), Repository: c.String("repository")}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		w := &fleetWatcher{k: k, cl: cl, filter: filter, fleet: newFleetState(k.now())}
		switch {
		case asJSON:
			w.show = &fleetRows{k: k}
		case k.out.Terminal:
			w.show = newFleetPicture(k)
		default:
			w.show = &fleetLines{k: k, hosts: map[string]string{}, jobs: map[int64]string{}}
		}
		err := w.run(ctx)
		if ctx.Err() != nil {
			return cmdline.Silently(cmdline.ExitInterrupted)
		}
		return err
	})
}
