package store

import "borgfleet/shared/job"

// Thing is what a Changed is about.
type Thing uint8

const (
	ThingJob Thing = iota + 1
	ThingAgent
	ThingRepository
)

// Changed says that something is another one than before. It names the thing
// and not its value: who wants to know reads that when it is needed.
type Changed struct {
	Thing      Thing
	Live       bool   // of a job: in memory only, so its progress or its lines
	ID         int64  // of the job or the repository
	Repository int64  // of the job
	Agent      string // of the job or the repository; the agent itself
}

// Same says whether two changes are of one thing.
func (c Changed) Same(other Changed) bool {
	return c.Thing == other.Thing && c.ID == other.ID && (c.Thing != ThingAgent || c.Agent == other.Agent)
}

// ChangedJob is the change of j.
func ChangedJob(j job.Job) Changed {
	return Changed{Thing: ThingJob, ID: j.ID, Repository: j.Spec.Repository.ID, Agent: j.Agent}
}

// Observe has fn told, after each commit, what it changed, in order and before
// the updates return. That is done here and not by those who change things,
// so that none of them can forget it. fn must neither block nor call Update,
// nor keep the slice. There is one observer: the last.
func (s *Store) Observe(fn func([]Changed)) { s.observer.Store(&fn) }

func (s *Store) tellObserver(changed []Changed) {
	if fn := s.observer.Load(); fn != nil && len(changed) > 0 {
		s.callback(func() { (*fn)(changed) })
	}
}

func (tx *Tx) changed(c Changed) { tx.g.changed = append(tx.g.changed, c) }
