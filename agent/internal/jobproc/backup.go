package jobproc

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/clock"
	"borgfleet/shared/job"
)

// backup is borg create.
type backup struct{}

func (backup) ready(p *process) error { return checkSources(p.spec.Repository.Sources) }

func (backup) archive(p *process) (string, error) {
	repo := p.spec.Repository
	return borg.ArchiveName(repo.ArchiveNameFormat, p.id.Name, repo.Name, clock.Now(), p.dir.Key())
}

func (backup) invocation(p *process, archive string) (borg.Invocation, error) {
	h := p.host
	var err error
	if h.LeaveOut, err = p.policy.LeftOut(p.spec.Repository.Sources); err != nil {
		return borg.Invocation{}, failf(job.CodePolicy, "%v", err)
	}
	if there := existing(h.LeaveOut); len(there) > 0 {
		p.say(job.LevelInfo, "Left out are this agent's own secrets, which no backup takes unless its owner sets own_secrets in agent.yaml: %s", strings.Join(there, ", "))
	}
	return borg.Create(h, p.spec, archive)
}

func existing(paths []string) []string {
	return slices.DeleteFunc(slices.Clone(paths), func(path string) bool {
		_, err := os.Lstat(path)
		return err != nil
	})
}

func (backup) title(p *process, archive string) string {
	repo := p.spec.Repository
	return fmt.Sprintf("Starting backup of %s to %s as %s (borg %s)", strings.Join(repo.Sources, ", "), repo.Path, archive, p.tool.Version)
}

func (backup) judge(p *process, r *run) job.Verdict {
	before := p.previous()
	v := borg.Classify(r.outcome())
	v.ArchiveName = orElse(v.ArchiveName, r.started.ArchiveName)
	if v.Status.Good() && v.ArchiveID == "" {
		v = figures(p, r, v)
	}
	if v.ArchiveID != "" {
		v = noFiles(p, v, before)
	}
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

// figures asks the repository for what borg said and the agent's disk had no
// room for. An archive of which nothing is known is not one without files.
func figures(p *process, r *run, v job.Verdict) job.Verdict {
	f, err := p.lookUp(r.started, r.outcome())
	if err != nil || f.verdict == nil {
		p.log.Warn("the archive's figures are not known", "archive", v.ArchiveName, "err", err)
		return v
	}
	known := *f.verdict
	known.Status, known.ErrorCode, known.ErrorMessage = v.Status, v.ErrorCode, v.ErrorMessage
	known.ExitCode, known.BorgVersion = v.ExitCode, v.BorgVersion
	return known
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

func (backup) lookUp(ctx context.Context, p *process, s jobdir.Started, _ borg.Outcome) (found, error) {
	if s.ArchiveName == "" {
		return found{because: "the start mark is damaged, so whether borg made an archive is not known"}, nil
	}
	inv, err := borg.ListArchive(p.host, boundedWait(p.spec.Repository), s.ArchiveName)
	if err != nil {
		return found{because: err.Error()}, nil // it cannot have been executed
	}
	a, repo, there, err := borg.ReadArchive(p.ask(ctx, p.host, inv))
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
		ArchiveName:  a.Name, ArchiveID: a.ID, EndedAt: a.End,
	}
	repo.Tell(&v)
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
