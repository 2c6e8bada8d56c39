package borg

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"borgfleet/shared/job"
)

// Tracker keeps of borg's messages what a verdict and a status need. It is fed
// by one goroutine, and keeps a bounded amount however much borg prints.
type Tracker struct {
	firstError  *Failure // the first error that has a msgid
	plainError  *Failure // the first error that has none
	traceback   string   // the last line of the last traceback
	noSpace     string   // the first line that says a disk is full
	warnings    map[WarningClass]int
	first       []string // warnings
	remote      []string // what the server or ssh said, last lines
	lastRaw     string
	rawUsage    string // argparse's verdict on our command line
	sshHost     string // the host whose key ssh does not know
	phase       Phase
	counters    Counters
	hasCounters bool
	walked      bool
	expected    int64    // bytes that will be restored
	unmatched   []string // paths that an archive does not have
	synced      bool     // borg made its cache anew: somebody else wrote the repository
	cut         []string // files that a full disk cut short
	cuts        int
	cache       *CacheDamage
	upkeep      Upkeep
	sources     goneSources
}

// Failure is an error message of borg's.
type Failure struct {
	MsgID   string // borg's name for the error; not all have one
	Message string
}

// Phase is what borg is doing beside or after reading files.
type Phase struct {
	MsgID   string // of the operation, such as cache.commit; empty: none
	Text    string
	Percent float64 // of this operation; 0 if it has no measure
}

// WarningClass groups warnings for the one-line count.
type WarningClass string

const (
	WarnPermission WarningClass = "permission denied"
	WarnVanished   WarningClass = "vanished" // was not there (any more)
	WarnIO         WarningClass = "input/output error"
	WarnFile       WarningClass = "other error" // with a single file
	WarnChanged    WarningClass = "changed while being read"
	WarnUnmatched  WarningClass = "pattern never matched"
	WarnOther      WarningClass = "other"
)

const (
	keptWarnings  = 50
	keptUnmatched = 10
	keptRemote    = 10
	keptText      = 4 << 10 // bytes of one message
)

// Observe takes the next event.
func (t *Tracker) Observe(e Event) {
	switch e.Kind {
	case Progress:
		if e.Finished {
			t.walked = true
			return
		}
		if e.Counters.OriginalSize < 0 || e.Counters.NFiles < 0 {
			return // no borg's word
		}
		t.counters, t.hasCounters = e.Counters, true
	case ProgressPercent, ProgressMessage:
		t.observePhase(e)
	case Log:
		t.observeLog(e)
	case Raw:
		t.observeRaw(e.Text)
	}
}

func (t *Tracker) observePhase(e Event) {
	switch e.MsgID {
	case phaseExtract:
		t.observeExtract(e)
	case "cache.sync":
		t.synced = true
	case "cache.commit":
		// Of a repository without a single archive borg tells no cache.sync. But
		// it commits what it synced before it reads the first file, and what it
		// read only after that.
		t.synced = t.synced || !t.hasCounters && !t.walked
	}
	if e.Finished {
		if e.MsgID == t.phase.MsgID {
			t.phase = Phase{}
		}
		return
	}
	t.phase = Phase{MsgID: e.MsgID, Text: clip(logText(e.Text), 200)}
	if e.Kind == ProgressPercent && e.Total > 0 {
		t.phase.Percent = min(100, max(0, float64(e.Current)/float64(e.Total)*100))
	}
}

// phaseExtract is borg's name for the writing of files. Only there a percentage
// is one of bytes.
const phaseExtract = "extract"

func (t *Tracker) observeExtract(e Event) {
	if e.Finished {
		t.walked = true
		return
	}
	if e.Total <= 0 {
		return // it adds up what will be restored
	}
	_, path, _ := strings.Cut(e.Text, "Extracting: ")
	t.expected = e.Total
	t.counters, t.hasCounters = Counters{OriginalSize: e.Current, Path: path}, true
}

