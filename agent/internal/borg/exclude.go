package borg

import (
	"path"
	"strings"
)

// excluder says which paths borg leaves out: the first pattern that matches
// decides, and all of ours exclude. What is below an excluded directory is
// never looked at.
type excluder struct {
	full     map[string]bool // pf:
	prefixes []string        // pp:, each with a slash at its end
	globs    []glob          // fm:, sh:
}

// newExcluder returns ok false if a pattern cannot be translated: a regular
// expression, say, which is Python's.
func newExcluder(patterns []string) (e excluder, ok bool) {
	for _, p := range patterns {
		style, p := patternStyle(p)
		switch style {
		case "pf":
			if e.full == nil {
				e.full = make(map[string]bool)
			}
			e.full[strings.TrimLeft(path.Clean(p), "/")] = true
		case "pp":
			e.prefixes = append(e.prefixes, strings.TrimLeft(strings.TrimRight(path.Clean(p), "/")+"/", "/"))
		case "", "fm", "sh":
			// A slash at the end: the contents, not the directory.
			ending, suffix := "/*", ""
			if style == "sh" {
				ending = "/**/*"
			}
			if strings.HasSuffix(p, "/") {
				suffix = "/"
			}
			g, ok := compileGlob(strings.TrimLeft(strings.TrimRight(path.Clean(p), "/")+ending+suffix, "/"), style == "sh")
			if !ok {
				return excluder{}, false
			}
			e.globs = append(e.globs, g)
		default:
			return excluder{}, false
		}
	}
	return e, true
}

func (e *excluder) empty() bool {
	return len(e.full) == 0 && len(e.prefixes) == 0 && len(e.globs) == 0
}

// excludes takes a path without its leading slash, with one at its end.
func (e *excluder) excludes(p string) bool {
	if e.full[p[:len(p)-1]] {
		return true
	}
	for _, prefix := range e.prefixes {
		if strings.HasPrefix(p, prefix) {
			return true
		}
	}
	for i := range e.globs {
		if e.globs[i].match(p) {
			return true
		}
	}
	return false
}
