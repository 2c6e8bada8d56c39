package main

import (
	"fmt"
	"strings"

	"borgfleet/shared/term/cmdline"
)

// manPage is the page of section 1: the program, then each command.
func manPage(ref cmdline.Reference, version, date string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line(`.TH %s 1 %s %s "borgfleet"`, strings.ToUpper(roff(ref.Name)), quoted(date), quoted("borgfleet "+version))
	line(".SH NAME\n%s \\- %s", roff(ref.Name), roff(ref.Usage))
	line(".SH SYNOPSIS\n.B %s\n.I COMMAND\n[OPTIONS] [ARGUMENTS]", roff(ref.Name))
	line(".SH DESCRIPTION")
	manParagraphs(&b, ref.About)
	line(".PP\nEvery option of a command can also be given as an environment variable, which stands behind it. The command line counts more.")
	line(".SH COMMANDS")
	for _, c := range all(ref.Name, ref.Commands) {
		line(".SS %s", quoted(strings.TrimPrefix(c.path, ref.Name+" ")))
		line("%s", roff(upperFirst(c.Usage)+"."))
		line(".PP\n.B %s", roff(c.usage()))
		manParagraphs(&b, c.About)
		for _, o := range c.Options {
			line(".TP\n.B %s\n%s", roff(optionHead(o)), roff(optionText(o)))
		}
	}
	line(".SH EXIT STATUS")
	for _, e := range ref.Exit {
		line(".TP\n.B %d\n%s", e.Status, roff(e.Means))
	}
	return b.String()
}

// optionText is what an option means, with its default and its variable.
func optionText(o cmdline.OptionHelp) string {
	text := o.Usage
	if o.Default != "" {
		text += " (default: " + o.Default + ")"
	}
	if o.Env != "" {
		text += " [$" + o.Env + "]"
	}
	return text
}

func manParagraphs(b *strings.Builder, text string) {
	for _, p := range paragraphs(text) {
		if p.example {
			b.WriteString(".PP\n.RS 4\n.nf\n" + roff(p.text) + "\n.fi\n.RE\n")
			continue
		}
		b.WriteString(".PP\n" + roff(p.text) + "\n")
	}
}

// roff is text that means nothing to roff: no escape, no request at the start of
// a line, and dashes that can be copied into a shell.
func roff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "^", `\(ha`, "~", `\(ti`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}

func quoted(text string) string { return `"` + strings.ReplaceAll(roff(text), `"`, `\(dq`) + `"` }

func upperFirst(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
