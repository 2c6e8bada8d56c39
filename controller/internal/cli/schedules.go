package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (k *controller) schedules() *cli.Command {
	return group("schedules", "when backups are made, and what follows them",
		&cli.Command{Name: "list", Usage: "list the schedules", Flags: listFlags(), Action: k.repeated((*controller).listSchedules)},
		&cli.Command{Name: "show", ArgsUsage: "SCHEDULE", Usage: "show a schedule, and how it stands on each host; SCHEDULE is a name or id",
			Flags: listFlags(), Action: k.repeated((*controller).showSchedule)},
		k.schedulesCreate(), k.schedulesChange(),
		k.oneSchedule("pause", "fire it no more, until it is resumed", "What is due meanwhile is not made up for.", k.setEnabled(false)),
		k.oneSchedule("resume", "fire it again", "It counts from now.", k.setEnabled(true)),
		k.oneSchedule("run-now", "back its repositories up now, with what follows", "Its next run stays.", k.runSchedule),
		k.schedulesNext(), k.schedulesDelete(), k.schedulesCron(),
	)
}

func (k *controller) listSchedules(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		all, err := cl.Schedules(ctx)
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(rest.ScheduleList{Schedules: all})
		}
		if len(all) == 0 {
			return k.err.Printf("There is no schedule yet. Make one with borgfleet-controller schedules create.\n")
		}
		t := term.Table{Columns: []term.Column{
			{Title: "ID", Right: true}, {Title: "NAME", Cut: term.CutEnd}, {Title: "CRON"}, {Title: "ZONE", Drop: 3}, {Title: "REPOSITORIES", Cut: term.CutEnd, Drop: 2},
			{Title: "THEN", Drop: 4}, {Title: "NEXT"}, {Title: "LAST", Drop: 1}, {Title: "ABOUT", Cut: term.CutEnd},
		}}
		for _, s := range all {
			t.Add(fmt.Sprint(s.ID), s.Name, s.CronExpression, cmp.Or(text(s.Timezone), "the host's"), repositoryList(s),
				strings.Join(stepsOf(s), ", "), nextOf(s), lastOf(s), aboutSchedule(s))
		}
		return t.Print(k.out)
	})
}

func repositoryList(s rest.Schedule) string {
	var names []string
	for _, at := range s.Repositories {
		names = append(names, at.Name+" on "+at.Agent)
	}
	return cmp.Or(strings.Join(names, ", "), "none")
}

func stepsOf(s rest.Schedule) (steps []string) {
	for _, step := range []struct {
		name string
		on   bool
	}{{"prune", s.RunPruneAfter}, {"compact", s.RunCompactAfter}, {"check", s.RunCheckAfter}} {
		if step.on {
			steps = append(steps, step.name)
		}
	}
	return steps
}

func nextOf(s rest.Schedule) string {
	if !s.Enabled {
		return "paused"
	}
	return cmp.Or(moment(s.NextRun), "not known")
}

// lastOf counts how the newest backups of its repositories ended.
func lastOf(s rest.Schedule) string {
	count := map[string]int{}
	var order []string
	for _, at := range s.Repositories {
		status := cmp.Or(text(at.LastStatus), "never")
		if count[status]++; count[status] == 1 {
			order = append(order, status)
		}
	}
	if len(s.Repositories) == 1 {
		return order[0]
	}
	for i, status := range order {
		order[i] = fmt.Sprintf("%d %s", count[status], status)
	}
	return strings.Join(order, ", ")
}

func aboutSchedule(s rest.Schedule) string {
	var about []string
	for _, at := range s.Repositories {
		if said := aboutScheduled(at); said != "" {
			about = append(about, at.Name+" on "+at.Agent+": "+said)
		}
	}
	if len(about) > 1 {
		return fmt.Sprintf("%d repositories need a look: schedules show %d", len(about), s.ID)
	}
	return strings.Join(about, "")
}

func aboutScheduled(at rest.ScheduledAt) string {
	if at.OverdueSince != nil {
		return "overdue since " + moment(at.OverdueSince) + ": " + text(at.Problem)
	}
	about := text(at.Problem)
	if steps := text(at.LastMaintenanceStatus); about == "" && strings.HasSuffix(steps, "_failed") {
		// A backup that is never pruned goes well each night, until its disk is full.
		about = strings.ReplaceAll(steps, "_", " ") + " after the last backup"
	}
	return about
}

// findSchedule takes a name or an id.
func findSchedule(ctx context.Context, cl *client.Client, ref string) (rest.Schedule, error) {
	all, err := cl.Schedules(ctx)
	if err != nil {
		return rest.Schedule{}, err
	}
	for _, s := range all {
		if s.Name == ref || strconv.FormatInt(s.ID, 10) == ref {
			return s, nil
		}
	}
	return rest.Schedule{}, errors.New("no schedule has the name or id " + strconv.Quote(ref) + "; borgfleet-controller schedules list shows what there is")
}

