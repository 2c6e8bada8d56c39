package fleet

import (
	"context"
	"time"

	"github.com/google/uuid"

	"borgfleet/certs"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/seal"
)

// codeLost refuses an agent that the restored store has lost, because it is not
// known whether it was revoked.
const codeLost = "agent_lost"

// issueSlack: a certificate is signed a moment before its agent is stored, and a
// backup may be taken in between.
const issueSlack = time.Minute

// admitReturning is for an agent with a certificate of this fleet that the store
// does not know. In a store that was restored from a backup, that may be one
// that enrolled since: its certificate says that it did, and it comes back as
// itself. But it may have been revoked since as well, and only a list of
// revocations that survived, or somebody who knows, can say that it was not.
//
// An agent that was deleted is never taken for one of these: before the backup
// it has left its name in the store, and after it its id in the revocations.
func (s *Service) admitReturning(id certs.Identity) error {
	restored, ok := s.store.Restored()
	if _, former := s.store.FormerAgent(id.AgentID); !ok || former || id.IssuedAt().Add(issueSlack).Before(restored.TakenAt) {
		return unknown(id.AgentID)
	}
	if restored.AdmitUnknown {
		return nil
	}
	return fault.New(fault.Unauthenticated, codeLost,
		"agent %s enrolled after %s, when the backup was taken that this controller was restored from, and it is not known whether it was revoked since; if it was not, let it in on the controller's host with borgfleet-controller db admit %s, else %s",
		id.AgentID, moment(restored.TakenAt), id.AgentID, enrolAgain)
}

// AdmitAgent lets an agent back in that the restored store has lost. The rest
// of its record comes with its Hello.
func (s *Service) AdmitAgent(ctx context.Context, id, by string) error {
	if err := uuid.Validate(id); err != nil {
		return fault.New(fault.Invalid, "agent_id_invalid", "%q is no agent's id; the agent's refusal names it: borgfleet-agent status on its host", id)
	}
	if _, restored := s.store.Restored(); !restored {
		return fault.New(fault.Conflict, "not_restored", "this controller was not restored from a backup, so it has lost no agents; %s", enrolAgain)
	}
	if at, shut := s.shutOut.At(id); shut {
		return fault.New(fault.Conflict, "agent_revoked", "agent %s was revoked or removed at %s; %s", id, moment(at), enrolAgain)
	}
	if _, former := s.store.FormerAgent(id); former {
		return fault.New(fault.Conflict, "agent_revoked", "agent %s was removed; %s", id, enrolAgain)
	}
	return s.store.Update(ctx, func(tx *store.Tx) error {
		if a, known := tx.Agent(id); known {
			return fault.New(fault.Conflict, "agent_known", "agent %s is known already, as %s", id, a.Name)
		}
		tx.OnCommit(func() { s.log.Warn("lost agent admitted", "agent", id, "by", by) })
		tx.About(agentName(id), "")
		return tx.PutAgent(store.Agent{ID: id, Name: id, EnrolledAt: s.now().UTC()})
	})
}

// returning is the record of an agent that the store has lost.
func returning(id certs.Identity) store.Agent {
	return store.Agent{ID: id.AgentID, Name: id.AgentID, EnrolledAt: id.IssuedAt().UTC()}
}

// takeOver completes such a record with what the agent says of itself. Its name
// may be another's by now; then it is called by its id, and can be renamed.
func takeOver(tx *store.Tx, a *store.Agent, req *fleetv1.HelloRequest) {
	if seal.CheckRecipient(req.AgeRecipient) == nil {
		a.AgeRecipient = req.AgeRecipient
	}
	if checkAgentName(req.Name) != nil {
		return
	}
	if _, taken := tx.AgentByName(req.Name); !taken {
		a.Name = req.Name
	}
}

// AlignShutOut makes the store and the list of those who are shut out agree.
// Each may know more: the list after a restore or a crash, the store if it is
// older than the list.
func (s *Service) AlignShutOut(ctx context.Context) error {
	for _, a := range s.store.Agents() {
		at, shut := s.shutOut.At(a.ID)
		switch {
		case a.Revoked && !shut:
			if err := s.shutOut.Add(a.ID, a.RevokedAt); err != nil {
				return err
			}
		case shut && !a.Revoked:
			if err := s.revokeAgain(ctx, a.ID, at); err != nil {
				return err
			}
		}
	}
	for _, f := range s.store.FormerAgents() {
		if err := s.shutOut.Add(f.ID, s.now()); err != nil { // does nothing if it is there
			return err
		}
	}
	return nil
}

func (s *Service) revokeAgain(ctx context.Context, id string, at time.Time) error {
	return s.store.Update(ctx, func(tx *store.Tx) error {
		a, ok := tx.Agent(id)
		if !ok {
			return nil
		}
		a.Revoked, a.RevokedAt = true, at.UTC()
		s.log.Warn("agent is revoked again: it was when the store, which is older, did not know", "agent", id, "name", a.Name, "revoked_at", at)
		return tx.PutAgent(a)
	})
}
