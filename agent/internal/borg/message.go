package borg

import (
	"bytes"
	"strings"

	"borgfleet/shared/job"
)

// EventKind says which of an Event's fields mean something.
type EventKind int

const (
	Raw             EventKind = iota // not a message of borg's: Text
	Progress                         // archive_progress: Counters unless Finished
	ProgressPercent                  // MsgID, Text, Current, Total, Finished
	ProgressMessage                  // MsgID, Text, Finished
	FileStatus                       // Status, Path
	Log                              // Level, Logger, MsgID, Text
	Question                         // Subtype, MsgID (the variable that answers it), Text
)

// Event is one line of borg's stderr.
type Event struct {
	Kind     EventKind
	Time     float64  // unix seconds by borg's clock; 0: not given
	Counters Counters // of Progress
	Finished bool     // of Progress: all files were walked; the archive is not saved yet
	Status   string   // of FileStatus: borg's letter
	Path     string   // of FileStatus
	MsgID    string
	Text     string
	Level    job.Level // of Log
	Logger   string    // of Log: borg's name for where it comes from
	Current  int64     // of ProgressPercent, of Total
	Total    int64
	Subtype  string // of Question: borg's type
	Prefix   string // what stood before the message on its line, such as a prompt
}

// Counters are what borg has done so far. Sizes are bytes; the original size
// is that of file contents, without metadata.
type Counters struct {
	OriginalSize   int64
	CompressedSize int64
	DedupSize      int64
	NFiles         int64
	Path           string // what borg works on, as borg prints it: without the leading slash
}

// ParseLine reads one line of borg's stderr, without its newline. It never
// fails: what it does not understand is Raw. The line is not kept.
func ParseLine(line []byte) Event {
	if e, ok := parseObject(line); ok {
		return e
	}
	// A prompt has no newline, so the message that follows it stands on the
	// same line. It is the one that says what went wrong.
	if len(line) > 0 && line[len(line)-1] == '}' {
		if i := bytes.Index(line, []byte(`{"`)); i > 0 {
			if e, ok := parseObject(line[i:]); ok {
				e.Prefix = string(line[:i])
				return e
			}
		}
	}
	return Event{Kind: Raw, Text: string(line)}
}

func parseObject(line []byte) (Event, bool) {
	if len(line) == 0 || line[0] != '{' {
		return Event{}, false
	}
	var (
		e       Event
		m       member
		typ     member
		path    member
		message member
		level   member
	)
	f := newFields(line)
	for f.next(&m) {
		switch string(m.key) {
		case "type":
			typ = m
		case "original_size":
			e.Counters.OriginalSize = m.integer()
		case "compressed_size":
			e.Counters.CompressedSize = m.integer()
		case "deduplicated_size":
			e.Counters.DedupSize = m.integer()
		case "nfiles":
			e.Counters.NFiles = m.integer()
		case "path":
			path = m
		case "status":
			e.Status = m.text()
		case "time":
			e.Time = m.number()
		case "finished":
			e.Finished = m.kind == 't'
		case "message":
			message = m
		case "msgid":
			e.MsgID = m.text()
		case "current":
			e.Current = m.integer()
		case "total":
			e.Total = m.integer()
		case "levelname":
			level = m
		case "name":
			e.Logger = m.text()
		}
	}
	if f.bad || typ.kind != '"' {
		return Event{}, false
	}
	switch string(typ.raw) {
	case "archive_progress":
		e.Kind = Progress
		e.Counters.Path = path.text()
	case "file_status":
		e.Kind = FileStatus
		e.Path = path.text()
	case "log_message":
		e.Kind = Log
		e.Text = message.text()
		e.Level = levelOf(level.raw)
	case "progress_percent":
		e.Kind = ProgressPercent
		e.Text = message.text()
	case "progress_message":
		e.Kind = ProgressMessage
		e.Text = message.text()
	default:
		if !bytes.HasPrefix(typ.raw, []byte("question_")) {
			return Event{}, false
		}
		e.Kind = Question
		e.Subtype = typ.text()
		e.Text = message.text()
	}
	return e, true
}

func levelOf(name []byte) job.Level {
	switch string(name) {
	case "DEBUG":
		return job.LevelDebug
	case "WARNING":
		return job.LevelWarning
	case "ERROR", "CRITICAL":
		return job.LevelError
	}
	return job.LevelInfo
}

// nestedProgress is the logger of progress messages inside another operation;
// borg prints them as log messages.
const nestedProgress = "borg.output.progress"

// Record turns the event into a log line. keep is false for what is shown
// elsewhere (progress) or says nothing.
func (e Event) Record() (level job.Level, text string, keep bool) {
	switch e.Kind {
	case FileStatus:
		return job.LevelInfo, escapeText(e.Status, false) + " " + escapeText(e.Path, false), true
	case Log:
		if e.Logger == nestedProgress {
			return 0, "", false
		}
		return e.logRecord(e.Level)
	case Question:
		switch e.Subtype {
		case "question_prompt", "question_prompt_retry":
			return e.logRecord(job.LevelWarning)
		case "question_env_answer":
			// It repeats which variable answered: ours, always the same.
			return 0, "", false
		}
		return e.logRecord(job.LevelInfo)
	case Raw:
		// Warning: borg itself prints nothing of the kind on a good day.
		if text = logText(e.Text); text != "" {
			return job.LevelWarning, text, true
		}
	}
	return 0, "", false
}

func (e Event) logRecord(level job.Level) (job.Level, string, bool) {
	text := logText(e.Text)
	if text == "" {
		return 0, "", false
	}
	switch level {
	case job.LevelWarning:
		text = withPrefix("Warning: ", text)
	case job.LevelError:
		text = withPrefix("Error: ", text)
	}
	if prefix := logText(e.Prefix); prefix != "" {
		text = prefix + " " + text
	}
	return level, text, true
}

// withPrefix does not say it twice where borg's own text begins with it.
func withPrefix(prefix, text string) string {
	if len(text) >= len(prefix)-1 && strings.EqualFold(text[:len(prefix)-1], prefix[:len(prefix)-1]) {
		return text
	}
	return prefix + text
}

func logText(s string) string {
	s = strings.TrimRight(s, " \t\r\n")
	s = strings.TrimLeft(s, "\r\n")
	return escapeText(s, true)
}
