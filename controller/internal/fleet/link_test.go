package fleet

import (
	"crypto/rand"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"

	"borgfleet/certs"
	"borgfleet/controller/internal/fault"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/proto/fleet/v1/fleetv1connect"
	"borgfleet/shared/wire"
)

func wantCode(t *testing.T, what string, err error, code connect.Code) {
	t.Helper()
	if connect.CodeOf(err) != code {
		t.Errorf("%s: got %v, want %s", what, err, code)
	}
}

// TestStrangersReachEnrollAndRecoverOnly: without a certificate of this fleet every other
// call is refused, streams included, and a foreign certificate gets no
// connection at all.
func TestStrangersReachEnrollAndRecoverOnly(t *testing.T) {
	r := newRig(t)
	c := r.stranger()
	_, err := c.Hello(t.Context(), &fleetv1.HelloRequest{Protocol: 1, StateId: "x"})
	wantCode(t, "hello", err, connect.CodeUnauthenticated)
	watch, err := c.Watch(t.Context(), &fleetv1.WatchRequest{Epoch: "x"})
	if err == nil {
		for watch.Receive() {
			t.Error("a stranger was told something")
		}
		err = watch.Err()
	}
	wantCode(t, "watch", err, connect.CodeUnauthenticated)
	report, err := c.Report(t.Context())
	if err == nil {
		_, err = report.Receive()
	}
	wantCode(t, "report", err, connect.CodeUnauthenticated)
	_, err = c.Renew(t.Context(), &fleetv1.RenewRequest{})
	wantCode(t, "renew", err, connect.CodeUnauthenticated)
	if got := refusal(err); got != "no_identity" {
		t.Errorf("renew: refused as %q", got)
	}
	_, err = c.Enroll(t.Context(), &fleetv1.EnrollRequest{Token: "nonsense"})
	wantCode(t, "enroll", err, connect.CodeInvalidArgument)
	_, err = c.Recover(t.Context(), &fleetv1.RecoverRequest{Chain: [][]byte{[]byte("nonsense")}})
	if got := refusal(err); got != "recover_refused" {
		t.Errorf("recover: refused as %q: %v", got, err)
	}

	other, err := certs.CreateAuthority(filepath.Join(t.TempDir(), "ca"), time.Now(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	conf := foreignTLS(t, r, other)
	_, err = conf.Hello(t.Context(), &fleetv1.HelloRequest{Protocol: 1, StateId: "x"})
	// Refused in the handshake: which error that is depends on who notices
	// first, but it is never an answer.
	if e, ok := errors.AsType[*connect.Error](err); !ok || connect.IsWireError(e) {
		t.Errorf("foreign certificate: got %v, want a broken connection", err)
	}
	if len(r.st.Agents()) != 0 {
		t.Error("somebody got in")
	}
}

// foreignTLS is a client that trusts this controller but shows a certificate
// of another fleet.
func foreignTLS(t *testing.T, r *rig, other *certs.Authority) fleetv1connect.FleetServiceClient {
	t.Helper()
	key, csr, err := certs.NewKeyAndCSR(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	chain, _, err := other.SignAgent(csr, "intruder", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	cred, err := certs.NewCredential(key, chain, other.Root(), other.RootFingerprint(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	conf := certs.EnrollTLS(r.ca.RootFingerprint(), time.Now)
	conf.GetClientCertificate = cred.ClientTLS(time.Now).GetClientCertificate
	conf.Certificates = cred.ClientTLS(time.Now).Certificates
	tr := r.transport(func() *http.Transport { return &http.Transport{TLSClientConfig: conf} })
	return fleetv1connect.NewFleetServiceClient(&http.Client{Transport: tr}, r.url)
}

func TestEnrolmentTokens(t *testing.T) {
	r := newRig(t)
	keyA, _, _ := certs.NewKeyAndCSR(rand.Reader)
	keyB, _, _ := certs.NewKeyAndCSR(rand.Reader)
	token := r.token(JoinTokenRequest{})
	first, err := r.enrolWith(token, "web", keyA)
	if err != nil {
		t.Fatal(err)
	}
	again, err := r.enrolWith(token, "web", keyA)
	if err != nil || again.AgentId != first.AgentId {
		t.Errorf("repeated with the same key: %v, %v; want the same agent", again, err)
	}
	name := "zed"
	if _, err := r.s.ChangeAgent(t.Context(), first.AgentId, AgentChange{Name: &name}); err != nil {
		t.Fatal(err)
	}
	if again, err = r.enrolWith(token, "web", keyA); err != nil || again.Name != "web" {
		t.Errorf("repeated after a rename: it is told the name %q, %v; want the one that the host knows", again.GetName(), err)
	}
	name = "web"
	if _, err := r.s.ChangeAgent(t.Context(), first.AgentId, AgentChange{Name: &name}); err != nil {
		t.Fatal(err)
	}
	_, err = r.enrolWith(token, "other", keyB)
	wantCode(t, "used token", err, connect.CodeUnauthenticated)
	_, err = r.enrolWith(r.token(JoinTokenRequest{}), "web", keyB)
	wantCode(t, "name taken", err, connect.CodeFailedPrecondition)
	if err == nil || !strings.Contains(err.Error(), "--name") {
		t.Errorf("the error does not say what to do: %v", err)
	}
	forged, _, err := certs.NewJoinToken(r.url, r.ca.RootFingerprint(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	_, err = r.enrolWith(forged, "x", keyB)
	wantCode(t, "forged token", err, connect.CodeUnauthenticated)
	old := r.token(JoinTokenRequest{TTL: time.Minute})
	r.pass(2 * time.Minute)
	_, err = r.enrolWith(old, "x", keyB)
	wantCode(t, "expired token", err, connect.CodeUnauthenticated)
	r.pass(2 * time.Hour)
	_, err = r.enrolWith(token, "web", keyA)
	wantCode(t, "repeated when it has expired", err, connect.CodeUnauthenticated)
	if n := len(r.st.Agents()); n != 1 {
		t.Errorf("%d agents enrolled, want 1", n)
	}
}

// TestAJobsWay: order, acceptance, start, lines, verdict, and at each step what
// people see.
func TestAJobsWay(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	r.repository(a, "/r")
	j := r.start("/r", "")
	if got := r.waiting(j.ID); got != waitOffline {
		t.Errorf("waits for %q, want %q", got, waitOffline)
	}
	a.connect("s1")
	o := a.order(j.ID)
	if o.Desired != fleetv1.Order_DESIRED_RUN || job.Key(o.Key) != j.Key {
		t.Fatalf("order %v", o)
	}
	a.send(&fleetv1.JobReport{Key: o.Key, Register: register(1, job.PhaseAccepted, "")})
	if an := a.next("accepted"); an.Id != j.ID || an.Next != 1 {
		t.Errorf("answer %v", an)
	}
	a.send(&fleetv1.JobReport{Key: o.Key, Register: register(2, job.PhaseStarted, ""), First: 1, Records: records(1, "one", "two")})
	if an := a.next("started"); an.Next != 3 {
		t.Errorf("acknowledged up to %d, want 3", an.Next)
	}
	if got := r.job(j.ID); got.Status != job.Running {
		t.Errorf("status %s", got.Status)
	}
	end := register(3, job.PhaseStarted, job.Completed)
	end.Verdict.JournalEnd = 3
	a.send(&fleetv1.JobReport{Key: o.Key, Register: end, First: 2, Records: records(2, "two", "three")})
	if an := a.next("verdict"); an.Next != 4 || an.Action != fleetv1.JobAnswer_ACTION_FORGET {
		t.Errorf("answer %v", an)
	}
	page, err := r.s.Log(t.Context(), j.ID, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, l := range page.Lines {
		texts = append(texts, l.Text)
	}
	if got := strings.Join(texts, " "); got != "one two three" || page.Total != 3 || page.HasMore {
		t.Errorf("log %q, %d in all", got, page.Total)
	}
	if got := r.job(j.ID); got.Status != job.Completed || !got.LogComplete() {
		t.Errorf("job %+v", got)
	}
}

// TestAHoleInTheJournalIsRefused: the stream ends, nothing of it is stored, and
// the next Hello says where to go on.
func TestAHoleInTheJournalIsRefused(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	r.repository(a, "/r")
	a.connect("s1")
	j := r.start("/r", "")
	key := a.order(j.ID).Key
	a.send(&fleetv1.JobReport{Key: key, Register: register(1, job.PhaseStarted, ""), First: 1, Records: records(1, "one")})
	a.next("first line")
	a.send(&fleetv1.JobReport{Key: key, First: 5, Records: records(5, "five")})
	select {
	case err := <-a.broke:
		wantCode(t, "hole", err, connect.CodeAborted)
	case <-time.After(10 * time.Second):
		t.Fatal("a hole was taken")
	}
	resp := a.connect("s1", &fleetv1.JobState{Key: key, Register: register(1, job.PhaseStarted, ""), Next: 6})
	if resp.Jobs[0].Next != 2 {
		t.Errorf("goes on at %d, want 2", resp.Jobs[0].Next)
	}
}

// TestAnAgentReachesOnlyItsOwnJobs: not by Hello, not by Report, not by a spec.
func TestAnAgentReachesOnlyItsOwnJobs(t *testing.T) {
	r := newRig(t)
	a, b := r.agent("a"), r.agent("b")
	repo := r.repository(a, "/r")
	a.connect("s1")
	j := r.start("/r", "")
	a.order(j.ID)

	b.connect("s2", &fleetv1.JobState{Key: j.Key[:], Register: register(9, job.PhaseStarted, job.Failed)})
	b.send(&fleetv1.JobReport{Key: j.Key[:], Register: register(9, job.PhaseStarted, job.Failed), First: 1, Records: records(1, "lies")})
	key, _ := job.NewKey()
	spec := wire.FromSpec(job.Spec{Kind: job.Backup, Repository: repo.Repository, CreatedAt: time.Now(), StartDeadline: time.Now().Add(time.Hour), TriggeredBy: job.ByAgent})
	b.send(&fleetv1.JobReport{Key: key[:], Spec: spec, Register: register(1, job.PhaseAnnounced, "")})
	// Its own jobs are not held up by what is refused.
	own := r.repository(b, "/own")
	mine, _ := job.NewKey()
	spec = wire.FromSpec(job.Spec{Kind: job.Backup, Repository: own.Repository, CreatedAt: time.Now(), StartDeadline: time.Now().Add(time.Hour), TriggeredBy: job.ByAgent})
	b.send(&fleetv1.JobReport{Key: mine[:], Spec: spec, Register: register(1, job.PhaseAnnounced, "")})
	if an := b.next("own job"); job.Key(an.Key) != mine || an.Id == 0 {
		t.Errorf("answer %v", an)
	}
	if _, known, _ := r.st.JobByKey(key); known {
		t.Error("a job on another agent's repository was taken in")
	}
	if got := r.job(j.ID); got.LogNext != 1 {
		t.Error("lines of another agent were taken in")
	}
	if got := r.job(j.ID); got.Status != job.Pending || got.OnAgent() {
		t.Errorf("the job was changed: %+v", got)
	}
	w, err := a.client.Watch(t.Context(), &fleetv1.WatchRequest{Epoch: b.epoch})
	if err == nil {
		for w.Receive() {
			t.Error("a was told of b's desired state")
		}
		err = w.Err()
	}
	wantCode(t, "another agent's epoch", err, connect.CodeAborted)
}

// TestOneWriterALocation, across hosts; and one job a host; and nobody waits
// for a host that is away.
func TestWaiting(t *testing.T) {
	r := newRig(t)
	a, b := r.agent("a"), r.agent("b")
	const shared = "ssh://u@store/r"
	r.repository(a, shared)
	r.repository(a, "/other")
	r.repository(b, shared)
	a.connect("s1")
	b.connect("s2")
	ja := r.start(shared, "a")
	a.send(&fleetv1.JobReport{Key: a.order(ja.ID).Key, Register: register(1, job.PhaseStarted, "")})
	a.next("started")
	jb, jo := r.start(shared, "b"), r.start("/other", "")
	if got, want := r.waiting(jb.ID), "repository busy (job 1)"; got != want {
		t.Errorf("b waits for %q, want %q", got, want)
	}
	if got := r.waiting(jo.ID); got != waitHost {
		t.Errorf("the second job of a waits for %q, want %q", got, waitHost)
	}
	a.disconnect()
	r.pass(59 * time.Second)
	if r.job(jb.ID).Sent {
		t.Error("the location was given away too early")
	}
	r.pass(2 * time.Second)
	if !r.job(jb.ID).Sent {
		t.Errorf("b still waits, for %q", r.waiting(jb.ID))
	}
	if got := r.job(ja.ID); got.Status != job.Running {
		t.Errorf("a silent agent's job is %s, and only running is known", got.Status)
	}
	// The host slot comes free with the verdict.
	a.connect("s1", &fleetv1.JobState{Key: ja.Key[:], Register: register(5, job.PhaseStarted, job.Completed)})
	a.order(jo.ID)
}

// TestALockIsNotWaitedForTwice: a job that waits for borg's lock keeps nobody
// from the location. The lock may be a dead borg's of the other host, which
// alone can take it away.
func TestALockIsNotWaitedForTwice(t *testing.T) {
	for _, phase := range []job.Phase{job.PhaseWaiting, job.PhaseVerifying} {
		r := newRig(t)
		a, b := r.agent("a"), r.agent("b")
		const shared = "ssh://u@store/r"
		r.repository(a, shared)
		r.repository(b, shared)
		a.connect("s1")
		b.connect("s2")
		jb := r.start(shared, "b")
		b.send(&fleetv1.JobReport{Key: b.order(jb.ID).Key, Register: register(1, job.PhaseStarted, "")})
		b.next("started")
		ja := r.start(shared, "a")
		if got, want := r.waiting(ja.ID), "repository busy (job 1)"; got != want {
			t.Errorf("a waits for %q, want %q", got, want)
		}
		b.send(&fleetv1.JobReport{Key: jb.Key[:], Register: register(2, phase, "")})
		a.order(ja.ID)
	}
}

// TestLostAndFound: a job is given up when its agent comes back without it, and
// the agent's word replaces that when the old state turns up after all.
func TestLostAndFound(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	r.repository(a, "/r")
	a.connect("s1")
	j := r.start("/r", "")
	a.send(&fleetv1.JobReport{Key: a.order(j.ID).Key, Register: register(1, job.PhaseStarted, "")})
	a.next("started")
	a.disconnect()
	a.connect("another state")
	if got := r.job(j.ID); got.Status != job.Failed || got.Verdict.ErrorCode != job.CodeLost {
		t.Fatalf("%s %+v, want lost", got.Status, got.Verdict)
	}
	a.disconnect()
	a.connect("s1", &fleetv1.JobState{Key: j.Key[:], Register: register(1, job.PhaseStarted, "")})
	if got := r.job(j.ID); got.Status != job.Running {
		t.Errorf("%s, but it lives", got.Status)
	}
	a.disconnect()
	r.pass(25 * time.Hour)
	if got := r.job(j.ID); got.Status != job.Failed || got.Verdict.ErrorCode != job.CodeLost {
		t.Errorf("%s after a day of silence", got.Status)
	}
	a.connect("s1", &fleetv1.JobState{Key: j.Key[:], Register: register(9, job.PhaseStarted, job.Completed)})
	if got := r.job(j.ID); got.Status != job.Completed {
		t.Errorf("%s, but the agent says completed", got.Status)
	}
}

// TestASecondMachineIsRefused while the first still answers.
func TestASecondMachineIsRefused(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	a.connect("s1")
	_, err := a.client.Hello(t.Context(), &fleetv1.HelloRequest{Protocol: 1, StateId: "copy"})
	wantCode(t, "clone", err, connect.CodeFailedPrecondition)
	if !r.s.online(a.id) {
		t.Error("the copy threw the first one out")
	}
}

func TestCancel(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	r.repository(a, "/r")
	never := r.start("/r", "")
	if res, err := r.s.Cancel(t.Context(), never.ID, "admin"); err != nil || !res.Ended || res.ProcessTerminated {
		t.Errorf("never sent: %+v, %v", res, err)
	}
	a.connect("s1")
	sent := r.start("/r", "")
	a.order(sent.ID)
	if res, err := r.s.Cancel(t.Context(), sent.ID, "admin"); err != nil || res.Ended {
		t.Errorf("sent: %+v, %v; only the agent can end it", res, err)
	}
	o := a.order(sent.ID)
	if o.Desired != fleetv1.Order_DESIRED_CANCEL {
		t.Errorf("the agent is told %s", o.Desired)
	}
	end := register(1, job.PhaseStarted, job.Completed)
	a.send(&fleetv1.JobReport{Key: o.Key, Register: end})
	a.next("verdict")
	if got := r.job(sent.ID); got.Status != job.Completed {
		t.Errorf("%s, but borg finished first", got.Status)
	}
	if _, err := r.s.Cancel(t.Context(), sent.ID, "admin"); err == nil {
		t.Error("a job that has ended was cancelled")
	}
	if _, err := r.s.Cancel(t.Context(), -1, "admin"); err == nil {
		t.Error("a job that does not exist was cancelled")
	}
}

// TestUnconfirmedRevisionIsSaidAgain, whole.
func TestUnconfirmedRevisionIsSaidAgain(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	r.repository(a, "/r")
	a.connect("s1")
	j := r.start("/r", "")
	a.order(j.ID)
	r.pass(31 * time.Second)
	a.order(j.ID)
}

// TestJobsMadeOnTheHost get a number, a place in the queue, and go by their key.
func TestJobsMadeOnTheHost(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	repo := r.repository(a, "/r")
	a.connect("s1")
	key, _ := job.NewKey()
	spec := wire.FromSpec(job.Spec{Kind: job.Backup, Repository: repo.Repository, CreatedAt: time.Now(), StartDeadline: time.Now().Add(time.Hour), TriggeredBy: job.ByAgent})
	a.send(&fleetv1.JobReport{Key: key[:], Register: register(1, job.PhaseAnnounced, "")})
	if an := a.next("unknown key"); !an.SpecWanted || an.Id != 0 {
		t.Fatalf("answer %v, want a question for the spec", an)
	}
	a.send(&fleetv1.JobReport{Key: key[:], Spec: spec, Register: register(1, job.PhaseAnnounced, "")})
	an := a.next("spec")
	if an.Id == 0 {
		t.Fatal("no id")
	}
	if o := a.order(an.Id); o.Desired != fleetv1.Order_DESIRED_RUN {
		t.Errorf("order %v", o)
	}
	a.send(&fleetv1.JobReport{Key: key[:], Spec: spec, Register: register(2, job.PhaseAccepted, "")})
	if again := a.next("repeat"); again.Id != an.Id {
		t.Errorf("a repeat made job %d beside %d", again.Id, an.Id)
	}
}

// TestRevokedAgent: the next call is refused, also on a live connection.
func TestRevokedAgent(t *testing.T) {
	r := newRig(t)
	a := r.agent("a")
	a.connect("s1")
	err := r.st.Update(t.Context(), func(tx *store.Tx) error {
		rec, _ := tx.Agent(a.id)
		rec.Revoked = true
		return tx.PutAgent(rec)
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.client.Hello(t.Context(), &fleetv1.HelloRequest{Protocol: 1, StateId: "s1"})
	wantCode(t, "hello", err, connect.CodePermissionDenied)
	if err := a.stream.Send(&fleetv1.ReportRequest{AppliedRevision: 1}); err == nil {
		err = <-a.broke
		wantCode(t, "open stream", err, connect.CodePermissionDenied)
	}
}

// TestAJobThatItsHostCannotRead is shown with the reason and keeps nobody
// waiting; what can be read again counts, and a person can end the wait.
func TestAJobThatItsHostCannotRead(t *testing.T) {
	mended := wire.FromRegister(job.Register{Incarnation: 1, Version: 1, Phase: job.PhaseVerifying, Reason: "its register is damaged"})
	for name, damaged := range map[string]*fleetv1.Register{"named only": nil, "with a reason": mended} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			a := r.agent("a")
			r.repository(a, "/r")
			r.repository(a, "/other")
			a.connect("s1")
			j := r.start("/r", "")
			started := register(7, job.PhaseStarted, "")
			started.ArchiveName = "a-r-1"
			a.send(&fleetv1.JobReport{Key: a.order(j.ID).Key, Register: started})
			a.next("started")
			same, other := r.start("/r", ""), r.start("/other", "")
			name := &fleetv1.JobState{Key: j.Key[:], Id: j.ID, Register: damaged, Next: 1}
			a.disconnect()
			a.connect("s1", name)
			v, err := r.s.Job(t.Context(), j.ID)
			must(t, err)
			want := damaged.GetReason()
			if want == "" {
				want = unreadable
			}
			if v.Status != job.Running || v.Register.Phase != job.PhaseVerifying || v.WaitingFor != want || v.StartedAt().IsZero() {
				t.Errorf("it is shown as %s, waiting for %q: %+v", v.Status, v.WaitingFor, v.Register)
			}
			a.order(same.ID) // neither location nor host slot
			a.send(&fleetv1.JobReport{Key: same.Key[:], Register: register(2, job.PhaseStarted, job.Completed)})
			a.order(other.ID)
			a.disconnect()

			// It can be read again, and is as it was.
			a.connect("s1", &fleetv1.JobState{Key: j.Key[:], Id: j.ID, Register: started, Next: 1})
			if v, _ := r.s.Job(t.Context(), j.ID); v.Register.Phase != job.PhaseStarted || v.WaitingFor != "" {
				t.Errorf("read again it is %+v", v.Register)
			}
			a.disconnect()
			a.connect("s1", name)
			if _, err := r.s.Cancel(t.Context(), j.ID, "eve"); fault.Of(err).Code != "job_ended" {
				t.Errorf("the cancel is answered with %v", err)
			}
			now := r.job(j.ID)
			if now.Status != job.Failed || now.Verdict.ErrorCode != job.CodeUnverified || !strings.Contains(now.Verdict.ErrorMessage, "archive a-r-1") || !strings.Contains(now.Verdict.ErrorMessage, "eve") {
				t.Errorf("after the cancel: %s, %+v", now.Status, now.Verdict)
			}
			a.disconnect()
			if resp := a.connect("s1", name); resp.Jobs[0].Action != fleetv1.JobAnswer_ACTION_CANCEL {
				t.Errorf("the host, which may be able to end it, is answered with %v", resp.Jobs[0])
			}
			if now := r.job(j.ID); now.Status != job.Failed {
				t.Errorf("naming it again has made it %s", now.Status)
			}
			a.send(&fleetv1.JobReport{Key: j.Key[:], Register: register(9, job.PhaseStarted, job.Completed)})
			a.next("the truth")
			if now := r.job(j.ID); now.Status != job.Completed {
				t.Errorf("the truth has made it %s", now.Status)
			}
		})
	}
}
