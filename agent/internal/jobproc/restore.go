package jobproc

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"borgfleet/agent/internal/borg"
	"borgfleet/agent/internal/confine"
	"borgfleet/agent/internal/jobdir"
	"borgfleet/shared/job"
)

// restore is borg extract. It writes on this host, so where it goes is opened
// before borg is executed, and it is never executed twice.
type restore struct {
	to   *destination // nil: borg was executed by another process
	made made
}

func (w *restore) ready(p *process) error {
	w.close() // of an attempt that waited for the repository's lock in vain
	p.dir.RemoveScratches()
	host, err := p.lend()
	if err != nil {
		return err
	}
	w.to, err = p.openDestination(host, &w.made)
	return err
}

// clear takes back what the job has made for a restore that brought nothing.
func (w *restore) clear() {
	w.close()
	w.made.remove()
}

// lend gives borg directories of its own for this one extract. What is in an
// archive can lead borg to any directory that it may write, and put older
// contents there: where borg keeps its memory, it would take an old state of the
// repository for a new one from then on.
func (p *process) lend() (borg.Host, error) {
	dir, err := p.dir.MakeScratch()
	if err != nil {
		return borg.Host{}, failf(borg.CodeIO, "%v", err)
	}
	return borg.Lend(p.host, dir)
}

// learn keeps what borg remembers of a repository that it met for the first time.
func (p *process) learn() {
	for _, dir := range p.dir.Scratches() {
		if err := borg.Learn(p.host, dir); err != nil {
			p.log.Warn("learn", "err", err)
		}
	}
}

func (w *restore) close() {
	if w.to != nil {
		w.to.dir.Close()
		w.to = nil
	}
}

// archive is what is read. Nothing is made under that name.
func (w *restore) archive(p *process) (string, error) { return p.spec.Restore.Archive, nil }

func (w *restore) invocation(p *process, _ string) (borg.Invocation, error) {
	inv, err := borg.Extract(w.to.lent, p.spec)
	inv.By = confine.Confined{Bounds: p.bounds(w.to), Level: w.to.level}
	return inv, err
}

func (w *restore) title(p *process, _ string) string {
	r := p.spec.Restore
	what := "everything"
	if n := len(r.Paths); n > 0 {
		what = count(int64(n), "path")
	}
	return fmt.Sprintf("Restoring %s of archive %s in %s to %s (borg %s)", what, r.Archive, p.spec.Repository.Path, r.Destination, p.tool.Version)
}

func (w *restore) judge(p *process, r *run) job.Verdict {
	defer w.close()
	o := r.outcome()
	v := borg.Classify(o)
	v.Progress = r.meter.Last()
	return w.told(p, v, &r.tracker)
}

// lookBack judges a restore whose exit status nobody saw. borg says when the
// last file is written; what it does after that is to give folders their
// attributes.
func (w *restore) lookBack(p *process, _ jobdir.Started, o borg.Outcome) job.Verdict {
	v := job.Verdict{Progress: p.reg.Value().Progress}
	t := o.Tracker
	if t == nil {
		t = &borg.Tracker{}
	}
	switch {
	case t.Walked() && t.Failure() == nil:
		v.Status, v.ErrorCode = job.CompletedWithWarnings, job.CodeStatusLost
		v.ErrorMessage = "exit status lost: all files are written, but times and rights of folders may be missing"
		if s := t.RestoreSummary(); s != "" {
			v.ErrorMessage += "; " + s
		}
	case p.cancelled():
		v.Status, v.ErrorCode = job.Cancelled, job.CodeCancelled
	default:
		v.Status, v.ErrorCode = job.Failed, job.CodeInterrupted
		v.ErrorMessage = "interrupted: how borg ended is not known, so part of it may be missing"
		if f := t.Failure(); f != nil {
			v.ErrorMessage += "; borg said: " + f.Message
		}
	}
	return w.told(p, v, t)
}

