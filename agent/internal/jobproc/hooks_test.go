package jobproc

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/hook/hooktest"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/policy"
	"borgfleet/shared/job"
)

// hooked is a host with hooks, each of which notes that it runs.
type hooked struct {
	*host
	dir  string
	repo job.Repository
}

func newHooked(t *testing.T) *hooked {
	t.Helper()
	h := &hooked{host: newHost(t), dir: hooktest.Dir(t)}
	h.configure(func(*policy.Config) {})
	h.repo = h.inited("a")
	h.files(3)
	return h
}

func (h *hooked) configure(change func(*policy.Config)) {
	h.t.Helper()
	h.host.configure(func(c *policy.Config) {
		c.Hooks.Directory, c.Allow.Hooks = h.dir, []string{"*"}
		change(c)
	})
}

// hook writes one, which does more than to note itself.
func (h *hooked) hook(name, more string) {
	h.t.Helper()
	hooktest.Write(h.t, h.dir, name, fmt.Sprintf("#!/bin/sh\nDIR=%s\necho $BORGFLEET_HOOK $BORGFLEET_HOOK_TIME $BORGFLEET_JOB_OUTCOME >>$DIR/ran\n%s\n", h.root, more))
}

// all defines one hook of each time, and two before.
func (h *hooked) all() {
	h.t.Helper()
	for _, name := range []string{"b1", "b2", "good", "warn", "fail", "undo"} {
		h.hook(name, "")
	}
	h.repo.Hooks = job.Hooks{Before: []string{"b1", "b2"}, After: []string{"good"}, OnWarning: []string{"warn"}, OnFailure: []string{"fail"}, Always: []string{"undo"}}
}

// ran tells what has been noted so far.
func (h *hooked) ran() []string {
	b, _ := os.ReadFile(h.path("ran"))
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

func (h *hooked) expectRan(want ...string) {
	h.t.Helper()
	if got := h.ran(); !slices.Equal(got, want) {
		h.t.Errorf("ran %q, want %q", got, want)
	}
}

// TestHooksInOrder: which hooks an end has, in which order, and what comes of
// those that fail.
func TestHooksInOrder(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(h *hooked)
		status job.Status
		code   string
		says   string
		ran    []string
	}{
		"good": {func(h *hooked) {}, job.Completed, "", "",
			[]string{"b1 before", "b2 before", "good after completed", "undo always completed"}},
		"with warnings": {func(h *hooked) { h.repo.Sources = append(h.repo.Sources, h.path("none")) }, job.CompletedWithWarnings, "", "",
			[]string{"b1 before", "b2 before", "good after completed_with_warnings", "warn on_warning completed_with_warnings", "undo always completed_with_warnings"}},
		"borg fails": {func(h *hooked) { must(h.t, os.RemoveAll(h.repo.Path)) }, job.Failed, "repo_not_found", "",
			[]string{"b1 before", "b2 before", "fail on_failure failed", "undo always failed"}},
		"no sources": {func(h *hooked) { must(h.t, os.RemoveAll(h.path("src"))) }, job.Failed, job.CodeSourcesMissing, "",
			[]string{"b1 before", "b2 before", "fail on_failure failed", "undo always failed"}},
		"sources that a hook brings": {func(h *hooked) {
			h.repo.Sources = []string{h.path("mounted")}
			h.hook("b2", "mkdir $DIR/mounted; echo x >$DIR/mounted/x")
		}, job.Completed, "", "", []string{"b1 before", "b2 before", "good after completed", "undo always completed"}},
		"before fails": {func(h *hooked) { h.hook("b1", "echo the disk is on fire; echo; exit 3") }, job.Failed, job.CodeHookFailed,
			"the hook b1 (before) failed: exit status 3: the disk is on fire",
			[]string{"b1 before", "fail on_failure failed", "undo always failed"}},
		"before is too slow": {func(h *hooked) {
			h.hook("b2", "echo working; sleep 1000")
			h.configure(func(c *policy.Config) { c.Hooks.TimeLimit = time.Second })
		}, job.Failed, job.CodeHookFailed, "the hook b2 (before) failed: did not end within 1s: working",
			[]string{"b1 before", "b2 before", "fail on_failure failed", "undo always failed"}},
		"after fails": {func(h *hooked) { h.hook("good", "echo no mail >&2; exit 1") }, job.CompletedWithWarnings, job.CodeHookFailed,
			"the hook good (after) failed: exit status 1: no mail",
			[]string{"b1 before", "b2 before", "good after completed", "warn on_warning completed_with_warnings", "undo always completed_with_warnings"}},
		"after says not now": {func(h *hooked) { h.hook("good", "exit 75") }, job.CompletedWithWarnings, job.CodeHookFailed,
			"the hook good (after) failed: exit status 75",
			[]string{"b1 before", "b2 before", "good after completed", "warn on_warning completed_with_warnings", "undo always completed_with_warnings"}},
		"always fails": {func(h *hooked) { h.hook("undo", "kill -9 $$") }, job.CompletedWithWarnings, job.CodeHookFailed,
			"the hook undo (always) failed: was ended by somebody else (SIGKILL)",
			[]string{"b1 before", "b2 before", "good after completed", "undo always completed"}},
		"all that follows fails": {func(h *hooked) {
			h.hook("b2", "exit 1")
			h.hook("fail", "exit 2")
			h.hook("undo", "exit 3")
		}, job.Failed, job.CodeHookFailed,
			"the hook b2 (before) failed: exit status 1; the hook fail (on_failure) failed: exit status 2; the hook undo (always) failed: exit status 3",
			[]string{"b1 before", "b2 before", "fail on_failure failed", "undo always failed"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHooked(t)
			h.all()
			tc.change(h)
			d, v := h.run(h.spec(job.Backup, h.repo))
			if v.Status != tc.status || tc.code != "" && v.ErrorCode != tc.code || !strings.Contains(v.ErrorMessage, tc.says) {
				t.Errorf("verdict %+v\n%s", v, logText(h.log(d)))
			}
			h.expectRan(tc.ran...)
			if v.ErrorCode != "repo_not_found" {
				h.checkArchives(h.repo, v)
			}
		})
	}
}

