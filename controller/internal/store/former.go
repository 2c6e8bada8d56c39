package store

import (
	"cmp"

	storev1 "borgfleet/shared/proto/store/v1"
)

// FormerAgent is what stays of an agent that was deleted: the name by which its
// history knows it.
type FormerAgent struct {
	ID   string
	Name string
}

// DeleteAgent removes an agent. Its name is free again.
func (tx *Tx) DeleteAgent(id string) error {
	a, ok := tx.Agent(id)
	if !ok {
		return nil
	}
	if err := removeRecord(tx, nameKey(agentPrefix, id), agentsOf, id); err != nil {
		return err
	}
	tx.change(unname(a))
	tx.changed(Changed{Thing: ThingAgent, Agent: id})
	f := FormerAgent{ID: a.ID, Name: a.Name}
	return putRecord(tx, nameKey(formerAgentPrefix, id), &storev1.Agent{Id: f.ID, Name: text(f.Name)}, formerAgentsOf, id, f)
}

// FormerAgent gives the deleted agent with this id.
func (s *Store) FormerAgent(id string) (FormerAgent, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.published.formerAgents.get(id)
}

// FormerAgents gives all deleted agents by name.
func (s *Store) FormerAgents() []FormerAgent {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.published.formerAgents.sorted(func(a, b *FormerAgent) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
	})
}

func formerAgentsOf(st *state) table[string, FormerAgent] { return st.formerAgents }
