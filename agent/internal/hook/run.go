package hook

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// DefaultGrace is between SIGTERM and SIGKILL.
const DefaultGrace = 10 * time.Second

// Command is one run of a hook.
type Command struct {
	File  *os.File // from Open
	Name  string
	Env   []string // all of it
	Limit time.Duration
	Grace time.Duration // 0: DefaultGrace
	Line  func(string)  // takes what it prints, line by line, from one goroutine
}

// Result is how it ended.
type Result struct {
	Code    int    // -1: it did not end by itself
	Problem string // why it did not end well; empty: it did
	Last    string // the last line that it printed
	LeftOut uint64 // lines that were more than is taken
	Left    []int  // processes it started that could not be ended
}

// fileFD is the hook's own file in its process. A script's interpreter opens it
// once more by that name, so it cannot be closed when the hook is executed. It is
// read-only, and holds no more than the hook itself.
const fileFD = 3

// Run executes the hook and waits for its end: by itself, by its time limit or
// with ctx. What it has started is ended, too, its session and group left or not,
// as long as this process lives. If this process is killed the hook is as well;
// for what it has started see EndRemains.
func (c Command) Run(ctx context.Context) Result {
	// The kernel takes the end of the thread that started it for our own.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	others := children()
	// Else what a hook has left alone would be the first process's, and go on.
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err == nil {
		defer func() { _ = unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) }()
	}
	out, cmd, err := c.start()
	if err != nil {
		return Result{Code: -1, Problem: "cannot be executed: " + explain(err)}
	}
	defer out.Close()
	o := newOutput(c.Line)
	read := make(chan struct{})
	go func() {
		defer close(read)
		o.readFrom(out)
	}()
	ctx, cancel := context.WithTimeoutCause(ctx, c.Limit, fmt.Errorf("did not end within %s", c.Limit))
	defer cancel()
	late, gone := c.await(ctx, cmd.Process.Pid)
	if gone {
		err = cmd.Wait()
	} else {
		go func() { _ = cmd.Wait() }() // whenever that is
	}
	r := Result{Left: endChildren(others)}
	// Who could not be ended may still have our pipe in hand.
	_ = out.SetReadDeadline(time.Now().Add(time.Second))
	<-read
	o.flush()
	r.Last, r.LeftOut = o.last, o.leftOut
	r.Code, r.Problem = verdict(cmd.ProcessState, err, late)
	return r
}

// start gives the hook's output, and leaves the hook with the only writing end.
func (c Command) start() (out *os.File, cmd *exec.Cmd, err error) {
	out, w, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer w.Close()
	cmd = &exec.Cmd{
		Path: fmt.Sprintf("/proc/self/fd/%d", fileFD), Args: []string{c.Name}, Env: c.Env, Dir: "/",
		Stdout: w, Stderr: w, ExtraFiles: []*os.File{c.File},
		// A session of its own: its group can be ended whole, and it finds no
		// terminal to ask questions on.
		SysProcAttr: &syscall.SysProcAttr{Setsid: true, Pdeathsig: unix.SIGKILL},
	}
	if err = keepFiles(); err == nil {
		err = cmd.Start()
	}
	if err != nil {
		out.Close()
		return nil, nil, err
	}
	return out, cmd, nil
}

// keepFiles keeps every file of this process to itself, those too that whoever
// started it has left open.
func keepFiles() error {
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, f := range open {
		if fd, err := strconv.Atoi(f.Name()); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

// await waits for the hook's own process, asks it to end when ctx does, and ends
// its group by force in any case. late says why it was asked; nil: it was not. Who
// is of another account by now may not be ours to end.
func (c Command) await(ctx context.Context, pid int) (late error, gone bool) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		// Without reaping it: its number stays its own until its group is ended.
		for errors.Is(unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
		}
	}()
	select {
	case <-ended:
	case <-ctx.Done():
		if !within(ended, 0) { // else at the same moment: it ended by itself
			late = context.Cause(ctx)
			_ = unix.Kill(-pid, unix.SIGTERM)
			within(ended, c.grace())
		}
	}
	_ = unix.Kill(-pid, unix.SIGKILL)
	return late, within(ended, endTime)
}

// within waits for the end of something, for a time.
func within(ended <-chan struct{}, most time.Duration) bool {
	t := time.NewTimer(most)
	defer t.Stop()
	select {
	case <-ended:
		return true
	case <-t.C:
	}
	select {
	case <-ended:
		return true
	default:
		return false
	}
}

func (c Command) grace() time.Duration {
	if c.Grace == 0 {
		return DefaultGrace
	}
	return c.Grace
}

func verdict(state *os.ProcessState, err, late error) (code int, problem string) {
	if late != nil {
		return -1, late.Error()
	}
	if state == nil {
		return -1, fmt.Sprintf("how it ended is not known: %v", err)
	}
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return -1, "was ended by somebody else (" + unix.SignalName(ws.Signal()) + ")"
	}
	if code = state.ExitCode(); code != 0 {
		return code, fmt.Sprintf("exit status %d", code)
	}
	return 0, ""
}

// explain says what the kernel means.
func explain(err error) string {
	switch {
	case errors.Is(err, unix.ENOEXEC):
		return "it is no program, and a script begins with a line such as #!/bin/sh"
	case errors.Is(err, unix.EACCES):
		return "the kernel refuses it: is its file system mounted noexec, or may the agent's account not execute it?"
	case errors.Is(err, unix.ENOENT):
		return "its interpreter is not there: correct its first line"
	}
	return err.Error()
}