// TestHookEnvironment: what hooks are told, and that it is all they get.
func TestHookEnvironment(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.hook("tell", "env >$DIR/env.$BORGFLEET_HOOK_TIME; grep SigIgn /proc/$$/status >$DIR/signals; find /proc/$$/fd -type l -printf '%l\\n' >$DIR/fds.$BORGFLEET_HOOK_TIME; printf 'a\\033[31mb\\tc\\n"+passphrase+"\\n'")
	h.repo.Name = "r\x1b[2J"
	h.repo.Hooks = job.Hooks{Before: []string{"tell"}, Always: []string{"tell"}}
	h.env = append(h.env, "SECRET=x", "BORG_PASSPHRASE="+passphrase)
	d := h.order(h.spec(job.Backup, h.repo))
	must(t, d.SetID(42))
	hold, err := d.HoldPipes()
	must(t, err)
	defer hold.Close()
	v := h.finish(d)
	if v.Status != job.Completed {
		t.Fatalf("%+v", v)
	}
	common := map[string]string{
		"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", "HOME": os.Getenv("HOME"), "PWD": "/",
		"BORGFLEET_HOOK": "tell", "BORGFLEET_JOB_ID": "42", "BORGFLEET_JOB_KEY": d.Key().String(), "BORGFLEET_JOB_KIND": "backup",
		"BORGFLEET_JOB_AGENT": "web1", "BORGFLEET_JOB_REPOSITORY": `r\x1b[2J`, "BORGFLEET_JOB_REPOSITORY_PATH": h.repo.Path,
	}
	for at, more := range map[string]map[string]string{
		"before": {},
		"always": {"BORGFLEET_JOB_OUTCOME": "completed", "BORGFLEET_JOB_ARCHIVE": v.ArchiveName, "BORGFLEET_JOB_EXIT_CODE": "0"},
	} {
		more["BORGFLEET_HOOK_TIME"] = at
		for name, value := range common {
			more[name] = value
		}
		b, err := os.ReadFile(h.path("env." + at))
		must(t, err)
		for line := range strings.Lines(string(b)) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
			if want, ok := more[name]; (!ok || value != want) && name != "_" && name != "SHLVL" && name != "OLDPWD" {
				t.Errorf("%s: %s is %q, want %q", at, name, value, want)
			}
			delete(more, name)
		}
		if len(more) > 0 {
			t.Errorf("%s lacks %v", at, more)
		}
		b, err = os.ReadFile(h.path("fds." + at))
		must(t, err)
		for line := range strings.Lines(string(b)) {
			if line = strings.TrimSpace(line); line != "/dev/null" && !strings.HasPrefix(line, "pipe:") && line != filepath.Join(h.dir, "tell") && line != h.path("fds."+at) {
				t.Errorf("%s has the descriptor of %s", at, line)
			}
		}
		if n := strings.Count(string(b), "pipe:"); n != 2 {
			t.Errorf("%s has %d pipes:\n%s", at, n, b)
		}
	}
	b, err := os.ReadFile(h.path("signals"))
	must(t, err)
	// 32 and 33 are the C library's own: what it was started with stays with it.
	const own = 1<<31 | 1<<32
	if ignored, err := strconv.ParseUint(strings.TrimSpace(strings.TrimPrefix(string(b), "SigIgn:")), 16, 64); err != nil || ignored&^own != 0 {
		t.Errorf("a hook ignores signals: %s %v", b, err)
	}
	var said []string
	for _, r := range h.log(d) {
		if r.Source == "hook" {
			said = append(said, r.Text)
		}
		if strings.Contains(r.Text, passphrase) {
			t.Errorf("the log has the passphrase: %s", r.Text)
		}
	}
	if want := []string{`tell: a\x1b[31mb c`, "tell: ***", `tell: a\x1b[31mb c`, "tell: ***"}; !slices.Equal(said, want) {
		t.Errorf("%q", said)
	}
}

