package borg

import (
	"fmt"

	"borgfleet/shared/job"

	"golang.org/x/sys/unix"
)

// Outcome is all that is known when borg has ended.
type Outcome struct {
	Kind      job.Kind
	Exit      Exit
	ExitKnown bool // false: whoever could have waited for borg is gone
	Cancelled bool // we wanted it to end, before it did
	Stdout    []byte
	Tracker   *Tracker // nil: borg's messages are lost
	Version   Version
	// Partial: lines of borg's are missing, so what it did not say it may have
	// said.
	Partial bool
	// KnownHosts is the host's configured file, for the advice about an
	// unknown server; empty: ssh's own.
	KnownHosts string
}

// Classify judges how a borg ended. Times and the journal's end are the
// caller's to fill in; Progress holds the figures, and of a good end percent
// 100. Of any other end percent, speed and totals are those of the meter.
//
// With ExitKnown false and no complete answer of borg's the verdict says
// "interrupted". That is a guess: the archive may be there all the same, so
// the caller looks it up first.
func Classify(o Outcome) job.Verdict {
	if o.Tracker == nil {
		o.Tracker = &Tracker{}
	}
	if o.Exit.Err != nil {
		o.ExitKnown = false
	}
	v := job.Verdict{Progress: lastProgress(o.Tracker)}
	if o.Version != (Version{}) {
		v.BorgVersion = o.Version.String()
	}
	saved := takeSummary(&v, o)
	if !o.ExitKnown {
		return classifyLost(v, o, saved)
	}
	v.ExitCode = verdictCode(o.Exit)
	switch {
	case o.Exit.Good() && o.Exit.Code == 0:
		// Also when it should have been cancelled: it was faster.
		v.Status = job.Completed
	case o.Exit.Good() && (saved || o.Kind != job.Backup):
		v.Status = job.CompletedWithWarnings
		v.ErrorMessage = warningMessage(o)
	case saved:
		// borg prints the archive after it is saved. Whatever ended it then, on
		// its way out, the archive is complete.
		v.Status = job.CompletedWithWarnings
		v.ErrorCode, v.ErrorMessage = LateEnd(o)
	case o.Cancelled:
		// What the exit code is after SIGTERM depends on where it found borg:
		// 143, 130, 129, 80, 2 and -9 were all seen.
		v = withoutArchive(v)
		v.Status = job.Cancelled
		v.ErrorCode = job.CodeCancelled
		v.ProcessTerminated = true
		return v
	default:
		v = withoutArchive(v)
		v.Status = job.Failed
		v.ErrorCode, v.ErrorMessage = explain(o.Exit, o.Tracker, o.KnownHosts)
		return v
	}
	return finished(v)
}

// LateEnd says how a borg ended that had saved its archive before.
func LateEnd(o Outcome) (code, message string) {
	if o.Cancelled {
		return job.CodeCancelled, "the archive is complete: it was saved when borg was told to end"
	}
	code, message = explain(o.Exit, o.Tracker, o.KnownHosts)
	return code, clip("the archive is complete, but borg did not end well: "+message, maxMessage)
}

// MayHaveSaved tells a backup whose borg ended badly at a moment at which it may
// have saved the archive, and not said so yet, or not been heard: whether it is
// there has to be looked up.
func MayHaveSaved(o Outcome) bool {
	if o.Kind != job.Backup || !o.ExitKnown || o.Exit.Good() && o.Exit.Code == 0 {
		return false
	}
	if !o.Tracker.Walked() && !o.Partial {
		return false
	}
	return !takeSummary(&job.Verdict{}, o)
}

