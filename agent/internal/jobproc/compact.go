package jobproc

import (
	"fmt"

	"borgfleet/agent/internal/borg"
	"borgfleet/shared/job"
)

// compact is borg compact: what was removed from the repository is gone for good
// after it.
type compact struct{ upkeep }

func (compact) invocation(p *process, _ string) (borg.Invocation, error) {
	return borg.Compact(p.host, p.spec)
}

func (compact) title(p *process, _ string) string {
	return fmt.Sprintf("Compacting %s (borg %s)", p.spec.Repository.Path, p.tool.Version)
}

func (compact) judge(p *process, r *run) job.Verdict {
	v := borg.Classify(r.outcome())
	if v.Status.Good() {
		v.BytesFreed = r.tracker.Upkeep().Freed
	}
	return v
}

func (compact) summary(v job.Verdict) string {
	if v.BytesFreed == nil {
		// A server that lets this host only append says nothing, and does nothing.
		return "Compact finished: borg said nothing of space that it freed"
	}
	return "Compact finished: about " + size(*v.BytesFreed) + " freed"
}
