package cli

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/agent/internal/local"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

func (a *agent) jobs() *cli.Command {
	return &cli.Command{
		Name:        "jobs",
		Usage:       "list this host's jobs, newest first",
		Description: "The first column names a job to the other commands. It is the number that the controller gave, or, as long as there is none, the end of the job's key; the key's beginning is taken too.",
		Flags:       append([]cli.Flag{&cli.IntFlag{Name: "limit", Value: 20, Usage: "show at most `N` jobs"}}, listFlags()...),
		Action:      a.repeated((*agent).runJobs),
	}
}

func (a *agent) runJobs(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	limit := c.Int("limit")
	if limit < 1 {
		return cmdline.Usagef("--limit is at least 1, not %d", limit)
	}
	return a.ask(c, func(client *local.Client) error {
		jobs, err := client.Jobs(c.Context, limit)
		if err != nil {
			return err
		}
		if asJSON {
			return a.out.JSON(map[string]any{"jobs": jobs})
		}
		return a.tellJobs(jobs)
	})
}

func (a *agent) tellJobs(jobs []local.Job) error {
	if len(jobs) == 0 {
		return a.err.Printf("There are no jobs on this host yet.\n")
	}
	t := term.Table{Columns: []term.Column{
		{Title: "JOB", Right: true}, {Title: "KIND", Drop: 3}, {Title: "REPOSITORY", Cut: term.CutStart}, {Title: "STATUS"},
		{Title: "CREATED", Drop: 4}, {Title: "TOOK", Right: true, Drop: 5}, {Title: "ABOUT", Cut: term.CutEnd, Drop: 1},
	}}
	for _, j := range jobs {
		t.Add(ref(j), j.Kind, cmp.Or(j.Name, j.Repository), j.Status, term.Time(j.CreatedAt), took(j, a.now()), remark(j))
	}
	return t.Print(a.out)
}

// ref is the shortest name of a job that the commands take.
func ref(j local.Job) string {
	if j.ID != 0 {
		return fmt.Sprint(j.ID)
	}
	if key, err := job.ParseKey(j.Key); err == nil {
		return key.Short()
	}
	return j.Key
}

func took(j local.Job, now time.Time) string {
	if j.StartedAt == nil {
		return ""
	}
	end := now
	if j.EndedAt != nil {
		end = *j.EndedAt
	}
	return term.Duration(max(0, end.Sub(*j.StartedAt)))
}

// remark is the one thing that matters most about a job now.
func remark(j local.Job) string {
	switch status := job.Status(j.Status); {
	case j.ErrorMessage != "":
		return j.ErrorMessage
	case status.Good():
		return goodEnd(j)
	case status.Final():
		return ""
	case j.Cancelling:
		return "is being cancelled"
	case j.WaitingFor != "":
		return "waiting: " + j.WaitingFor
	case status == job.Running:
		p := progressOf(j)
		if p.State == j.Status {
			p.State = "" // it has a column of its own
		}
		return strings.TrimSpace(p.Text())
	}
	return ""
}

func goodEnd(j local.Job) string {
	switch {
	case j.Deleted != nil:
		return removed(*j.Deleted)
	case j.Freed != nil:
		return "about " + term.Size(*j.Freed) + " freed"
	case j.Kind != string(job.Backup):
		return ""
	}
	return fmt.Sprintf("%s files, %s, %s new", term.Count(j.Progress.Files), term.Size(j.Progress.OriginalSize), term.Size(j.Progress.Deduplicated))
}

func removed(n int64) string {
	if n == 1 {
		return "1 archive removed"
	}
	return term.Count(n) + " archives removed"
}

func progressOf(j local.Job) term.Progress {
	p := j.Progress
	return term.Progress{
		State: stateOf(j), Known: p.Expected > 0 && p.ExpectedFrom != string(job.TotalNone), Percent: p.Percent,
		Done: p.OriginalSize, Total: p.Expected, Files: p.Files, Speed: p.Speed,
		Left: time.Duration(p.SecondsToGoal) * time.Second, Current: p.CurrentFile,
	}
}

func stateOf(j local.Job) string {
	switch {
	case job.Status(j.Status).Final():
		return j.Status
	case j.Cancelling:
		return "is being cancelled"
	case j.WaitingFor != "":
		return "waiting: " + j.WaitingFor
	case j.Phase == "verifying":
		return "the outcome is being looked up"
	case job.IsHookPhase(j.Phase):
		return j.Status + ": " + j.Phase
	case j.Phase != "" && job.Kind(j.Kind).Maintains():
		return fmt.Sprintf("%s: %s %.0f %%", j.Status, j.Phase, j.PhasePercent)
	}
	return j.Status
}
