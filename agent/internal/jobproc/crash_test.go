package jobproc

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
)

// TestDeathAtEachPoint kills the job process at every named point. Whatever
// happens, there is one archive at most, the verdict is true, and no line is
// doubled.
func TestDeathAtEachPoint(t *testing.T) {
	t.Parallel()
	want := map[string]job.Status{
		PointOpened:   job.Completed,             // nothing was begun: it still may
		PointStarted:  job.Failed,                // borg never ran: interrupted
		PointExecuted: job.CompletedWithWarnings, // borg ran on: exit status lost
		PointExited:   job.CompletedWithWarnings, // nobody had asked for the status
		PointJudged:   job.Completed,             // the status was kept
		PointEnded:    job.Completed,
	}
	for point, status := range want {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			repo := h.inited("a")
			repo.FileLog = job.FileLogAll
			files := h.files(200)
			d := h.order(h.spec(job.Backup, repo))
			hold, err := d.HoldPipes()
			must(t, err)
			defer hold.Close()
			v := h.finish(d, envDieAt+"="+point)
			if v.Status != status {
				t.Errorf("verdict %+v\n%s", v, logText(h.log(d)))
			}
			h.checkArchives(repo, v)
			if v.Status.Good() {
				h.checkFiles(d, files)
			}
			reg, err := d.Register()
			must(t, err)
			if reg.Incarnation < 2 || point == PointJudged && reg.Incarnation < 3 {
				t.Errorf("incarnation %d after a crash", reg.Incarnation)
			}
		})
	}
}

// checkArchives: the repository has what the verdict says, and nothing else.
func (h *host) checkArchives(repo job.Repository, v job.Verdict) {
	h.t.Helper()
	names := h.archives(repo)
	switch {
	case v.Status.Good() && (len(names) != 1 || names[0] != v.ArchiveName || v.ArchiveID == ""):
		h.t.Errorf("verdict %s of %q, archives %v", v.Status, v.ArchiveName, names)
	case !v.Status.Good() && len(names) != 0:
		h.t.Errorf("verdict %s %s, but there are archives %v", v.Status, v.ErrorMessage, names)
	}
}

// checkFiles: every file is in the log exactly once.
func (h *host) checkFiles(d *jobdir.Dir, files []string) {
	h.t.Helper()
	seen := map[string]int{}
	for _, r := range h.log(d) {
		if r.Gap != nil {
			h.t.Errorf("gap: %s", r.Text)
		}
		if path, ok := strings.CutPrefix(r.Text, "A "); ok && r.Source == "borg" {
			seen[path]++
		}
	}
	for _, f := range files {
		if seen[f] != 1 {
			h.t.Errorf("%s is %d times in the log", f, seen[f])
			return
		}
	}
	if len(seen) != len(files) {
		h.t.Errorf("%d files in the log, %d on disk", len(seen), len(files))
	}
}

// TestDeathAtAnyMoment kills one job process after another while borg lists
// thousands of files.
func TestDeathAtAnyMoment(t *testing.T) {
	t.Parallel()
	for round := range 2 {
		t.Run(fmt.Sprint(round), func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			files := h.files(2500)
			repo := h.inited("a")
			repo.FileLog = job.FileLogAll
			d := h.order(h.spec(job.Backup, repo))
			hold, err := d.HoldPipes()
			must(t, err)
			defer hold.Close()
			kills := 0
			deadline := time.Now().Add(2 * time.Minute)
			for !d.Ended() {
				if time.Now().After(deadline) {
					t.Fatalf("no verdict:\n%s", logText(h.log(d)))
				}
				cmd := h.spawn(d)
				// A job that cannot be looked up waits for a person.
				late := time.AfterFunc(time.Until(deadline), func() { cmd.Process.Kill() })
				if kills < 12 {
					time.Sleep(time.Duration(5+rand.IntN(250)) * time.Millisecond)
					cmd.Process.Kill()
					kills++
				}
				cmd.Wait()
				late.Stop()
			}
			v := h.verdict(d)
			h.checkArchives(repo, v)
			if v.Status.Good() {
				h.checkFiles(d, files)
			}
			t.Logf("%d kills: %s %s, %d records", kills, v.Status, v.ErrorMessage, v.JournalEnd)
		})
	}
}

