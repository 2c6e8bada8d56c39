package job

import (
	"cmp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// NameInArchive is what the name of an agent or a repository becomes in the names
// of archives: it replaces what borg refuses in an archive's name (slash, colon
// pairs), what it takes for a pattern or a placeholder, and what a shell splits.
func NameInArchive(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == utf8.RuneError, unicode.IsSpace(r), unicode.IsControl(r), !unicode.IsPrint(r),
			strings.ContainsRune(`/\:*?[]{}'"`, r):
			return '-'
		}
		return r
	}, s)
	s = strings.TrimLeft(s, "-")
	if s == "" {
		return "x"
	}
	// Two long names and a time must fit into what borg and a file system
	// under a mount take for a name.
	for len(s) > 80 {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}

// ArchivePattern is borg's glob for the archives of a registration: its own, or
// one that matches what its archive names are made from. agent is the name that
// the host knows.
//
// A time is matched as a time: "web-home-*" would match the archives of another
// host named web-home too, and a prune must not. The end is open, since borg's
// checkpoints are NAME.checkpoint.
func ArchivePattern(def Repository, agent string) string {
	if def.MatchArchives != "" {
		return def.MatchArchives
	}
	const now = "????-??-??T??:??:??.???"
	format := cmp.Or(def.ArchiveNameFormat, DefaultArchiveName)
	return strings.NewReplacer(
		"{agent}", NameInArchive(agent), "{repository}", NameInArchive(def.Name),
		"{now}", now, "{utcnow}", now, "{job}", "????????-????-????-????-????????????",
	).Replace(format) + "*"
}
