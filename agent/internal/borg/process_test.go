package borg

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"borgfleet/shared/job"

	"golang.org/x/sys/unix"
)

// shell is a tool that runs a script in place of borg.
func shell(script string) (Tool, Invocation) {
	return Tool{Path: "/bin/sh"}, Invocation{Args: []string{"-c", script}, Env: []string{"PATH=" + defaultPath, passphraseFDVar + "3"}}
}

func TestRunGivesBorgWhatItNeedsAndNoMore(t *testing.T) {
	tool, inv := shell(`pwd; readlink /proc/self/fd/0; cat <&3; echo; env | grep -c SECRET; echo oops >&2; exit 7`)
	inv.NeedsPassphrase = true
	t.Setenv("SECRET", "x")
	secret := []byte("pass word\n")
	stdout, stderr, exit := tool.Run(t.Context(), inv, secret)
	want := "/\n/dev/null\npass word\n\n0\n"
	if string(stdout) != want || string(stderr) != "oops\n" || exit != (Exit{Code: 7}) {
		t.Errorf("got %q, %q, %+v", stdout, stderr, exit)
	}
	if strings.Trim(string(secret), "\x00") != "" {
		t.Errorf("the passphrase is still there: %q", secret)
	}
}

func TestStartWithoutPassphrase(t *testing.T) {
	tool, inv := shell(`echo "fd=$BORG_PASSPHRASE_FD"; test ! -e /proc/self/fd/3`)
	inv.NeedsPassphrase = true
	stdout, _, exit := tool.Run(t.Context(), inv, nil)
	if string(stdout) != "fd=\n" || exit.Code != 0 {
		t.Errorf("got %q, %+v", stdout, exit)
	}
}

func TestStartRefusesPassphrases(t *testing.T) {
	tool, inv := shell(`true`)
	inv.NeedsPassphrase = true
	for name, secret := range map[string]string{
		"NUL": "a\x00", "not UTF-8": "a\xff", "too long": strings.Repeat("x", maxPassphrase+1),
	} {
		if p, err := tool.Start(inv, Stdio{Passphrase: []byte(secret)}); err == nil {
			p.Wait()
			t.Errorf("%s was accepted", name)
		} else if CodeOf(err) != job.CodePassphrase || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (Tool{Path: "/nowhere/borg"}).Start(inv, Stdio{}); CodeOf(err) != job.CodeBorgMissing {
		t.Errorf("missing binary: %v", err)
	}
}

func TestLockIsInheritedByBorgAlone(t *testing.T) {
	dir := t.TempDir()
	lock, err := os.Create(filepath.Join(dir, "borg.lock"))
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	tool, inv := shell(`echo $(readlink /proc/$$/fd/4); test -e /proc/$$/fd/3 && echo three; read line < ` + fifo(t, dir))
	p, err := tool.Start(inv, Stdio{Stdout: w, Lock: lock})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	lock.Close()
	line := make([]byte, 4096)
	n, _ := r.Read(line)
	if got := strings.TrimSpace(string(line[:n])); got != lock.Name() {
		t.Errorf("fd 4 is %q", got)
	}
	again, err := os.Open(lock.Name())
	if err != nil {
		t.Fatal(err)
	}
	defer again.Close()
	if err := unix.Flock(int(again.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != unix.EWOULDBLOCK {
		t.Errorf("the lock is free while the process lives: %v", err)
	}
	p.Terminate(time.Minute, nil)
	if exit := p.Wait(); exit.Signal != syscall.SIGTERM || exit.Code != -1 {
		t.Errorf("%+v", exit)
	}
	if err := unix.Flock(int(again.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		t.Errorf("the lock is held after the process: %v", err)
	}
}

// fifo is something to read from that never says anything.
func fifo(t *testing.T, dir string) string {
	t.Helper()
	path := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestTerminateEndsTheGroupByForce(t *testing.T) {
	dir := t.TempDir()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	// Both ignore SIGTERM; the child holds the pipe's other end.
	tool, inv := shell(`trap '' TERM; (read line < ` + fifo(t, dir) + `) & echo $!; wait`)
	p, err := tool.Start(inv, Stdio{Stdout: w})
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 32)
	n, err := r.Read(line)
	if err != nil {
		t.Fatal(err)
	}
	if sid, err := unix.Getsid(p.PID()); err != nil || sid != p.PID() {
		t.Errorf("session %d of process %d, %v", sid, p.PID(), err)
	}
	child, err := strconv.Atoi(strings.TrimSpace(string(line[:n])))
	if err != nil {
		t.Fatal(err)
	}
	p.Terminate(10*time.Millisecond, nil)
	if exit := p.Wait(); exit.Signal != syscall.SIGKILL {
		t.Errorf("%+v", exit)
	}
	if _, err := io.ReadAll(r); err != nil { // ends when the child is gone
		t.Errorf("child %d: %v", child, err)
	}
	p.Terminate(0, nil) // nobody there: nothing happens
	p.killGroup()
	if again := p.Wait(); again.Signal != syscall.SIGKILL {
		t.Errorf("a second Wait says %+v", again)
	}
}

func TestTerminateForceIsCalledOff(t *testing.T) {
	tool, inv := shell(`trap 'exit 143' TERM; while :; do read line < ` + fifo(t, t.TempDir()) + `; done`)
	p, err := tool.Start(inv, Stdio{})
	if err != nil {
		t.Fatal(err)
	}
	waitForFifoReader(t, p.PID())
	done := make(chan struct{})
	p.Terminate(time.Hour, done)
	exit := p.Wait()
	close(done)
	if exit != (Exit{Code: 143}) {
		t.Errorf("%+v", exit)
	}
}

// waitForFifoReader returns when the shell blocks in open, so after its trap
// is set.
func waitForFifoReader(t *testing.T, pid int) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		b, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/syscall")
		if f := strings.Fields(string(b)); len(f) > 0 && f[0] == strconv.Itoa(unix.SYS_OPENAT) {
			return
		}
	}
	t.Fatal("the script did not get to its read")
}

func TestRunIsBoundedAndDrains(t *testing.T) {
	t.Parallel()
	tool, inv := shell(`head -c 17000000 /dev/zero; head -c 200000 /dev/zero >&2`)
	stdout, stderr, exit := tool.Run(t.Context(), inv, nil)
	if len(stdout) != maxOutput || len(stderr) != 200000 || exit.Err == nil {
		t.Errorf("%d and %d bytes, %+v", len(stdout), len(stderr), exit)
	}
}

func TestRunDoesNotWaitForStrangers(t *testing.T) {
	t.Parallel()
	start := time.Now()
	tool, inv := shell(`setsid sh -c 'echo $$; exec sleep 60' & read x < ` + fifo(t, t.TempDir()) + ` & echo $!; exit 0`)
	stdout, _, exit := tool.Run(t.Context(), inv, nil)
	if exit.Code != 0 || time.Since(start) > 20*time.Second {
		t.Errorf("%+v after %s", exit, time.Since(start))
	}
	for _, word := range strings.Fields(string(stdout)) {
		if pid, err := strconv.Atoi(word); err == nil {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	tool, inv := shell(`exec sleep 60`)
	if _, _, exit := tool.Run(ctx, inv, nil); exit.Signal != syscall.SIGTERM {
		t.Errorf("%+v", exit)
	}
	secret := []byte("x")
	if _, _, exit := tool.Run(ctx, inv, secret); exit.Err == nil || secret[0] != 0 {
		t.Errorf("%+v, %q", exit, secret)
	}
}