// TestNotNow: a hook of before puts the job off, and what was done before it is
// undone each time.
func TestNotNow(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.all()
	h.hook("b2", "echo the disk is not there; test -e $DIR/there || exit 75")
	d := h.order(h.spec(job.Backup, h.repo))
	cmd := h.spawn(d)
	await(t, "the job to wait", func() bool {
		r, err := d.Register()
		return err == nil && r.Phase == job.PhaseWaiting && r.Reason == "not now (hook)" && !r.BorgRunning
	})
	await(t, "the hook to be asked again", func() bool { return len(h.ran()) > 6 })
	h.file("there", "")
	must(t, cmd.Wait())
	v := h.verdict(d)
	h.checkArchives(h.repo, v)
	if v.Status != job.Completed {
		t.Errorf("%+v\n%s", v, logText(h.log(d)))
	}
	all := h.ran()
	for len(all) > 4 && slices.Equal(all[:3], []string{"b1 before", "b2 before", "undo always waiting"}) {
		all = all[3:]
	}
	if !slices.Equal(all, []string{"b1 before", "b2 before", "good after completed", "undo always completed"}) {
		t.Errorf("%q", h.ran())
	}
	if !strings.Contains(logText(h.log(d)), "The hook b2 says not now: the disk is not there") {
		t.Error(logText(h.log(d)))
	}
}

// TestNotNowAtOnce: where nothing was done, nothing is undone; and the deadline
// ends it.
func TestNotNowAtOnce(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.all()
	h.hook("b1", "exit 75")
	spec := h.spec(job.Backup, h.repo)
	spec.StartDeadline = time.Now().Add(time.Second)
	_, v := h.run(spec)
	if v.Status != job.Failed || v.ErrorCode != job.CodeDeadline || !strings.HasSuffix(v.ErrorMessage, ": a hook said not now to the last") {
		t.Errorf("%+v", v)
	}
	for _, line := range h.ran() {
		if line != "b1 before" {
			t.Errorf("ran %q", h.ran())
		}
	}
}

