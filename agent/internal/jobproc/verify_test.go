package jobproc

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/policy"
	"borgfleet/shared/job"
)

// interrupted is a backup that the host's end interrupted; whether borg had
// finished is up to archive.
func (h *host) interrupted(repo job.Repository) *jobdir.Dir {
	h.t.Helper()
	d := h.order(h.spec(job.Backup, repo))
	must(h.t, d.MarkStarted(jobdir.Started{
		Incarnation: 2, Attempt: 1, BootID: "another", ArchiveName: interruptedName, BorgVersion: "1.2.4", StartedAt: time.Now(),
	}))
	return d
}

const interruptedName = "web1-a-x"

// archive makes the archive that an interrupted backup had finished.
func (h *host) archive(repo job.Repository) {
	h.t.Helper()
	h.files(5)
	h.borg("create", repo.Path+"::"+interruptedName, h.path("src"))
}

// TestAnotherBootWithAnArchive: borg had finished when the host went down.
func TestAnotherBootWithAnArchive(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	repo := h.inited("a")
	h.archive(repo)
	v := h.finish(h.interrupted(repo))
	expect(t, h, v, job.CompletedWithWarnings, job.CodeStatusLost, "archive complete")
	h.checkArchives(repo, v)
}

// TestVerifyWaitsForAMount: after a boot the agent comes before the disk that
// has the repository. Where no repository is, nothing was said about archives.
func TestVerifyWaitsForAMount(t *testing.T) {
	t.Parallel()
	for name, finished := range map[string]bool{"with an archive": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			repo := h.inited("a")
			if finished {
				h.archive(repo)
			}
			must(t, os.Rename(repo.Path, repo.Path+".unmounted"))
			d := h.interrupted(repo)
			cmd := h.spawn(d)
			await(t, "the first answer", func() bool {
				return d.Ended() || strings.Contains(logText(h.log(d)), "cannot be looked up yet")
			})
			if d.Ended() {
				t.Fatalf("a verdict was guessed: %+v", h.verdict(d))
			}
			must(t, os.Rename(repo.Path+".unmounted", repo.Path))
			must(t, cmd.Wait())
			v := h.verdict(d)
			if finished {
				expect(t, h, v, job.CompletedWithWarnings, job.CodeStatusLost, "archive complete")
			} else {
				expect(t, h, v, job.Failed, job.CodeInterrupted, "no archive")
			}
			h.checkArchives(repo, v)
		})
	}
}

// TestCancelEndsALookUp: a server that does not answer must not hold a person
// who wants to wait no longer.
func TestCancelEndsALookUp(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	asked := h.path("asked")
	ssh := h.path("ssh")
	must(t, os.WriteFile(ssh, []byte("#!/bin/sh\n: >"+asked+"\nexec sleep 600\n"), 0o700))
	repo := h.repo("a")
	repo.Path = "ssh://backup@server.example/srv/a"
	repo.PassphraseSealed = h.sealFor(h.id.AgentID, repo.Path)
	h.configure(func(c *policy.Config) { c.SSH.Command = []string{ssh} })
	d := h.interrupted(repo)
	cmd := h.spawn(d, envGrace+"=100ms")
	await(t, "the look-up", func() bool { _, err := os.Stat(asked); return err == nil })
	must(t, d.SetDesired(jobdir.Cancel))
	await(t, "a verdict", d.Ended)
	must(t, cmd.Wait())
	v := h.verdict(d)
	expect(t, h, v, job.Failed, job.CodeUnverified, "did not answer")
	if strings.Contains(v.ErrorMessage, "signal") {
		t.Errorf("our own signal is blamed: %s", v.ErrorMessage)
	}
}

// TestRelocatedSaysTheWayOut: only a person can tell that a repository at
// another place is the same one. The log says how, and the job goes on then.
func TestRelocatedSaysTheWayOut(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	old := h.inited("it's old")
	h.archive(old)
	repo := h.repo("it's new")
	must(t, os.Rename(old.Path, repo.Path))
	d := h.interrupted(repo)
	cmd := h.spawn(d)
	var log string
	await(t, "the log to say so", func() bool {
		log = logText(h.log(d))
		return strings.Contains(log, "cannot be looked up yet")
	})
	_, command, ok := strings.Cut(log, "run on this host, as the agent's account: ")
	if !ok {
		t.Fatalf("the log does not say what to do:\n%s", log)
	}
	command, _, _ = strings.Cut(command, "\n")
	await(t, "borg to accept it", func() bool { // the job's own look-ups hold the lock now and then
		accept := exec.Command("/bin/sh", "-c", command)
		accept.Env = []string{"PATH=" + os.Getenv("PATH"), "BORG_PASSPHRASE=" + passphrase, "LC_ALL=C.UTF-8"}
		return accept.Run() == nil
	})
	must(t, cmd.Wait())
	v := h.verdict(d)
	expect(t, h, v, job.CompletedWithWarnings, job.CodeStatusLost, "archive complete")
}

// TestGapsBeforeTheVerdict: the verdict names the journal's end, so what was
// lost is written down before it, however long the disk refuses that. Needs
// root for a small disk below the journal alone.
func TestGapsBeforeTheVerdict(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root can mount a small disk")
	}
	h := newHost(t)
	d := h.order(h.spec(job.Backup, h.repo("a")))
	disk := filepath.Join(d.Path(), "journal")
	if err := unix.Mount("tmpfs", disk, "tmpfs", 0, "size=32k"); err != nil {
		t.Skipf("cannot mount: %v", err)
	}
	t.Cleanup(func() { unix.Unmount(disk, unix.MNT_DETACH) })
	p, err := open(Config{State: h.st, Key: d.Key(), Limits: jobdir.Limits{MinFree: -1}}.withDefaults(), d)
	must(t, err)
	defer p.reg.Close()
	ballast := filepath.Join(disk, "ballast")
	p.say(job.LevelInfo, "the first page")
	must(t, p.journal.Sync())
	written := 1
	fill(t, ballast)
	for ; p.journal.Err() == nil; written++ { // what is left of that page
		p.say(job.LevelInfo, "x")
	}
	v := job.Verdict{Status: job.Completed, EndedAt: time.Now()}
	if err := p.conclude(v); err == nil || d.Ended() {
		t.Errorf("a verdict without the count of lost lines: %v", err)
	}
	must(t, os.Remove(ballast))
	must(t, p.conclude(v))
	must(t, p.journal.Close())
	log := h.log(d)
	if last := log[len(log)-1]; len(log) != written || last.Gap == nil || last.Gap.Count != 1 {
		t.Errorf("%d lines went in, one was refused; the log ends:\n%s", written, logText(log[max(0, len(log)-3):]))
	}
}

// fill takes what a disk has left.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	for err == nil {
		_, err = f.Write(make([]byte, 4096))
	}
	must(t, f.Close())
}
