package jobproc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
	"borgfleet/shared/wire"
)

// list is borg list: the archives of a repository, into the log, one record
// each. The controller reads them from there.
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
	v := borg.Classify(r.outcome())
	if !v.Status.Good() {
		return v
	}
	fail := func(err error) job.Verdict {
		return job.Verdict{
			Status: job.Failed, ExitCode: v.ExitCode, BorgVersion: v.BorgVersion,
			ErrorCode: codeOf(err), ErrorMessage: err.Error(),
		}
	}
	if r.outs.Lost() > 0 {
		return fail(failf(job.CodeListIncomplete, "the list has no room on this agent's disk; make some and list again"))
	}
	// Read twice: what is cut off must be known before its first half is told.
	repo, err := p.eachArchive(func(borg.Archive) {})
	if err != nil {
		return fail(err)
	}
	n, err := p.tellArchives()
	if err != nil {
		return fail(err)
	}
	repo.Tell(&v)
	v.Undisturbed = true // this was the look itself
	p.say(job.LevelInfo, "%s", count(int64(n), "archive"))
	return v
}

// eachArchive goes through borg's answer.
func (p *process) eachArchive(each func(borg.Archive)) (borg.Repository, error) {
	f, err := p.dir.OpenSpool(jobdir.Stdout)
	if errors.Is(err, fs.ErrNotExist) {
		return borg.Repository{}, failf(borg.CodeBorgFailed, "borg list ended well and said nothing")
	}
	if err != nil {
		return borg.Repository{}, err
	}
	defer f.Close()
	return borg.ReadArchives(f, each)
}

// tellArchives writes one record an archive. A job process that died while it
// did so has left the first of them behind.
func (p *process) tellArchives() (n int, err error) {
	there, err := p.answered()
	if err != nil {
		return 0, err
	}
	var batch []jobdir.Line
	var bad error
	flush := func() {
		p.journal.Append(batch...)
		batch = batch[:0]
		if err := p.journal.Err(); err != nil && bad == nil {
			// A list with a hole in it would say that archives are gone.
			bad = failf(borg.CodeIO, "the agent's disk refused the list: %v; make room on it and list again", err)
		}
	}
	_, err = p.eachArchive(func(a borg.Archive) {
		n++
		data, err := wire.EncodeArchive(job.Archive{Name: a.Name, ID: a.ID, Start: a.Start, RawName: a.RawName})
		if err != nil {
			bad = err
		}
		if bad != nil || there[string(data)] {
			return
		}
		batch = append(batch, jobdir.Line{Record: job.Record{
			Level: job.LevelInfo, Source: "borg", Text: p.pass.mask(a.Line()), Data: data,
		}})
		if len(batch) == 256 {
			flush()
		}
	})
	flush()
	if bad == nil && p.journal.DataLost() > 0 {
		bad = failf(job.CodeListIncomplete, "the list has no room on this agent's disk; make some and list again")
	}
	return n, errors.Join(err, bad)
}

// lookUp: a list changes nothing, so there is nothing to find but its lock.
func (list) lookUp(_ context.Context, p *process, _ jobdir.Started, _ borg.Outcome) (found, error) {
	p.freeLock()
	return found{}, nil
}

func (list) summary(job.Verdict) string { return "List finished" }
