package testenv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// process is one program that testenv started and that testenv ends.
type process struct {
	cmd  *exec.Cmd
	out  *output
	done chan struct{} // closed when it has been reaped
	err  error         // of Wait; after done
}

// output keeps what a process prints: in a file, and the first part for
// messages and for lines that are waited for.
type output struct {
	mu   sync.Mutex
	head bytes.Buffer // guarded by mu
	file *os.File
	also io.Writer
}

const outputHead = 1 << 20

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.head.Len() < outputHead {
		o.head.Write(p)
	}
	if o.also != nil {
		o.also.Write(p)
	}
	return o.file.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.head.String()
}

func (e *Env) start(name string, cmd *exec.Cmd) (*process, error) {
	file, err := os.OpenFile(filepath.Join(e.logs(), name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, out: &output{file: file, also: e.Log}, done: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.out, p.out
	// Job processes inherit no pipe of ours, but hold on to it should they ever.
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		file.Close()
		return nil, err
	}
	go func() {
		p.err = cmd.Wait()
		file.Close()
		close(p.done)
	}()
	return p, nil
}

// end sends a signal and waits until the process is gone.
func (p *process) end(sig syscall.Signal) error {
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(patience):
		p.abort()
		return fmt.Errorf("%s did not end within %s after %s", filepath.Base(p.cmd.Path), patience, sig)
	}
}

// abort ends a process that does not end, and lets it print where it stands.
func (p *process) abort() {
	_ = p.cmd.Process.Signal(syscall.SIGQUIT)
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		_ = p.cmd.Process.Kill()
		<-p.done
	}
}

// exit waits until the process has ended by itself and gives its exit status.
func (p *process) exit() (int, error) {
	select {
	case <-p.done:
		return p.cmd.ProcessState.ExitCode(), nil
	case <-time.After(patience):
		return 0, fmt.Errorf("%s did not end within %s", filepath.Base(p.cmd.Path), patience)
	}
}

func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// run runs a program to its end, or that of ctx, and gives what it printed.
func (e *Env) run(ctx context.Context, env []string, bin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(e.Bin, bin), args...)
	cmd.Env = env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return out.String(), fmt.Errorf("%s %v: %w: %s", bin, args, err, errs.String())
	}
	return out.String(), nil
}