// TestHooksWhileLocked: an attempt that borg's lock ends is closed, and its hooks
// run anew in the next.
func TestHooksWhileLocked(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.all()
	unlock := lock(t, h.repo)
	d := h.order(h.spec(job.Backup, h.repo))
	cmd := h.spawn(d)
	await(t, "the job to wait", func() bool { r, err := d.Register(); return err == nil && r.Reason == reasonLocked })
	if all := h.ran(); !slices.Equal(all[:3], []string{"b1 before", "b2 before", "undo always waiting"}) {
		t.Errorf("%q", all)
	}
	unlock()
	must(t, cmd.Wait())
	if v := h.verdict(d); v.Status != job.Completed {
		t.Errorf("%+v", v)
	}
	all := h.ran()
	if !slices.Equal(all[len(all)-4:], []string{"b1 before", "b2 before", "good after completed", "undo always completed"}) {
		t.Errorf("%q", all)
	}
}

// TestUnusableHooks: nothing is begun that could not be undone, and a backup is
// not left out over what only follows it.
func TestUnusableHooks(t *testing.T) {
	t.Parallel()
	t.Run("with hooks before", func(t *testing.T) {
		t.Parallel()
		h := newHooked(t)
		h.all()
		must(t, os.Remove(filepath.Join(h.dir, "undo")))
		_, v := h.run(h.spec(job.Backup, h.repo))
		if v.Status != job.Failed || v.ErrorCode != job.CodeHookUnusable || !strings.Contains(v.ErrorMessage, "there is no "+h.dir+"/undo on this host") {
			t.Errorf("%+v", v)
		}
		h.expectRan("")
		h.checkArchives(h.repo, v)
	})
	t.Run("without", func(t *testing.T) {
		t.Parallel()
		h := newHooked(t)
		h.all()
		h.repo.Hooks.Before = nil
		must(t, os.Chmod(filepath.Join(h.dir, "good"), 0o777))
		_, v := h.run(h.spec(job.Backup, h.repo))
		if v.Status != job.CompletedWithWarnings || v.ErrorCode != job.CodeHookFailed || !strings.Contains(v.ErrorMessage, "can be written by others") {
			t.Errorf("%+v", v)
		}
		h.expectRan("warn on_warning completed_with_warnings", "undo always completed_with_warnings")
		h.checkArchives(h.repo, v)
	})
	t.Run("not allowed", func(t *testing.T) {
		t.Parallel()
		h := newHooked(t)
		h.all()
		h.configure(func(c *policy.Config) { c.Allow.Hooks = []string{"b?", "good"} })
		_, v := h.run(h.spec(job.Backup, h.repo))
		if v.ErrorCode != job.CodePolicy || !strings.Contains(v.ErrorMessage, "allow --hook ") {
			t.Errorf("%+v", v)
		}
		h.expectRan("")
	})
}

// TestCancelDuringHook: of before, the hook ends and the last round follows; of
// the last round, it is given a while, and the backup stays what it is.
func TestCancelDuringHook(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		slow   string
		status job.Status
		says   string
		ran    []string
	}{
		"before": {"b2", job.Cancelled, "cancelled before borg was started", []string{"b1 before", "b2 before", "undo always cancelled"}},
		"after": {"good", job.CompletedWithWarnings, "the hook good (after) failed: had not ended in the time that a hook has after a wish to cancel",
			[]string{"b1 before", "b2 before", "good after completed", "warn on_warning completed_with_warnings", "undo always completed_with_warnings"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHooked(t)
			h.all()
			h.hook(tc.slow, "trap '' TERM; setsid sleep 1000 & echo $! >$DIR/pid.new; mv $DIR/pid.new $DIR/pid; sleep 1000; sleep 1000")
			d := h.order(h.spec(job.Backup, h.repo))
			cmd := h.spawn(d, envGrace+"=1s")
			pid := h.pidIn("pid")
			must(t, d.SetDesired(jobdir.Cancel))
			must(t, cmd.Wait())
			v := h.verdict(d)
			if v.Status != tc.status || !strings.Contains(v.ErrorMessage, tc.says) || v.ProcessTerminated {
				t.Errorf("%+v\n%s", v, logText(h.log(d)))
			}
			h.expectRan(tc.ran...)
			h.checkArchives(h.repo, v)
			if unix.Kill(pid, 0) == nil {
				t.Error("what the hook has started goes on")
			}
		})
	}
}

