package jobproc

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
)

func TestCancel(t *testing.T) {
	t.Parallel()
	t.Run("running", func(t *testing.T) {
		h := newHost(t)
		repo := h.inited("a")
		h.big(64 << 30)
		d := h.order(h.spec(job.Backup, repo))
		cmd := h.spawn(d)
		await(t, "borg to read", func() bool { r, _ := d.Register(); return r.Progress.OriginalSize > 0 })
		must(t, d.SetDesired(jobdir.Cancel))
		must(t, cmd.Wait())
		v := h.verdict(d)
		expect(t, h, v, job.Cancelled, job.CodeCancelled, "")
		if !v.ProcessTerminated || d.BorgRunning() {
			t.Errorf("verdict %+v, borg running %v", v, d.BorgRunning())
		}
		h.checkArchives(repo, v)
	})
	t.Run("before it starts", func(t *testing.T) {
		h := newHost(t)
		d := h.order(h.spec(job.Backup, h.repo("a")))
		must(t, d.SetDesired(jobdir.Cancel))
		v := h.finish(d)
		expect(t, h, v, job.Cancelled, job.CodeCancelled, "before")
		if v.ProcessTerminated || v.ExitCode != nil {
			t.Errorf("verdict %+v", v)
		}
	})
	t.Run("too late", func(t *testing.T) {
		h := newHost(t)
		repo := h.inited("a")
		h.files(3)
		d := h.order(h.spec(job.Backup, repo))
		h.spawn(d, envDieAt+"="+PointJudged).Wait()
		must(t, d.SetDesired(jobdir.Cancel))
		v := h.finish(d)
		expect(t, h, v, job.Completed, "", "") // the truth stands
	})
}

func TestHostShutdown(t *testing.T) {
	t.Parallel()
	t.Run("running", func(t *testing.T) {
		h := newHost(t)
		repo := h.inited("a")
		h.big(64 << 30)
		d := h.order(h.spec(job.Backup, repo))
		cmd := h.spawn(d)
		await(t, "borg to read", func() bool { r, _ := d.Register(); return r.Progress.OriginalSize > 0 })
		must(t, cmd.Process.Signal(syscall.SIGTERM))
		must(t, cmd.Wait())
		v := h.verdict(d)
		expect(t, h, v, job.Failed, job.CodeHostShutdown, "ended in good order")
		if d.BorgRunning() {
			t.Error("borg runs on")
		}
		h.borg("list", "--lock-wait", "0", repo.Path)
		h.checkArchives(repo, v)
	})
	t.Run("every process at once", func(t *testing.T) {
		for _, first := range []string{"borg", "job process"} {
			h := newHost(t)
			repo := h.inited("a")
			h.big(64 << 30)
			d := h.order(h.spec(job.Backup, repo))
			cmd := h.spawn(d)
			await(t, "borg to read", func() bool { r, _ := d.Register(); return r.Progress.OriginalSize > 0 })
			if first == "borg" {
				h.signalBorg(d, unix.SIGTERM)
				await(t, "borg to be gone", func() bool { return !d.BorgRunning() })
			}
			must(t, cmd.Process.Signal(syscall.SIGTERM))
			if first != "borg" {
				h.signalBorg(d, unix.SIGTERM)
			}
			must(t, cmd.Wait())
			v := h.verdict(d)
			expect(t, h, v, job.Failed, job.CodeHostShutdown, "shutdown of the host")
			h.borg("list", "--lock-wait", "0", repo.Path)
			h.checkArchives(repo, v)
		}
	})
	t.Run("borg does not end", func(t *testing.T) {
		h := newHost(t)
		repo := h.inited("a")
		h.big(64 << 30)
		d := h.order(h.spec(job.Backup, repo))
		cmd := h.spawn(d, envGrace+"=100ms")
		await(t, "borg to read", func() bool { r, _ := d.Register(); return r.Progress.OriginalSize > 0 })
		h.signalBorg(d, unix.SIGSTOP)
		must(t, cmd.Process.Signal(syscall.SIGTERM))
		must(t, cmd.Wait())
		v := h.verdict(d)
		expect(t, h, v, job.Failed, job.CodeHostShutdown, "borg was killed (SIGKILL)")
		h.checkArchives(repo, v) // with the agent's own host id the lock goes
	})
	t.Run("too late", func(t *testing.T) {
		h := newHost(t)
		repo := h.inited("a")
		h.files(3)
		d := h.order(h.spec(job.Backup, repo))
		cmd := h.spawn(d, envTermAt+"="+PointJudged)
		must(t, cmd.Wait())
		v := h.verdict(d)
		expect(t, h, v, job.Completed, "", "")
		h.checkArchives(repo, v)
	})
	t.Run("borg had failed", func(t *testing.T) {
		h := newHost(t)
		h.files(3)
		d := h.order(h.spec(job.Backup, h.repo("missing")))
		cmd := h.spawn(d, envTermAt+"="+PointExited)
		must(t, cmd.Wait())
		expect(t, h, h.verdict(d), job.Failed, borg.CodeRepoNotFound, "") // for its own reason
	})
	t.Run("waiting", func(t *testing.T) {
		h, repo, free := lockedRepo(t)
		d := h.order(h.spec(job.Backup, repo))
		cmd := h.spawn(d)
		await(t, "the job to wait", func() bool { r, _ := d.Register(); return r.Phase == job.PhaseWaiting })
		must(t, cmd.Process.Signal(syscall.SIGTERM))
		cmd.Wait()
		if d.Ended() {
			t.Fatalf("a job that had not begun was ended: %+v", h.verdict(d))
		}
		free()
		expect(t, h, h.finish(d), job.Completed, "", "") // after the next boot
	})
}

