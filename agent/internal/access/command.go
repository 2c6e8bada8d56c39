package access

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// commandTime is how long a passphrase command may take: it may ask a
	// server, and the backup waits for it.
	commandTime = 60 * time.Second
	// restTime is for what it left behind with our pipes in its hands.
	restTime = time.Second
	// keptOutput is read of each stream; the rest is thrown away, so that the
	// command does not stand still over it.
	keptOutput = mostPassphrase + 2
)

// output is what a command gave.
type output struct {
	stdout, stderr []byte
	err            error
}

// run executes words without a shell, with nothing of the agent's own
// environment, and ends whatever of it is still there when its first process
// has gone or its time is over.
func run(ctx context.Context, words []string, home string, limit time.Duration) output {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("did not end within %s", limit))
	defer cancel()
	cmd := exec.Command(words[0], words[1:]...)
	cmd.Dir = "/"
	cmd.Env = []string{"HOME=" + home, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"}
	// A session of its own: its group can be ended whole, and it finds no
	// terminal to ask questions on.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	stdout, outW, err := os.Pipe()
	if err != nil {
		return output{err: fmt.Errorf("cannot be run: %w", err)}
	}
	defer stdout.Close()
	stderr, errW, err := os.Pipe()
	if err != nil {
		outW.Close()
		return output{err: fmt.Errorf("cannot be run: %w", err)}
	}
	defer stderr.Close()
	cmd.Stdout, cmd.Stderr = outW, errW
	err = cmd.Start()
	outW.Close()
	errW.Close()
	if err != nil {
		return output{err: fmt.Errorf("cannot be run: %w", err)}
	}
	out, errs := collect(stdout), collect(stderr)
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		// Without reaping it: its number stays its own until its group is ended.
		for errors.Is(unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil), unix.EINTR) {
		}
	}()
	select {
	case <-gone:
	case <-ctx.Done():
	}
	late := context.Cause(ctx)
	select {
	case <-gone:
		late = nil
	default:
	}
	_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
	<-gone
	err = cmd.Wait()
	rest := time.Now().Add(restTime)
	_ = stdout.SetReadDeadline(rest)
	_ = stderr.SetReadDeadline(rest)
	o := output{stdout: <-out, stderr: <-errs, err: late}
	if o.err == nil && err != nil {
		o.err = fmt.Errorf("ended with %w", err)
	}
	return o
}

// collect reads to the end and keeps the beginning.
func collect(r io.Reader) <-chan []byte {
	c := make(chan []byte, 1)
	go func() {
		kept, err := io.ReadAll(io.LimitReader(r, keptOutput))
		if err == nil {
			_, _ = io.Copy(io.Discard, r)
		}
		c <- kept
	}()
	return c
}
