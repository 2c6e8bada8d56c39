// Package service puts the agent's daemon together: state directory, jobs,
// link and the socket for people on the host.
package service

import (
	"context"
	"fmt"
	"log/slog"
	"os/exec"

	"golang.org/x/sync/errgroup"

	"borgfleet/agent/internal/daemon"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/jobproc"
	"borgfleet/agent/internal/link"
	"borgfleet/agent/internal/local"
	"borgfleet/agent/internal/pinger"
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/recovery"
	"borgfleet/agent/internal/state"
	"borgfleet/agent/internal/timetable"
	"borgfleet/agent/internal/witness"
	"borgfleet/certs"
	"borgfleet/shared/clock"
	"borgfleet/shared/job"
	"borgfleet/shared/seal"
	"borgfleet/shared/secretfile"
	"borgfleet/shared/term"
	"borgfleet/shared/version"
)

// self is this program: a job process must be of the same build, also when the
// file under the path it was started from has been replaced meanwhile.
const self = "/proc/self/exe"

// Options is what a person configures.
type Options struct {
	StateDir   string
	ConfigFile string // empty: agent.yaml in the state directory
	Logger     *slog.Logger
	Drain      bool // when ctx ends, wait for the jobs that run

	MachineID func() (string, error) // nil: the host's own
}

// Run is the daemon. Job processes outlive it.
func Run(ctx context.Context, o Options) error {
	dir, err := state.At(o.StateDir)
	if err != nil {
		return err
	}
	id, err := dir.Identity()
	if err != nil {
		return err
	}
	if o.MachineID == nil {
		o.MachineID = state.HostMachineID
	}
	if err := dir.CheckMachine(id, o.MachineID); err != nil {
		return err
	}
	lock, err := dir.Lock()
	if err != nil {
		return err
	}
	defer lock.Close()
	config, conf, err := loadConfig(dir, o.ConfigFile)
	if err != nil {
		return err
	}
	if conf.ControllerURL != "" {
		id.ControllerURL = conf.ControllerURL
	}
	if err := secretfile.Sweep(dir.Credential()); err != nil {
		return err
	}
	cred, err := certs.LoadCredential(dir.Credential())
	if err != nil {
		return err
	}
	// The job processes need it; that it cannot be read is better known now.
	sealing, err := seal.LoadIdentity(dir.AgeKey())
	if err != nil {
		return fmt.Errorf("sealing key: %w; bring it back from a copy of the state directory, or enrol this host anew with an empty --state-dir", err)
	}
	watch := witness.Watch{State: dir, Identity: id, ConfigFile: config}
	d, err := daemon.New(daemon.Options{
		State: dir, MaxParallel: conf.MaxParallel, Logger: o.Logger, Now: clock.Now,
		OwnAuthority: job.OwnAuthority, Look: watch.Look, Accepted: accepted(config), Unsealed: recovery.Watch{State: dir, ConfigFile: config}.Due,
		Spawn: func(jd *jobdir.Dir, lock *jobdir.Lock) *exec.Cmd {
			return jobproc.Command(self, dir, config, jd, lock)
		},
	})
	if err != nil {
		return err
	}
	times := timetable.New(timetable.Options{
		Host: d, Dir: dir.Schedules(), Checked: dir.Checked(), Now: clock.Now,
		Zone: timetable.HostZone, Logger: o.Logger,
	})
	pings := pinger.New(pinger.Options{
		Host: d, Agent: id.Name, Now: clock.Now, Logger: o.Logger, Allows: allowsPing(config, dir), Backoff: pinger.DefaultBackoff(),
	})
	states := pings.With(times.States)
	borgs := newFinder(dir, conf)
	l := link.New(link.Options{
		Identity: id, Credential: cred, Recipient: sealing.Recipient(), Jobs: d, Borg: borgs.find,
		Save:   func(c *certs.Credential) error { return c.Save(dir.Credential()) },
		Logger: o.Logger, Now: clock.Now, Backoff: link.DefaultBackoff(), Renewal: link.DefaultRenewal(),
		Timetable: states,
	})
	door, err := local.Listen(dir.Socket())
	if err != nil {
		return err
	}
	people := local.New(local.Options{
		Jobs: d, Identity: id, StateDir: dir.Path(), Version: version.String(),
		Link: l.Status, Borg: borgs.forPeople, Logger: o.Logger,
		CertificateExpires: l.CertificateExpires, Timetable: states,
	})
	if o.Drain {
		var end context.CancelFunc
		ctx, end = drained(ctx, d, o.Logger)
		defer end()
	}
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.Run(ctx) })
	g.Go(func() error { l.Run(ctx); return nil })
	g.Go(func() error { times.Run(ctx); return nil })
	g.Go(func() error { pings.Run(ctx); return nil })
	g.Go(func() error { return people.Serve(ctx, door) })
	o.Logger.Info("agent runs", "agent", id.AgentID, "name", id.Name, "state", dir.Path())
	return g.Wait()
}

// accepted reads anew which recovery key the owner has accepted.
func accepted(config string) func() string {
	return func() string {
		c, err := policy.Load(config)
		if err != nil {
			return "" // each job says why
		}
		return c.Allow.RecoveryKey
	}
}

// allowsPing reads anew which URLs the owner lets schedules name.
func allowsPing(config string, dir state.Dir) func(string) error {
	command := "borgfleet-agent allow"
	if dir.Path() != state.DefaultDir {
		command += " --state-dir " + term.Shell(dir.Path())
	}
	return func(url string) error {
		c, err := policy.Load(config)
		if err != nil {
			return err
		}
		return c.Allow.AllowsPing(url, command)
	}
}

func loadConfig(dir state.Dir, file string) (string, policy.Config, error) {
	if file == "" {
		file = dir.Config()
	}
	c, err := policy.Load(file)
	return file, c, err
}
