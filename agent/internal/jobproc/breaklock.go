package jobproc

import (
	"fmt"

	"borgfleet/agent/internal/borg"
	"borgfleet/shared/job"
)

// breakLock is borg break-lock, which a person orders, and nobody else ever.
type breakLock struct{ upkeep }

func (breakLock) invocation(p *process, _ string) (borg.Invocation, error) {
	return borg.BreakLock(p.host, p.spec)
}

func (breakLock) title(p *process, _ string) string {
	return fmt.Sprintf("Removing every lock of %s (borg %s)", p.spec.Repository.Path, p.tool.Version)
}

func (breakLock) judge(_ *process, r *run) job.Verdict { return borg.Classify(r.outcome()) }

func (breakLock) summary(job.Verdict) string { return "Locks removed" }
