package checkup

import (
	"strings"

	"borgfleet/shared/term"
)

// Report is what -o json shows of a check-up.
type Report struct {
	State   State    `json:"state"` // the worst
	Results []Result `json:"checks"`
}

// Add takes a result in.
func (r *Report) Add(res Result) {
	r.Results = append(r.Results, res)
	if r.State == "" {
		r.State = OK
	}
	if weight(res.State) > weight(r.State) {
		r.State = res.State
	}
}

func weight(s State) int {
	switch s {
	case Fail:
		return 2
	case Warn:
		return 1
	}
	return 0
}

// Sum counts the findings that somebody should look at.
func (r *Report) Sum() (warnings, failures int) {
	for _, res := range r.Results {
		switch res.State {
		case Warn:
			warnings++
		case Fail:
			failures++
		}
	}
	return warnings, failures
}

// wideTitle is room for the longest title, so that lines can be written as
// their checks end.
const wideTitle = 22

// Print writes a result for people: a line, and for what is not ok what to do.
func (res Result) Print(s term.Screen) error {
	title := res.Title
	if res.Subject != "" {
		title += " " + res.Subject
	}
	title = term.Clean(title)
	if pad := wideTitle - term.Columns(title); pad > 0 {
		title += strings.Repeat(" ", pad)
	}
	text := mark(s, res.State) + "  " + title + "  " + term.CleanRows(res.Message) + "\n"
	if res.Todo != "" && res.State != OK {
		for line := range strings.SplitSeq(res.Todo, "\n") {
			text += "         " + arrow(s) + " " + term.Clean(line) + "\n"
		}
	}
	return s.Printf("%s", text)
}

// mark is the state: a coloured symbol and the word on a terminal, the word
// alone elsewhere.
func mark(s term.Screen, state State) string {
	word := string(state) + strings.Repeat(" ", len(Skipped)-len(state))
	if !s.Terminal {
		return word
	}
	switch state {
	case OK:
		return "\x1b[32m✓ " + word + "\x1b[0m"
	case Warn:
		return "\x1b[33m! " + word + "\x1b[0m"
	case Fail:
		return "\x1b[31m✗ " + word + "\x1b[0m"
	}
	return "\x1b[2m- " + word + "\x1b[0m"
}

func arrow(s term.Screen) string {
	if s.Terminal {
		return "→"
	}
	return "->"
}