// told adds to a verdict what is to be seen on the disk.
func (w *restore) told(p *process, v job.Verdict, t *borg.Tracker) job.Verdict {
	p.learn()
	there := w.measure(p).lessCut(p.spec.Restore.Destination, t)
	v.ArchiveName = p.spec.Restore.Archive
	if !there.unknown {
		v.Progress.NFiles, v.Progress.OriginalSize = there.files, there.size
	}
	v = w.fullDisk(v, t)
	if v.Status.Good() {
		v = w.nothing(p, v, t, there)
	}
	if !v.Status.Good() {
		v.ErrorMessage = strings.TrimPrefix(v.ErrorMessage+"; "+there.stays(p.spec.Restore.Destination), "; ")
		return v
	}
	v.Progress.Percent, v.Progress.CurrentFile, v.Progress.ETA = 100, "", 0
	v.Progress.TotalExpected = v.Progress.OriginalSize
	return asOther(v)
}

// fullDisk is a failure though borg calls it warnings: it goes on with the next
// file, which has no room either.
func (w *restore) fullDisk(v job.Verdict, t *borg.Tracker) job.Verdict {
	if !t.DiskFull() {
		return v
	}
	if !v.Status.Good() && w.to != nil {
		if free, ok := w.to.free(); !ok || free > 1<<20 {
			return v // another disk: the repository's, or borg's own
		}
	}
	v.Status, v.ErrorCode = job.Failed, job.CodeDestinationFull
	v.ErrorMessage = strings.TrimSuffix("the disk that was restored to is full: "+t.RestoreSummary(), ": ")
	return v
}

// nothing turns a good end into a failure if not one thing was brought back.
func (w *restore) nothing(p *process, v job.Verdict, t *borg.Tracker, there amount) job.Verdict {
	if !there.empty {
		return v
	}
	switch {
	case t.Warnings(borg.WarnUnmatched) > 0:
		v.Status, v.ErrorCode = job.Failed, job.CodePathsNotFound
		v.ErrorMessage = fmt.Sprintf("the archive %s has none of the paths that were asked for: %s", p.spec.Restore.Archive, strings.Join(t.Unmatched(), ", "))
	case t.WarningCount() > 0:
		v.Status, v.ErrorCode = job.Failed, job.CodeNothingRestored
		v.ErrorMessage = "nothing could be restored: " + v.ErrorMessage
	}
	return v
}

// asOther tells what borg does not: without root's rights it gives no file to
// anybody else, and says nothing about it.
func asOther(v job.Verdict) job.Verdict {
	if os.Geteuid() == 0 {
		return v
	}
	v.Status = job.CompletedWithWarnings
	v.ErrorMessage = strings.TrimPrefix(v.ErrorMessage+"; owners are not restored, since this agent does not run as root: what belonged to other accounts belongs to its own now", "; ")
	return v
}

// amount is what a destination holds.
type amount struct {
	size, files int64
	empty       bool
	unknown     bool

	cut  []string // the first files that are there in part
	cuts int      // how many there are
	open bool     // borg did not come to its end, and may have been within a file
}

func (a amount) stays(where string) string {
	switch {
	case a.unknown:
		return "what was restored so far stays in " + where + a.warning()
	case a.empty:
		return "nothing was restored"
	}
	were, stay := "were", "stay"
	if a.files == 1 {
		were, stay = "was", "stays"
	}
	return fmt.Sprintf("%s (%s) %s restored before that and %s in %s%s", count(a.files, "file"), size(a.size), were, stay, where, a.warning())
}

// measureTime bounds the look at what was restored: the verdict waits for it.
const measureTime = 30 * time.Second

func (w *restore) measure(p *process) amount {
	to := w.to
	if to == nil {
		var err error
		if to, err = p.reopenDestination(); err != nil {
			p.log.Warn("look at the destination", "err", err)
			return amount{unknown: true}
		}
		defer to.dir.Close()
	}
	empty, err := to.empty()
	if err != nil {
		p.log.Warn("look at the destination", "err", err)
		return amount{unknown: true}
	}
	ctx, cancel := context.WithTimeout(p.life, measureTime)
	defer cancel()
	bytes, files, whole := borg.Measure(ctx, to.path)
	return amount{size: bytes, files: files, empty: empty, unknown: !whole}
}

// lookUp is never asked: no repository knows what was restored from it.
func (*restore) lookUp(context.Context, *process, jobdir.Started, borg.Outcome) (found, error) {
	return found{}, nil
}

func (w *restore) summary(v job.Verdict) string {
	return fmt.Sprintf("Restore finished: %s, %s in %s",
		count(v.Progress.NFiles, "file"), size(v.Progress.OriginalSize), seconds(v.EndedAt.Sub(v.StartedAt)))
}
