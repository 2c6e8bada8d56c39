package policy

import (
	"fmt"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"borgfleet/shared/job"
)

// form refuses values that borg or ssh would take for something else than they
// seem. No owner's rule can allow them: they are how an order becomes a
// command.
func (p *Policy) form(spec job.Spec) *Refusal {
	if why := badRepository(spec.Repository.Path); why != "" {
		return &Refusal{Rule: RuleForm, Message: fmt.Sprintf("the repository %s %s", shown(spec.Repository.Path), why)}
	}
	r := spec.Repository
	for _, l := range [][]string{r.Sources, r.ExcludePatterns, r.ExcludeIfPresent} {
		if len(l) > job.MaxList {
			return &Refusal{Rule: RuleForm, Message: fmt.Sprintf("a list has %d entries, and %d are the most", len(l), job.MaxList)}
		}
	}
	values := []string{r.Encryption, r.Compression, r.ArchiveNameFormat, string(r.FileLog), r.BorgID}
	values = append(values, r.ExcludePatterns...)
	values = append(values, r.ExcludeIfPresent...)
	values = append(values, r.Sources...)
	for _, v := range values {
		if why := badValue(v); why != "" {
			return &Refusal{Rule: RuleForm, Message: fmt.Sprintf("the value %s %s", shown(v), why)}
		}
	}
	for _, s := range r.Sources {
		if !filepath.IsAbs(s) {
			return &Refusal{Rule: RuleForm, Message: fmt.Sprintf("the source %s is not an absolute path", shown(s))}
		}
	}
	return badHooks(r.Hooks)
}

// shown is a value in a message: it may be long, and of any bytes.
func shown(v string) string {
	const most = 200
	if len(v) > most {
		return fmt.Sprintf("%q…", strings.ToValidUTF8(v[:most], ""))
	}
	return fmt.Sprintf("%q", v)
}

// badValue says what is wrong with a value on borg's command line.
func badValue(v string) string {
	switch {
	case len(v) > job.MaxValue:
		return fmt.Sprintf("has %d bytes, and %d are the most", len(v), job.MaxValue)
	case strings.HasPrefix(v, "-"):
		return "begins with a dash, as an option does"
	case !utf8.ValidString(v):
		return "is not UTF-8, which borg cannot store"
	case strings.ContainsFunc(v, func(r rune) bool { return r == 0 || r == '\n' || r == '\r' }):
		return "has more than one line"
	}
	return ""
}

// badRepository says what is wrong with a repository's path.
func badRepository(path string) string {
	if why := badValue(path); why != "" {
		return why
	}
	switch {
	case path == "":
		return "is empty"
	case unprintable(path):
		return "holds characters that cannot be printed"
	case strings.Contains(withoutHost(path), "::"):
		return "holds ::, which names an archive in it"
	case strings.ContainsAny(path, "{}"):
		return "holds a brace, which borg fills in"
	}
	normal, local := job.NormalPath(path)
	if local {
		if !filepath.IsAbs(normal) {
			return "is neither an absolute path nor a URL"
		}
		return ""
	}
	rest, ssh := strings.CutPrefix(normal, "ssh://")
	if !ssh {
		return "is a URL of a kind that borg 1.x does not know"
	}
	authority, remote, _ := strings.Cut(rest, "/")
	for _, s := range strings.Split(remote, "/") {
		if s == ".." {
			return `leaves its login directory through ".."`
		}
	}
	if remote == "" || remote == "./" {
		return "names a host and no directory on it"
	}
	return badAuthority(authority)
}

// withoutHost cuts the host off an ssh:// URL, which may be an IPv6 address with
// :: in it. In the form of scp borg itself can take that for an archive's name.
func withoutHost(path string) string {
	if rest, ok := strings.CutPrefix(path, "ssh://"); ok {
		_, rest, _ = strings.Cut(rest, "/")
		return rest
	}
	return path
}

// badAuthority keeps options and shell out of ssh's command line: borg hands
// user and host to ssh as one word, and ssh takes a word with a leading dash
// for an option, ProxyCommand among them.
func badAuthority(s string) string {
	user, host, found := strings.Cut(s, "@")
	if !found {
		user, host = "", s
	} else if user == "" {
		return "has an empty user"
	}
	if strings.HasPrefix(user, "-") || strings.HasPrefix(host, "-") || host == "" {
		return "has a host or user that is empty or begins with a dash"
	}
	for _, r := range user + host {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-+:[]", r)) {
			return fmt.Sprintf("has the character %q in its host or user", r)
		}
	}
	return ""
}
