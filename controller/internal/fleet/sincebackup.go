package fleet

import (
	"fmt"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// inBackup says whether a job is one that this store was restored with: what the
// store knows of it may have been overtaken long ago.
func (s *Service) inBackup(j job.Job) bool {
	restored, ok := s.store.Restored()
	return ok && !j.Spec.CreatedAt.After(restored.At)
}

// unheard says whether nothing was heard of an agent since this store was
// restored. Until its first Hello nobody knows what it has run meanwhile.
func (s *Service) unheard(a store.Agent) bool {
	_, restored := s.store.Restored()
	return restored && a.MetStore != s.store.ID()
}

// whyMissingSinceBackup is whyMissing for a job from the backup that this store
// was restored from. A host keeps what it was sent until a day after the start
// deadline at least. So what it lacks before the deadline it never had, and may
// be sent; what it lacks after it may have run, or have been cancelled, and must
// not be called late.
func (s *Service) whyMissingSinceBackup(j job.Job, before store.Agent, sameState bool) string {
	if !s.inBackup(j) {
		return ""
	}
	restored, _ := s.store.Restored()
	since := moment(restored.TakenAt) + ", when the backup was taken that this controller was restored from"
	switch {
	case j.OnAgent() && sameState:
		return "the agent has removed it since: it ended after " + since + ", and how is not known any more"
	case !j.OnAgent() && s.unheard(before) && (!sameState || !s.now().Before(j.Spec.StartDeadline)):
		return "its host does not have it, or not any more: what became of it after " + since + ", is not known any more"
	}
	return ""
}

// overdueSinceBackup is what the clock says to a job that waited in the backup
// and whose agent was not heard of since: not that it is too late, only that
// nobody may ever tell.
func (s *Service) overdueSinceBackup(j job.Job) job.Event {
	if s.silentFor(j.Agent) <= s.set.LostAfter {
		return nil
	}
	return job.GivenUp{At: s.now(), Reason: fmt.Sprintf(
		"it waited when the backup was taken that this controller was restored from, and its agent has not been heard of for %s since; if it ran there, its result will replace this", s.set.LostAfter)}
}

// waitedInBackup says whether nobody knows what became of a job that was not
// sent when the backup was taken.
func (s *Service) waitedInBackup(j job.Job) bool {
	a, _ := s.store.Agent(j.Agent)
	return s.inBackup(j) && s.unheard(a)
}
