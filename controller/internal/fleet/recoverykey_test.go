package fleet

import (
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"borgfleet/certs"
	"borgfleet/controller/internal/store"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/seal"
	"borgfleet/shared/version"
)

// firstKey puts a recovery key there, as the first start does.
func (r *rig) firstKey() string {
	r.t.Helper()
	key := recipient(r.t)
	must(r.t, r.st.Update(r.t.Context(), func(tx *store.Tx) error { return tx.AddRecoveryKey(key, "", r.clock()) }))
	return key
}

// says has a puppet report to which recovery key its host seals.
func (p *puppet) says(key string) {
	p.t.Helper()
	must(p.t, p.stream.Send(&fleetv1.ReportRequest{RecoveryRecipient: &key}))
}

func TestAgentsAreToldTheRecoveryKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.firstKey()
	key, _, err := certs.NewKeyAndCSR(rand.Reader)
	must(t, err)
	if resp, err := r.enrolWith(r.token(JoinTokenRequest{}), "web1", key); err != nil || resp.RecoveryRecipient != first {
		t.Errorf("enrolment names %q, %v", resp.GetRecoveryRecipient(), err)
	}
	p := r.agent("web2")
	p.connect("s1")
	if m := <-p.watch; !m.Snapshot || m.RecoveryRecipient != first {
		t.Errorf("the snapshot names %q", m.RecoveryRecipient)
	}
	second := recipient(t)
	v, err := r.s.ReplaceRecoveryKey(t.Context(), second, "ann")
	if err != nil || v.Recipient != second || v.By != "ann" || len(v.Former) != 1 || v.Former[0] != first {
		t.Errorf("%+v, %v", v, err)
	}
	select {
	case m := <-p.watch:
		if !m.Snapshot || m.RecoveryRecipient != second {
			t.Errorf("after the change: snapshot %v, %q", m.Snapshot, m.RecoveryRecipient)
		}
	case <-time.After(10 * time.Second):
		t.Error("a connected agent is not told of the change")
	}
	if v, err = r.s.ReplaceRecoveryKey(t.Context(), second, "bob"); err != nil || len(v.Former) != 1 || v.By != "ann" {
		t.Errorf("once more: %+v, %v", v, err)
	}
}

func TestRefusedRecoveryKeyIsShown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.firstKey()
	p := r.agent("web1")
	p.connect("s1")
	stands := func(what, problem string, accepted bool) {
		t.Helper()
		r.await(what, func() bool {
			v, err := r.s.Agent(t.Context(), p.id)
			must(t, err)
			return v.RecoveryAccepted == accepted && (v.Problem == "") == (problem == "") && strings.Contains(v.Problem, problem)
		})
	}
	stands("an agent that knows no recovery key", "has accepted no recovery key yet", false)
	p.says("no recipient")
	stands("nonsense", "has accepted no recovery key yet", false)
	p.says(first)
	stands("accepted", "", true)

	second := recipient(t)
	_, err := r.s.ReplaceRecoveryKey(t.Context(), second, "thief")
	must(t, err)
	stands("refused", "borgfleet-agent allow --recovery-key "+second, false)
	p.says(noRecoveryKey)
	stands("the owner wants none", "", false)
	p.says(second)
	stands("accepted at last", "", true)
}

func TestRecoveryKeysThatAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if _, err := r.s.RecoveryKey(t.Context()); err == nil {
		t.Error("a fleet without a recovery key names one")
	}
	r.firstKey()
	id, err := seal.NewIdentity()
	must(t, err)
	for _, bad := range []string{"", "age1", id.Private(), strings.Split(id.Private(), "\n")[1], noRecoveryKey} {
		if _, err := r.s.ReplaceRecoveryKey(t.Context(), bad, "ann"); err == nil || strings.Contains(err.Error(), "AGE-SECRET") {
			t.Errorf("%.10q: %v", bad, err != nil)
		}
	}
	for range mostRecoveryKeys - 1 {
		_, err := r.s.ReplaceRecoveryKey(t.Context(), recipient(t), "ann")
		must(t, err)
	}
	if _, err := r.s.ReplaceRecoveryKey(t.Context(), recipient(t), "ann"); err == nil {
		t.Error("there is no end of recovery keys")
	}
}

// TestHelloTellsTheRecoveryKey that the host has accepted.
func TestHelloTellsTheRecoveryKey(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.firstKey()
	p := r.agent("web1")
	_, err := p.client.Hello(t.Context(), &fleetv1.HelloRequest{Protocol: version.Protocol, StateId: "s1", RecoveryRecipient: first})
	must(t, err)
	if v, err := r.s.Agent(t.Context(), p.id); err != nil || !v.RecoveryAccepted || v.RecoveryRecipient != first {
		t.Errorf("%+v, %v", v, err)
	}
}