func classifyLost(v job.Verdict, o Outcome, saved bool) job.Verdict {
	switch {
	case saved:
		// borg prints the archive after it is saved.
		v.Status = job.CompletedWithWarnings
		v.ErrorCode = job.CodeStatusLost
		v.ErrorMessage = "exit status lost, archive complete"
		return finished(v)
	case o.Cancelled:
		v = withoutArchive(v)
		v.Status = job.Cancelled
		v.ErrorCode = job.CodeCancelled
		return v
	}
	v = withoutArchive(v)
	v.Status = job.Failed
	v.ErrorCode = job.CodeInterrupted
	v.ErrorMessage = "interrupted: how borg ended is not known, and it named no finished archive"
	if f := o.Tracker.Failure(); f != nil {
		_, said := explain(Exit{Code: 2}, o.Tracker, o.KnownHosts)
		v.ErrorMessage = clip("interrupted: how borg ended is not known; it said: "+said, maxMessage)
	}
	return v
}

// takeSummary reads borg's answer into v. It returns whether the answer names
// the archive of a backup; a list of archives names those of others.
func takeSummary(v *job.Verdict, o Outcome) bool {
	s, err := ParseSummary(o.Stdout)
	if err != nil {
		return false
	}
	s.Repository.Tell(v)
	if o.Kind != job.Backup || len(s.Archives) != 1 || s.Archives[0].ID == "" {
		return false
	}
	a := s.Archives[0]
	v.ArchiveID, v.ArchiveName = a.ID, a.Name
	if a.Stats != nil {
		v.Progress = a.Stats.figures()
		v.Progress.TotalSource = job.TotalNone
	}
	return true
}

func withoutArchive(v job.Verdict) job.Verdict {
	v.ArchiveID, v.ArchiveName = "", ""
	return v
}

// finished fills in what the end of a good run fixes.
func finished(v job.Verdict) job.Verdict {
	v.Progress.Percent = 100
	v.Progress.CurrentFile = ""
	v.Progress.TotalExpected = v.Progress.OriginalSize
	v.Progress.ETA = 0
	return v
}

func lastProgress(t *Tracker) job.Progress {
	c, _ := t.Counters()
	return job.Progress{
		OriginalSize:   c.OriginalSize,
		CompressedSize: c.CompressedSize,
		DedupSize:      c.DedupSize,
		NFiles:         c.NFiles,
		CurrentFile:    c.File(),
		TotalSource:    job.TotalNone,
	}
}

// verdictCode shows a signal as a shell does.
func verdictCode(e Exit) *int {
	code := e.Code
	if e.Signal != 0 {
		code = 128 + int(e.Signal)
	}
	return &code
}

func warningMessage(o Outcome) string {
	s := o.Tracker.WarningSummary()
	if o.Kind == job.Restore {
		s = o.Tracker.RestoreSummary()
	}
	if s != "" {
		return clip(s, maxMessage)
	}
	if o.Cancelled {
		_, s = LateEnd(o)
		return s
	}
	return fmt.Sprintf("borg ended with a warning (exit code %d) but named none", o.Exit.Code)
}

// NoFiles turns a good verdict on an archive without a single file into a
// failure if earlier backups had files (a disk that is not mounted, most
// often), or if borg could not read what was there. Without this, retention
// would count the empty archive as the day's backup.
func NoFiles(v job.Verdict, hadFilesBefore bool) job.Verdict {
	unread := v.Status == job.CompletedWithWarnings && v.ErrorCode != job.CodeStatusLost
	if !v.Status.Good() || v.Progress.NFiles > 0 || !hadFilesBefore && !unread {
		return v
	}
	v.Status = job.Failed
	v.ErrorCode = job.CodeNoFiles
	message := "the backup holds no files: nothing could be read; give this agent's user the right to, or name other sources"
	if hadFilesBefore {
		message = "the backup holds no files, and earlier ones did; is a source not mounted?"
	}
	if v.ErrorMessage != "" {
		message += " (" + v.ErrorMessage + ")"
	}
	v.ErrorMessage = clip(message, maxMessage)
	v.Progress.Percent = 0
	return v
}

func signalName(e Exit) string {
	if name := unix.SignalName(e.Signal); name != "" {
		return name
	}
	return e.Signal.String()
}
