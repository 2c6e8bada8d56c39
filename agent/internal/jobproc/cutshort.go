package jobproc

import (
	"fmt"
	"os"
	"strings"
	"unicode"

	"borgfleet/agent/internal/borg"
)

// namedCut is how many of the files that were cut short a verdict names. The
// log has all of them.
const namedCut = 5

// lessCut takes what a full disk cut short out of what a destination holds:
// whoever counts on these files has half of them.
func (a amount) lessCut(destination string, t *borg.Tracker) amount {
	first, n := t.CutShort()
	a.open = t.Failure() != nil || !t.Walked()
	if n == 0 {
		return a
	}
	a.cut, a.cuts = first, n
	a.files -= int64(n - len(first)) // there, as far as can be told
	root, err := os.OpenRoot(destination)
	if err != nil {
		a.unknown = true
		return a
	}
	defer root.Close()
	for _, name := range first {
		if fi, err := root.Lstat(name); err == nil && !fi.IsDir() {
			a.files--
			a.size -= fi.Size()
		}
	}
	a.files, a.size = max(a.files, 0), max(a.size, 0)
	return a
}

// warning says which files are not to be used; empty: none is known of.
func (a amount) warning() string {
	var out string
	if a.open && a.files > 0 {
		out = ", the last of them perhaps in part"
	}
	if a.cuts == 0 {
		return out
	}
	var names []string
	for _, name := range a.cut[:min(len(a.cut), namedCut)] {
		names = append(names, shown(name))
	}
	if more := a.cuts - len(names); more > 0 {
		names = append(names, fmt.Sprintf("and %d more, which the log names", more))
	}
	return out + "; partly written there, do not use: " + strings.Join(names, ", ")
}

// shown keeps a name on one line.
func shown(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Sprintf("%q", name)
	}
	return name
}
