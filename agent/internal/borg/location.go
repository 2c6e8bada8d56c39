package borg

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Host and user become words on ssh's command line, so neither may look like
// an option, and neither needs anything beyond these characters.
var (
	sshURL = regexp.MustCompile(`^ssh://(?:([A-Za-z0-9_][A-Za-z0-9._+-]*)@)?([A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9a-fA-F:.]+\])(?::([0-9]{1,5}))?(/.+)$`)
	scpURL = regexp.MustCompile(`^(?:([A-Za-z0-9_][A-Za-z0-9._+-]*)@)?([A-Za-z0-9_][A-Za-z0-9._-]*|\[[0-9a-fA-F:.]+\]):([^:/-].*|/.*)$`)
)

// Location is where a repository is, taken apart.
type Location struct {
	User, Host, Port string // empty for a local path
	Path             string
}

// Remote says whether borg reaches the repository through ssh.
func (l Location) Remote() bool { return l.Host != "" }

// ParseLocation accepts an absolute local path, ssh://[user@]host[:port]/path
// and borg's scp-like [user@]host:path. The error is an *Error.
//
// Braces are refused everywhere: borg 1.x expands placeholders in a location
// twice (once as it was given, once again when the repository is opened), so
// no escaping gets a literal brace through both.
func ParseLocation(s string) (Location, error) {
	switch {
	case s == "":
		return Location{}, badRequest("the repository path is empty")
	case !utf8.ValidString(s):
		return Location{}, badRequest("the repository path %q is not valid UTF-8", s)
	case hasControl(s):
		return Location{}, badRequest("the repository path %q has a control character", s)
	case strings.HasPrefix(s, "-"):
		return Location{}, badRequest("the repository path %q starts with a dash", s)
	case strings.ContainsAny(s, "{}"):
		return Location{}, badRequest("the repository path %q has a brace; borg takes braces for placeholders", s)
	case strings.HasSuffix(s, ":"):
		return Location{}, badRequest("the repository path %q ends with a colon", s)
	}
	l, err := splitLocation(s)
	if err != nil {
		return Location{}, err
	}
	// In the path alone: a host may be an IPv6 address.
	if strings.Contains(l.Path, "::") {
		return Location{}, badRequest(`the repository path %q has "::", which starts an archive's name in borg`, s)
	}
	return l, nil
}

func splitLocation(s string) (Location, error) {
	switch {
	case strings.HasPrefix(s, "//"):
		return Location{}, badRequest("the repository path %q starts with two slashes", s)
	case strings.HasPrefix(s, "/"):
		return Location{Path: s}, nil
	case strings.HasPrefix(s, "ssh://"):
		if m := sshURL.FindStringSubmatch(s); m != nil {
			return Location{User: m[1], Host: m[2], Port: m[3], Path: m[4]}, nil
		}
		return Location{}, badRequest("the repository %q is not of the form ssh://user@host:port/path", s)
	case strings.Contains(s, "://"):
		return Location{}, badRequest("the repository %q has a scheme that borg 1.x does not have; use an absolute path or ssh://user@host/path", s)
	}
	if m := scpURL.FindStringSubmatch(s); m != nil {
		return Location{User: m[1], Host: m[2], Path: m[3]}, nil
	}
	return Location{}, badRequest("the repository path %q is not absolute", s)
}

func hasControl(s string) bool {
	for _, r := range s {
		if r < 0x20 || r >= 0x7f && r < 0xa0 {
			return true
		}
	}
	return false
}