func (t *Tracker) observeLog(e Event) {
	text := clip(logText(e.Text), keptText)
	if text == "" {
		return
	}
	if t.noSpace == "" && e.Level >= job.LevelWarning && diskFull(e.Text) {
		t.noSpace = clip(exceptionLine(e.Text), 500)
	}
	if e.Level == job.LevelInfo || e.Level == job.LevelError { // a check that found something ends with an error
		t.observeUpkeep(e)
	}
	// ssh's words come as warnings, the server's as whatever they are.
	if said, ok := strings.CutPrefix(text, "Remote: "); ok {
		t.observeRemote(said)
		if e.Level <= job.LevelWarning {
			return
		}
	}
	switch e.Level {
	case job.LevelError:
		if t.cache == nil && !strings.HasPrefix(text, "Remote: ") {
			t.cache = cacheDamage(e.Text)
		}
		if strings.Contains(e.Text, tracebackHead) {
			t.traceback = clip(exceptionLine(e.Text), 500)
		}
		f := &Failure{MsgID: e.MsgID, Message: text}
		switch {
		case e.MsgID != "" && t.firstError == nil:
			t.firstError = f
		case e.MsgID == "" && t.plainError == nil:
			t.plainError = f
		}
	case job.LevelWarning:
		if t.warnings == nil {
			t.warnings = make(map[WarningClass]int)
		}
		class := classOf(e.MsgID, text)
		if class != WarnVanished || !t.sources.observe(text) {
			t.warnings[class]++
		}
		t.observeCut(e.Text)
		if class == WarnUnmatched && len(t.unmatched) < keptUnmatched {
			t.unmatched = append(t.unmatched, clip(patternOf(text), 200))
		}
		if len(t.first) < keptWarnings {
			t.first = append(t.first, clip(text, 500))
		}
	}
}

func (t *Tracker) observeRemote(said string) {
	said = strings.TrimSpace(said)
	if said == "" || strings.Trim(said, "@") == "" {
		return
	}
	if m := unknownHost.FindStringSubmatch(said); m != nil {
		t.sshHost = m[1]
	}
	if len(t.remote) == keptRemote {
		t.remote = slices.Delete(t.remote, 0, 1)
	}
	t.remote = append(t.remote, clip(said, 500))
}

// unknownHost is OpenSSH's "No ED25519 host key is known for [h]:2222 and you
// have requested strict checking."
var unknownHost = regexp.MustCompile(`host key is known for (\[[A-Za-z0-9._:-]+\]:[0-9]{1,5}|[A-Za-z0-9._:-]+) and you have requested strict checking`)

func (t *Tracker) observeRaw(line string) {
	text := clip(logText(line), keptText)
	if strings.TrimSpace(text) == "" {
		return
	}
	if said, ok := strings.CutPrefix(text, "Remote: "); ok {
		t.observeRemote(said)
		return
	}
	if t.noSpace == "" && diskFull(line) {
		t.noSpace = clip(text, 500)
	}
	t.lastRaw = text
	// "borg create: error: unrecognized arguments: --x"
	if strings.HasPrefix(text, "borg") && strings.Contains(text, ": error: ") {
		t.rawUsage = text
	}
}

const tracebackHead = "Traceback (most recent call last)"

// exceptionLine is the line of a traceback that says what happened: the last
// one at the left margin before borg's report about the system. Of a text
// without a traceback it is the text, on one line.
func exceptionLine(text string) string {
	i := strings.LastIndex(text, tracebackHead)
	if i < 0 {
		return oneLine(text)
	}
	text = text[i+len(tracebackHead):]
	last := ""
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(line, "Platform: ") || strings.HasPrefix(line, "Borg server: Platform: ") {
			break
		}
		if exceptionName.MatchString(line) {
			last = line
		}
	}
	if last == "" {
		return oneLine(text)
	}
	return oneLine(last)
}

