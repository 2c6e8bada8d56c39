package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"

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
