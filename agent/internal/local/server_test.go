package local

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
)

const (
	keyA = "019a0000-0000-7000-8000-0000aaaa0001"
	keyB = "019a0000-0000-7000-8000-0000bbbb0002"
	keyC = "019a0000-0000-7000-8000-0000cccc0003"
)

func TestStatus(t *testing.T) {
	dir := newState(t)
	running := play(t, made(t, dir, keyA, 1, job.PhaseAccepted))
	running.come(func(r *job.Register) { r.Phase = job.PhaseStarted })
	made(t, dir, keyB, 2, job.PhaseAnnounced)
	h := serve(t, dir, nil)
	got, err := h.client.Status(t.Context())
	must(t, err)
	if got.DisconnectedSince == nil || time.Since(*got.DisconnectedSince) > time.Minute {
		t.Errorf("disconnected since %v", got.DisconnectedSince)
	}
	got.DisconnectedSince = nil
	until := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	want := Status{
		Name: "web1", AgentID: "a1", FleetID: "f1", ControllerURL: "https://controller:5443", Version: "1.0.0", StateDir: dir.Path(),
		NotConnected: "no route to host", CertificateExpires: &until, Borg: []Borg{{Path: "/usr/bin/borg", Version: "1.4.0"}},
		Schedules: []Schedule{},
		Running:   1, Waiting: 1,
		Repositories: []Repository{
			{ID: 1, Name: "web", Path: "/srv/backups/web", Sources: []string{"/etc"}},
			{ID: 2, Name: "mail", Path: "ssh://bk@host/./mail", Sources: []string{"/var/mail"}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	h.daemon.SetLinked(true)
	got, err = h.client.Status(t.Context())
	must(t, err)
	if !got.Connected || got.NotConnected != "" || got.DisconnectedSince != nil {
		t.Errorf("linked, and the status says %+v", got)
	}
}

func TestJobsNewestFirst(t *testing.T) {
	dir := newState(t)
	old := made(t, dir, keyC, 1, job.PhaseAccepted)
	must(t, old.SetID(17))
	play(t, old).end(job.Failed, "it broke")
	made(t, dir, keyA, 3, job.PhaseAnnounced)
	now := play(t, made(t, dir, keyB, 2, job.PhaseAccepted))
	now.come(func(r *job.Register) {
		r.Phase, r.BorgPhase, r.Progress.Percent = job.PhaseStarted, "archive.create", 42
	})
	h := serve(t, dir, nil)
	jobs, err := h.client.Jobs(t.Context(), 10)
	must(t, err)
	var got []string
	for _, j := range jobs {
		got = append(got, fmt.Sprint(j.ID, " ", j.Key, " ", j.Status, " ", j.Phase, j.WaitingFor, j.ErrorMessage, " ", j.Progress.Percent))
	}
	want := []string{
		"0 " + keyA + " pending the controller's word 0",
		"0 " + keyB + " running archive.create 42",
		"17 " + keyC + " failed it broke 0",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if jobs, err = h.client.Jobs(t.Context(), 1); err != nil || len(jobs) != 1 || jobs[0].Key != keyA {
		t.Errorf("the newest is %v, %v", jobs, err)
	}
}

func TestFind(t *testing.T) {
	dir := newState(t)
	for i, k := range []string{keyA, keyB, keyC} {
		d := made(t, dir, k, i, job.PhaseAnnounced)
		must(t, d.SetID(int64(100+i)))
	}
	h := serve(t, dir, nil)
	for ref, want := range map[string]string{
		"100": keyA, "102": keyC, keyB: keyB, "bbbb0002": keyB, "BBBB0002": keyB,
		"019a0000-0000-7000-8000-0000b": keyB,
	} {
		if j, err := h.client.Job(t.Context(), ref); err != nil || j.Key != want {
			t.Errorf("%s: %v, %v", ref, j.Key, err)
		}
	}
	for ref, want := range map[string]Code{
		"7": NotFound, "dead": NotFound, "019b0000-0000-7000-8000-0000aaaa0001": NotFound,
		"01": Invalid, "b00": Invalid, "web!": Invalid, "-5": Invalid, "99999999999999999999": NotFound,
		"019a": Ambiguous,
	} {
		if _, err := h.client.Job(t.Context(), ref); CodeOf(err) != want {
			t.Errorf("%s: %v, want %s", ref, err, want)
		}
	}
	_, err := h.client.Job(t.Context(), "019a0000")
	for _, k := range []string{keyA, keyB, keyC, "number 101"} {
		if !strings.Contains(fmt.Sprint(err), k) {
			t.Errorf("the list lacks %s: %v", k, err)
		}
	}
}

func TestBackup(t *testing.T) {
	h := serve(t, newState(t), nil)
	for _, ref := range []string{"/srv/backups/web", "web", "1"} {
		j, err := h.client.Backup(t.Context(), ref)
		must(t, err)
		if j.Repository != "/srv/backups/web" || j.Status != "pending" || j.TriggeredBy != "agent" || j.RequestedBy == "" {
			t.Errorf("%s: %+v", ref, j)
		}
		dir, ok := h.daemon.Dir(key(t, j.Key))
		if !ok || dir.Spec().Kind != job.Backup || dir.Spec().Repository.ID != 1 {
			t.Errorf("%s: the daemon has %v", ref, dir)
		}
	}
	if _, err := h.client.Backup(t.Context(), "nothing"); CodeOf(err) != NotFound || !strings.Contains(err.Error(), "/srv/backups/web") {
		t.Errorf("err %v", err)
	}
	if _, err := h.client.Backup(t.Context(), ""); CodeOf(err) != Invalid {
		t.Errorf("err %v", err)
	}
}

func TestCancel(t *testing.T) {
	dir := newState(t)
	p := play(t, made(t, dir, keyA, 1, job.PhaseAccepted))
	p.come(func(r *job.Register) { r.Phase = job.PhaseStarted })
	h := serve(t, dir, nil)
	j, err := h.client.Cancel(t.Context(), keyA)
	must(t, err)
	if !j.Cancelling || j.Status != "running" {
		t.Errorf("job %+v", j)
	}
	if want, err := p.dir.Desired(); err != nil || want != jobdir.Cancel {
		t.Errorf("desired is %s, %v", want, err)
	}
	p.end(job.Cancelled, "")
	if _, err := h.client.Cancel(t.Context(), keyA); CodeOf(err) != BadState || !strings.Contains(err.Error(), "cancelled") {
		t.Errorf("err %v", err)
	}
}

// TestOneUnreadableJob must not hide the others, nor go unsaid.
func TestOneUnreadableJob(t *testing.T) {
	dir := newState(t)
	bad := made(t, dir, keyA, 1, job.PhaseAnnounced)
	must(t, os.Mkdir(filepath.Join(bad.Path(), "status"), 0o700))
	must(t, os.Mkdir(filepath.Join(bad.Path(), "id"), 0o700))
	good := made(t, dir, keyB, 2, job.PhaseAnnounced)
	must(t, good.SetID(101))
	must(t, os.Mkdir(filepath.Join(dir.Jobs(), keyC), 0o700)) // no spec in it
	h := serve(t, dir, nil)
	st, err := h.client.Status(t.Context())
	must(t, err)
	if st.Waiting != 1 || st.Unreadable != 2 {
		t.Errorf("%d waiting, %d unreadable, want 1 and 2", st.Waiting, st.Unreadable)
	}
	for _, ref := range []string{"101", "bbbb0002"} {
		if j, err := h.client.Job(t.Context(), ref); err != nil || j.Key != keyB {
			t.Errorf("%s: %v, %v", ref, j.Key, err)
		}
	}
	if _, err := h.client.Job(t.Context(), "102"); CodeOf(err) != NotFound || !strings.Contains(err.Error(), "2 jobs could not be read") {
		t.Errorf("err %v", err)
	}
}

// TestDrain: new jobs are refused with what to do, and what is waited for is named.
func TestDrain(t *testing.T) {
	dir := newState(t)
	running := play(t, made(t, dir, keyA, 1, job.PhaseAccepted))
	running.come(func(r *job.Register) { r.Phase = job.PhaseStarted })
	ended := made(t, dir, keyB, 2, job.PhaseAccepted)
	play(t, ended).end(job.Completed, "")
	h := serve(t, dir, nil)
	for _, to := range []string{"/" + strings.Repeat("x", 256), strings.Repeat("/x", 2048)} {
		if _, err := h.client.Restore(t.Context(), Restore{Repository: "web", Archive: "a", Destination: to}); CodeOf(err) != Invalid || !strings.Contains(err.Error(), "more than") {
			t.Errorf("restore to a place that cannot be: %v", err)
		}
	}
	d, err := h.client.Drain(t.Context(), true)
	must(t, err)
	if !d.Draining || d.Connected || len(d.Running) != 1 || d.Running[0].Key != keyA || len(d.Unreported) != 1 || d.Unreported[0].Key != keyB {
		t.Errorf("%+v", d)
	}
	if _, err := h.client.Backup(t.Context(), "web"); CodeOf(err) != BadState || !strings.Contains(err.Error(), "drain --end") {
		t.Errorf("backup: %v", err)
	}
	if _, err := h.client.Restore(t.Context(), Restore{Repository: "web", Archive: "a", Destination: "/d"}); CodeOf(err) != BadState {
		t.Errorf("restore: %v", err)
	}
	if st, err := h.client.Status(t.Context()); err != nil || !st.Draining {
		t.Errorf("%+v, %v", st, err)
	}
	must(t, ended.SetReplicated())
	d, err = h.client.Drain(t.Context(), false)
	must(t, err)
	if d.Draining || len(d.Unreported) != 0 {
		t.Errorf("%+v", d)
	}
	if _, err := h.client.Backup(t.Context(), "web"); err != nil {
		t.Errorf("backup: %v", err)
	}
}