var exceptionName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_.]*(?:: .*)?$`)

func oneLine(s string) string {
	return strings.Join(strings.Fields(escapeText(s, true)), " ")
}

func diskFull(s string) bool {
	return strings.Contains(s, "No space left on device") || strings.Contains(s, "[Errno 28]")
}

// classOf names a warning by its msgid (borg 1.4) or by its words (1.2).
func classOf(msgid, text string) WarningClass {
	switch msgid {
	case "FileChangedWarning", "BackupRaceConditionError":
		return WarnChanged
	case "IncludePatternNeverMatched", "IncludePatternNeverMatchedWarning":
		return WarnUnmatched
	case "BackupPermissionError":
		return WarnPermission
	case "BackupFileNotFoundError":
		return WarnVanished
	case "BackupIOError":
		return WarnIO
	}
	switch {
	case strings.HasPrefix(text, "Include pattern ") && strings.HasSuffix(text, "never matched."):
		return WarnUnmatched
	case strings.Contains(text, "[Errno 13]"), strings.Contains(text, "[Errno 1]"), strings.HasSuffix(text, "Permission denied"):
		return WarnPermission
	case strings.Contains(text, "[Errno 2]"):
		return WarnVanished
	case strings.Contains(text, "[Errno 5]"):
		return WarnIO
	case strings.Contains(text, "file changed while we backed it up"), strings.Contains(text, "file type or inode changed"):
		return WarnChanged
	case strings.HasPrefix(msgid, "Backup"), strings.Contains(text, ": [Errno "):
		return WarnFile
	}
	return WarnOther
}

// Failure is the first error that borg reported, by preference one with a
// msgid: those are borg's own words for what went wrong. nil: none.
func (t *Tracker) Failure() *Failure {
	return cmp.Or(t.firstError, t.plainError)
}

// Exception is the last line of the last traceback, such as
// "OSError: [Errno 28] No space left on device".
func (t *Tracker) Exception() string { return t.traceback }

// Remote returns what the server or ssh said, the last ten lines.
func (t *Tracker) Remote() []string { return slices.Clone(t.remote) }

// LastRaw is the last line that was no message of borg's.
func (t *Tracker) LastRaw() string { return t.lastRaw }

// Phase is what borg is doing now; the zero Phase while it reads files.
func (t *Tracker) Phase() Phase { return t.phase }

// Counters are the last ones borg reported, at most 0.2 s old while it runs.
// ok is false before the first.
func (t *Tracker) Counters() (c Counters, ok bool) { return t.counters, t.hasCounters }

// Expected is how many bytes a restore will write; 0 as long as borg adds them
// up, and for other commands.
func (t *Tracker) Expected() int64 { return t.expected }

// Unmatched returns the first ten paths that were asked for and that an archive
// does not have.
func (t *Tracker) Unmatched() []string { return slices.Clone(t.unmatched) }

// FailureCode is the code of the error that borg named; empty if it named none.
func (t *Tracker) FailureCode() string {
	if t.firstError == nil {
		return ""
	}
	return codeOfMsgID(t.firstError.MsgID)
}

// DiskFull says whether something on a disk had no room.
func (t *Tracker) DiskFull() bool { return t.noSpace != "" }

// Walked says whether borg has read all files, or, of a restore, written them.
// The archive is not saved yet, or the folders have not got their attributes.
func (t *Tracker) Walked() bool { return t.walked }

// CacheSynced says whether borg found the repository changed by somebody whose
// cache is another one.
func (t *Tracker) CacheSynced() bool { return t.synced }

// Warnings counts warnings by class.
func (t *Tracker) Warnings(class WarningClass) int { return t.warnings[class] }

// WarningCount is the number of all warnings.
func (t *Tracker) WarningCount() int {
	n := len(t.sources.gone)
	for _, c := range t.warnings {
		n += c
	}
	return n
}

// FirstWarnings returns the first fifty.
func (t *Tracker) FirstWarnings() []string { return slices.Clone(t.first) }

// patternOf is the path in "Include pattern 'x' never matched."
func patternOf(text string) string {
	text = strings.TrimSuffix(strings.TrimPrefix(text, "Include pattern "), " never matched.")
	return strings.TrimSuffix(strings.TrimPrefix(text, "'"), "'")
}

// WarningSummary is the count on one line; empty without warnings.
func (t *Tracker) WarningSummary() string { return t.warningSummary("read", t.neverMatched) }

// RestoreSummary is the same for files that were to be written.
func (t *Tracker) RestoreSummary() string { return t.warningSummary("restored whole", t.notThere) }

func (t *Tracker) warningSummary(done string, unmatched func(int) string) string {
	var parts []string
	if gone := t.sources.words(); gone != "" {
		parts = append(parts, gone)
	}
	unreadable, kinds := 0, []string(nil)
	for _, class := range []WarningClass{WarnPermission, WarnVanished, WarnIO, WarnFile} {
		if n := t.warnings[class]; n > 0 {
			unreadable += n
			kinds = append(kinds, fmt.Sprintf("%s (%d)", class, n))
		}
	}
	if unreadable > 0 {
		parts = append(parts, fmt.Sprintf("%s could not be %s: %s", count(unreadable, "file"), done, strings.Join(kinds, ", ")))
	}
	if n := t.warnings[WarnChanged]; n > 0 {
		parts = append(parts, fmt.Sprintf("%s changed while being read", count(n, "file")))
	}
	if n := t.warnings[WarnUnmatched]; n > 0 {
		parts = append(parts, unmatched(n))
	}
	if n := t.warnings[WarnOther]; n > 0 {
		other := count(n, "other warning")
		if first := t.firstOther(); first != "" {
			other += ": " + first
		}
		parts = append(parts, other)
	}
	return strings.Join(parts, "; ")
}

func (t *Tracker) neverMatched(n int) string { return count(n, "pattern") + " never matched" }

func (t *Tracker) notThere(n int) string {
	text := count(n, "path") + " not in the archive: " + strings.Join(t.unmatched, ", ")
	if n > len(t.unmatched) {
		text += ", …"
	}
	return text
}

func (t *Tracker) firstOther() string {
	for _, w := range t.first {
		if classOf("", w) == WarnOther {
			return clip(oneLine(w), 200)
		}
	}
	return ""
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
