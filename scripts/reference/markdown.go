package main

import (
	"fmt"
	"strings"

	"borgfleet/shared/term/cmdline"
)

// markdownPage is the reference of one program.
func markdownPage(ref cmdline.Reference) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("<!-- Made from the program by make reference. -->")
	line("# %s\n\n%s.\n", ref.Name, upperFirst(markdown(ref.Usage)))
	markdownParagraphs(&b, ref.About)
	line("Every option can also be given as the environment variable behind it. The command line counts more.\n")
	line("| command | what it does |\n| --- | --- |")
	commands := all(ref.Name, ref.Commands)
	for _, c := range commands {
		name := strings.TrimPrefix(c.path, ref.Name+" ")
		line("| [%s](#%s) | %s |", name, strings.ReplaceAll(name, " ", "-"), strings.ReplaceAll(markdown(c.Usage), "|", `\|`))
	}
	for _, c := range commands {
		line("\n## %s\n\n%s.\n\n```\n%s\n```\n", strings.TrimPrefix(c.path, ref.Name+" "), upperFirst(markdown(c.Usage)), c.usage())
		markdownParagraphs(&b, c.About)
		for _, o := range c.Options {
			line("- `%s`: %s", optionHead(o), markdownOption(o))
		}
	}
	line("\n## Exit status\n")
	for _, e := range ref.Exit {
		line("- `%d`: %s", e.Status, markdown(e.Means))
	}
	return b.String()
}

func markdownOption(o cmdline.OptionHelp) string {
	text := markdown(o.Usage)
	if o.Default != "" {
		text += " (default: `" + o.Default + "`)"
	}
	if o.Env != "" {
		text += " `" + o.Env + "`"
	}
	return text
}

func markdownParagraphs(b *strings.Builder, text string) {
	for _, p := range paragraphs(text) {
		if p.example {
			b.WriteString("```\n" + p.text + "\n```\n\n")
			continue
		}
		b.WriteString(markdown(p.text) + "\n\n")
	}
}

// markdown is text that means nothing to Markdown.
func markdown(text string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "_", `\_`, "<", `\<`, "[", `\[`, "]", `\]`, "`", "\\`").Replace(text)
}
