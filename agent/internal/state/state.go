// Package state is the agent's state directory: who this agent is, what it may
// do, and where everything else on its disk lies.
//
//	identity.json     who it is; written last at enrolment: without it there is none
//	credential.pem    key, certificate, CA and root for the link
//	age.key           what passphrases are sealed to
//	agent.yaml        the host owner's configuration and policy
//	lock              held by the daemon: two on one state would fight over jobs
//	desired           the controller's newest definitions, kept for when it is away
//	jobs/<key>/       one directory a job
//	borg/             borg's cache, keys and security memory
//	totals/           what earlier runs read, for honest progress
//	known/            what repositories looked like after this agent's own work
//	recovery/         what of them was sealed to the recovery key, and when
//	agent.sock        the daemon's door for people on this host
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"borgfleet/agent/internal/atomicfile"
	"borgfleet/shared/secretfile"
)

// DefaultDir is where the packages put the state.
const DefaultDir = "/var/lib/borgfleet-agent"

// Dir is a state directory.
type Dir struct{ path string }

// Identity is who this agent is.
type Identity struct {
	AgentID       string `json:"agent_id"`
	Name          string `json:"name"`
	FleetID       string `json:"fleet_id"`
	StateID       string `json:"state_id"` // of this directory; another one is another history
	MachineID     string `json:"machine_id"`
	ControllerURL string `json:"controller_url"`
}

// ErrNotEnrolled says that nobody has enrolled with this directory yet.
var ErrNotEnrolled = errors.New("not enrolled")

// At names a state directory without touching it. An absolute path is needed:
// job processes run in another working directory.
func At(path string) (Dir, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Dir{}, fmt.Errorf("state directory: %w", err)
	}
	return Dir{path: abs}, nil
}

// lockName is the file that Lock locks.
const lockName = "lock"

// Create makes the directory, closed to everybody else. Its name and those above
// it are on the disk when it returns: an identity that is synced in a directory
// whose name a power cut takes is lost, and the join token is used up.
func (d Dir) Create() error {
	for _, p := range []string{d.path, d.Jobs(), d.BorgBase(), d.Totals()} {
		if err := secretfile.MakeDir(p); err != nil {
			return fmt.Errorf("state directory: %w", err)
		}
	}
	if err := os.Chmod(d.path, 0o700); err != nil {
		return fmt.Errorf("make state directory: %w", err)
	}
	return atomicfile.SyncDir(d.path)
}

// RefuseForeign refuses a directory that has files of somebody else's and none that
// only an agent makes: Create would close it to everybody, and what runs on this
// host may need it.
func (d Dir) RefuseForeign() error {
	foreign, err := secretfile.Foreign(d.path,
		[]string{filepath.Base(d.identity()), filepath.Base(d.EnrollingKey()), filepath.Base(d.AgeKey()), filepath.Base(d.Config())},
		[]string{filepath.Base(d.Jobs()), filepath.Base(d.BorgBase()), filepath.Base(d.Totals()), lockName})
	if err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	if foreign != "" {
		return fmt.Errorf("%s is no state directory of an agent: %s is in it. Name an empty directory with --state-dir, or one that is not there yet; the packages use %s", d.path, foreign, DefaultDir)
	}
	return nil
}

func (d Dir) Path() string         { return d.path }
func (d Dir) Jobs() string         { return filepath.Join(d.path, "jobs") }
func (d Dir) BorgBase() string     { return filepath.Join(d.path, "borg") }
func (d Dir) Totals() string       { return filepath.Join(d.path, "totals") }
func (d Dir) Known() string        { return filepath.Join(d.path, "known") }
func (d Dir) Schedules() string    { return filepath.Join(d.path, "schedules") }
func (d Dir) Checked() string      { return filepath.Join(d.path, "checked") }
func (d Dir) Recovery() string     { return filepath.Join(d.path, "recovery") }
func (d Dir) Config() string       { return filepath.Join(d.path, "agent.yaml") }
func (d Dir) Credential() string   { return filepath.Join(d.path, "credential.pem") }
func (d Dir) AgeKey() string       { return filepath.Join(d.path, "age.key") }
func (d Dir) Socket() string       { return filepath.Join(d.path, "agent.sock") }
func (d Dir) Desired() string      { return filepath.Join(d.path, "desired") }
func (d Dir) BorgVersions() string { return filepath.Join(d.path, "borg-versions.json") }
func (d Dir) EnrollingKey() string { return filepath.Join(d.path, "enrolling.key") }
func (d Dir) identity() string     { return filepath.Join(d.path, "identity.json") }

// Identity reads who this agent is.
func (d Dir) Identity() (Identity, error) {
	data, err := os.ReadFile(d.identity())
	if errors.Is(err, fs.ErrNotExist) {
		return Identity{}, fmt.Errorf("%s: %w; run: borgfleet-agent enroll --state-dir %s --token TOKEN", d.path, ErrNotEnrolled, d.path)
	}
	if err != nil {
		return Identity{}, fmt.Errorf("read identity: %w", err)
	}
	var id Identity
	if err := json.Unmarshal(data, &id); err != nil || id.AgentID == "" {
		return Identity{}, fmt.Errorf("%s is damaged; restore it, or enrol this host again with an empty --state-dir", d.identity())
	}
	return id, nil
}

// SaveIdentity makes the directory an agent's. It is the last step of an
// enrolment, so a crash before it leaves a directory that can be enrolled.
func (d Dir) SaveIdentity(id Identity) error {
	data, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return fmt.Errorf("save identity: %w", err)
	}
	if err := atomicfile.Write(d.identity(), append(data, '\n')); err != nil {
		return fmt.Errorf("save identity: %w", err)
	}
	return nil
}

// NewStateID names a new history.
func NewStateID() string { return uuid.NewString() }

// Lock keeps a second daemon off this directory for as long as the file is
// open.
func (d Dir) Lock() (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(d.path, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock state directory: %w", err)
	}
	if err := flockSoon(f); err != nil {
		f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("another borgfleet-agent is using %s; stop it first, or give this one its own --state-dir", d.path)
		}
		return nil, fmt.Errorf("lock state directory: %w", err)
	}
	return f, nil
}

// lockTime is how long a daemon that was killed may still seem to hold its
// lock: a child that it had just forked has the descriptor until it executes.
const lockTime = 2 * time.Second

func flockSoon(f *os.File) error {
	for end := time.Now().Add(lockTime); ; time.Sleep(10 * time.Millisecond) {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EWOULDBLOCK) || time.Now().After(end) {
			return err
		}
	}
}
