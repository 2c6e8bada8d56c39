package job

import (
	"fmt"
	"slices"
	"strings"
)

// HookTime is when in a job's life a hook runs.
type HookTime string

const (
	HookBefore    HookTime = "before"     // borg is executed; one that fails keeps it from that
	HookAfter     HookTime = "after"      // a good end
	HookOnWarning HookTime = "on_warning" // a good end with warnings, also of hooks
	HookOnFailure HookTime = "on_failure"
	HookAlways    HookTime = "always" // last
)

// HookTimes lists every time in the order of a job's life.
func HookTimes() []HookTime {
	return []HookTime{HookBefore, HookAfter, HookOnWarning, HookOnFailure, HookAlways}
}

// Hooks are programs of the host that a backup runs, by their base names in the
// host's own hooks directory. Who defines a repository can name them, and write
// none.
type Hooks struct {
	Before, After, OnFailure, OnWarning, Always []string
}

// At are the hooks of one time, in their order.
func (h Hooks) At(t HookTime) []string {
	switch t {
	case HookBefore:
		return h.Before
	case HookAfter:
		return h.After
	case HookOnWarning:
		return h.OnWarning
	case HookOnFailure:
		return h.OnFailure
	case HookAlways:
		return h.Always
	}
	return nil
}

// Names lists each hook once, sorted.
func (h Hooks) Names() []string {
	names := slices.Concat(h.Before, h.After, h.OnFailure, h.OnWarning, h.Always)
	slices.Sort(names)
	return slices.Compact(names)
}

// Bounds of what a definition names.
const (
	MostHooks    = 16 // of one time
	MostHookName = 64 // bytes
)

// HookNotNow is the exit status with which a hook of before says that now is no
// time for a backup: EX_TEMPFAIL of sysexits.h.
const HookNotNow = 75

// CheckHookName says what is wrong with a name: a hook's is that of a file in one
// directory, and can be nothing else.
func CheckHookName(name string) error {
	const most = MostHookName
	switch {
	case name == "":
		return fmt.Errorf("it is empty")
	case len(name) > most:
		return fmt.Errorf("it has %d bytes; at most %d are taken", len(name), most)
	case strings.HasPrefix(name, "-"), strings.HasPrefix(name, "."):
		return fmt.Errorf("it must not begin with a dash or a dot")
	case strings.Trim(name, hookLetters) != "":
		return fmt.Errorf("it may only have the letters A to Z and a to z, digits, . _ and -: a hook is named by its base name")
	}
	return nil
}

const hookLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// hookPhase goes before a hook's name in what a register calls borg's phase.
const hookPhase = "hook "

// HookPhase is what a register calls its phase while a hook runs.
func HookPhase(name string) string { return hookPhase + name }

// IsHookPhase tells it from one of borg's.
func IsHookPhase(phase string) bool { return strings.HasPrefix(phase, hookPhase) }
