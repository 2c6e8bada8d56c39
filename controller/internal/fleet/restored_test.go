package fleet

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"borgfleet/certs"
	"borgfleet/controller/internal/fault"
	revocations "borgfleet/controller/internal/revoked"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/seal"
	"borgfleet/shared/wire"
)

// backup remembers the store as it is now.
type backup struct {
	entries []store.Entry
	at      time.Time
	from    string
}

func (r *rig) backup() backup {
	r.t.Helper()
	b := backup{at: r.clock(), from: r.st.ID()}
	for e, err := range r.st.Entries() {
		must(r.t, err)
		b.entries = append(b.entries, store.Entry{Key: append([]byte(nil), e.Key...), Value: append([]byte(nil), e.Value...), Expires: e.Expires})
	}
	return b
}

// restored is the fleet's controller, come back from a backup.
func (r *rig) restored(b backup, admit bool, shut *revocations.List) *rig {
	r.t.Helper()
	dir := filepath.Join(r.t.TempDir(), "store")
	all := func(yield func(store.Entry, error) bool) {
		for _, e := range b.entries {
			if !yield(e, nil) {
				return
			}
		}
	}
	must(r.t, store.Rebuild(dir, store.Options{}, all, store.Restored{From: b.from, TakenAt: b.at, At: r.clock(), AdmitUnknown: admit}))
	again := &rig{t: r.t, now: r.clock(), ca: r.ca, shut: shut}
	again.serve(dir)
	must(r.t, again.s.AlignShutOut(r.t.Context()))
	return again
}

func (r *rig) list() *revocations.List {
	r.t.Helper()
	l, err := revocations.Open(filepath.Join(r.t.TempDir(), revocations.Name))
	must(r.t, err)
	r.t.Cleanup(func() { l.Close() })
	return l
}

// back is the same agent, at the restored controller.
func (p *puppet) back(r *rig) *puppet { return r.puppet(p.cred) }

func TestLostAgentComesBack(t *testing.T) {
	r := newRig(t)
	r.agent("known")
	b := r.backup()
	late, gone := r.agent("late"), r.agent("gone")
	_, err := r.s.RevokeAgent(t.Context(), gone.id, "test")
	must(t, err)

	again := r.restored(b, true, r.shut)
	p := late.back(again)
	_, err = p.client.Hello(t.Context(), &fleetv1.HelloRequest{Protocol: 1, StateId: "s", Hostname: "h", Name: "late", AgeRecipient: recipient(t)})
	must(t, err)
	a, known := again.st.Agent(late.id)
	if !known || a.Name != "late" || a.AgeRecipient == "" || a.Revoked || a.StateID != "s" {
		t.Errorf("it is known as %+v", a)
	}
	err = gone.back(again).knock("s")
	wantRefusal(t, "revoked since", err, "agent_unknown")
	if _, known := again.st.Agent(gone.id); known {
		t.Error("who was revoked is back")
	}
}

// The name may be another's by now.
func TestLostAgentWithATakenName(t *testing.T) {
	r := newRig(t)
	b := r.backup()
	late := r.agent("web")
	again := r.restored(b, true, r.shut)
	other := again.agent("web")
	_, err := late.back(again).client.Hello(t.Context(), &fleetv1.HelloRequest{Protocol: 1, StateId: "s", Name: "web", AgeRecipient: recipient(t)})
	must(t, err)
	if a, _ := again.st.Agent(late.id); a.Name != late.id {
		t.Errorf("it is called %q", a.Name)
	}
	if a, _ := again.st.AgentByName("web"); a.ID != other.id {
		t.Error("it has taken another's name")
	}
}

// Without a list of revocations nobody knows; then it takes a person.
func TestLostAgentWaitsForAPerson(t *testing.T) {
	r := newRig(t)
	b := r.backup()
	late := r.agent("late")
	again := r.restored(b, false, r.list())
	p := late.back(again)
	err := p.knock("s")
	wantRefusal(t, "before", err, codeLost)
	if err == nil || !strings.Contains(err.Error(), "db admit "+late.id) {
		t.Errorf("it does not say what to do: %v", err)
	}
	if _, err := p.renew(); refusal(err) != codeLost {
		t.Errorf("renew: %v", err)
	}
	must(t, again.s.AdmitAgent(t.Context(), late.id, "test"))
	_, err = p.client.Hello(t.Context(), &fleetv1.HelloRequest{Protocol: 1, StateId: "s", Name: "late", AgeRecipient: recipient(t)})
	must(t, err)
	if a, _ := again.st.Agent(late.id); a.Name != "late" || a.AgeRecipient == "" {
		t.Errorf("it is known as %+v", a)
	}
	if err := again.s.AdmitAgent(t.Context(), late.id, "test"); fault.Of(err).Code != "agent_known" {
		t.Errorf("a second time: %v", err)
	}
}

