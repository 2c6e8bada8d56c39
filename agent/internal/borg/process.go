package borg

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode/utf8"

	"borgfleet/shared/job"

	"golang.org/x/sys/unix"
)

// Tool is a borg binary.
type Tool struct {
	Path    string // absolute
	Version Version
}

// Stdio is what a borg process is given.
type Stdio struct {
	Stdout, Stderr *os.File // nil: /dev/null
	// Lock is the job's borg.lock, open and flock'ed. borg inherits it and so
	// keeps it locked to its end, also when this process is gone: that is how
	// a job is known to be alive. borg closes it for its own children.
	Lock *os.File
	// Passphrase is overwritten with zeros by Start. nil: none, and borg says
	// so if it wants one.
	Passphrase []byte
}

// Exit is how a process ended.
type Exit struct {
	Code   int            // -1 when it was ended by a signal, or when Err is set
	Signal syscall.Signal // 0: it ended by itself
	Err    error          // the status could not be had
}

// Good says whether borg did what it was asked, warnings included.
func (e Exit) Good() bool { return e.Err == nil && e.Signal == 0 && goodCode(e.Code) }

func goodCode(rc int) bool { return rc == 0 || warningCode(rc) }

// warningCode is borg's own rule: 1, and with modern exit codes 100 to 127.
func warningCode(rc int) bool { return rc == 1 || rc >= 100 && rc <= 127 }

// Process is a running borg.
type Process struct {
	Unlimited error // why the host's limits do not hold; nil: they do

	cmd  *exec.Cmd
	done chan struct{} // closed when Wait has the exit status

	mu     sync.Mutex // guards reaped, and keeps the process a zombie while held
	reaped bool

	once sync.Once
	exit Exit
}

// maxPassphrase fits into a pipe's buffer, so that it can be written before
// borg starts, with nobody reading yet.
const maxPassphrase = 32 << 10

// Start runs borg in a session of its own. Of its own group, so that it can be
// ended with its children and does not get a signal meant for us; of its own
// session, so that neither borg nor ssh finds a terminal to ask questions on.
func (t Tool) Start(inv Invocation, io Stdio) (*Process, error) {
	defer clear(io.Passphrase)
	cmd := exec.Command(t.Path, inv.Args...)
	cmd.Dir = "/"
	cmd.Env = inv.Env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	// A typed nil would be taken for a writer.
	if io.Stdout != nil {
		cmd.Stdout = io.Stdout
	}
	if io.Stderr != nil {
		cmd.Stderr = io.Stderr
	}
	var secret *os.File
	if inv.NeedsPassphrase && len(io.Passphrase) > 0 {
		var err error
		if secret, err = passphrasePipe(io.Passphrase); err != nil {
			return nil, err
		}
		defer secret.Close()
	} else {
		// With the variable but no descriptor borg would fail for another
		// reason than the true one.
		cmd.Env = without(cmd.Env, passphraseFDVar)
	}
	// nil leaves the number unused, so that the lock always has the same one.
	cmd.ExtraFiles = []*os.File{secret}
	if io.Lock != nil {
		cmd.ExtraFiles = append(cmd.ExtraFiles, io.Lock) // fd 4, which borg never looks at
	}
	start := cmd.Start
	if inv.By != nil {
		start = func() error { return inv.By.Start(cmd) }
	}
	if err := start(); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, &Error{job.CodeBorgMissing, fmt.Sprintf("cannot start borg: %v", err)}
		}
		return nil, internal("cannot start borg: %v", err)
	}
	return &Process{cmd: cmd, done: make(chan struct{}), Unlimited: inv.Limits.apply(cmd.Process.Pid)}, nil
}

func without(env []string, prefix string) []string {
	out := make([]string, 0, len(env))
	for _, v := range env {
		if !strings.HasPrefix(v, prefix) {
			out = append(out, v)
		}
	}
	return out
}

// passphrasePipe returns the reading end of a pipe that holds the passphrase
// and whose writing end is closed.
func passphrasePipe(passphrase []byte) (*os.File, error) {
	switch {
	case len(passphrase) > maxPassphrase:
		return nil, &Error{job.CodePassphrase, "the passphrase is longer than 32 KiB"}
	case !utf8.Valid(passphrase):
		return nil, &Error{job.CodePassphrase, "the passphrase is not valid UTF-8; borg cannot read it from a descriptor"}
	}
	for _, c := range passphrase {
		if c == 0 {
			return nil, &Error{job.CodePassphrase, "the passphrase holds a NUL, or was used once before"}
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, internal("make a pipe for the passphrase: %v", err)
	}
	_, err = w.Write(passphrase)
	if err = errors.Join(err, w.Close()); err != nil {
		r.Close()
		return nil, internal("write the passphrase to borg's pipe: %v", err)
	}
	return r, nil
}

// PID is the process id. It is also the id of borg's group and session.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Wait waits for the end of borg. It may be called more than once and from
// several goroutines.
func (p *Process) Wait() Exit {
	p.once.Do(func() {
		// First wait without reaping: as long as the process is a zombie its
		// id is not given to another one, and killGroup can trust it.
		for {
			err := unix.Waitid(unix.P_PID, p.PID(), nil, unix.WEXITED|unix.WNOWAIT, nil)
			if !errors.Is(err, unix.EINTR) {
				break
			}
		}
		p.mu.Lock()
		err := p.cmd.Wait()
		p.reaped = true
		p.mu.Unlock()
		p.exit = exitOf(p.cmd.ProcessState, err)
		close(p.done)
	})
	<-p.done
	return p.exit
}

func exitOf(state *os.ProcessState, err error) Exit {
	if state == nil {
		return Exit{Code: -1, Err: fmt.Errorf("wait for borg: %w", err)}
	}
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		return Exit{Code: -1, Signal: ws.Signal()}
	}
	return Exit{Code: state.ExitCode()}
}

// Terminate asks borg to end (SIGTERM, to borg alone, so that its ssh lives
// long enough for a clean end) and ends its whole group by force after the
// grace period. It returns at once. The force is called off when done is
// closed or Wait has seen the end; done may be nil. told says that borg was still
// there to be asked.
func (p *Process) Terminate(grace time.Duration, done <-chan struct{}) (told bool) {
	// os.Process refuses once the process was waited for.
	told = p.cmd.Process.Signal(unix.SIGTERM) == nil
	go func() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			p.killGroup()
		case <-done:
		case <-p.done:
		}
	}()
	return told
}

func (p *Process) killGroup() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.reaped {
		_ = unix.Kill(-p.PID(), unix.SIGKILL)
	}
}
