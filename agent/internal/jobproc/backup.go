package jobproc

import (
	"context"
	"fmt"
	"strings"
	"time"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
)

// backup is borg create.
type backup struct{}

func (backup) ready(p *process) error { return checkSources(p.spec.Repository.Sources) }

func (backup) archive(p *process) (string, error) {
	repo := p.spec.Repository
	return borg.ArchiveName(repo.ArchiveNameFormat, p.id.Name, repo.Name, time.Now(), p.dir.Key())
}

func (backup) invocation(p *process, archive string) (borg.Invocation, error) {
	return borg.Create(p.host, p.spec, archive)
}

func (backup) title(p *process, archive string) string {
	repo := p.spec.Repository
	return fmt.Sprintf("Starting backup of %s to %s as %s (borg %s)", strings.Join(repo.Sources, ", "), repo.Path, archive, p.tool.Version)
}

func (backup) judge(p *process, r *run) job.Verdict {
	before := p.previous()
	v := borg.Classify(r.outcome())
	v.ArchiveName = orElse(v.ArchiveName, r.started.ArchiveName)
	v = noFiles(p, v, before)
	if !v.Status.Good() {
		if r.meter != nil {
			v.Progress = r.meter.Last()
		}
		return v
	}
	if r.meter != nil && !r.ended.IsZero() {
		v.Progress = r.meter.Final(v.Progress, r.ended.Sub(r.started.StartedAt))
	}
	p.remember(contentSize(r, v), v.Progress.NFiles)
	return v
}

func noFiles(p *process, v job.Verdict, before totals) job.Verdict {
	sources := p.spec.Repository.Sources
	return borg.NoFiles(v, before.NFiles > 0 || checkSources(sources) != nil)
}

// contentSize is what the next run's progress is compared with: file contents
// as borg's progress counts them. The archive's own figure holds metadata too.
func contentSize(r *run, v job.Verdict) int64 {
	if r.walkTotal > 0 {
		return r.walkTotal
	}
	const metadata = 170         // bytes a file, measured
	c, _ := r.tracker.Counters() // up to 0.2 s old
	return max(c.OriginalSize, v.Progress.OriginalSize-metadata*v.Progress.NFiles)
}

func (backup) lookUp(ctx context.Context, p *process, s jobdir.Started) (found, error) {
	if s.ArchiveName == "" {
		return found{because: "the start mark is damaged, so whether borg made an archive is not known"}, nil
	}
	inv, err := borg.ListArchive(p.host, boundedWait(p.spec.Repository), s.ArchiveName)
	if err != nil {
		return found{because: err.Error()}, nil // it cannot have been executed
	}
	a, repo, there, err := borg.ReadArchive(p.ask(ctx, inv))
	switch {
	case err != nil:
		// Also "there is no repository": after a boot that is what a disk
		// says which is not mounted yet. Only a repository knows archives.
		return found{}, err
	case !there:
		return found{}, nil
	}
	v := job.Verdict{
		Status: job.CompletedWithWarnings, ErrorCode: job.CodeStatusLost,
		ErrorMessage: "exit status lost, archive complete",
		ArchiveName:  a.Name, ArchiveID: a.ID, BorgID: repo.BorgID, EndedAt: a.End,
	}
	if a.Stats != nil {
		v.Progress = job.Progress{
			OriginalSize: a.Stats.OriginalSize, CompressedSize: a.Stats.CompressedSize,
			DedupSize: a.Stats.DedupSize, NFiles: a.Stats.NFiles, Percent: 100,
			TotalExpected: a.Stats.OriginalSize, TotalSource: job.TotalNone,
		}
		v = noFiles(p, v, p.previous())
	}
	return found{verdict: &v}, nil
}

func (backup) summary(v job.Verdict) string {
	took := v.EndedAt.Sub(v.StartedAt)
	return fmt.Sprintf("Backup finished: %s, %s, %s new in %s",
		count(v.Progress.NFiles, "file"), size(v.Progress.OriginalSize), size(v.Progress.DedupSize), seconds(took))
}

func orElse(a, b string) string {
	if a == "" {
		return b
	}
	return a
}