func TestWhoNeverComesBack(t *testing.T) {
	r := newRig(t)
	removed := r.agent("removed")
	must(t, r.s.DeleteAgent(t.Context(), removed.id, "test"))
	r.pass(time.Hour)
	b := r.backup()
	revoked, deleted := r.agent("revoked"), r.agent("deleted")
	known := r.agent("known")
	b2 := r.backup()
	for _, p := range []*puppet{revoked, known} {
		_, err := r.s.RevokeAgent(t.Context(), p.id, "test")
		must(t, err)
	}
	must(t, r.s.DeleteAgent(t.Context(), deleted.id, "test"))

	again := r.restored(b, true, r.shut)
	for what, p := range map[string]*puppet{"removed before the backup": removed, "revoked after it": revoked, "deleted after it": deleted} {
		wantRefusal(t, what, p.back(again).knock("s"), "agent_unknown")
		if err := again.s.AdmitAgent(t.Context(), p.id, "test"); fault.Of(err).Code != "agent_revoked" {
			t.Errorf("%s may be admitted: %v", what, err)
		}
	}
	if n := len(again.st.Agents()); n != 0 {
		t.Errorf("%d agents are back", n)
	}

	// Known to the backup as good: the list knows more.
	again = r.restored(b2, true, r.shut)
	wantRefusal(t, "revoked after the backup that knows it", known.back(again).knock("s"), "agent_revoked")
	if a, _ := again.st.Agent(known.id); !a.Revoked || a.RevokedAt.IsZero() {
		t.Errorf("it is shown as %+v", a)
	}
	wantRefusal(t, "deleted after the backup that knows it", deleted.back(again).knock("s"), "agent_revoked")

	// A store that was not restored lets nobody in whom it does not know.
	stranger := again.stray()
	wantRefusal(t, "issued, never stored, not restored", r.puppet(stranger).knock("s"), "agent_unknown")
	if err := r.s.AdmitAgent(t.Context(), stranger.Identity().AgentID, "test"); fault.Of(err).Code != "not_restored" {
		t.Errorf("admit: %v", err)
	}
}

// stray is a certificate of this fleet for an agent that no store knows.
func (r *rig) stray() *certs.Credential {
	r.t.Helper()
	key, csr := newCSR(r.t)
	chain, _, err := r.ca.SignAgent(csr, "3b0e4fbc-5a0c-4f35-8f6e-0c1c6b0f2f11", r.clock())
	must(r.t, err)
	cred, err := certs.NewCredential(key, chain, r.ca.Root(), r.ca.RootFingerprint(), r.clock())
	must(r.t, err)
	return cred
}

// A revocation that cannot be written down is none, and says so.
func TestRevocationThatCannotBeKept(t *testing.T) {
	r := newRig(t)
	p := r.agent("web")
	must(t, r.shut.Close())
	if _, err := r.s.RevokeAgent(t.Context(), p.id, "test"); err == nil {
		t.Error("it says that the agent is revoked")
	}
	if a, _ := r.st.Agent(p.id); a.Revoked {
		t.Error("the store knows it, and its backup would not")
	}
}

// A removal that the list of revocations has missed counts all the same.
func TestRemovedIsNotLost(t *testing.T) {
	r := newRig(t)
	again := r.restored(r.backup(), true, r.list())
	p := again.agent("web")
	must(t, again.st.Update(t.Context(), func(tx *store.Tx) error { return tx.DeleteAgent(p.id) }))
	wantRefusal(t, "hello", p.knock("s"), "agent_unknown")
}

// Once it stands in the list it counts, whatever became of the store.
func TestRevocationThatTheStoreLacks(t *testing.T) {
	r := newRig(t)
	p := r.agent("web")
	must(t, p.knock("s"))
	must(t, r.shut.Add(p.id, r.clock()))
	wantRefusal(t, "hello", p.knock("s"), "agent_revoked")
}

