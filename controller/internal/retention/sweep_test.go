package retention

import (
	"context"
	"strings"
	"testing"
	"time"

	"borgfleet/controller/internal/history"
	"borgfleet/controller/internal/store"
	"borgfleet/shared/job"
)

// TestLogsByAge: the logs of jobs that ended long ago go, and not those of jobs
// that run, nor a list that the catalogue waits for.
func TestLogsByAge(t *testing.T) {
	b := newBench(t)
	old := b.add(one{kind: job.Backup, status: job.Failed, ended: 31 * day, lines: 5})
	young := b.add(one{kind: job.Backup, status: job.Failed, ended: 29 * day, lines: 5})
	running := b.add(one{kind: job.Backup, status: job.Running, ended: 40 * day, lines: 5})
	list := b.add(one{kind: job.List, status: job.Completed, ended: 50 * day, lines: 5})
	b.update(func(tx *store.Tx) error { return tx.PutNewList(store.NewList{Job: list.ID, Repository: 1}) })
	s := b.sweep(Policy{Logs: 30 * day})
	b.want("old", old.ID, true, false)
	b.want("young", young.ID, true, true)
	b.want("running", running.ID, true, true)
	b.want("a list that waits", list.ID, true, true)
	if s.Logs != 1 || s.LogBytes == 0 || s.Jobs != 0 || s.EndedAt.IsZero() {
		t.Errorf("the sweep says %+v", s)
	}
	if s := b.sweep(Policy{}); s.Logs+s.Jobs+s.Audit != 0 {
		t.Errorf("without a policy: %+v", s)
	}
}

// TestLogsBySize: the oldest go, until the rest is small enough.
func TestLogsBySize(t *testing.T) {
	b := newBench(t)
	all := b.addEach(3*atOnce, func(i int) one {
		return one{kind: job.Backup, status: job.Completed, ended: time.Duration(1000-i) * time.Hour, lines: 200}
	})
	most := b.st.LogBytes() / 2
	b.sweep(Policy{LogBytes: most})
	if now := b.st.LogBytes(); now > most || now < most/4 {
		t.Errorf("%d bytes are left of %d", now, most)
	}
	gone := true
	for _, j := range all {
		_, log := b.has(j.ID)
		if log && gone {
			gone = false
		} else if !log && !gone {
			t.Fatalf("the log of job %d went before that of an older one", j.ID)
		}
	}
	b.want("the newest", all[len(all)-1].ID, true, true)
}

// TestWhatStays of the history, however old it is.
func TestWhatStays(t *testing.T) {
	b := newBench(t)
	b.repository(1)
	b.repository(2)
	b.update(func(tx *store.Tx) error {
		return tx.PutAgent(store.Agent{ID: "a", Name: "a", LastContactAt: ago(910 * day)})
	})
	stays, goes := map[string]job.Job{}, map[string]job.Job{}
	job1 := func(kind job.Kind, s job.Status, days int) job.Job {
		return b.add(one{repository: 1, kind: kind, status: s, ended: time.Duration(days) * day, lines: 3})
	}
	goes["an old good backup"] = job1(job.Backup, job.Completed, 1000)
	stays["the newest good backup"] = job1(job.Backup, job.CompletedWithWarnings, 950)
	goes["an old failed backup"] = job1(job.Backup, job.Failed, 940)
	stays["the newest failed backup"] = job1(job.Backup, job.Failed, 930)
	goes["a cancelled backup"] = job1(job.Backup, job.Cancelled, 920)
	stays["the newest backup"] = job1(job.Backup, job.Cancelled, 915)
	goes["an old check"] = job1(job.Check, job.Completed, 1000)
	stays["the newest check"] = job1(job.Check, job.Completed, 900)
	stays["one that runs"] = b.add(one{repository: 1, kind: job.Check, status: job.Running, ended: 1200 * day})
	goes["the newest backup of a repository that was deleted"] = b.add(one{repository: 77, kind: job.Backup, status: job.Completed, ended: 800 * day})

	list := b.add(one{repository: 2, kind: job.List, status: job.Completed, ended: 1000 * day})
	stays["the catalogue's list"] = list
	waits := b.add(one{repository: 2, kind: job.List, status: job.Completed, ended: 990 * day, lines: 3})
	stays["a list that waits"] = waits
	stays["the newest list"] = b.add(one{repository: 2, kind: job.List, status: job.Completed, ended: 980 * day})
	b.update(func(tx *store.Tx) error {
		if err := tx.PutNewList(store.NewList{Job: waits.ID, Repository: 2}); err != nil {
			return err
		}
		return tx.PutCatalogue(store.Catalogue{Repository: 2, Job: list.ID})
	})
	lost := func(j *job.Job) { j.Ours, j.Register.Verdict = true, nil }
	goes["lost, and its agent has been there since"] = b.add(one{repository: 2, kind: job.Backup, status: job.Failed, ended: 911 * day, change: lost})
	stays["lost, and its agent may still tell"] = b.add(one{repository: 2, kind: job.Backup, status: job.Failed, ended: 909 * day, change: lost})
	stays["the newest failed one there"] = b.add(one{repository: 2, kind: job.Backup, status: job.Failed, ended: 800 * day})
	stays["the newest good one there"] = b.add(one{repository: 2, kind: job.Backup, status: job.Completed, ended: 799 * day})

	stays["of today"] = b.add(one{repository: 3, kind: job.Backup, status: job.Completed})
	b.sweep(Policy{History: 730 * day, Logs: 100 * 365 * day})
	for what, j := range stays {
		b.want(what, j.ID, true, j.LogNext > 1)
	}
	for what, j := range goes {
		b.want(what, j.ID, false, false)
	}
}