// TestBorgIsEndedByOthers: whoever did it, it was not cancelled.
func TestBorgIsEndedByOthers(t *testing.T) {
	t.Parallel()
	for sig, says := range map[unix.Signal]string{
		unix.SIGTERM: "did not come from here", unix.SIGKILL: "killed (SIGKILL) by somebody else",
	} {
		h := newHost(t)
		repo := h.inited("a")
		h.big(64 << 30)
		d := h.order(h.spec(job.Backup, repo))
		cmd := h.spawn(d)
		await(t, "borg to read", func() bool { r, _ := d.Register(); return r.Progress.OriginalSize > 0 })
		h.signalBorg(d, sig)
		must(t, cmd.Wait())
		v := h.verdict(d)
		expect(t, h, v, job.Failed, borg.CodeBorgKilled, says)
		if v.ProcessTerminated {
			t.Error("says that a cancel ended it")
		}
		if locks, err := filepath.Glob(filepath.Join(repo.Path, "lock.*")); err != nil || len(locks) > 0 {
			t.Errorf("other hosts wait for %v", locks)
		}
		h.checkArchives(repo, v)
	}
}

// TestSignalsThatMeanNothing: a terminal's signals do not end a backup.
func TestSignalsThatMeanNothing(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.inited("a")
	h.files(300)
	d := h.order(h.spec(job.Backup, repo))
	cmd := h.spawn(d)
	await(t, "borg to run", func() bool { r, _ := d.Register(); return r.Phase == job.PhaseStarted })
	must(t, cmd.Process.Signal(syscall.SIGINT))
	must(t, cmd.Process.Signal(syscall.SIGHUP))
	must(t, cmd.Wait())
	expect(t, h, h.verdict(d), job.Completed, "", "")
}

// TestProgress: the first figures come at once, and the path is readable.
func TestProgress(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.inited("a")
	h.big(64 << 30)
	d := h.order(h.spec(job.Backup, repo))
	cmd := h.spawn(d)
	var first job.Register
	await(t, "figures", func() bool { first, _ = d.Register(); return first.Progress.OriginalSize > 0 })
	if took := time.Since(first.StartedAt); took > 3*time.Second {
		t.Errorf("first figures after %s", took)
	}
	if !strings.HasSuffix(first.Progress.CurrentFile, "/src/big") || !first.BorgRunning || first.BorgVersion == "" {
		t.Errorf("register %+v", first)
	}
	await(t, "a total", func() bool { r, _ := d.Register(); return r.Progress.TotalSource == job.TotalWalk })
	must(t, d.SetDesired(jobdir.Cancel))
	must(t, cmd.Wait())
	last, err := d.Register()
	must(t, err)
	if !last.Newer(first) {
		t.Error("the register did not get newer")
	}
}