// TestLostJobs come back under their ids, whole, and no other agent's claim
// takes an id that somebody has.
func TestLostJobs(t *testing.T) {
	r := newRig(t)
	p := r.agent("web")
	repo := r.repository(p, "/r")
	p.connect("s")
	old := r.start(repo.Path, p.id)
	b := r.backup()
	lost := r.start(repo.Path, p.id)
	p.disconnect()

	again := r.restored(b, true, r.shut)
	p = p.back(again)
	spec := lost.Spec
	spec.Repository.ID, spec.Repository.Path = 77, "/unknown" // made after the backup
	done := wire.FromRegister(job.Register{Incarnation: 1, Version: 9, Phase: job.PhaseStarted,
		Verdict: &job.Verdict{Status: job.Completed, StartedAt: r.clock(), EndedAt: r.clock(), JournalEnd: 2}})
	oldDone := wire.FromRegister(job.Register{Incarnation: 1, Version: 9, Phase: job.PhaseStarted,
		Verdict: &job.Verdict{Status: job.Failed, StartedAt: r.clock(), EndedAt: r.clock(), ErrorCode: "x", ErrorMessage: "x"}})
	squatter, err := job.NewKey()
	must(t, err)
	far, err := job.NewKey()
	must(t, err)
	resp := p.connect("s",
		&fleetv1.JobState{Key: old.Key[:], Id: old.ID, Register: oldDone, Next: 1},
		&fleetv1.JobState{Key: lost.Key[:], Id: lost.ID, Register: done, Next: 3},
		&fleetv1.JobState{Key: squatter[:], Id: old.ID, Register: done, Next: 1},
		&fleetv1.JobState{Key: far[:], Id: 1 << 40, Register: done, Next: 1},
	)
	if a := resp.Jobs[1]; !a.SpecWanted || a.Next != 1 {
		t.Fatalf("the lost job is answered with %v", a)
	}
	if j := again.job(old.ID); j.Status != job.Failed {
		t.Errorf("the job that ended since the backup is %s", j.Status)
	}
	records := []*fleetv1.Record{{Number: 1, Text: "one"}, {Number: 2, Text: "two"}}
	p.send(&fleetv1.JobReport{Key: lost.Key[:], Register: done, Spec: wire.FromSpec(spec), First: 1, Records: records})
	if a := p.next("lost job"); a.Id != lost.ID || a.Action != fleetv1.JobAnswer_ACTION_FORGET || a.Next != 3 {
		t.Errorf("the lost job is answered with %v", a)
	}
	if j := again.job(lost.ID); j.Key != lost.Key || j.Status != job.Completed || j.Spec.Repository.Path != "/unknown" {
		t.Errorf("the lost job is %+v", j)
	}
	empty := wire.FromRegister(job.Register{Incarnation: 1, Version: 9, Phase: job.PhaseStarted,
		Verdict: &job.Verdict{Status: job.Completed, StartedAt: r.clock(), EndedAt: r.clock()}})
	for _, key := range []job.Key{squatter, far} {
		p.send(&fleetv1.JobReport{Key: key[:], Register: empty, Spec: wire.FromSpec(spec), First: 1})
		if a := p.next("a claim"); a.Id <= store.IDsAhead || a.Id > store.IDsAhead+100 {
			t.Errorf("a claim that cannot be is answered with the id %d", a.Id)
		}
	}
	if j := again.start(repo.Path, p.id); j.ID <= store.IDsAhead {
		t.Errorf("a new job has the id %d", j.ID)
	}
}

