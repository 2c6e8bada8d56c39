package cli

import (
	"context"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) schedulesNext() *cli.Command {
	return &cli.Command{
		Name: "next", ArgsUsage: "SCHEDULE", Usage: "show when a schedule is due, also one that is paused",
		Flags: append([]cli.Flag{&cli.IntFlag{Name: "n", Value: 10, Usage: "`N` times for each repository, 100 at most, and 1000 in all"}}, askFlags()...),
		Action: func(c *cli.Context) error {
			return k.withSchedule(c, func(ctx context.Context, cl *client.Client, s rest.Schedule, asJSON bool) error {
				next, err := cl.NextRuns(ctx, s.ID, c.Int("n"))
				if err != nil {
					return err
				}
				if asJSON {
					return k.out.JSON(next)
				}
				t := term.Table{Columns: []term.Column{{Title: "DUE"}, {Title: "REPOSITORY", Cut: term.CutEnd}, {Title: "AGENT", Cut: term.CutEnd}}}
				for _, r := range next.NextRuns {
					t.Add(moment(r.At), r.Name, r.Agent)
				}
				if err := t.Print(k.out); err != nil || len(next.Unknown) == 0 {
					return err
				}
				return k.err.Printf("Not known of %s: the host has not told its time zone yet\n", term.Clean(strings.Join(next.Unknown, ", ")))
			})
		},
	}
}

func (k *controller) schedulesCron() *cli.Command {
	return &cli.Command{
		Name: "cron", ArgsUsage: "EXPRESSION", Usage: "try a cron expression: show its next times, or what is wrong with it",
		Flags: append([]cli.Flag{&cli.StringFlag{Name: "timezone", Usage: "in this `ZONE`, such as Europe/Berlin (default: UTC)"}}, askFlags()...),
		Action: func(c *cli.Context) error {
			args, asJSON, err := cmdline.Given(c, "EXPRESSION")
			if err != nil {
				return err
			}
			return k.ask(c, func(ctx context.Context, cl *client.Client) error {
				times, err := cl.ValidateCron(ctx, rest.CronRequest{CronExpression: args[0], Timezone: c.String("timezone")})
				if err != nil {
					return err
				}
				if asJSON {
					return k.out.JSON(times)
				}
				loc, err := time.LoadLocation(times.Timezone)
				if err != nil {
					loc = time.UTC
				}
				for _, at := range times.NextRuns {
					if err := k.out.Printf("%s\n", at.In(loc).Format("Mon 2006-01-02 15:04 MST")); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
}
