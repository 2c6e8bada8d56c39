package fleet

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// wantsCounted holds the census against agents and jobs that were counted by hand.
func (r *rig) wantsCounted(what string, online, offline, revoked, running int, waiting map[WaitReason]int) {
	r.t.Helper()
	c := r.s.Census()
	connected := 0
	for _, a := range c.Agents {
		if a.Online {
			connected++
		}
	}
	got := map[WaitReason]int{}
	for reason, n := range c.Waiting {
		if n != 0 {
			got[reason] = n
		}
	}
	if connected != online || len(c.Agents)-connected != offline || c.Revoked != revoked || c.Running != running {
		r.t.Errorf("%s: %d online of %d, %d revoked, %d running", what, connected, len(c.Agents), c.Revoked, c.Running)
	}
	if diff := cmp.Diff(waiting, got); diff != "" {
		r.t.Errorf("%s: %s", what, diff)
	}
}

func TestCensus(t *testing.T) {
	r := newRig(t)
	here, away, out := r.agent("here"), r.agent("away"), r.agent("out")
	r.repository(here, "/one")
	r.repository(here, "/two")
	r.repository(away, "/three")
	r.repository(out, "/four")
	r.wantsCounted("nobody came", 0, 3, 0, 0, map[WaitReason]int{})
	here.connect("s1")
	first := r.start("/one", "")
	r.start("/one", "")
	r.start("/two", "")
	r.start("/three", "")
	r.start("/four", "")
	r.wantsCounted("one was sent", 1, 2, 0, 0, map[WaitReason]int{WaitStarting: 1, WaitHostBusy: 2, WaitAgentOffline: 2})
	_, err := r.s.RevokeAgent(t.Context(), "out", "admin")
	must(t, err)
	here.send(&fleetv1.JobReport{Key: first.Key[:], Register: register(1, job.PhaseStarted, "")})
	here.next("taken")
	waits := 0
	for _, j := range r.st.ActiveJobs() {
		if j.Agent == out.id {
			waits++ // what a revocation leaves of its jobs is not for here
		}
	}
	want := map[WaitReason]int{WaitHostBusy: 2, WaitAgentOffline: 1}
	if waits > 0 {
		want[WaitAgentRevoked] = waits
	}
	r.wantsCounted("one runs", 1, 1, 1, 1, want)
	slots := 3
	r.change(here, AgentChange{MaxParallel: &slots})
	delete(want, WaitHostBusy)
	want[WaitStarting], want[WaitRepositoryBusy] = 1, 1
	r.wantsCounted("three may run", 1, 1, 1, 1, want)
}

// TestHostsReasons: what hosts say is not what names a series.
func TestHostsReasons(t *testing.T) {
	r := newRig(t)
	p := r.agent("host")
	r.repository(p, "/one")
	p.connect("s1")
	j := r.start("/one", "")
	for i, tt := range []struct {
		said string
		want WaitReason
	}{{saidLocked, WaitRepositoryLocked}, {saidHook, WaitHook}, {"whatever 7", WaitOnHost}, {waitVanished, WaitArchivesVanished}} {
		reg := register(uint64(i+1), job.PhaseWaiting, "")
		reg.Reason = tt.said
		p.send(&fleetv1.JobReport{Key: j.Key[:], Register: reg})
		p.next(tt.said)
		r.wantsCounted(tt.said, 1, 0, 0, 0, map[WaitReason]int{tt.want: 1})
	}
}

// TestReasonsAreDocumented: docs/monitoring.md names every reason.
func TestReasonsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../../docs/monitoring.md")
	must(t, err)
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| `borgfleet_jobs_waiting`") {
			continue
		}
		for reason := range newRig(t).s.Census().Waiting {
			if !strings.Contains(line, " "+string(reason)) {
				t.Errorf("docs/monitoring.md does not say that jobs wait for %s", reason)
			}
		}
		return
	}
	t.Error("docs/monitoring.md has no row of borgfleet_jobs_waiting")
}

