package jobproc

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/policy"
	"borgfleet/shared/job"
)

// TestEndedWhenSaved: borg is ended when its archive is in the repository: before
// it has said so, and after. Only the repository knows in the first case.
func TestEndedWhenSaved(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"saved", "said"} {
		t.Run(at+", cancelled", func(t *testing.T) {
			l := newLate(t, at)
			must(t, l.d.SetDesired(jobdir.Cancel))
			must(t, l.cmd.Wait())
			v := l.verdict(l.d)
			if v.Status != job.CompletedWithWarnings || !strings.Contains(v.ErrorMessage, "the archive is complete") {
				t.Errorf("verdict is %s %q", v.Status, v.ErrorMessage) // the code is borg's
			}
			l.checkArchives(l.repo, v)
		})
		t.Run(at+", killed", func(t *testing.T) {
			l := newLate(t, at)
			l.signalBorg(l.d, unix.SIGKILL)
			must(t, l.cmd.Wait())
			v := l.verdict(l.d)
			expect(t, l.host, v, job.CompletedWithWarnings, borg.CodeBorgKilled, "the archive is complete")
			l.checkArchives(l.repo, v)
		})
	}
}

// TestEndedBeforeSaved: the files are walked, and the archive is not saved.
func TestEndedBeforeSaved(t *testing.T) {
	t.Parallel()
	l := newLate(t, "walked")
	l.signalBorg(l.d, unix.SIGKILL)
	must(t, l.cmd.Wait())
	v := l.verdict(l.d)
	expect(t, l.host, v, job.Failed, borg.CodeBorgKilled, "the repository has no archive of this job")
	l.checkArchives(l.repo, v)
}

// late is a backup whose borg waits near its end.
type late struct {
	*host
	repo job.Repository
	d    *jobdir.Dir
	cmd  *exec.Cmd
}

// newLate starts one and waits until borg waits: when it has walked the files,
// when it has saved the archive, or when it has said so.
func newLate(t *testing.T, at string) *late {
	h := newHost(t)
	tool, waits := borgThatWaits(t, "create", at, `"archive_progress"`, `"finished": true`)
	h.tool = tool
	h.configure(func(*policy.Config) {})
	repo := h.inited("a")
	h.files(3)
	l := &late{host: h, repo: repo, d: h.order(h.spec(job.Backup, repo))}
	l.cmd = h.spawn(l.d)
	await(t, "borg to be "+at, waits)
	return l
}

// borgThatWaits is a borg that waits in a command until it is ended: when it has
// saved an archive, when it has said so, or, else, when it has written a line with
// all of these words. waits says whether it does.
func borgThatWaits(t *testing.T, command, at string, words ...string) (tool string, waits func() bool) {
	dir := t.TempDir()
	real := must1(exec.LookPath("borg"))
	tool = filepath.Join(dir, "borg")
	program := fmt.Sprintf("#!/bin/sh\ncase \" $* \" in *\" %s \"*) export PYTHONPATH=%q;; esac\nexec %q \"$@\"\n", command, dir, real)
	must(t, os.WriteFile(tool, []byte(program), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "sitecustomize.py"), fmt.Appendf(nil, `import builtins, io, os, sys, time
def wait():
    open(%q, "w").close()
    time.sleep(3600)
say, leave = builtins.print, sys.exit
def held_print(*args, **named):
    if args and str(args[0]).startswith("{\n"):
        wait()
    say(*args, **named)
def held_exit(*args):
    wait()
    leave(*args)
class Held(io.BufferedIOBase):
    def __init__(self, to):
        self.to = to
    def writable(self):
        return True
    def fileno(self):
        return self.to.fileno()
    def write(self, data):
        n = self.to.write(data)
        self.to.flush()
        if all(word in data.decode() for word in %s):
            wait()
        return n
    def flush(self):
        self.to.flush()
at = %q
if at == "saved":
    builtins.print = held_print
elif at == "said":
    sys.exit = held_exit
else:
    sys.stderr = io.TextIOWrapper(Held(sys.stderr.buffer), line_buffering=True)
`, filepath.Join(dir, "at"), must1(json.Marshal(words)), at), 0o644))
	return tool, func() bool { _, err := os.Lstat(filepath.Join(dir, "at")); return err == nil }
}
