package hook

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/hook/hooktest"
)

// TestMain lets the test binary be a process that runs a hook and is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv("TEST_RUN_HOOK_IN"); dir != "" {
		f, err := Dir{Path: dir, UID: os.Geteuid()}.Open("h")
		if err == nil {
			Command{File: f, Name: "h", Env: []string{"PATH=/bin:/usr/bin", "MARK=" + dir}, Limit: time.Minute, Line: func(s string) { fmt.Println(s) }}.Run(context.Background())
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// try runs a script as a hook.
func try(t *testing.T, ctx context.Context, script string, change func(*Command)) (r Result, lines []string) {
	t.Helper()
	d := newDir(t)
	hooktest.Write(t, d.Path, "h", script)
	f, err := d.Open("h")
	must(t, err)
	defer f.Close()
	c := Command{
		File: f, Name: "h", Env: []string{"PATH=/usr/bin:/bin", "DIR=" + d.Path}, Limit: time.Minute, Grace: 300 * time.Millisecond,
		Line: func(s string) { lines = append(lines, s) },
	}
	if change != nil {
		change(&c)
	}
	r = c.Run(ctx)
	return r, lines
}

func TestRun(t *testing.T) {
	for _, tc := range []struct {
		script, problem string
		code            int
		lines           []string
	}{
		{"#!/bin/sh\necho one; echo two >&2; printf three", "", 0, []string{"one", "two", "three"}},
		{"#!/bin/sh\necho no; exit 75", "exit status 75", 75, []string{"no"}},
		{"#!/bin/sh\nkill -SEGV $$", "was ended by somebody else (SIGSEGV)", -1, nil},
		{"#!/bin/sh\nread x || echo end of input; pwd; ps -o tty= -p $$ | tr -d ' '; echo $#", "", 0, []string{"end of input", "/", "?", "0"}},
		{"echo without a first line", "it is no program", -1, nil},
		{"#!/nowhere/at/all\n", "its interpreter is not there", -1, nil},
		{"#!/bin/sh\ntrap 'echo piped' PIPE; trap 'echo hung up' HUP; kill -PIPE $$; kill -HUP $$", "", 0, []string{"piped", "hung up"}},
	} {
		r, lines := try(t, context.Background(), tc.script, nil)
		if r.Code != tc.code || !strings.Contains(r.Problem, tc.problem) || (r.Problem == "") != (tc.problem == "") || !slices.Equal(lines, tc.lines) {
			t.Errorf("%s: %+v %q", tc.script, r, lines)
		}
	}
}

// TestNothingIsInherited: an environment from nothing, and no descriptor of ours.
func TestNothingIsInherited(t *testing.T) {
	t.Setenv("SECRET", "of ours")
	lock, err := os.Create(filepath.Join(t.TempDir(), "borg.lock"))
	must(t, err)
	defer lock.Close()
	must(t, unix.Flock(int(lock.Fd()), unix.LOCK_EX))
	loose, err := unix.Dup(int(lock.Fd())) // not to be closed when something is executed
	must(t, err)
	defer unix.Close(loose)
	r, lines := try(t, context.Background(), "#!/bin/sh\n/usr/bin/env -0 </dev/null | tr '\\0' '\\n'; find /proc/$$/fd -type l -printf '%f %l\\n'; :", nil)
	if r.Problem != "" {
		t.Fatal(r)
	}
	for _, line := range lines {
		name, value, env := strings.Cut(line, "=")
		fd, target, _ := strings.Cut(line, " ")
		switch {
		case env && slices.Contains([]string{"PATH", "DIR", "PWD", "_", "OLDPWD", "SHLVL"}, name):
		case env:
			t.Errorf("the environment has %s=%s", name, value)
		case fd == "0" && target == "/dev/null", (fd == "1" || fd == "2") && strings.HasPrefix(target, "pipe:"):
		case strings.HasSuffix(target, "/h"): // the hook itself, ours and its interpreter's
		default:
			t.Errorf("descriptor %s is %s", fd, target)
		}
	}
	if len(lines) < 5 {
		t.Error(lines)
	}
}

// TestBinary: what is no script is executed through its descriptor as well.
func TestBinary(t *testing.T) {
	d := newDir(t)
	sh, err := os.ReadFile("/bin/true")
	must(t, err)
	hooktest.Write(t, d.Path, "h", string(sh))
	f, err := d.Open("h")
	must(t, err)
	defer f.Close()
	if r := (Command{File: f, Name: "h", Limit: time.Minute}).Run(context.Background()); r.Problem != "" {
		t.Error(r)
	}
}

// TestOpenedIsExecuted: what comes into its place afterwards is not.
func TestOpenedIsExecuted(t *testing.T) {
	r, lines := try(t, context.Background(), "#!/bin/sh\necho the one that was looked at", func(c *Command) {
		path := c.File.Name()
		real, err := os.Readlink(path)
		if err != nil {
			real, err = os.Readlink(fmt.Sprintf("/proc/self/fd/%d", c.File.Fd()))
		}
		must(t, err)
		must(t, os.Rename(real, real+".old"))
		must(t, os.WriteFile(real, []byte("#!/bin/sh\necho another"), 0o700))
	})
	if r.Problem != "" || !slices.Equal(lines, []string{"the one that was looked at"}) {
		t.Error(r, lines)
	}
}

func TestTimeLimit(t *testing.T) {
	ends := func(script string, limit time.Duration, says string) {
		t.Helper()
		ctx, cancel := context.WithCancelCause(context.Background())
		defer cancel(nil)
		begun := time.Now()
		r, lines := try(t, ctx, script, func(c *Command) {
			c.Limit = limit
			line := c.Line
			c.Line = func(s string) {
				line(s)
				if s == "now" {
					cancel(errors.New("cancelled"))
				}
			}
		})
		if r.Code != -1 || r.Problem != says || time.Since(begun) > 30*time.Second {
			t.Errorf("%s: %+v %q after %s", script, r, lines, time.Since(begun))
		}
	}
	ends("#!/bin/sh\nsleep 1000", 100*time.Millisecond, "did not end within 100ms")
	ends("#!/bin/sh\ntrap '' TERM; while :; do sleep 1000; done", 100*time.Millisecond, "did not end within 100ms")
	ends("#!/bin/sh\necho now; sleep 1000", time.Minute, "cancelled")
	r, lines := try(t, context.Background(), "#!/bin/sh\ntrap 'echo tidied up; exit 0' TERM; sleep 1000 & wait", func(c *Command) { c.Limit, c.Grace = 500*time.Millisecond, time.Minute })
	if r.Problem != "did not end within 500ms" || !slices.Equal(lines, []string{"tidied up"}) {
		t.Error(r, lines)
	}
}

// TestNothingIsLeft: what a hook starts and leaves is ended, also if it has gone
// to a session of its own, and nobody waits for who holds the pipe.
func TestNothingIsLeft(t *testing.T) {
	for name, script := range map[string]string{
		"background":    "sleep 1000 & echo $!",
		"own session":   "setsid sleep 1000 & sleep 0.2; pidof_() { echo $!; }; pidof_",
		"double fork":   "(setsid sh -c 'echo $$; exec sleep 1000' &)  ; sleep 0.3",
		"deaf":          "setsid sh -c 'trap \"\" TERM HUP INT; echo $$; sleep 1000; sleep 1000' & sleep 0.3",
		"without marks": "env -i setsid sh -c 'echo $$; exec sleep 1000' & sleep 0.3",
	} {
		others := children()
		r, lines := try(t, context.Background(), "#!/bin/sh\n"+script, nil)
		if r.Problem != "" || len(lines) == 0 || len(r.Left) > 0 {
			t.Errorf("%s: %+v %q", name, r, lines)
			continue
		}
		pid, err := strconv.Atoi(lines[0])
		must(t, err)
		if unix.Kill(pid, 0) == nil {
			t.Errorf("%s: process %d goes on", name, pid)
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		if now := children(); !slices.Equal(now, others) {
			t.Errorf("%s: children %v, before %v", name, now, others)
		}
	}
}

// TestOtherChildrenStay: only what the hook has started is ended.
func TestOtherChildrenStay(t *testing.T) {
	other := exec.Command("sleep", "1000")
	must(t, other.Start())
	if r, _ := try(t, context.Background(), "#!/bin/sh\nsleep 1000 &", nil); r.Problem != "" {
		t.Error(r)
	}
	must(t, other.Process.Signal(unix.Signal(0)))
	must(t, other.Process.Kill())
	_ = other.Wait()
}

// TestRemains: the end of the process that runs a hook is the hook's, and what it
// had started is found by what it was given.
func TestRemains(t *testing.T) {
	d := newDir(t)
	hooktest.Write(t, d.Path, "h", "#!/bin/sh\nsetsid sh -c 'trap \"\" TERM; echo $$; sleep 1000; sleep 1000' & sleep 0.2; echo $$; sleep 1000; echo on")
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{"TEST_RUN_HOOK_IN=" + d.Path}
	cmd.SysProcAttr = nil
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	var child, self int
	_, err = fmt.Fscan(out, &child, &self)
	must(t, err)
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
	for end := time.Now().Add(30 * time.Second); alive(self) && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if alive(self) || !alive(child) {
		t.Errorf("the hook lives: %v, what it started: %v", alive(self), alive(child))
	}
	if left := EndRemains("MARK=" + d.Path + "x"); left != nil || !alive(child) {
		t.Error("ended by another mark", left)
	}
	if left := EndRemains("MARK=" + d.Path); left != nil || alive(child) {
		t.Error(left, alive(child))
	}
}

// alive leaves out what has ended and waits for its burial.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && !strings.Contains(string(stat), ") Z ")
}

func TestOutputIsBounded(t *testing.T) {
	r, lines := try(t, context.Background(), "#!/bin/sh\nhead -c 300000000 /dev/zero | tr '\\0' x; echo; yes y | head -n 5000000; echo last; echo", nil)
	if r.Problem != "" || r.Last != "last" {
		t.Errorf("%+v", r)
	}
	if len(lines) != mostLines || uint64(len(lines))+r.LeftOut != 5_000_003 || len(lines[0]) > mostLine+40 || !strings.HasSuffix(lines[0], "[line truncated]") {
		t.Errorf("%d lines, %d left out, the first has %d bytes", len(lines), r.LeftOut, len(lines[0]))
	}
	o := newOutput(func(string) {})
	long := []byte(strings.Repeat("z", mostLine) + "\n")
	for range 2000 {
		o.take(long)
	}
	if o.bytes > mostBytes || o.leftOut == 0 {
		t.Error(o.bytes, o.leftOut)
	}
}