func (k *controller) showSchedule(c *cli.Context) error {
	return k.withSchedule(c, func(_ context.Context, _ *client.Client, s rest.Schedule, asJSON bool) error {
		if asJSON {
			return k.out.JSON(s)
		}
		return k.tellSchedule(s)
	})
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

func (k *controller) tellSchedule(s rest.Schedule) error {
	var f term.Fields
	f.Add("Schedule", fmt.Sprintf("%s (id %d)", s.Name, s.ID))
	f.Add("Cron", s.CronExpression)
	f.Add("Time zone", cmp.Or(text(s.Timezone), "each host's own"))
	f.Add("Next", nextOf(s))
	f.Add("Then", thenOf(s))
	f.Add("Spread over", spanOf(s.Splay))
	f.Add("Made up for within", cmp.Or(spanOf(s.CatchUp), "never"))
	f.Add("While one runs", map[string]string{"skip": "the next is left out", "queue": "the next one waits"}[s.Overlap])
	if s.Retries > 0 {
		f.Add("Retries", fmt.Sprintf("%d, the first after %s", s.Retries, spanOf(s.RetryDelay)))
	}
	f.Add("Made by", text(s.CreatedBy))
	f.Add("Made at", moment(s.CreatedAt))
	if err := f.Print(k.out); err != nil {
		return err
	}
	if len(s.Repositories) == 0 {
		return k.out.Printf("\nIt has no repository, so it fires nothing: borgfleet-controller schedules change %d --repository NAME\n", s.ID)
	}
	if err := k.out.Printf("\n"); err != nil {
		return err
	}
	t := term.Table{Columns: []term.Column{
		{Title: "REPOSITORY", Cut: term.CutEnd}, {Title: "AGENT", Cut: term.CutEnd}, {Title: "NEXT"}, {Title: "LAST"}, {Title: "STATUS"}, {Title: "JOB", Right: true}, {Title: "ABOUT", Cut: term.CutEnd},
	}}
	for _, at := range s.Repositories {
		id := ""
		if at.LastJobID != nil {
			id = fmt.Sprint(*at.LastJobID)
		}
		t.Add(at.Name, at.Agent, cmp.Or(moment(at.NextRun), "-"), cmp.Or(moment(at.LastRun), "never"), text(at.LastStatus), id, aboutScheduled(at))
	}
	if err := t.Print(k.out); err != nil {
		return err
	}
	return k.tellMissed(s)
}

func (k *controller) tellMissed(s rest.Schedule) error {
	for _, at := range s.Repositories {
		for _, m := range at.Missed {
			when := moment(m.First)
			if m.Count > 1 {
				when = fmt.Sprintf("%d runs from %s to %s", m.Count, moment(m.First), moment(m.Last))
			}
			if err := k.out.Printf("Missed on %s, %s: %s: %s\n", term.Clean(at.Agent), term.Clean(at.Name), when, term.Clean(m.Reason)); err != nil {
				return err
			}
		}
	}
	return nil
}

func thenOf(s rest.Schedule) string {
	steps := stepsOf(s)
	for i, step := range steps {
		switch step {
		case "prune":
			steps[i] += " (" + cmp.Or(keepOf(s), "by the repository's retention") + ")"
		case "check":
			var how []string
			if s.CheckDepth != nil {
				how = append(how, *s.CheckDepth)
			}
			if s.CheckMaxDuration > 0 {
				how = append(how, "at most "+spanOf(s.CheckMaxDuration))
			}
			if s.CheckEvery > 0 {
				how = append(how, "every "+spanOf(s.CheckEvery))
			}
			if len(how) > 0 {
				steps[i] += " (" + strings.Join(how, ", ") + ")"
			}
		}
	}
	return strings.Join(steps, ", ")
}

func keepOf(s rest.Schedule) string {
	var rules []string
	for _, r := range []struct {
		name string
		n    int64
	}{{"hourly", s.KeepHourly}, {"daily", s.KeepDaily}, {"weekly", s.KeepWeekly}, {"monthly", s.KeepMonthly}, {"quarterly", s.KeepQuarterly}, {"yearly", s.KeepYearly}} {
		if r.n > 0 {
			rules = append(rules, fmt.Sprintf("keep %d %s", r.n, r.name))
		}
	}
	if s.KeepWithin != nil {
		rules = append(rules, "all within "+*s.KeepWithin)
	}
	return strings.Join(rules, ", ")
}

// spanOf is a number of seconds for people; empty: none.
func spanOf(seconds int64) string {
	switch {
	case seconds == 0:
		return ""
	case seconds%86400 == 0:
		return fmt.Sprintf("%dd", seconds/86400)
	}
	out := strings.TrimSuffix((time.Duration(seconds) * time.Second).String(), "m0s")
	if !strings.HasSuffix(out, "s") {
		out = strings.TrimSuffix(out+"m", "h0m")
	}
	if !strings.ContainsAny(out[len(out)-1:], "ms") {
		out += "h"
	}
	return out
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
