package job

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// MostName is how many bytes a name has at most.
const MostName = 64

// The checks say what is wrong with a value. Messages do not repeat it: it may be long,
// or secret.

// CheckText is what every text must pass that reaches borg or a terminal.
func CheckText(s string, most int) error {
	switch {
	case s == "":
		return errors.New("it is empty")
	case len(s) > most:
		return fmt.Errorf("it has %d bytes; at most %d are taken", len(s), most)
	case strings.HasPrefix(s, "-"):
		return errors.New("it must not begin with -: borg would take it for an option")
	}
	return CheckPrintable(s)
}

// CheckPrintable refuses what does something to a terminal.
func CheckPrintable(s string) error {
	for _, c := range s {
		if !unicode.IsGraphic(c) && !unicode.Is(unicode.Co, c) {
			return fmt.Errorf("it has the character %U, which cannot be printed", c)
		}
	}
	return nil
}

// CheckName is for names of repositories, schedules, channels and rules. A name must
// not look like a path or an id, which are looked up in the same place.
func CheckName(s string) error {
	if err := CheckText(s, MostName); err != nil {
		return err
	}
	switch {
	case strings.TrimSpace(s) != s:
		return errors.New("it must not begin or end with a space")
	case strings.ContainsAny(s, "/{}") || strings.Contains(s, "::"):
		return errors.New("it must not have / { } or ::, which mean something in archive names")
	case strings.Trim(s, "0123456789") == "":
		return errors.New("it must not be a number: it could be taken for an id")
	}
	return nil
}
