// Package testenv is a whole fleet on this machine, declared in a struct: a
// controller, agents, a TCP proxy between them that can be stopped, and a
// temporary directory for everything. Its processes are the real programs. The
// end-to-end tests, the benchmarks and the demo all use it.
package testenv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"borgfleet/certs"
	"borgfleet/scripts/faultfs"
)

// Fleet declares what there is to be.
type Fleet struct {
	Dir        string   // everything lies below it; it must exist
	Bin        string   // directory with both programs
	Controller []string // further arguments of serve
	Wrap       []string // command that the controller is started through; empty: none
	Agents     []Agent
	Env        []string  // further environment of every process
	Log        io.Writer // what the processes print; nil: files in Dir only
	// FaultDisk puts the controller's data on a disk that can be hurt; nil: a
	// directory in Dir. It needs root.
	FaultDisk *faultfs.Options
}

// Agent declares one host.
type Agent struct {
	Name  string
	Allow []string // further arguments of enroll; the Repositories directory is always allowed
	Env   []string // further environment of this agent
	Run   []string // further arguments of run
	Wrap  []string // command that the daemon is started through; empty: none
	// Config is added to agent.yaml; its keys replace what enroll wrote.
	Config string
	// Age is how long ago its certificate was issued; 0: just now.
	Age time.Duration
	// OwnProxy gives the host a Proxy of its own; else it shares Env.Proxy.
	OwnProxy bool
	// FaultDisk puts the state on a disk that can be hurt; nil: a directory in
	// the fleet's Dir. It needs root.
	FaultDisk *faultfs.Options
}

// Env is a running Fleet.
type Env struct {
	Fleet
	Controller *Controller
	Proxy      *Proxy
	Hosts      map[string]*Host
	API        *API

	ctx    context.Context
	cancel context.CancelFunc
}

// Start starts the fleet: controller, proxy, enrolment, agents. On an error
// whatever was started is ended again.
func Start(ctx context.Context, f Fleet) (env *Env, err error) {
	env = &Env{Fleet: f, Hosts: map[string]*Host{}}
	env.ctx, env.cancel = context.WithCancel(ctx)
	defer func() {
		if err != nil {
			err = errors.Join(err, env.Close())
		}
	}()
	for _, dir := range []string{env.Repositories(), env.logs()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return env, err
		}
	}
	if env.Proxy, err = NewProxy(); err != nil {
		return env, err
	}
	if env.Controller, err = startController(env); err != nil {
		return env, fmt.Errorf("controller: %w", err)
	}
	env.Proxy.To(env.Controller.agents)
	if env.API, err = env.Login(ctx); err != nil {
		return env, fmt.Errorf("log in: %w", err)
	}
	for _, a := range f.Agents {
		if _, err := env.AddHost(a); err != nil {
			return env, fmt.Errorf("agent %s: %w", a.Name, err)
		}
	}
	return env, nil
}

// AddHost enrols one more agent and starts it.
func (e *Env) AddHost(a Agent) (*Host, error) {
	h := &Host{Agent: a, env: e}
	var err error
	if h.StateDir, h.Disk, err = e.mountDisk("agent-"+a.Name, a.FaultDisk); err != nil {
		return nil, err
	}
	if err := h.enrol(); err != nil {
		return nil, errors.Join(err, unmountDisk(h.Disk))
	}
	e.Hosts[a.Name] = h
	if a.Age > 0 {
		issued := time.Now().Add(-a.Age)
		if err := h.Recertify(issued, issued.Add(certs.AgentLife)); err != nil {
			return nil, err
		}
	}
	if err := h.Start(); err != nil {
		return nil, err
	}
	return h, e.AwaitOnline(a.Name)
}

// AwaitOnline waits until an agent is in contact.
func (e *Env) AwaitOnline(name string) error {
	return e.Await("agent "+name+" is online", func() (bool, error) {
		var v struct{ Online bool }
		err := e.API.Get("/api/agents/"+name, &v)
		return v.Online, err
	})
}

// Repositories is where the fleet's local borg repositories belong.
func (e *Env) Repositories() string { return filepath.Join(e.Dir, "repositories") }

func (e *Env) logs() string { return filepath.Join(e.Dir, "logs") }

// Close ends every process that Start started, jobs included.
func (e *Env) Close() error {
	var errs []error
	for _, h := range e.Hosts {
		errs = append(errs, h.Close())
	}
	if e.Controller != nil {
		errs = append(errs, e.Controller.Stop(), unmountDisk(e.Controller.Disk))
	}
	if e.Proxy != nil {
		errs = append(errs, e.Proxy.Close())
	}
	e.cancel()
	return errors.Join(errs...)
}

// patience bounds every wait: it is not how long things take, but when a test
// says that something is wrong.
const patience = 60 * time.Second

// Await waits for a condition. An error of the condition is no end, since the
// controller may just be restarting; the last one is told if time runs out.
func (e *Env) Await(what string, cond func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(e.ctx, patience)
	defer cancel()
	began := time.Now()
	for {
		ok, err := cond()
		if ok && err == nil {
			return nil
		}
		select {
		case <-time.After(pause(time.Since(began))):
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("waited %s in vain until %s", patience, what), err)
		}
	}
}

// pause is short after a short wait. Who waits for seconds need not keep a
// processor from those that are waited for.
func pause(waited time.Duration) time.Duration {
	return min(max(waited/50, 5*time.Millisecond), 100*time.Millisecond)
}

// environ is what the programs see of ours: enough to find borg, nothing that
// could lead them to the settings of the person who runs the test.
func (e *Env) environ(more ...string) []string {
	var out []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		switch name {
		case "PATH", "LANG", "TMPDIR", "GORACE", "GOCOVERDIR":
			out = append(out, v)
		}
	}
	home := filepath.Join(e.Dir, "home")
	if err := os.MkdirAll(home, 0o700); err == nil {
		out = append(out, "HOME="+home)
	}
	return append(append(out, e.Env...), more...)
}
