package jobproc

import (
	"log/slog"
	"time"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/agent/internal/state"
	"borgfleet/shared/job"
)

// Config is what a job process needs to know. The zero value of a field that
// is not a name means the default.
type Config struct {
	State      state.Dir
	ConfigFile string // agent.yaml
	Key        job.Key
	LockFD     uintptr // the lock that was handed over; 0: take it
	Logger     *slog.Logger
	Limits     jobdir.Limits // of the journal

	MachineID func() (string, error) // the host's own

	Grace time.Duration // between SIGTERM and SIGKILL
	// ShutdownWait is how long after a borg that was ended by somebody else a
	// shutdown of the host may show.
	ShutdownWait time.Duration
	LockedWait   Backoff // between attempts at a locked repository
	VerifyWait   Backoff // between attempts to look an interrupted job up
	RetryWait    Backoff // while the disk refuses the verdict

	NotNowWait Backoff       // until a hook that said not now is asked again
	HookGrace  time.Duration // between SIGTERM and SIGKILL for a hook; 0: hook.DefaultGrace

	// Hook is called at named points, for tests that die there.
	Hook func(point string)
}

// Points at which Hook is called.
const (
	PointOpened    = "opened"     // nothing is marked yet
	PointStarted   = "started"    // borg may be executed, and is not
	PointExecuted  = "executed"   // borg runs
	PointExited    = "exited"     // borg is gone, nobody knows yet how
	PointJudged    = "judged"     // all but the verdict is written
	PointEnded     = "ended"      // the verdict is there
	PointGivenUp   = "given-up"   // repository locked, the start mark is there
	PointGivenBack = "given-back" // and is gone
	PointHook      = "hook:"      // and a hook's name: it is noted, and not executed
	PointHooked    = "hooked:"    // and its name: it has ended, and that is not noted
)

func (c Config) withDefaults() Config {
	if c.Grace == 0 {
		c.Grace = job.CancelGrace
	}
	if c.ShutdownWait == 0 {
		c.ShutdownWait = time.Second / 2
	}
	if c.MachineID == nil {
		c.MachineID = state.HostMachineID
	}
	c.LockedWait = c.LockedWait.or(Backoff{2 * time.Second, 15 * time.Second})
	c.VerifyWait = c.VerifyWait.or(Backoff{time.Second, time.Minute})
	c.RetryWait = c.RetryWait.or(Backoff{100 * time.Millisecond, 5 * time.Second})
	c.NotNowWait = c.NotNowWait.or(Backoff{30 * time.Second, 10 * time.Minute})
	return c
}

func (c Config) at(point string) {
	if c.Hook != nil {
		c.Hook(point)
	}
}
