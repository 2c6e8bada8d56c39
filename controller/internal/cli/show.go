package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/client"
	"borgfleet/shared/job"
	"borgfleet/shared/term"
)

func (k *controller) jobsShow() *cli.Command {
	return &cli.Command{
		Name: "show", ArgsUsage: "ID",
		Usage:       "show all that is known of a job",
		Description: "Of a job without a good end the last lines of its log are shown too, if the controller shows them (serve --log-policy).",
		Flags:       listFlags(),
		Action:      k.repeated((*controller).showJob),
	}
}

func (k *controller) showJob(c *cli.Context) error {
	id, asJSON, err := jobArgs(c)
	if err != nil {
		return err
	}
	return k.ask(c, func(ctx context.Context, cl *client.Client) error {
		j, err := cl.Job(ctx, id)
		if err != nil {
			return err
		}
		if asJSON {
			return k.out.JSON(j)
		}
		return k.tellJob(j)
	})
}

func (k *controller) tellJob(j rest.JobStatus) error {
	var f term.Fields
	f.Add("Job", fmt.Sprintf("%d (%s)", j.ID, j.Kind))
	f.Add("Status", stateOf(j.JobCore))
	f.Add("Problem", text(j.ErrorMessage))
	f.Add("Problem code", text(j.ErrorCode))
	f.Add("Next", todo(j.JobCore))
	f.Add("Repository", j.Repository)
	f.Add("Agent", agentOf(j.JobCore, term.Ago(at(j.LastContactAt), k.now())))
	f.Add("Archive", text(j.ArchiveName))
	f.Add("Started by", startedBy(j.JobCore))
	f.Add("Created", moment(j.CreatedAt))
	f.Add("Started", moment(j.StartedAt))
	f.Add("Ended", moment(j.CompletedAt))
	f.Add("Took", took(j.JobCore))
	addFigures(&f, j.JobCore)
	f.Add("Maintenance", text(j.MaintenanceStatus))
	f.Add("Borg", text(j.BorgVersion))
	if j.ExitCode != nil {
		f.Add("Exit code", fmt.Sprint(*j.ExitCode))
	}
	if job.Status(j.Status).Final() && !j.LogComplete {
		f.Add("Log", "its end has not arrived from the host yet")
	}
	if err := f.Print(k.out); err != nil {
		return err
	}
	return k.tellLastLines(j)
}

// agentOf names the host, and says when nothing newer is known of it.
func agentOf(j rest.JobCore, lastContact string) string {
	if j.AgentOnline || job.Status(j.Status).Final() {
		return j.Agent
	}
	return j.Agent + ", out of contact: last heard " + lastContact
}

func startedBy(j rest.JobCore) string {
	by := j.TriggeredBy
	if j.ScheduledJobID != nil {
		by += fmt.Sprintf(" %d", *j.ScheduledJobID)
	}
	if j.ParentID != nil {
		by += fmt.Sprintf(", after job %d", *j.ParentID)
	}
	return by
}

// moment is empty for what has not been yet.
func moment(t *rest.Time) string {
	if t == nil {
		return ""
	}
	return term.Time(t.Time)
}

// addFigures adds what the job did, or has done so far.
func addFigures(f *term.Fields, j rest.JobCore) {
	p := j.ProgressDetails
	if !job.Status(j.Status).Final() {
		progress := progressOf(j)
		progress.State = "" // it has a line of its own
		f.Add("Progress", progress.Text())
		f.Add("File", p.CurrentFile)
		return
	}
	f.Add("Result", resultOf(j))
	if p.NFiles == 0 && p.OriginalSize == 0 {
		return
	}
	f.Add("Files", term.Count(p.NFiles))
	f.Add("Size", fmt.Sprintf("%s, compressed %s, new in the repository %s", term.Size(p.OriginalSize), term.Size(p.CompressedSize), term.Size(p.DeduplicatedSize)))
	if p.BackupSpeed > 0 {
		f.Add("Speed", fmt.Sprintf("%.1f MB/s", p.BackupSpeed))
	}
}

// resultOf is what a job did that reads and writes no files.
func resultOf(j rest.JobCore) string {
	if !job.Kind(j.Kind).Maintains() {
		return ""
	}
	return goodEnd(j)
}

// lastLines is how much of a log stands below a job.
const lastLines = 10

func (k *controller) tellLastLines(j rest.JobStatus) error {
	if j.Logs == nil || job.Status(j.Status) == job.Completed {
		return nil
	}
	lines := strings.Split(strings.TrimRight(*j.Logs, "\n"), "\n")
	if n := len(lines); n > lastLines {
		lines = lines[n-lastLines:]
	}
	if len(lines) == 1 && lines[0] == "" {
		return nil
	}
	if err := k.out.Printf("\nThe end of its log (all of it: borgfleet-controller jobs logs %d):\n", j.ID); err != nil {
		return err
	}
	for _, l := range lines {
		if err := k.out.Printf("  %s\n", term.Clean(l)); err != nil {
			return err
		}
	}
	return nil
}
