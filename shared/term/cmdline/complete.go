package cmdline

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// completeVerb is the first argument with which a shell asks for proposals. The
// words of the line follow it; the last one is being written.
const completeVerb = "__complete"

// Directives end an answer: what the shell itself adds.
const (
	directiveFiles = ":files"
	directiveDirs  = ":dirs"
)

// proposal is a word that may stand where the cursor is.
type proposal struct {
	word  string
	about string
}

// given is an option that the line has already.
type given struct {
	flag  cli.Flag
	value string
}

// line is a command line as far as it is written.
type line struct {
	path    []*cli.Command
	options []given
	words   int      // arguments before the cursor
	literal bool     // after --
	open    cli.Flag // the option whose value is being written
}

// complete writes what may stand in the place of the last word, one a line:
// the word, a tab, what it is.
func (p Program) complete(ctx context.Context, args []string, out io.Writer) error {
	last := ""
	if len(args) > 0 {
		last, args = args[len(args)-1], args[:len(args)-1]
	}
	l := p.readLine(args)
	found, directive := p.propose(ctx, l, last)
	for _, f := range found {
		if _, err := fmt.Fprintf(out, "%s\t%s\n", f.word, f.about); err != nil {
			return err
		}
	}
	if directive != "" {
		_, err := fmt.Fprintln(out, directive)
		return err
	}
	return nil
}

// readLine is arrange for a line that is not finished: what is wrong in it is
// left for the run to tell.
func (p Program) readLine(args []string) line {
	var l line
	for _, arg := range args {
		switch {
		case l.open != nil:
			l.options = append(l.options, given{l.open, arg})
			l.open = nil
		case arg == "--":
			l.literal = true
		case !l.literal && len(arg) > 1 && strings.HasPrefix(arg, "-"):
			l.option(arg)
		default:
			l.word(p, arg)
		}
	}
	return l
}

func (l *line) leaf() *cli.Command { return arranged{path: l.path}.leaf() }

func (l *line) option(arg string) {
	name, value, has := strings.Cut(strings.TrimLeft(arg, "-"), "=")
	f := option(l.leaf(), name)
	switch _, isBool := f.(*cli.BoolFlag); {
	case f == nil:
	case has:
		l.options = append(l.options, given{f, value})
	case isBool:
		l.options = append(l.options, given{f, "true"})
	default:
		l.open = f
	}
}

func (l *line) word(p Program, arg string) {
	if l.leaf() != nil || l.literal {
		l.words++
		return
	}
	if arg == "help" && len(l.path) == 0 {
		return
	}
	if next := find(p.below(l.path), arg); next != nil {
		l.path = append(l.path, next)
	} else {
		l.words++ // no such command, and nothing is below it
	}
}

// propose lists what may follow, and what the shell is to add.
func (p Program) propose(ctx context.Context, l line, last string) ([]proposal, string) {
	leaf := l.leaf()
	switch {
	case l.open != nil:
		return p.proposeValues(ctx, l, valueName(l.open), "", last)
	case !l.literal && strings.HasPrefix(last, "-"):
		name, value, has := strings.Cut(last, "=")
		if !has {
			return matching(l.proposeOptions(), last), ""
		}
		if f := option(leaf, strings.TrimLeft(name, "-")); f != nil {
			return p.proposeValues(ctx, l, valueName(f), name+"=", value)
		}
		return nil, ""
	case leaf == nil && l.words == 0:
		return matching(p.proposeCommands(l), last), ""
	case leaf == nil:
		return nil, ""
	}
	return p.proposeValues(ctx, l, argumentName(leaf.ArgsUsage, l.words), "", last)
}

// argumentName is what the help calls the nth argument; empty: there is none.
func argumentName(usage string, n int) string {
	names := strings.Fields(strings.NewReplacer("[", "", "]", "").Replace(usage))
	if n >= len(names) {
		n = len(names) - 1
		if n < 0 || !strings.HasSuffix(names[n], "...") {
			return ""
		}
	}
	return strings.TrimSuffix(names[n], "...")
}

func (p Program) proposeCommands(l line) []proposal {
	var out []proposal
	for _, c := range p.below(l.path) {
		if !c.Hidden {
			out = append(out, proposal{c.Name, c.Usage})
		}
	}
	return out
}

func (l line) proposeOptions() []proposal {
	out := []proposal{{"--help", "what it does, and its options"}}
	if len(l.path) == 0 {
		out = append(out, proposal{"--version", ""})
	}
	if l.leaf() == nil {
		return out
	}
	for _, f := range l.leaf().Flags {
		used := slices.ContainsFunc(l.options, func(g given) bool { return g.flag == f })
		_, many := f.(*cli.StringSliceFlag)
		if d, ok := f.(cli.DocGenerationFlag); ok && visible(f) && (many || !used) {
			_, usage := unquote(d)
			out = append(out, proposal{dashed(f.Names()[0]), usage})
		}
	}
	return out
}

// proposeValues lists the values of the place called name; each stands after
// prefix.
func (p Program) proposeValues(ctx context.Context, l line, name, prefix, last string) ([]proposal, string) {
	v := p.valuesOf(l.path, name)
	var out []proposal
	for _, w := range p.ask(ctx, v, l.leaf(), l.options) {
		// A line break would become a proposal of its own.
		if strings.HasPrefix(w, last) && !strings.ContainsAny(w, "\n\t\r") {
			out = append(out, proposal{word: prefix + w})
		}
	}
	switch {
	case v.Files:
		return out, directiveFiles
	case v.Dirs:
		return out, directiveDirs
	}
	return out, ""
}

func matching(all []proposal, prefix string) []proposal {
	return slices.DeleteFunc(all, func(p proposal) bool { return !strings.HasPrefix(p.word, prefix) })
}

// valueName is what the help calls the value of f.
func valueName(f cli.Flag) string {
	d, ok := f.(cli.DocGenerationFlag)
	if !ok {
		return ""
	}
	name, _ := unquote(d)
	return name
}

func visible(f cli.Flag) bool {
	v, ok := f.(cli.VisibleFlag)
	return !ok || v.IsVisible()
}
