package jobproc

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
)

// TestADeadBorgHoldsNobody: a borg that is killed while it has the repository's
// lock, alone or with its job process, leaves none to wait for, whatever it did.
func TestADeadBorgHoldsNobody(t *testing.T) {
	t.Parallel()
	for _, kind := range []job.Kind{job.List, job.Restore, job.Check} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			l := newLocking(t, kind)
			l.signalBorg(l.d, unix.SIGKILL)
			must(t, l.cmd.Wait())
			expect(t, l.host, l.verdict(l.d), job.Failed, borg.CodeBorgKilled, "")
			l.checkFree()
		})
		t.Run(string(kind)+" and its job process", func(t *testing.T) {
			t.Parallel()
			l := newLocking(t, kind)
			must(t, l.cmd.Process.Kill())
			l.cmd.Wait()
			l.killBorg(l.d)
			expect(t, l.host, l.finish(l.d), job.Failed, job.CodeInterrupted, "")
			l.checkFree()
		})
	}
}

// TestALockOutOfReachIsTold: the job ends all the same.
func TestALockOutOfReachIsTold(t *testing.T) {
	t.Parallel()
	l := newLocking(t, job.List)
	must(t, os.Rename(l.repo.Path, l.repo.Path+".away"))
	l.signalBorg(l.d, unix.SIGKILL)
	must(t, l.cmd.Wait())
	expect(t, l.host, l.verdict(l.d), job.Failed, borg.CodeBorgKilled, "")
	if log := logText(l.log(l.d)); !strings.Contains(log, "is not taken away") || !strings.Contains(log, "until somebody breaks it") {
		t.Error(log)
	}
}

// locking is a job whose borg has the repository's lock, and waits.
type locking struct {
	*host
	repo job.Repository
	d    *jobdir.Dir
	cmd  *exec.Cmd
}

func newLocking(t *testing.T, kind job.Kind) *locking {
	h := newHost(t)
	h.restores(nil)
	l := &locking{host: h, repo: h.ofThreeDays()}
	spec := h.spec(kind, l.repo)
	if kind == job.Restore {
		spec = h.restore(l.repo, ownName(l.repo, 5), "to")
	}
	h.tool = holdingLocks(t, l.repo.Path)
	h.restores(nil)
	l.d = h.order(spec)
	l.cmd = h.spawn(l.d)
	await(t, "borg to have the lock", func() bool { _, err := os.Stat(held(l.repo.Path)); return err == nil })
	return l
}

// held is there when borg waits.
func held(repo string) string { return filepath.Join(repo, "held") }

// holdingLocks is a borg that waits, the first time it has locked the repository:
// it reads the repository's configuration then.
func holdingLocks(t *testing.T, repo string) string {
	dir := t.TempDir()
	real := must1(exec.LookPath("borg"))
	program := fmt.Sprintf("#!/bin/sh\nPYTHONPATH=%q exec %q \"$@\"\n", dir, real)
	must(t, os.WriteFile(filepath.Join(dir, "borg"), []byte(program), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "sitecustomize.py"), fmt.Appendf(nil, `import builtins, os, time
real = builtins.open
def watched(file, *rest, **named):
    f = real(file, *rest, **named)
    if file == %q and any(name.startswith("lock.") for name in os.listdir(%q)) and not os.path.exists(%q):
        real(%q, "w").close()
        while True:
            time.sleep(0.01)
    return f
builtins.open = watched
`, filepath.Join(repo, "config"), repo, held(repo), held(repo)), 0o644))
	return filepath.Join(dir, "borg")
}

func (l *locking) checkFree() {
	l.t.Helper()
	if locks, err := filepath.Glob(filepath.Join(l.repo.Path, "lock.*")); err != nil || len(locks) > 0 {
		l.t.Errorf("other hosts wait for %v", locks)
	}
}
