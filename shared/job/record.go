package job

import "time"

// Level is a log line's weight.
type Level int

const (
	LevelDebug Level = iota + 1
	LevelInfo
	LevelWarning
	LevelError
)

// Record is one journal record: a log line, or the hole where lines were left
// out. Numbers start at 1 and are never used twice, so a number names the same
// line on the agent, on the controller and in REST.
type Record struct {
	Number   uint64
	Time     time.Time
	Level    Level
	Source   string // agent, borg, hook
	Text     string // valid UTF-8; control characters but newline and tab are escaped
	Gap      *Gap
	Consumed uint64 // bytes of borg's stderr that are accounted for up to here
	Data     []byte // the same for programs: of a list, an encoded Archive or Entry; see wire
}

// Gap stands for lines that were left out.
type Gap struct {
	Count  uint64
	Reason string
}
