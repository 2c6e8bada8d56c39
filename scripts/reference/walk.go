package main

import (
	"strings"

	"borgfleet/shared/term/cmdline"
)

// command is a command with all that stands before it.
type command struct {
	cmdline.CommandHelp
	path string // borgfleet-agent allow
}

// usage is the command's line.
func (c command) usage() string {
	words := []string{c.path}
	if len(c.Commands) > 0 {
		words = append(words, "COMMAND")
	}
	if len(c.Options) > 0 {
		words = append(words, "[OPTIONS]")
	}
	if c.Arguments != "" {
		words = append(words, c.Arguments)
	}
	return strings.Join(words, " ")
}

// all lists the commands in their order, each before those below it.
func all(program string, commands []cmdline.CommandHelp) []command {
	var out []command
	for _, c := range commands {
		path := program + " " + c.Name
		out = append(append(out, command{c, path}), all(path, c.Commands)...)
	}
	return out
}

// optionHead is an option as it is written: names, value, and that it may stand
// several times.
func optionHead(o cmdline.OptionHelp) string {
	head := strings.Join(o.Names, ", ")
	if o.Value != "" {
		head += " " + o.Value
	}
	if o.Many {
		head += " ..."
	}
	return head
}

// paragraphs splits a text of the help into paragraphs and examples.
func paragraphs(text string) (out []paragraph) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		example := strings.HasPrefix(line, " ")
		last := len(out) - 1
		switch {
		case line == "":
		case example && last >= 0 && out[last].example:
			out[last].text += "\n" + strings.TrimSpace(line)
		default:
			out = append(out, paragraph{strings.TrimSpace(line), example})
		}
	}
	return out
}

type paragraph struct {
	text    string
	example bool
}
