package schedule

import (
	"time"

	"borgfleet/shared/job"
)

// Schedule is when repositories are backed up, and what follows each backup.
type Schedule struct {
	ID      int64
	Key     Key
	Name    string
	Cron    string
	Zone    string // IANA name; empty: the host's own
	Enabled bool

	Splay      time.Duration // a repository's backup begins so much later at most, always by the same
	CatchUp    time.Duration // a missed run is made up for within this; 0: never
	Overlap    Overlap
	Retries    int           // of a backup that failed
	RetryDelay time.Duration // before the first; doubles with each

	After      job.After     // what follows; a prune that keeps nothing is one by the repository's retention
	CheckEvery time.Duration // from one check to the next; 0: after each backup

	Ping string // URL that its hosts call, see PingFor; empty: none
}

// Key is a schedule's own: random, so that no other schedule makes the same jobs,
// also when a restored controller gives its id to another. Each host has one that is
// made of it; see For.
type Key [16]byte

// Overlap says what becomes of a run that is due while the one before has not ended.
type Overlap string

const (
	OverlapSkip  Overlap = "skip"  // it is left out
	OverlapQueue Overlap = "queue" // it waits, one at most
)

// What a schedule may say, and what it says where nothing is said.
const (
	MostSplay      = 24 * time.Hour
	MostCatchUp    = 366 * 24 * time.Hour
	DefaultCatchUp = 24 * time.Hour

	MostRetries       = 10
	LeastRetryDelay   = time.Minute
	MostRetryDelay    = 24 * time.Hour
	DefaultRetryDelay = 5 * time.Minute

	MostCheckEvery = 366 * 24 * time.Hour
)

// OnTime is how late a run may be that is not made up for, but on time: a host
// that is busy, or whose agent is started anew, has missed nothing.
const OnTime = 5 * time.Minute
