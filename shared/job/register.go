package job

import "time"

// Phase is how far a job has come on its agent.
type Phase int

const (
	PhaseNone      Phase = iota
	PhaseAnnounced       // made on the agent, waits for the controller's word
	PhaseAccepted        // on the agent's disk
	PhaseWaiting         // given back by borg or a hook: see Reason
	PhaseStarted         // borg is or was executed
	PhaseVerifying       // interrupted; its outcome is being looked up
)

// Register is a job's latest state as its agent knows it: a value, replaced
// whole, of which only the newest counts.
type Register struct {
	Incarnation      uint64 // raised each time the job directory is opened after a crash
	Version          uint64 // raised with each change in one incarnation
	Phase            Phase
	Reason           string
	StartedAt        time.Time
	ArchiveName      string
	BorgVersion      string
	BorgPhase        string // msgid of what borg is doing
	BorgPhasePercent float64
	BorgRunning      bool
	Progress         Progress
	Verdict          *Verdict
}

// Newer says whether r replaces old: a verdict beats any register without one,
// then the incarnation decides, then the version. It is a strict order, so
// repeats and late arrivals change nothing.
func (r Register) Newer(old Register) bool {
	if (r.Verdict != nil) != (old.Verdict != nil) {
		return r.Verdict != nil
	}
	if r.Incarnation != old.Incarnation {
		return r.Incarnation > old.Incarnation
	}
	return r.Version > old.Version
}
