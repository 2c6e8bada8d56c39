package fleet

import (
	"fmt"
	"slices"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// Reasons for waiting, as people read them.
const (
	waitOffline  = "agent offline"
	waitHost     = "host busy"
	waitPaused   = "agent paused"
	waitDraining = "host draining"
	waitRevoked  = "agent revoked"
	waitAccepted = "starting on the host"
	waitHooks    = "agent too old for hooks: upgrade it"
	waitVanished = "archives vanished: acknowledge them, or bring them back"
	waitListed   = "catalogue not up to date"
	waitBusy     = "repository busy"

	sayVerifying = "verifying" // an agent's reason that says no more than the phase
)

// world is what a decision about one host's jobs looks at. Both the committer
// (to grant) and readers (to show the reason) decide through blocker.
type world struct {
	online     bool
	paused     bool
	revoked    bool
	draining   bool
	hookless   bool // the agent knows no hooks
	busy       int  // jobs that hold one of the host's slots
	slots      int
	silent     func(agent string) bool // past Settings.ContactLost
	atLocation func(locations ...string) []job.Job
	forsaken   func(other, j job.Job) bool
	untold     func(j job.Job) wait // why the catalogue is not fit for a compact yet; empty: it is
}

// away is what keeps every job of the host from being sent; empty: nothing.
func (w world) away() string {
	switch {
	case w.revoked:
		return waitRevoked
	case w.paused:
		return waitPaused
	case !w.online:
		return waitOffline
	case w.draining:
		return waitDraining
	}
	return ""
}

// blocker says what keeps a pending job from being sent.
func blocker(j job.Job, w world) wait {
	if away := w.away(); away != "" {
		return wait{why: away}
	}
	if w.hookless && j.Spec.Kind == job.Backup && len(j.Spec.Repository.Hooks.Names()) > 0 {
		return wait{why: waitHooks}
	}
	if j.Spec.Kind.NeedsHostSlot() && w.busy >= w.slots {
		return wait{why: waitHost}
	}
	for _, other := range w.atLocation(store.Locations(j)...) {
		if other.ID == j.ID {
			continue
		}
		if holdsLocation(other, w) && standsBefore(other, j) || j.Spec.Kind == job.BreakLock && inHand(other) && !w.forsaken(other, j) {
			return waitsFor(waitBusy, other)
		}
	}
	if j.Spec.Kind == job.Compact {
		return w.untold(j)
	}
	return wait{}
}

// holdsLocation: whoever may have borg at work on a repository holds it: in borg
// 1.x every command takes an exclusive lock, but break-lock, which must not find
// one of ours. One
// that waits for borg's lock does not: the lock is the guard then, and if it is
// a dead borg's, only the host that it ran on can take it away, with a job that
// must not wait for this one. Nor does an agent that has been silent for too
// long: nobody waits for a host that is away.
func holdsLocation(j job.Job, w world) bool {
	return inHand(j) && !waitsThere(j) && !w.silent(j.Agent)
}

// holdsSlot: a job that waits on its host costs the host nothing: others may
// run.
func holdsSlot(j job.Job) bool {
	return inHand(j) && !waitsThere(j) && j.Spec.Kind.NeedsHostSlot()
}

// waitsThere: on its host, for a foreign lock or for a repository that is out of
// reach.
func waitsThere(j job.Job) bool {
	return j.Register.Phase == job.PhaseWaiting || j.Register.Phase == job.PhaseVerifying
}

// inHand: the agent has been told to run it, or runs it on its own authority.
func inHand(j job.Job) bool {
	return j.Verdict == nil && (j.Sent || j.Register.Phase >= job.PhaseAccepted)
}

// dispatch grants what can be granted on one agent. It runs in the closure
// that changed something, so the grant is in the same commit as its cause. It
// looks at each of the host's jobs once: all the fleet waits for the committer.
func (s *Service) dispatch(tx *store.Tx, agent string) error {
	a, _ := tx.Agent(agent)
	active := tx.Active(agent)
	w := s.world(a, active, tx)
	if w.away() != "" {
		return nil
	}
	for _, j := range active {
		if j.Sent || j.Status != job.Pending || j.CancelRequested || blocker(j, w) != (wait{}) {
			continue
		}
		granted, _, err := s.change(tx, j, job.Granted{})
		if err != nil {
			return fmt.Errorf("grant job %d: %w", j.ID, err)
		}
		if holdsSlot(granted) {
			w.busy++
		}
	}
	return nil
}

// affected are the agents whose waiting jobs a change of j may let start: its
// own, and whoever waits for its location.
func affected(tx *store.Tx, j job.Job) []string {
	agents := []string{j.Agent}
	for _, other := range tx.AtLocation(store.Locations(j)...) {
		if !slices.Contains(agents, other.Agent) {
			agents = append(agents, other.Agent)
		}
	}
	return agents
}

// dispatchAfter looks again at everybody whom a job may have kept waiting.
func (s *Service) dispatchAfter(tx *store.Tx, j job.Job) error {
	for _, agent := range affected(tx, j) {
		if err := s.dispatch(tx, agent); err != nil {
			return err
		}
	}
	return nil
}

// books are the store, in an update or outside of one.
type books interface {
	Agent(id string) (store.Agent, bool)
	Job(id int64) (job.Job, bool, error)
	AtLocation(locations ...string) []job.Job
	Repository(id int64) (store.Repository, bool)
	Repositories() []store.Repository
	Catalogue(repository int64) (store.Catalogue, bool)
	NewLists() []store.NewList
}

func (s *Service) world(a store.Agent, onHost []job.Job, in books) world {
	w := world{
		online:     s.online(a.ID),
		paused:     a.Paused,
		revoked:    a.Revoked,
		draining:   s.draining(a.ID),
		hookless:   s.hookless(a.ID),
		slots:      a.MaxParallel,
		silent:     func(agent string) bool { return s.silentFor(agent) > s.set.ContactLost },
		atLocation: in.AtLocation,
	}
	w.forsaken = func(other, j job.Job) bool { return forsaken(in, other, j) }
	w.untold = func(j job.Job) wait { return untold(in, j, s.awaited) }
	if w.slots == 0 {
		w.slots = s.set.MaxParallel
	}
	for _, j := range onHost {
		if holdsSlot(j) {
			w.busy++
		}
	}
	return w
}

// waitingFor is the reason that people see beside a pending job, or beside one
// whose outcome is not known yet; as who may see scope is told.
func (s *Service) waitingFor(scope *store.Scope, j job.Job) string {
	if j.Status == job.Running && j.Register.Phase == job.PhaseVerifying && j.Register.Reason != sayVerifying {
		return j.Register.Reason
	}
	if j.Status != job.Pending {
		return ""
	}
	a, _ := s.store.Agent(j.Agent)
	return s.whyPending(j, a, func() world { return s.world(a, s.store.Active(j.Agent), s.store) }).told(scope)
}

// whyPending is why a job of a's has not begun. Only for some the world has to be
// looked at.
func (s *Service) whyPending(j job.Job, a store.Agent, look func() world) wait {
	switch {
	case a.Revoked:
		return wait{why: waitRevoked}
	case j.Register.Phase == job.PhaseWaiting && j.Register.Reason != "":
		return wait{why: j.Register.Reason}
	case !s.online(j.Agent):
		return wait{why: waitOffline}
	case s.draining(j.Agent):
		return wait{why: waitDraining} // also if it was sent before: its host keeps it
	case j.Sent:
		return wait{why: waitAccepted}
	}
	return blocker(j, look())
}