// TestFamilies: a backup and what followed it go together or stay together.
func TestFamilies(t *testing.T) {
	b := newBench(t)
	b.repository(1)
	family := func(ended, stepEnded time.Duration, s job.Status) (backup, step job.Job) {
		backup = b.add(one{repository: 1, kind: job.Backup, status: job.Completed, ended: ended, lines: 2})
		step = b.add(one{repository: 1, kind: job.Prune, status: s, ended: stepEnded, lines: 2, parent: backup.Key})
		return backup, step
	}
	goes, too := family(1000*day, 999*day, job.Completed)
	late, lateStep := family(980*day, 10*day, job.Completed)
	runs, runsStep := family(970*day, 969*day, job.Running)
	kept, keptStep := family(960*day, 959*day, job.Failed) // the newest failed prune
	young, youngStep := family(20*day, 19*day, job.Completed)
	b.sweep(Policy{History: 730 * day})
	b.want("an old backup", goes.ID, false, false)
	b.want("its step", too.ID, false, false)
	for _, j := range []job.Job{late, lateStep, runs, runsStep, kept, keptStep, young, youngStep} {
		b.want("a family that stays", j.ID, true, true)
	}
}

// TestHistoryByNumber: the oldest go, but none that is younger than a few days, and
// none that stays by itself.
func TestHistoryByNumber(t *testing.T) {
	b := newBench(t)
	b.repository(1)
	first := b.add(one{repository: 1, kind: job.Backup, status: job.Failed, ended: 20 * day})
	all := b.addEach(100, func(i int) one {
		return one{repository: 1, kind: job.Backup, status: job.Completed, ended: time.Duration(200-i) * time.Hour}
	})
	b.sweep(Policy{Jobs: 70})
	if n := b.st.Count(); n > 70 || n < 70-atOnce {
		t.Errorf("%d jobs", n)
	}
	b.want("the newest failed one", first.ID, true, false)
	b.want("the oldest", all[0].ID, false, false)
	b.addEach(50, func(int) one { return one{repository: 1, kind: job.Backup, status: job.Completed, ended: day} })
	before := b.st.Count()
	if s := b.sweep(Policy{Jobs: 10}); b.st.Count() < 50 || b.st.Count()+int(s.Jobs) != before {
		t.Errorf("%d jobs, %+v", b.st.Count(), s)
	}
}

// TestAuditByAge: what went is said in the log itself.
func TestAuditByAge(t *testing.T) {
	b := newBench(t)
	b.add(one{kind: job.Backup, status: job.Completed, ended: day})
	for i := range 40 {
		b.wrote = ago(time.Duration(40-i) * day)
		b.update(func(tx *store.Tx) error { return tx.Audit(store.AuditEntry{What: "x"}) })
	}
	s := b.sweep(Policy{Audit: 31 * day})
	left, _, err := b.st.AuditLog(store.AuditFilter{}, "", 100)
	if err != nil || len(left) != 31 || s.Audit != 9 {
		t.Errorf("%d entries, %+v, %v", len(left), s, err)
	}
	if len(b.trail) != 1 || !strings.HasPrefix(b.trail[0], "removeAuditEntries 9 entries") {
		t.Errorf("the trail says %q", b.trail)
	}
}

// TestWrongClock: a clock that is years ahead takes nothing with it that the fleet
// has done of late.
func TestWrongClock(t *testing.T) {
	b := newBench(t)
	old := b.add(one{kind: job.Backup, status: job.Completed, ended: 800 * day, lines: 2})
	young := b.add(one{kind: job.Backup, status: job.Completed, ended: 600 * day, lines: 2})
	newest := b.add(one{kind: job.Backup, status: job.Completed, ended: 0, lines: 2})
	b.clock = now.AddDate(20, 0, 0)
	b.sweep(Policy{History: 730 * day, Logs: 60 * day})
	b.want("old", old.ID, false, false)
	b.want("young", young.ID, true, false)
	b.want("newest", newest.ID, true, true)
}

// TestCursorsWhileJobsGo: a page that was begun goes on, and no job comes twice or
// is left out but those that are gone.
func TestCursorsWhileJobsGo(t *testing.T) {
	b := newBench(t)
	all := b.addEach(200, func(i int) one {
		age := time.Duration(1000-i) * day
		if i >= 150 {
			age = time.Duration(300-i) * time.Hour
		}
		return one{kind: job.Backup, status: job.Completed, ended: age}
	})
	ctx, stop := context.WithCancel(t.Context())
	k, done := b.keeper(Policy{History: 730 * day}), make(chan struct{})
	go func() { defer close(done); k.Sweep(ctx) }()
	defer func() { stop(); <-done }()
	for round := 0; b.st.Count() > 50; round++ {
		seen, last := 0, int64(1<<62)
		for cursor := ""; ; {
			jobs, next, err := b.st.Query(history.Filter{}, cursor, 7)
			b.must(err)
			for _, j := range jobs {
				if j.ID >= last {
					t.Fatalf("job %d comes after %d", j.ID, last)
				}
				last = j.ID
				if j.ID >= all[150].ID {
					seen++
				}
			}
			if cursor = next; cursor == "" {
				break
			}
		}
		if seen != 50 {
			t.Fatalf("round %d: %d of 50 jobs that stay", round, seen)
		}
	}
}
