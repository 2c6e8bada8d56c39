package jobproc

import (
	"context"
	"fmt"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
)

// list is borg list: the archives of a repository, into the log.
type list struct{}

func (list) ready(*process) error             { return nil }
func (list) archive(*process) (string, error) { return "", nil }

func (list) invocation(p *process, _ string) (borg.Invocation, error) {
	return borg.List(p.host, p.spec.Repository)
}

func (list) title(p *process, _ string) string {
	return fmt.Sprintf("Listing the archives of %s (borg %s)", p.spec.Repository.Path, p.tool.Version)
}

func (list) judge(p *process, r *run) job.Verdict {
	o := r.outcome()
	v := borg.Classify(o)
	if !v.Status.Good() {
		return v
	}
	archives, repo, err := borg.ReadList(o.Stdout, nil, o.Exit)
	if err != nil {
		return job.Verdict{Status: job.Failed, ExitCode: v.ExitCode, ErrorCode: borg.CodeOf(err), ErrorMessage: err.Error()}
	}
	v.BorgID = repo.BorgID
	lines := make([]jobdir.Line, 0, len(archives))
	for _, a := range archives {
		lines = append(lines, jobdir.Line{Record: job.Record{
			Level: job.LevelInfo, Source: "borg",
			Text: fmt.Sprintf("%s  %s  %s", a.Start.UTC().Format("2006-01-02T15:04:05Z"), a.ID, a.Name),
		}})
	}
	p.journal.Append(lines...)
	p.say(job.LevelInfo, "%s", count(int64(len(archives)), "archive"))
	return v
}

// lookUp: a list changes nothing, so there is nothing to find.
func (list) lookUp(context.Context, *process, jobdir.Started) (found, error) { return found{}, nil }

func (list) summary(job.Verdict) string { return "List finished" }