// TestBackupStates is the answer about hosts, with what the last good backup took.
func TestBackupStates(t *testing.T) {
	r, p, repo, at := catalogueRig(t)
	r.repository(p, "/never")
	// The index rounds an end down to its second, which would make less of it.
	began := r.clock().Truncate(time.Second).Add(1700 * time.Millisecond)
	p.announce(job.Backup, repo, ends(began, began.Add(1200*time.Millisecond), 0, func(v *job.Verdict) {
		v.Progress = job.Progress{OriginalSize: 1000, DedupSize: 40}
	}), nil)
	p.lists(repo, at(4), archs(1, 2)...)
	p.lists(repo, at(5), archs(1)...)
	look := func() map[string]BackupState {
		t.Helper()
		all, err := r.s.BackupStates(t.Context())
		must(t, err)
		by := map[string]BackupState{}
		for _, v := range all {
			by[v.Name] = v
		}
		return by
	}
	by := look()
	if v := by["/r"]; v.AgentName != "a" || v.Took != 1200*time.Millisecond || v.Dedup != 40 || v.Good.Original != 1000 || v.Vanished != 1 {
		t.Errorf("%+v", v)
	}
	if v, ok := by["/never"]; !ok || v.Took != 0 || v.Dedup != 0 || v.Good.ID != 0 || v.Vanished != 0 {
		t.Errorf("never backed up, and it is %+v", v)
	}
	must(t, r.s.DeleteRepository(context.Background(), repo.ID))
	if by := look(); len(by) != 1 {
		t.Errorf("%d registrations, one was deleted", len(by))
	}
	_, err := r.s.RevokeAgent(t.Context(), "a", "admin")
	must(t, err)
	if by := look(); len(by) != 0 {
		t.Errorf("%d registrations of nobody who is there", len(by))
	}
}

// counting is a Meter that counts.
type counting struct {
	records, registers, reports int
	lists                       map[ListOutcome]int
	r                           *rig
}

func (c *counting) Records(n int)            { c.add(func() { c.records += n }) }
func (c *counting) Register()                { c.add(func() { c.registers++ }) }
func (c *counting) Reported(time.Duration)   { c.add(func() { c.reports++ }) }
func (c *counting) List(outcome ListOutcome) { c.add(func() { c.lists[outcome]++ }) }

func (c *counting) add(fn func()) {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	fn()
}

func (c *counting) String() string {
	c.r.mu.Lock()
	defer c.r.mu.Unlock()
	return fmt.Sprint(c.records, c.registers, c.reports, c.lists)
}

// TestMeter: what was told before does not count again, and a message without jobs
// is no report.
func TestMeter(t *testing.T) {
	r := newRig(t)
	m := &counting{r: r, lists: map[ListOutcome]int{}}
	r.s.meter = m
	p := r.agent("a")
	repo := r.repository(p, "/r")
	p.connect("s1") // says something about no job
	j := r.start("/r", "")
	wants := func(what, want string) {
		t.Helper()
		r.await(what+": "+want, func() bool { return m.String() == want }) // that it was reported comes after the answer
	}
	wants("connected", "0 0 0 map[]")
	running := &fleetv1.JobReport{Key: j.Key[:], Register: register(1, job.PhaseStarted, ""), First: 1, Records: records(1, "a", "b")}
	p.send(running)
	p.next("running")
	wants("two lines", "2 1 1 map[]")
	p.send(running)
	p.next("again")
	wants("told again", "2 2 2 map[]")
	p.send(&fleetv1.JobReport{Key: j.Key[:], First: 2, Records: records(2, "b", "c")})
	p.next("one more")
	wants("one is new", "3 2 3 map[]")
	at := r.clock().Add(-time.Hour)
	p.lists(repo, at, archs(1)...)
	r.await("a list", func() bool { return strings.HasSuffix(m.String(), "map[taken:1]") })
	recs := listing(t, archs(1)...)
	recs[1].Data = []byte("no archive")
	p.announce(job.List, repo, ends(at.Add(time.Minute), at.Add(2*time.Minute), len(recs), nil), recs)
	r.await("one that cannot be", func() bool { return strings.HasSuffix(m.String(), "map[taken:1 unfit:1]") })
	p.lists(repo, at.Add(-time.Minute), archs(1)...)
	r.await("one that is old", func() bool { return strings.HasSuffix(m.String(), "map[taken:1 unfit:1 unwanted:1]") })
}

// BenchmarkCensus and BenchmarkBackupStates are what a scrape asks of 10 000 hosts.
func BenchmarkCensus(b *testing.B) {
	s, _ := benchFleet(b, benched{hosts: 10_000, each: 1, by: 100, nights: 1})
	b.ReportAllocs()
	for b.Loop() {
		s.Census()
	}
}

func BenchmarkBackupStates(b *testing.B) {
	s, _ := benchFleet(b, benched{hosts: 10_000, each: 1, by: 100, nights: 1})
	ask := func() {
		if _, err := s.BackupStates(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	begun := time.Now()
	ask() // works out when each schedule is due, and reads each job, once
	first := time.Since(begun)
	b.ReportAllocs()
	for b.Loop() {
		ask()
	}
	b.ReportMetric(float64(first.Milliseconds()), "ms-first")
}
