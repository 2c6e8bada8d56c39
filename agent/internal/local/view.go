package local

import (
	"time"

	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
)

// view reads how a job stands.
func view(dir *jobdir.Dir) (Job, error) {
	reg, err := dir.Register()
	if err != nil {
		return Job{}, err
	}
	id, err := dir.ID()
	if err != nil {
		return Job{}, err
	}
	sp := dir.Spec()
	v := Job{
		ID: id, Key: dir.Key().String(),
		Kind: string(sp.Kind), Repository: sp.Repository.Path, Name: sp.Repository.Name,
		Status: string(statusFrom(reg)), Progress: progress(reg.Progress),
		TriggeredBy: string(sp.TriggeredBy), RequestedBy: sp.RequestedBy,
		CreatedAt: sp.CreatedAt.UTC(), StartedAt: orNull(reg.StartedAt),
		ArchiveName: reg.ArchiveName, BorgVersion: reg.BorgVersion,
		Replicated: dir.Replicated(),
	}
	if sp.Restore != nil {
		v.ArchiveName, v.Destination = sp.Restore.Archive, sp.Restore.Destination
	}
	if reg.Verdict != nil {
		v.addVerdict(*reg.Verdict)
		return v, nil
	}
	want, err := dir.Desired()
	if err != nil {
		return Job{}, err
	}
	v.Cancelling = want == jobdir.Cancel
	switch reg.Phase {
	case job.PhaseStarted:
		v.Phase, v.PhasePercent = reg.BorgPhase, reg.BorgPhasePercent
	case job.PhaseVerifying:
		v.Phase = "verifying"
	default:
		v.WaitingFor = waitingFor(reg)
		v.StartedAt = nil // given back: what ran before was not this job's work
	}
	return v, nil
}

func (v *Job) addVerdict(verdict job.Verdict) {
	v.EndedAt = orNull(verdict.EndedAt)
	v.ErrorCode, v.ErrorMessage, v.ExitCode = verdict.ErrorCode, verdict.ErrorMessage, verdict.ExitCode
	v.Deleted, v.Freed = verdict.ArchivesDeleted, verdict.BytesFreed
	if verdict.BorgVersion != "" {
		v.BorgVersion = verdict.BorgVersion
	}
	if verdict.Status.Good() {
		v.Progress.Percent = 100
		v.Progress.CurrentFile, v.Progress.SecondsToGoal = "", 0
	}
}

// statusFrom is what the controller will make of the register.
func statusFrom(reg job.Register) job.Status {
	switch {
	case reg.Verdict != nil:
		return reg.Verdict.Status
	case reg.Phase == job.PhaseStarted || reg.Phase == job.PhaseVerifying:
		return job.Running
	}
	return job.Pending
}

func waitingFor(reg job.Register) string {
	switch {
	case reg.Reason != "":
		return reg.Reason
	case reg.Phase == job.PhaseAnnounced:
		return "the controller's word"
	}
	return ""
}

func progress(p job.Progress) Progress {
	return Progress{
		Percent: p.Percent, OriginalSize: p.OriginalSize, Compressed: p.CompressedSize, Deduplicated: p.DedupSize,
		Files: p.NFiles, CurrentFile: p.CurrentFile, Speed: p.Speed,
		Expected: p.TotalExpected, ExpectedFrom: string(p.TotalSource), SecondsToGoal: p.ETA,
	}
}

func orNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}
