package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

// scheduleFlags say what a schedule does.
func scheduleFlags() []cli.Flag {
	flags := []cli.Flag{
		&cli.StringSliceFlag{Name: "repository", Usage: "back this `REPOSITORY` up, by path, name or id; may be repeated"},
		&cli.StringFlag{Name: "timezone", Usage: "go by the clocks of this `ZONE`, such as Europe/Berlin; host: each host's own"},
		&cli.BoolFlag{Name: "prune", Usage: "prune after each good backup"},
		&cli.BoolFlag{Name: "compact", Usage: "compact after that"},
		&cli.BoolFlag{Name: "check", Usage: "check after that"},
	}
	return append(append(flags, cmdline.KeepFlags()...),
		&cli.StringFlag{Name: "check-depth", Usage: "how deep a check looks: `DEPTH` is repository, archives or data"},
		&cli.StringFlag{Name: "check-max-duration", Usage: "check for at most this `TIME`; the next one goes on where it ended"},
		&cli.StringFlag{Name: "check-every", Usage: "check once in this `TIME`, such as 7d, and not after each backup"},
		&cli.StringFlag{Name: "splay", Usage: "spread the repositories over this `TIME`, such as 30m"},
		&cli.StringFlag{Name: "catch-up", Usage: "make up for a missed run within this `TIME`; 0: never"},
		&cli.StringFlag{Name: "overlap", Usage: "what becomes of a run while the one before has not ended: `WHAT` is skip or queue"},
		&cli.Int64Flag{Name: "retries", Usage: "try a backup that failed again `N` times"},
		&cli.StringFlag{Name: "ping-url-file", Usage: "have the hosts call the URL in `FILE` (- is standard input) for each backup: with /start, and at its end as it is or with /fail; {agent} and {repository} become their names"},
		&cli.BoolFlag{Name: "no-ping-url", Usage: "have them call none"},
		&cli.StringFlag{Name: "retry-delay", Usage: "wait this `TIME` before the first retry, at least 60s; it doubles with each"},
	)
}

func (k *controller) schedulesCreate() *cli.Command {
	return &cli.Command{
		Name: "create", ArgsUsage: "NAME CRON", Usage: "back repositories up by the clock",
		Description: "The hosts fire it themselves, also while the controller is away.\n\n" +
			"  borgfleet-controller schedules create nightly '30 2 * * *' --repository web --prune --keep-daily 7 --keep-weekly 4 --compact --check --check-every 7d",
		Flags:  append(append(scheduleFlags(), ofAgent()...), askFlags()...),
		Action: k.createSchedule,
	}
}

func (k *controller) createSchedule(c *cli.Context) error {
	args, asJSON, err := cmdline.Given(c, "NAME", "CRON")
	if err != nil {
		return err
	}
	if len(c.StringSlice("repository")) == 0 {
		return cmdline.Usagef("--repository is missing: what is to be backed up? borgfleet-controller repositories list shows what there is")
	}
	req, err := k.scheduleRequest(c)
	if err != nil {
		return err
	}
	req.Name, req.CronExpression = &args[0], &args[1]
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		if err := findScheduled(ctx, cl, c, &req); err != nil {
			return err
		}
		made, err := cl.CreateSchedule(ctx, req)
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(made)
		}
		return k.out.Printf("%s is schedule %d; due next: %s\n", term.Clean(made.Name), made.ID, nextOf(made))
	})
}

func (k *controller) schedulesChange() *cli.Command {
	return &cli.Command{
		Name: "change", ArgsUsage: "SCHEDULE", Usage: "change a schedule; what is not given stays",
		Description: "--repository replaces all of its repositories. --prune=false, --compact=false and --check=false take a step away. With another expression or time zone it counts from now.",
		Flags: append(append([]cli.Flag{
			&cli.StringFlag{Name: "name", Usage: "call it `NAME`"},
			&cli.StringFlag{Name: "cron", Usage: "go by this `EXPRESSION`"},
		}, scheduleFlags()...), append(ofAgent(), askFlags()...)...),
		Action: func(c *cli.Context) error {
			req, err := k.scheduleRequest(c)
			if err != nil {
				return err
			}
			return k.withSchedule(c, func(ctx context.Context, cl *client.Client, s rest.Schedule, asJSON bool) error {
				if err := findScheduled(ctx, cl, c, &req); err != nil {
					return err
				}
				now, err := cl.ChangeSchedule(ctx, s.ID, req)
				if err != nil {
					return err
				}
				if asJSON {
					return k.out.JSON(now)
				}
				return k.tellSchedule(now)
			})
		},
	}
}

// scheduleRequest reads the options that are given.
func (k *controller) scheduleRequest(c *cli.Context) (rest.ScheduleRequest, error) {
	var req rest.ScheduleRequest
	if file := c.String("ping-url-file"); file != "" {
		line, err := k.secretLine(file, "ping URL")
		if err != nil {
			return req, err
		}
		v := string(line)
		req.PingURL = &v
	}
	if c.Bool("no-ping-url") {
		req.PingURL = new(string)
	}
	texts := map[string]**string{
		"name": &req.Name, "cron": &req.CronExpression, "timezone": &req.Timezone, "keep-within": &req.Within,
		"check-depth": &req.CheckDepth, "overlap": &req.Overlap,
	}
	for name, to := range texts {
		if c.IsSet(name) {
			v := c.String(name)
			*to = &v
		}
	}
	if req.Timezone != nil && *req.Timezone == "host" {
		*req.Timezone = ""
	}
	for name, to := range map[string]**bool{"prune": &req.RunPruneAfter, "compact": &req.RunCompactAfter, "check": &req.RunCheckAfter} {
		if c.IsSet(name) {
			v := c.Bool(name)
			*to = &v
		}
	}
	for name, to := range map[string]**int64{
		"keep-hourly": &req.Hourly, "keep-daily": &req.Daily, "keep-weekly": &req.Weekly, "keep-monthly": &req.Monthly,
		"keep-quarterly": &req.Quarterly, "keep-yearly": &req.Yearly, "retries": &req.Retries,
	} {
		if c.IsSet(name) {
			v := c.Int64(name)
			*to = &v
		}
	}
	for name, to := range map[string]**int64{
		"check-max-duration": &req.CheckMaxDuration, "check-every": &req.CheckEvery, "splay": &req.Splay,
		"catch-up": &req.CatchUp, "retry-delay": &req.RetryDelay,
	} {
		if !c.IsSet(name) {
			continue
		}
		v := int64(0)
		if c.String(name) != "0" {
			var err error
			if v, err = seconds(c, name); err != nil {
				return req, cmdline.Usagef("%w", err)
			}
		}
		*to = &v
	}
	return req, nil
}

// findScheduled finds the repositories that are named.
func findScheduled(ctx context.Context, cl *client.Client, c *cli.Context, req *rest.ScheduleRequest) error {
	for _, ref := range c.StringSlice("repository") {
		r, err := findRepository(ctx, cl, ref, c.String("agent"))
		if err != nil {
			return fmt.Errorf("--repository: %w", err)
		}
		req.RepositoryIDs = append(req.RepositoryIDs, r.ID)
	}
	return nil
}

// scheduleNames are what a shell proposes.
func scheduleNames(ctx context.Context, cl *client.Client) ([]string, error) {
	all, err := cl.Schedules(ctx)
	var names []string
	for _, s := range all {
		names = append(names, strings.TrimSpace(s.Name))
	}
	return names, err
}
