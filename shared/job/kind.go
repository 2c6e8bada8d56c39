package job

import "fmt"

// Kind is the one step that a job runs.
type Kind string

const (
	Init      Kind = "init"
	Backup    Kind = "backup"
	Prune     Kind = "prune"
	Compact   Kind = "compact"
	Check     Kind = "check"
	List      Kind = "list"
	Restore   Kind = "restore"
	BreakLock Kind = "break-lock"
)

// Kinds lists every kind, in the order the documentation uses.
func Kinds() []Kind {
	return []Kind{Init, Backup, Prune, Compact, Check, List, Restore, BreakLock}
}

// ParseKind rejects anything that is not one of Kinds.
func ParseKind(s string) (Kind, error) {
	for _, k := range Kinds() {
		if string(k) == s {
			return k, nil
		}
	}
	return "", fmt.Errorf("unknown job kind %q", s)
}

// NeedsHostSlot says whether the kind counts against a host's max_parallel.
// The others are short and answer a waiting person.
func (k Kind) NeedsHostSlot() bool {
	return k != Init && k != List && k != BreakLock
}
