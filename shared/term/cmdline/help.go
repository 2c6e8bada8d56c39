package cmdline

import (
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

const helpWidth = 80

// help is the text for the program, or for the command that path leads to.
func (p Program) help(path []*cli.Command) string {
	var b strings.Builder
	if len(path) == 0 {
		fmt.Fprintf(&b, "%s - %s\n\nUSAGE\n  %s COMMAND [OPTIONS] [ARGUMENTS]\n", p.Name, p.Usage, p.Name)
		about(&b, p.About)
		list(&b, p.Commands, "")
		fmt.Fprintf(&b, "\nOPTIONS\n  -h, --help     for the program or any command\n  -v, --version\n")
		fmt.Fprintf(&b, "\nEvery other option can also be given as an environment variable: the help of\neach command names it. The command line counts more.\n\nEXIT STATUS\n")
		for _, e := range exitHelps() {
			fmt.Fprintf(&b, "  %-3d  %s\n", e.Status, e.Means)
		}
		return b.String()
	}
	c := path[len(path)-1]
	usage := p.full(path)
	if len(c.Subcommands) > 0 {
		usage += " COMMAND"
	}
	if len(c.Flags) > 0 {
		usage += " [OPTIONS]"
	}
	if c.ArgsUsage != "" {
		usage += " " + c.ArgsUsage
	}
	fmt.Fprintf(&b, "%s - %s\n\nUSAGE\n  %s\n", p.full(path), c.Usage, usage)
	about(&b, c.Description)
	list(&b, c.Subcommands, "")
	options(&b, c.Flags)
	return b.String()
}

func about(b *strings.Builder, text string) {
	if text == "" {
		return
	}
	b.WriteString("\n")
	for _, paragraph := range strings.Split(text, "\n") {
		if strings.HasPrefix(paragraph, " ") { // an example
			b.WriteString(paragraph + "\n")
			continue
		}
		for _, line := range wrap(paragraph, helpWidth) {
			b.WriteString(line + "\n")
		}
	}
}

func list(b *strings.Builder, commands []*cli.Command, indent string) {
	width := 0
	for _, c := range commands {
		if !c.Hidden {
			width = max(width, len(c.Name))
		}
	}
	if width > 0 {
		b.WriteString("\nCOMMANDS\n")
	}
	for _, c := range commands {
		if !c.Hidden {
			fmt.Fprintf(b, "%s  %-*s  %s\n", indent, width, c.Name, c.Usage)
		}
	}
}

// options lists flags: name and value, meaning, default and variable.
func options(b *strings.Builder, flags []cli.Flag) {
	if len(flags) == 0 {
		return
	}
	b.WriteString("\nOPTIONS\n")
	for _, o := range optionHelps(flags) {
		head := strings.Join(o.Names, ", ")
		if o.Value != "" {
			head += " " + o.Value
		}
		if o.Many {
			head += " ..."
		}
		fmt.Fprintf(b, "  %s\n", head)
		usage := o.Usage
		if o.Default != "" {
			usage += " (default: " + o.Default + ")"
		}
		if o.Env != "" {
			usage += " [$" + o.Env + "]"
		}
		for _, line := range wrap(usage, helpWidth-8) {
			fmt.Fprintf(b, "        %s\n", line)
		}
	}
}

// unquote takes the name of the value from back quotes in the usage text, as
// package flag does.
func unquote(d cli.DocGenerationFlag) (value, usage string) {
	before, rest, ok := strings.Cut(d.GetUsage(), "`")
	if !ok {
		if d.TakesValue() {
			return "VALUE", before
		}
		return "", before
	}
	value, after, _ := strings.Cut(rest, "`")
	return value, before + value + after
}

// defaultOf reads the value itself: the library's text already has what the
// environment says, which may be a secret.
func defaultOf(f cli.Flag) string {
	switch f := f.(type) {
	case *cli.StringFlag:
		return f.Value
	case *cli.IntFlag:
		if f.Value != 0 {
			return fmt.Sprint(f.Value)
		}
	}
	return ""
}

func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}
