package api

import (
	"fmt"
	"strings"
	"unicode"
)

// The checks answer what is wrong with a value, or nothing. Messages do not
// repeat the value: it may be long, or secret.

const (
	mostName  = 64
	mostLabel = 255
	mostPath  = 4096
)

// checkPlain is what every text must pass that reaches borg or a terminal.
func checkPlain(s string, most int) string {
	switch {
	case s == "":
		return "it is empty"
	case len(s) > most:
		return fmt.Sprintf("it has %d bytes; at most %d are taken", len(s), most)
	case strings.HasPrefix(s, "-"):
		return "it must not begin with -: borg would take it for an option"
	}
	return checkPrintable(s)
}

func checkPrintable(s string) string {
	for _, c := range s {
		if !unicode.IsGraphic(c) && !unicode.Is(unicode.Co, c) {
			return fmt.Sprintf("it has the character %U, which cannot be printed", c)
		}
	}
	return ""
}

// checkWord is for agent names and label names: they go into archive names,
// file names and filters.
func checkWord(s string) string {
	if wrong := checkPlain(s, mostName); wrong != "" {
		return wrong
	}
	ok := func(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) || strings.ContainsRune("._-", c) }
	if strings.ContainsFunc(s, func(c rune) bool { return !ok(c) }) || s[0] == '.' {
		return "it may only have letters, digits, . _ and -, and not begin with . or -"
	}
	return ""
}

func checkLabelValue(s string) string {
	if len(s) > mostLabel {
		return fmt.Sprintf("it has %d bytes; at most %d are taken", len(s), mostLabel)
	}
	return checkPrintable(s)
}

// checkName is for names of repositories. A name must not look like a path or
// an id, which are looked up in the same place.
func checkName(s string) string {
	if wrong := checkPlain(s, mostName); wrong != "" {
		return wrong
	}
	switch {
	case strings.TrimSpace(s) != s:
		return "it must not begin or end with a space"
	case strings.ContainsAny(s, "/{}") || strings.Contains(s, "::"):
		return "it must not have / { } or ::, which mean something in archive names"
	case isInteger(s):
		return "it must not be a number: it could be taken for an id"
	}
	return ""
}
