package jobproc

import (
	"fmt"

	"borgfleet/agent/internal/borg"
	"borgfleet/shared/job"
)

// prune is borg prune, of the archives that are the registration's and of no
// others.
type prune struct{ upkeep }

func (prune) pattern(p *process) string {
	return job.ArchivePattern(p.spec.Repository, p.id.Name)
}

func (w prune) invocation(p *process, _ string) (borg.Invocation, error) {
	return borg.Prune(p.host, p.spec, w.pattern(p), p.tool.Version)
}

func (w prune) title(p *process, _ string) string {
	doing := "Pruning"
	if p.spec.Prune.DryRun {
		doing = "Dry run: what would go of"
	}
	says := "as ordered"
	if p.spec.Prune.Keep == p.spec.Repository.Retention {
		says = "as the repository's retention says"
	}
	return fmt.Sprintf("%s the archives %s in %s, %s, %s (borg %s)", doing, w.pattern(p), p.spec.Repository.Path, p.spec.Prune.Keep, says, p.tool.Version)
}

func (prune) judge(p *process, r *run) job.Verdict {
	v := borg.Classify(r.outcome())
	said := r.tracker.Upkeep()
	switch {
	case !v.Status.Good():
	case p.spec.Prune.DryRun:
		p.say(job.LevelInfo, "%s would be removed, %d kept", count(said.WouldGo, "archive"), said.Kept)
	default:
		v.ArchivesDeleted = &said.Removed
		p.say(job.LevelInfo, "%s removed, %d kept", count(said.Removed, "archive"), said.Kept)
	}
	return v
}

func (prune) summary(job.Verdict) string { return "Prune finished" }
