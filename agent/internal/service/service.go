// Package service puts the agent's daemon together: state directory, jobs,
// link and the socket for people on the host.
package service

import (
	"context"
	"fmt"
	"log/slog"
	"os/exec"
	"time"

	"golang.org/x/sync/errgroup"

	"borgfleet/agent/internal/daemon"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/jobproc"
	"borgfleet/agent/internal/link"
	"borgfleet/agent/internal/local"
	"borgfleet/agent/internal/policy"
	"borgfleet/agent/internal/state"
	"borgfleet/certs"
	"borgfleet/shared/job"
	"borgfleet/shared/seal"
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
	cred, err := certs.LoadCredential(dir.Credential())
	if err != nil {
		return err
	}
	// The job processes need it; that it cannot be read is better known now.
	if _, err := seal.LoadIdentity(dir.AgeKey()); err != nil {
		return fmt.Errorf("sealing key: %w", err)
	}
	d, err := daemon.New(daemon.Options{
		State: dir, MaxParallel: conf.MaxParallel, Logger: o.Logger, Now: time.Now,
		OwnAuthority: job.OwnAuthority,
		Spawn: func(jd *jobdir.Dir, lock *jobdir.Lock) *exec.Cmd {
			return jobproc.Command(self, dir, config, jd, lock)
		},
	})
	if err != nil {
		return err
	}
	borgs := newFinder(dir, conf)
	l := link.New(link.Options{
		Identity: id, Credential: cred, Jobs: d, Borg: borgs.find,
		Logger: o.Logger, Now: time.Now, Backoff: link.DefaultBackoff(),
	})
	door, err := local.Listen(dir.Socket())
	if err != nil {
		return err
	}
	people := local.New(local.Options{
		Jobs: d, Identity: id, StateDir: dir.Path(), Version: version.String(),
		Link: l.Status, Borg: borgs.forPeople, Logger: o.Logger,
		CertificateExpires: func() time.Time { return cred.Identity().NotAfter },
	})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return d.Run(ctx) })
	g.Go(func() error { l.Run(ctx); return nil })
	g.Go(func() error { return people.Serve(ctx, door) })
	o.Logger.Info("agent runs", "agent", id.AgentID, "name", id.Name, "state", dir.Path())
	return g.Wait()
}

func loadConfig(dir state.Dir, file string) (string, policy.Config, error) {
	if file == "" {
		file = dir.Config()
	}
	c, err := policy.Load(file)
	return file, c, err
}
