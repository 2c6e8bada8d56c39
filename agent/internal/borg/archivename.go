package borg

import (
	"strings"
	"time"
	"unicode"

	"borgfleet/shared/job"
)

// ArchiveName makes the name of a job's archive from a repository's format.
// The agent makes it, not borg's placeholders: it must be known before borg
// starts, so that an interrupted job can be looked up by it.
//
// Placeholders: {agent}, {repository}, {now} and {utcnow} (both UTC, in
// milliseconds: 2006-01-02T15:04:05.000), {job} (the job's key). One of the
// last three must be there, or the second backup would fail for its name.
func ArchiveName(format, agent, repository string, t time.Time, key job.Key) (string, error) {
	if format == "" {
		format = job.DefaultArchiveName
	}
	now := t.UTC().Format("2006-01-02T15:04:05.000")
	var b strings.Builder
	unique := false
	for rest := format; rest != ""; {
		i := strings.IndexAny(rest, "{}")
		if i < 0 {
			b.WriteString(rest)
			break
		}
		b.WriteString(rest[:i])
		end := strings.IndexByte(rest, '}')
		if rest[i] == '}' || end < i {
			return "", badRequest("the archive name format %q has an unpaired brace", format)
		}
		switch name := rest[i+1 : end]; name {
		case "agent":
			b.WriteString(job.NameInArchive(agent))
		case "repository":
			b.WriteString(job.NameInArchive(repository))
		case "now", "utcnow":
			b.WriteString(now)
			unique = true
		case "job":
			b.WriteString(key.String())
			unique = true
		default:
			return "", badRequest("the archive name format %q has an unknown placeholder {%s}; there are {agent}, {repository}, {now}, {utcnow} and {job}", format, name)
		}
		rest = rest[end+1:]
	}
	if !unique {
		return "", badRequest("the archive name format %q gives the same name for every backup; add {now} or {job}", format)
	}
	name := b.String()
	if strings.HasSuffix(name, ".checkpoint") || strings.Contains(name, ".checkpoint.") {
		// borg hides such archives and removes them.
		return "", badRequest("the archive name %q looks like one of borg's checkpoints", name)
	}
	if strings.ContainsFunc(name, unicode.IsSpace) || strings.ContainsAny(name, "*?[]") {
		return "", badRequest("the archive name %q has a space or one of *?[], which borg's own options take for a pattern", name)
	}
	if err := checkArchiveName(name); err != nil {
		return "", err
	}
	return name, nil
}
