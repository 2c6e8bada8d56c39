package borg

import (
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"

	"borgfleet/shared/job"
)

// Upkeep is what borg said of a prune, compact or check. borg's checkpoints are
// no archives here.
type Upkeep struct {
	Removed  int64  // archives that a prune removed, if it came to its end
	Kept     int64  // archives that it kept
	WouldGo  int64  // archives that a dry run would have removed
	Freed    *int64 // bytes, about; nil: it did not say
	Done     bool   // it said what it says when everything is written, or looked at
	Segments bool   // a check has looked at the repository itself; its archives may follow
}

const (
	saysRemoved = "Pruning archive"
	saysKept    = "Keeping archive"
	saysWouldGo = "Would prune"
)

// Loggers of borg's.
const (
	listLogger  = "borg.output.list"
	statsLogger = "borg.output.stats"
)

// observeUpkeep reads the words of commands that print no JSON. Those of a
// server's borg have a prefix.
func (t *Tracker) observeUpkeep(e Event) {
	text := strings.TrimPrefix(e.Text, "Remote: ")
	switch e.Logger {
	case listLogger:
		a, said := listedArchive(text)
		if a.checkpoint() {
			return
		}
		switch said {
		case saysRemoved:
			t.upkeep.Removed++
		case saysKept:
			t.upkeep.Kept++
		case saysWouldGo:
			t.upkeep.WouldGo++
		}
	case statsLogger:
		t.upkeep.Done = t.upkeep.Done || strings.HasPrefix(text, "Deleted data:")
	case "borg.repository":
		if m := freed.FindStringSubmatch(text); m != nil {
			n := bytesOf(m[1], m[2])
			t.upkeep.Freed, t.upkeep.Done = &n, true
		}
		switch {
		case strings.HasPrefix(text, "Finished partial repository check,"):
			t.upkeep.Done = true
		case strings.HasPrefix(text, "Finished full repository check,"):
			t.upkeep.Segments = true
			// Into the archives of a damaged repository borg looks no more.
			t.upkeep.Done = t.upkeep.Done || e.Level == job.LevelError
		}
	case "borg.archive":
		t.upkeep.Done = t.upkeep.Done || strings.HasPrefix(text, "Archive consistency check complete,")
	}
}

// Upkeep is what borg has said so far.
func (t *Tracker) Upkeep() Upkeep { return t.upkeep }

// RemovedArchive is the archive that a line of a prune says it removes: only
// what borg writes afterwards makes it true.
func (e Event) RemovedArchive() (a Archive, ok bool) {
	if e.Kind != Log || e.Logger != listLogger {
		return Archive{}, false
	}
	if a, said := listedArchive(e.Text); said == saysRemoved {
		return a, true
	}
	return Archive{}, false
}

// listed is what borg's list of a prune has: some words, a name filled up with
// spaces, "Thu, 2026-11-26 02:36:38" and the id.
var listed = regexp.MustCompile(`^(?:(Pruning archive|Keeping archive) \([^)]*\)|(Would prune)): *(.*?) +[A-Z][a-z]{2}, \d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[([0-9a-f]{64})\]$`)

func listedArchive(text string) (a Archive, said string) {
	m := listed.FindStringSubmatch(text)
	if m == nil {
		return Archive{}, ""
	}
	return Archive{Name: m[3], ID: m[4]}, m[1] + m[2]
}

// freed is "compaction freed about 906.67 kB repository space."
var freed = regexp.MustCompile(`^compaction freed about (-?[0-9.]+) ([kMGTPEZY]?)B repository space\.$`)

// bytesOf reads a size as borg shows it, in steps of 1000.
func bytesOf(number, unit string) int64 {
	f, err := strconv.ParseFloat(number, 64)
	if err != nil || f < 0 {
		return 0
	}
	if unit != "" {
		f *= math.Pow(1000, float64(1+strings.Index("kMGTPEZY", unit)))
	}
	return int64(min(math.Round(f), math.MaxInt64/2))
}

// Damaged makes the verdict of a check that found something: borg itself calls
// that a warning. At an archive that it cannot read it ends as if it had crashed.
func Damaged(v job.Verdict, t *Tracker) job.Verdict {
	var what string
	switch {
	case v.Status == job.CompletedWithWarnings && v.ErrorCode == "":
		what = "it named nothing"
		if f := t.Failure(); f != nil {
			what = oneLine(f.Message)
		}
	case v.Status == job.Failed && v.ErrorCode == CodeRepoCorrupt, v.Status == job.Failed && v.ErrorCode == CodeBorgCrashed && unreadable(t.Exception()):
		what = v.ErrorMessage + ", and could look no further"
	default:
		return v
	}
	v.Status, v.ErrorCode = job.Failed, CodeRepoCorrupt
	v.ErrorMessage = clip(fmt.Sprintf("borg check found damage: %s; the log has the rest. Nothing was repaired: copy the repository first, then run borg check --repair by hand", what), maxMessage)
	v.Progress.Percent = 0
	return v
}

// unreadable tells the exceptions by which borg says that something is not what
// was written. That of its cryptography has no words for people.
func unreadable(exception string) bool {
	name, _, _ := strings.Cut(exception, ":")
	return strings.HasSuffix(name, "IntegrityError")
}
