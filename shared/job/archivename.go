package job

import (
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
