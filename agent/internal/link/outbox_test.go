package link

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
	fleetv1 "borgfleet/shared/proto/fleet/v1"
)

// wantReports takes the next message and gives its reports.
func (r *rig) wantReports(t *testing.T, n int) []*fleetv1.JobReport {
	t.Helper()
	m, _, err := r.outbox.next()
	must(t, err)
	if got := m.GetJobs(); len(got) != n {
		t.Fatalf("%d reports, want %d: %v", len(got), n, got)
	}
	return m.GetJobs()
}

// TestAVerdictOutlivesATroubledDisk: nothing changes any more in the directory
// of a job that has ended, so nobody would say that it is worth another look.
func TestAVerdictOutlivesATroubledDisk(t *testing.T) {
	j := newJobs(t)
	dir := j.make(job.PhaseAccepted)
	j.end(dir, "a line")
	mend := spoil(t, dir, "verdict")
	r := newRig(j)
	j.change(dir.Key(), false)
	r.wantReports(t, 0)
	if left := r.outbox.holdUntil.Sub(r.Now()); left <= 0 || left > retryRead {
		t.Errorf("looked at again in %s", left)
	}
	mend()
	r.wantReports(t, 0) // not before it is due: a wake-up may come every moment
	r.pass(retryRead)
	if m := r.wantReports(t, 1); m[0].Register.GetVerdict() == nil || len(m[0].Records) != 1 {
		t.Errorf("%v", m[0])
	}
	r.wantReports(t, 0)
	if !r.outbox.holdUntil.IsZero() {
		t.Error("waits for something although all is said")
	}
}

// TestAVerdictDoesNotWaitForAnUnreadableJournal.
func TestAVerdictDoesNotWaitForAnUnreadableJournal(t *testing.T) {
	j := newJobs(t)
	dir := j.make(job.PhaseAccepted)
	j.end(dir, "a line")
	segments, err := filepath.Glob(filepath.Join(dir.Path(), "journal", "*"))
	must(t, err)
	for _, s := range segments {
		must(t, os.Remove(s))
		must(t, os.Mkdir(s, 0o700)) // reading it is an error, as of a disk
	}
	r := newRig(j)
	j.change(dir.Key(), false)
	if m := r.wantReports(t, 1); m[0].Register.GetVerdict() == nil || len(m[0].Records) != 0 {
		t.Errorf("%v", m[0])
	}
	r.pass(retryRead)
	r.wantReports(t, 0) // the journal is looked at again, the register is said
}

// TestALogThatIsGoneIsToldToItsEnd: line by line, as missing. Else it would never
// be complete, and a drain would wait for it for ever.
func TestALogThatIsGoneIsToldToItsEnd(t *testing.T) {
	j := newJobs(t)
	dir := j.make(job.PhaseAccepted)
	j.end(dir, "one", "two")
	must(t, os.RemoveAll(filepath.Join(dir.Path(), "journal")))
	r := newRig(j)
	j.change(dir.Key(), false)
	m := r.wantReports(t, 1)
	if len(m[0].Records) != 2 || m[0].Records[1].Number != 2 || m[0].Records[1].Gap.GetCount() != 1 {
		t.Errorf("%v", m[0])
	}
	r.pass(retryRead)
	r.wantReports(t, 0)
}

// TestSaidAgain: register, and the records that are not acknowledged.
func TestSaidAgain(t *testing.T) {
	j := newJobs(t)
	dir := j.make(job.PhaseAccepted)
	j.end(dir, "one", "two", "three")
	r := newRig(j)
	j.change(dir.Key(), false)
	if m := r.wantReports(t, 1); len(m[0].Records) != 3 {
		t.Fatalf("%v", m[0])
	}
	must(t, dir.SetAcked(2))
	j.change(dir.Key(), false)
	r.wantReports(t, 0)
	j.change(dir.Key(), true)
	if m := r.wantReports(t, 1); m[0].Register.GetVerdict() == nil || m[0].First != 2 || len(m[0].Records) != 2 {
		t.Errorf("%v", m[0])
	}
	j.change(dir.Key(), true) // not in a circle as fast as both sides can
	r.wantReports(t, 0)
	if left := r.outbox.holdUntil.Sub(r.Now()); left <= 0 || left > retryRead {
		t.Errorf("said again in %s", left)
	}
	r.pass(retryRead)
	r.wantReports(t, 1)
}

