package fleet

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/schedule"
)

// HeldView is a definition that an agent holds on to since the store was
// restored: the store does not know it, or knows another.
type HeldView struct {
	AgentID   string
	AgentName string
	Held      job.Repository
	Known     bool           // the store has a definition with this id
	Ours      job.Repository // the store's; zero if not Known
	Schedules []schedule.Schedule
	OurTimes  []schedule.Schedule // the store's
	Settled   bool                // decided; the agent has not confirmed it yet
}

// Held lists what agents hold otherwise than the store.
func (s *Service) Held(context.Context) []HeldView {
	var out []HeldView
	for _, h := range s.store.HeldRepositories() {
		v := HeldView{AgentID: h.Agent, AgentName: s.agentName(h.Agent), Held: h.Repository, Schedules: h.Schedules, Settled: h.Settled}
		if r, ok := s.store.Repository(h.Repository.ID); ok && r.Agent == h.Agent {
			v.Known, v.Ours, v.OurTimes = true, r.Repository, s.store.SchedulesOf(r.ID)
		}
		out = append(out, v)
	}
	return out
}

// heldProblem is what a person should know of an agent that holds definitions.
func (s *Service) heldProblem(a store.Agent) (string, time.Time) {
	var names []string
	for _, h := range s.store.HeldBy(a.ID) {
		if !h.Settled {
			names = append(names, fmt.Sprintf("%d %q", h.Repository.ID, clip(h.Repository.Name)))
		}
	}
	if len(names) == 0 {
		return "", time.Time{}
	}
	slices.Sort(names)
	restored, _ := s.store.Restored()
	return fmt.Sprintf("its host keeps repositories that this controller does not know, or knows otherwise, since it was restored from a backup: %s; look with borgfleet-controller db differences, and decide with borgfleet-controller db settle",
		strings.TrimSpace(fewOf(names))), restored.At
}

// takeHeld writes down which definitions an agent holds; nil: as before.
func (s *Service) takeHeld(ctx context.Context, se *session, m *fleetv1.HeldRepositories) error {
	if m == nil || len(m.Repositories) == 0 && len(s.store.HeldBy(se.agent)) == 0 {
		return nil
	}
	if len(m.Repositories) > mostHeldRepositories {
		return fault.New(fault.Malformed, "too_many_repositories", "the agent holds %d repositories, and %d are the most", len(m.Repositories), mostHeldRepositories)
	}
	told := map[int64]store.HeldRepository{}
	for _, p := range m.Repositories {
		if p.Id <= 0 || proto.Size(p) > 2*job.MaxDefinition {
			s.log.Warn("definition left out: no controller made it", "agent", se.agent, "repository", p.Id)
			continue
		}
		told[p.Id] = store.HeldFrom(se.agent, p)
	}
	return s.store.Update(ctx, func(tx *store.Tx) error {
		if se.ctx.Err() != nil {
			return errNewEpoch
		}
		for _, h := range tx.HeldRepositories() {
			if h.Agent != se.agent {
				continue
			}
			now, still := told[h.Repository.ID]
			switch {
			case !still:
				if err := tx.DeleteHeldRepository(h.Agent, h.Repository.ID); err != nil {
					return err
				}
			case proto.Equal(now.Message(), h.Message()):
				delete(told, h.Repository.ID) // a decision stays
			}
		}
		for _, h := range told {
			s.log.Warn("an agent keeps a repository otherwise than this restored store", "agent", se.agent, "repository", h.Repository.ID, "name", clip(h.Repository.Name))
			if err := tx.PutHeldRepository(h); err != nil {
				return err
			}
		}
		tx.OnCommit(func() { s.noticeAgent(se.agent) })
		return nil
	})
}

// SettleHeld decides about a definition that an agent holds: take makes it the
// store's, else the host is given the store's, or loses it. Its backups are not
// touched either way.
func (s *Service) SettleHeld(ctx context.Context, agentRef string, id int64, take bool, by string) error {
	a, err := s.findAgent(agentRef)
	if err != nil {
		return err
	}
	return s.store.Update(ctx, func(tx *store.Tx) error {
		all := tx.HeldRepositories()
		i := slices.IndexFunc(all, func(h store.HeldRepository) bool { return h.Agent == a.ID && h.Repository.ID == id })
		if i < 0 {
			return fault.New(fault.NotFound, "not_held", "agent %s keeps no repository %d otherwise than this controller; borgfleet-controller db differences lists what there is", a.Name, id)
		}
		h := all[i]
		if take {
			if err := s.takeDefinition(tx, h); err != nil {
				return err
			}
		}
		h.Settled = true
		tx.About(repositoryName(id), fmt.Sprintf("%s of %s: what %s has counts", clip(h.Repository.Name), a.Name, settledFor(take)))
		tx.OnCommit(func() {
			s.repositoryChanged(a.ID, id)
			s.noticeAgent(a.ID)
			s.log.Info("definition settled", "agent", a.ID, "repository", id, "host_counts", take, "by", by)
		})
		return tx.PutHeldRepository(h)
	})
}

// takeDefinition registers what the host has, under the id that it had.
func (s *Service) takeDefinition(tx *store.Tx, h store.HeldRepository) error {
	repo, known := tx.Repository(h.Repository.ID)
	if known && repo.Agent != h.Agent {
		return fault.New(fault.Conflict, "repository_exists", "repository %d is another agent's by now, %q: register the host's anew, with borgfleet-controller repositories", repo.ID, repo.Name)
	}
	if !known {
		repo = store.Repository{Agent: h.Agent, Status: store.RepositoryReady, CreatedAt: s.now().UTC()}
	}
	borgID := repo.BorgID // which location a job holds is ours to say, not the agent's
	repo.Repository = h.Repository
	repo.BorgID = borgID
	for _, other := range tx.RepositoriesOf(h.Agent) {
		if other.ID != repo.ID && other.Path == repo.Path {
			return fault.New(fault.Conflict, "repository_exists", "%s is registered as repository %d %q already; settle with --controller, or delete that registration before", repo.Path, other.ID, other.Name)
		}
	}
	if err := refuseName(tx, repo); err != nil {
		return err
	}
	if err := s.putRepository(tx, repo); err != nil {
		return err
	}
	return s.takeSchedules(tx, repo, h.Schedules)
}
