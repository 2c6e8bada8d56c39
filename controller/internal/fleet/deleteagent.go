package fleet

import (
	"context"
	"fmt"
	"strings"

	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// DeleteAgent forgets an agent that nothing depends on any more. Its history
// stays, and goes on showing its name.
func (s *Service) DeleteAgent(ctx context.Context, ref, by string) error {
	a, err := s.findAgent(ref)
	if err != nil {
		return err
	}
	err = s.store.Update(ctx, func(tx *store.Tx) error {
		tx.Urgent()
		if _, ok := tx.Agent(a.ID); !ok {
			return noSuchAgent(ref)
		}
		if err := s.refuseInUse(tx, a); err != nil {
			return err
		}
		for _, h := range tx.HeldRepositories() {
			if h.Agent != a.ID {
				continue
			}
			if err := tx.DeleteHeldRepository(h.Agent, h.Repository.ID); err != nil {
				return err
			}
		}
		tx.About(agentName(a.ID), a.Name)
		tx.OnCommit(func() {
			s.expel(a.ID, unknown(a.ID))
			s.forgetSilence(a.ID)
			s.log.Warn("agent deleted", "agent", a.ID, "name", a.Name, "by", by)
		})
		return tx.DeleteAgent(a.ID)
	})
	if err != nil {
		return err
	}
	// After the store, since that may refuse. A crash in between is made up for
	// at the next start.
	return s.shutOut.Add(a.ID, s.now())
}

// refuseInUse says what has to go before an agent can.
func (s *Service) refuseInUse(tx *store.Tx, a store.Agent) error {
	var in []string
	if ids := jobIDs(tx.Active(a.ID)); len(ids) > 0 {
		hint := "end them with borgfleet-controller jobs cancel"
		if !s.online(a.ID) {
			hint += fmt.Sprintf("; what its host was given and cannot report is given up %s after its last contact", s.set.LostAfter)
		}
		in = append(in, fmt.Sprintf("unfinished jobs (%s; %s)", fewOf(ids), hint))
	}
	if ids := repositoriesOf(tx, a.ID); len(ids) > 0 {
		in = append(in, fmt.Sprintf("registered repositories (%s; remove the registrations with borgfleet-controller repositories delete, which leaves the backups alone)", fewOf(ids)))
	}
	if len(in) == 0 {
		return nil
	}
	return fault.New(fault.Conflict, "agent_in_use", "agent %s still has %s; to shut it out at once, revoke it", a.Name, strings.Join(in, " and "))
}

func jobIDs(jobs []job.Job) (out []string) {
	for _, j := range jobs {
		out = append(out, fmt.Sprint(j.ID))
	}
	return out
}

func repositoriesOf(tx *store.Tx, agent string) (out []string) {
	for _, r := range tx.RepositoriesOf(agent) {
		out = append(out, fmt.Sprintf("%d %q", r.ID, r.Name))
	}
	return out
}

// fewOf keeps a message readable.
func fewOf(all []string) string {
	const few = 5
	if len(all) <= few {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:few], ", "), len(all)-few)
}
