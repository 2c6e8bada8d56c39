package job

import "time"

// Job is a job as the controller keeps it. Only Next changes one.
type Job struct {
	ID              int64
	Key             Key
	Agent           string // agent id
	Announced       bool   // its agent made it, and no schedule explains it: all that is known of it is that one's word
	Spec            Spec
	Status          Status
	Sent            bool // the order was made part of the agent's desired state
	CancelRequested bool
	CancelledBy     string
	Register        Register  // the agent's newest word
	Verdict         *Verdict  // nil until the job has ended
	Ours            bool      // Verdict is the controller's own; the agent's replaces it
	RecordedAt      time.Time // when the controller took Verdict down, by its own clock; zero: that was not noted
	LogNext         uint64    // first journal number that is not stored; starts at 1
	LogGone         bool      // the log was stored and is not kept any more; LogNext goes on telling how long it was
	Steps           []Step    // of a backup: the jobs that followed it, in their order
}

// New makes a pending job.
func New(id int64, key Key, agent string, spec Spec) Job {
	return Job{ID: id, Key: key, Agent: agent, Spec: spec, Status: Pending, LogNext: 1}
}

// StartedAt is zero while the job has not started.
func (j Job) StartedAt() time.Time {
	if j.Verdict != nil && !j.Verdict.StartedAt.IsZero() {
		return j.Verdict.StartedAt
	}
	if j.Status == Pending {
		return time.Time{} // given back: whatever ran before was not this job's work
	}
	return j.Register.StartedAt
}

// Progress is the job's best figures so far.
func (j Job) Progress() Progress {
	if j.Verdict != nil && !j.Ours {
		return j.Verdict.Progress
	}
	return j.Register.Progress
}

// LogComplete says whether every journal record is stored. A job that ended
// before it was sent has none to wait for.
func (j Job) LogComplete() bool {
	if j.Verdict == nil {
		return false
	}
	if j.Ours {
		return !j.Sent && !j.OnAgent()
	}
	return j.LogNext > j.Verdict.JournalEnd
}

// OnAgent says whether the agent has the job on its disk, as far as is known.
func (j Job) OnAgent() bool { return j.Register.Phase != PhaseNone }

// Unreadable says whether the agent has the job and cannot tell how it stands.
// What an agent writes is numbered from 1 on.
func (j Job) Unreadable() bool {
	return j.Register.Phase == PhaseVerifying && j.Register.Incarnation == 0
}

// Wanted says whether the job belongs in its agent's desired state: an order
// stays there, repeated in every snapshot, until the agent's own verdict is
// stored or the job is given up.
func (j Job) Wanted() bool {
	return j.Verdict == nil && (j.Sent || j.OnAgent())
}
