package borgmatic

import (
	"bytes"
	"strings"

	"borgfleet/shared/term"
)

// YAML is the definitions, with all that a person has to know as comments above
// them.
func (r Result) YAML() ([]byte, error) {
	var b bytes.Buffer
	line := func(text string) {
		b.WriteString(strings.TrimRight("# "+term.Clean(text), " ") + "\n")
	}
	line("Made from " + r.File + ". Look through it, then: borgfleet-controller apply FILE --dry-run")
	part := func(title string, lines []string) {
		if len(lines) == 0 {
			return
		}
		line("")
		line(title)
		for _, text := range lines {
			line("  " + text)
		}
	}
	part("Not taken:", texts(r.Refused))
	part("To be looked at:", texts(r.Doubtful))
	title := "On the host, before this is applied, as the account that the agent runs as:"
	if r.Many {
		title = "On each host, before this is applied, as the account that the agent runs as, with the agent's name for " + agentWord + ":"
	}
	part(title, r.Commands)
	part("Into the host's agent.yaml:", r.Agent)
	b.WriteByte('\n')
	defined, err := r.Defined.YAML()
	b.Write(defined)
	return b.Bytes(), err
}

func texts(notes []Note) []string {
	var out []string
	for _, n := range notes {
		out = append(out, n.String())
	}
	return out
}
