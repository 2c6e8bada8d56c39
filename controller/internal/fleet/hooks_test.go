package fleet

import (
	"slices"
	"testing"

	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// TestHooksWaitForAnAgentThatKnowsThem: an older agent would back up and run
// none, and nobody would see that the dump is missing.
func TestHooksWaitForAnAgentThatKnowsThem(t *testing.T) {
	r := newRig(t)
	p, old := r.agent("a"), r.agent("b")
	plain, hooked := r.repository(old, "/plain"), r.repository(p, "/hooked")
	hooked.Hooks = job.Hooks{Before: []string{"dump"}}
	must(t, r.st.Update(t.Context(), func(tx *store.Tx) error { return tx.PutRepository(hooked) }))
	p.connect("s")
	j := r.start(hooked.Path, p.id)
	if j.Sent || r.waiting(j.ID) != waitHooks {
		t.Errorf("sent %v, waits for %q", j.Sent, r.waiting(j.ID))
	}
	old.connect("t")
	old.order(r.start(plain.Path, old.id).ID) // who needs none does not wait
	p.disconnect()
	p.hooks = true
	p.connect("s")
	o := p.order(j.ID)
	if h := o.Spec.Repository.Hooks; !slices.Equal(h.GetBefore(), []string{"dump"}) {
		t.Errorf("ordered with %v", h)
	}
}
