package jobproc

import (
	"fmt"

	"borgfleet/agent/internal/borg"
	"borgfleet/shared/job"
)

// check is borg check. It repairs nothing.
type check struct{ upkeep }

func (check) invocation(p *process, _ string) (borg.Invocation, error) {
	return borg.Check(p.host, p.spec)
}

func (check) title(p *process, _ string) string {
	part := ""
	if c := p.spec.Check; c != nil && c.MaxDuration > 0 {
		part = fmt.Sprintf(", its data for at most %s", c.MaxDuration)
	}
	return fmt.Sprintf("Checking %s%s (borg %s)", p.spec.Repository.Path, part, p.tool.Version)
}

func (check) judge(_ *process, r *run) job.Verdict {
	return borg.Damaged(borg.Classify(r.outcome()), &r.tracker)
}

func (check) summary(job.Verdict) string { return "Check finished: no damage found" }
