package cli

import (
	"context"
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

// findSchedule takes a name or an id.
func findSchedule(ctx context.Context, cl *client.Client, ref string) (rest.Schedule, error) {
	all, err := cl.Schedules(ctx)
	if err != nil {
		return rest.Schedule{}, err
	}
	var names []string
	for _, s := range all {
		names = append(names, s.Name)
		if s.Name == ref || strconv.FormatInt(s.ID, 10) == ref {
			return s, nil
		}
	}
	return rest.Schedule{}, noSuch("no schedule has the name or id", ref, "schedules list", names)
}

func (k *controller) withSchedule(c *cli.Context, use func(context.Context, *client.Client, rest.Schedule, bool) error) error {
	args, asJSON, err := cmdline.Given(c, "SCHEDULE")
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		s, err := findSchedule(ctx, cl, args[0])
		if err != nil {
			return err
		}
		return use(ctx, cl, s, asJSON)
	})
}

// oneSchedule is a command about one schedule.
func (k *controller) oneSchedule(name, usage, about string, do func(context.Context, *client.Client, rest.Schedule) (any, string, error)) *cli.Command {
	return &cli.Command{
		Name: name, ArgsUsage: "SCHEDULE", Usage: usage, Description: about + " SCHEDULE is a name or id.", Flags: askFlags(),
		Action: func(c *cli.Context) error {
			return k.withSchedule(c, func(ctx context.Context, cl *client.Client, s rest.Schedule, asJSON bool) error {
				done, said, err := do(ctx, cl, s)
				switch {
				case err != nil:
					return err
				case asJSON:
					return k.out.JSON(done)
				}
				return k.out.Printf("%s\n", said)
			})
		},
	}
}

func (k *controller) setEnabled(on bool) func(context.Context, *client.Client, rest.Schedule) (any, string, error) {
	return func(ctx context.Context, cl *client.Client, s rest.Schedule) (any, string, error) {
		now, err := cl.ChangeSchedule(ctx, s.ID, rest.ScheduleRequest{Enabled: &on})
		said := fmt.Sprintf("%s is paused. To go on: borgfleet-controller schedules resume %d", term.Clean(s.Name), s.ID)
		if on {
			said = fmt.Sprintf("%s is due next at %s", term.Clean(s.Name), nextOf(now))
		}
		return now, said, err
	}
}

func (k *controller) runSchedule(ctx context.Context, cl *client.Client, s rest.Schedule) (any, string, error) {
	started, err := cl.RunSchedule(ctx, s.ID)
	said := term.Clean(started.Message)
	for _, id := range started.JobIDs {
		said += fmt.Sprintf("\nTo see it: borgfleet-controller jobs follow %d", id)
	}
	return started, said, err
}

func (k *controller) schedulesDelete() *cli.Command {
	return &cli.Command{
		Name: "delete", ArgsUsage: "SCHEDULE", Usage: "delete a schedule; the jobs that it made stay", Flags: append([]cli.Flag{cmdline.YesFlag()}, askFlags()...),
		Action: func(c *cli.Context) error {
			return k.withSchedule(c, func(ctx context.Context, cl *client.Client, s rest.Schedule, asJSON bool) error {
				about := fmt.Sprintf("%s backs up %s. After this nothing does, unless another schedule has them.", term.Clean(s.Name), term.Clean(repositoryList(s)))
				if err := cmdline.Confirm(c, k.in, k.err, about, s.Name); err != nil {
					return err
				}
				if err := cl.DeleteSchedule(ctx, s.ID); err != nil {
					return err
				}
				if asJSON {
					return k.out.JSON(map[string]int64{"deleted": s.ID})
				}
				return k.out.Printf("%s is deleted\n", term.Clean(s.Name))
			})
		},
	}
}
