package jobproc

import (
	"context"
	"errors"
	"io/fs"

	"borgfleet/shared/clock"
	"borgfleet/shared/job"
)

// complete adds what the repository tells right after borg's end, before hooks
// take their time.
func (p *process) complete(v *job.Verdict) {
	if v.EndedAt.IsZero() {
		v.EndedAt = clock.Now()
	}
	v.ErrorMessage = p.pass.mask(v.ErrorMessage)
	p.testify(v)
	p.sealForRecovery(v)
}

// finish leaves the verdict on the disk. While the disk refuses it the process
// stays, with the lock held: nobody else knows how the job ended.
func (p *process) finish(ctx context.Context, v job.Verdict) error {
	p.sayEnd(v)
	p.c.at(PointJudged)
	for n := 1; ; n++ {
		err := p.conclude(v)
		if err == nil {
			break
		}
		p.log.Error("the verdict cannot be written yet", "err", err)
		if !sleep(ctx, p.c.RetryWait.after(n)) {
			return errors.Join(err, p.journal.Close())
		}
	}
	// All below is only tidying: the verdict is there.
	p.c.at(PointEnded)
	p.noteSealed()
	if err := p.journal.Close(); err != nil {
		p.log.Warn("close journal", "err", err)
	}
	p.dir.RemovePipes()
	p.dir.RemoveScratches()
	if w, ok := p.work.(clearing); ok && !v.Status.Good() {
		w.clear()
	}
	return nil
}

// conclude writes the journal's end, with the count of what is missing in it,
// before the verdict that names it.
func (p *process) conclude(v job.Verdict) error {
	if err := p.flushGaps(); err != nil {
		return err
	}
	if err := p.journal.Sync(); err != nil {
		return err
	}
	v.JournalEnd = p.journal.Next() - 1
	err := p.dir.WriteVerdict(v)
	if errors.Is(err, fs.ErrExist) {
		_, err = p.dir.Verdict() // of an earlier try, whose last sync failed
	}
	return err
}

// flushGaps writes the count of lost lines down. The journal keeps its newest
// error: a write that is refused now leaves another one than was there before.
// An old one may be of a sync that has succeeded since.
func (p *process) flushGaps() error {
	before := p.journal.Err()
	p.journal.FlushGaps()
	if err := p.journal.Err(); err != before {
		return err
	}
	return nil
}

func (p *process) sayEnd(v job.Verdict) {
	switch {
	case v.Status == job.Cancelled:
		p.say(job.LevelWarning, "Cancelled%s", after(": ", v.ErrorMessage))
	case v.Status == job.Failed:
		p.say(job.LevelError, "Failed: %s", v.ErrorMessage)
	case v.Status == job.CompletedWithWarnings:
		p.say(job.LevelWarning, "%s, with warnings: %s", p.work.summary(v), v.ErrorMessage)
	default:
		p.say(job.LevelInfo, "%s", p.work.summary(v))
	}
}

func after(prefix, s string) string {
	if s == "" {
		return ""
	}
	return prefix + s
}
