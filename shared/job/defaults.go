package job

import "time"

// Every default that both sides must agree on, in one place. The documentation
// quotes this list.
const (
	DefaultStartDeadline = 24 * time.Hour    // a manual job that cannot start by then fails
	LostAfter            = 24 * time.Hour    // of the controller's uptime since the last contact
	ContactLost          = 60 * time.Second  // then a silent agent's jobs stop holding their location
	OwnAuthority         = 30 * time.Second  // then an agent starts announced jobs by itself
	DefaultLockWait      = 600 * time.Second // borg --lock-wait
	CancelGrace          = 30 * time.Second  // between SIGTERM and SIGKILL
	DirectoryKeepAfter   = 24 * time.Hour    // past a job's start deadline, before its directory may go
	AgentKeepsJobs       = 50                // finished jobs on the agent, or
	AgentKeepsFor        = 7 * 24 * time.Hour
)

// What both sides take at most. An agent leaves alone what is more, so the
// controller must not accept it.
const (
	MaxDefinition = 256 << 10 // bytes of a repository's definition, which every job carries
	MaxSpec       = 768 << 10 // bytes of a job's spec: a definition, and the paths of a restore
	MaxList       = 10_000    // entries of one list in a definition
	MaxValue      = 4096      // bytes of one value in it

	MostUnreadAnswers = 10_000 // to what was said of jobs, that the other side has not taken yet
)
