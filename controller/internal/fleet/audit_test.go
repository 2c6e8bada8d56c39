package fleet

import (
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
	"time"

	"borgfleet/certs"
	"borgfleet/controller/internal/audit"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/wire"
)

// audited reads the audit log from the oldest entry on: who, how, what, on what,
// the outcome and the code.
func (r *rig) audited() []string {
	r.t.Helper()
	all, _, err := r.st.AuditLog(store.AuditFilter{}, "", 1000)
	must(r.t, err)
	out := make([]string, len(all))
	for i, e := range all {
		if e.From == "" && e.What != whatRefused {
			r.t.Errorf("from nowhere: %+v", e)
		}
		out[len(all)-1-i] = strings.Join([]string{e.Who, e.Via, e.What, e.On, e.Outcome, e.Code}, "|")
	}
	return out
}

func (r *rig) wantAudited(what string, before int, want ...string) int {
	r.t.Helper()
	all := r.audited()
	if got := strings.Join(all[before:], "\n"); got != strings.Join(want, "\n") {
		r.t.Errorf("%s left\n%s\nwant\n%s", what, got, strings.Join(want, "\n"))
	}
	return len(all)
}

// What agents do and are refused is in the audit log, with the agent that it was.
func TestAgentsAreAudited(t *testing.T) {
	r := newRig(t)
	n := len(r.audited())
	a := r.agent("web1")
	on := "agent/" + a.id
	n = r.wantAudited("an enrolment", n, "|join token|enrolAgent|"+on+"|done|")
	token := r.token(JoinTokenRequest{})
	key, _ := newCSR(t)
	_, err := r.enrolWith(token, "web1", key)
	wantRefusal(t, "a name that is taken", err, "agent_name_taken")
	foreign, _, err := certs.NewJoinToken(r.s.agentURL, r.ca.RootFingerprint(), rand.Reader)
	must(t, err)
	_, err = r.enrolWith(foreign, "web2", key)
	if err == nil {
		t.Fatal("enrolled with a wrong token")
	}
	n = r.wantAudited("refused enrolments", n, "|join token|enrolAgent||refused|agent_name_taken", "|join token|enrolAgent||refused|join_token_unknown")

	r.pass(time.Minute)
	renewed, err := a.renew()
	must(t, err)
	n = r.wantAudited("a renewal", n, "web1|certificate|renewAgent|"+on+"|done|")
	recovered, err := r.recover(renewed.cred)
	must(t, err)
	n = r.wantAudited("a recovery", n, "web1|certificate|recoverAgent|"+on+"|done|")
	recovered.connect("s1")
	n = r.wantAudited("a connection", n)
	r.pass(time.Second)
	wantRefusal(t, "the old certificate", a.knock("s1"), "certificate_replaced")
	n = r.wantAudited("a replaced certificate", n, "web1|certificate|connectAgent|"+on+"|refused|certificate_replaced")

	ctx := r.s.audit.Begin(t.Context(), "192.0.2.7")
	audit.Of(ctx).What("revokeAgent", true)
	audit.Of(ctx).Is("ann", "login")
	_, err = r.s.RevokeAgent(ctx, "web1", "ann")
	must(t, err)
	n = r.wantAudited("a revocation", n, "ann|login|revokeAgent|"+on+"|done|")
	for range 50 {
		wantRefusal(t, "a revoked agent", recovered.knock("s1"), "agent_revoked")
	}
	all := r.audited()[n:]
	for _, e := range all {
		if e != "web1|certificate|connectAgent|"+on+"|refused|agent_revoked" {
			t.Errorf("a revoked agent left %s", e)
		}
	}
	if len(all) == 0 || len(all) > 20 {
		t.Errorf("a revoked agent that knocks 50 times leaves %d entries", len(all))
	}
}

// An order that the host refuses is in the audit log together with the verdict;
// what the host's own people asked for is not.
func TestHostsRefusalIsAudited(t *testing.T) {
	r := newRig(t)
	p := r.agent("web1")
	repo := r.repository(p, "/r")
	p.connect("s1")
	ctx := r.s.audit.Begin(t.Context(), "192.0.2.7")
	audit.Of(ctx).What("startBackup", true)
	audit.Of(ctx).Is("ann", "login")
	n := len(r.audited())
	j, err := r.s.Start(ctx, StartRequest{Repository: "/r", By: "ann"})
	must(t, err)
	on := fmt.Sprint("job/", j.ID)
	n = r.wantAudited("a start", n, "ann|login|startBackup|"+on+"|done|")
	refused := func(version uint64, key []byte) *fleetv1.JobReport {
		reg := job.Register{Incarnation: 1, Version: version, Phase: job.PhaseAccepted, Verdict: &job.Verdict{
			Status: job.Failed, ErrorCode: job.CodePolicy, EndedAt: time.Now(),
			ErrorMessage: "this host does not allow it (allow.sources): /etc is not to be backed up; its owner can allow it there with: borgfleet-agent allow --source /etc",
		}}
		return &fleetv1.JobReport{Key: key, Register: wire.FromRegister(reg)}
	}
	ordered := p.order(j.ID).Key
	for version := range uint64(3) {
		p.send(refused(version+1, ordered))
		p.next("the verdict, also again")
	}
	n = r.wantAudited("a refused order", n, "web1|certificate|hostRefused|"+on+"|refused|policy_refused")
	entries, _, err := r.st.AuditLog(store.AuditFilter{On: on}, "", 1)
	must(t, err)
	if !strings.Contains(entries[0].Detail, "allow --source /etc") {
		t.Errorf("%+v", entries[0])
	}

	key, err := job.NewKey()
	must(t, err)
	report := refused(1, key[:])
	report.Spec = wire.FromSpec(job.Spec{Kind: job.Backup, Repository: repo.Repository, CreatedAt: time.Now(), StartDeadline: time.Now().Add(time.Hour), TriggeredBy: job.ByAgent})
	p.send(report)
	p.next("a job of the host's own")
	r.wantAudited("a job of the host's own", n)
}