// TestHeldDefinitions: what hosts keep is shown until it is decided and the
// host says that it has it.
func TestHeldDefinitions(t *testing.T) {
	r := newRig(t)
	p := r.agent("web")
	repo := r.repository(p, "/r")
	again := r.restored(r.backup(), true, r.shut)
	p = p.back(again)
	newer, unknown := repo.Repository, job.Repository{ID: 9, Name: "nine", Path: "/nine", Encryption: "none", BorgID: "abcd"}
	newer.Sources = []string{"/home"}
	hold := func(all ...job.Repository) {
		t.Helper()
		m := &fleetv1.HeldRepositories{}
		for _, d := range all {
			m.Repositories = append(m.Repositories, wire.FromRepository(d))
		}
		must(t, p.stream.Send(&fleetv1.ReportRequest{Held: m}))
	}
	p.connect("s")
	hold(newer, unknown)
	again.await("both are shown", func() bool { return len(again.s.Held(t.Context())) == 2 })
	all := again.s.Held(t.Context())
	if !all[0].Known || all[0].Ours.Sources != nil || all[0].Held.Sources == nil || all[1].Known || all[1].Held.Name != "nine" {
		t.Errorf("shown is %+v", all)
	}
	if a, err := again.s.Agent(t.Context(), p.id); err != nil || !strings.Contains(a.Problem, `9 "nine"`) {
		t.Errorf("the agent's problem is %q, %v", a.Problem, err)
	}
	must(t, again.s.SettleHeld(t.Context(), p.id, 9, true, "test"))
	must(t, again.s.SettleHeld(t.Context(), p.id, repo.ID, false, "test"))
	if got, ok := again.st.Repository(9); !ok || got.Agent != p.id || got.Path != "/nine" || got.BorgID != "" {
		t.Errorf("taken over is %+v", got)
	}
	if got, _ := again.st.Repository(repo.ID); got.Sources != nil {
		t.Errorf("the controller's own was changed: %+v", got)
	}
	if a, _ := again.s.Agent(t.Context(), p.id); a.Problem != "" {
		t.Errorf("there is still a problem: %q", a.Problem)
	}
	told := map[int64]bool{}
	for len(told) < 2 {
		m := <-p.watch
		if m.Snapshot {
			continue
		}
		for _, d := range m.Repositories {
			told[d.Id] = true
		}
	}
	hold(newer, unknown) // it has not heard of it yet: decided stays decided
	hold(newer)
	again.await("the host has confirmed one", func() bool { return len(again.s.Held(t.Context())) == 1 })
	if all := again.s.Held(t.Context()); !all[0].Settled {
		t.Errorf("a decision was forgotten: %+v", all)
	}
	p.disconnect()
	p.connect("s")
	if m := <-p.watch; !m.Snapshot || len(m.SettledRepositories) != 1 || m.SettledRepositories[0] != repo.ID {
		t.Errorf("the snapshot does not say what is settled: %v", m)
	}
	hold()
	again.await("nothing is held", func() bool { return len(again.s.Held(t.Context())) == 0 })
	if err := again.s.SettleHeld(t.Context(), p.id, 9, true, "test"); fault.Of(err).Code != "not_held" {
		t.Errorf("settled what is not there: %v", err)
	}
}

// What cannot be registered is refused, and stays to be decided.
func TestHeldDefinitionInTheWay(t *testing.T) {
	r := newRig(t)
	p, other := r.agent("web"), r.agent("other")
	repo := r.repository(p, "/r")
	foreign := r.repository(other, "/other")
	p.connect("s")
	for _, d := range []job.Repository{
		{ID: 50, Name: "new", Path: repo.Path}, {ID: 51, Name: repo.Name, Path: "/new"}, {ID: foreign.ID, Name: "theirs", Path: "/theirs"},
	} {
		must(t, p.stream.Send(&fleetv1.ReportRequest{Held: &fleetv1.HeldRepositories{Repositories: []*fleetv1.Repository{wire.FromRepository(d)}}}))
		r.await("it is shown", func() bool { all := r.s.Held(t.Context()); return len(all) == 1 && all[0].Held.ID == d.ID })
		if err := r.s.SettleHeld(t.Context(), p.id, d.ID, true, "test"); fault.Of(err).Kind != fault.Conflict {
			t.Errorf("%+v was taken over: %v", d, err)
		}
		if all := r.s.Held(t.Context()); all[0].Settled {
			t.Errorf("%+v is gone", d)
		}
	}
	if got, _ := r.st.Repository(foreign.ID); got.Agent != other.id {
		t.Error("one agent took another's repository")
	}
}

func recipient(t *testing.T) string {
	t.Helper()
	id, err := seal.NewIdentity()
	must(t, err)
	return id.Recipient()
}

