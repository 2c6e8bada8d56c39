package borg

import "regexp"

// keptCut bounds how many of the files are named that a full disk cut short.
const keptCut = 50

// cutFile is the path in "src/a: write: [Errno 28] No space left on device".
var cutFile = regexp.MustCompile(`(?s)^(.+?): (?:\w+: )?\[Errno 28\]`)

// observeCut notes a file that was restored in part because the disk is full.
func (t *Tracker) observeCut(warning string) {
	m := cutFile.FindStringSubmatch(warning)
	if m == nil {
		return
	}
	if t.cuts++; len(t.cut) < keptCut {
		t.cut = append(t.cut, m[1])
	}
}

// CutShort gives the first files of which borg said that the disk had no room
// for the whole of them, as borg writes them, and how many there were.
func (t *Tracker) CutShort() (first []string, n int) { return t.cut, t.cuts }
