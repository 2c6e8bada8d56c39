package api

import (
	"fmt"
	"strings"
	"unicode"

	"borgfleet/shared/job"
)

// The checks answer what is wrong with a value, or nothing. Messages do not
// repeat the value: it may be long, or secret.

const (
	mostName  = job.MostName
	mostLabel = 255
	mostPath  = 4096
)

// said is what an error says, or nothing.
func said(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func checkPlain(s string, most int) string { return said(job.CheckText(s, most)) }

func checkPrintable(s string) string { return said(job.CheckPrintable(s)) }

// checkName is for names of repositories and of what is defined about them.
func checkName(s string) string { return said(job.CheckName(s)) }

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
