package fleet

import (
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
	"borgfleet/shared/version"
	"borgfleet/shared/wire"
)

// forged is a job that an agent says it made itself.
func forged(t *testing.T, kind job.Kind, repo job.Repository, phase job.Phase, status job.Status) *fleetv1.JobReport {
	t.Helper()
	key, err := job.NewKey()
	must(t, err)
	spec := job.Spec{Kind: kind, Repository: repo, CreatedAt: time.Now(), StartDeadline: time.Now().Add(time.Hour), TriggeredBy: job.ByAgent}
	return &fleetv1.JobReport{Key: key[:], Spec: wire.FromSpec(spec), Register: register(1, phase, status)}
}

// taken says whether a report was taken in. What is answered has no order within
// a message, so two others are asked for behind it.
func (p *puppet) taken(t *testing.T, r *fleetv1.JobReport) (got bool) {
	t.Helper()
	p.send(r)
	for range 2 {
		key, err := job.NewKey()
		must(t, err)
		p.send(&fleetv1.JobReport{Key: key[:]})
		for a := p.next("an answer"); job.Key(a.Key) != key; a = p.next("an answer") {
			got = got || job.Key(a.Key) == job.Key(r.Key)
		}
	}
	return got
}

// TestPlacesOfOthers: a job that an agent makes up keeps nobody from a repository
// of theirs. One that has ended keeps nobody from anything, and is history.
func TestPlacesOfOthers(t *testing.T) {
	r := newRig(t)
	thief, victim := r.agent("thief"), r.agent("victim")
	const place = "ssh://bk@store/srv/victim"
	own := r.repository(thief, "ssh://bk@store/srv/thief")
	theirs := r.repository(victim, place)
	shared := r.repository(thief, "ssh://bk@store/srv/shared")
	r.repository(victim, "bk@STORE:/srv/shared/")
	thief.connect("t")
	victim.connect("v")
	for _, tt := range []struct {
		name   string
		repo   job.Repository
		status job.Status
		taken  bool
	}{
		{"its own", own.Repository, "", true},
		{"one that both use", shared.Repository, "", true},
		{"its own id, another's place", job.Repository{ID: own.ID, Path: place}, "", false},
		{"its own id, another's place spelt otherwise", job.Repository{ID: own.ID, Path: "bk@Store:/srv/./victim/"}, "", false},
		{"its own id, a place of nobody", job.Repository{ID: own.ID, Path: "ssh://bk@store/srv/old"}, "", true},
		{"its own id, another's place, ended", job.Repository{ID: own.ID, Path: place}, job.Completed, true},
		{"another's id", theirs.Repository, "", false},
		{"another's id, ended", theirs.Repository, job.Completed, false},
		{"an id of nobody", job.Repository{ID: 99, Path: own.Path}, job.Completed, false},
		{"no id", job.Repository{Path: own.Path}, job.Completed, true},
		{"no id, another's place", job.Repository{Path: place}, "", false},
	} {
		if got := thief.taken(t, forged(t, job.Backup, tt.repo, job.PhaseStarted, tt.status)); got != tt.taken {
			t.Errorf("%s: taken in %v, want %v", tt.name, got, tt.taken)
		}
	}
	if j := r.start(place, "victim"); !j.Sent {
		t.Errorf("the victim's job waits: %s", r.waiting(j.ID))
	}
}

// TestFutureJobs: a host whose clock is ahead, or that says so, does not stand
// before everybody else's jobs for ever.
func TestFutureJobs(t *testing.T) {
	r := newRig(t)
	p := r.agent("p")
	repo := r.repository(p, "/r")
	p.connect("s")
	ahead := forged(t, job.Backup, repo.Repository, job.PhaseStarted, job.Completed)
	ahead.Spec.CreatedAt = timestamppb.New(time.Date(9000, 1, 1, 0, 0, 0, 0, time.UTC))
	ahead.Register.Verdict.EndedAt = &timestamppb.Timestamp{Seconds: 1 << 50}
	if !p.taken(t, ahead) {
		t.Fatal("not taken in")
	}
	page, err := r.s.Jobs(t.Context(), JobQuery{Limit: 10})
	must(t, err)
	if len(page.Jobs) != 1 || page.Jobs[0].Spec.CreatedAt.After(r.clock()) || page.Jobs[0].Verdict.EndedAt.Year() > 2200 || page.Jobs[0].Verdict.EndedAt.IsZero() {
		t.Errorf("%+v", page.Jobs)
	}
}

