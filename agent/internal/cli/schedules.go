package cli

import (
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/agent/internal/local"
	"borgfleet/shared/term"
)

func (a *agent) schedules() *cli.Command {
	return &cli.Command{
		Name:        "schedules",
		Usage:       "show when this host backs up, and what was missed",
		Description: "This host fires its schedules by itself, also while the controller is away. They are made on the controller: borgfleet-controller schedules.",
		Flags:       listFlags(),
		Action:      a.repeated((*agent).runSchedules),
	}
}

func (a *agent) runSchedules(c *cli.Context) error {
	return a.askStatus(c, a.tellSchedules, func(st local.Status) any {
		return map[string]any{"schedules": st.Schedules, "timezone": st.Timezone}
	})
}

func (a *agent) tellSchedules(st local.Status) error {
	if len(st.Schedules) == 0 {
		return a.err.Printf("No schedule backs this host up. Schedules are made on the controller: borgfleet-controller schedules create.\n")
	}
	t := term.Table{Columns: []term.Column{
		{Title: "SCHEDULE", Cut: term.CutEnd}, {Title: "REPOSITORY", Cut: term.CutEnd}, {Title: "CRON"}, {Title: "NEXT"}, {Title: "ABOUT", Cut: term.CutEnd},
	}}
	for _, s := range st.Schedules {
		t.Add(s.Name, s.Repository, s.Cron, nextText(s), s.Problem)
	}
	if err := t.Print(a.out); err != nil {
		return err
	}
	for _, s := range st.Schedules {
		for _, m := range s.Missed {
			when := term.Time(m.First)
			if m.Count > 1 {
				when = fmt.Sprintf("%d runs from %s to %s", m.Count, term.Time(m.First), term.Time(m.Last))
			}
			if err := a.out.Printf("Missed of %s, %s: %s: %s\n", term.Clean(s.Name), term.Clean(s.Repository), when, term.Clean(m.Reason)); err != nil {
				return err
			}
		}
	}
	return nil
}

func nextText(s local.Schedule) string {
	switch {
	case s.Paused:
		return "paused"
	case s.Next == nil:
		return "-"
	}
	return term.Time(*s.Next)
}

// nextBackup is when a repository is backed up next, as far as schedules say.
func nextBackup(st local.Status, repository string) string {
	var next *time.Time
	for _, s := range st.Schedules {
		if s.Repository == repository && s.Next != nil && (next == nil || s.Next.Before(*next)) {
			next = s.Next
		}
	}
	if next == nil {
		return "-"
	}
	return term.Time(*next)
}
