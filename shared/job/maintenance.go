package job

import "time"

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