// pidIn waits for a number that a hook writes.
func (h *hooked) pidIn(name string) (pid int) {
	h.t.Helper()
	await(h.t, "the hook", func() bool {
		b, err := os.ReadFile(h.path(name))
		if err != nil {
			return false
		}
		_, err = fmt.Sscan(string(b), &pid)
		return err == nil
	})
	return pid
}

// TestDeathAroundHooks kills the job process around each hook. None runs twice in
// an attempt, the last round is run to its end, and the verdict is true.
func TestDeathAroundHooks(t *testing.T) {
	t.Parallel()
	again := []string{"b1 before", "b2 before", "good after completed", "undo always completed"}
	for point, tc := range map[string]struct {
		status job.Status
		ran    []string
	}{
		PointHook + "b1":   {job.Completed, append([]string{"undo always waiting"}, again...)},
		PointHooked + "b1": {job.Completed, append([]string{"b1 before", "undo always waiting"}, again...)},
		PointHook + "b2":   {job.Completed, append([]string{"b1 before", "undo always waiting"}, again...)},
		PointHooked + "b2": {job.Completed, append([]string{"b1 before", "b2 before", "undo always waiting"}, again...)},
		PointStarted:       {job.Failed, []string{"b1 before", "b2 before", "fail on_failure failed", "undo always failed"}},
		PointHook + "good": {job.CompletedWithWarnings, []string{"b1 before", "b2 before", "warn on_warning completed_with_warnings", "undo always completed_with_warnings"}},
		PointHooked + "good": {job.CompletedWithWarnings,
			[]string{"b1 before", "b2 before", "good after completed", "warn on_warning completed_with_warnings", "undo always completed_with_warnings"}},
		PointHook + "undo":   {job.CompletedWithWarnings, []string{"b1 before", "b2 before", "good after completed"}},
		PointHooked + "undo": {job.CompletedWithWarnings, again},
		PointJudged:          {job.Completed, again},
		PointEnded:           {job.Completed, again},
	} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			h := newHooked(t)
			h.all()
			d := h.order(h.spec(job.Backup, h.repo))
			hold, err := d.HoldPipes()
			must(t, err)
			defer hold.Close()
			v := h.finish(d, envDieAt+"="+point)
			if v.Status != tc.status {
				t.Errorf("%+v\n%s", v, logText(h.log(d)))
			}
			if strings.HasPrefix(point, PointHook) && v.Status == job.CompletedWithWarnings && !strings.Contains(v.ErrorMessage, "was interrupted") {
				t.Errorf("%+v", v)
			}
			h.expectRan(tc.ran...)
			h.checkArchives(h.repo, v)
		})
	}
}

// TestDeathBeforeLastRound: how borg ended is known to the job process that comes
// after one that died before the hooks that follow it.
func TestDeathBeforeLastRound(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.all()
	must(t, os.RemoveAll(h.repo.Path))
	d := h.order(h.spec(job.Backup, h.repo))
	v := h.finish(d, envDieAt+"="+PointHook+"fail")
	if v.ErrorCode != "repo_not_found" || v.ExitCode == nil || !strings.Contains(v.ErrorMessage, "the hook fail (on_failure) was interrupted") {
		t.Errorf("%+v", v)
	}
	h.expectRan("b1 before", "b2 before", "undo always failed")
}

