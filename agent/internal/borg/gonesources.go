package borg

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// goneSources has the tracker tell a whole source that borg does not find, as of a
// disk that is not mounted, from a file that vanished while borg read the others.
type goneSources struct {
	paths []string // as they begin borg's warning
	gone  []string
}

// namedSources is how many one line names: the journal has them all.
const namedSources = 5

// ExpectSources says which sources borg is given.
func (t *Tracker) ExpectSources(sources []string) {
	for _, s := range sources {
		t.sources.paths = append(t.sources.paths, logText(filepath.Clean(s)))
	}
}

// observe takes a warning about a path that is not there, and says whether that is
// a source: borg 1.2 says "PATH: [Errno 2] …", 1.4 "PATH: stat: [Errno 2] …".
func (s *goneSources) observe(warning string) bool {
	for _, path := range s.paths {
		rest, ok := strings.CutPrefix(warning, path+": ")
		if !ok || !strings.HasPrefix(strings.TrimPrefix(rest, "stat: "), "[Errno 2]") {
			continue
		}
		if !slices.Contains(s.gone, path) {
			s.gone = append(s.gone, path)
		}
		return true
	}
	return false
}

// words is empty if all are there.
func (s *goneSources) words() string {
	switch n := len(s.gone); {
	case n == 0:
		return ""
	case n == 1:
		return "source " + clip(s.gone[0], 200) + " is not there"
	default:
		var named []string
		for _, path := range s.gone[:min(n, namedSources)] {
			named = append(named, clip(path, 200))
		}
		if n > namedSources {
			named = append(named, "…")
		}
		return fmt.Sprintf("%d sources are not there: %s", n, strings.Join(named, ", "))
	}
}
