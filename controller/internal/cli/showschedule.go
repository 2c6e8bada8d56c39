package cli

import (
	"cmp"
	"context"
	"fmt"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/term"
)

func (k *controller) showSchedule(c *cli.Context) error {
	return k.withSchedule(c, func(_ context.Context, _ *client.Client, s rest.Schedule, asJSON bool) error {
		if asJSON {
			return k.out.JSON(s)
		}
		return k.tellSchedule(s)
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
