package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
	"borgfleet/shared/term/cmdline"
)

const (
	usualJobs = 50
	pageJobs  = 1000 // most that one answer has
)

func (k *controller) jobs() *cli.Command {
	return group("jobs", "what was done, and what is going on", k.jobsList(), k.jobsExport(), k.jobsShow(), k.jobsStart(), k.jobsFollow(), k.jobsLogs(), k.jobsCancel())
}

func (k *controller) jobsList() *cli.Command {
	return &cli.Command{
		Name:  "list",
		Usage: "list jobs, newest first",
		Description: "TIME is a date or a moment such as 2024-03-01T10:00:00Z, or how long ago: 26h, 7d. It is compared with when a job was made.\n\n" +
			"  borgfleet-controller jobs list --status failed --since 7d --kind prune",
		Flags: append(append(filterFlags(),
			&cli.IntFlag{Name: "limit", Value: usualJobs, Usage: "show at most `N`"},
			&cli.StringFlag{Name: "cursor", Usage: "go on after the `CURSOR` of a list before, with the same filters"},
		), listFlags()...),
		Action: k.repeated((*controller).listJobs),
	}
}

// filterFlags select jobs.
func filterFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "agent", Usage: "only of this `AGENT`, by name or id"},
		&cli.StringFlag{Name: "repository", Usage: "only of this `REPOSITORY`, by path, name or id"},
		&cli.StringSliceFlag{Name: "status", Usage: "only with this `STATUS`: pending, running, completed, completed_with_warnings, failed or cancelled"},
		kindFlag(),
		&cli.StringFlag{Name: "label", Usage: "only of agents with the label `KEY=VALUE`"},
		&cli.BoolFlag{Name: "scheduled", Usage: "only those that a schedule started"},
		&cli.BoolFlag{Name: "manual", Usage: "only those that no schedule started"},
		&cli.Int64Flag{Name: "schedule", Usage: "only of the schedule with this `NUMBER`"},
		&cli.StringFlag{Name: "since", Usage: "only from `TIME` on"},
		&cli.StringFlag{Name: "until", Usage: "only before `TIME`"},
	}
}

func (k *controller) listJobs(c *cli.Context) error {
	_, asJSON, err := cmdline.Given(c)
	if err != nil {
		return err
	}
	filter, err := k.jobFilter(c)
	if err != nil {
		return cmdline.Usagef("%w", err)
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		list, err := collect(ctx, cl, filter, c.Int("limit"))
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(list)
		}
		if len(list.Jobs) == 0 && !narrowed(c) {
			return k.err.Printf("There is no backup yet. To make one: borgfleet-controller jobs start REPOSITORY --follow. Jobs of all kinds: jobs list --kind all\n")
		}
		return k.tellJobs(list)
	})
}

// narrowed says whether only some of the jobs were asked for.
func narrowed(c *cli.Context) bool {
	return c.IsSet("cursor") || slices.ContainsFunc(filterFlags(), func(f cli.Flag) bool { return c.IsSet(f.Names()[0]) })
}

func (k *controller) jobFilter(c *cli.Context) (client.JobFilter, error) {
	f := client.JobFilter{
		Agent: c.String("agent"), Repository: c.String("repository"), Statuses: c.StringSlice("status"),
		ScheduledOnly: c.Bool("scheduled"), ManualOnly: c.Bool("manual"), ScheduleID: c.Int64("schedule"), Cursor: c.String("cursor"),
	}
	if err := refuseEmpty(c, "agent", "repository", "label", "since", "until", "cursor"); err != nil {
		return f, err
	}
	if f.ScheduledOnly && f.ManualOnly {
		return f, errors.New("no job is both --scheduled and --manual: leave one of them out")
	}
	if c.IsSet("schedule") && f.ScheduleID < 1 {
		return f, fmt.Errorf("--schedule %d is not the number of a schedule", f.ScheduleID)
	}
	var err error
	if f.Label, err = labelFilter(c); err != nil {
		return f, err
	}
	for _, s := range f.Statuses {
		if _, err := job.ParseStatus(s); err != nil {
			return f, fmt.Errorf("--status: %q is none of %s", s, cmdline.Words(job.Statuses()))
		}
	}
	if f.Kinds, err = kindFilter(c); err != nil {
		return f, err
	}
	if c.IsSet("limit") && c.Int("limit") < 1 {
		return f, fmt.Errorf("--limit is at least 1, not %d", c.Int("limit"))
	}
	f.Since, f.Until, err = k.span(c)
	return f, err
}

// span reads --since and --until.
func (k *controller) span(c *cli.Context) (since, until time.Time, err error) {
	if since, err = cmdline.Moment(c.String("since"), k.now()); err != nil {
		return since, until, fmt.Errorf("--since: %w", err)
	}
	if until, err = cmdline.Moment(c.String("until"), k.now()); err != nil {
		return since, until, fmt.Errorf("--until: %w", err)
	}
	if !since.IsZero() && !until.IsZero() && !since.Before(until) {
		return since, until, fmt.Errorf("--since %s is not before --until %s", term.Time(since), term.Time(until))
	}
	return since, until, nil
}

