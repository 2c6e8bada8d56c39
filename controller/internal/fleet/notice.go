package fleet

import (
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// notice is told of everything that the store has changed. What people see of a
// thing also depends on others; the rest of this file is about that.
func (s *Service) notice(changes []store.Changed) {
	s.feed.mark(changes)
	for _, c := range changes {
		if c.Thing == store.ThingJob {
			s.watch.wake(c.ID)
		}
	}
}

// noticeAgent: with an agent that comes, goes or is changed, its jobs are online
// or not, and wait for something else.
func (s *Service) noticeAgent(agent string) {
	changes := []store.Changed{{Thing: store.ThingAgent, Agent: agent}}
	for _, j := range s.store.Active(agent) {
		changes = append(changes, store.ChangedJob(j))
	}
	s.notice(changes)
}

// noticeName: an agent's name is shown with its repositories, too. With its jobs
// that have ended it is as well; the agent's own event has to do for those,
// which can be a million.
func (s *Service) noticeName(tx *store.Tx, agent string) {
	var changes []store.Changed
	for _, r := range tx.RepositoriesOf(agent) {
		changes = append(changes, store.Changed{Thing: store.ThingRepository, ID: r.ID, Agent: agent})
	}
	tx.OnCommit(func() { s.notice(changes) })
}

// noticeCounts: an agent shows how many of its jobs run and wait.
func (s *Service) noticeCounts(tx *store.Tx, agent string) {
	tx.OnCommit(func() { s.notice([]store.Changed{{Thing: store.ThingAgent, Agent: agent}}) })
}

// noticeBeside is about what a job's change means to its agent, and to the jobs
// that wait for its location or its place on the host: their reason may be
// another one now.
func (s *Service) noticeBeside(tx *store.Tx, old, j job.Job) {
	if old.Status != j.Status {
		s.noticeCounts(tx, j.Agent)
	}
	if inHand(old) == inHand(j) && holdsSlot(old) == holdsSlot(j) {
		return
	}
	var changes []store.Changed
	for _, others := range [][]job.Job{tx.Active(j.Agent), tx.AtLocation(store.Locations(j)...)} {
		for _, other := range others {
			if other.ID != j.ID && other.Status == job.Pending && !other.Sent {
				changes = append(changes, store.ChangedJob(other))
			}
		}
	}
	tx.OnCommit(func() { s.notice(changes) })
}
