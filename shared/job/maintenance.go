package job

import (
	"errors"
	"fmt"
	"time"
)

// PruneSpec says what a prune keeps of the archives that are the registration's.
type PruneSpec struct {
	Keep   Keep
	DryRun bool // only tells what would be removed
}

// CheckSpec says how much a check looks at.
type CheckSpec struct {
	// MaxDuration is of one check; the next one goes on where it ended, and
	// archives are not looked into. 0: everything at once.
	MaxDuration time.Duration
	Depth       CheckDepth
}

// CheckDepth says what a check looks at.
type CheckDepth string

const (
	CheckAll        CheckDepth = ""           // the repository, then the archives' metadata
	CheckRepository CheckDepth = "repository" // the segments and their checksums
	CheckArchives   CheckDepth = "archives"   // the archives' metadata, and that all of their chunks exist
	CheckData       CheckDepth = "data"       // all, and every chunk is read, decrypted and verified
)

// Check says what is wrong with a CheckSpec.
func (c CheckSpec) Check() error {
	switch c.Depth {
	case CheckAll, CheckRepository:
		return nil
	case CheckArchives, CheckData:
		if c.MaxDuration != 0 {
			return errors.New("borg takes a time limit for a check of the repository only: leave max_duration out, or make it the depth repository")
		}
		return nil
	}
	return fmt.Errorf("it is repository, archives or data; left out, it is repository and archives, and not %q", string(c.Depth))
}

// BreakLockDeadline is how long an order to break a lock is good: nobody means
// the lock of tomorrow.
const BreakLockDeadline = 10 * time.Minute

// NeedsController says whether no host may run the kind on its own authority:
// only the controller knows that no other host is at work, for a break-lock, and
// which archives there must be, for a compact.
func (k Kind) NeedsController() bool { return k == BreakLock || k == Compact }

// Maintains says whether a kind is the maintainer's, where a repository has one.
// Of these borg tells how far the phase has come that it is in, and not the job.
func (k Kind) Maintains() bool { return k == Prune || k == Compact || k == Check }
