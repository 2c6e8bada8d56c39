package store

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAFormerAgentKeepsItsName, and gives it away: another one may have it.
func TestAFormerAgentKeepsItsName(t *testing.T) {
	s := open(t, t.TempDir())
	update(t, s, func(tx *Tx) error { return tx.PutAgent(Agent{ID: "a1", Name: "web"}) })
	update(t, s, func(tx *Tx) error { return tx.DeleteAgent("a1") })
	update(t, s, func(tx *Tx) error {
		if err := tx.DeleteAgent("never"); err != nil {
			return err
		}
		if _, ok := tx.AgentByName("web"); ok {
			t.Error("the name is still taken")
		}
		return tx.PutAgent(Agent{ID: "a2", Name: "web"})
	})
	for range 2 {
		if diff := cmp.Diff([]FormerAgent{{ID: "a1", Name: "web"}}, s.FormerAgents()); diff != "" {
			t.Errorf("former agents (-want +got):\n%s", diff)
		}
		if f, ok := s.FormerAgent("a1"); !ok || f.Name != "web" {
			t.Errorf("got %+v, %v", f, ok)
		}
		if _, ok := s.Agent("a1"); ok {
			t.Error("it is still there")
		}
		if a, ok := s.AgentByName("web"); !ok || a.ID != "a2" {
			t.Errorf("web is %+v, %v", a, ok)
		}
		s = reopened(t, s)
	}
}
