package policy

import (
	"errors"
	"fmt"
	"path"
	"strings"

	"borgfleet/shared/job"
)

// Pattern names repository locations. It is a path or URL in which
//
//   - stands for any characters but /
//     ?      stands for one character but /
//     [a-z]  stands for one of these characters
//     \      makes the next character plain
//     /**    at the end stands for everything below, not for the directory itself
//
// Patterns and paths are compared in their normal form (job.NormalPath), so it
// does not matter how a URL is spelled. A local pattern means the place that
// its fixed beginning leads to through symlinks.
type Pattern struct {
	text     string
	segments []string // of the normal form, without a trailing **
	below    bool     // it ended in /**
	local    bool
}

// ParsePattern reads a pattern from agent.yaml or the command line.
func ParsePattern(text string) (Pattern, error) {
	bad := func(why string) (Pattern, error) {
		return Pattern{}, fmt.Errorf("repository pattern %q: %s", text, why)
	}
	fixed, below := strings.CutSuffix(text, "/**")
	if below {
		fixed += "/" // so that /** and host:/** keep their root, ssh://host/./** its dot
	}
	normal, local := job.NormalPath(fixed)
	if local && !strings.HasPrefix(normal, "/") {
		return bad("it must be an absolute path, an ssh:// URL or host:path")
	}
	if unprintable(text) {
		return bad("it holds characters that cannot be printed")
	}
	p := Pattern{text: text, segments: split(normal), below: below, local: local}
	// In the raw text as well: a cleaned "/a/*/.." no longer shows it, and
	// means another place than it seems to.
	for _, s := range append(strings.Split(fixed, "/"), p.segments...) {
		if s == ".." {
			return bad(`".." is not allowed in it`)
		}
		if strings.Contains(s, "**") {
			return bad("** is allowed only as /** at the end")
		}
		if _, err := path.Match(s, ""); errors.Is(err, path.ErrBadPattern) {
			return bad("a bracket is not closed, or a backslash ends a part of the path")
		}
	}
	return p, nil
}

// match compares with a path in normal form whose symlinks are resolved.
func (p Pattern) match(normal string, local bool, resolve func(string) (string, error)) (bool, error) {
	if p.local != local {
		return false, nil
	}
	segments := p.segments
	if local {
		var err error
		if segments, err = p.resolved(resolve); err != nil {
			return false, err
		}
	}
	have := split(normal)
	if p.below {
		if len(have) <= len(segments) {
			return false, nil
		}
		have = have[:len(segments)]
	}
	if len(have) != len(segments) {
		return false, nil
	}
	for i, s := range segments {
		if ok, err := path.Match(s, have[i]); err != nil || !ok {
			return false, err
		}
	}
	return true, nil
}

// resolved replaces the fixed beginning of a local pattern by the place that
// it leads to: the path that is compared was resolved too.
func (p Pattern) resolved(resolve func(string) (string, error)) ([]string, error) {
	n := 0
	var fixed []string
	for n < len(p.segments) && !strings.ContainsAny(p.segments[n], `*?[\`) {
		fixed = append(fixed, p.segments[n])
		n++
	}
	real, err := resolve("/" + strings.Join(fixed, "/"))
	if err != nil {
		return nil, err
	}
	var segments []string
	for _, s := range split(real) {
		segments = append(segments, quote(s))
	}
	return append(segments, p.segments[n:]...), nil
}

// Literal is the pattern of one location and no other.
func Literal(location string) string { return quote(location) }

// quote makes every character of a path plain.
func quote(s string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(s)
}

// split gives the parts of a normal path: a local one's names, or ssh:, "",
// host and names. The root has no parts.
func split(normal string) []string {
	normal = strings.TrimRight(strings.TrimPrefix(normal, "/"), "/")
	if normal == "" {
		return nil
	}
	return strings.Split(normal, "/")
}

func unprintable(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' })
}