// everyKind stands for all kinds.
const everyKind = "all"

func kinds(kind string) []string {
	if kind != everyKind {
		return []string{kind}
	}
	var all []string
	for _, k := range job.Kinds() {
		all = append(all, string(k))
	}
	return all
}

// collect reads as many pages as limit needs.
func collect(ctx context.Context, cl *client.Client, f client.JobFilter, limit int) (rest.JobList, error) {
	list := rest.JobList{Jobs: []rest.Job{}}
	for {
		f.Limit = min(limit-len(list.Jobs), pageJobs)
		page, err := cl.Jobs(ctx, f)
		if err != nil {
			return list, err
		}
		list.Jobs = append(list.Jobs, page.Jobs...)
		list.NextCursor = page.NextCursor
		if page.NextCursor == nil || len(list.Jobs) >= limit {
			return list, nil
		}
		f.Cursor = *page.NextCursor
	}
}

// tellJobs shows a list; except are titles of columns that would say the same in
// each row.
func (k *controller) tellJobs(list rest.JobList, except ...string) error {
	if len(list.Jobs) == 0 {
		return k.err.Printf("There is no such job.\n")
	}
	columns, keep := without([]term.Column{
		{Title: "ID", Right: true}, {Title: "KIND", Drop: 3}, {Title: "AGENT", Cut: term.CutEnd, Drop: 2}, {Title: "REPOSITORY", Cut: term.CutStart}, {Title: "STATUS"},
		{Title: "CREATED", Drop: 4}, {Title: "TOOK", Right: true, Drop: 5}, {Title: "ABOUT", Cut: term.CutEnd, Drop: 1},
	}, except)
	t := term.Table{Columns: columns}
	for _, j := range list.Jobs {
		t.Add(keep([]string{fmt.Sprint(j.ID), j.Kind, j.Agent, j.Repository, j.Status, term.Time(at(j.CreatedAt)), took(j.JobCore), remark(j.JobCore)})...)
	}
	if err := t.Print(k.out); err != nil {
		return err
	}
	if list.NextCursor != nil {
		return k.err.Printf("There are more: raise --limit, narrow down, or go on with --cursor %s\n", term.Shell(term.Clean(*list.NextCursor)))
	}
	return nil
}

func took(j rest.JobCore) string {
	if j.DurationSeconds == nil {
		return ""
	}
	return term.Duration(time.Duration(*j.DurationSeconds * float64(time.Second)))
}

// remark is the one thing that matters most about a job now.
func remark(j rest.JobCore) string {
	switch status := job.Status(j.Status); {
	case j.ErrorMessage != nil:
		return *j.ErrorMessage
	case status.Good():
		return goodEnd(j)
	case status.Final():
		return ""
	case status == job.Running || j.CancelRequested || j.WaitingFor != nil:
		p := progressOf(j)
		if p.State == j.Status {
			p.State = "" // it has a column of its own
		}
		return strings.TrimSpace(p.Text())
	}
	return ""
}

func goodEnd(j rest.JobCore) string {
	p := j.ProgressDetails
	switch {
	case j.ArchivesDeleted != nil:
		return removed(*j.ArchivesDeleted)
	case j.BytesFreed != nil:
		return "about " + term.Size(*j.BytesFreed) + " freed"
	case j.Kind == string(job.Backup):
		return fmt.Sprintf("%s files, %s, %s new", term.Count(p.NFiles), term.Size(p.OriginalSize), term.Size(p.DeduplicatedSize))
	case j.Kind == string(job.Restore):
		return fmt.Sprintf("%s files, %s", term.Count(p.NFiles), term.Size(p.OriginalSize))
	}
	return ""
}

func removed(n int64) string {
	if n == 1 {
		return "1 archive removed"
	}
	return term.Count(n) + " archives removed"
}

func progressOf(j rest.JobCore) term.Progress {
	p := j.ProgressDetails
	return term.Progress{
		State: stateOf(j), Known: p.TotalExpectedSize > 0 && p.TotalExpectedSource != string(job.TotalNone), Percent: p.ProgressPercent,
		Done: p.OriginalSize, Total: p.TotalExpectedSize, Files: p.NFiles, Speed: p.BackupSpeed,
		Left: time.Duration(p.EstimatedTimeRemaining) * time.Second, Current: p.CurrentFile,
	}
}

// stateOf says more than the status where there is more to say.
func stateOf(j rest.JobCore) string {
	switch status := job.Status(j.Status); {
	case status.Final():
		return j.Status
	case status == job.Running && !j.AgentOnline:
		return "running, the host is out of contact"
	case j.CancelRequested:
		return "is being cancelled"
	case j.WaitingFor != nil:
		return "waiting: " + *j.WaitingFor
	case text(j.Phase) == "verifying":
		return "the outcome is being looked up"
	case job.IsHookPhase(text(j.Phase)):
		return j.Status + ": " + *j.Phase
	case j.PhasePercent != nil && job.Kind(j.Kind).Maintains():
		return fmt.Sprintf("%s: %s %.0f %%", j.Status, *j.Phase, *j.PhasePercent)
	}
	return j.Status
}
