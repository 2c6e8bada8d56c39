// Package nextstep says what a person does about a job that did not end well. It
// is the one place for that, for REST and both command lines. A host's doctor, which
// looks for itself, has its own words.
package nextstep

import (
	"cmp"
	"strings"

	"borgfleet/shared/term"
)

// About is what is known of the job. What is not known stands in the text as the
// help of the commands has it: AGENT, REPOSITORY, JOB.
type About struct {
	Agent      string
	Repository string // a name, path or id that the commands take
	Job        string // what the commands take for it
	Logs       string // the command that shows its log; empty: the controller's
}

// Of is what to do about a job that ended with code; empty if its message says
// so itself, or if there is nothing to do.
func Of(code string, about About) string {
	text, _ := step(code)
	return strings.NewReplacer(
		"AGENT", orWord(about.Agent, "AGENT"),
		"REPOSITORY", orWord(about.Repository, "REPOSITORY"),
		"LOGS", cmp.Or(about.Logs, "borgfleet-controller jobs logs "+orWord(about.Job, "JOB")),
	).Replace(text)
}

func orWord(known, word string) string {
	if known == "" {
		return word
	}
	return term.Shell(known)
}

// Known says whether code has been thought of. A code that is not has no next
// step, which a test refuses.
func Known(code string) bool {
	_, ok := step(code)
	return ok
}

// message is for codes whose every message says what to do.
const message = ""
