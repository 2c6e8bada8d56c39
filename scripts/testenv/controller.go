package testenv

import (
	"context"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"borgfleet/scripts/faultfs"
)

// Controller is the fleet's controller process.
type Controller struct {
	env     *Env
	proc    *process
	DataDir string
	Disk    *faultfs.FS // that DataDir is on; nil without FaultDisk
	URL     string      // of REST
	agents  string      // host:port of the agent listener
	listen  [2]string   // REST and agents, as asked for
	power   power       // of its machine
}

func startController(e *Env) (*Controller, error) {
	c := &Controller{env: e}
	c.power.on(e.ctx)
	var err error
	if c.DataDir, c.Disk, err = e.mountDisk("controller", e.FaultDisk); err != nil {
		return c, err
	}
	// Whoever looks for free ports at the same time may have found the same ones.
	for range 5 {
		for i := range c.listen {
			port, err := FreePort()
			if err != nil {
				return c, err
			}
			c.listen[i] = "127.0.0.1:" + port
		}
		if err = c.Start(); err != nil || c.Running() || !strings.Contains(c.Output(), "the port is in use") {
			break
		}
	}
	return c, err
}

// Start starts the controller, always on the same ports.
func (c *Controller) Start() error {
	args := append([]string{
		"serve", "--data-dir", c.DataDir, "--api-listen", c.listen[0], "--agent-listen", c.listen[1],
		"--agent-url", "https://" + c.env.Proxy.Addr(),
	}, c.env.Fleet.Controller...)
	argv := slices.Concat(c.env.Wrap, []string{filepath.Join(c.env.Bin, "borgfleet-controller")}, args)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Env = c.env.environ()
	p, err := c.env.start("controller", cmd)
	if err != nil {
		return err
	}
	c.proc = p
	return c.env.Await("the controller serves", func() (bool, error) {
		if p.ended() {
			return true, nil
		}
		c.URL, c.agents = addresses(p.out.String())
		return c.URL != "" && c.agents != "", nil
	})
}

// addresses reads where the doors are from what serve prints.
func addresses(out string) (api, agents string) {
	for line := range strings.Lines(out) {
		if !strings.HasSuffix(line, "\n") {
			break // still being written
		}
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		u, err := url.Parse(fields[len(fields)-1])
		if err != nil {
			continue
		}
		switch {
		case strings.HasPrefix(line, "REST API"):
			api = u.Scheme + "://" + u.Host
		case strings.HasPrefix(line, "Agent listener"):
			agents = u.Host
		}
	}
	return api, agents
}

// Stop ends the controller as an administrator does.
func (c *Controller) Stop() error { return c.end(syscall.SIGTERM) }

// Signal sends it a signal and does not wait for what it does.
func (c *Controller) Signal(sig syscall.Signal) error { return c.proc.cmd.Process.Signal(sig) }

// Ended waits until it has ended and gives its exit status; -1: a signal ended it.
func (c *Controller) Ended() (int, error) { return c.proc.exit() }

// Kill ends it as a power cut does, short of the disk.
func (c *Controller) Kill() error { return c.end(syscall.SIGKILL) }

func (c *Controller) end(sig syscall.Signal) error {
	if c.proc == nil {
		return nil
	}
	return c.proc.end(sig)
}

// Running says whether it is there.
func (c *Controller) Running() bool { return !c.proc.ended() }

// PID is the running process.
func (c *Controller) PID() int { return c.proc.cmd.Process.Pid }

// Agents is host:port of the agent listener itself, without the proxy in front of it.
func (c *Controller) Agents() string { return c.agents }

// Output is what it printed since it was started last.
func (c *Controller) Output() string { return c.proc.out.String() }

// PasswordFile holds the first user's generated password.
func (c *Controller) PasswordFile() string {
	return filepath.Join(c.DataDir, "initial-admin-password")
}

// CLI runs a command of the controller's program on its machine.
func (c *Controller) CLI(args ...string) (string, error) {
	// One that hangs is to be seen, not waited for.
	ctx, cancel := context.WithTimeout(c.power.while(), 2*time.Minute)
	defer cancel()
	out, err := c.env.run(ctx, c.env.environ("BORGFLEET_DATA_DIR="+c.DataDir), "borgfleet-controller", args...)
	if err != nil {
		return out, fmt.Errorf("%w (controller log in %s)", err, c.env.logs())
	}
	return out, nil
}

// JoinToken makes a token with the command that the documentation gives.
func (c *Controller) JoinToken(args ...string) (string, error) {
	out, err := c.CLI(append([]string{"join-token", "create"}, args...)...)
	if err != nil {
		return "", err
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	return lines[len(lines)-1], nil
}