// TestBorgRunsOn: the job process dies, borg does not notice, the next one
// follows it, and the daemon holds the pipes.
func TestBorgRunsOn(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.inited("a")
	repo.FileLog = job.FileLogAll
	files := h.files(2500)
	d := h.order(h.spec(job.Backup, repo))
	first := h.spawn(d)
	await(t, "lines in the journal", func() bool { n, _ := d.JournalNext(); return n > 100 })
	first.Process.Kill()
	first.Wait()
	must(t, d.WaitUnlocked(t.Context()))
	if !d.BorgRunning() {
		t.Fatal("borg does not run on")
	}
	if holders, err := d.BorgHolders(); err != nil || len(holders) != 1 {
		t.Errorf("holders of borg.lock: %v, %v", holders, err)
	}
	v := h.finish(d)
	expect(t, h, v, job.CompletedWithWarnings, job.CodeStatusLost, "archive complete")
	h.checkArchives(repo, v)
	h.checkFiles(d, files)
}

// TestCancelAnOrphan: the wish comes while no job process is there.
func TestCancelAnOrphan(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.inited("a")
	h.big(64 << 30)
	d := h.order(h.spec(job.Backup, repo))
	first := h.spawn(d)
	await(t, "borg to read", func() bool { r, _ := d.Register(); return r.Progress.OriginalSize > 0 })
	first.Process.Kill()
	first.Wait()
	must(t, d.SetDesired(jobdir.Cancel))
	v := h.finish(d)
	expect(t, h, v, job.Cancelled, job.CodeCancelled, "")
	if !v.ProcessTerminated {
		t.Error("process_terminated is not set")
	}
	h.checkArchives(repo, v)
}

// big makes a sparse file that borg needs a while to read.
func (h *host) big(size int64) {
	h.t.Helper()
	h.file("src/big", "")
	must(h.t, os.Truncate(h.path("src/big"), size))
}

// TestInterruptedForGood: job process and borg are both killed.
func TestInterruptedForGood(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.inited("a")
	h.big(64 << 30)
	d := h.order(h.spec(job.Backup, repo))
	first := h.spawn(d)
	await(t, "borg to read", func() bool { r, _ := d.Register(); return r.Progress.OriginalSize > 0 })
	first.Process.Kill()
	first.Wait()
	h.killBorg(d)
	v := h.finish(d)
	expect(t, h, v, job.Failed, job.CodeInterrupted, "no archive")
	if v.ExitCode != nil {
		t.Errorf("an exit code was made up: %d", *v.ExitCode)
	}
	if log := logText(h.log(d)); !strings.Contains(log, "what borg said last may be missing") {
		t.Errorf("nobody says that lines may be missing:\n%s", log)
	}
	h.checkArchives(repo, v)
}

func (h *host) killBorg(d *jobdir.Dir) {
	h.t.Helper()
	holders, err := d.BorgHolders()
	must(h.t, err)
	for _, b := range holders {
		must(h.t, b.Signal(syscall.SIGKILL))
		b.Close()
	}
	must(h.t, d.WaitBorgGone(h.t.Context()))
}

// TestVerifyWaits: an interrupted job whose repository cannot be asked stays
// running, says so, and is judged when it can.
func TestVerifyWaits(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.inited("a")
	d, second, back := h.interruptedAway(repo)
	await(t, "the journal to say so", func() bool { return strings.Contains(logText(h.log(d)), "cannot be looked up yet") })
	if d.Ended() {
		t.Fatalf("a verdict was guessed: %+v", h.verdict(d))
	}
	back()
	must(t, second.Wait())
	v := h.verdict(d)
	expect(t, h, v, job.Failed, job.CodeInterrupted, "no archive")
	h.checkArchives(repo, v)
	log := logText(h.log(d))
	if n := strings.Count(log, "cannot be looked up yet"); n != 1 {
		t.Errorf("said %d times that it cannot be told:\n%s", n, log)
	}
}

// TestVerifyIsGivenUpOnRequest: a person may end the wait. What is not known
// is not called cancelled: that would say that there is no archive.
func TestVerifyIsGivenUpOnRequest(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.inited("a")
	d, second, _ := h.interruptedAway(repo)
	must(t, d.SetDesired(jobdir.Cancel))
	must(t, second.Wait())
	v := h.verdict(d)
	expect(t, h, v, job.Failed, job.CodeUnverified, v.ArchiveName)
}

// interruptedAway is an interrupted backup whose repository cannot be asked;
// back makes that possible again.
func (h *host) interruptedAway(repo job.Repository) (d *jobdir.Dir, second *exec.Cmd, back func()) {
	h.t.Helper()
	h.big(64 << 30)
	d = h.order(h.spec(job.Backup, repo))
	first := h.spawn(d)
	await(h.t, "borg to read", func() bool { r, _ := d.Register(); return r.Progress.OriginalSize > 0 })
	first.Process.Kill()
	first.Wait()
	h.killBorg(d)
	key := h.st.AgeKey()
	must(h.t, os.Rename(key, key+".away"))
	second = h.spawn(d)
	await(h.t, "the job to verify", func() bool { r, _ := d.Register(); return r.Phase == job.PhaseVerifying })
	return d, second, func() { must(h.t, os.Rename(key+".away", key)) }
}

