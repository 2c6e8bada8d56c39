package strictyaml

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// hint says what to do about the mistakes in YAML that people make most often, for
// which its reader has words of its own; empty: nothing better is known. What stands in
// the file is not repeated: it may be a secret.
func hint(text []string, said string) string {
	at, why := lineOf(said)
	switch {
	case strings.Contains(why, "violates indentation"):
		return tab(text, at)
	case strings.Contains(why, "alphabetic or numeric character"):
		return quotes(text, at, `[*&]`)
	case strings.Contains(why, "cannot start any token"):
		if said := tab(text, at); said != "" {
			return said
		}
		return quotes(text, at, "[@`%]")
	case strings.HasPrefix(why, "unknown anchor"):
		return quotes(text, 1, `\*`)
	case strings.HasPrefix(why, "mapping values are not allowed"):
		return fmt.Sprintf("line %d: a text with a colon and a space in it must be in quotes, if that is meant: %s", at, why)
	case strings.HasPrefix(why, "did not find expected"):
		return braces(text)
	}
	return ""
}

// lineOf is the line that the YAML reader names, which may be the one before it.
func lineOf(said string) (int, string) {
	m := regexp.MustCompile(`(?s)^line (\d+): (.*)$`).FindStringSubmatch(said)
	if m == nil {
		return 1, said
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 1, said
	}
	return n, m[2]
}

// find is the first line from the one with the number at that matches; 0: none does.
func find(text []string, at, most int, pattern string) (int, []string) {
	re := regexp.MustCompile(pattern)
	for n := max(at, 1); n <= len(text) && n < at+most; n++ {
		if m := re.FindStringSubmatch(text[n-1]); m != nil {
			return n, m
		}
	}
	return 0, nil
}

func tab(text []string, at int) string {
	if n, _ := find(text, at, 2, `^[ -]*\t`); n > 0 {
		return fmt.Sprintf("line %d: a tab where spaces belong", n)
	}
	return ""
}

// quotes is for what begins with a sign that YAML has another meaning for.
func quotes(text []string, at int, signs string) string {
	if n, m := find(text, at, len(text), `^[^#]*?(?:[:-] +|[\[,{] *)(`+signs+`)`); n > 0 {
		return fmt.Sprintf("line %d: what begins with %s must be in quotes", n, m[1])
	}
	return ""
}

// braces is for a text that begins with a word in braces, or has one where braces mean
// something.
func braces(text []string) string {
	n, m := find(text, 1, len(text), `^[^#"']*(?:[:-] +|[\[,{] *)(\{[a-z]+\})[^\s,\]}]`)
	if n == 0 {
		n, m = find(text, 1, len(text), `^[^#"']*\{[^#"'{}]*[^#"'{}\s](\{[a-z]+\})`)
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("line %d: a text with %s in it must be in quotes", n, m[1])
}
