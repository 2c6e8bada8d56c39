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
	waitAccepted = "starting on the host"
)

// world is what a decision about one job looks at. Both the committer (to
// grant) and readers (to show the reason) decide through blocker.
type world struct {
	online     func(agent string) bool
	silent     func(agent string) bool // past Settings.ContactLost
	paused     bool
	slots      int       // of the job's host
	onHost     []job.Job // not ended jobs of the job's agent
	atLocation func(locations ...string) []job.Job
}

// blocker says what keeps a pending job from being sent; empty: nothing.
func blocker(j job.Job, w world) string {
	switch {
	case w.paused:
		return waitPaused
	case !w.online(j.Agent):
		return waitOffline
	}
	if j.Spec.Kind.Writes() {
		for _, other := range w.atLocation(store.Locations(j)...) {
			if other.ID != j.ID && holdsLocation(other, w) {
				return fmt.Sprintf("repository busy (job %d)", other.ID)
			}
		}
	}
	if j.Spec.Kind.NeedsHostSlot() {
		busy := 0
		for _, other := range w.onHost {
			if other.ID != j.ID && holdsSlot(other) {
				busy++
			}
		}
		if busy >= w.slots {
			return waitHost
		}
	}
	return ""
}

// holdsLocation: whoever may have borg at work on a repository holds it, except
// an agent that has been silent for too long: borg's own lock is the guard
// then, and nobody waits for a host that is away.
func holdsLocation(j job.Job, w world) bool {
	return inHand(j) && j.Spec.Kind.Writes() && !w.silent(j.Agent)
}

// holdsSlot: a job that waits on its host for a foreign lock, or for a
// repository that is out of reach, costs the host nothing: others may run.
func holdsSlot(j job.Job) bool {
	waits := j.Register.Phase == job.PhaseWaiting || j.Register.Phase == job.PhaseVerifying
	return inHand(j) && j.Spec.Kind.NeedsHostSlot() && !waits
}

// inHand: the agent has been told to run it, or runs it on its own authority.
func inHand(j job.Job) bool {
	return j.Verdict == nil && (j.Sent || j.Register.Phase >= job.PhaseAccepted)
}

// dispatch grants what can be granted on one agent. It runs in the closure
// that changed something, so the grant is in the same commit as its cause.
func (s *Service) dispatch(tx *store.Tx, agent string) error {
	for _, j := range tx.Active(agent) {
		if j.Sent || j.Status != job.Pending || j.CancelRequested {
			continue
		}
		if blocker(j, s.worldIn(tx, agent)) != "" {
			continue
		}
		if _, _, err := s.change(tx, j, job.Granted{}); err != nil {
			return fmt.Errorf("grant job %d: %w", j.ID, err)
		}
	}
	return nil
}

// dispatchAfter looks again at everybody whom a job may have kept waiting: its
// own host, and whoever waits for its location.
func (s *Service) dispatchAfter(tx *store.Tx, j job.Job) error {
	agents := []string{j.Agent}
	for _, other := range tx.AtLocation(store.Locations(j)...) {
		if !slices.Contains(agents, other.Agent) {
			agents = append(agents, other.Agent)
		}
	}
	for _, agent := range agents {
		if err := s.dispatch(tx, agent); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) worldIn(tx *store.Tx, agent string) world {
	a, _ := tx.Agent(agent)
	return s.world(a, tx.Active(agent), tx.AtLocation)
}

func (s *Service) world(a store.Agent, onHost []job.Job, at func(...string) []job.Job) world {
	slots := a.MaxParallel
	if slots == 0 {
		slots = s.set.MaxParallel
	}
	return world{
		online:     s.online,
		silent:     func(agent string) bool { return s.silentFor(agent) > s.set.ContactLost },
		paused:     a.Paused || a.Revoked,
		slots:      slots,
		onHost:     onHost,
		atLocation: at,
	}
}

// waitingFor is the reason that people see beside a pending job.
func (s *Service) waitingFor(j job.Job) string {
	if j.Status != job.Pending {
		return ""
	}
	if j.Register.Phase == job.PhaseWaiting && j.Register.Reason != "" {
		return j.Register.Reason
	}
	if !s.online(j.Agent) {
		return waitOffline
	}
	if j.Sent {
		return waitAccepted
	}
	a, _ := s.store.Agent(j.Agent)
	return blocker(j, s.world(a, s.store.Active(j.Agent), s.store.AtLocation))
}
