package main

import (
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"borgfleet/shared/job"
)

// outcome is how a job ended.
type outcome struct {
	status  job.Status
	exit    int // -1: no borg ran
	code    string
	message string
}

func (f *filler) outcome(kind job.Kind) outcome {
	p := f.rand.Float64()
	switch {
	case p < 0.9 || kind == job.Prune && p < 0.99 || kind == job.Compact && p < 0.995:
		return outcome{status: job.Completed}
	case p < 0.94 && kind == job.Backup:
		n := 1 + f.rand.IntN(40)
		return outcome{job.CompletedWithWarnings, 1, "", fmt.Sprintf("%d warnings, first: /home/user%d/.mozilla/lock: file changed while we backed it up", n, n)}
	case p < 0.945 && kind == job.Backup:
		return outcome{job.CompletedWithWarnings, -1, job.CodeStatusLost, "exit status lost, archive complete"}
	case p < 0.96:
		return outcome{job.Cancelled, 143, job.CodeCancelled, "cancelled by admin"}
	}
	return one(f,
		outcome{job.Failed, 2, "repo_unreachable", "the connection to the server broke: Connection closed by remote host. Is borg working on the server?"},
		outcome{job.Failed, 73, "repo_locked", "Failed to create/acquire the lock /srv/borg/lock.exclusive (timeout)."},
		outcome{job.Failed, 2, "repo_disk_full", "the repository's disk is full: [Errno 28] No space left on device"},
		outcome{job.Failed, 13, "repo_not_found", "Repository does not exist."},
		outcome{job.Failed, -1, job.CodeInterrupted, "the host went down while borg ran; no archive was made"},
		outcome{job.Failed, -1, job.CodeHookFailed, "the hook dump-databases failed: exit status 1"},
	)
}

// finish ends a job as its agent would have told.
func (f *filler) finish(j *job.Job, r *repository, o outcome) {
	started := j.Spec.CreatedAt.Add(time.Duration(f.rand.IntN(600_000)) * time.Millisecond)
	took := time.Duration(math.Exp(2+6*f.rand.Float64())*1000) * time.Millisecond
	v := &job.Verdict{
		Status: o.status, ErrorCode: o.code, ErrorMessage: o.message, StartedAt: started, EndedAt: started.Add(took),
		BorgVersion: "1.2.8", BorgID: r.BorgID, Progress: f.figures(j.Spec.Kind, r, o.status, took),
	}
	if o.exit >= 0 {
		v.ExitCode = &o.exit
	}
	switch kind := j.Spec.Kind; {
	case kind == job.Backup && o.status.Good():
		v.ArchiveName, v.ArchiveID = archiveName(r, started), f.hex()
	case kind == job.Prune && o.status.Good():
		n := int64(f.rand.IntN(4))
		v.ArchivesDeleted = &n
	case kind == job.Compact && o.status.Good():
		n := f.rand.Int64N(1 << 30)
		v.BytesFreed = &n
	}
	v.JournalEnd = uint64(12 + f.rand.IntN(30))
	j.Register = job.Register{
		Incarnation: 1, Version: 9, Phase: job.PhaseStarted, StartedAt: started,
		ArchiveName: v.ArchiveName, BorgVersion: v.BorgVersion, Progress: v.Progress, Verdict: v,
	}
	j.Verdict, j.Status, j.Sent, j.LogNext = v, o.status, true, v.JournalEnd+1
}

// figures are what borg says at the end.
func (f *filler) figures(kind job.Kind, r *repository, status job.Status, took time.Duration) job.Progress {
	p := job.Progress{TotalSource: job.TotalNone}
	if kind != job.Backup && kind != job.Restore {
		return p
	}
	done := 1.0
	if !status.Good() {
		done = f.rand.Float64()
	}
	size := r.size * done * (0.9 + 0.2*f.rand.Float64())
	p.OriginalSize, p.CompressedSize, p.DedupSize = int64(size), int64(size*0.6), int64(size*0.02*f.rand.Float64())
	p.NFiles, p.Percent = int64(r.files*done), 100*done
	p.Speed = math.Round(size/took.Seconds()/1e4) / 100
	p.TotalExpected, p.TotalSource = int64(r.size), job.TotalPrevious
	return p
}

// unfinished is a job that waits or runs: the newest ones.
func (f *filler) unfinished(j job.Job, r *repository) job.Job {
	if f.chance(0.5) {
		return j
	}
	started := j.Spec.CreatedAt.Add(2 * time.Second)
	j.Status, j.Sent = job.Running, true
	j.Register = job.Register{
		Incarnation: 1, Version: 40, Phase: job.PhaseStarted, StartedAt: started, ArchiveName: archiveName(r, started), BorgVersion: "1.2.8", BorgRunning: true,
		Progress: job.Progress{
			OriginalSize: int64(r.size / 2), CompressedSize: int64(r.size / 4), DedupSize: int64(r.size / 100), NFiles: int64(r.files / 2),
			CurrentFile: "/var/lib/databases/base/16384/2619", Percent: 49.5, Speed: 88.25, TotalExpected: int64(r.size), TotalSource: job.TotalWalk, ETA: 600,
		},
	}
	return j
}

func archiveName(r *repository, at time.Time) string {
	return r.agent + "-" + r.Name + "-" + at.Format("2006-01-02T15:04:05")
}

func (f *filler) hex() string {
	b := make([]byte, 32)
	for i := range b {
		b[i] = byte(f.rand.Uint32())
	}
	return hex.EncodeToString(b)
}