// TestLongHello: what a Hello says and what it leaves out goes in steps, and all
// of it arrives: large jobs, too.
func TestLongHello(t *testing.T) {
	r := newRig(t)
	p := r.agent("p")
	repo := r.repository(p, "/r")
	p.connect("s")
	const n = 3*stepJobs + 5
	states := make([]*fleetv1.JobState, n)
	for i := range states {
		rep := forged(t, job.Backup, repo.Repository, job.PhaseStarted, "")
		rep.Spec.RequestedBy = strings.Repeat("x", 50_000)
		if !p.taken(t, rep) {
			t.Fatalf("job %d was not taken in", i)
		}
		states[i] = &fleetv1.JobState{Key: rep.Key, Register: register(2, job.PhaseStarted, ""), Next: 1}
	}
	p.disconnect()
	if resp := p.connect("s", states[:n/2]...); len(resp.Jobs) != n/2 {
		t.Errorf("%d of %d jobs are answered", len(resp.Jobs), n/2)
	}
	active := 0
	for _, j := range r.st.Active(p.id) {
		if j.Status == job.Running {
			active++
		}
	}
	if active != n/2 {
		t.Errorf("%d jobs run, of %d that the agent still has", active, n/2)
	}
	large := forged(t, job.Restore, repo.Repository, job.PhaseStarted, job.Failed)
	large.Spec.RequestedBy = strings.Repeat("x", job.MaxSpec-10_000)
	if !p.taken(t, large) {
		t.Error("the largest spec was not taken in")
	}
	large = forged(t, job.Restore, repo.Repository, job.PhaseStarted, job.Failed)
	large.Spec.RequestedBy = strings.Repeat("x", job.MaxSpec)
	if p.taken(t, large) {
		t.Error("a larger one was")
	}
}

// TestMostActive: more jobs that have not ended than an agent may have are left
// out, and come when there is room.
func TestMostActive(t *testing.T) {
	r := newRig(t)
	p := r.agent("p")
	repo := r.repository(p, "/r")
	p.connect("s")
	var all []*fleetv1.JobReport
	for range mostActive {
		all = append(all, forged(t, job.Backup, repo.Repository, job.PhaseAnnounced, ""))
	}
	must(t, p.stream.Send(&fleetv1.ReportRequest{Jobs: all}))
	for range all {
		p.next("an answer")
	}
	more := forged(t, job.Backup, repo.Repository, job.PhaseAnnounced, "")
	if p.taken(t, more) {
		t.Error("one too many was taken in")
	}
	all[0].Register = register(2, job.PhaseStarted, job.Completed)
	if !p.taken(t, all[0]) || !p.taken(t, more) {
		t.Error("there is no room, though a job has ended")
	}
}

// TestAnswersAreBounded: an agent that asks and does not read costs its stream,
// and no more memory.
func TestAnswersAreBounded(t *testing.T) {
	r := newRig(t)
	p := r.agent("p")
	p.connect("s")
	se := newSession(r.s.session(p.id).id, &fleetv1.HelloRequest{}, r.clock()) // nobody sends for it
	for range job.MostUnreadAnswers + 1 {
		key, err := job.NewKey()
		must(t, err)
		se.answer(&fleetv1.JobAnswer{Key: key[:]})
	}
	err := r.s.takeReport(t.Context(), se, &fleetv1.ReportRequest{})
	refusedAs(t, "with answers unread", err, "answers_unread")
	se.takeAnswers()
	must(t, r.s.takeReport(t.Context(), se, &fleetv1.ReportRequest{}))
}

// TestHellosAreRationed, and renewals; those of others are not, and time brings
// more. A long Hello counts for several.
func TestHellosAreRationed(t *testing.T) {
	r := newRig(t)
	thief, other := r.agent("thief"), r.agent("other")
	exhausted := func(what string, err error) {
		t.Helper()
		wantCode(t, what, err, connect.CodeResourceExhausted)
	}
	for n := range helloBurst {
		if err := thief.knock("t"); err != nil {
			t.Fatalf("Hello %d: %v", n+1, err)
		}
	}
	exhausted("one Hello too many", thief.knock("t"))
	other.connect("o")
	for range 3 {
		r.pass(helloEvery)
		must(t, thief.knock("t"))
		exhausted("at once again", thief.knock("t"))
	}
	r.pass(helloBurst * helloEvery)
	const long = 9 * helloJobs
	states := make([]*fleetv1.JobState, long)
	for i := range states {
		key, err := job.NewKey()
		must(t, err)
		states[i] = &fleetv1.JobState{Key: key[:]}
	}
	said := 0
	for ; said < helloBurst; said++ {
		_, err := thief.client.Hello(t.Context(), &fleetv1.HelloRequest{Protocol: version.Protocol, StateId: "t", Jobs: states})
		if err != nil {
			exhausted("a long Hello", err)
			break
		}
	}
	if most := helloBurst/(1+long/helloJobs) + 1; said > most {
		t.Errorf("%d Hellos of %d jobs were heard", said, long)
	}

	_, csr := newCSR(t)
	renew := func() error {
		_, err := thief.client.Renew(t.Context(), &fleetv1.RenewRequest{Csr: csr})
		return err
	}
	for range renewBurst {
		must(t, renew())
	}
	exhausted("one certificate too many", renew())
	r.pass(renewEvery)
	must(t, renew())
}
