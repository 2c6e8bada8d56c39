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
	return fmt.Sprintf("Checking %s%s (borg %s)", p.spec.Repository.Path, looksAt(p.spec.Check), p.tool.Version)
}

// looksAt says how far a check goes: "no damage found" holds for no more than that.
func looksAt(c *job.CheckSpec) string {
	switch {
	case c == nil:
		return ""
	case c.MaxDuration > 0:
		return fmt.Sprintf(", its segments for at most %s, and not its archives", c.MaxDuration)
	}
	return map[job.CheckDepth]string{
		job.CheckRepository: ", its segments and not its archives",
		job.CheckArchives:   ", its archives and not its segments",
		job.CheckData:       ", and verifying every chunk",
	}[c.Depth]
}

func (check) judge(_ *process, r *run) job.Verdict {
	return borg.Damaged(borg.Classify(r.outcome()), &r.tracker)
}

func (check) summary(job.Verdict) string { return "Check finished: no damage found" }