// TestAnotherBoot: nothing of another boot's pipes and spools is believed.
func TestAnotherBoot(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.inited("a")
	h.files(5)
	d := h.order(h.spec(job.Backup, repo))
	must(t, d.MarkStarted(jobdir.Started{
		Incarnation: 2, Attempt: 1, BootID: "another", ArchiveName: "web1-a-x", BorgVersion: "1.2.4", StartedAt: time.Now(),
	}))
	must(t, os.WriteFile(d.Path()+"/stdout.spool", []byte(`{"archive":{"id":"1","name":"web1-a-x"}}`), 0o600))
	v := h.finish(d)
	expect(t, h, v, job.Failed, job.CodeInterrupted, "no archive")
	h.checkArchives(repo, v)
}

// TestInitInterrupted: the repository is looked up.
func TestInitInterrupted(t *testing.T) {
	t.Parallel()
	for point, status := range map[string]job.Status{PointStarted: job.Failed, PointExecuted: job.CompletedWithWarnings} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			d := h.order(h.spec(job.Init, h.repo("a")))
			v := h.finish(d, envDieAt+"="+point)
			if v.Status != status {
				t.Errorf("verdict %+v\n%s", v, logText(h.log(d)))
			}
			if v.Status.Good() && (v.BorgID == "" || v.ErrorCode != job.CodeStatusLost) {
				t.Errorf("verdict %+v", v)
			}
		})
	}
}

// TestLocked: somebody else has the repository. borg is executed again later,
// and the job ends as if nothing had been.
func TestLocked(t *testing.T) {
	t.Parallel()
	t.Run("until it is free", func(t *testing.T) {
		t.Parallel()
		h, repo, free := lockedRepo(t)
		d := h.order(h.spec(job.Backup, repo))
		cmd := h.spawn(d)
		await(t, "the job to wait", func() bool {
			r, _ := d.Register()
			return r.Phase == job.PhaseWaiting && r.Reason == reasonLocked
		})
		if s, err := d.Started(); s != nil || err != nil {
			t.Errorf("a waiting job has a start mark: %v, %v", s, err)
		}
		free()
		must(t, cmd.Wait())
		v := h.verdict(d)
		expect(t, h, v, job.Completed, "", "")
		h.checkArchives(repo, v)
	})
	t.Run("cancel", func(t *testing.T) {
		t.Parallel()
		h, repo, _ := lockedRepo(t)
		d := h.order(h.spec(job.Backup, repo))
		cmd := h.spawn(d)
		await(t, "the job to wait", func() bool { r, _ := d.Register(); return r.Phase == job.PhaseWaiting })
		must(t, d.SetDesired(jobdir.Cancel))
		must(t, cmd.Wait())
		expect(t, h, h.verdict(d), job.Cancelled, job.CodeCancelled, "")
	})
	t.Run("deadline", func(t *testing.T) {
		t.Parallel()
		h, repo, _ := lockedRepo(t)
		spec := h.spec(job.Backup, repo)
		spec.StartDeadline = time.Now().Add(2 * time.Second)
		_, v := h.run(spec)
		expect(t, h, v, job.Failed, job.CodeDeadline, "locked")
	})
	for point, status := range map[string]job.Status{PointGivenUp: job.Failed, PointGivenBack: job.Completed} {
		t.Run("death when "+point, func(t *testing.T) {
			t.Parallel()
			h, repo, free := lockedRepo(t)
			d := h.order(h.spec(job.Backup, repo))
			h.spawn(d, envDieAt+"="+point).Wait()
			if d.Ended() {
				t.Fatal("it ended")
			}
			free()
			v := h.finish(d)
			if point == PointGivenUp {
				status = job.Completed // the exit status was kept: it goes on waiting
			}
			if v.Status != status {
				t.Errorf("verdict %+v\n%s", v, logText(h.log(d)))
			}
			h.checkArchives(repo, v)
		})
	}
}

// lockedRepo is a repository with a living process's lock.
func lockedRepo(t *testing.T) (h *host, repo job.Repository, free func()) {
	t.Helper()
	h = newHost(t)
	repo = h.inited("a")
	h.files(3)
	return h, repo, lock(t, repo)
}

// lock is somebody at work in the repository, on another host.
func lock(t *testing.T, repo job.Repository) (free func()) {
	t.Helper()
	lock := repo.Path + "/lock.exclusive"
	must(t, os.Mkdir(lock, 0o700))
	must(t, os.WriteFile(lock+"/elsewhere@1.1-1", nil, 0o600))
	return func() { must(t, os.RemoveAll(lock)) }
}