// TestJobsThatWaitedInTheBackup may have run since. Nobody says that they were
// too late, and none that may have run is sent again.
func TestJobsThatWaitedInTheBackup(t *testing.T) {
	r := newRig(t)
	p, away := r.agent("web"), r.agent("away")
	repo, other := r.repository(p, "/r"), r.repository(away, "/away")
	p.connect("s")
	p.disconnect()
	waits, never := r.start(repo.Path, p.id), r.start(other.Path, away.id)
	behind := r.start(repo.Path, p.id) // waits for that one
	before := r.backup()
	p.connect("s")
	o := p.order(waits.ID)
	sent := r.backup()
	done := register(5, job.PhaseStarted, job.Completed)
	p.send(&fleetv1.JobReport{Key: o.Key, Register: done})
	p.next("done")
	p.disconnect()
	if j := r.job(waits.ID); j.Status != job.Completed {
		t.Fatalf("in truth it is %s", j.Status)
	}
	const unknown = "is not known any more"

	for name, b := range map[string]backup{"pending": before, "sent": sent} {
		t.Run(name+", deadline passed", func(t *testing.T) {
			again := r.restored(b, true, r.shut)
			p := p.back(again)
			again.pass(job.DefaultStartDeadline)
			if j := again.job(waits.ID); j.Verdict != nil {
				t.Fatalf("before its host has said anything: %s, %s", j.Status, j.Verdict.ErrorMessage)
			}
			p.connect("s")
			if m := <-p.watch; len(m.Orders) != 0 {
				t.Errorf("it is sent again: %v", m.Orders)
			}
			j := again.job(waits.ID)
			if j.Status != job.Failed || !j.Ours || j.Verdict.ErrorCode != job.CodeLost || !strings.Contains(j.Verdict.ErrorMessage, unknown) {
				t.Fatalf("after it: %s, %+v", j.Status, j.Verdict)
			}
			p.disconnect()
			p.connect("s", &fleetv1.JobState{Key: waits.Key[:], Id: waits.ID, Register: done, Next: 1})
			if j := again.job(waits.ID); j.Status != job.Completed {
				t.Errorf("its host says that it was completed, and it is %s", j.Status)
			}
		})
		t.Run(name+", in time", func(t *testing.T) {
			again := r.restored(b, true, r.shut)
			p := p.back(again)
			p.connect("s")
			if o := p.order(waits.ID); o.Desired != fleetv1.Order_DESIRED_RUN {
				t.Errorf("what the host never had is ordered as %v", o)
			}
			p.disconnect()
			again.pass(job.DefaultStartDeadline) // now it is this store's own to judge
			if j := again.job(behind.ID); j.Verdict == nil || j.Verdict.ErrorCode != job.CodeDeadline {
				t.Errorf("the job that its host never had, and that was never sent: %s, %+v", j.Status, j.Verdict)
			}
			if j := again.job(never.ID); j.Verdict != nil {
				t.Errorf("the job of the host that was not heard of: %s, %s", j.Status, j.Verdict.ErrorMessage)
			}
		})
		t.Run(name+", another state", func(t *testing.T) {
			again := r.restored(b, true, r.shut)
			p := p.back(again)
			p.connect("other")
			if j := again.job(waits.ID); j.Verdict == nil || !strings.Contains(j.Verdict.ErrorMessage, "not known") && !strings.Contains(j.Verdict.ErrorMessage, "state directory") {
				t.Errorf("the old state may have run it, and it is %s, %+v", j.Status, j.Verdict)
			}
		})
	}

	// A host that never comes back does not keep its job waiting for ever.
	again := r.restored(before, true, r.shut)
	again.pass(job.DefaultStartDeadline + job.LostAfter + time.Second)
	j := again.job(never.ID)
	if j.Status != job.Failed || j.Verdict.ErrorCode != job.CodeLost || !strings.Contains(j.Verdict.ErrorMessage, "not been heard of") {
		t.Errorf("the job of a host that stays away: %s, %+v", j.Status, j.Verdict)
	}
}

// TestTwoRestoresOfOneBackup: what the first one gave is not given again, and
// comes back under its id.
func TestTwoRestoresOfOneBackup(t *testing.T) {
	r := newRig(t)
	p, q := r.agent("web"), r.agent("db")
	r.repository(p, "/r")
	b := r.backup()
	r.pass(time.Hour)
	first := r.restored(b, true, r.shut)
	p1 := p.back(first)
	repo := first.repository(p1, "/made-after-the-first-restore")
	p1.connect("s")
	j := first.start(repo.Path, p.id)
	p1.disconnect()

	r.pass(time.Minute)
	second := r.restored(b, true, r.shut)
	other := second.repository(q.back(second), "/q")
	k := second.start(other.Path, q.id)
	if other.ID == repo.ID || k.ID == j.ID {
		t.Errorf("ids are given twice: repositories %d and %d, jobs %d and %d", repo.ID, other.ID, j.ID, k.ID)
	}
	p2 := p.back(second)
	done := register(9, job.PhaseStarted, job.Completed)
	p2.connect("s", &fleetv1.JobState{Key: j.Key[:], Id: j.ID, Register: done, Next: 1})
	p2.send(&fleetv1.JobReport{Key: j.Key[:], Register: done, Spec: wire.FromSpec(j.Spec), First: 1})
	if a := p2.next("the job of the first one"); a.Id != j.ID || a.SpecWanted {
		t.Errorf("it is answered with %v", a)
	}
	if now := second.job(j.ID); now.Key != j.Key || now.Status != job.Completed || now.Spec.Repository.ID != repo.ID {
		t.Errorf("it is %+v", now)
	}
}
