package testenv

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"borgfleet/scripts/faultfs"
)

// Host is one agent: its state and its daemon process.
type Host struct {
	Agent
	StateDir string
	Proxy    *Proxy      // between it and the controller
	Disk     *faultfs.FS // that StateDir is on; nil without FaultDisk

	env  *Env
	proc *process
}

func (h *Host) environ() []string { return h.env.environ(h.Agent.Env...) }

func (h *Host) enrol() error {
	token, err := h.env.Controller.JoinToken()
	if err != nil {
		return err
	}
	args := append([]string{
		"enroll", "--state-dir", h.StateDir, "--name", h.Name,
		"--allow-repository", h.env.Repositories() + "/**",
	}, h.Allow...)
	if _, err = h.env.run(h.env.ctx, append(h.environ(), "BORGFLEET_TOKEN="+token), "borgfleet-agent", args...); err != nil {
		return err
	}
	if h.Config != "" {
		if err := h.Configure(h.Config); err != nil {
			return err
		}
	}
	h.Proxy = h.env.Proxy
	if !h.OwnProxy {
		return nil
	}
	if h.Proxy, err = NewProxy(); err != nil {
		return err
	}
	h.Proxy.To(h.env.Controller.agents)
	return h.Configure("controller_url: https://" + h.Proxy.Addr() + "\n")
}

// Configure puts config in the place of the key that it names.
func (h *Host) Configure(config string) error {
	file := filepath.Join(h.StateDir, "agent.yaml")
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	key, _, _ := strings.Cut(config, ":")
	var out []string
	skip := false
	for _, line := range strings.Split(string(data), "\n") {
		if !strings.HasPrefix(line, " ") {
			skip = strings.HasPrefix(line, key+":")
		}
		if !skip {
			out = append(out, line)
		}
	}
	// On the disk when this returns: its power may be cut.
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_TRUNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(strings.Join(out, "\n") + "\n" + config)
	return errors.Join(err, f.Sync(), f.Close())
}

// Start starts the daemon.
func (h *Host) Start() error {
	args := append(slices.Clone(h.Wrap), filepath.Join(h.env.Bin, "borgfleet-agent"), "run", "--state-dir", h.StateDir)
	args = append(args, h.Run...)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = h.environ()
	p, err := h.env.start("agent-"+h.Name, cmd)
	h.proc = p
	return err
}

// Stop ends the daemon; its jobs go on.
func (h *Host) Stop() error { return h.proc.end(syscall.SIGTERM) }

// Signal sends the daemon a signal and does not wait for what it does.
func (h *Host) Signal(sig syscall.Signal) error { return h.proc.cmd.Process.Signal(sig) }

// Ended waits until the daemon has ended and gives its exit status; -1: a signal
// ended it.
func (h *Host) Ended() (int, error) { return h.proc.exit() }

// Kill ends the daemon without a warning; its jobs go on.
func (h *Host) Kill() error { return h.proc.end(syscall.SIGKILL) }

// Running says whether the daemon is there.
func (h *Host) Running() bool { return !h.proc.ended() }

// PID is the daemon's process.
func (h *Host) PID() int { return h.proc.cmd.Process.Pid }

// Output is what the daemon printed since it was started last.
func (h *Host) Output() string { return h.proc.out.String() }

// CLI runs a command of the agent's program.
func (h *Host) CLI(args ...string) (string, error) {
	return h.env.run(h.env.ctx, append(h.environ(), "BORGFLEET_STATE_DIR="+h.StateDir), "borgfleet-agent", args...)
}

// Close ends the daemon and every job process and borg that it left.
func (h *Host) Close() error {
	var errs []error
	if h.proc != nil {
		errs = append(errs, h.Stop())
	}
	for _, pid := range append(h.JobProcesses(), h.Borgs()...) {
		errs = append(errs, kill(pid))
	}
	if h.OwnProxy && h.Proxy != nil {
		errs = append(errs, h.Proxy.Close())
	}
	return errors.Join(append(errs, unmountDisk(h.Disk))...)
}

// JobProcesses finds the host's job processes by their command lines.
func (h *Host) JobProcesses() []int {
	return processes(func(pid int) bool {
		args := cmdline(pid)
		return len(args) > 1 && args[1] == "exec-job" && strings.Contains(strings.Join(args, "\x00"), h.StateDir)
	})
}

// Borgs finds the borgs of the host's jobs: those that hold a borg.lock of its
// job directories.
func (h *Host) Borgs() []int {
	jobs := filepath.Join(h.StateDir, "jobs") + "/"
	mine := map[int]bool{}
	for _, pid := range h.JobProcesses() {
		mine[pid] = true
	}
	return processes(func(pid int) bool {
		if mine[pid] || pid == os.Getpid() || (h.proc != nil && pid == h.PID()) {
			return false
		}
		fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			return false
		}
		for _, fd := range fds {
			to, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%s", pid, fd.Name()))
			if err == nil && strings.HasPrefix(to, jobs) && strings.HasSuffix(to, "/borg.lock") {
				return true
			}
		}
		return false
	})
}

func processes(is func(pid int) bool) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var out []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && is(pid) {
			out = append(out, pid)
		}
	}
	return out
}

func cmdline(pid int) []string {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return nil
	}
	var out []string
	for part := range bytes.SplitSeq(bytes.TrimSuffix(data, []byte{0}), []byte{0}) {
		out = append(out, string(part))
	}
	return out
}
