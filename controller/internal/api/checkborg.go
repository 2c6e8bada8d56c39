package api

import (
	"path"
	"strconv"
	"strings"

	"borgfleet/shared/job"
)

// checkLocation takes what borg 1.x would take for the same place whoever asks:
// an absolute path or an ssh URL.
func checkLocation(s string) string {
	if wrong := checkPlain(s, mostPath); wrong != "" {
		return wrong
	}
	switch {
	case strings.ContainsAny(s, "{}"):
		return "it must not have { or }: borg would put something else in their place"
	case strings.Contains(s, "::"):
		return "it must not have ::, which borg ends a repository's path with"
	case strings.HasPrefix(s, "/"):
		return ""
	}
	if rest, ok := strings.CutPrefix(s, "ssh://"); ok {
		return checkSSH(rest)
	}
	return "it must be an absolute path, or a URL such as ssh://user@host:22/path"
}

func checkSSH(s string) string {
	authority, dir, _ := strings.Cut(s, "/")
	if dir == "" {
		return "the URL has no path after the host"
	}
	user, host, hasUser := strings.Cut(authority, "@")
	if !hasUser {
		user, host = "", authority
	}
	if strings.Contains(user, ":") {
		return "the URL must not have a password: ssh uses keys"
	}
	if hasUser && !isHostWord(user) {
		return "the user in the URL may only have letters, digits, . _ and -"
	}
	return checkHostPort(host)
}

func checkHostPort(s string) string {
	host, port, hasPort := s, "", false
	if inner, after, ok := strings.Cut(strings.TrimPrefix(s, "["), "]"); ok && strings.HasPrefix(s, "[") {
		host, port, hasPort = strings.ReplaceAll(inner, ":", "."), strings.TrimPrefix(after, ":"), after != ""
	} else if i := strings.LastIndexByte(s, ':'); i >= 0 {
		host, port, hasPort = s[:i], s[i+1:], true
	}
	if !isHostWord(strings.Trim(host, ".")) {
		return "the URL's host may only have letters, digits, . _ and -"
	}
	if n, err := strconv.Atoi(port); hasPort && (err != nil || n < 1 || n > 65535 || !isInteger(port)) {
		return "the URL's port must be between 1 and 65535"
	}
	return ""
}

// isHostWord keeps out what ssh would take for an option or for more than a
// name.
func isHostWord(s string) bool {
	const allowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	return s != "" && s[0] != '-' && strings.Trim(s, allowed) == ""
}

func checkSource(s string) string {
	if wrong := checkPlain(s, mostPath); wrong != "" {
		return wrong
	}
	if !strings.HasPrefix(s, "/") {
		return "it must be an absolute path"
	}
	if path.Clean(s) != s {
		return "it must be written without //, /./, /../ and without / at its end"
	}
	return job.PathTooLong(s)
}

// checkPattern takes borg's --exclude patterns. borg ends with an error at a
// style that it does not know, so this is said at once.
func checkPattern(s string) string {
	if wrong := checkPlain(s, mostPath); wrong != "" {
		return wrong
	}
	if len(s) < 3 || s[2] != ':' || strings.Trim(s[:2], "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
		return ""
	}
	switch style := s[:2]; style {
	case "fm", "sh", "re", "pp", "pf":
		return ""
	}
	return "its style must be one of fm, sh, re, pp, pf"
}

// checkTag is for --exclude-if-present, which takes names of files.
func checkTag(s string) string {
	if wrong := checkPlain(s, mostLabel); wrong != "" {
		return wrong
	}
	if strings.Contains(s, "/") || s == "." || s == ".." {
		return "it must be the name of a file, without /"
	}
	return ""
}

// checkArchiveName takes what the agent makes an archive's name from. Without a
// placeholder that changes, the second archive would have the first one's name,
// and borg refuses that.
func checkArchiveName(s string) string {
	if wrong := checkPlain(s, mostLabel); wrong != "" {
		return wrong
	}
	plain := strings.NewReplacer("{agent}", "", "{repository}", "").Replace(s)
	bare := strings.NewReplacer("{now}", "", "{utcnow}", "", "{job}", "").Replace(plain)
	switch {
	case strings.ContainsAny(bare, "{}"):
		return "it may have {agent}, {repository}, {now}, {utcnow} and {job} in braces, and no others"
	case bare == plain:
		return "it must have {now} or {job}: archive names are unique"
	case strings.ContainsAny(s, `/\*?[] `) || strings.Contains(s, "::") || strings.Contains(s, ".checkpoint"):
		return "it must not have spaces, / \\ * ? [ ] :: or .checkpoint, which mean something to borg"
	}
	return ""
}