// TestABacklogDoesNotWait: lines wait for company, those of a backlog have it.
// Held for a second a message, a million short ones would take minutes.
func TestABacklogDoesNotWait(t *testing.T) {
	j := newJobs(t)
	dir := j.make(job.PhaseStarted)
	const lines = 3 * batchBytes / 20 // three batches at least
	journal, err := dir.OpenJournal(jobdir.Limits{MinFree: -1})
	must(t, err)
	for range lines {
		journal.Append(jobdir.Line{Record: job.Record{Level: job.LevelInfo, Source: "borg", Text: "short"}})
	}
	must(t, journal.Close())
	r := newRig(j)
	j.change(dir.Key(), false)
	got := 0
	for more := true; more; {
		var m *fleetv1.ReportRequest
		m, more, err = r.outbox.next()
		must(t, err)
		for _, report := range m.GetJobs() {
			got += len(report.Records)
		}
	}
	if got < lines/2 {
		t.Errorf("%d lines of %d at once", got, lines)
	}
	r.pass(holdLines)
	for _, report := range r.wantReports(t, 1) {
		got += len(report.Records)
	}
	if got != lines {
		t.Errorf("%d lines of %d", got, lines)
	}
}

// TestReportedJobsTakeNoMemory: a connection lasts for months, and has told of
// thousands of jobs by then.
func TestReportedJobsTakeNoMemory(t *testing.T) {
	j := newJobs(t)
	const all = 500
	for range all {
		j.end(j.make(job.PhaseAccepted), "a line")
	}
	r := newRig(j)
	before := heap()
	for _, dir := range j.Dirs() {
		j.change(dir.Key(), false)
		r.wantReports(t, 1)
	}
	if took := heap() - before; took > 8<<20 {
		t.Errorf("%d jobs hold %d KiB when they are told", all, took>>10)
	}
	for _, dir := range j.Dirs() {
		key := dir.Key()
		must(t, dir.SetReplicated())
		r.outbox.c.answers[key] = &fleetv1.JobAnswer{Key: key[:], Next: 2, Action: fleetv1.JobAnswer_ACTION_FORGET}
		j.change(key, false) // by the note that was just made
	}
	r.wantReports(t, 0)
	if n := len(r.outbox.cursors); n != 0 {
		t.Errorf("%d cursors are left", n)
	}
	// The controller was restored from a backup, and knows nothing of one.
	one := j.Dirs()[0]
	key := one.Key()
	must(t, one.UnsetReplicated())
	r.outbox.c.answers[key] = &fleetv1.JobAnswer{Key: key[:], Next: 1, SpecWanted: true}
	if m := r.wantReports(t, 1); m[0].Spec == nil || len(m[0].Records) != 1 {
		t.Errorf("%v", m[0])
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestWhatTheHelloForgets: the last acknowledgement of a job was lost with the
// controller that gave it. What the next one says in its answer to the Hello is the
// only word on that job, and counts like any other: else its host kept it for ever.
func TestWhatTheHelloForgets(t *testing.T) {
	j := newJobs(t)
	dir := j.make(job.PhaseAccepted)
	j.end(dir, "a line")
	r := newRig(j)
	said, err := stateOf(dir)
	must(t, err)
	key := dir.Key()
	forget := &fleetv1.JobAnswer{Key: key[:], Id: 42, Next: 2, Action: fleetv1.JobAnswer_ACTION_FORGET}
	r.outbox.c.hello = &greeting{
		said:  &fleetv1.HelloRequest{Jobs: []*fleetv1.JobState{said}},
		heard: &fleetv1.HelloResponse{Jobs: []*fleetv1.JobAnswer{forget}},
	}
	must(t, r.outbox.begin())
	if len(j.answered) != 1 || j.answered[0] != forget {
		t.Errorf("the daemon was told %v", j.answered)
	}
	r.wantReports(t, 0)
}
