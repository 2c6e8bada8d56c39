package api

import (
	"cmp"
	"math"
	"time"

	"borgfleet/controller/internal/api/rest"
	"borgfleet/controller/internal/fleet"
	"borgfleet/shared/job"
)

// jobCore writes a job as the API shows it.
func jobCore(v fleet.JobView, now time.Time) rest.JobCore {
	core := rest.JobCore{
		ID:                v.ID,
		Repository:        v.Spec.Repository.Path,
		Status:            string(v.Status),
		StartedAt:         rest.At(v.StartedAt()),
		MaintenanceStatus: orNull(v.MaintenanceStatus),
		ScheduledJobID:    orNull(v.Spec.ScheduleID),
		ProgressDetails:   progressDetails(v.Job),

		Kind:            string(v.Spec.Kind),
		Agent:           cmp.Or(v.AgentName, v.Agent),
		AgentOnline:     v.AgentOnline,
		LastContactAt:   rest.At(v.LastContactAt),
		CreatedAt:       &rest.Time{Time: v.Spec.CreatedAt},
		DurationSeconds: duration(v.Job, now),
		CancelRequested: v.CancelRequested,
		Phase:           phase(v.Job),
		PhasePercent:    phasePercent(v.Job),
		ArchiveName:     orNull(v.Register.ArchiveName),
		TriggeredBy:     string(cmp.Or(v.Spec.TriggeredBy, job.ByManual)),
		ParentID:        orNull(v.ParentID),
		BorgVersion:     orNull(v.Register.BorgVersion),
		LogComplete:     v.LogComplete(),
	}
	core.Progress = int(core.ProgressDetails.ProgressPercent)
	if !v.Status.Final() {
		core.WaitingFor = orNull(v.WaitingFor)
	}
	if v.Verdict != nil {
		addVerdict(&core, *v.Verdict)
	}
	return core
}

func addVerdict(core *rest.JobCore, v job.Verdict) {
	core.CompletedAt = rest.At(v.EndedAt)
	core.ErrorMessage = orNull(v.ErrorMessage)
	core.ErrorCode = orNull(v.ErrorCode)
	core.ExitCode = v.ExitCode
	core.ArchivesDeleted, core.BytesFreed = v.ArchivesDeleted, v.BytesFreed
	if v.ArchiveName != "" {
		core.ArchiveName = &v.ArchiveName
	}
	if v.BorgVersion != "" {
		core.BorgVersion = &v.BorgVersion
	}
}

// phase says more than the status while borg runs: what borg itself calls its
// work, or that the outcome is being looked up.
func phase(j job.Job) *string {
	switch {
	case j.Status != job.Running:
		return nil
	case j.Register.Phase == job.PhaseVerifying:
		return orNull("verifying")
	}
	return orNull(j.Register.BorgPhase)
}

// phasePercent is how far that has come: of the phase, not of the job.
func phasePercent(j job.Job) *float64 {
	if j.Status != job.Running || j.Register.Phase == job.PhaseVerifying || j.Register.BorgPhase == "" || job.IsHookPhase(j.Register.BorgPhase) {
		return nil
	}
	p := percent(j.Register.BorgPhasePercent)
	return &p
}

// duration is how long the job ran, or has run so far.
func duration(j job.Job, now time.Time) *float64 {
	start := j.StartedAt()
	if start.IsZero() {
		return nil
	}
	end := now
	if j.Verdict != nil {
		end = j.Verdict.EndedAt
	}
	// The start is by the agent's clock, which may be ahead of ours.
	seconds := max(0, float64(end.Sub(start).Milliseconds())/1000)
	return &seconds
}

// progressDetails are the job's figures. A job with a good end shows what it
// did in all, even if its last report was from the middle of its work.
func progressDetails(j job.Job) rest.ProgressDetails {
	p := j.Progress()
	if j.Status == job.Pending {
		p = job.Progress{} // given back: what ran before was not this job's work
	}
	d := rest.ProgressDetails{
		OriginalSize:           p.OriginalSize,
		CompressedSize:         p.CompressedSize,
		DeduplicatedSize:       p.DedupSize,
		NFiles:                 p.NFiles,
		CurrentFile:            p.CurrentFile,
		ProgressPercent:        min(percent(p.Percent), mostUnfinished),
		BackupSpeed:            round(finite(p.Speed)),
		TotalExpectedSize:      p.TotalExpected,
		EstimatedTimeRemaining: max(0, p.ETA),
		TotalExpectedSource:    string(cmp.Or(p.TotalSource, job.TotalNone)),
	}
	if j.Status.Final() {
		d.EstimatedTimeRemaining = 0
	}
	if j.Status.Good() {
		d.CurrentFile, d.ProgressPercent, d.TotalExpectedSize = "", 100, p.OriginalSize
	}
	return d
}

// mostUnfinished is the most that a job without a good end shows: 100 says that
// the archive is there.
const mostUnfinished = 99.99

// percent has two decimals, rounded down: 99.999 is not 100.
func percent(f float64) float64 { return math.Floor(min(finite(f), 100)*100) / 100 }

func round(f float64) float64 { return math.Round(f*100) / 100 }

// finite keeps out what JSON cannot write, and what no figure can be.
func finite(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) || f < 0 || f > math.MaxInt64 {
		return 0
	}
	return f
}

// orNull is null for a value that is not known.
func orNull[T comparable](v T) *T {
	var none T
	if v == none {
		return nil
	}
	return &v
}