// TestKilledInHook: the job process is killed while a hook works. The hook ends
// with it, what it has started before the next one begins.
func TestKilledInHook(t *testing.T) {
	t.Parallel()
	for _, slow := range []string{"b2", "good"} {
		t.Run(slow, func(t *testing.T) {
			t.Parallel()
			h := newHooked(t)
			h.all()
			h.hook(slow, "test -e $DIR/pid && exit 0; setsid sleep 1000 & echo $! >$DIR/pid.new; mv $DIR/pid.new $DIR/pid; sleep 1000; sleep 1000")
			h.hook("undo", "grep -qs '^State:.[^ZX]' /proc/$(cat $DIR/pid)/status && echo lives >>$DIR/ran; :")
			d := h.order(h.spec(job.Backup, h.repo))
			cmd := h.spawn(d)
			pid := h.pidIn("pid")
			if unix.Kill(pid, 0) != nil {
				t.Error("it does not work")
			}
			must(t, cmd.Process.Signal(syscall.SIGKILL))
			cmd.Wait()
			v := h.finish(d)
			h.checkArchives(h.repo, v)
			switch slow {
			case "b2":
				h.expectRan("b1 before", "b2 before", "undo always waiting", "b1 before", "b2 before", "good after completed", "undo always completed")
			case "good":
				h.expectRan("b1 before", "b2 before", "good after completed", "warn on_warning completed_with_warnings", "undo always completed_with_warnings")
				if v.Status != job.CompletedWithWarnings {
					t.Errorf("%+v", v)
				}
			}
			if strings.Contains(strings.Join(h.ran(), "\n"), "lives") {
				t.Error("what the hook has started goes on")
			}
		})
	}
}

// TestHooksThatKill: a hook over which the job process dies again and again ends
// the job.
func TestHooksThatKill(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.all()
	h.hook("b2", "kill -9 $PPID; sleep 1000")
	_, v := h.run(h.spec(job.Backup, h.repo))
	if v.Status != job.Failed || v.ErrorCode != job.CodeInterrupted || !strings.Contains(v.ErrorMessage, "3 times") {
		t.Errorf("%+v", v)
	}
	once := []string{"b1 before", "b2 before", "undo always waiting"}
	h.expectRan(slices.Concat(once, once, []string{"b1 before", "b2 before", "fail on_failure failed", "undo always failed"})...)
	h.checkArchives(h.repo, v)
}

// TestShutdownDuringHooks: no hook is begun any more; the next job process, as
// after the boot, goes on.
func TestShutdownDuringHooks(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		status job.Status
		ran    []string
	}{
		"b2":   {job.Completed, []string{"b1 before", "b2 before", "undo always waiting", "b1 before", "b2 before", "good after completed", "undo always completed"}},
		"good": {job.CompletedWithWarnings, []string{"b1 before", "b2 before", "good after completed", "warn on_warning completed_with_warnings", "undo always completed_with_warnings"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHooked(t)
			h.all()
			h.hook(name, "test -e $DIR/pid && exit 0; echo $$ >$DIR/pid.new; mv $DIR/pid.new $DIR/pid; sleep 1000")
			d := h.order(h.spec(job.Backup, h.repo))
			cmd := h.spawn(d)
			h.pidIn("pid")
			must(t, cmd.Process.Signal(syscall.SIGTERM))
			cmd.Wait()
			if d.Ended() {
				t.Fatalf("%+v", h.verdict(d))
			}
			v := h.finish(d)
			if v.Status != tc.status {
				t.Errorf("%+v\n%s", v, logText(h.log(d)))
			}
			h.expectRan(tc.ran...)
			h.checkArchives(h.repo, v)
		})
	}
}

// TestHookShows: while a hook runs the job is running, and says which.
func TestHookShows(t *testing.T) {
	t.Parallel()
	h := newHooked(t)
	h.hook("slow", "while ! test -e $DIR/go; do sleep 0.02; done")
	h.repo.Hooks = job.Hooks{Before: []string{"slow"}}
	d := h.order(h.spec(job.Backup, h.repo))
	cmd := h.spawn(d)
	await(t, "the hook to show", func() bool {
		r, err := d.Register()
		return err == nil && r.Phase == job.PhaseStarted && r.BorgPhase == "hook slow" && !r.BorgRunning && !r.StartedAt.IsZero()
	})
	h.file("go", "")
	must(t, cmd.Wait())
	if r, _ := d.Register(); job.IsHookPhase(r.BorgPhase) || r.Verdict == nil || r.Verdict.Status != job.Completed {
		t.Errorf("%+v", r)
	}
}
